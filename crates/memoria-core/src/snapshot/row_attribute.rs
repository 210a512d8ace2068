//! Attributes of which each row has its own.

/// Bytes before a value: its length.
const LENGTH: usize = size_of::<u64>();

/// The values of all rows as one.
pub(super) fn joined<'a>(values: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut joined = Vec::new();
    for value in values {
        joined.extend((value.len() as u64).to_le_bytes());
        joined.extend(value);
    }
    joined
}

/// The values of so many rows, if they are that.
pub(super) fn parted(mut joined: &[u8], rows: usize) -> Option<Vec<&[u8]>> {
    let mut values = Vec::new();
    for _ in 0..rows {
        let (length, rest) = joined.split_first_chunk::<LENGTH>()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (value, rest) = rest.split_at_checked(length)?;
        values.push(value);
        joined = rest;
    }
    joined.is_empty().then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn values_come_back(values in proptest::collection::vec(any::<Vec<u8>>(), 0..5)) {
            let joined = joined(values.iter().map(Vec::as_slice));
            prop_assert_eq!(parted(&joined, values.len()).unwrap(), values.clone());
            prop_assert!(parted(&joined, values.len() + 1).is_none());
            if let Some(fewer) = values.len().checked_sub(1) {
                prop_assert!(parted(&joined, fewer).is_none());
                prop_assert!(parted(&joined[..joined.len() - 1], values.len()).is_none());
            }
        }
    }

    #[test]
    fn lengths_beyond_the_end_are_refused() {
        for length in [1, u64::MAX, u64::MAX / 2] {
            assert!(parted(&length.to_le_bytes(), 1).is_none());
        }
        assert!(parted(&[], usize::MAX).is_none());
    }
}
