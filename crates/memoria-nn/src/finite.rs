//! Hidden states that are not finite, and in which row and place they are.

use burn::tensor::{Bool, DType, Tensor, TensorData};
use memoria_core::{MemoriaError, check_hidden_norms};

use crate::{padding::Padding, precision::accumulated};

/// Refuses hidden states `[batch, seq, d_model]` on a host that are not finite and no padding.
///
/// # Errors
///
/// [`MemoriaError::NonFiniteHidden`].
pub(crate) fn check(hidden: &Tensor<3>, padding: Option<&Padding>) -> Result<(), MemoriaError> {
    let [batch, seq, d_model] = hidden.dims();
    // Half precision is summed in single precision.
    let data = accumulated(hidden.clone().inner()).try_into_data();
    let data = data.map_err(|error| MemoriaError::Device(Box::new(error)))?;
    let largest = largest(&data);
    // Far below what any squared norm is refused for.
    if largest * largest * (d_model as f64) < f64::from(f32::MAX) / 16.0 {
        return Ok(());
    }
    let is_padding = |at: usize| padding.is_some_and(|padding| padding.row(at / seq)[at % seq]);
    let numbers: Vec<f64> = data.iter().collect();
    let norms =
        numbers.chunks(d_model.max(1)).enumerate().map(|(at, vector)| match is_padding(at) {
            true => 0.0,
            false => vector.iter().map(|number| number * number).sum(),
        });
    check_hidden_norms(&norms.collect::<Vec<f64>>(), batch, data.dtype())
}

/// The largest absolute value; beyond all numbers if one is not finite.
fn largest(data: &TensorData) -> f64 {
    // Without their sign, floats are ordered as their bits are, and NaN is above infinity.
    match data.dtype() {
        DType::F32 => {
            let numbers = data.as_slice::<f32>().unwrap_or_default();
            let bits =
                numbers.iter().fold(0, |most: u32, x| most.max(x.to_bits() & (u32::MAX >> 1)));
            let largest = f32::from_bits(bits);
            if largest.is_finite() { f64::from(largest) } else { f64::INFINITY }
        }
        DType::F64 => {
            let numbers = data.as_slice::<f64>().unwrap_or_default();
            let bits =
                numbers.iter().fold(0, |most: u64, x| most.max(x.to_bits() & (u64::MAX >> 1)));
            let largest = f64::from_bits(bits);
            if largest.is_finite() { largest } else { f64::INFINITY }
        }
        _ => f64::INFINITY,
    }
}

/// Squared norms `[batch, seq]` of hidden states `[batch, seq, d_model]`. A norm is not finite if its vector is not.
/// Norms of padding are 0.
pub(crate) fn squared_norms(hidden: &Tensor<3>, padding: Option<&Padding>) -> Tensor<2> {
    let [batch, seq, _] = hidden.dims();
    let norms = accumulated(hidden.clone().inner()).square().sum_dim(2).reshape([batch, seq]);
    match padding {
        None => norms,
        Some(padding) => {
            let mask = padding.mask(&norms.device());
            norms.mask_fill(mask, 0.0)
        }
    }
}

