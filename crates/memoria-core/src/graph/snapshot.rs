//! A firing log in a snapshot.

use std::io::{Read, Write};

use super::FiringLog;
use crate::{
    MemoriaError,
    bookkeeping::records::Records,
    files::checksummed::{ChecksummedReader, ChecksummedWriter},
    id::{Entry, Member},
};

impl FiringLog {
    /// Writes all co-firing counts between the `living`, in order of id; `places` has the place of each in that
    /// order, by entry.
    pub(crate) fn write(
        &self,
        living: &[Member],
        places: &[u32],
        records: &Records,
        to: &mut ChecksummedWriter<impl Write>,
    ) -> Result<(), MemoriaError> {
        let members =
            |index: u32| self.firings[index].members.iter().map(|entry| places[entry.index()]);
        let mut firings: Vec<u32> = self.firings.used().map(|(index, _)| index).collect();
        firings.sort_unstable_by(|&a, &b| members(a).cmp(members(b)));
        to.put_number(firings.len() as u64)?;
        for index in firings {
            to.put_number(members(index).len() as u64)?;
            let mut least = 0;
            members(index).try_for_each(|place| to.put_above(&mut least, place.into()))?;
        }

        let later = |here: Member| {
            let hub = self.participations.hub(here.entry).into_iter();
            let ties = hub.flat_map(|hub| hub.ties(records));
            ties.filter(move |(with, _)| with.id > here.id)
        };
        let hubs = living.iter().copied().filter(|here| self.participations.is_hub(here.entry));
        let tied: Vec<Member> = hubs.filter(|&here| later(here).next().is_some()).collect();
        to.put_number(tied.len() as u64)?;
        let (mut least, mut ties) = (0, Vec::new());
        for here in tied {
            let place = places[here.entry.index()];
            ties.clear();
            ties.extend(later(here).map(|(with, count)| (places[with.entry.index()], count)));
            ties.sort_unstable();
            to.put_above(&mut least, place.into())?;
            to.put_number(ties.len() as u64)?;
            let mut least_with = least;
            for &(with, count) in &ties {
                to.put_above(&mut least_with, with.into())?;
                to.put_number(u64::from(count))?;
            }
        }
        Ok(())
    }

    /// Reads a log of engrams. Their entries are in order of id, the first `long_term` of them long-term.
    pub(crate) fn read(
        long_term: usize,
        records: &Records,
        from: &mut ChecksummedReader<impl Read>,
    ) -> Result<Self, MemoriaError> {
        let mut log = Self::default();
        log.grow(records.len());
        let firings = from.count("firings")?;
        if u32::try_from(firings).is_err() {
            return Err(from.invalid(format!("{firings} firings")));
        }
        let mut members = Vec::new();
        for index in 0..firings as u32 {
            let count = from.count("members of a firing")?;
            if count < 2 {
                return Err(from.invalid("a firing of fewer than two"));
            }
            members.clear();
            let mut least = 0;
            for _ in 0..count {
                members.push(records.member(take_place(&mut least, records, from)?));
            }
            let of_long_term = members.partition_point(|member| member.entry.index() < long_term);
            log.add(&members, of_long_term);
            let is_in_order =
                |before: u32| log.firings[before].members <= log.firings[index].members;
            if !index.checked_sub(1).is_none_or(is_in_order) {
                return Err(from.invalid("firings are not in the order of their members"));
            }
        }
        log.read_ties(records, from)?;
        Ok(log)
    }

    fn read_ties(
        &mut self,
        records: &Records,
        from: &mut ChecksummedReader<impl Read>,
    ) -> Result<(), MemoriaError> {
        let mut least = 0;
        for _ in 0..from.count("engrams with ties")? {
            let here = take_place(&mut least, records, from)?;
            let mut least_with = least;
            let ties = from.count("ties")?;
            if ties == 0 {
                return Err(from.invalid("no ties where there should be some"));
            }
            for _ in 0..ties {
                let with = take_place(&mut least_with, records, from)?;
                let count = from.number()?;
                let Some(count) = u32::try_from(count).ok().filter(|&count| count > 0) else {
                    return Err(from.invalid(format!("a tie of {count}")));
                };
                // Each gets its ties in order of id: first with all earlier engrams, then with the later ones.
                for (one, other) in [(here, with), (with, here)] {
                    self.hub_at(one).add_tie(records.member(other), count);
                }
            }
        }
        Ok(())
    }
}

/// The engram at one of several places in ascending order.
fn take_place(
    least: &mut u64,
    records: &Records,
    from: &mut ChecksummedReader<impl Read>,
) -> Result<Entry, MemoriaError> {
    let (len, place) = (records.len(), from.above(least, records.len() as u64)?);
    let beyond = || from.invalid(format!("a member beyond the last of {len} engrams"));
    place.map(|place| Entry(place as u32)).ok_or_else(beyond)
}
