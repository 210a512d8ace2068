//! Short random sequences of operations, and long ones in which engrams grow old.

use proptest::{collection::vec, prelude::*, sample::select};

use super::judged::{GainKind, Judged};
use crate::{
    Correlation, LongTermSearch, MemoriaConfig, Pooling, ShortTermSearch, Storage, Wiring,
};

#[derive(Clone, Debug)]
pub(super) enum Operation {
    Add(usize, Vec<i16>),
    Remind,
    /// With a query of its own.
    RemindFor(usize, Vec<i16>),
    Adjust(GainKind, Vec<f32>),
    /// The three above.
    Step(usize, Vec<i16>, GainKind, Vec<f32>),
    Peek(usize, Vec<i16>),
    Reset,
    ResetRows(Vec<usize>),
    /// Saved and restored.
    Save,
    /// Rows taken out and put in again as the last ones, or a single one in the place of the first.
    Regroup(Vec<usize>),
}

/// The numbers that vectors are made of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Numbers {
    /// Few small integers: vectors and distances are often equal, and always exact.
    Integers,
    /// Reals up to this.
    Reals(f32),
}

impl Numbers {
    pub(super) fn of(self, raw: &[i16]) -> Vec<f32> {
        let number = |&raw: &i16| match self {
            Self::Integers => f32::from(raw.rem_euclid(5) - 2),
            Self::Reals(scale) => f32::from(raw) / 1000.0 * scale,
        };
        raw.iter().map(number).collect()
    }
}

pub(super) fn perform(judged: &mut Judged, numbers: Numbers, op: &Operation) -> Option<()> {
    match op {
        Operation::Add(width, raw) => judged.add(*width, &numbers.of(raw)),
        Operation::Remind => judged.remind()?,
        Operation::RemindFor(width, raw) => judged.remind_for(*width, &numbers.of(raw))?,
        Operation::Adjust(kind, gains) => judged.adjust(*kind, gains),
        Operation::Step(width, raw, kind, gains) => {
            judged.add(*width, &numbers.of(raw));
            judged.remind()?;
            judged.check_state();
            judged.adjust(*kind, gains);
        }
        Operation::Peek(width, raw) => judged.peek(*width, &numbers.of(raw))?,
        Operation::Reset => judged.reset(),
        Operation::ResetRows(rows) => judged.reset_rows(rows),
        Operation::Save => judged.save(),
        Operation::Regroup(rows) => judged.regroup(rows),
    }
    Some(())
}

/// Runs operations until one of them cannot be judged; returns how many were.
fn judge(
    (config, numbers, rows, dim): (MemoriaConfig, Numbers, usize, usize),
    operations: &[Operation],
    storage: Storage,
    is_small: bool,
) -> usize {
    let mut judged = Judged::stored(config, rows, dim, storage).with_small_limits(is_small);
    for (index, operation) in operations.iter().enumerate() {
        if perform(&mut judged, numbers, operation).is_none() {
            return index;
        }
        judged.check_state();
    }
    operations.len()
}

fn numbers() -> impl Strategy<Value = Vec<i16>> {
    vec(-1000i16..1000, 97)
}

/// Mostly powers of two, for which the mean of integers is exact.
fn width() -> impl Strategy<Value = usize> {
    select(vec![0, 1, 1, 2, 2, 2, 4, 4, 3])
}

fn gain_kind() -> impl Strategy<Value = GainKind> {
    select(vec![GainKind::Zero, GainKind::Host, GainKind::Host, GainKind::Device, GainKind::Device])
}

fn gains() -> impl Strategy<Value = Vec<f32>> {
    let some = select(vec![0.0, 0.5, 1.0, 1.5, 2.25, 4.0, 0.1, -0.25, -1.0, -3.0]);
    let extreme = select(vec![16_777_215.0, 16_777_218.5, 1e9, f32::MAX, -1e9, f32::MIN, 1e-40]);
    vec(prop_oneof![9 => some, 1 => extreme], 1..30)
}

fn operation(rows: usize) -> impl Strategy<Value = Operation> {
    let step = (width(), numbers(), gain_kind(), gains());
    prop_oneof![
        4 => (width(), numbers()).prop_map(|(width, raw)| Operation::Add(width, raw)),
        4 => Just(Operation::Remind),
        3 => (select(vec![1, 2, 2, 4, 3]), numbers())
            .prop_map(|(width, raw)| Operation::RemindFor(width, raw)),
        3 => (gain_kind(), gains()).prop_map(|(kind, gains)| Operation::Adjust(kind, gains)),
        12 => step.prop_map(|(width, raw, kind, gains)| Operation::Step(width, raw, kind, gains)),
        2 => (width(), numbers()).prop_map(|(width, raw)| Operation::Peek(width, raw)),
        1 => Just(Operation::Reset),
        2 => vec(0..rows, 0..=rows).prop_map(Operation::ResetRows),
        2 => Just(Operation::Save),
        2 => vec(0..rows, 0..=rows).prop_map(Operation::Regroup),
    ]
}

