//! A text, cut into pages of tokens.

use std::{fmt::Write, fs, hash::Hasher, ops::Range};

use rand::RngExt;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use tokenizers::Tokenizer;

use crate::options::Options;

/// A text that is read page by page.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) name: String,
    text: String,
    pub(crate) pages: Vec<Page>,
}

/// What is read at once.
#[derive(Debug)]
pub(crate) struct Page {
    /// The mark that begins it, its tokens, and the mark that ends it.
    pub(crate) ids: Vec<i64>,
    /// Of each token between the marks, the bytes of the text.
    places: Vec<Range<usize>>,
}

impl Book {
    /// # Errors
    ///
    /// A message that says what is wrong with the text or the tokenizer.
    pub(crate) fn open(
        options: &Options,
        tokenizer: Option<Tokenizer>,
        segment_len: usize,
        vocab_size: usize,
    ) -> Result<Self, String> {
        let (name, text) = match &options.text {
            Some(path) => {
                let name = path.display().to_string();
                let text = fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
                (name, text)
            }
            None => ("an invented text".to_owned(), invented()),
        };
        if segment_len < 3 {
            return Err(format!("a page must have 3 tokens or more, got {segment_len}"));
        }
        let (tokens, [first, last]) = match tokenizer {
            Some(tokenizer) => tokenize(&tokenizer, &text)?,
            None => words(&text, vocab_size)?,
        };
        if tokens.is_empty() {
            return Err(format!("{name} has no words"));
        }
        let page = |tokens: &[(i64, Range<usize>)]| Page {
            ids: [&[first], &tokens.iter().map(|&(id, _)| id).collect::<Vec<_>>()[..], &[last]]
                .concat(),
            places: tokens.iter().map(|(_, place)| place.clone()).collect(),
        };
        let mut pages: Vec<_> = tokens.chunks(segment_len - 2).map(page).collect();
        pages.truncate(options.pages.unwrap_or(usize::MAX).max(1));
        Ok(Self { name, text, pages })
    }

    pub(crate) fn token_count(&self) -> usize {
        self.pages.iter().map(|page| page.places.len()).sum()
    }

    /// The words around a token, on one line, with its own in brackets; `at` counts the mark that begins
    /// the page.
    pub(crate) fn passage(&self, page: usize, at: usize, around: usize) -> String {
        let places = &self.pages[page].places;
        let at = at.clamp(1, places.len()) - 1;
        let [from, to] = [at.saturating_sub(around), (at + around).min(places.len() - 1)];
        let word = self.word(&places[at]);
        // What is around may end within the word, where it has several tokens.
        let from = self.word_start(places[from].start).min(word.start);
        let to = self.word_end(places[to].end).max(word.end);
        let marked = [&self.text[from..word.start], "[", &self.text[word.clone()], "]"].concat();
        let passage = marked + &self.text[word.end..to];
        passage.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The word that a token is in, without what is written next to it; if it is in none, the token.
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

type Tokens = (Vec<(i64, Range<usize>)>, [i64; 2]);

fn tokenize(tokenizer: &Tokenizer, text: &str) -> Result<Tokens, String> {
    let mark = |names: [&str; 2]| {
        let id = names.iter().find_map(|name| tokenizer.token_to_id(name));
        id.map(i64::from).ok_or_else(|| format!("the tokenizer has no {}", names.join(" or ")))
    };
    let marks = [mark(["[CLS]", "<s>"])?, mark(["[SEP]", "</s>"])?];
    let encoded = tokenizer.encode(text, false).map_err(|error| error.to_string())?;
    let ids = encoded.get_ids().iter().copied().map(i64::from);
    // A token that is a part of a character stands for all of it.
    let places = encoded
        .get_offsets()
        .iter()
        .map(|&(start, end)| text.floor_char_boundary(start)..text.ceil_char_boundary(end));
    Ok((ids.zip(places).collect(), marks))
}

/// Each word as some token of a vocabulary that begins with five marks.
fn words(text: &str, vocab_size: usize) -> Result<Tokens, String> {
    let known = vocab_size.checked_sub(5).filter(|&known| known > 0);
    let known = known.ok_or("the vocabulary is too small for a text")? as u64;
    let token = |word: &str| {
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        let mut hasher = std::hash::DefaultHasher::new();
        hasher.write(word.as_bytes());
        ((hasher.finish() % known + 5) as i64, start..start + word.len())
    };
    Ok((text.split_whitespace().map(token).collect(), [2, 3]))
}

/// A text of invented words, some of which come again and again.
fn invented() -> String {
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
