use super::{ContextMemory, ContextMemoryConfig};
use crate::training::SegmentModel;

/// A model of this crate, of which only the [context](super::ContextName) differs.
pub trait ContextModel: SegmentModel<Memory = ContextMemory> {
    /// What memories of it are made with, if it has one.
    fn memory_config(&self) -> Option<&ContextMemoryConfig>;
}