fn config() -> impl Strategy<Value = MemoriaConfig> {
    let lifespan = select(vec![0.5f32, 1.0, 2.0, 3.5, 6.0, 9.0]);
    let sizes = (0..5usize, 0..7usize, 0..5usize, lifespan, 0..5usize);
    // All cells, or none: only then the reference finds the same.
    let probes = select(vec![0, 1000]);
    let rest = (any::<bool>(), select(vec![0, 0, 1, 3]), any::<u64>(), probes);
    (sizes, rest, policies()).prop_map(
        |(sizes, (gaussian, exploration, seed, probes), policies)| {
            let config = MemoriaConfig::new(sizes.0, sizes.1, sizes.2, sizes.3, sizes.4);
            let correlation =
                if gaussian { Correlation::Gaussian } else { Correlation::NegSquaredL2 };
            let (short_term, long_term, wiring, pooling) = policies;
            config
                .with_correlation(correlation)
                .with_ltm_exploration(exploration, seed)
                .with_short_term_search(short_term)
                .with_long_term_search(long_term)
                .with_long_term_probes(probes)
                .with_wiring(wiring)
                .with_pooling(pooling)
        },
    )
}

/// Half of the time those of the paper.
fn policies() -> impl Strategy<Value = (ShortTermSearch, LongTermSearch, Wiring, Pooling)> {
    use {LongTermSearch as L, ShortTermSearch as S};
    let short_term = select(vec![S::Nearest, S::Nearest, S::Newest, S::Random, S::None]);
    let long_term =
        select(vec![L::Walk, L::Nearest, L::WalkAndNearest, L::WalkAndNearest, L::Random, L::None]);
    let wiring = select(vec![Wiring::CoFiring, Wiring::CoFiring, Wiring::Random]);
    let pooling = select(vec![Pooling::Mean, Pooling::Max]);
    prop_oneof![
        Just((S::Nearest, L::Walk, Wiring::CoFiring, Pooling::Mean)),
        (short_term, long_term, wiring, pooling)
    ]
}

/// Configuration, kind of numbers, rows, dimension; and the operations.
pub(super) fn setting_and_operations()
-> impl Strategy<Value = ((MemoriaConfig, Numbers, usize, usize), Vec<Operation>)> {
    let reals = || select(vec![Numbers::Reals(2.0), Numbers::Reals(60.0)]);
    let setting = config().prop_flat_map(move |config| {
        let numbers = match config.correlation {
            // The mean of integers has no rounding, that of exponentials has.
            Correlation::Gaussian => reals().boxed(),
            Correlation::NegSquaredL2 => {
                prop_oneof![3 => Just(Numbers::Integers), 1 => reals()].boxed()
            }
        };
        (Just(config), numbers, 1..5usize, 1..4usize)
    });
    setting.prop_flat_map(|setting| (Just(setting), vec(operation(setting.2), 1..30)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_sequence_of_operations_gives_what_the_reference_gives(
        (setting, operations) in setting_and_operations(),
        is_small in any::<bool>(),
    ) {
        judge(setting, &operations, Storage::Host, is_small);
        judge(setting, &operations, Storage::Device, is_small);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Few engrams that live for hundreds of steps and fire in most of them, so that their past leaves the firing log.
    #[test]
    fn long_lives_are_counted_like_the_reference_counts_them(
        widths in vec(select(vec![1usize, 1, 2]), 250),
        raw in vec(-1000i16..1000, 1013),
        gains in vec(select(vec![0.0f32, 0.5, 1.0, 2.0, 5.0, 30.0, -1.0]), 401),
        sizes in (3..7usize, 2..7usize, 1..6usize, 4..9usize),
        reset in 100..200usize,
        is_small in any::<bool>(),
    ) {
        let (reminded, capacity, depth, final_ltms) = sizes;
        let config = MemoriaConfig::new(reminded, capacity, depth, 2.0, final_ltms)
            .with_ltm_exploration(1, 5);
        let mut judged = Judged::new(config, 2, 3).with_small_limits(is_small);
        let numbers = Numbers::Integers.of(&raw);
        for (step, &width) in widths.iter().enumerate() {
            judged.add(width, &numbers[step * 3..]);
            prop_assert!(judged.remind().is_some(), "integers are always decided");
            let kind = if step % 3 == 0 { GainKind::Host } else { GainKind::Device };
            judged.adjust(kind, &gains[step..]);
            if step % 10 == 9 {
                judged.check_state();
            }
            if step % 23 == 22 {
                judged.save();
                judged.regroup(&[step % 2]);
                judged.check_state();
            }
            if step == reset {
                judged.reset_rows(&[1]);
            }
        }
    }
}

/// The reference is useful only if most operations can be judged.
#[test]
fn most_operations_can_be_judged() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let (mut judged, mut all) = (0, 0);
    for _ in 0..200 {
        let (setting, operations) =
            setting_and_operations().new_tree(&mut runner).unwrap().current();
        judged += judge(setting, &operations, Storage::Host, true);
        all += operations.len();
    }
    assert!(judged * 10 > all * 8, "{judged} of {all}");
}
