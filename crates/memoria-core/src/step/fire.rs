//! The last stage of a step: the engrams that were found fire together with the working ones.

use crate::{MemoriaConfig, Wiring, row::Row, search::Found, search::draw::Draw};

/// Fires the engrams that were found. Connects them, or with [`Wiring::Random`] as many others of the same kinds.
///
/// Costs the number of engrams that fire; with [`Wiring::Random`] also a visit to every short-term engram.
pub(crate) fn fire(row: &mut Row, found: &Found, config: &MemoriaConfig) {
    let (ltms, stms) = (found.reminded_ltm().len(), found.reminded_stm().len());
    let remind = row.reminds;
    row.fire(found.firing(), ltms, stms);
    if let (Some(trace), Some(recorder)) = (found.trace(), &mut row.recorder) {
        recorder.searched(trace);
    }
    match config.wiring {
        Wiring::CoFiring => row.wire(found.firing(), ltms),
        Wiring::Random => {
            let drawn = Draw::LongTermWiring.long_term(row, config.seed, remind, ltms);
            let mut wired: Vec<_> = drawn.collect();
            wired.sort_unstable();
            let mut others: Vec<_> = row.short_term().collect();
            Draw::ShortTermWiring.keep(&mut others, config.seed, remind, stms);
            wired.append(&mut others);
            wired.extend_from_slice(found.working());
            row.wire(&wired, ltms);
        }
    }
}
