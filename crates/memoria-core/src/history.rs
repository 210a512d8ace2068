//! The history of a memory: which engrams were made, fired, gained lifespan, became long-term and died, and how they
//! were connected.
//!
//! Recording is opt-in: [`Memoria::with_history`](crate::Memoria::with_history) or
//! [`Memoria::record_history`](crate::Memoria::record_history). A memory that does not record pays nothing. Each change
//! is recorded once. A firing contains its members once, whatever happens to them later, and everything else is
//! computed on request. So a history grows with what happens, by a byte or two per engram and change and four per gain,
//! and not with the number of living engrams. [`RowHistory`] answers the queries.
//!
//! ```
//! # #[cfg(feature = "flex")] {
//! use burn::backend::{Flex, TensorData, ops::FloatTensorOps};
//! use memoria_core::{EngramId, LifespanGain, Memoria, MemoriaConfig};
//!
//! # fn main() -> Result<(), memoria_core::MemoriaError> {
//! let mut memory = Memoria::<Flex>::new(MemoriaConfig::new(4, 16, 5, 3.0, 4))?.with_history();
//! for step in 0..6 {
//!     let numbers: Vec<f32> = (0..8 * 16).map(|i| ((i * (step + 3)) as f32).sin()).collect();
//!     let data = Flex::float_from_data(TensorData::new(numbers, [1, 8, 16]), &Default::default());
//!     memory.add_working_memory(data)?;
//!     let reminded = memory.remind()?;
//!     memory.adjust(&reminded, LifespanGain::Host(vec![vec![1.5; reminded.ids(0).len()]]))?;
//! }
//! let history = memory.history()?;
//! let row = history.row(0)?;
//! assert_eq!(row.summaries().count(), 6);
//! let life = row.inspect(EngramId(3))?;
//! assert_eq!((life.life.born, life.became_short_term), (0, Some(0)));
//! // The living engrams at the end of step 2, and their connections then.
//! let then = row.at(2)?;
//! assert!(then.engram(EngramId(16)).is_some() && !then.edges().is_empty());
//! # Ok(()) } main().unwrap(); }
//! ```
//!
//! # Steps
//!
//! A step ends with [`adjust`](crate::Memoria::adjust). Everything before the first one and in it happens in step 0.
//! Resets are events like others: the recording goes on, and so do ids and steps. A reset of working memories before
//! any remind or [`state`](crate::Memoria::state) leaves no trace, because they never were engrams.
//!
//! Recording changes nothing that a memory does, with one exception: lifespan gains that are still on the device when a
//! row is reset are read before it. This takes one device round trip, and puts them first in the record as well.
//!
//! # From the Python package
//!
//! | `memoria-pytorch` 1.1.0 | here |
//! |---|---|
//! | `keep_history=True`, `Memoria.history[row]` | [`with_history`](crate::Memoria::with_history), [`History::row`] |
//! | `HistoryManager.timestep`, `len()` | [`RowHistory::steps`] |
//! | `summaries[t]`, `[t]` | [`RowHistory::at`] for the engrams, [`RowHistory::summaries`] for the figures |
//! | `engram_ids`, `engram_creation_times`, `engram_deletion_times`, `engram_durations` | [`RowHistory::lives`]: [`Life`] |
//! | `engram_lastest_alive_timestep` | [`Life::last_step`] |
//! | `alive_engram_ids` | [`RowHistory::now`] |
//! | `deleted_engram_ids` | [`RowHistory::lives`] with a [`Life::death`] |
//! | `engram_firings`, `engram_firing_times`, `engram_fire_counts` | [`EngramHistory::firings`], [`firing_steps`](EngramHistory::firing_steps), and their number |
//! | `firings_per_time[t]` | [`RowHistory::firings_of`] |
//! | `latest_engram_infos` | the last of [`EngramHistory::states`] |
//! | `inspect(id)` | [`RowHistory::inspect`] |
//! | `add_summary` | done by the memory |
//! | `save`, `load` | [`History::save`], [`History::load`] |
//! | `EngramHistory.id`, `creation_timestep`, `deletion_timestep`, `duration` | [`EngramHistory::life`] |
//! | `EngramHistory.firing_times`, `firings` | [`EngramHistory::firing_steps`], [`firings`](EngramHistory::firings) |
//! | `EngramHistory.summaries` | [`EngramHistory::states`] for the engram, [`RowHistory::at`] for all |
//! | `Firing.timestep`, `engram_id`, `lifespan_gain` | [`Firing::step`], [`engram`](Firing::engram), [`lifespan_gain`](Firing::lifespan_gain) |
//! | `EngramInfo.id`, `type`, `lifespan`, `age`, `fire_count` | [`Engram`](crate::Engram) |
//! | `EngramInfo.outgoings`, `cofire_counts` | [`Moment::outgoing`] |
//! | `EngramInfo.incoming` | [`Moment::incoming`] |
//! | `EngramsInfo.engrams`, `edges` | [`Moment::engrams`], [`Moment::edges`] |
//! | `EngramsInfo.working`, `shortterm`, `longterm` | [`Moment::of_kind`] |
//! | `EngramConnection.source_id`, `target_id`, `weight`, `cofire_count` | [`Edge`]; seen from its source, [`Connection`](crate::Connection) |
//!
//! The two count differently. The package looks at the living engrams at the end of each step. So it misses the firing
//! of an engram in the step in which it is made, its firing in the step in which it dies, and engrams that die in their
//! first step. It computes a gain from two lifespans, with their rounding, and counts two reminds of a step as one
//! firing. Here all of that is recorded as it happens. A reset of the memory ends the package's history; here it is
//! part of it.
//!
//! The two are compared on one row, and where their searches agree: while no long-term engram is reminded, or while all
//! short-term engrams are reminded and all long-term ones are connected. Engrams that the package is reminded of in
//! error also appear as firings in its history.
//!
//! # Errors
//!
//! A request for something that a [`History`] does not contain gives an error that says what it contains. Bytes are
//! refused as [`History::from_bytes`] says. Reading a history never panics, whatever it was made from.

