//! Text as a trace file: refused without a panic, or replayed.

use burn::backend::Flex;

use crate::{replay, trace::Trace};

/// Runs the target on an input. Returns whether the input was accepted.
pub fn run(text: &str) -> bool {
    Trace::parse(text).is_ok_and(|trace| replay::run::<Flex>(&trace, &Default::default()).is_ok())
}
