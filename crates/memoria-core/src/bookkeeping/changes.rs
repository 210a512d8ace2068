//! Where a list has changed.

/// This many more positions than the list has are not worth keeping.
const SPARE: usize = 64;

/// Positions of a list that hold something else than when they were last looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    /// `None` if it is not kept where the list changes: it may have anywhere.
    positions: Option<Vec<u32>>,
}

impl Changes {
    /// Notes that a list, now of this length, has changed at a position.
    #[inline]
    pub(crate) fn note(&mut self, position: usize, len: usize) {
        let Some(positions) = &mut self.positions else { return };
        if positions.len() > len.saturating_add(SPARE) {
            self.positions = None;
        } else {
            positions.push(position as u32);
        }
    }

    /// Where the list has changed, in any order and some positions more than once; `None` if that is not known.
    pub(crate) fn positions(&self) -> Option<&[u32]> {
        self.positions.as_deref()
    }

    /// Begins anew, after a look at the list.
    pub(crate) fn begin(&mut self) {
        self.positions.get_or_insert_default().clear();
    }

    /// Keeps nothing from now on.
    pub(crate) fn stop(&mut self) {
        self.positions = None;
    }

    pub(crate) fn bytes(&self) -> usize {
        self.positions.as_ref().map_or(0, |positions| positions.capacity() * size_of::<u32>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_a_list_has_are_not_kept() {
        let mut changes = Changes::default();
        changes.note(3, 4);
        assert_eq!(changes.positions(), None);
        changes.begin();
        changes.note(3, 4);
        assert_eq!(changes.positions(), Some(&[3][..]));
        (0..=100).for_each(|_| changes.note(2, 4));
        assert_eq!(changes.positions(), None);
        changes.begin();
        assert_eq!(changes.positions(), Some(&[][..]));
        changes.stop();
        assert_eq!((changes.positions(), changes.bytes()), (None, 0));
    }
}
