//! What the examples share.

pub(crate) mod device;
