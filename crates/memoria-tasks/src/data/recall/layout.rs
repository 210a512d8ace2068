//! The places of facts and questions in a segment.

use rand::{Rng, RngExt, seq::SliceRandom};

use super::{Recall, story::Asked};

/// The pieces of a segment, in order.
pub(super) struct Layout {
    filler: Vec<u32>,
    pieces: Vec<(Vec<u32>, Option<Asked>)>,
    anywhere: bool,
}

impl Layout {
    pub(super) fn new(recall: &Recall, rng: &mut impl Rng) -> Self {
        let first = recall.first_filler();
        let mut filler = || first + rng.random_range(0..recall.fillers as u32);
        let filler = (0..recall.segment_length).map(|_| filler()).collect();
        Self { filler, pieces: Vec::new(), anywhere: recall.anywhere }
    }

    pub(super) fn fact(&mut self, tokens: Vec<u32>) {
        self.pieces.push((tokens, None));
    }

    pub(super) fn question(&mut self, tokens: Vec<u32>, asked: Asked) {
        self.pieces.push((tokens, Some(asked)));
    }

    /// Returns the segment's tokens, and the places where its questions begin, in order.
    pub(super) fn tokens(mut self, rng: &mut impl Rng) -> (Vec<u32>, Vec<(usize, Asked)>) {
        let length: usize = self.pieces.iter().map(|(tokens, _)| tokens.len()).sum();
        let free = self.filler.len() - length;
        // Filler before each piece; the rest is between facts and questions, or at the end.
        let gaps: Vec<usize> = if self.anywhere {
            self.pieces.shuffle(rng);
            let mut cuts: Vec<usize> =
                self.pieces.iter().map(|_| rng.random_range(0..=free)).collect();
            cuts.sort_unstable();
            let before = std::iter::once(0).chain(cuts.iter().copied());
            cuts.iter().zip(before).map(|(cut, before)| cut - before).collect()
        } else {
            let first_question = self.pieces.iter().position(|(_, asked)| asked.is_some());
            let gap = |piece| match piece {
                0 => 1,
                piece if Some(piece) == first_question => free - 1,
                _ => 0,
            };
            (0..self.pieces.len()).map(gap).collect()
        };
        let (mut place, mut questions) = (0, Vec::new());
        for ((tokens, asked), gap) in self.pieces.into_iter().zip(gaps) {
            place += gap;
            self.filler[place..place + tokens.len()].copy_from_slice(&tokens);
            if let Some(asked) = asked {
                questions.push((place, asked));
            }
            place += tokens.len();
        }
        (self.filler, questions)
    }
}
