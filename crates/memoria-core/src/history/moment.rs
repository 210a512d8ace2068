use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::{
    Connection, Engram, EngramCounts, EngramId, EngramKind, MemoriaError,
    engram::{connections, weight},
    history::{replay::Replay, row_history::RowHistory},
};

/// A connection between two engrams, seen from one of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edge {
    /// The engram that it leads from.
    pub from: EngramId,
    /// The engram that it leads to.
    pub to: EngramId,
    /// How often the two fired together.
    pub cofire_count: u32,
    /// The paper's edge weight: the probability that `to` fires when `from` does.
    pub weight: f32,
}

/// The state of a row at some moment, computed from the record.
///
/// Contains the engrams; connections are counted on request.
#[derive(Clone, Debug)]
pub struct Moment<'a> {
    history: &'a RowHistory,
    /// Firings from this step on are not counted.
    until: u64,
    engrams: Vec<Engram>,
}

impl<'a> Moment<'a> {
    /// Before step `until`.
    pub(super) fn new(history: &'a RowHistory, until: u64) -> Self {
        Self { history, until, engrams: Replay::until(history, until).engrams().collect() }
    }

    /// The living engrams, in order of id.
    pub fn engrams(&self) -> &[Engram] {
        &self.engrams
    }

    /// One engram, if it lived.
    pub fn engram(&self, id: EngramId) -> Option<&Engram> {
        let at = self.engrams.binary_search_by_key(&id, |engram| engram.id).ok()?;
        Some(&self.engrams[at])
    }

    /// The engrams of one kind, in order of id.
    pub fn of_kind(&self, kind: EngramKind) -> impl Iterator<Item = &Engram> {
        self.engrams.iter().filter(move |engram| engram.kind == kind)
    }

    /// How many engrams there were of each kind.
    pub fn counts(&self) -> EngramCounts {
        EngramCounts::of(&self.engrams)
    }

    /// How often two engrams had fired together; for one engram twice, how often it had fired.
    ///
    /// Reads the record from the birth of the younger one up to the moment.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::NotInHistory`] if one of them did not live.
    pub fn cofire_count(&self, a: EngramId, b: EngramId) -> Result<u32, MemoriaError> {
        let (fire_count, _) = (self.living(a)?.fire_count, self.living(b)?);
        if a == b {
            return Ok(fire_count);
        }
        let mut count = 0u32;
        self.history.fired_together(a.max(b), self.until, |members, times| {
            if members.binary_search(&a).is_ok() && members.binary_search(&b).is_ok() {
                count = count.saturating_add(times);
            }
        });
        Ok(count)
    }

    /// The connections of an engram to others that lived, the strongest first, of equal ones the smaller id first.
    /// Reads the record from its birth up to the moment.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::NotInHistory`] if it did not live.
    pub fn outgoing(&self, from: EngramId) -> Result<Vec<Connection>, MemoriaError> {
        let fire_count = self.living(from)?.fire_count;
        Ok(connections(self.counts_of(from), fire_count))
    }

    /// The connections of others that lived to an engram, in order of their ids. Reads the record from
    /// its birth up to the moment.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::NotInHistory`] if it did not live.
    pub fn incoming(&self, to: EngramId) -> Result<Vec<Edge>, MemoriaError> {
        self.living(to)?;
        let counts = self.counts_of(to).into_iter();
        let mut edges: Vec<Edge> = counts.map(|(from, count)| self.edge(from, to, count)).collect();
        edges.sort_unstable_by_key(|edge| edge.from);
        Ok(edges)
    }

    /// All connections between engrams that lived, in order of `from` and `to`; each pair occurs in both directions.
    /// Reads the record up to the moment; costs the squares of the sizes of its firings.
    pub fn edges(&self) -> Vec<Edge> {
        let mut counts: BTreeMap<(EngramId, EngramId), u32> = BTreeMap::new();
        let mut living = Vec::new();
        self.history.fired_together(EngramId(0), self.until, |members, times| {
            living.clear();
            living.extend(members.iter().copied().filter(|&id| self.engram(id).is_some()));
            for &from in &living {
                for &to in living.iter().filter(|&&to| to != from) {
                    let count = counts.entry((from, to)).or_default();
                    *count = count.saturating_add(times);
                }
            }
        });
        counts.into_iter().map(|((from, to), count)| self.edge(from, to, count)).collect()
    }

    fn edge(&self, from: EngramId, to: EngramId, cofire_count: u32) -> Edge {
        let fire_count = self.engram(from).map_or(0, |engram| engram.fire_count);
        Edge { from, to, cofire_count, weight: weight(cofire_count, fire_count) }
    }

    fn counts_of(&self, id: EngramId) -> HashMap<EngramId, u32> {
        let mut counts: HashMap<EngramId, u32> = HashMap::new();
        self.history.fired_together(id, self.until, |members, times| {
            if members.binary_search(&id).is_err() {
                return;
            }
            for &with in members {
                if with != id && self.engram(with).is_some() {
                    let count = counts.entry(with).or_default();
                    *count = count.saturating_add(times);
                }
            }
        });
        counts
    }

    fn living(&self, id: EngramId) -> Result<&Engram, MemoriaError> {
        self.engram(id).ok_or(MemoriaError::NotInHistory { engram: id })
    }
}
