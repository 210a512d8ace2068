//! Burn modules around a Memoria memory: what a transformer needs to remember beyond its context.
//!
//! - [`Abstractor`] condenses the hidden states of a segment into a few memories.
//! - [`MemoriaState`] holds a memory and the gradient window; an explicit value passed as `&mut`.
//! - [`MemoryAttention`] attends to working and reminded memories, and tells with which weights.
//! - [`MemoriaLayer`] joins the three: one thing to drop between two blocks of any transformer.
//!
//! ```
//! # #[cfg(feature = "flex")] {
//! use burn::tensor::{Device, Distribution, Tensor};
//! use memoria_core::MemoriaConfig;
//! use memoria_nn::{MemoriaLayerConfig, MemoriaStateConfig};
//!
//! # fn main() -> Result<(), memoria_core::MemoriaError> {
//! let device = Device::flex();
//! let layer = MemoriaLayerConfig::new(64, 4, 8).init(&device);
//! let mut memory = MemoriaStateConfig::new(MemoriaConfig::new(4, 16, 5, 3.0, 4)).init()?;
//! for _segment in 0..3 {
//!     let hidden = Tensor::<3>::random([2, 10, 64], Distribution::Default, &device);
//!     let hidden = layer.forward(hidden, &mut memory)?.hidden;
//!     assert_eq!(hidden.dims(), [2, 10, 64]);
//! }
//! # Ok(()) } main().unwrap(); }
//! ```
//!
//! # Gradients
//!
//! What is stored is detached; what is attended to need not be. Within a window of
//! [`bptt`](MemoriaStateConfig::bptt) segments a reminded engram comes back as the tracked tensor it
//! was made as, so that whoever reads a memory trains whoever wrote it. Call
//! [`MemoriaState::detach`] after each `backward`.

mod abstractor;
mod attention;
mod identity;
mod layer;
mod recall;
mod state;
mod window;

pub use abstractor::{Abstractor, AbstractorConfig};
pub use attention::{
    MemoryAttention, MemoryAttentionConfig, MemoryAttentionInput, MemoryAttentionOutput,
    attend_to_memories,
};
pub use layer::{MemoriaLayer, MemoriaLayerConfig, MemoriaLayerOutput};
pub use recall::{Recall, RemindedMemories};
pub use state::{MemoriaState, MemoriaStateConfig};
