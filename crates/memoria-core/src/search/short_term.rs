//! Which short-term engrams a row is reminded of.

use super::{Ask, Candidates, SearchWorkspace, draw::Draw};
use crate::{MemoriaConfig, ShortTermSearch, row::Row};

/// Lists the candidates; what has to be known of them. If an adjustment `is_due`, they are those that the row
/// will have after it.
pub(super) fn list(
    row: &Row,
    candidates: &mut Candidates,
    config: &MemoriaConfig,
    is_due: bool,
) -> Option<Ask> {
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

/// Puts the candidates that the row is reminded of into `workspace.chosen`, in order of id. Without scores all
/// are alike.
pub(super) fn choose(
    row: &Row,
    workspace: &mut SearchWorkspace,
    scores: Option<&[f64]>,
    config: &MemoriaConfig,
) {
    let SearchWorkspace { candidates, chosen, ranking, .. } = workspace;
    let wanted = config.num_reminded_stm;
    let lives = candidates.lives(row);
    let living = || candidates.members().iter().copied().filter(lives);
    chosen.clear();
    match (config.short_term_search, scores) {
        (ShortTermSearch::Nearest, Some(scores)) => {
            let scored = candidates.members().iter().copied().zip(scores.iter().copied());
            // A score that is no number is certainly not among the best.
            let scored = scored.filter(|(member, score)| !score.is_nan() && lives(member));
            chosen.extend_from_slice(ranking.best(scored, wanted));
        }
        (ShortTermSearch::Nearest, None) => chosen.extend(living().take(wanted)),
        (ShortTermSearch::Newest, _) => {
            let older = living().count().saturating_sub(wanted);
            chosen.extend(living().skip(older));
        }
        (ShortTermSearch::Random, _) => {
            chosen.extend(living());
            Draw::ShortTerm.keep(chosen, config.seed, row.reminds(), wanted);
        }
        (ShortTermSearch::None, _) => {}
    }
}
