//! Burn modules around a Memoria memory: with them a transformer remembers beyond its context.
//!
//! - [`Abstractor`] condenses the hidden states of a segment into a few memories.
//! - [`MemoriaState`] holds a memory and the gradient window; an explicit value passed as `&mut`.
//! - [`MemoryAttention`] attends to working and reminded memories, and returns the weights.
//! - [`MemoriaLayer`] joins the three: one module to put between two blocks of any transformer.
//!
//! ```
//! # #[cfg(feature = "flex")] {
//! use burn::tensor::{Device, Distribution, Tensor};
//! use memoria_core::MemoriaConfig;
//! use memoria_nn::{MemoriaLayerConfig, MemoriaStateConfig};
//!
//! # fn main() -> Result<(), memoria_core::MemoriaError> {
//! let device = Device::flex();
//! let layer = MemoriaLayerConfig::causal(64, 4, 10).init(&device); // `bidirectional` for encoders
//! let mut memory = MemoriaStateConfig::new(MemoriaConfig::new(4, 16, 5, 3.0, 4)).init()?;
//! for _segment in 0..3 {
//!     let hidden = Tensor::<3>::random([2, 10, 64], Distribution::Default, &device);
//!     let hidden = layer.forward(hidden, &mut memory)?.hidden;
//!     assert_eq!(hidden.dims(), [2, 10, 64]);
//! }
//! # Ok(()) } main().unwrap(); }
//! ```
//!
//! # What bad input gives
//!
//! A module panics at a mistake of the program, as Burn's own do. The message contains the expected and the given
//! value. Whatever depends on data, files or devices gives a [`MemoriaError`](memoria_core::MemoriaError). Its page
//! lists the errors of the memory itself.
//!
//! | call | input | gives |
//! |---|---|---|
//! | [`MemoryAttentionConfig::init`], [`MemoriaLayerConfig::init`] | heads that do not divide the width, a dropout that is not within 0 and 1 | panic |
//! | [`AbstractorConfig::init`], [`MemoriaLayerConfig::init`] | 0 memories, 0 places to learn | panic |
//! | [`AbstractorConfig::init_queries`], [`MemoriaLayerConfig::init`] | hidden states as memories and 0 queries | panic |
//! | [`MemoriaLayerConfig::init`] | a recency of 0 | panic |
//! | [`Abstractor::forward`], [`MemoryAttention::forward`], [`MemoriaLayer::attend`], [`recall_scores`] | shapes that do not fit | panic |
//! | [`MemoriaLayer::forward`], [`MemoriaLayer::forward_peek`] | hidden states of another width, a start of a segment that is to be remembered | panic, before the memory takes part |
//! | | the memory of another layer | `OtherLayer` |
//! | | a segment without positions | `EmptyDimension` |
//! | | padding of another batch or length | panic |
//! | | hidden states that the memory refuses: another batch, device or float type | the memory's error |
//! | | hidden states that are not finite, or with squares that overflow, where there is no padding | `NonFiniteHidden`, with row and place; the memory is as it was |
//! | | parameters, or hidden states too large for their type, that give memories that are not finite | `NonFiniteMemory`; the memory is as it was |
//! | | the same in the attention to reminded memories | `NonFiniteAttention`, on a device at the next segment; the row gets no lifespan of that segment |
//! | [`MemoriaStateConfig::init`] | a scale that is not finite; a configuration that is not valid | `InvalidConfig` |
//! | [`MemoriaState::recall`], [`MemoriaState::peek`], [`MemoriaState::prepare`] | as of `add_working_memory` | the memory's error |
//! | [`MemoriaState::recall`], [`MemoriaState::peek`] | a `backward` without [`detach`](MemoriaState::detach), if the working memories have autodiff | `NotDetached` on flex, and with the feature `autodiff` on GPUs; on ndarray Burn's own panic |
//! | | a query of another batch, width, float type or device than the working memories, or of no vectors; padding of another shape | `WrongDimension`, `WrongDType`, `WrongDevice`, `EmptyDimension`; nothing is stored |
//! | | a query that is not finite | `NonFiniteQuery`; nothing is stored |
//! | | absent rows that do not exist | `RowOutOfRange` |
//! | [`MemoriaState::reinforce`] | weights of another batch, width, device or float type; without heads or queries | `WrongDimension`, `WrongDevice`, `WrongDType`, `EmptyDimension` |
//! | | weights that are not finite | `NonFiniteGain` when the memory is next read |
//! | | a recall of a peek, of an earlier step, or that was reinforced already | `StaleReminded`, `NothingReminded` |
//! | [`MemoriaState::reinforce_except`] | padding of another batch and, if something was reminded, of another number of queries or device | `WrongDimension`, `WrongDevice`; else as of `reinforce` |
//! | [`MemoriaState::checking`], [`MemoriaState::keep_segment`] | padding of another shape | `WrongDimension` |
//! | [`MemoriaState::merge`], [`MemoriaState::replace_row`] | a state with another scale, or of another layer | `InvalidConfig`, `OtherLayer`; else as of the memory's |
//! | [`MemoriaState::load`] | a snapshot that was not made of a state | `MissingAttribute`; else as of the memory's |
//! | [`Recall::ids`] | a row that does not exist | panic, as of a slice |
//!
//! # Gradients
//!
//! Stored vectors are detached. The memories that a model attends to can carry gradient. A gradient window lasts from
//! one [`detach`](MemoriaState::detach) to the next. Within it, for [`bptt`](MemoriaStateConfig::bptt) segments, a
//! reminded engram is the tracked tensor that was added. So a segment that reads a memory trains the segment that
//! wrote it. That segment may have read memories, too, and gradients flow on to those: `bptt` bounds each hop, and
//! only [`MemoriaState::detach`] ends the chain. [`MemoriaState`] shows the loop.
//!
//! The device of the hidden states decides. If they have no autodiff, the memory returns nothing tracked, whatever
//! has filled it, and the window ends.
//!
//! # Padding
//!
//! Padding makes no memories and gives no lifespan. Rows of padding alone take no part in a step:
//! [`MemoriaLayerInput`], [`RecallInput::absent`], [`MemoriaState::reinforce_except`].
//!
//! # Float types
//!
//! Layers run in the type of their parameters, whatever the default of the device is. A memory stores that
//! type. Lifespan gains are summed in single precision, or in double if the weights are in double.

mod abstractor;
mod attend;
mod attention;
mod dropout;
mod finite;
mod identity;
mod layer;
mod making;
mod padding;
mod places;
mod precision;
mod recall;
mod recency;
mod score;
mod state;
mod tape;
mod window;

pub use abstractor::{Abstractor, AbstractorConfig, AbstractorOutput};
pub use attend::{ScoreMask, attend};
pub use attention::{
    MemoryAttention, MemoryAttentionConfig, MemoryAttentionInput, MemoryAttentionOutput,
    ProjectedMemories, attend_to_memories,
};
pub use dropout::{apply_dropout, init_dropout};
pub use layer::{MemoriaLayer, MemoriaLayerConfig, MemoriaLayerInput, MemoriaLayerOutput, Sight};
pub use making::{MemoryMaking, MemorySource};
pub use padding::Padding;
pub use places::{Places, init_nearness, nearness_bias};
pub use recall::{Recall, RecallInput, RemindedMemories};
pub use score::{recall_scores, score_scale};
// For the other crates of this workspace.
#[doc(hidden)]
pub use precision::accumulated;
pub use precision::cast;
pub use state::{MemoriaState, MemoriaStateConfig, PreviousSegment};
