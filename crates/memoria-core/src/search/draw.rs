//! The random draws of a search.

use rand::seq::index;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use crate::{id::Member, row::Row};

/// What is drawn. Each kind has its own stream, so that one draw changes no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Draw {
    /// Long-term engrams that a walk starts from, by their places in long-term memory.
    Exploration,
    /// Short-term engrams that a row is reminded of, by age, the oldest first.
    ShortTerm,
    /// Long-term engrams that a row is reminded of, by their places in long-term memory.
    LongTerm,
    /// Short-term engrams that are wired, by age, the oldest first.
    ShortTermWiring,
    /// Long-term engrams that are wired, by their places in long-term memory.
    LongTermWiring,
}

impl Draw {
    /// Positions of `amount` of `len` items, drawn uniformly and without replacement.
    ///
    /// Depends only on its arguments: on no global generator, backend or neighbour.
    pub(crate) fn positions(self, seed: u64, remind: u64, len: usize, amount: usize) -> Vec<usize> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // No row is reminded so often that the highest bits are needed.
        rng.set_stream((self as u64) << 60 ^ remind);
        index::sample(&mut rng, len, amount.min(len)).into_vec()
    }

    /// Draws this many of a row's long-term engrams.
    pub(crate) fn long_term(
        self,
        row: &Row,
        seed: u64,
        remind: u64,
        amount: usize,
    ) -> impl Iterator<Item = Member> {
        let drawn = self.positions(seed, remind, row.long_term_len(), amount);
        drawn.into_iter().map(|position| row.long_term_at(position))
    }

    /// Keeps `amount` drawn items, in their order.
    pub(crate) fn keep<T: Copy>(self, of: &mut Vec<T>, seed: u64, remind: u64, amount: usize) {
        let mut drawn = self.positions(seed, remind, of.len(), amount);
        drawn.sort_unstable();
        for (place, &position) in drawn.iter().enumerate() {
            of[place] = of[position];
        }
        of.truncate(drawn.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(seed: u64, remind: u64, len: usize, amount: usize) -> Vec<usize> {
        Draw::Exploration.positions(seed, remind, len, amount)
    }

    #[test]
    fn kinds_of_draws_are_independent() {
        use Draw::{Exploration, LongTerm, LongTermWiring, ShortTerm, ShortTermWiring};
        let kinds = [Exploration, ShortTerm, LongTerm, ShortTermWiring, LongTermWiring];
        let drawn = kinds.map(|kind| kind.positions(7, 3, 1000, 5));
        for (place, one) in drawn.iter().enumerate() {
            assert!(!drawn[..place].contains(one), "{one:?}");
        }
    }

    #[test]
    fn what_is_kept_stays_in_order() {
        let mut kept: Vec<u32> = (100..150).collect();
        Draw::ShortTerm.keep(&mut kept, 3, 1, 7);
        assert!(kept.len() == 7 && kept.is_sorted(), "{kept:?}");
        Draw::ShortTerm.keep(&mut kept, 3, 1, 9);
        assert_eq!(kept.len(), 7);
    }

    /// Draws are the same as in earlier versions.
    #[test]
    fn exploration_draws_what_it_always_drew() {
        let mut rng = ChaCha8Rng::seed_from_u64(99);
        rng.set_stream(12);
        assert_eq!(draw(99, 12, 50, 4), index::sample(&mut rng, 50, 4).into_vec());
    }

    #[test]
    fn the_same_arguments_draw_the_same() {
        assert_eq!(draw(7, 3, 100, 5), draw(7, 3, 100, 5));
        assert_ne!(draw(7, 3, 100, 5), draw(7, 4, 100, 5));
        assert_ne!(draw(7, 3, 100, 5), draw(8, 3, 100, 5));
    }

    #[test]
    fn never_more_than_there_are_and_never_twice() {
        let mut drawn = draw(1, 0, 4, 9);
        drawn.sort_unstable();
        assert_eq!(drawn, [0, 1, 2, 3]);
        assert!(draw(1, 0, 0, 3).is_empty());
    }

    #[test]
    fn every_position_is_drawn_equally_often() {
        let mut seen = [0u32; 10];
        for remind in 0..10_000 {
            for position in draw(42, remind, 10, 3) {
                seen[position] += 1;
            }
        }
        assert!(seen.iter().all(|&count| (2_800..3_200).contains(&count)), "{seen:?}");
    }
}
