//! A history and its expected contents.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{
    ReferenceRow,
    judged::Judged,
    sequences::{perform, setting_and_operations},
};
use crate::{
    Engram, EngramId, EngramKind, MemoriaError, Wiring,
    history::{DeathCause, Edge, Firing, History, HistoryEvent, Moment, RowHistory},
};

/// What happened in a row since the recording began, kept in the simplest way.
#[derive(Clone, Debug)]
pub(crate) struct Chronicle {
    /// The row as it was when the recording began.
    beginning: ReferenceRow,
    /// The row at the end of every step.
    ends: Vec<ReferenceRow>,
    /// By step since then; firings in order.
    firings: Vec<Firing>,
    /// Where the firings of the last remind begin.
    last: usize,
}

impl Chronicle {
    pub(crate) fn new(row: &ReferenceRow) -> Self {
        Self { beginning: row.clone(), ends: Vec::new(), firings: Vec::new(), last: 0 }
    }

    pub(crate) fn reminded(&mut self, row: &ReferenceRow) {
        let working = row.ids(EngramKind::Working);
        self.last = self.firings.len();
        if working.is_empty() {
            return;
        }
        let step = self.ends.len() as u64;
        let fired = row.reminded.iter().chain(&working).map(|&engram| {
            let kind = row.engrams.iter().find(|e| e.id == engram).unwrap().kind;
            Firing { step, engram, kind, lifespan_gain: 0.0 }
        });
        self.firings.extend(fired);
    }

    pub(crate) fn adjusted(
        &mut self,
        gains: impl Iterator<Item = (EngramId, f32)>,
        row: &ReferenceRow,
    ) {
        for (id, gain) in gains {
            // Not found if it was reminded before the recording began.
            let mut firings = self.firings[self.last..].iter_mut();
            if let Some(firing) = firings.find(|firing| firing.engram == id) {
                firing.lifespan_gain = gain;
            }
        }
        self.ends.push(row.clone());
        self.last = self.firings.len();
    }

    pub(crate) fn check(&self, history: &RowHistory) {
        let steps = history.steps();
        assert_eq!(steps.end - steps.start, self.ends.len() as u64);
        for (step, expected) in steps.clone().zip(&self.ends) {
            check_moment(&history.at(step).unwrap(), expected);
        }
        assert!(matches!(history.at(steps.end), Err(MemoriaError::NoSuchStep { .. })));
        self.check_lives(history);
        self.check_engrams(history);
        self.check_summaries(history);
        let firings = |step: u64| {
            let of_step = self.firings.iter().filter(move |firing| firing.step == step);
            of_step.map(move |&firing| Firing { step: steps.start + step, ..firing })
        };
        let mut events: Vec<HistoryEvent> = history.events().take(1).collect();
        for step in history.steps().start..=history.steps().end {
            let expected: Vec<Firing> = firings(step - history.steps().start).collect();
            assert_eq!(history.firings_of(step).unwrap(), expected, "firings of step {step}");
            events.extend(history.events_of(step).unwrap());
        }
        assert_eq!(events, history.events().collect::<Vec<_>>());
    }

    fn check_lives(&self, history: &RowHistory) {
        let start = history.steps().start;
        let lives = history.lives();
        assert!(lives.is_sorted_by(|a, b| a.engram < b.engram));
        for (step, end) in (start..).zip(&self.ends) {
            let alive = lives.iter().filter(|life| life.covers(step)).map(|life| life.engram);
            assert!(alive.eq(end.engram_ids()), "alive in {step}");
        }
        let next = EngramId(self.ends.last().unwrap_or(&self.beginning).next_id + 1_000);
        assert!(matches!(history.inspect(next), Err(MemoriaError::NotInHistory { .. })));
    }

