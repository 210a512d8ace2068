//! What the models are held to. One program, so that Burn is linked once; what sets the seed of the
//! process has its own.

mod checkpoint;
mod checkpoints;
mod configurations;
mod files;
mod finite;
mod gradients;
mod inference;
mod inputs;
mod learned;
mod learned_files;
mod learned_gradients;
mod refusals;
mod rows;
mod saving;
mod sizes;
mod window;
