//! The invariants of a row.

use std::collections::HashSet;

use super::Row;
use crate::{
    MemoriaConfig, Wiring,
    bookkeeping::records::{Day, Place, Record},
    id::{Entry, Member, Slot},
    invariant::{Finding, Invariant, ensure},
};

impl Row {
    /// Checks every invariant of the control plane. Costs a visit to every engram, and a count of its connections.
    pub(crate) fn verify(&self, config: &MemoriaConfig) -> Result<(), Finding> {
        let stm_capacity = config.stm_capacity;
        let entries = self.records.verify();
        entries.map_err(|found| Finding::new(Invariant::Entries, found))?;
        let mut living: Vec<Member> = self.living().collect();
        living.sort_unstable();
        self.verify_identities(&living)?;
        self.verify_kinds(&living)?;
        let found =
            format_args!("{} short-term engrams, {stm_capacity} allowed", self.short_term.len());
        ensure(self.short_term.len() <= stm_capacity, Invariant::Capacity, found)?;
        self.verify_times(&living)?;
        self.verify_appointments(&living)?;
        for member in &living {
            let fired = self.fire_count(member.entry);
            let found = format_args!(
                "engram {} fired {fired} times in {} reminds",
                member.id, self.reminds
            );
            ensure(u64::from(fired) <= self.reminds, Invariant::FireCount, found)?;
        }
        if let Some(cells) = &self.long_term_index.cells {
            let verified = cells.verify(self.long_term.len());
            verified.map_err(|found| Finding::new(Invariant::Cells, found))?;
        }
        // Engrams that are wired at random need not have fired.
        let at_most = (config.wiring == Wiring::Random).then_some(self.reminds);
        self.log.verify(&living, self.long_term.len(), &self.records, at_most)
    }

    /// The slots of all living engrams.
    pub(crate) fn slots(&self) -> impl Iterator<Item = Slot> {
        self.living().map(|member| self.slot(member.entry))
    }

    fn verify_identities(&self, living: &[Member]) -> Result<(), Finding> {
        let twice = living.windows(2).find(|pair| pair[0].id == pair[1].id);
        ensure(twice.is_none(), Invariant::Identity, format_args!("{twice:?} share one"))?;
        let last = living.last().map(|member| member.id);
        let found =
            format_args!("{last:?} lives, but {} is the next to be given out", self.next_id);
        ensure(last.is_none_or(|id| id.0 < self.next_id), Invariant::Identity, found)
    }

    /// Checks that the living, in order of id, are long-term, then short-term, then working, and that the lists of all
    /// three memories agree with that.
    fn verify_kinds(&self, living: &[Member]) -> Result<(), Finding> {
        let counts = self.counts();
        let found = format_args!("{counts:?} for {} living engrams", living.len());
        ensure(counts.total() == living.len(), Invariant::Kind, found)?;
        let (long_term, others) = living.split_at(counts.long_term);
        let place = |member: &Member| self.records.get(member.entry).place;
        let out_of_place = long_term.iter().find(|member| {
            let listed = place(member).position().and_then(|at| self.long_term.get(at));
            listed != Some(&member.entry)
        });
        let found =
            format_args!("{out_of_place:?} is not listed where its place in long-term memory is");
        ensure(out_of_place.is_none(), Invariant::Kind, found)?;
        let listed = self.short_term.iter().chain(&self.working);
        let found =
            format_args!("short-term and working memory are not the youngest engrams in order");
        ensure(listed.copied().eq(others.iter().copied()), Invariant::Kind, found)?;
        let short_term = self.short_term.iter().map(|member| (member, Place::SHORT_TERM));
        let working = self.working.iter().map(|member| (member, Place::WORKING));
        let mislabelled =
            short_term.chain(working).find(|&(member, expected)| place(member) != expected);
        let found = format_args!("{mislabelled:?} has another place on record");
        ensure(mislabelled.is_none(), Invariant::Kind, found)
    }

    fn verify_times(&self, living: &[Member]) -> Result<(), Finding> {
        let record = |member: &Member| self.records.get(member.entry);
        let disordered =
            living.windows(2).find(|pair| record(&pair[0]).born > record(&pair[1]).born);
        let found = format_args!("{disordered:?}: the first is the younger one");
        ensure(disordered.is_none(), Invariant::Age, found)?;
        for member in living {
            let Record { born, lifespan, place, .. } = record(member);
            let (born, id) = (*born, member.id);
            let is_new = *place == Place::WORKING;
            let fits = if is_new { born == self.steps } else { born < self.steps };
            let found = format_args!("engram {id} was made in step {born} of {}", self.steps);
            ensure(fits, Invariant::Age, found)?;
            let left = lifespan.at(self.steps);
            let found = format_args!("engram {id} has {left} steps left");
            ensure(left.is_finite() && left > 0.0, Invariant::Lifespan, found)?;
        }
        Ok(())
    }

