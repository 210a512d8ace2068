//! Lifespans that cost nothing while steps pass.

/// From here on `f32` has gaps wider than 1: a step may leave a lifespan unchanged.
const EXACT: f32 = 16_777_216.0;

/// A lifespan as of some step, from which its value at any later step is computed.
///
/// Equal, bit for bit, to an `f32` that loses 1 at every step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Lifespan {
    value: f32,
    /// The low half of the step. That is enough: an engram that can die dies within 2²⁵ steps of it, and for others it
    /// does not matter.
    as_of: u32,
}

impl Lifespan {
    pub(crate) fn new(value: f32, now: u64) -> Self {
        Self { value, as_of: now as u32 }
    }

    /// The lifespan left at step `now`.
    pub(crate) fn at(&self, now: u64) -> f32 {
        let mut value = self.value;
        let mut steps = self.steps_until(now);
        // At most two rounds: a value above EXACT either stays as it is or lands on an even multiple
        // that stays as it is.
        while value > EXACT && steps > 0 {
            if value - 1.0 == value {
                return value;
            }
            value -= 1.0;
            steps -= 1;
        }
        // Every difference on the way down to 0 is a multiple of the value's last digit: exact.
        value - steps as f32
    }

    /// Adds a gain at step `now`.
    pub(crate) fn extend(&mut self, gain: f32, now: u64) {
        self.value = (self.at(now) + gain).clamp(f32::MIN, f32::MAX);
        self.as_of = now as u32;
    }

    /// The first step at which no lifespan is left, seen from step `now`, or `None` if steps no longer reduce it.
    pub(crate) fn death(&self, now: u64) -> Option<u64> {
        let mut value = self.value;
        let mut step = now - u64::from(self.steps_until(now));
        while value > EXACT {
            if value - 1.0 == value {
                return None;
            }
            value -= 1.0;
            step += 1;
        }
        // Rounded up; a lifespan of 0 or below ends at the next step.
        let whole = value as u32;
        Some(step + u64::from(whole + u32::from(whole as f32 != value)).max(1))
    }

    fn steps_until(&self, now: u64) -> u32 {
        (now as u32).wrapping_sub(self.as_of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn stepwise(mut value: f32, steps: u64) -> f32 {
        for _ in 0..steps {
            value -= 1.0;
        }
        value
    }

    proptest! {
        #[test]
        fn equals_taking_one_every_step(
            value in prop_oneof![0.01f32..40.0, 16_777_190.0f32..16_777_260.0, 1e8f32..1e38],
            steps in 0u64..80,
            born in prop_oneof![Just(5u64), (1u64 << 32) - 60..1 << 32, (1u64 << 40)..(1 << 40) + 9],
        ) {
            let lifespan = Lifespan::new(value, born);
            let now = born + steps;
            let alive = lifespan.death(born).is_none_or(|death| now < death);
            prop_assert_eq!(alive, stepwise(value, steps) > 0.0);
            if alive {
                prop_assert_eq!(lifespan.at(now).to_bits(), stepwise(value, steps).to_bits());
                prop_assert_eq!(lifespan.death(now), lifespan.death(born));
            }
        }
    }

    #[rstest]
    #[case(3.0, Some(13))]
    #[case(2.5, Some(13))]
    #[case(0.1, Some(11))]
    #[case(-7.0, Some(11))]
    #[case(1e30, None)]
    fn dies_in_the_step_that_brings_it_to_zero(#[case] value: f32, #[case] death: Option<u64>) {
        assert_eq!(Lifespan::new(value, 10).death(10), death);
    }

    #[test]
    fn what_cannot_die_is_the_same_after_any_time() {
        let lifespan = Lifespan::new(1e9, 7);
        for now in [8, 1 << 32, (1 << 32) + 7, 1 << 50] {
            assert_eq!((lifespan.at(now), lifespan.death(now)), (1e9, None));
        }
    }

    #[test]
    fn gains_do_not_overflow() {
        let mut lifespan = Lifespan::new(f32::MAX, 0);
        lifespan.extend(f32::MAX, 3);
        assert_eq!(lifespan.at(4), f32::MAX);
    }
}
