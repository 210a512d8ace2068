//! Files: checksummed bytes, and files that replace others atomically.

pub(crate) mod checksummed;
pub(crate) mod durable_file;
pub(crate) mod varint;
