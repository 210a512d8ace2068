use core::fmt;

/// A rule that a memory keeps between any two calls.
///
/// In the order in which [`Memoria::verify`](crate::Memoria::verify) checks them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Invariant {
    /// A memory has a vector store if it has rows, and only then. Pending working memories, attachments and an open
    /// step have as many rows as the memory.
    Batch,
    /// Every bookkeeping entry belongs to one living engram or is free.
    Entries,
    /// Living engrams have unique identities, smaller than the next one to be assigned.
    Identity,
    /// Every engram is in one of working, short-term and long-term memory. In order of identity, the long-term engrams
    /// come first, then the short-term ones, then the working ones.
    Kind,
    /// Short-term memory holds no more than its capacity.
    Capacity,
    /// Working engrams were made in the present step, all others before. Of two engrams, the one with the smaller
    /// identity is not the younger one.
    Age,
    /// A living engram has a finite lifespan above 0.
    Lifespan,
    /// An engram that can die has an appointment in the calendar, at the step of its death or before.
    Appointment,
    /// An engram fired no more often than its row was reminded.
    FireCount,
    /// Every long-term engram is in one cell of similar vectors, or waits for a cell.
    Cells,
    /// A logged firing has at least two members. All of them live and are in order of identity, the long-term ones
    /// first.
    Firing,
    /// Every engram lists the logged firings that it took part in, and no others.
    FiringList,
    /// Counts of flushed firings are symmetric and between engrams that took part in many firings.
    Tie,
    /// Two engrams fired together no more often than either of them fired.
    CofireCount,
    /// The cached strongest connections have their present counts, and no other connection is stronger.
    Strongest,
    /// The buffers of a search are empty between searches.
    Scratch,
    /// Every engram has its own slot in the store; all other slots are vacant.
    Slot,
    /// Engrams to be adjusted live, and were made before the present step.
    OpenStep,
    /// Vectors are finite, with finite distances.
    Vector,
}

impl Invariant {
    /// The name that messages use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Entries => "entries",
            Self::Identity => "identity",
            Self::Kind => "kind",
            Self::Capacity => "capacity",
            Self::Age => "age",
            Self::Lifespan => "lifespan",
            Self::Appointment => "appointment",
            Self::FireCount => "fire count",
            Self::Cells => "cells",
            Self::Firing => "firing",
            Self::FiringList => "firing list",
            Self::Tie => "tie",
            Self::CofireCount => "co-firing count",
            Self::Strongest => "strongest connections",
            Self::Scratch => "scratch",
            Self::Slot => "slot",
            Self::OpenStep => "open step",
            Self::Vector => "vector",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A broken invariant, and what was found instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) invariant: Invariant,
    pub(crate) found: String,
}

impl Finding {
    pub(crate) fn new(invariant: Invariant, found: String) -> Self {
        Self { invariant, found }
    }
}

/// Gives a [`Finding`] if an invariant does not hold.
pub(crate) fn ensure(
    holds: bool,
    invariant: Invariant,
    found: fmt::Arguments<'_>,
) -> Result<(), Finding> {
    if holds { Ok(()) } else { Err(Finding::new(invariant, found.to_string())) }
}

/// Marks an index, for a check that each occurs once. Returns whether the index exists and was not marked before.
pub(crate) fn mark_once(marks: &mut [bool], index: usize) -> bool {
    marks.get_mut(index).is_some_and(|mark| !core::mem::replace(mark, true))
}
