use serde::{Deserialize, Serialize};

use crate::{
    EngramId, EngramKind, MemoriaError,
    history::{event::Event, row_history::RowHistory, walk::Walk},
};

/// One firing of an engram, and its gain by it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Firing {
    /// The step.
    pub step: u64,
    /// The engram.
    pub engram: EngramId,
    /// Its kind at that time: working engrams fire by themselves, others because they were reminded.
    pub kind: EngramKind,
    /// Lifespan that it gained, in steps: 0 for working engrams, and as long as the step has not ended.
    pub lifespan_gain: f32,
}

impl RowHistory {
    /// The engrams that fired in a step, each with its gain by it. An engram that fired in several reminds of the step
    /// is listed several times. Reads at most some 64 KiB before the step.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::NoSuchStep`]; the step that has not ended yet is allowed.
    pub fn firings_of(&self, step: u64) -> Result<Vec<Firing>, MemoriaError> {
        self.check_step(step, Some(self.end.step))?;
        let mut walk = Walk::from_step(self, step);
        let mut firings: Vec<Firing> = Vec::new();
        // Where the firings of the last remind begin.
        let mut last = 0;
        while let Some((of_step, event)) = walk.next_sound()
            && of_step == step
        {
            match event {
                Event::Fired(fired) => {
                    last = firings.len();
                    firings.extend(fired.members.iter().enumerate().map(|(place, &engram)| {
                        Firing { step, engram, kind: fired.kind(place), lifespan_gain: 0.0 }
                    }));
                }
                Event::Gained(gains) => {
                    // Both in order of id.
                    let fired = &mut firings[last..];
                    for &(engram, gain) in gains {
                        if let Ok(at) = fired.binary_search_by_key(&engram, |firing| firing.engram)
                        {
                            fired[at].lifespan_gain = gain;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(firings)
    }
}
