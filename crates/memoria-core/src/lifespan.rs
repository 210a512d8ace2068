//! Lifespans that need no work while time passes.

/// From here on `f32` has gaps wider than 1: a step may leave a lifespan as it is.
const EXACT: f32 = 16_777_216.0;

/// A lifespan as it was at some step, from which it can be told for any later one.
///
/// Equal, bit for bit, to an `f32` from which 1 is taken at every step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Lifespan {
    value: f32,
    as_of: u64,
}

impl Lifespan {
    pub(crate) fn new(value: f32, now: u64) -> Self {
        Self { value, as_of: now }
    }

    /// What is left at step `now`.
    pub(crate) fn at(&self, now: u64) -> f32 {
        let mut value = self.value;
        let mut steps = now - self.as_of;
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
        self.as_of = now;
    }

    /// The first step at which nothing is left, or `None` if time no longer wears it down.
    pub(crate) fn death(&self) -> Option<u64> {
        let (mut value, mut step) = (self.value, self.as_of);
        while value > EXACT {
            if value - 1.0 == value {
                return None;
            }
            value -= 1.0;
            step += 1;
        }
        Some(step + (value.ceil() as u64).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
        ) {
            let lifespan = Lifespan::new(value, 5);
            let alive = lifespan.death().is_none_or(|death| 5 + steps < death);
            prop_assert_eq!(alive, stepwise(value, steps) > 0.0);
            if alive {
                prop_assert_eq!(lifespan.at(5 + steps).to_bits(), stepwise(value, steps).to_bits());
            }
        }
    }

    #[test]
    fn dies_in_the_step_that_brings_it_to_zero() {
        assert_eq!(Lifespan::new(3.0, 10).death(), Some(13));
        assert_eq!(Lifespan::new(2.5, 10).death(), Some(13));
        assert_eq!(Lifespan::new(0.1, 10).death(), Some(11));
        assert_eq!(Lifespan::new(-7.0, 10).death(), Some(11));
        assert_eq!(Lifespan::new(1e30, 10).death(), None);
    }

    #[test]
    fn gains_do_not_overflow() {
        let mut lifespan = Lifespan::new(f32::MAX, 0);
        lifespan.extend(f32::MAX, 3);
        assert_eq!(lifespan.at(4), f32::MAX);
    }
}
