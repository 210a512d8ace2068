use super::{ContextMemory, ContextMemoryConfig};
use crate::training::SegmentModel;

/// A model of this crate; such models differ only in their [context](super::ContextName).
pub trait ContextModel: SegmentModel<Memory = ContextMemory> {
    /// Returns the configuration of its memories, if it has any.
    fn memory_config(&self) -> Option<&ContextMemoryConfig>;
}
