//! What the models are held to. One program, so that Burn is linked once; what sets the seed of the
//! process has its own.

mod checkpoints;
mod gradients;
mod inference;
mod inputs;
mod refusals;
mod rows;
mod saving;
mod sizes;
mod window;
