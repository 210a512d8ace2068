use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::record::{Record, distances};

/// Mean connection weight of survivors, by their distance in steps: over all pairs, including those without a
/// connection. With contiguity, engrams close in time have stronger connections.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contiguity {
    /// The smallest distance in steps.
    pub first: u64,
    /// The largest distance.
    pub last: u64,
    /// Number of pairs of engrams, each counted once.
    pub pairs: u64,
    /// Mean weight of connections from the earlier engram to the later one.
    pub forward: f64,
    /// Mean weight of connections from the later engram to the earlier one. If both were made in one step, `forward`
    /// and `backward` are means over both directions.
    pub backward: f64,
}

/// A weight is the number of common firings of two engrams, divided by the firings of one. So its sum over pairs is a
/// sum over firings, and no pairs need to be stored.
pub(super) fn contiguity(record: &Record, episode: &Range<u64>) -> Vec<Contiguity> {
    let survivors: Vec<bool> = record
        .lives
        .iter()
        .map(|life| record.is_of(life, episode) && record.survives(life, episode))
        .collect();
    let firings = || record.firings.iter().filter(|fired| episode.contains(&fired.step));
    let mut fire_counts = vec![0u32; record.lives.len()];
    for &member in firings().flat_map(|fired| &fired.members) {
        fire_counts[member] += 1;
    }
    let ranges = distances((episode.end - episode.start).saturating_sub(1));
    let mut sums = vec![[0.0; 2]; ranges.len()];
    let mut living = Vec::new();
    for fired in firings() {
        living.clear();
        living.extend(fired.members.iter().copied().filter(|&member| survivors[member]));
        for (index, &a) in living.iter().enumerate() {
            for &b in &living[index + 1..] {
                let [a, b] =
                    if record.lives[a].born <= record.lives[b].born { [a, b] } else { [b, a] };
                let distance = record.lives[b].born - record.lives[a].born;
                let sum = &mut sums[ranges.partition_point(|range| range.end <= distance)];
                let [forward, backward] = [a, b].map(|from| 1.0 / f64::from(fire_counts[from]));
                if distance == 0 {
                    sum[0] += (forward + backward) / 2.0;
                    sum[1] += (forward + backward) / 2.0;
                } else {
                    sum[0] += forward;
                    sum[1] += backward;
                }
            }
        }
    }
    let pairs = pairs(record, &survivors, episode, &ranges);
    let told = ranges.iter().zip(sums).zip(pairs).filter(|&(_, pairs)| pairs > 0);
    told.map(|((range, [forward, backward]), pairs)| Contiguity {
        first: range.start,
        last: range.end - 1,
        pairs,
        forward: forward / pairs as f64,
        backward: backward / pairs as f64,
    })
    .collect()
}

/// Number of pairs of survivors by distance.
fn pairs(
    record: &Record,
    survivors: &[bool],
    episode: &Range<u64>,
    ranges: &[Range<u64>],
) -> Vec<u64> {
    let steps = (episode.end - episode.start) as usize;
    let mut made = vec![0u64; steps];
    for (life, _) in record.lives.iter().zip(survivors).filter(|(_, survives)| **survives) {
        made[(life.born - episode.start) as usize] += 1;
    }
    // Survivors made before a step.
    let mut before = vec![0u64; steps + 1];
    for step in 0..steps {
        before[step + 1] = before[step] + made[step];
    }
    let later = |step: usize, range: &Range<u64>| {
        let at = |distance: u64| (step + distance as usize).min(steps);
        before[at(range.end)] - before[at(range.start)]
    };
    let of_range = |range: &Range<u64>| match range.start {
        0 => made.iter().map(|&made| made * made.saturating_sub(1) / 2).sum(),
        _ => (0..steps).map(|step| made[step] * later(step, range)).sum(),
    };
    ranges.iter().map(of_range).collect()
}