    fn check_engrams(&self, history: &RowHistory) {
        let start = history.steps().start;
        let mut states: BTreeMap<EngramId, Vec<Engram>> = BTreeMap::new();
        for end in &self.ends {
            for engram in end.told() {
                states.entry(engram.id).or_default().push(engram);
            }
        }
        for life in history.lives() {
            let told = history.inspect(life.engram).unwrap();
            assert_eq!(told.life, life);
            let expected = states.remove(&life.engram).unwrap_or_default();
            assert!(alike(&told.states, &expected), "{:?} is not {expected:?}", told.states);
            let fired = self.firings.iter().filter(|firing| firing.engram == life.engram);
            let fired: Vec<Firing> =
                fired.map(|&firing| Firing { step: start + firing.step, ..firing }).collect();
            assert_eq!(told.firings, fired);
            let first = |kind| {
                let at = expected.iter().position(|engram| engram.kind == kind)?;
                Some(told.recorded_from + at as u64)
            };
            if let Some(became) = told.became_short_term {
                // An engram that goes through short-term memory in a single step was never seen there.
                let seen = first(EngramKind::ShortTerm).or(first(EngramKind::LongTerm));
                assert!(seen.is_none_or(|seen| seen == became));
            }
            if told.became_long_term.is_some() && life.death.is_none() {
                assert_eq!(told.became_long_term, first(EngramKind::LongTerm));
            }
            let last = self.ends.last().unwrap_or(&self.beginning);
            for companion in &told.companions {
                let counted = last.cofire_count(life.engram, companion.engram);
                // A firing of the step that has not ended is not counted yet.
                assert!(counted <= companion.cofire_count);
            }
        }
        assert!(states.is_empty(), "{states:?} are not told of");
    }

    fn check_summaries(&self, history: &RowHistory) {
        // Working engrams that were not read yet when the recording began were born in it.
        let Some(HistoryEvent::Began { engrams, .. }) = history.events().next() else {
            panic!("a history begins with its beginning");
        };
        let mut before = engrams.len();
        assert!(before <= self.beginning.engrams.len());
        let summaries: Vec<_> = history.summaries().collect();
        assert_eq!(summaries.len(), self.ends.len());
        for (index, (summary, end)) in summaries.iter().zip(&self.ends).enumerate() {
            assert_eq!(summary.step, history.steps().start + index as u64);
            assert_eq!(summary.alive.working, 0);
            assert_eq!(summary.alive.short_term, end.ids(EngramKind::ShortTerm).len());
            assert_eq!(summary.alive.long_term, end.ids(EngramKind::LongTerm).len());
            let alive = before + summary.born - summary.forgotten - summary.emptied;
            assert_eq!(alive, end.engrams.len());
            let firings = self.firings.iter().filter(|firing| firing.step == index as u64);
            assert_eq!(summary.fired, firings.clone().count());
            let gains: f64 = firings.map(|firing| f64::from(firing.lifespan_gain)).sum();
            // The gain for a firing before the recording is only in the sum.
            if self.beginning.reminded.is_empty() || index > 0 {
                let close = (summary.lifespan_gain - gains).abs() <= 1e-9 * gains.abs();
                assert!(close || !gains.is_finite(), "{} is not {gains}", summary.lifespan_gain);
            }
            before = end.engrams.len();
        }
    }
}

/// Equality, with lifespans compared bit for bit.
pub(super) fn alike(a: &[Engram], b: &[Engram]) -> bool {
    let bits =
        |engrams: &[Engram]| engrams.iter().map(|e| e.lifespan.to_bits()).collect::<Vec<_>>();
    a == b && bits(a) == bits(b)
}

pub(super) fn check_moment(moment: &Moment<'_>, row: &ReferenceRow) {
    let expected = row.told();
    assert!(alike(moment.engrams(), &expected), "{:?} is not {expected:?}", moment.engrams());
    let mut edges = Vec::new();
    for from in &expected {
        for to in expected.iter().filter(|to| to.id != from.id) {
            let count = row.cofire_count(from.id, to.id);
            if count > 0 {
                let weight = count as f32 / from.fire_count as f32;
                edges.push(Edge { from: from.id, to: to.id, cofire_count: count, weight });
            }
        }
    }
    assert_eq!(moment.edges(), edges);
    let (Some(first), Some(last)) = (expected.first(), expected.last()) else { return };
    for id in [first.id, last.id] {
        let outgoing = moment.outgoing(id).unwrap();
        assert!(outgoing.is_sorted_by_key(|c| (core::cmp::Reverse(c.cofire_count), c.to)));
        let mut outgoing: Vec<_> = outgoing.iter().map(|c| (c.to, c.cofire_count)).collect();
        outgoing.sort();
        let from_here = edges.iter().filter(|edge| edge.from == id);
        assert!(outgoing.into_iter().eq(from_here.map(|edge| (edge.to, edge.cofire_count))));
        let to_here: Vec<Edge> = edges.iter().copied().filter(|edge| edge.to == id).collect();
        assert_eq!(moment.incoming(id).unwrap(), to_here);
        let count = row.cofire_count(first.id, last.id);
        assert_eq!(moment.cofire_count(first.id, last.id).unwrap(), count);
    }
}

