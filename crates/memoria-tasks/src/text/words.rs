use std::collections::{BTreeMap, HashMap};

/// Words of a text as tokens, in lower case. Every character that is not a letter, a digit or an apostrophe is a word
/// by itself.
#[derive(Clone, Debug)]
pub struct Words {
    words: Vec<String>,
    tokens: HashMap<String, u32>,
    /// Number of tokens before the first word.
    first: u32,
}

/// The word of unknown words; its token is the first one of the words.
const UNKNOWN: &str = "<unk>";

impl Words {
    /// Makes a vocabulary of certain words and of the most frequent words of texts, with at most `size` tokens. Equally
    /// frequent words are in alphabetical order. The first `first` tokens are left for other uses.
    pub fn new<'a>(
        certain: impl IntoIterator<Item = &'a str>,
        texts: impl IntoIterator<Item = &'a str>,
        size: usize,
        first: u32,
    ) -> Self {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for text in texts {
            split(text).for_each(|word| *counts.entry(word).or_default() += 1);
        }
        let mut frequent: Vec<(String, usize)> = counts.into_iter().collect();
        frequent.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let mut vocabulary = Self { words: vec![UNKNOWN.into()], tokens: HashMap::new(), first };
        certain.into_iter().for_each(|word| vocabulary.add(word.to_lowercase()));
        let room = size.saturating_sub(first as usize);
        for (word, _) in frequent {
            if vocabulary.words.len() >= room {
                break;
            }
            vocabulary.add(word);
        }
        vocabulary
    }

    fn add(&mut self, word: String) {
        if !self.tokens.contains_key(&word) {
            self.tokens.insert(word.clone(), self.first + self.words.len() as u32);
            self.words.push(word);
        }
    }

    /// Number of tokens, including those left for other uses.
    pub fn vocabulary(&self) -> usize {
        self.first as usize + self.words.len()
    }

    /// Returns the tokens of a text.
    pub fn tokens(&self, text: &str) -> Vec<u32> {
        split(text).map(|word| self.token(&word)).collect()
    }

    /// Returns the token of a word.
    pub fn token(&self, word: &str) -> u32 {
        self.tokens.get(word).copied().unwrap_or(self.first)
    }

    /// Returns the word of a token, if it has one.
    pub fn word(&self, token: u32) -> Option<&str> {
        let index = token.checked_sub(self.first)?;
        self.words.get(index as usize).map(String::as_str)
    }
}

/// Splits a text into words, in lower case.
pub fn split(text: &str) -> impl Iterator<Item = String> + '_ {
    let inside = |c: char| c.is_alphanumeric() || c == '\'' || c == '’';
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let first = rest.chars().next()?;
        let length = if inside(first) {
            rest.find(|c| !inside(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (word, after) = rest.split_at(length);
        rest = after;
        Some(word.to_lowercase())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_words_have_tokens() {
        let text = "Anne, Anne; and the sea. The sea and Mr. Elliot's Anne";
        let words: Vec<String> = split("Mr. Elliot's—sea!").collect();
        assert_eq!(words, ["mr", ".", "elliot's", "—", "sea", "!"]);
        let words = Words::new(["Kitchen"], [text], 7, 2);
        assert_eq!(words.vocabulary(), 7);
        let known: Vec<_> = (0..8).map(|token| words.word(token)).collect();
        let expected = [None, None, Some("<unk>"), Some("kitchen"), Some("anne"), Some(".")];
        assert_eq!(known[..6], expected);
        assert_eq!(words.tokens("Anne left the KITCHEN"), [4, 2, 2, 3]);
    }
}
