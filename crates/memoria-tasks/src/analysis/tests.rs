//! Every analysis against a slow reference that examines all engrams, pairs and steps; and histories with known
//! answers.

use burn::tensor::{Device, Distribution, Tensor};
use memoria_core::{
    EngramKind, LongTermSearch, MemoriaConfig, ShortTermSearch,
    history::{DeathCause, History, RowHistory},
};
use memoria_nn::MemoriaStateConfig;

use super::*;
use crate::model::drawing;

/// A history of random memories that are reset before some steps.
fn history(memoria: MemoriaConfig, steps: u64, resets: &[u64]) -> History {
    let device = Device::flex();
    let _alone = drawing();
    device.seed(memoria.seed);
    let mut state = MemoriaStateConfig::new(memoria).init().unwrap();
    state.record_history(true);
    for step in 0..steps {
        if resets.contains(&step) && step > 0 {
            state.reset_rows(&[0]).unwrap();
        }
        let count = 1 + (step % 3) as usize;
        let working = Tensor::<3>::random([1, count, 4], Distribution::Default, &device);
        let recall = state.recall(working).unwrap();
        let reminded = recall.ids(0).len();
        let weights = (reminded > 0).then(|| {
            Tensor::<4>::random([1, 1, 2, reminded], Distribution::Uniform(0.1, 1.0), &device)
        });
        state.reinforce(&recall, weights).unwrap();
    }
    state.history().unwrap()
}

fn histories() -> Vec<(History, Vec<u64>)> {
    let config = |lifespan| MemoriaConfig::new(2, 4, 3, lifespan, 2);
    vec![
        (history(config(3.0), 60, &[]), vec![]),
        (history(config(9.0).with_seed(1), 70, &[5, 50]), vec![5, 50]),
        (history(config(40.0).with_long_term_search(LongTermSearch::Nearest), 50, &[30]), vec![30]),
        (history(config(2.0).with_short_term_search(ShortTermSearch::None), 20, &[]), vec![]),
        (history(config(3.0), 1, &[]), vec![]),
    ]
}

/// The longest of the times between resets.
fn episode(row: &RowHistory, resets: &[u64]) -> [u64; 2] {
    let mut bounds = vec![row.steps().start];
    bounds.extend(resets);
    bounds.push(row.steps().end);
    let mut longest = [bounds[0]; 2];
    for pair in bounds.windows(2) {
        if pair[1] - pair[0] > longest[1] - longest[0] {
            longest = [pair[0], pair[1]];
        }
    }
    longest
}

#[test]
fn survivors_are_those_that_are_seen_at_the_end() {
    for (history, resets) in histories() {
        let row = history.row(0).unwrap();
        let analysis = Analysis::new(row);
        let [start, end] = episode(row, &resets);
        assert_eq!(analysis.episode, [start, end]);
        let seen = row.at(end.saturating_sub(1)).ok();
        for part in &analysis.survival {
            let made: Vec<_> = row
                .lives()
                .into_iter()
                .filter(|life| (part.first..=part.last).contains(&life.born))
                .collect();
            let alive = made.iter().filter(|life| {
                seen.as_ref().is_some_and(|seen| seen.engram(life.engram).is_some())
            });
            assert_eq!((part.made, part.alive), (made.len(), alive.count()));
        }
        let made: usize = analysis.survival.iter().map(|part| part.made).sum();
        let in_episode =
            row.lives().iter().filter(|life| (start..end).contains(&life.born)).count();
        assert_eq!(made, in_episode);
    }
}

#[test]
fn contiguity_is_that_of_all_pairs() {
    for (history, resets) in histories() {
        let row = history.row(0).unwrap();
        let [_, end] = episode(row, &resets);
        let analysis = Analysis::new(row);
        let Ok(moment) = row.at(end.saturating_sub(1)) else {
            assert!(analysis.contiguity.is_empty());
            continue;
        };
        let born = |engram: &memoria_core::Engram| end - engram.age;
        let weight = |from: &memoria_core::Engram, to: &memoria_core::Engram| {
            let outgoing = moment.outgoing(from.id).unwrap();
            let found = outgoing.iter().find(|connection| connection.to == to.id);
            found.map_or(0.0, |connection| f64::from(connection.weight))
        };
        let mut all_pairs = 0;
        for part in &analysis.contiguity {
            let (mut pairs, mut forward, mut backward) = (0, 0.0, 0.0);
            for (index, a) in moment.engrams().iter().enumerate() {
                for b in &moment.engrams()[index + 1..] {
                    let distance = born(b) - born(a);
                    if !(part.first..=part.last).contains(&distance) {
                        continue;
                    }
                    pairs += 1;
                    let [to_later, to_earlier] = [weight(a, b), weight(b, a)];
                    let mean = (to_later + to_earlier) / 2.0;
                    forward += if distance == 0 { mean } else { to_later };
                    backward += if distance == 0 { mean } else { to_earlier };
                }
            }
            assert_eq!(part.pairs, pairs);
            let close = |got: f64, sum: f64| (got - sum / pairs as f64).abs() < 1e-6;
            assert!(close(part.forward, forward) && close(part.backward, backward), "{part:?}");
            all_pairs += pairs;
        }
        let living = moment.engrams().len() as u64;
        assert_eq!(all_pairs, living * living.saturating_sub(1) / 2);
    }
}

