//! The walk through long-term memory, from engram to engram along the strongest connections.

use super::{Found, Lane, SearchWorkspace, draw::Draw, trace::Arrival};
use crate::{MemoriaConfig, id::Member};

/// Walks from the chosen short-term engrams: first to the long-term engram that fired with each of them most often.
/// From these, and from the explored engrams, it goes `ltm_search_depth` steps on.
///
/// Costs a lookup of the strongest connection per step and walker, or per group of walkers that took part in the same
/// firings.
pub(super) fn walk(lane: &mut Lane, config: &MemoriaConfig, is_traced: bool) -> Found {
    let Lane { row, workspace } = lane;
    let (depth, explored) = (config.ltm_search_depth, config.ltm_exploration);
    let most = row.long_term_len();
    let start = workspace.chosen.len().saturating_add(explored).min(most);
    let visited = start.saturating_mul(depth.saturating_add(1)).min(most);
    let reminded = visited.min(config.num_final_ltms) + workspace.chosen.len();
    let mut members = Vec::with_capacity(start + visited + reminded + row.working().len());

    workspace.visited.clear();
    workspace.arrivals.clear();
    let chosen = core::mem::take(&mut workspace.chosen);
    let mut reached = core::mem::take(&mut workspace.others);
    go(lane, &chosen, 0, is_traced, &mut reached);
    members.extend_from_slice(&reached);
    if explored > 0 {
        let remind = lane.row.reminds;
        members.extend(Draw::Exploration.long_term(&lane.row, config.seed, remind, explored));
    }
    members.sort_unstable();
    members.dedup();

    let initial = members.len();
    members.extend_from_within(..);
    for walker in &members[initial..] {
        lane.workspace.visited.insert(walker.entry);
    }
    let mut walkers = initial..members.len();
    for step in 1..=depth {
        if walkers.is_empty() || members.len() - initial == most {
            break;
        }
        // All walkers choose before any of them marks; walkers that meet become one.
        go(lane, &members[walkers.clone()], step, is_traced, &mut reached);
        let is_new = |walker: &&Member| lane.workspace.visited.insert(walker.entry);
        members.extend(reached.iter().filter(is_new));
        walkers = walkers.end..members.len();
    }
    members[initial..].sort_unstable();
    (lane.workspace.chosen, lane.workspace.others) = (chosen, reached);
    Found::walked(members, initial)
}

/// Replaces `reached` by the engrams that walkers reach in one step.
fn go(lane: &mut Lane, from: &[Member], step: usize, is_traced: bool, reached: &mut Vec<Member>) {
    reached.clear();
    let Lane { row, workspace: SearchWorkspace { visited, arrivals, .. } } = lane;
    row.strongest_connections(from, visited, |connection| {
        reached.push(connection.to);
        if is_traced {
            arrivals.push(Arrival { connection, step });
        }
    });
}
