//! A segment that reads a memory trains the segment that wrote it, as far back as the window reaches and no
//! further.

use burn::tensor::{Device, Distribution, Tensor};
use memoria_core::MemoriaConfig;
use memoria_nn::{MemoriaState, MemoriaStateConfig, Recall, RecallInput};
use rstest::rstest;

const SHAPE: [usize; 3] = [2, 3, 8];

/// Everything is reminded for as long as these tests last, through short- or long-term memory.
fn state(bptt: usize, stm_capacity: usize) -> MemoriaState {
    let memoria = MemoriaConfig::new(stm_capacity, stm_capacity, 20, 50.0, 100);
    MemoriaStateConfig::new(memoria).with_bptt(bptt).init().unwrap()
}

/// Working memories that keep their gradients.
fn written(segments: usize, device: &Device) -> Vec<Tensor<3>> {
    device.seed(1);
    let normal = Distribution::Normal(0.0, 1.0);
    (0..segments).map(|_| Tensor::random(SHAPE, normal, device).require_grad()).collect()
}

fn recall_all(memory: &mut MemoriaState, written: &[Tensor<3>]) -> Vec<Recall> {
    let recall = |working: &Tensor<3>| {
        let recall = memory.recall(working.clone()).unwrap();
        memory.reinforce(&recall, None).unwrap();
        recall
    };
    written.iter().map(recall).collect()
}

/// How often each element of a segment's working memories was read, from the gradient of the sum of
/// what the last segment was reminded of.
fn reads(recalls: &[Recall], written: &[Tensor<3>]) -> Vec<Option<f32>> {
    let last = recalls.last().unwrap().reminded.clone().unwrap().data;
    if !last.is_tracked() {
        return vec![None; written.len()];
    }
    let gradients = last.sum().backward();
    let read = |working: &Tensor<3>| {
        let gradient = working.grad(&gradients)?;
        let (min, max) = (gradient.clone().min(), gradient.max());
        assert_eq!(min.into_scalar::<f32>(), max.clone().into_scalar::<f32>());
        Some(max.into_scalar::<f32>())
    };
    written.iter().map(read).collect()
}

#[rstest]
fn a_gradient_reaches_three_segments_back_exactly_if_the_window_holds_them(
    #[values(0, 1, 2, 3, 4)] bptt: usize,
    #[values(3, 100)] stm_capacity: usize,
) {
    let device = Device::flex().autodiff();
    let written = written(4, &device);
    let recalls = recall_all(&mut state(bptt, stm_capacity), &written);
    assert_eq!(recalls[3].ids(0).len(), 9, "all nine earlier engrams are reminded");
    let reads = reads(&recalls, &written);
    for (segment, read) in reads[..3].iter().enumerate() {
        let expected = (3 - segment <= bptt).then_some(1.0);
        assert_eq!(read.filter(|&read| read > 0.0), expected, "segment {segment}, window {bptt}");
    }
}

#[test]
fn nothing_flows_past_a_detach() {
    let device = Device::flex().autodiff();
    let written = written(3, &device);
    let mut memory = state(8, 100);
    recall_all(&mut memory, &written[..2]);
    memory.detach();
    let recalls = recall_all(&mut memory, &written[2..]);
    assert!(reads(&recalls, &written).iter().all(Option::is_none));
}

#[test]
fn what_is_reminded_does_not_depend_on_the_window() {
    let device = Device::flex().autodiff();
    let written = written(12, &device);
    let data = |bptt| {
        let recalls = recall_all(&mut state(bptt, 12), &written);
        let reminded = recalls.into_iter().filter_map(|recall| recall.reminded);
        reminded
            .map(|r| (r.data.into_data(), r.mask_pad.map(Tensor::into_data)))
            .collect::<Vec<_>>()
    };
    let without = data(0);
    assert_eq!(without.len(), 11);
    for bptt in [1, 3, 20] {
        assert_eq!(data(bptt), without, "window {bptt}");
    }
}

#[test]
fn without_autodiff_the_window_keeps_nothing() {
    let device = Device::flex();
    let working = Tensor::<3>::random(SHAPE, Distribution::Default, &device);
    let mut memory = state(8, 100);
    let recalls = recall_all(&mut memory, &[working.clone(), working]);
    assert!(!recalls[1].reminded.clone().unwrap().data.is_autodiff());
}

#[test]
fn rows_that_were_reset_are_not_read() {
    let device = Device::flex().autodiff();
    let written = written(2, &device);
    let mut memory = state(8, 100);
    recall_all(&mut memory, &written[..1]);
    memory.reset_rows(&[1]).unwrap();
    let recall = memory.recall(written[1].clone()).unwrap();
    assert!(recall.ids(1).is_empty());
    let gradients = recall.reminded.unwrap().data.sum().backward();
    let gradient = written[0].grad(&gradients).unwrap().into_data();
    let gradient: Vec<f32> = gradient.iter().collect();
    assert!(gradient[..24].iter().all(|&g| g == 1.0) && gradient[24..].iter().all(|&g| g == 0.0));
}

/// Rows that begin anew are reminded of nothing, and nothing of them is in the window; their neighbours are
/// reminded as ever.
#[test]
fn a_row_that_begins_anew_is_reminded_of_nothing() {
    let device = Device::flex().autodiff();
    let written = written(4, &device);
    let mut memory = state(2, 100);
    let mut counts = Vec::new();
    let mut last = None;
    for (segment, working) in written.iter().enumerate() {
        let begun_anew: &[usize] = if segment == 2 { &[1] } else { &[] };
        memory.reset_rows(begun_anew).unwrap();
        let asked = RecallInput::new(working.clone()).absent(begun_anew);
        let recall = memory.recall(asked).unwrap();
        memory.reinforce(&recall, None).unwrap();
        counts.push([recall.ids(0).len(), recall.ids(1).len()]);
        last = Some(recall);
    }
    assert_eq!(counts, [[0, 0], [3, 3], [6, 0], [9, 0]]);
    let reminded = last.unwrap().reminded.unwrap();
    let gradients = reminded.data.sum().backward();
    let rows = |working: &Tensor<3>| {
        let gradient = working.grad(&gradients)?;
        let sums = gradient.sum_dim(2).sum_dim(1);
        Some(sums.into_data().iter().collect::<Vec<f32>>())
    };
    // Of the window's two segments the first row is reminded, the second of neither.
    assert_eq!(rows(&written[1]), Some(vec![24.0, 0.0]));
    assert_eq!(rows(&written[2]), Some(vec![24.0, 0.0]));
    assert_eq!(rows(&written[0]), None);
}