/// For each engram and step: whether it could be reminded, and whether it was.
fn table(row: &RowHistory) -> Vec<Vec<Option<bool>>> {
    let of_life = |life: &memoria_core::history::Life| {
        let cell = |step: u64| {
            let could = life.born < step
                && life.death.is_none_or(|death| match death.cause {
                    DeathCause::Forgotten => step <= death.step,
                    DeathCause::Reset => step < death.step,
                });
            let firings = row.firings_of(step).unwrap();
            let mut own = firings.iter().filter(|firing| firing.engram == life.engram);
            could.then(|| own.any(|firing| firing.kind != EngramKind::Working))
        };
        row.steps().map(cell).collect()
    };
    row.lives().iter().map(of_life).collect()
}

#[test]
fn ages_are_those_of_every_step() {
    for (history, _) in histories() {
        let row = history.row(0).unwrap();
        let (table, lives) = (table(row), row.lives());
        let mean = |ages: &[u64]| {
            (!ages.is_empty()).then(|| ages.iter().sum::<u64>() as f64 / ages.len() as f64)
        };
        for part in Analysis::new(row).ages {
            let (mut reminded, mut living) = (vec![], vec![]);
            for (life, cells) in lives.iter().zip(&table) {
                for step in part.first..=part.last {
                    let age = step.saturating_sub(life.born);
                    if let Some(was) = cells[step as usize] {
                        living.push(age);
                        reminded.extend(was.then_some(age));
                    }
                }
            }
            assert_eq!(part.reminded, reminded.len());
            assert_eq!((part.age, part.living_age), (mean(&reminded), mean(&living)));
        }
    }
}

#[test]
fn practice_is_the_correlation_of_all_pairs_of_steps() {
    for (history, _) in histories() {
        let row = history.row(0).unwrap();
        let table = table(row);
        for part in Analysis::new(row).practice {
            let lag = part.lag as usize;
            let mut pairs = Vec::new();
            for cells in &table {
                for step in 0..cells.len().saturating_sub(lag) {
                    if let (Some(before), Some(after)) = (cells[step], cells[step + lag]) {
                        pairs.push([before, after].map(|was| f64::from(u8::from(was))));
                    }
                }
            }
            let n = pairs.len() as f64;
            let mean = |place: usize| pairs.iter().map(|pair| pair[place]).sum::<f64>() / n;
            let means = [mean(0), mean(1)];
            let product = |a: usize, b: usize| {
                pairs.iter().map(|pair| (pair[a] - means[a]) * (pair[b] - means[b])).sum::<f64>()
            };
            let expected = product(0, 1) / (product(0, 0) * product(1, 1)).sqrt();
            assert!((part.correlation - expected).abs() < 1e-9, "{part:?} instead of {expected}");
            assert!((part.any - means[1]).abs() < 1e-12);
            let again = pairs.iter().filter(|pair| pair[0] == 1.0).map(|pair| pair[1]);
            let (sum, count) = again.fold((0.0, 0.0), |(sum, n), x| (sum + x, n + 1.0));
            assert!((part.again - sum / count).abs() < 1e-12);
        }
    }
}

#[test]
fn known_histories_have_known_answers() {
    // One memory per step with a lifespan of 3: those of the last two steps live, and none is reminded.
    let config = MemoriaConfig::new(0, 9, 0, 3.0, 0);
    let device = Device::flex();
    let mut state = MemoriaStateConfig::new(config).init().unwrap();
    state.record_history(true);
    for step in 0..8 {
        let recall = state.recall(Tensor::<3>::ones([1, 1, 2], &device) * step as f32).unwrap();
        state.reinforce(&recall, None).unwrap();
    }
    let analysis = Analysis::new(state.history().unwrap().row(0).unwrap());
    let alive: Vec<usize> = analysis.survival.iter().map(|part| part.alive).collect();
    assert_eq!(alive, [0, 0, 0, 0, 0, 0, 1, 1]);
    assert_eq!(analysis.contiguity.len(), 1);
    let only = analysis.contiguity[0];
    assert_eq!((only.first, only.pairs, only.forward, only.backward), (1, 1, 0.0, 0.0));
    assert!(analysis.ages.iter().all(|part| part.age.is_none() && part.reminded == 0));
    // During a step three engrams live; without the one made in it they are 1 and 2 steps old.
    assert_eq!(analysis.ages[7].living_age, Some(1.5));
    assert!(analysis.practice.is_empty());
    let text = analysis.text();
    assert!(text.contains("8 engrams in 8 segments") && text.contains("nothing to tell"), "{text}");
}

#[test]
fn what_is_always_reminded_is_reminded_of_all_ages() {
    // Every step reminds of everything.
    let config = MemoriaConfig::new(99, 99, 0, 1e6, 0);
    let history = history(config, 12, &[]);
    let analysis = Analysis::new(history.row(0).unwrap());
    assert!(analysis.survival.iter().all(|part| part.share() == 1.0));
    // All engrams are connected. Weights to later engrams are smaller, because the earlier one fired without them.
    for part in &analysis.contiguity {
        assert!((part.backward - 1.0).abs() < 1e-12 || part.first == 0);
        assert!(part.first == 0 || part.forward < 1.0);
    }
    assert!(analysis.ages.iter().all(|part| part.age == part.living_age));
}

#[test]
fn a_picture_and_json_tell_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for (index, (history, _)) in histories().into_iter().enumerate() {
        let analysis = Analysis::new(history.row(0).unwrap());
        let path = folder.path().join(format!("{index}.svg"));
        analysis.draw(&path).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("Retrieval practice"));
        let json = serde_json::to_string(&analysis).unwrap();
        // JSON preserves all digits but the last.
        let read: Analysis = serde_json::from_str(&json).unwrap();
        assert_eq!((read.text(), read.survival), (analysis.text(), analysis.survival));
    }
}
