//! What a row records of itself.

use crate::{
    EngramId,
    history::{Beginning, Cursor, PIECE_BYTES, Recorder, RowHistory},
    row::Row,
};

impl Row {
    /// Records from now on, if it does not yet.
    pub(crate) fn record_history(&mut self) {
        if self.recorder.is_none() {
            self.recorder = Some(Box::new(Recorder::new(self.beginning(), PIECE_BYTES)));
        }
    }

    /// What was recorded.
    pub(crate) fn history(&self) -> Option<RowHistory> {
        self.recorder.as_ref().map(|recorder| recorder.history())
    }

    /// How things are, for a recording that begins. Costs the engrams and the firing log.
    fn beginning(&self) -> Beginning {
        let long_term_below = self.long_term_below().0;
        let mut engrams: Vec<_> = self.living().map(|member| self.engram(member.entry)).collect();
        engrams.sort_unstable_by_key(|engram| engram.id);
        let members = |firing: &[_]| firing.iter().map(|&e| self.records.get(e).id).collect();
        Beginning {
            at: Cursor { step: self.steps, next_id: self.next_id, long_term_below },
            engrams,
            firings: self.log.firings().map(members).collect(),
            ties: self.log.ties(&self.records),
        }
    }

    pub(super) fn record_reset(&mut self) {
        if self.recorder.is_none() {
            return;
        }
        let mut living: Vec<EngramId> = self.living().map(|member| member.id).collect();
        living.sort_unstable();
        if let Some(recorder) = &mut self.recorder {
            recorder.reset(living.into_iter());
        }
    }
}
