//! Which short-term engrams a row is reminded of.

use super::{Answer, Ask, Lane, SearchWorkspace, draw::Draw};
use crate::{MemoriaConfig, ShortTermSearch};

/// Lists the candidates and returns the request for their scores. If an adjustment `is_due`, they are those that the
/// row will have after it.
pub(super) fn list(lane: &mut Lane, config: &MemoriaConfig, is_due: bool) -> Option<Ask> {
    let Lane { row, workspace: SearchWorkspace { candidates, .. } } = lane;
    let wanted = config.num_reminded_stm;
    match config.short_term_search {
        ShortTermSearch::None => candidates.list(row, core::iter::empty()),
        _ if is_due => candidates.list(row, row.next_short_term(config.stm_capacity)),
        _ => candidates.list(row, row.short_term()),
    }
    let by_score = config.short_term_search == ShortTermSearch::Nearest;
    let asks = by_score && wanted > 0 && candidates.len() > wanted;
    asks.then_some(Ask::ShortTerm(wanted))
}

/// Puts the reminded candidates into `workspace.chosen`, in order of id.
pub(super) fn choose(lane: &mut Lane, answer: Answer, config: &MemoriaConfig) {
    let Lane { row, workspace } = lane;
    let SearchWorkspace { candidates, scores, pruned, chosen, ranking, .. } = workspace;
    let wanted = config.num_reminded_stm;
    let lives = candidates.lives(row);
    let living = || candidates.members().iter().copied().filter(lives);
    chosen.clear();
    match (config.short_term_search, answer) {
        (ShortTermSearch::Nearest, Answer::Scores) => {
            let scored = candidates.members().iter().copied().zip(scores.iter().copied());
            let scored = scored.filter(|(member, _)| lives(member));
            chosen.extend_from_slice(ranking.best(scored, wanted));
        }
        (ShortTermSearch::Nearest, Answer::Pruned) => {
            let member = |place: u32| candidates.members()[place as usize];
            let undecided = pruned.undecided.iter().map(|&(at, score)| (member(at), score));
            chosen.extend(pruned.chosen.iter().map(|&at| member(at)));
            chosen.extend_from_slice(ranking.best(undecided, wanted - pruned.chosen.len()));
            chosen.sort_unstable();
        }
        (ShortTermSearch::Nearest, Answer::Nothing) => chosen.extend(living().take(wanted)),
        (ShortTermSearch::Newest, _) => {
            let older = living().count().saturating_sub(wanted);
            chosen.extend(living().skip(older));
        }
        (ShortTermSearch::Random, _) => {
            chosen.extend(living());
            Draw::ShortTerm.keep(chosen, config.seed, row.reminds, wanted);
        }
        (ShortTermSearch::None, _) => {}
    }
}
