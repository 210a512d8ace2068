//! Recording of histories.

use burn::backend::Backend;

use super::{Memoria, Step};
use crate::{MemoriaError, history::History, search::Lane, step::check_gains, store::read};

impl<B: Backend> Memoria<B> {
    /// Records [what happens](crate::history) from now on.
    pub fn with_history(mut self) -> Self {
        self.record_history(true);
        self
    }

    /// Begins to record [what happens](crate::history), or stops and drops the record.
    ///
    /// May begin at any time. The living engrams and their connections are the beginning of the record. It costs a
    /// visit to every engram and to the firing log, one device round trip if gains are still to be read, and nothing in
    /// a new memory. Recording then costs a few bytes per engram and change; see
    /// [`RowHistory::bytes`](crate::history::RowHistory::bytes).
    pub fn record_history(&mut self, record: bool) {
        if record && !self.records_history {
            self.end_adjusted_step();
        }
        self.records_history = record;
        for Lane { row, .. } in &mut self.lanes {
            if record {
                row.record_history();
            } else {
                row.recorder = None;
            }
        }
    }

    /// Whether the memory records a history.
    pub fn records_history(&self) -> bool {
        self.records_history
    }

    /// The history up to now. It shares the record: at most some 64 KiB per row are copied.
    ///
    /// Takes `&mut` as [`state`](Self::state) does: one device round trip if gains and working memories are still to be
    /// read, none otherwise.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::NotRecorded`]; otherwise as [`remind`](Self::remind).
    pub fn history(&mut self) -> Result<History, MemoriaError> {
        if !self.records_history {
            return Err(MemoriaError::NotRecorded);
        }
        self.settle()?;
        // Rows from other memories may have come without a record.
        self.record_history(true);
        Ok(History { rows: self.lanes.iter().filter_map(|lane| lane.row.history()).collect() })
    }

    /// The history up to now, after which the recording begins again. With a file per day, for example, the record does
    /// not grow without end.
    ///
    /// # Errors
    ///
    /// As [`history`](Self::history). After an error the recording goes on unchanged.
    pub fn take_history(&mut self) -> Result<History, MemoriaError> {
        let history = self.history()?;
        self.record_history(false);
        self.record_history(true);
        Ok(history)
    }

    /// Makes the rows, if there are none yet.
    pub(super) fn make_rows(&mut self, batch: usize) {
        if self.lanes.len() == batch {
            return;
        }
        // A step without rows does not belong to the new rows.
        self.end_recorded_step();
        self.resize_rows(batch);
        if self.records_history {
            self.lanes.iter_mut().for_each(|lane| lane.row.record_history());
        }
    }

    /// Ends an adjusted step before rows are emptied, if it is recorded, so that its gains and deaths come first. An
    /// error changes nothing: the next call that reads the gains fails as well.
    pub(super) fn end_recorded_step(&mut self) {
        if self.records_history {
            self.end_adjusted_step();
        }
    }

    fn end_adjusted_step(&mut self) {
        let Step::Adjusted(open, gains) = &self.step else { return };
        self.meter.begin();
        let Ok(read) = read::<B>(vec![gains.clone()], self.computes_here()) else { return };
        self.meter.waited();
        let read: Vec<f64> = read.iter().flat_map(|data| data.iter::<f64>()).collect();
        if check_gains(open, &read).is_ok()
            && let Step::Adjusted(open, _) = core::mem::replace(&mut self.step, Step::Begun)
        {
            self.close(&open, |row, place| read[row * open.width() + place] as f32);
        }
    }
}
