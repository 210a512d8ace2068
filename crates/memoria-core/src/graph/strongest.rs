//! The strongest connections of some engrams to long-term ones.

use rustc_hash::FxHashMap;

use super::{
    FiringLog, firings::Firings, participation::Participation, strongest_cache::StrongestCache,
};
use crate::{
    EngramId,
    bookkeeping::{counters::Tally, marks::Marks, records::Records},
    id::{Entry, Member},
};

/// A connection of two engrams: how often they fired together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Connection {
    pub(crate) from: Member,
    pub(crate) to: Member,
    pub(crate) count: u32,
}

impl FiringLog {
    /// Reports, for each of some engrams, its connection to the long-term engram not in `visited` that fired with it
    /// most often; of equal ones to that with the smallest id. None of the engrams is long-term unless visited. Engrams
    /// without a connection are skipped. Ids of long-term engrams are below `youngest`.
    ///
    /// Costs the long-term members of the few firings that an engram took part in, once for all engrams of the same
    /// firings. A hub costs its cached connections, about twice as many as were visited. Sometimes they are counted
    /// again, which costs the hub's row.
    pub(crate) fn strongest_connections(
        &mut self,
        from: &[Member],
        youngest: EngramId,
        visited: &Marks,
        records: &Records,
        mut found: impl FnMut(Connection),
    ) {
        let is_grouped = from.len() > self.limits.grouped_above;
        let Self { firings, participations, limits, workspace, .. } = self;
        let (counts, tally) = (&mut workspace.counts, &mut workspace.tally);
        participations.searches = participations.searches.wrapping_add(1);
        let mut made = 0;
        let mut of_one: Option<(u32, Option<(Member, u32)>)> = None;
        let mut of_several: FxHashMap<&[u32], Option<(Member, u32)>> = FxHashMap::default();
        for &from in from {
            let strongest = match &participations.by_entry[from.entry.index()] {
                Participation::Few(list) => {
                    let listed = participations.lists.get(list);
                    let mut strongest = || of_few(listed, firings, visited, records, tally);
                    match (listed, of_one) {
                        (&[only], Some((firing, known))) if only == firing => known,
                        (&[only], _) => of_one.insert((only, strongest())).1,
                        _ if is_grouped => *of_several.entry(listed).or_insert_with(strongest),
                        _ => strongest(),
                    }
                }
                Participation::Hub(at) => {
                    let hub = &mut participations.hubs[*at as usize];
                    hub.last_asked = participations.searches;
                    let kept = hub.strongest.as_ref();
                    kept.and_then(|kept| kept.unvisited(visited, records)).unwrap_or_else(|| {
                        made += 1;
                        hub.count_long_term(firings, youngest, records, counts);
                        let kept = StrongestCache::of(counts, visited.len(), limits, records);
                        let known = kept.unvisited(visited, records);
                        hub.strongest = Some(kept);
                        known.expect("more are kept than were visited")
                    })
                }
            };
            if let Some((to, count)) = strongest {
                found(Connection { from, to, count });
            }
        }
        participations.sweep(made * limits.swept_hubs, limits.unused_searches);
    }
}

/// The long-term engram not in `visited` that took part in most of the `listed` firings, and in how many.
fn of_few(
    listed: &[u32],
    firings: &Firings,
    visited: &Marks,
    records: &Records,
    tally: &mut Tally,
) -> Option<(Member, u32)> {
    let is_unvisited = |entry: &&Entry| !visited.contains(**entry);
    if let [only] = listed {
        let first = firings[*only].long_term().iter().find(is_unvisited);
        return first.map(|&entry| (records.member(entry), 1));
    }
    tally.begin(records.len(), listed.len() as u32);
    let mut strongest: Option<(Member, u32)> = None;
    for &firing in listed {
        // Counts only grow, so the strongest of all is the strongest of some firing when that has been counted. Members
        // are in order of id: in one firing the first of equals suffices.
        let mut most = strongest.map_or(0, |(_, count)| count - 1);
        let mut with_most = None;
        for &entry in firings[firing].long_term() {
            let count = tally.add(entry);
            if count > most && !visited.contains(entry) {
                (most, with_most) = (count, Some(entry));
            }
        }
        if let Some(member) = with_most.map(|entry| records.member(entry))
            && strongest.is_none_or(|(of, count)| most > count || member.id < of.id)
        {
            strongest = Some((member, most));
        }
    }
    strongest
}
