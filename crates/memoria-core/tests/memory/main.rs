//! The memory with valid and with invalid input. One program, so that Burn is linked once.

mod adjusting;
mod errors;
mod finite_data;
mod limits;
mod nearest;
mod query;
mod support;
mod tracing;
