//! Trains, tests and explains memories.

fn main() {}
