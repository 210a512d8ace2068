//! What the layers are held to. One program, so that Burn is linked once; what sets the seed of the
//! process has its own.

mod abstractor;
mod causal;
mod errors;
mod finite;
mod history;
mod layer;
mod learned;
mod snapshot;
mod state;
