//! The recording of a row.

use crate::{
    EngramId,
    history::{Beginning, Cursor, PIECE_BYTES, Recorder, RowHistory},
    row::Row,
};

impl Row {
    /// Begins to record, if the row does not record yet.
    pub(crate) fn record_history(&mut self) {
        if self.recorder.is_none() {
            self.recorder = Some(Box::new(Recorder::new(self.beginning(), PIECE_BYTES)));
        }
    }

    /// The recorded history.
    pub(crate) fn history(&self) -> Option<RowHistory> {
        self.recorder.as_ref().map(|recorder| recorder.history())
    }

    /// The state at the beginning of a recording. Costs the number of engrams and the size of the firing log.
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
