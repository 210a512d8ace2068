//! Files: bytes with checksums, and files that replace others in one move.

pub(crate) mod checksummed;
pub(crate) mod durable_file;
pub(crate) mod varint;
