//! Linear layers that start by passing on what they are given.

use burn::{
    module::Param,
    nn::Linear,
    tensor::{Tensor, TensorData},
};

/// Turns a fresh linear layer into one that passes its first inputs on to its first outputs. Further
/// outputs stay as they were initialized, further inputs start without effect.
pub(crate) fn pass_on(linear: Linear) -> Linear {
    let weight = linear.weight.val();
    let [d_input, d_output] = weight.dims();
    let device = weight.device();
    let options = (&device, weight.dtype());
    let kept = d_input.min(d_output);
    let mut values: Vec<f64> = weight.into_data().iter().collect();
    for (at, value) in values.iter_mut().enumerate() {
        let (input, output) = (at / d_output, at % d_output);
        if output < kept || input >= kept {
            *value = if input == output { 1.0 } else { 0.0 };
        }
    }
    let weight = Tensor::<2>::from_data(TensorData::new(values, [d_input, d_output]), options);
    let bias = linear.bias.map(|_| Param::from_tensor(Tensor::zeros([d_output], options)));
    Linear { weight: Param::from_tensor(weight), bias }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::{nn::LinearConfig, tensor::Device};
    use rstest::rstest;

    #[rstest]
    fn what_fits_is_passed_on(#[values(3, 5)] d_input: usize, #[values(3, 7)] d_output: usize) {
        let device = Device::flex();
        let linear = pass_on(LinearConfig::new(d_input, d_output).init(&device));
        let input: Vec<f32> = (1..=d_input).map(|i| i as f32).collect();
        let x = Tensor::<2>::from_data(TensorData::new(input.clone(), [1, d_input]), &device);
        let output: Vec<f32> = linear.forward(x).into_data().iter().collect();
        let kept = d_input.min(d_output);
        assert_eq!(output[..kept], input[..kept]);
        assert!(output[kept..].iter().all(|&further| further != 0.0));
    }
}
