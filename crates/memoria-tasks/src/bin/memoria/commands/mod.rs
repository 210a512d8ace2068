//! One file per command.

pub(crate) mod analyse;
pub(crate) mod compare;
pub(crate) mod configs;
pub(crate) mod data;
pub(crate) mod eval;
pub(crate) mod generate;
pub(crate) mod inspect;
pub(crate) mod read;
pub(crate) mod train;
