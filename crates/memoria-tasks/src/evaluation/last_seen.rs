use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::rounded;
use crate::{
    data::{Split, Text},
    training::Streams,
};

/// Prediction quality of a text's words, by the number of segments since they were last seen.
///
/// The mean over a text hides the effect of a memory, because most of a text follows from the words just before. A word
/// is a run of letters if tokens are bytes; otherwise it is a token that contains a letter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastSeen {
    /// `0`: in the same segment; `1-10`, `11-100`, `101-1000`, `1001-`: segments ago; `never` within the part of its
    /// document that the row has read.
    pub segments: String,
    /// Number of tokens of such words.
    pub tokens: usize,
    /// Their mean loss.
    pub bits_per_token: f64,
}

/// Upper ends of the classes; the last two are for larger distances and for words never seen.
const CLASSES: [(&str, u32); 6] = [
    ("0", 0),
    ("1-10", 10),
    ("11-100", 100),
    ("101-1000", 1000),
    ("1001-", u32::MAX - 1),
    ("never", u32::MAX),
];

/// Number of segments beyond the last one in which its last word may end.
const BEYOND: usize = 16;

/// Sums of losses, by the class of a token's word.
pub(super) struct LastSeenLosses {
    /// Class of each place of the text; the length of [`CLASSES`] for tokens outside words.
    classes: Vec<u8>,
    losses: [(f64, usize); CLASSES.len()],
}

impl LastSeenLosses {
    /// Covers the first `segments` segments of each row.
    pub(super) fn new(text: &Text, streams: &Streams, segments: usize) -> Self {
        let mut classes = vec![CLASSES.len() as u8; text.split(Split::Test).len()];
        for row in 0..streams.rows() {
            // Includes the segments in which the last word continues; its next token is asked for.
            let row = streams.segments(row);
            classify(text, &row[..row.len().min(segments.saturating_add(BEYOND))], &mut classes);
        }
        Self { classes, losses: Default::default() }
    }

    /// Adds the loss of the token at a place, in nats.
    pub(super) fn add(&mut self, place: usize, loss: f64) {
        if let Some((sum, count)) = self.losses.get_mut(usize::from(self.classes[place])) {
            *sum += loss;
            *count += 1;
        }
    }

    pub(super) fn finish(self) -> Vec<LastSeen> {
        let of_class = |((name, _), (sum, tokens)): (&(&str, u32), (f64, usize))| LastSeen {
            segments: (*name).into(),
            tokens,
            bits_per_token: rounded(sum / std::f64::consts::LN_2 / tokens as f64),
        };
        CLASSES
            .iter()
            .zip(self.losses)
            .filter(|(_, (_, tokens))| *tokens > 0)
            .map(of_class)
            .collect()
    }
}

/// Sets the class of every token of a row's words.
fn classify(text: &Text, segments: &[(std::ops::Range<usize>, bool)], classes: &mut [u8]) {
    let split = text.split(Split::Test);
    let mut seen: HashMap<Vec<u32>, u32> = HashMap::new();
    let mut word = Word::default();
    let mut end = |word: &mut Word, seen: &mut HashMap<Vec<u32>, u32>| {
        let Word { tokens, places, segments: [begun, ended] } = std::mem::take(word);
        if tokens.is_empty() {
            return;
        }
        let ago = seen.insert(tokens, ended).map_or(u32::MAX, |last| begun.saturating_sub(last));
        let class = CLASSES.iter().position(|&(_, most)| ago <= most).unwrap_or(CLASSES.len());
        places.iter().for_each(|&place| classes[place] = class as u8);
    };
    for (index, (range, begins)) in (0..).zip(segments) {
        if *begins {
            end(&mut word, &mut seen);
            seen.clear();
        }
        for (place, token) in range.clone().zip(split.tokens(range.clone())) {
            let kind = Kind::of(text.vocabulary().word(token));
            if kind != Kind::Letter {
                end(&mut word, &mut seen);
            }
            if kind != Kind::Other {
                if word.tokens.is_empty() {
                    word.segments[0] = index;
                }
                word.segments[1] = index;
                word.tokens.push(token);
                word.places.push(place);
            }
            if kind == Kind::Word {
                end(&mut word, &mut seen);
            }
        }
    }
    end(&mut word, &mut seen);
}

/// The word being read.
#[derive(Default)]
struct Word {
    tokens: Vec<u32>,
    places: Vec<usize>,
    /// The segments of its first and its last token.
    segments: [u32; 2],
}

/// The part that a token has in a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Letter,
    Word,
    Other,
}

impl Kind {
    fn of(token: &str) -> Self {
        let mut letters = token.chars();
        match (letters.next(), letters.next()) {
            (Some(letter), None) if letter.is_alphabetic() => Self::Letter,
            (Some(_), Some(_))
                if !token.starts_with('<') && token.contains(char::is_alphabetic) =>
            {
                Self::Word
            }
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::data::{TextSplit, Vocabulary};

    /// A text of bytes, in segments of four.
    fn text(documents: &[&str]) -> Arc<Text> {
        let words = Vocabulary::of_bytes((0..128).collect(), false);
        let mut split = TextSplit::default();
        for document in documents {
            split.push(document.bytes().map(u32::from), document.len());
        }
        Arc::new(Text::new(words, 4, [TextSplit::default(), TextSplit::default(), split]))
    }

    #[test]
    fn words_are_told_apart_by_when_they_were_last_seen() {
        // Segments: "ann ", "met ", "bob ", "ann ", "bob,", " bob"; then another document.
        let text = text(&["ann met bob ann bob, bob", "ann"]);
        let streams = Streams::new(text.clone(), Split::Test, 1, 2);
        let losses = LastSeenLosses::new(&text, &streams, 7);
        let names = |range: std::ops::Range<usize>| -> Vec<&str> {
            let name =
                |&class: &u8| CLASSES.get(usize::from(class)).map_or("none", |(name, _)| *name);
            losses.classes[range].iter().map(name).collect()
        };
        assert_eq!(names(0..4), ["never", "never", "never", "none"]);
        assert_eq!(names(12..16), ["1-10", "1-10", "1-10", "none"], "three segments ago");
        assert_eq!(names(16..20), ["1-10", "1-10", "1-10", "none"], "two segments ago");
        assert_eq!(names(21..24), ["1-10"; 3], "the segment before");
        assert_eq!(names(24..27), ["never"; 3], "of another document");
    }

    #[test]
    fn a_word_is_seen_in_the_segment_it_ends_in() {
        // Segments: "anna", " eva", " eva".
        let text = text(&["anna eva eva"]);
        let streams = Streams::new(text.clone(), Split::Test, 1, 2);
        let losses = LastSeenLosses::new(&text, &streams, 3);
        let of_the_last: Vec<&str> =
            losses.classes[9..12].iter().map(|&class| CLASSES[usize::from(class)].0).collect();
        assert_eq!(of_the_last, ["1-10"; 3]);
    }

    #[test]
    fn a_loss_belongs_to_the_class_of_its_token() {
        let text = text(&["a a b"]);
        let streams = Streams::new(text.clone(), Split::Test, 1, 2);
        assert_eq!(streams.places(0), [1, 2, 3, 4]);
        let mut losses = LastSeenLosses::new(&text, &streams, 2);
        for place in 0..5 {
            losses.add(place, (place + 1) as f64 * std::f64::consts::LN_2);
        }
        let found: Vec<_> = losses
            .finish()
            .into_iter()
            .map(|class| (class.segments, class.tokens, class.bits_per_token))
            .collect();
        assert_eq!(found, [("0".into(), 1, 3.0), ("never".into(), 2, 3.0)]);
    }
}
