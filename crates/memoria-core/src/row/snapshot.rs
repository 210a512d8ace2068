//! Rows in snapshots.

use std::io::{Read, Write};

use super::Row;
use crate::{
    EngramId, MemoriaError,
    bookkeeping::{
        lifespan::Lifespan,
        records::{Place, Record},
    },
    files::checksummed::{ChecksummedReader, ChecksummedWriter},
    graph::FiringLog,
    id::{Entry, Member, Slot},
    store::Cells,
};

/// The largest number of steps or reminds: at a nanosecond each, reaching it takes 292 years. So additions to a step
/// never overflow.
const MOST_STEPS: u64 = 1 << 63;
/// The largest number of engrams of a row.
const MOST_ENGRAMS: usize = i32::MAX as usize;

impl Row {
    /// Writes the row, and returns the slots of its vectors, which follow in the snapshot.
    pub(crate) fn write(
        &self,
        to: &mut ChecksummedWriter<impl Write>,
    ) -> Result<Vec<Slot>, MemoriaError> {
        let mut living: Vec<Member> = self.living().collect();
        living.sort_unstable();
        for counter in [self.next_id, self.steps, self.reminds] {
            to.put_number(counter)?;
        }
        for count in [self.working.len(), self.short_term.len(), self.long_term.len()] {
            to.put_number(count as u64)?;
        }
        let (mut least_id, mut age_before) = (0, None);
        let mut places = vec![0; self.records.len()];
        for (place, member) in living.iter().enumerate() {
            let record = self.records.get(member.entry);
            let age = self.steps - record.born;
            to.put_above(&mut least_id, record.id.0)?;
            to.put_number(age_before.map_or(age, |before: u64| before - age))?;
            to.put(&record.lifespan.at(self.steps).to_le_bytes())?;
            to.put_number(u64::from(record.fire_count))?;
            age_before = Some(age);
            places[member.entry.index()] = place as u32;
        }
        for entry in self.long_term.iter() {
            to.put_number(u64::from(places[entry.index()]))?;
        }
        self.log.write(&living, &places, &self.records, to)?;
        Ok(living.iter().map(|member| self.slot(member.entry)).collect())
    }

    /// Reads a row. Its vectors have no slots yet; entries are in order of id.
    pub(crate) fn read(from: &mut ChecksummedReader<impl Read>) -> Result<Self, MemoriaError> {
        let next_id = from.number()?;
        let (steps, reminds) = (from.number()?, from.number()?);
        if steps.max(reminds) > MOST_STEPS {
            return Err(from.invalid(format!("{steps} steps and {reminds} reminds")));
        }
        let working = from.count("working engrams")?;
        let short_term = from.count("short-term engrams")?;
        let long_term = from.count("long-term engrams")?;
        let engrams = working.checked_add(short_term).and_then(|sum| sum.checked_add(long_term));
        let Some(engrams) = engrams.filter(|&engrams| engrams < MOST_ENGRAMS) else {
            return Err(from.invalid(format!("{working} + {short_term} + {long_term} engrams")));
        };
        let mut row = Self { next_id, steps, reminds, ..Self::default() };
        let (mut least_id, mut age_before) = (0, None);
        for at in 0..engrams {
            let Some(id) = from.above(&mut least_id, next_id)? else {
                return Err(from.invalid(format!("an id is not below {next_id}, the next one")));
            };
            let age = from.number()?;
            let age = age_before.map_or(Some(age), |before: u64| before.checked_sub(age));
            let Some(born) = age.and_then(|age| steps.checked_sub(age)) else {
                return Err(from.invalid(format!("engram {id} is of an age that cannot be")));
            };
            let value = f32::from_le_bytes(from.array()?);
            if !(value.is_finite() && value > 0.0) {
                return Err(from.invalid(format!("engram {id} has {value} steps left")));
            }
            let Ok(fire_count) = u32::try_from(from.number()?) else {
                return Err(from.invalid(format!("engram {id} fired more often than is counted")));
            };
            let place = match at {
                _ if at < long_term => Place::VACANT,
                _ if at < long_term + short_term => Place::SHORT_TERM,
                _ => Place::WORKING,
            };
            let (id, lifespan) = (EngramId(id), Lifespan::new(value, steps));
            let (appointment, slot) = (None, Slot(0));
            let record = Record { id, born, lifespan, appointment, slot, fire_count, place };
            let entry = row.records.add(record);
            row.keep_appointment(entry);
            match place {
                Place::SHORT_TERM => row.short_term.push_back(Member { id, entry }),
                Place::WORKING => row.working.push(Member { id, entry }),
                // Its place is read later.
                _ => {}
            }
            age_before = age;
        }
        row.read_long_term(long_term, from)?;
        row.log = FiringLog::read(long_term, &row.records, from)?;
        Ok(row)
    }

    /// Writes the cells of the row's long-term vectors.
    pub(crate) fn write_cells(
        &self,
        to: &mut ChecksummedWriter<impl Write>,
    ) -> Result<(), MemoriaError> {
        Cells::write(self.long_term_index.cells.as_deref(), to)
    }

    /// Reads the cells, for vectors of a dimension.
    pub(crate) fn read_cells(
        &mut self,
        dim: Option<usize>,
        from: &mut ChecksummedReader<impl Read>,
    ) -> Result<(), MemoriaError> {
        self.long_term_index.cells = Cells::read(self.long_term_len(), dim, from)?.map(Box::new);
        Ok(())
    }

    /// Sets the slot of an engram's vector; returns the slot before.
    pub(crate) fn set_slot(&mut self, entry: Entry, slot: Slot) -> Slot {
        core::mem::replace(&mut self.records.get_mut(entry).slot, slot)
    }

    /// Reads the order of long-term memory, each engram once.
    fn read_long_term(
        &mut self,
        len: usize,
        from: &mut ChecksummedReader<impl Read>,
    ) -> Result<(), MemoriaError> {
        for position in 0..len {
            let place = from.count("a place in long-term memory")?;
            let entry = Entry(place as u32);
            if place >= len || self.records.get(entry).place != Place::VACANT {
                return Err(from.invalid(format!("place {place} is long-term twice or not at all")));
            }
            self.records.get_mut(entry).place = Place::long_term(position);
            self.long_term.push(entry);
        }
        Ok(())
    }
}
