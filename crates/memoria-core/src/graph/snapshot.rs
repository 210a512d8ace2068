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
            members(index).try_for_each(|place| put_place(place, &mut least, to))?;
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
            put_place(place, &mut least, to)?;
            to.put_number(ties.len() as u64)?;
            let mut least_with = place + 1;
            for &(with, count) in &ties {
                put_place(with, &mut least_with, to)?;
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
                let place = take_place(&mut least, records.len(), from)?;
                members.push(records.member(Entry(place)));
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
            let here = take_place(&mut least, records.len(), from)?;
            let mut least_with = here + 1;
            let ties = from.count("ties")?;
            if ties == 0 {
                return Err(from.invalid("no ties where there should be some"));
            }
            for _ in 0..ties {
                let with = take_place(&mut least_with, records.len(), from)?;
                let count = from.number()?;
                let Some(count) = u32::try_from(count).ok().filter(|&count| count > 0) else {
                    return Err(from.invalid(format!("a tie of {count}")));
                };
                // Both come in order of id: first with all that are earlier, then with the later ones.
                for (one, other) in [(here, with), (with, here)] {
                    let other = records.member(Entry(other));
                    self.hub_at(Entry(one)).add_tie(other, count);
                }
            }
        }
        Ok(())
    }
}

/// Writes one of several places in ascending order, less the `least` that it can be.
fn put_place(
    place: u32,
    least: &mut u32,
    to: &mut ChecksummedWriter<impl Write>,
) -> Result<(), MemoriaError> {
    let above = u64::from(place - *least);
    *least = place + 1;
    to.put_number(above)
}

/// Reads what [`put_place`] wrote; the place is below `len`.
fn take_place(
    least: &mut u32,
    len: usize,
    from: &mut ChecksummedReader<impl Read>,
) -> Result<u32, MemoriaError> {
    let place = from.number()?.checked_add(u64::from(*least));
    let Some(place) = place.filter(|&place| place < len as u64) else {
        return Err(from.invalid(format!("a member beyond the last of {len} engrams")));
    };
    *least = place as u32 + 1;
    Ok(place as u32)
}
