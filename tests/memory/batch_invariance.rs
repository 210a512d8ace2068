//! A row in a batch of any size, with any neighbours, has the same memories as alone.

use burn::backend::Dispatch;
use memoria::{Correlation, LongTermSearch, MemoriaConfig, Pooling, ShortTermSearch};
use memoria_testing::{
    devices::devices,
    story::{Size, Story},
};
use rstest::rstest;

/// Compares every row in every step with the same row alone, on every backend. All ids, kinds and counts, and every bit
/// of lifespans and vectors, must be equal.
fn rows_are_alone(story: &Story) {
    for (name, device) in devices() {
        let device = device.as_dispatch();
        let together = story.tell::<Dispatch>(device);
        let mut reminded_ltm = 0;
        for row in 0..story.rows() {
            let alone = story.alone(row).tell::<Dispatch>(device);
            for (step, (together, alone)) in together.iter().zip(&alone).enumerate() {
                // Before the first working memories there are no rows.
                let (together, alone) = (together.get(row), alone.first());
                assert_eq!(together, alone, "{name}, row {row}, step {step}");
                reminded_ltm += alone.map_or(0, |page| page.recollection.reminded_ltm.len());
            }
        }
        assert!(reminded_ltm > 0, "{name}: the story does not reach long-term memory");
    }
}

#[rstest]
fn a_row_does_not_feel_its_neighbours(
    #[values(Correlation::NegSquaredL2, Correlation::Gaussian)] correlation: Correlation,
    #[values(0, 2)] exploration: usize,
    #[values((1, 8, 30), (2, 33, 40), (5, 17, 60), (9, 96, 30), (4, 64, 50))] size: (
        usize,
        usize,
        usize,
    ),
) {
    let (rows, dim, steps) = size;
    let config = MemoriaConfig::new(6, 14, 4, 4.0, 7)
        .with_correlation(correlation)
        .with_ltm_exploration(exploration, 99);
    let size = Size { rows, dim, steps, width: 7 };
    for seed in 0..3 {
        rows_are_alone(&Story::random(1000 * seed + dim as u64, size, config));
    }
}

/// For every search, exploration and pooling.
#[rstest]
fn no_way_of_searching_feels_a_neighbour(
    #[values(
        (ShortTermSearch::Newest, LongTermSearch::Walk),
        (ShortTermSearch::Random, LongTermSearch::WalkAndNearest),
        (ShortTermSearch::None, LongTermSearch::Nearest),
        (ShortTermSearch::Nearest, LongTermSearch::Random)
    )]
    search: (ShortTermSearch, LongTermSearch),
    #[values(Correlation::NegSquaredL2, Correlation::Gaussian)] correlation: Correlation,
    #[values(Pooling::Mean, Pooling::Max)] pooling: Pooling,
) {
    let config = MemoriaConfig::new(6, 14, 4, 4.0, 7)
        .with_correlation(correlation)
        .with_ltm_exploration(1, 99)
        .with_short_term_search(search.0)
        .with_long_term_search(search.1)
        .with_pooling(pooling);
    rows_are_alone(&Story::random(3, Size { rows: 3, dim: 33, steps: 30, width: 7 }, config));
}

/// With sizes similar to the paper's experiments.
#[rstest]
fn a_row_does_not_feel_its_neighbours_at_full_size(
    #[values(Correlation::NegSquaredL2, Correlation::Gaussian)] correlation: Correlation,
) {
    let config = MemoriaConfig::new(50, 400, 10, 9.0, 50).with_correlation(correlation);
    let size = Size { rows: 3, dim: 256, steps: 25, width: 50 };
    rows_are_alone(&Story::random(4, size, config));
}
