//! The first stages of a step: the pending work of a row before its search.

use burn::backend::Backend;

use super::{Incoming, OpenStep};
use crate::{
    MemoriaConfig, MemoriaError,
    id::{Member, Slot},
    row::Row,
};

/// The pending work of every row before its search, all of it checked.
pub(crate) struct Due<B: Backend> {
    /// The step to end, with the gain of every place, row by row.
    pub(crate) closing: Option<(OpenStep, Vec<f64>)>,
    /// The working memories to admit.
    pub(crate) incoming: Vec<Incoming<B>>,
}

impl<B: Backend> Due<B> {
    /// Does the work of one row: closes, then admits. Appends the slots of the dead to `left`.
    pub(crate) fn settle(
        &self,
        row: &mut Row,
        index: usize,
        config: &MemoriaConfig,
        left: &mut Vec<Slot>,
    ) {
        if let Some((open, gains)) = &self.closing
            && !open.is_absent(index)
        {
            let gain = |place| gains[index * open.width() + place] as f32;
            close(row, open.row(index), gain, config, left);
        }
        for incoming in &self.incoming {
            match incoming.of_row(index) {
                [] => incoming.skip_ids(row, index),
                slots => row.admit(slots, config.initial_lifespan),
            }
        }
    }
}

/// Ends a step in a row, with the gain of each reminded engram by place. Appends the slots of the dead to `left`.
pub(crate) fn close(
    row: &mut Row,
    reminded: &[Member],
    gain: impl Fn(usize) -> f32,
    config: &MemoriaConfig,
    left: &mut Vec<Slot>,
) {
    let gains = reminded.iter().enumerate().map(|(place, member)| (member.entry, gain(place)));
    row.adjust(gains, config.stm_capacity, left);
}

/// Refuses gains, row by row, that are not finite.
pub(crate) fn check_gains(open: &OpenStep, gains: &[f64]) -> Result<(), MemoriaError> {
    let width = open.width();
    for (row, reminded) in open.rows().enumerate() {
        for (place, &Member { id: engram, .. }) in reminded.iter().enumerate() {
            let got = gains[row * width + place];
            if !is_gain(got) {
                return Err(match open.forgives {
                    true => MemoriaError::NonFiniteAttention { row, engram, got },
                    false => MemoriaError::NonFiniteGain { row, engram, got },
                });
            }
        }
    }
    Ok(())
}

/// Sets all gains of a row to zero if one of them is not finite.
pub(crate) fn forgive(open: &OpenStep, gains: &mut [f64]) {
    let width = open.width();
    for (row, reminded) in open.rows().enumerate() {
        let gains = &mut gains[row * width..][..width];
        if !gains[..reminded.len()].iter().all(|&gain| is_gain(gain)) {
            gains.fill(0.0);
        }
    }
}

/// Whether a lifespan can gain this.
fn is_gain(gain: f64) -> bool {
    (gain as f32).is_finite()
}