    fn verify_appointments(&self, living: &[Member]) -> Result<(), Finding> {
        let first = self.calendar.appointments().map(|(step, _)| step).min();
        let found = format_args!("one for step {first:?} is still there in step {}", self.steps);
        ensure(first.is_none_or(|step| step > self.steps), Invariant::Appointment, found)?;
        let kept: HashSet<(u64, Entry)> = self.calendar.appointments().collect();
        for member in living {
            let record = self.records.get(member.entry);
            let Some(death) = record.lifespan.death(self.steps) else { continue };
            let step = record.appointment.map(|day: Day| self.steps + day.after(self.steps));
            let is_kept =
                step.is_some_and(|step| step <= death && kept.contains(&(step, member.entry)));
            let found = format_args!(
                "engram {} dies in step {death}, its appointment is {step:?}",
                member.id
            );
            ensure(is_kept, Invariant::Appointment, found)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EngramId, bookkeeping::lifespan::Lifespan};
    use rstest::rstest;

    const CAPACITY: usize = 3;

    fn config(stm_capacity: usize) -> MemoriaConfig {
        MemoriaConfig::new(1, stm_capacity, 1, 1.0, 1)
    }

    /// Four long-term, three short-term and two working engrams, one long-term one dead.
    fn lived() -> Row {
        let mut row = Row::default();
        for step in 0..4 {
            let slots = [Slot(1 + 2 * step), Slot(2 + 2 * step)];
            row.admit(&slots, if step == 0 { 4.0 } else { 9.0 });
            let working = row.working.clone();
            row.fire(&working, 0, 0);
            row.wire(&working, 0);
            let gain = (step == 0).then_some((Entry(1), 5.0));
            row.adjust(gain, CAPACITY, &mut Vec::new());
        }
        row.admit(&[Slot(9), Slot(10)], 9.0);
        row.verify(&config(CAPACITY)).unwrap();
        assert_eq!((row.long_term.len(), row.short_term.len(), row.working.len()), (4, 3, 2));
        row
    }

    fn record(row: &mut Row, id: u64) -> &mut Record {
        let member = row.living().find(|member| member.id == EngramId(id)).unwrap();
        row.records.get_mut(member.entry)
    }

    #[rstest]
    #[case::vacant(Invariant::Entries, |row: &mut Row| record(row, 8).place = Place::VACANT)]
    #[case::twice(Invariant::Identity, |row: &mut Row| record(row, 8).id = EngramId(7))]
    #[case::unborn(Invariant::Identity, |row: &mut Row| row.next_id = 9)]
    #[case::unlisted(Invariant::Kind, |row: &mut Row| { row.working.pop(); })]
    #[case::order(Invariant::Kind, |row: &mut Row| row.working.reverse())]
    #[case::place(Invariant::Kind, |row: &mut Row| record(row, 8).place = Place::SHORT_TERM)]
    #[case::elsewhere(Invariant::Kind, |row: &mut Row| record(row, 2).place = Place::long_term(9))]
    #[case::future(Invariant::Age, |row: &mut Row| record(row, 9).born += 1)]
    #[case::no_longer_new(Invariant::Age, |row: &mut Row| record(row, 8).born -= 1)]
    #[case::younger(Invariant::Age, |row: &mut Row| record(row, 1).born = 2)]
    #[case::dead(Invariant::Lifespan, |row: &mut Row| record(row, 9).lifespan = Lifespan::new(0.0, 4))]
    #[case::no_number(Invariant::Lifespan, |row: &mut Row| record(row, 9).lifespan = Lifespan::new(f32::NAN, 4))]
    #[case::none(Invariant::Appointment, |row: &mut Row| record(row, 9).appointment = None)]
    #[case::too_late(Invariant::Appointment, |row: &mut Row| record(row, 9).lifespan = Lifespan::new(1.0, 4))]
    #[case::missed(Invariant::Appointment, |row: &mut Row| row.calendar.schedule(4, Entry(0)))]
    #[case::fires(Invariant::FireCount, |row: &mut Row| record(row, 9).fire_count = 5)]
    #[case::log(Invariant::FiringList, |row: &mut Row| row.log.grow(99))]
    fn what_is_broken_is_named(#[case] expected: Invariant, #[case] fault: fn(&mut Row)) {
        let mut row = lived();
        fault(&mut row);
        let finding = row.verify(&config(CAPACITY)).unwrap_err();
        assert_eq!(finding.invariant, expected, "{}", finding.found);
    }

    #[test]
    fn too_many_short_term_engrams_are_named() {
        let finding = lived().verify(&config(CAPACITY - 1)).unwrap_err();
        assert_eq!(finding.invariant, Invariant::Capacity);
    }
}
