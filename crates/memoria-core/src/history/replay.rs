use crate::{
    Engram, EngramId, EngramKind, Reached, SearchStage,
    bookkeeping::lifespan::Lifespan,
    history::{
        event::Event,
        population::Population,
        record::Fault,
        row_history::{Beginning, RowHistory},
        walk::Walk,
    },
};

/// A row that goes through the recorded events again.
#[derive(Clone, Debug)]
pub(super) struct Replay {
    step: u64,
    next_id: u64,
    living: Population<Living>,
    /// Engrams that gained something in this step: after a gain below zero they may have no lifespan left.
    gained: Vec<EngramId>,
}

#[derive(Clone, Copy, Debug)]
struct Living {
    kind: EngramKind,
    born: u64,
    lifespan: Lifespan,
    fire_count: u32,
}

impl Replay {
    /// The state from the beginning up to a step, that excluded.
    pub(super) fn until(history: &RowHistory, step: u64) -> Self {
        let mut replay = Self::new(&history.beginning);
        let mut walk = Walk::new(history);
        while let Some((of_step, event)) = walk.next_sound() {
            if of_step >= step {
                break;
            }
            let applied = replay.apply(&event);
            debug_assert_eq!(applied, Ok(()));
        }
        replay
    }

    pub(super) fn new(beginning: &Beginning) -> Self {
        let (step, next_id) = (beginning.at.step, beginning.at.next_id);
        let mut living = Population::new();
        for engram in &beginning.engrams {
            let lifespan = Lifespan::new(engram.lifespan, step);
            let (kind, born) = (engram.kind, step - engram.age);
            let fire_count = engram.fire_count;
            living.push(engram.id, Living { kind, born, lifespan, fire_count });
        }
        Self { step, next_id, living, gained: Vec::new() }
    }

    /// Applies an event. Fails if it cannot have happened; then the replay must not be used any more.
    pub(super) fn apply(&mut self, event: &Event<'_>) -> Result<(), Fault> {
        match event {
            Event::Born { engrams, lifespan } => {
                if engrams.start < self.next_id {
                    return Err("an id that was given away before");
                }
                if !(lifespan.is_finite() && *lifespan > 0.0) {
                    return Err("a new engram with a lifespan that is none");
                }
                self.next_id = engrams.end;
                let lifespan = Lifespan::new(*lifespan, self.step);
                let (kind, born, fire_count) = (EngramKind::Working, self.step, 0);
                let new = Living { kind, born, lifespan, fire_count };
                engrams.clone().for_each(|id| self.living.push(EngramId(id), new));
            }
            Event::Fired(fired) => {
                let places = 0..fired.members.len();
                if !places.into_iter().any(|place| fired.kind(place) == EngramKind::Working) {
                    return Err("a firing without a working engram");
                }
                for (place, &id) in fired.members.iter().enumerate() {
                    let living = self.living.get_mut(id).ok_or("a firing of the dead")?;
                    if living.kind != fired.kind(place) {
                        return Err("an engram of the wrong kind");
                    }
                    living.check(self.step)?;
                    living.fire_count = living.fire_count.saturating_add(1);
                }
            }
            Event::Searched(reached) => {
                reached.iter().try_for_each(|reached| self.check_reached(reached))?;
            }
            Event::Gained(gains) => {
                for &(id, gain) in *gains {
                    if !gain.is_finite() {
                        return Err("a gain that is not finite");
                    }
                    let gaining = self.living.get_mut(id).ok_or("a gain of the dead")?;
                    gaining.check(self.step)?;
                    gaining.lifespan.extend(gain, self.step);
                    self.gained.push(id);
                }
            }
            Event::Promoted { to: EngramKind::LongTerm, engrams } => self.promote(engrams)?,
            Event::Promoted { engrams, .. } => {
                for &id in *engrams {
                    let working = self.living.get_mut(id).ok_or("a working engram that is dead")?;
                    working.kind = EngramKind::ShortTerm;
                }
            }
            Event::Died(died) => {
                for &id in *died {
                    let dead = self.living.remove(id).ok_or("a death of the dead")?;
                    if self.step.checked_add(1).is_none_or(|now| dead.lifespan.at(now) > 0.0) {
                        return Err("a death before its time");
                    }
                    if dead.check(self.step).is_err() && !self.gained.contains(&id) {
                        return Err("a death after its time");
                    }
                }
            }
            Event::Reset(emptied) => {
                if !self.living.iter().map(|(id, _)| id).eq(emptied.iter().copied()) {
                    return Err("a reset of others than the living");
                }
                self.check_lifespans()?;
                self.living.clear();
            }
            Event::Ended => {
                self.step += 1;
                self.gained.clear();
            }
        }
        Ok(())
    }

    fn promote(&mut self, engrams: &[EngramId]) -> Result<(), Fault> {
        for &id in engrams {
            let promoted = self.living.get_mut(id).ok_or("a promotion of the dead")?;
            if promoted.kind != EngramKind::ShortTerm {
                return Err("a promotion of an engram that is not short-term");
            }
            promoted.kind = EngramKind::LongTerm;
        }
        let Some(&last) = engrams.last() else { return Ok(()) };
        // If there are as many, one of them was promoted earlier.
        let mut older = self.living.below(last).take(engrams.len());
        if !older.all(|(_, older)| older.kind == EngramKind::LongTerm) {
            return Err("a promotion before others that are older");
        }
        Ok(())
    }

    fn check_reached(&mut self, reached: &Reached) -> Result<(), Fault> {
        let living = self.living.get_mut(reached.id).ok_or("a search that finds the dead")?;
        let is_short_term = living.kind == EngramKind::ShortTerm;
        if is_short_term != (reached.stage == SearchStage::ShortTerm) {
            return Err("a stage of the search for engrams of another kind");
        }
        if reached.score.is_some_and(f64::is_nan) {
            return Err("a score that is none");
        }
        match reached.via {
            Some((_, weight)) if !(0.0..=1.0).contains(&weight) => {
                Err("a connection with a weight that is none")
            }
            Some((id, _)) if self.living.get_mut(id).is_none() => Err("a connection of the dead"),
            _ => Ok(()),
        }
    }

    /// Checks that every living engram has lifespan left.
    pub(super) fn check_lifespans(&self) -> Result<(), Fault> {
        self.living.iter().try_for_each(|(_, living)| living.check(self.step))
    }

    /// The living engrams, in order of id.
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
