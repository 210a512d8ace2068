//! What a layer does with a memory is recorded.

use burn::tensor::{Device, Distribution, Tensor};
use memoria_core::{EngramKind, MemoriaConfig, MemoriaError, history::HistoryEvent};
use memoria_nn::{MemoriaLayerConfig, MemoriaStateConfig};

#[test]
fn a_layers_memory_is_recorded() {
    let device = Device::flex();
    let layer = MemoriaLayerConfig::bidirectional(16, 2, 4).init(&device);
    let config = MemoriaStateConfig::new(MemoriaConfig::new(3, 6, 4, 3.0, 3));
    let mut memory = config.init().unwrap();
    assert!(matches!(memory.history(), Err(MemoriaError::NotRecorded)));
    memory.record_history(true);
    assert!(memory.records_history());
    for segment in 0..12 {
        let hidden = Tensor::<3>::random([2, 5, 16], Distribution::Default, &device);
        layer.forward(hidden, &mut memory).unwrap();
        if segment == 7 {
            memory.reset_rows(&[1]).unwrap();
        }
    }
    let history = memory.history().unwrap();
    let state = memory.state().unwrap();
    for (index, row) in history.rows().enumerate() {
        assert_eq!(row.steps(), 0..12);
        let engrams: Vec<_> = state.row(index).unwrap().engrams().collect();
        assert_eq!(row.now().engrams(), engrams);
        let gained = |step: u64| {
            let firings = row.firings_of(step).unwrap();
            let reminded = firings.iter().filter(|f| f.kind != EngramKind::Working);
            reminded.map(|firing| f64::from(firing.lifespan_gain)).sum::<f64>()
        };
        // α times the number reminded, shared out by attention.
        for summary in row.summaries() {
            let expected = f64::from(config.lifespan_extend_scale) * summary.reminded as f64;
            assert!((gained(summary.step) - expected).abs() < 1e-3 * expected.max(1.0));
            assert!(
                (summary.lifespan_gain - gained(summary.step)).abs() < 1e-9 * expected.max(1.0)
            );
        }
        // Gains that were still on the device are not lost to the reset.
        let resets = row.events().filter(|e| matches!(e, HistoryEvent::Reset { .. }));
        assert!(resets.map(|event| event.step()).eq((index == 1).then_some(8)));
    }
    let taken = memory.take_history().unwrap();
    assert_eq!(taken.row(0).unwrap().steps(), 0..12);
    assert!(memory.history().unwrap().row(0).unwrap().steps().is_empty());
}