/// Hidden states `[batch, seq, d_model]` with zeros where `mask_pad` `[batch, seq]` is true, so that the values of
/// padding are not used.
pub(crate) fn without_padding(hidden: Tensor<3>, mask_pad: Tensor<2, Bool>) -> Tensor<3> {
    let dims = hidden.dims();
    hidden.mask_fill(mask_pad.unsqueeze_dim::<3>(2).expand(dims), 0.0)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};
    use memoria_core::MemoriaConfig;

    use super::*;
    use crate::{MemoriaLayerConfig, MemoriaState, MemoriaStateConfig};

    /// A memory that takes flex for a device that has to be waited for.
    fn memory(waits: bool) -> MemoriaState {
        let memoria = MemoriaConfig::new(4, 6, 4, 6.0, 3);
        let mut state = MemoriaStateConfig::new(memoria).init().unwrap();
        state.waits = waits;
        state
    }

    fn bytes(memory: &mut MemoriaState) -> Vec<u8> {
        memory.snapshot().unwrap().to_bytes().unwrap()
    }

    #[test]
    fn a_device_is_not_waited_for_once_more() {
        let device = Device::flex();
        for layer in
            [MemoriaLayerConfig::causal(16, 2, 5), MemoriaLayerConfig::bidirectional(16, 2, 3)]
        {
            let layer = layer.init(&device);
            let hidden = || Tensor::<3>::random([2, 5, 16], Distribution::Default, &device);
            let (mut here, mut there) = (memory(false), memory(true));
            for number in 0..4 {
                let hidden = hidden();
                let bad = hidden.clone().slice_fill([1..2, 2..3, 7..8], f32::NAN);
                let before = [&here, &there].map(|memory| memory.costs().round_trips);
                layer.forward(hidden.clone(), &mut here).unwrap();
                let mut twin = there.clone();
                layer.forward(hidden.clone(), &mut twin).unwrap();
                let spent = [&here, &twin].map(|memory| memory.costs().round_trips);
                // Of the first segment of a causal layer nothing else is read.
                let more = u64::from(layer.is_causal && number == 0);
                assert_eq!(spent[0] - before[0] + more, spent[1] - before[1]);

                let error = layer.forward(bad.clone(), &mut there).unwrap_err();
                let at = matches!(error, MemoriaError::NonFiniteHidden { row: 1, place: 2, .. });
                assert!(at, "{error}");
                let peeked = layer.forward_peek(bad, &mut there).unwrap_err();
                assert_eq!(peeked.to_string(), error.to_string());
                layer.forward(hidden, &mut there).unwrap();
                assert!(bytes(&mut here) == bytes(&mut there));
            }
        }
    }

    /// The rows of the segment count: at first there are none, and after a reset there may still be others.
    #[test]
    fn a_segment_on_a_device_is_checked_by_its_own_rows() {
        let device = Device::flex();
        let hidden = |rows| Tensor::<3>::random([rows, 5, 16], Distribution::Default, &device);
        for layer in
            [MemoriaLayerConfig::causal(16, 2, 5), MemoriaLayerConfig::bidirectional(16, 2, 3)]
        {
            let layer = layer.init(&device);
            let mut memory = memory(true);
            for rows in [5, 2, 40, 3] {
                let bad = hidden(rows).slice_fill([rows - 1..rows, 2..3, 7..8], f32::NAN);
                let peeked = layer.forward_peek(bad.clone(), &mut memory).unwrap_err();
                let refused = layer.forward(bad, &mut memory).unwrap_err();
                for error in [peeked, refused] {
                    let told = matches!(
                        error,
                        MemoriaError::NonFiniteHidden { row, place: 2, .. } if row == rows - 1
                    );
                    assert!(told, "{error}");
                }
                // A segment that was refused fixes no batch.
                let rows = if memory.batch() == 0 { 1 } else { rows };
                for _segment in 0..2 {
                    layer.forward(hidden(rows), &mut memory).unwrap();
                }
                memory.reset();
            }
        }
    }

    #[test]
    fn attention_on_a_device_is_told_of_when_it_is_next_read() {
        let device = Device::flex();
        let run = |of_row_1: f32| {
            let mut state = memory(true);
            for number in 0..6 {
                let working = (0..2 * 3 * 4).map(|at| ((at * 7 + number * 13) as f32).sin());
                let working = TensorData::new(working.collect(), [2, 3, 4]);
                let working = Tensor::<3>::from_data::<TensorData>(working, &device);
                let is_told = number == 4 && !of_row_1.is_finite();
                if is_told {
                    let error = state.recall(working.clone()).unwrap_err();
                    let told = matches!(error, MemoriaError::NonFiniteAttention { row: 1, .. });
                    assert!(told, "{error}");
                }
                let recall = state.recall(working).unwrap();
                let width = recall.ids(0).len();
                let of_row_1 = if number == 3 { of_row_1 } else { 1.0 };
                let gains = (0..2 * width).map(|at| if at < width { 2.0 } else { of_row_1 });
                let gains = TensorData::new(gains.collect(), [2, width]);
                let gains = Tensor::<2>::from_data::<TensorData>(gains, &device);
                state.adjust_forgiving(&recall, (width > 0).then_some(gains)).unwrap();
            }
            bytes(&mut state)
        };
        assert!(run(f32::NAN) == run(0.0));
    }

    #[test]
    fn the_largest_absolute_value_is_found() {
        let largest = |numbers: Vec<f32>| super::largest(&TensorData::new(numbers, [3]));
        assert_eq!(largest(vec![0.5, -2.0, 1.0]), 2.0);
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -f32::NAN] {
            assert_eq!(largest(vec![0.5, bad, 1.0]), f64::INFINITY);
        }
        assert_eq!(super::largest(&TensorData::new(vec![0.5f64, -2.5, 1.0], [3])), 2.5);
    }
}
