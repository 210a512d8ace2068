//! Random starting points for the walk.

use rand::seq::index;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

/// Positions of `amount` of `len` things, uniformly and without replacement.
///
/// A function of its arguments alone: of no global generator, no backend and no neighbour.
pub(crate) fn draw(seed: u64, remind: u64, len: usize, amount: usize) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(remind);
    index::sample(&mut rng, len, amount.min(len)).into_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

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
