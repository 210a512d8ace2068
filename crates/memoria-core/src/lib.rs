//! A memory of vectors, called *engrams*, in working, short-term and long-term memory. Engrams that fire together are
//! connected. Engrams that matter come back, and engrams that never do are forgotten.
//!
//! It implements Park & Bak, "Memoria: Resolving Fateful Forgetting Problem through
//! Human-Inspired Memory Architecture" (ICML 2024, [arXiv 2310.03052](https://arxiv.org/abs/2310.03052)),
//! without layers and without training: those are in `memoria-nn`. [`Memoria`] is generic over Burn's
//! [`Backend`](burn::backend::Backend). It works with a concrete backend, with a third-party one, and with
//! [`Dispatch`](burn::backend::Dispatch), the backend of `burn::Tensor`.
//!
//! # One step
//!
//! 1. [`add_working_memory`](Memoria::add_working_memory) appends new engrams to every row.
//! 2. [`remind`](Memoria::remind) finds the engrams that matter now and fires them together with the
//!    working ones.
//! 3. [`adjust`](Memoria::adjust) adds the lifespan gains of the reminded engrams, lets a step pass and forgets.
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
//! [`history`] records what happens in a memory. A [`Recall`] contains the reminded engrams of each row and what each
//! stage of its search found. If searches are [traced](Memoria::trace_searches), it also contains [why](SearchTrace).
//!
//! # How a row is searched
//!
//! The paper compares the short-term engrams with the working ones. From the nearest of them it walks through long-term
//! memory along the strongest connections, and takes the nearest of the visited engrams. Each of these is a choice in
//! [`MemoriaConfig`], and is saved with a memory:
//!
//! | setting | choices | costs per row and step |
//! |---|---|---|
//! | [`short_term_search`](MemoriaConfig::short_term_search) | **[`Nearest`](ShortTermSearch::Nearest)** | a comparison with every short-term vector |
//! | | [`Newest`](ShortTermSearch::Newest), [`Random`](ShortTermSearch::Random), [`None`](ShortTermSearch::None) | no comparison |
//! | [`long_term_search`](MemoriaConfig::long_term_search) | **[`Walk`](LongTermSearch::Walk)** | a lookup of the strongest connection per walker and step, a comparison with every visited engram |
//! | | [`Nearest`](LongTermSearch::Nearest) | a comparison with every long-term vector |
//! | | [`WalkAndNearest`](LongTermSearch::WalkAndNearest) | both |
//! | | [`Random`](LongTermSearch::Random), [`None`](LongTermSearch::None) | no comparison, no lookup of a connection |
//! | [`long_term_probes`](MemoriaConfig::long_term_probes) | **0** | the cost of `Nearest` |
//! | | a number of cells | instead, with thousands of long-term vectors on the host: a comparison with the centre of each cell, and with the vectors of that many cells |
//! | [`wiring`](MemoriaConfig::wiring) | **[`CoFiring`](Wiring::CoFiring)** | the engrams that fire |
//! | | [`Random`](Wiring::Random) | the engrams that fire, and a visit to every short-term engram |
//! | [`pooling`](MemoriaConfig::pooling) | **[`Mean`](Pooling::Mean)** | with [`NegSquaredL2`](Correlation::NegSquaredL2) one comparison with the mean, else one with each vector of the query |
//! | | [`Max`](Pooling::Max) | one with each vector of the query |
//!
//! The paper's choices are in bold. A row is compared with its working engrams, or in
//! [`remind_for`](Memoria::remind_for) with a separate query, which is not stored. All draws use the configured
//! [`seed`](MemoriaConfig::seed). Of equal scores and counts the smaller identity wins.
//!
//! # Two planes
//!
//! Vectors are in one store shared by all rows, [on the device or on the host](Storage). Everything else (identities,
//! kinds, lifespans, the firing log, the search) is plain Rust on the host. A step reads from the device at most twice:
//! the short-term scores, then the scores of the long-term engrams that the search compares. With vectors on the host
//! it reads once: the new working memories.
//!
//! # Saving
//!
//! A [`Snapshot`] contains a live memory, or some of its rows. [`Restore`] makes a memory from it again, on any
//! backend, which continues as the uninterrupted one would. [`split`](Memoria::split) and [`merge`](Memoria::merge)
//! take rows out of a batch and add them, so that a server can batch its present sessions. [`verify`](Memoria::verify)
//! checks every rule that a memory keeps. [`MemoriaError`] lists what bad input gives, call by call.
//!
//! # Where the paper leaves a choice
//!
//! - A [`remind`](Memoria::remind) may be repeated before [`adjust`](Memoria::adjust): each one fires, and `adjust`
//!   takes the result of the last one.
//! - Lifespans are `f32` and lose 1 a step in `f32` arithmetic. Above 2²⁴ a step is too small to change them, and such
//!   an engram does not die. A gain that would overflow stops at `f32::MAX`.
//! - [`ltm_exploration`](MemoriaConfig::ltm_exploration) draws from the configured seed and the number of reminds of
//!   the row, so that a row draws the same in a batch as alone.
//! - The rows of a batch share nothing, so scores are computed row by row.

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
pub use store::{Storage, computes_on_host};
#[doc(hidden)]
pub use store::{available_memory_of, check_device, check_dtype, check_sizes};
