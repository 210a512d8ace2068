//! The memory of Memoria: vectors called *engrams* that live in working, short-term and long-term
//! memory, are wired together when they fire together, come back when they matter, and are
//! forgotten when they never do.
//!
//! It implements Park & Bak, "Memoria: Resolving Fateful Forgetting Problem through
//! Human-Inspired Memory Architecture" (ICML 2024, [arXiv 2310.03052](https://arxiv.org/abs/2310.03052)),
//! without layers and without training: those are in `memoria-nn`. [`Memoria`] is generic over
//! Burn's [`Backend`](burn::backend::Backend), so it works with a concrete backend, with a third
//! party's, and with [`Dispatch`](burn::backend::Dispatch), which is what `burn::Tensor` is made of.
//!
//! # One step
//!
//! 1. [`add_working_memory`](Memoria::add_working_memory) appends new engrams to every row.
//! 2. [`remind`](Memoria::remind) finds the engrams that matter now and fires them together with the
//!    working ones.
//! 3. [`adjust`](Memoria::adjust) extends the lives of the reminded, lets time pass and forgets.
//!
//! ```
//! # #[cfg(feature = "flex")] {
//! use burn::backend::{Flex, TensorData, ops::FloatTensorOps};
//! use memoria_core::{LifespanGain, Memoria, MemoriaConfig};
//!
//! # fn main() -> Result<(), memoria_core::MemoriaError> {
//! let device = Default::default();
//! let config = MemoriaConfig::new(4, 16, 5, 3.0, 4);
//! let mut memory = Memoria::<Flex>::new(config)?;
//! for step in 0..4 {
//!     let numbers: Vec<f32> = (0..2 * 8 * 64).map(|i| ((i * (step + 3)) as f32).sin()).collect();
//!     let data = Flex::float_from_data(TensorData::new(numbers, [2, 8, 64]), &device);
//!     memory.add_working_memory(data)?;
//!     let reminded = memory.remind()?;
//!     // What attends to the reminded engrams decides how long they live on.
//!     let gain = (0..2).map(|row| vec![1.5; reminded.ids(row).len()]).collect();
//!     memory.adjust(&reminded, LifespanGain::Host(gain))?;
//! }
//! let state = memory.state()?;
//! assert_eq!(state.row(0)?.counts().working, 0);
//! # Ok(()) } main().unwrap(); }
//! ```
//!
//! What happened in a memory can be [recorded](history). What a row is reminded of, and at which stage of
//! its search, is in a [`Recall`]; if [asked for](Memoria::trace_searches) also [why](SearchTrace).
//!
//! # How a row is searched
//!
//! The paper compares the short-term engrams with the working ones, walks from the nearest of them through
//! long-term memory along the strongest connections, and takes the nearest of what it passed. Each of these is
//! a choice in [`MemoriaConfig`], and is saved with a memory:
//!
//! | setting | choices | costs per row and step |
//! |---|---|---|
//! | [`short_term_search`](MemoriaConfig::short_term_search) | **[`Nearest`](ShortTermSearch::Nearest)** | a comparison with every short-term vector |
//! | | [`Newest`](ShortTermSearch::Newest), [`Random`](ShortTermSearch::Random), [`None`](ShortTermSearch::None) | no comparison |
//! | [`long_term_search`](MemoriaConfig::long_term_search) | **[`Walk`](LongTermSearch::Walk)** | a look for the strongest connection per walker and step, a comparison with every engram that is visited |
//! | | [`Nearest`](LongTermSearch::Nearest) | a comparison with every long-term vector |
//! | | [`WalkAndNearest`](LongTermSearch::WalkAndNearest) | both |
//! | | [`Random`](LongTermSearch::Random), [`None`](LongTermSearch::None) | no comparison, no look at a connection |
//! | [`long_term_probes`](MemoriaConfig::long_term_probes) | **0** | what `Nearest` costs |
//! | | so many cells | in place of that, with thousands of long-term vectors on the host: a comparison with the centre of each cell, and with the vectors of those cells |
//! | [`wiring`](MemoriaConfig::wiring) | **[`CoFiring`](Wiring::CoFiring)** | the engrams that fire |
//! | | [`Random`](Wiring::Random) | the engrams that fire, and a look at every short-term engram |
//! | [`pooling`](MemoriaConfig::pooling) | **[`Mean`](Pooling::Mean)** | with [`NegSquaredL2`](Correlation::NegSquaredL2) one comparison with the mean, else one with each vector of the query |
//! | | [`Max`](Pooling::Max) | one with each vector of the query |
//!
//! The paper's are in bold. What a row is compared with are its working engrams, or with
//! [`remind_for`](Memoria::remind_for) a query apart from them, which is not stored. Whatever is drawn is drawn
//! from the configured [`seed`](MemoriaConfig::seed); of equal scores and counts the smaller identity wins.
//!
//! # Two planes
//!
//! Vectors lie in one store shared by all rows, [on the device or on the host](Storage); everything else
//! (identities, kinds, lifespans, the firing log, the search) is plain Rust on the host. A step reads
//! from the device at most twice: short-term scores, then the scores of the long-term engrams that the
//! search compares. With vectors on the host it reads once: the new working memories.
//!
//! # Saving
//!
//! A [`Snapshot`] holds a live memory, whole or some rows of it, and [`Restore`] makes a memory of it
//! again, on any backend: it goes on as the uninterrupted one would. [`split`](Memoria::split) and
//! [`merge`](Memoria::merge) take rows out of a batch and put them in, so that a server batches the sessions
//! that are there. [`verify`](Memoria::verify) checks every rule that a memory keeps. What bad input gives, call by
//! call, is at [`MemoriaError`].
//!
//! # Where the paper leaves a choice
//!
//! - A [`remind`](Memoria::remind) may be repeated before [`adjust`](Memoria::adjust): every one of
//!   them fires, and the last one's result is the one to adjust with.
//! - Lifespans are `f32` and lose 1 a step with `f32`'s own arithmetic: above 2²⁴ a step is too small
//!   to be felt, and such an engram does not die. A gain that would overflow stops at `f32::MAX`.
//! - [`ltm_exploration`](MemoriaConfig::ltm_exploration) draws from the configured seed and the
//!   number of times a row was reminded, so that a row draws in a batch what it would draw alone.
//! - The rows of a batch share nothing; scores are computed row by row for that reason.

mod attachment;
mod bookkeeping;
mod config;
mod costs;
mod engram;
mod error;
mod files;
mod gain;
mod graph;
pub mod history;
mod id;
mod invariant;
mod memoria;
mod memory_use;
mod recall;
#[cfg(test)]
mod reference;
mod row;
mod search;
mod shown;
mod snapshot;
mod state;
mod step;
mod store;
mod threads;

pub use attachment::{AttachedRows, Attachment};
pub use config::{Correlation, LongTermSearch, MemoriaConfig, Pooling, ShortTermSearch, Wiring};
pub use costs::Costs;
pub use engram::{Connection, Engram, EngramCounts, EngramKind};
pub use error::MemoriaError;
pub use gain::LifespanGain;
pub use id::EngramId;
pub use invariant::Invariant;
pub use memoria::Memoria;
pub use memory_use::MemoryUse;
pub use recall::Recall;
pub use search::{Reached, SearchStage, SearchTrace, Stages};
pub use snapshot::{Restore, Restored, Snapshot, SnapshotInfo};
pub use state::{RowState, State};
#[doc(hidden)]
pub use step::check_hidden_norms;
#[doc(hidden)]
pub use store::available_memory_of;
pub use store::{Storage, computes_on_host};
