//! Traces show why a row is reminded of an engram.

use crate::support::{device, go_on_alike, step, tensor};
use burn::backend::Dispatch;
use memoria_core::{
    EngramId, LifespanGain, LongTermSearch, Memoria, MemoriaConfig, Reached, SearchStage, Storage,
    history::{History, HistoryEvent},
};
use rstest::rstest;

/// Returns a memory with two rows and dimension 4, after eight steps.
fn lived(storage: Storage, search: LongTermSearch) -> Memoria<Dispatch> {
    let config = MemoriaConfig::new(3, 6, 3, 6.0, 6)
        .with_ltm_exploration(1, 11)
        .with_long_term_search(search);
    let mut memory = Memoria::new(config).unwrap().with_storage(storage);
    (0..8).for_each(|seed| step(&mut memory, seed, &device("flex")));
    memory
}

#[rstest]
fn a_trace_tells_of_everything_reminded_and_changes_nothing(
    #[values(Storage::Host, Storage::Device)] storage: Storage,
    #[values(LongTermSearch::Walk, LongTermSearch::WalkAndNearest, LongTermSearch::Random)]
    search: LongTermSearch,
) {
    let device = &device("flex");
    let (mut memory, mut twin) = (lived(storage, search), lived(storage, search));
    assert!(!memory.traces_searches());
    memory.trace_searches(true);
    let round_trips = [&memory, &twin].map(|memory| memory.costs().round_trips);
    let query = tensor(70, [2, 2, 4], device);
    let (got, expected) = (memory.peek(query.clone()).unwrap(), twin.peek(query).unwrap());
    assert_eq!(got.stages(), expected.stages());
    let spent = [&memory, &twin].map(|memory| memory.costs().round_trips);
    let more = u64::from(storage == Storage::Device);
    assert_eq!(spent[0] - round_trips[0], spent[1] - round_trips[1] + more);
    assert!(expected.trace(0).is_none());
    let state = memory.state().unwrap();
    for row in 0..2 {
        let (trace, state) = (got.trace(row).unwrap(), state.row(row).unwrap());
        let ids: Vec<EngramId> = trace.reached.iter().map(|reached| reached.id).collect();
        assert_eq!(ids, got.ids(row));
        for reached in &trace.reached {
            assert_eq!(trace.of(reached.id), Some(reached));
            assert!(reached.score.is_some_and(|score| score <= 0.0), "{reached:?}");
            if let Some((from, weight)) = reached.via {
                assert_eq!(state.connection_weight(from, reached.id).unwrap(), weight);
                assert!(weight > 0.0);
            }
            let is_connected =
                matches!(reached.stage, SearchStage::WalkStart | SearchStage::Walk { .. });
            assert_eq!(reached.via.is_some(), is_connected, "{reached:?}");
        }
        assert!(trace.of(EngramId(999)).is_none());
        let stages = &got.stages()[row];
        let of = |stage: SearchStage| trace.reached.iter().filter(|r| r.stage == stage).count();
        assert_eq!(of(SearchStage::ShortTerm), stages.reminded_stm.len());
        if search == LongTermSearch::Random {
            assert_eq!(of(SearchStage::Random), stages.reminded_ltm.len());
        }
    }
    memory.trace_searches(false);
    go_on_alike(&mut memory, &mut twin, None, device);
}

/// A history has the trace of every traced search, after the firings.
#[rstest]
fn a_history_has_what_was_traced(#[values(Storage::Host, Storage::Device)] storage: Storage) {
    let device = &device("flex");
    let mut memory = lived(storage, LongTermSearch::Walk).with_history();
    let mut expected = [Vec::new(), Vec::new()];
    for seed in 0..6 {
        memory.trace_searches(seed % 3 != 2);
        memory.peek(tensor(70, [2, 2, 4], device)).unwrap();
        memory.add_working_memory(tensor(20 + seed, [2, 3, 4], device)).unwrap();
        let recall = memory.remind().unwrap();
        for (row, expected) in expected.iter_mut().enumerate() {
            expected.extend(recall.trace(row).map(|trace| (8 + seed as u64, trace.clone())));
        }
        memory.adjust(&recall, LifespanGain::Zero).unwrap();
    }
    let history = memory.history().unwrap();
    let read = History::from_bytes(&history.to_bytes()).unwrap();
    for history in [&history, &read] {
        for (row, expected) in history.rows().zip(&expected) {
            let events: Vec<HistoryEvent> = row.events().collect();
            let mut traced = Vec::new();
            for pair in events.windows(2) {
                let HistoryEvent::Searched { step, trace } = &pair[1] else { continue };
                assert!(
                    matches!(&pair[0], HistoryEvent::Fired { step: fired, .. } if fired == step)
                );
                traced.push((*step, trace.clone()));
            }
            assert_eq!((traced.len(), &traced), (4, expected));
        }
    }
}

/// The engrams with the highest scores are reminded.
#[rstest]
fn scores_are_what_engrams_are_ranked_by(
    #[values(Storage::Host, Storage::Device)] storage: Storage,
) {
    let device = &device("flex");
    let reached = |wanted: usize| {
        let config = MemoriaConfig::new(0, 3, 0, 40.0, wanted)
            .with_long_term_search(LongTermSearch::Nearest);
        let mut memory = Memoria::<Dispatch>::new(config).unwrap().with_storage(storage);
        for seed in 0..8 {
            memory.add_working_memory(tensor(seed, [2, 3, 4], device)).unwrap();
            let reminded = memory.remind().unwrap();
            memory.adjust(&reminded, LifespanGain::Zero).unwrap();
        }
        memory.trace_searches(true);
        let recall = memory.peek(tensor(70, [2, 2, 4], device)).unwrap();
        recall.trace(1).unwrap().reached.clone()
    };
    let score = |reached: &Reached| reached.score.unwrap();
    let mut all = reached(100);
    assert!(all.len() == 21 && all.iter().all(|reached| reached.stage == SearchStage::Nearest));
    all.sort_by(|a, b| score(b).total_cmp(&score(a)).then(a.id.cmp(&b.id)));
    all.truncate(4);
    all.sort_by_key(|reached| reached.id);
    let ids = |reached: &[Reached]| reached.iter().map(|one| one.id).collect::<Vec<EngramId>>();
    assert_eq!(ids(&reached(4)), ids(&all));
}