mod event;
mod file;
mod firing;
mod inspect;
mod lives;
mod moment;
mod population;
mod record;
mod recorder;
mod replay;
mod row_history;
mod summary;
mod walk;

use std::{
    io::{self, BufReader, Read, Write},
    path::Path,
};

use serde::Serialize;

pub use event::HistoryEvent;
pub use firing::Firing;
pub use inspect::{Companion, EngramHistory};
pub use lives::{Death, DeathCause, Life};
pub use moment::{Edge, Moment};
pub(crate) use recorder::Recorder;
pub use row_history::RowHistory;
pub(crate) use row_history::{Beginning, Cursor, PIECE_BYTES};
pub use summary::StepSummary;

use crate::{MemoriaError, files::durable_file};

/// What happened in all rows of a memory, up to the request.
///
/// Made by [`Memoria::history`](crate::Memoria::history), or read from a file. It does not change while the memory goes
/// on, and can move to another thread, for example to be saved there.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub(crate) rows: Vec<RowHistory>,
}

impl History {
    /// Number of rows.
    pub fn batch(&self) -> usize {
        self.rows.len()
    }

    /// What happened in each row.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &RowHistory> {
        self.rows.iter()
    }

    /// What happened in one row.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::RowOutOfRange`].
    pub fn row(&self, row: usize) -> Result<&RowHistory, MemoriaError> {
        let rows = self.rows.len();
        self.rows.get(row).ok_or(MemoriaError::RowOutOfRange { got: row, rows })
    }

    /// Writes a file; on an error the existing one stays. A new file in the same folder is written to the disk and
    /// replaces the path atomically.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::Io`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), MemoriaError> {
        durable_file::write(path.as_ref(), "history", |writer| self.write(writer))
    }

    /// Reads a file that [`save`](Self::save) wrote.
    ///
    /// # Errors
    ///
    /// As [`from_bytes`](Self::from_bytes), and [`MemoriaError::Io`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self, MemoriaError> {
        let path = path.as_ref();
        let reader = BufReader::new(durable_file::open(path)?);
        file::read(reader, true).map_err(|error| error.in_file(path))
    }

    /// Writes to any writer, some 256 KiB at a time.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::Io`]. The bytes written until then are not a history.
    pub fn write(&self, writer: impl Write) -> Result<(), MemoriaError> {
        file::write(self, writer).map(drop)
    }

    /// Reads what [`write`](Self::write) wrote, up to its end.
    ///
    /// # Errors
    ///
    /// As [`from_bytes`](Self::from_bytes), and [`MemoriaError::Io`].
    pub fn read(reader: impl Read) -> Result<Self, MemoriaError> {
        file::read(reader, false)
    }

    /// Writes to memory.
    pub fn to_bytes(&self) -> Vec<u8> {
        file::write(self, Vec::new()).expect("a vector takes whatever is written to it")
    }

    /// Reads what [`to_bytes`](Self::to_bytes), [`write`](Self::write) or [`save`](Self::save) wrote.
    ///
    /// Bytes are accepted only if everything in them can have happened: the whole record is replayed. Costs that, and
    /// memory in proportion to the bytes, whatever they contain.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::UnknownFormat`] for bytes of another format, [`MemoriaError::NewerVersion`] for an unknown
    /// version, [`MemoriaError::Damaged`] for bytes that are incomplete or not as they were written,
    /// [`MemoriaError::Invalid`] for events that cannot have happened.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MemoriaError> {
        file::read(bytes, true)
    }

    /// Writes one JSON object per event and line, for other tools: a [`HistoryEvent`] with its `row`,
    /// row after row. Many small writes.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::Io`].
    pub fn write_json_lines(&self, mut writer: impl Write) -> Result<(), MemoriaError> {
        /// An event with its row.
        #[derive(Serialize)]
        struct Line {
            row: usize,
            #[serde(flatten)]
            event: HistoryEvent,
        }
        let failed = |error| MemoriaError::io("writing a history", error);
        for (row, history) in self.rows.iter().enumerate() {
            for event in history.events() {
                let line = serde_json::to_writer(&mut writer, &Line { row, event });
                line.map_err(io::Error::from).map_err(failed)?;
                writer.write_all(b"\n").map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Writes [JSON Lines](Self::write_json_lines) to a file, as safely as [`save`](Self::save).
    ///
    /// # Errors
    ///
    /// [`MemoriaError::Io`].
    pub fn save_json_lines(&self, path: impl AsRef<Path>) -> Result<(), MemoriaError> {
        durable_file::write(path.as_ref(), "history", |writer| self.write_json_lines(writer))
    }
}
