//! Keys of several tokens.

use rand::{Rng, seq::index};

use crate::TaskError;

/// The key of a number: so many tokens below `symbols`.
pub(super) fn key(mut number: usize, symbols: usize, tokens: usize) -> Vec<u32> {
    let token = |_| {
        let token = number % symbols;
        number /= symbols;
        token as u32
    };
    (0..tokens).map(token).collect()
}

/// How many keys there are of so many tokens.
pub(super) fn different(symbols: usize, tokens: usize) -> usize {
    symbols.saturating_pow(u32::try_from(tokens).unwrap_or(u32::MAX))
}

/// Numbers of different keys, in random order.
///
/// # Errors
///
/// If there are fewer; `option` is what makes more.
pub(super) fn draw(
    needed: usize,
    there: usize,
    option: &str,
    rng: &mut impl Rng,
) -> Result<Vec<usize>, TaskError> {
    if needed > there {
        let expected = format!("such that there are {needed} keys: a document tells of as many");
        return Err(TaskError::option(option, expected, format!("{there} keys")));
    }
    Ok(index::sample(rng, there, needed).into_vec())
}
