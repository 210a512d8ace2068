use burn::tensor::{Device, Tensor};
use memoria_core::{LongTermSearch, MemoriaConfig};
use memoria_models::MemoryConfig;
use memoria_nn::MemoriaStateConfig;

use super::*;

/// Two rows after three segments with two memories each.
fn state() -> MemoriaState {
    let memoria =
        MemoriaConfig::new(1, 2, 2, 9.0, 1).with_long_term_search(LongTermSearch::Nearest);
    let mut state = MemoriaStateConfig::new(memoria).with_bptt(3).init().unwrap();
    for segment in 0..3 {
        let working = Tensor::<3>::ones([2, 2, 4], &Device::flex()) * (segment as f32 + 1.0);
        let recall = state.recall(working).unwrap();
        state.reinforce(&recall, None).unwrap();
    }
    state
}

fn report(bytes: &[u8]) -> SnapshotReport {
    SnapshotReport::of_bytes(bytes, |_| ())
}

#[test]
fn every_row_is_told_as_it_is() {
    let mut state = state();
    let bytes = state.snapshot().unwrap().to_bytes().unwrap();
    let report = report(&bytes);
    assert_eq!(report.damage, None);
    let head = report.head.as_ref().unwrap();
    assert_eq!((head.saved, head.version, head.rows), (Saved::State, 2, 2));
    assert_eq!((head.width, head.engrams, head.vector_bytes), (Some(4), 12, 192));
    assert_eq!((head.lifespan_extend_scale, head.gradient_window), (Some(8.0), Some(3)));
    assert_eq!(head.float.as_deref(), Some("f32"));
    // Slow reference: all pairs.
    let looked = state.state().unwrap();
    for (index, row) in report.rows.iter().enumerate() {
        let told = looked.row(index).unwrap();
        let engrams: Vec<_> = told.engrams().collect();
        assert_eq!((row.counts, row.connections_of), (told.counts(), 6));
        let connections = |from: &memoria_core::Engram| {
            let others = engrams.iter().filter(|to| to.id != from.id);
            others.filter(|to| told.cofire_count(from.id, to.id).unwrap() > 0).count() as f64
        };
        assert_eq!(row.connections, Spread::of(engrams.iter().map(connections)));
        assert_eq!(row.ages.unwrap().most, 3.0);
        let lifespan: f64 = engrams.iter().map(|engram| f64::from(engram.lifespan)).sum();
        assert!((row.lifespans.unwrap().mean - lifespan / 6.0).abs() < 1e-6);
    }
    let text = report.text();
    assert!(text.contains("long_term_search     nearest") && text.contains("192 bytes"), "{text}");
    assert!(serde_json::to_string(&report).unwrap().contains(r#""damage":null"#));
}

#[test]
fn each_kind_of_snapshot_is_told() {
    let memory = state().memoria().snapshot().unwrap().to_bytes().unwrap();
    assert_eq!(report(&memory).head.unwrap().saved, Saved::Memory);
    let config = MemoryConfig::new(2, MemoriaConfig::new(1, 2, 2, 9.0, 1));
    let model = config.init().unwrap().snapshot().unwrap().to_bytes().unwrap();
    let report = report(&model);
    assert_eq!(report.damage, None);
    assert_eq!(report.head.unwrap().saved, Saved::ModelMemory);
}

#[test]
fn what_is_damaged_is_said() {
    let whole = state().snapshot().unwrap().to_bytes().unwrap();
    let damage = |bytes: &[u8]| report(bytes).damage.unwrap();
    let none = report(b"not a memory at all");
    assert!(none.head.is_none() && none.text().contains("DAMAGED: "), "{}", none.text());
    let history = state_history();
    assert!(damage(&history).contains("memoria analyse"));
    let mut changed = whole.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    for bytes in [&changed[..], &whole[..whole.len() - 1], &[&whole[..], b"more"].concat()] {
        assert!(!damage(bytes).is_empty());
        assert!(report(bytes).rows.is_empty());
    }
}

fn state_history() -> Vec<u8> {
    let mut state = state();
    state.record_history(true);
    let mut bytes = Vec::new();
    state.history().unwrap().write(&mut bytes).unwrap();
    bytes
}
