//! GPT-2 as a writer: cached and uncached, against an obvious reference and against transformers.

mod refusals;
mod rows;
mod support;
mod tokens;
