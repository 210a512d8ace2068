use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{
    Engram, EngramId, EngramKind, MemoriaError,
    bookkeeping::lifespan::Lifespan,
    history::{
        event::Event,
        firing::Firing,
        lives::{Death, DeathCause, Life, duration},
        row_history::{Beginning, RowHistory},
        walk::Walk,
    },
};

/// The life of one engram.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EngramHistory {
    /// The steps that it lived.
    pub life: Life,
    /// The first known step: that in which it was made, or in which the recording began.
    pub recorded_from: u64,
    /// Its lifespan then, in steps.
    pub initial_lifespan: f32,
    /// The step at the end of which it became short-term; `None` if that is not in the record.
    pub became_short_term: Option<u64>,
    /// The step at the end of which it became long-term; `None` if that is not in the record.
    pub became_long_term: Option<u64>,
    /// Its firings, with their gains.
    pub firings: Vec<Firing>,
    /// Its state at the end of each step that it lived through, from [`recorded_from`](Self::recorded_from) on.
    pub states: Vec<Engram>,
    /// The engrams that it fired with, living or dead: the most frequent first, of equal ones the smaller id first.
    pub companions: Vec<Companion>,
}

/// An engram that another one fired together with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Companion {
    /// The other engram.
    pub engram: EngramId,
    /// How often the two fired together.
    pub cofire_count: u32,
    /// The first such step, or that in which the recording began.
    pub first: u64,
    /// The last such step.
    pub last: u64,
}

impl EngramHistory {
    /// The steps in which it fired.
    pub fn firing_steps(&self) -> impl Iterator<Item = u64> {
        self.firings.iter().map(|firing| firing.step)
    }

    /// The sum of its gains, in steps.
    pub fn total_gain(&self) -> f64 {
        self.firings.iter().fold(0.0, |sum, firing| sum + f64::from(firing.lifespan_gain))
    }
}

impl RowHistory {
    /// The life of one engram: when it fired and with which others, its gains, its end. Reads the record from its birth
    /// to its death.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::NotInHistory`].
    pub fn inspect(&self, id: EngramId) -> Result<EngramHistory, MemoriaError> {
        let Beginning { at, engrams, .. } = &*self.beginning;
        let mut walk = Walk::from_birth(self, id);
        let (mut now, recorded_from) = match engrams.binary_search_by_key(&id, |engram| engram.id) {
            Ok(index) => (engrams[index], at.step),
            Err(_) => birth(&mut walk, id).ok_or(MemoriaError::NotInHistory { engram: id })?,
        };
        let mut lifespan = Lifespan::new(now.lifespan, recorded_from);
        let born = recorded_from - now.age;
        let mut told = EngramHistory {
            life: Life { engram: id, born, death: None, duration: 0 },
            recorded_from,
            initial_lifespan: now.lifespan,
            became_short_term: None,
            became_long_term: None,
            firings: Vec::new(),
            states: Vec::new(),
            companions: Vec::new(),
        };
        let mut companions = HashMap::new();
        self.beginning.fired_together(|members, count| {
            meet(&mut companions, id, members, count, at.step);
        });
        // The firing with a gain that is not known yet.
        let mut last_firing = None;
        while told.life.death.is_none()
            && let Some((step, event)) = walk.next_sound()
        {
            let contains = |engrams: &[EngramId]| engrams.binary_search(&id).is_ok();
            match event {
                Event::Fired(fired) => {
                    last_firing = None;
                    let Ok(place) = fired.members.binary_search(&id) else { continue };
                    last_firing = Some(told.firings.len());
                    let kind = fired.kind(place);
                    told.firings.push(Firing { step, engram: id, kind, lifespan_gain: 0.0 });
                    now.fire_count = now.fire_count.saturating_add(1);
                    meet(&mut companions, id, fired.members, 1, step);
                }
                Event::Gained(gains) => {
                    if let Ok(place) = gains.binary_search_by_key(&id, |gain| gain.0) {
                        let gain = gains[place].1;
                        lifespan.extend(gain, step);
                        if let Some(at) = last_firing {
                            told.firings[at].lifespan_gain = gain;
                        }
                    }
                }
                Event::Promoted { to, engrams } if contains(engrams) => {
                    now.kind = to;
                    match to {
                        EngramKind::LongTerm => told.became_long_term = Some(step),
                        _ => told.became_short_term = Some(step),
                    }
                }
                Event::Died(engrams) if contains(engrams) => {
                    told.life.death = Some(Death { step, cause: DeathCause::Forgotten });
                }
                Event::Reset(engrams) if contains(engrams) => {
                    told.life.death = Some(Death { step, cause: DeathCause::Reset });
                }
                Event::Ended => {
                    last_firing = None;
                    now.age += 1;
                    now.lifespan = lifespan.at(step + 1);
                    told.states.push(now);
                }
                _ => {}
            }
        }
        told.life.duration = duration(born, told.life.death, self.end.step);
        told.companions = companions.into_values().collect();
        told.companions.sort_unstable_by_key(|c| (core::cmp::Reverse(c.cofire_count), c.engram));
        Ok(told)
    }
}

/// Goes on to the birth of an engram; returns its state then, and the step.
fn birth(walk: &mut Walk<'_>, id: EngramId) -> Option<(Engram, u64)> {
    while let Some((step, event)) = walk.next_sound() {
        if let Event::Born { engrams, lifespan } = event {
            if engrams.start > id.0 {
                return None;
            }
            if engrams.contains(&id.0) {
                let kind = EngramKind::Working;
                return Some((Engram { id, kind, lifespan, age: 0, fire_count: 0 }, step));
            }
        }
    }
    None
}

/// Counts the others of some engrams that fired together, in order of id, if `id` is one of them.
fn meet(
    companions: &mut HashMap<EngramId, Companion>,
    id: EngramId,
    members: &[EngramId],
    count: u32,
    step: u64,
) {
    if members.binary_search(&id).is_err() {
        return;
    }
    for &engram in members.iter().filter(|&&member| member != id) {
        let new = Companion { engram, cofire_count: 0, first: step, last: step };
        let companion = companions.entry(engram).or_insert(new);
        companion.cofire_count = companion.cofire_count.saturating_add(count);
        companion.last = step;
    }
}
