//! Which long-term engrams a row is reminded of.

use super::{Answer, Ask, Found, Lane, SearchWorkspace, draw::Draw, walk::walk};
use crate::{LongTermSearch, MemoriaConfig};

/// Walks, if the search does, and lists the candidates. Returns the request for their scores; without one, all
/// candidates are reminded, or none are wanted.
pub(super) fn find(
    lane: &mut Lane,
    config: &MemoriaConfig,
    is_traced: bool,
    found: &mut Found,
) -> Option<Ask> {
    let wanted = config.num_final_ltms;
    match config.long_term_search {
        LongTermSearch::Walk => {
            *found = walk(lane, config, is_traced);
            if wanted == 0 || found.visited().len() <= wanted {
                return None;
            }
            lane.workspace.candidates.list(&lane.row, found.visited().iter().copied());
            Some(Ask::Candidates)
        }
        LongTermSearch::WalkAndNearest => {
            *found = walk(lane, config, is_traced);
            nearest(lane, wanted)
        }
        LongTermSearch::Nearest => nearest(lane, wanted),
        LongTermSearch::Random => {
            let Lane { row, workspace } = lane;
            let drawn = Draw::LongTerm.long_term(row, config.seed, row.reminds, wanted);
            workspace.candidates.list_sorted(row, drawn);
            None
        }
        LongTermSearch::None => None,
    }
}

/// Lists all long-term engrams if there are no more than wanted, else asks for the nearest.
fn nearest(lane: &mut Lane, wanted: usize) -> Option<Ask> {
    let Lane { row, workspace } = lane;
    if wanted == 0 {
        return None;
    }
    if row.long_term_len() > wanted {
        return Some(Ask::Nearest(wanted));
    }
    workspace.candidates.list_sorted(row, row.long_term());
    None
}

/// Adds the reminded long-term engrams to `found`.
pub(super) fn choose(lane: &mut Lane, answer: Answer, config: &MemoriaConfig, found: &mut Found) {
    let SearchWorkspace { candidates, scores, ranking, others, .. } = &mut lane.workspace;
    let wanted = config.num_final_ltms;
    if answer == Answer::Nothing {
        return match config.long_term_search {
            _ if wanted == 0 => {}
            LongTermSearch::Walk => found.remind_of_visited(),
            LongTermSearch::None => {}
            _ => found.remind_of_ltms(candidates.members()),
        };
    }
    let scored = candidates.members().iter().copied().zip(scores.iter().copied());
    if config.long_term_search != LongTermSearch::WalkAndNearest {
        return found.remind_of_ltms(ranking.best(scored, wanted));
    }
    let visited = found.visited();
    let visited = scored.clone().filter(|(member, _)| visited.binary_search(member).is_ok());
    others.clear();
    others.extend_from_slice(ranking.best(visited, wanted.div_ceil(2)));
    let walked = others.len();
    let rest = scored.filter(|(member, _)| others.binary_search(member).is_err());
    let nearest = ranking.best(rest, wanted - walked);
    others.extend_from_slice(nearest);
    others.sort_unstable();
    found.remind_of_ltms(others);
}
