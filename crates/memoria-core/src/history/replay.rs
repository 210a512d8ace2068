use crate::{
    Engram, EngramId, EngramKind,
    bookkeeping::lifespan::Lifespan,
    history::{
        events::{gains_of, kind},
        population::Population,
        record::{Fault, Gains, Ids, Record},
        row_history::{Beginning, RowHistory},
        walk::Walk,
    },
};

/// A row that lives once more through what was recorded.
#[derive(Clone, Debug)]
pub(super) struct Replay {
    pub(super) step: u64,
    living: Population<Living>,
}

#[derive(Clone, Copy, Debug)]
struct Living {
    kind: EngramKind,
    born: u64,
    lifespan: Lifespan,
    fire_count: u32,
}

impl Replay {
    /// From the beginning up to a step, that excluded.
    pub(super) fn until(history: &RowHistory, step: u64) -> Self {
        let mut replay = Self::new(&history.beginning);
        let mut walk = Walk::new(history);
        while let Some(record) = walk.next_sound() {
            if walk.step() >= step {
                break;
            }
            let applied = replay.apply(&record, &walk);
            debug_assert_eq!(applied, Ok(()));
        }
        replay
    }

    pub(super) fn new(beginning: &Beginning) -> Self {
        let step = beginning.at.step;
        let mut living = Population::new();
        for engram in &beginning.engrams {
            let lifespan = Lifespan::new(engram.lifespan, step);
            let (kind, born) = (engram.kind, step - engram.age);
            let fire_count = engram.fire_count;
            living.push(engram.id, Living { kind, born, lifespan, fire_count });
        }
        Self { step, living }
    }

    /// Lets happen what a walk has come by. Fails where it cannot have happened, and is not to be used
    /// then.
    pub(super) fn apply(&mut self, record: &Record<'_>, walk: &Walk<'_>) -> Result<(), Fault> {
        match *record {
            Record::Born { first, count, lifespan } => {
                if first.0 < walk.before().next_id {
                    return Err("an id that was given away before");
                }
                if !(lifespan.is_finite() && lifespan > 0.0) {
                    return Err("a new engram with a lifespan that is none");
                }
                let lifespan = Lifespan::new(lifespan, self.step);
                let (kind, born, fire_count) = (EngramKind::Working, self.step, 0);
                let new = Living { kind, born, lifespan, fire_count };
                (first.0..first.0 + count).for_each(|id| self.living.push(EngramId(id), new));
            }
            Record::Fired { reminded } => {
                for id in sound(reminded)?.iter().chain(walk.working()) {
                    let kind = kind(id, walk);
                    let fired = self.living.get_mut(id).ok_or("a firing of the dead")?;
                    if kind != fired.kind {
                        return Err("an engram of the wrong kind");
                    }
                    fired.fire_count = fired.fire_count.saturating_add(1);
                }
                if reminded.iter().any(|id| walk.is_working(id)) {
                    return Err("a working engram that was reminded");
                }
            }
            Record::Reset { emptied } => {
                let living = self.living.iter().map(|(id, _)| id);
                if !sound(emptied)?.iter().eq(living) {
                    return Err("a reset of others than the living");
                }
                self.living.clear();
            }
            Record::Adjusted { gains, promoted, died } => {
                self.gain(&gains, walk)?;
                self.step = walk.after().step;
                for id in walk.working() {
                    let working = self.living.get_mut(id).ok_or("a working engram that is dead")?;
                    working.kind = EngramKind::ShortTerm;
                }
                self.promote(sound(promoted)?)?;
                for id in sound(died)?.iter() {
                    let dead = self.living.remove(id).ok_or("a death of the dead")?;
                    if dead.lifespan.at(self.step) > 0.0 {
                        return Err("a death before its time");
                    }
                }
            }
        }
        Ok(())
    }

    fn gain(&mut self, gains: &Gains<'_>, walk: &Walk<'_>) -> Result<(), Fault> {
        match *gains {
            Gains::None => {}
            Gains::OfLastFiring(gains) => {
                if walk.fired().is_none_or(|fired| fired.len() != gains.len()) {
                    return Err("gains of a firing that was not");
                }
            }
            Gains::ById(ids, _) => drop(sound(ids)?),
        }
        for (id, gain) in gains_of(gains, walk) {
            if !gain.is_finite() {
                return Err("a gain that is not finite");
            }
            let gaining = self.living.get_mut(id).ok_or("a gain of the dead")?;
            gaining.check(self.step)?;
            gaining.lifespan.extend(gain, self.step);
        }
        Ok(())
    }

    fn promote(&mut self, promoted: Ids<'_>) -> Result<(), Fault> {
        for id in promoted.iter() {
            let promoted = self.living.get_mut(id).ok_or("a promotion of the dead")?;
            if promoted.kind != EngramKind::ShortTerm {
                return Err("a promotion of an engram that is not short-term");
            }
            promoted.kind = EngramKind::LongTerm;
        }
        let Some(last) = promoted.iter().last() else { return Ok(()) };
        // One of them, if there are as many, was promoted earlier.
        let mut older = self.living.below(last).take(promoted.len());
        if !older.all(|(_, older)| older.kind == EngramKind::LongTerm) {
            return Err("a promotion before others that are older");
        }
        Ok(())
    }

    /// Checks that nobody lives who should have died.
    pub(super) fn check_lifespans(&self) -> Result<(), Fault> {
        self.living.iter().try_for_each(|(_, living)| living.check(self.step))
    }

    /// Who lives, in order of id.
    pub(super) fn engrams(&self) -> impl Iterator<Item = Engram> {
        self.living.iter().map(|(id, living)| Engram {
            id,
            kind: living.kind,
            lifespan: living.lifespan.at(self.step),
            age: self.step - living.born,
            fire_count: living.fire_count,
        })
    }
}

impl Living {
    fn check(&self, now: u64) -> Result<(), Fault> {
        if self.lifespan.at(now) > 0.0 { Ok(()) } else { Err("a life beyond its time") }
    }
}

fn sound(ids: Ids<'_>) -> Result<Ids<'_>, Fault> {
    if ids.is_sound() { Ok(ids) } else { Err("a list of ids that is broken") }
}
