//! A text, cut into pages of tokens.

use std::{fmt::Write, hash::Hasher, ops::Range};

use memoria_tasks::{TaskError, text::MarkedTokens};
use rand::RngExt;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

/// A text that is read page by page.
#[derive(Debug)]
pub(crate) struct Book {
    text: String,
    pub(crate) pages: Vec<Page>,
}

/// The part of a text that is read at once.
#[derive(Debug)]
pub(crate) struct Page {
    /// The first mark, the tokens, and the last mark.
    pub(crate) ids: Vec<i64>,
    /// For each token between the marks, its range of bytes in the text.
    places: Vec<Range<usize>>,
}

impl Book {
    /// Cuts a text with this name into pages. Without a tokenizer each word stands for an arbitrary token.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`] names the problem: the text, the length of its pages or the vocabulary.
    pub(crate) fn new(
        name: &str,
        text: String,
        tokenizer: Option<&MarkedTokens>,
        segment_len: usize,
        vocab_size: usize,
    ) -> Result<Self, TaskError> {
        if segment_len < 3 {
            let expected = "at least 3, two of them marks";
            return Err(TaskError::option("tokens of a page", expected, segment_len));
        }
        let (tokens, [first, last]) = match tokenizer {
            Some(tokenizer) => (tokenizer.places(&text)?, tokenizer.marks()),
            None => words(&text, vocab_size)?,
        };
        if tokens.is_empty() {
            return Err(TaskError::option("the text", "of one word at least", name));
        }
        let page = |tokens: &[(u32, Range<usize>)]| {
            let ids = tokens.iter().map(|&(id, _)| id);
            Page {
                ids: [first].into_iter().chain(ids).chain([last]).map(i64::from).collect(),
                places: tokens.iter().map(|(_, place)| place.clone()).collect(),
            }
        };
        let pages = tokens.chunks(segment_len - 2).map(page).collect();
        Ok(Self { text, pages })
    }

    /// Keeps only its first pages, at least one.
    pub(crate) fn truncate(mut self, pages: Option<usize>) -> Self {
        self.pages.truncate(pages.unwrap_or(usize::MAX).max(1));
        self
    }

    pub(crate) fn token_count(&self) -> usize {
        self.pages.iter().map(|page| page.places.len()).sum()
    }

    /// Returns the words around a token in one line, with the token's word in brackets. `at` counts the mark at the
    /// page's beginning.
    pub(crate) fn passage(&self, page: usize, at: usize, around: usize) -> String {
        let places = &self.pages[page].places;
        let at = at.clamp(1, places.len()) - 1;
        let [from, to] = [at.saturating_sub(around), (at + around).min(places.len() - 1)];
        let word = self.word(&places[at]);
        // The surroundings may end within the word if it has several tokens.
        let from = self.word_start(places[from].start).min(word.start);
        let to = self.word_end(places[to].end).max(word.end);
        let marked = [&self.text[from..word.start], "[", &self.text[word.clone()], "]"].concat();
        let passage = marked + &self.text[word.end..to];
        passage.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Returns the word that contains a token, without adjacent characters; the token itself if it is in no word.
    fn word(&self, token: &Range<usize>) -> Range<usize> {
        let is_outside = |c: char| !c.is_alphanumeric();
        if self.text[token.clone()].contains(is_outside) {
            return token.clone();
        }
        let start = self.text[..token.start].char_indices().rev().find(|&(_, c)| is_outside(c));
        let start = start.map_or(0, |(at, c)| at + c.len_utf8());
        let end =
            self.text[token.end..].find(is_outside).map_or(self.text.len(), |at| token.end + at);
        start..end
    }

    fn word_start(&self, at: usize) -> usize {
        let space = self.text[..at].char_indices().rev().find(|&(_, c)| c.is_whitespace());
        space.map_or(0, |(at, space)| at + space.len_utf8())
    }

    fn word_end(&self, at: usize) -> usize {
        self.text[at..].find(char::is_whitespace).map_or(self.text.len(), |space| at + space)
    }
}

type Tokens = (Vec<(u32, Range<usize>)>, [u32; 2]);

/// Maps each word to an arbitrary token of a vocabulary that begins with five marks.
fn words(text: &str, vocab_size: usize) -> Result<Tokens, TaskError> {
    let known = vocab_size.saturating_sub(5) as u64;
    if known == 0 {
        return Err(TaskError::option("vocab_size", "at least 6", vocab_size));
    }
    let token = |word: &str| {
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        let mut hasher = std::hash::DefaultHasher::new();
        hasher.write(word.as_bytes());
        ((hasher.finish() % known + 5) as u32, start..start + word.len())
    };
    Ok((text.split_whitespace().map(token).collect(), [2, 3]))
}

/// Returns a text of invented words, some of which occur again and again.
pub(super) fn invented() -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let syllables = ["ba", "ker", "lo", "min", "su", "tra", "vel", "no", "ri", "dan"];
    let word = |rng: &mut ChaCha8Rng| {
        let count = rng.random_range(1..4);
        (0..count).map(|_| syllables[rng.random_range(0..syllables.len())]).collect::<String>()
    };
    let known: Vec<String> = (0..30).map(|_| word(&mut rng)).collect();
    let mut text = String::new();
    for _sentence in 0..250 {
        for at in 0..rng.random_range(4..16) {
            let again = rng.random_bool(0.6);
            let word = if again {
                known[rng.random_range(0..known.len())].clone()
            } else {
                word(&mut rng)
            };
            let _ = write!(text, "{}{word}", if at == 0 { "" } else { " " });
        }
        text.push_str(".\n");
    }
    text
}
