//! What the memory does with good and with bad input. One program, so that Burn is linked once.

mod adjusting;
mod errors;
mod finite_data;
mod limits;
mod nearest;
mod query;
mod support;
mod tracing;