/// A history is the same after it was written and read.
pub(super) fn check_bytes(history: &History) {
    let bytes = history.to_bytes();
    let read = History::from_bytes(&bytes).unwrap();
    assert_eq!(read.to_bytes(), bytes);
    for (a, b) in read.rows().zip(history.rows()) {
        assert_eq!(a.steps(), b.steps());
        assert!(a.events().eq(b.events()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// The recording begins anywhere. Resets come before the next step, whether or not the gains of the step before
    /// have been read.
    #[test]
    fn a_history_tells_what_happened_to_the_reference(
        (setting, operations) in setting_and_operations(),
        from in 0..30usize,
    ) {
        let (config, numbers, rows, dim) = setting;
        // A history contains the engrams that fired, not those wired at random.
        let config = config.with_wiring(Wiring::CoFiring);
        let mut judged = Judged::new(config, rows, dim).with_small_limits(true);
        let from = from.min(operations.len()).saturating_sub(10);
        for (index, operation) in operations.iter().enumerate() {
            if index == from {
                judged.record();
            }
            if perform(&mut judged, numbers, operation).is_none() {
                break;
            }
        }
        judged.check_state();
        judged.check_history();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Long lives, so that a part of the time before the recording has left the firing log, and records of many pieces.
    #[test]
    fn a_long_history_tells_what_happened_to_the_reference(
        raw in proptest::collection::vec(-1000i16..1000, 1013),
        gains in proptest::collection::vec(
            proptest::sample::select(vec![0.0f32, 0.5, 1.0, 2.0, 5.0, 30.0, -1.0]), 401),
        from in 0..80usize,
    ) {
        use super::judged::GainKind;
        use crate::MemoriaConfig;
        let config = MemoriaConfig::new(4, 5, 3, 2.0, 5).with_ltm_exploration(1, 5);
        let mut judged = Judged::new(config, 2, 3).with_small_limits(true);
        let numbers: Vec<f32> = raw.iter().map(|raw| f32::from(raw.rem_euclid(5) - 2)).collect();
        for step in 0..120 {
            if step == from {
                judged.record();
            }
            judged.add(1 + step % 2, &numbers[step * 3..]);
            prop_assert!(judged.remind().is_some(), "integers are always decided");
            let kind = if step % 3 == 0 { GainKind::Host } else { GainKind::Device };
            judged.adjust(kind, &gains[step..]);
            if step == 90 {
                judged.reset_rows(&[1]);
            }
        }
        judged.check_history();
    }
}

/// The causes of death are distinguished.
#[test]
fn causes_of_death() {
    use super::judged::GainKind;
    let mut judged = Judged::new(crate::MemoriaConfig::new(1, 4, 1, 2.0, 1), 1, 1);
    judged.record();
    for step in 0..3 {
        judged.add(2, &[step as f32]);
        judged.remind().unwrap();
        judged.adjust(GainKind::Device, &[0.0]);
    }
    judged.reset();
    judged.check_history();
    let history = judged.memory.history().unwrap();
    let lives = history.row(0).unwrap().lives();
    let ends: Vec<_> = lives.iter().map(|life| life.death.unwrap()).collect();
    let told: Vec<_> = ends.iter().map(|death| (death.step, death.cause)).collect();
    let (forgotten, reset) = (DeathCause::Forgotten, DeathCause::Reset);
    let expected = [(1, forgotten), (2, forgotten), (3, reset)];
    assert_eq!(told, expected.map(|end| [end, end]).concat());
    assert_eq!(lives.iter().map(|life| life.duration).collect::<Vec<_>>(), [1; 6]);
}
