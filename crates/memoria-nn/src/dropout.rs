use burn::{
    backend::Dispatch,
    nn::Dropout,
    tensor::{DType, Device, Distribution, Tensor, TensorData},
};
use memoria_core::computes_on_host;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use rayon::prelude::*;

/// Numbers that one stream of random bytes decides on.
const CHUNK: usize = 1 << 15;

/// What [`Dropout::forward`] does, faster on the host: Burn draws there one number after the other, and a
/// segment's attention to its memories needs millions of them.
///
/// On flex and ndarray one draw from Burn's generator seeds a generator for each part of the tensor, and
/// all cores take part. What is dropped depends on the seed that was given to Burn, not on the number of
/// cores; the rate is rounded to a multiple of 2⁻¹⁶. On other devices it is [`Dropout::forward`].
///
/// As there, nothing is dropped outside of training.
pub fn apply_dropout<const D: usize>(dropout: &Dropout, input: Tensor<D>) -> Tensor<D> {
    let device = input.device();
    // As Burn's layer has it. Most calls of a model end here, before the device is asked for its name.
    if dropout.prob == 0.0 || !dropout.training.is_enabled() || !device.is_autodiff() {
        return input;
    }
    if !computes_on_host::<Dispatch>(device.as_dispatch()) {
        return dropout.forward(input);
    }
    let dropped = dropped_of_65536(dropout.prob);
    if dropped == 0 {
        return input;
    }
    let shape = input.dims();
    let mask = TensorData::new(mask(shape.iter().product(), dropped, seed(&device)), shape);
    let mask = Tensor::from_data(mask, (&device, input.dtype()));
    input * mask
}

/// A seed from the device's generator, of 48 random bits whatever the device's float type.
fn seed(device: &Device) -> u64 {
    // Whole numbers below it are exact in single precision, which every device of the host has.
    const SEEDS: f64 = (1 << 24) as f64;
    let range = Distribution::Uniform(0.0, SEEDS);
    let parts = Tensor::<1>::random([2], range, (device, DType::F32)).into_data();
    parts.iter::<f64>().fold(0, |seed, part| seed * SEEDS as u64 + part as u64)
}

fn dropped_of_65536(rate: f64) -> u16 {
    (rate * 65536.0).round() as u16
}

/// Zeros where something is dropped, and else what keeps the mean.
fn mask(len: usize, dropped: u16, seed: u64) -> Vec<f32> {
    let kept = 65536.0 / (65536.0 - f32::from(dropped));
    let mut mask = vec![0.0; len];
    mask.par_chunks_mut(CHUNK).enumerate().for_each(|(stream, chunk)| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream as u64);
        let mut bytes = [0; 2 * 512];
        for part in chunk.chunks_mut(bytes.len() / 2) {
            rng.fill_bytes(&mut bytes);
            for (number, bytes) in part.iter_mut().zip(bytes.as_chunks().0) {
                *number = if u16::from_le_bytes(*bytes) < dropped { 0.0 } else { kept };
            }
        }
    });
    mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::DropoutConfig;
    use rstest::rstest;

    #[rstest]
    fn as_much_is_dropped_as_asked_for_and_the_mean_is_kept(
        #[values(0.05, 0.1, 0.5, 0.9)] rate: f64,
    ) {
        let len = 1 << 20;
        let mask = mask(len, dropped_of_65536(rate), 7);
        let kept = mask.iter().filter(|&&number| number > 0.0).count() as f64 / len as f64;
        // Five deviations of a binomial.
        let deviation = (rate * (1.0 - rate) / len as f64).sqrt();
        assert!((kept - (1.0 - rate)).abs() < 5.0 * deviation, "{kept}");
        let mean = mask.iter().map(|&number| f64::from(number)).sum::<f64>() / len as f64;
        assert!((mean - 1.0).abs() < 5.0 * deviation / (1.0 - rate), "{mean}");
    }

    #[test]
    fn neighbours_and_parts_are_independent() {
        let mask = mask(8 * CHUNK, dropped_of_65536(0.5), 3);
        let agree = |distance| {
            let pairs = mask.iter().zip(&mask[distance..]);
            pairs.filter(|(a, b)| a == b).count() as f64 / (mask.len() - distance) as f64
        };
        for distance in [1, 2, 512, CHUNK, 3 * CHUNK] {
            assert!((agree(distance) - 0.5).abs() < 0.006, "{distance}: {}", agree(distance));
        }
    }

    #[test]
    fn seeds_decide() {
        let dropped = dropped_of_65536(0.1);
        assert_eq!(mask(1000, dropped, 1), mask(1000, dropped, 1));
        assert_ne!(mask(1000, dropped, 1), mask(1000, dropped, 2));
        assert_eq!(mask(1000, dropped, 1), mask(CHUNK + 9, dropped, 1)[..1000]);
    }

    #[rstest]
    #[case(0.0, Device::flex().autodiff(), 1.0)]
    #[case(0.5, Device::flex(), 1.0)]
    #[case(0.5, Device::flex().autodiff(), 2.0)]
    fn nothing_is_dropped_outside_of_training(
        #[case] rate: f64,
        #[case] device: Device,
        #[case] largest: f32,
    ) {
        let layer = DropoutConfig::new(rate).init();
        let dropped = apply_dropout(&layer, Tensor::<2>::ones([64, 64], &device));
        assert_eq!(dropped.clone().max().into_scalar::<f32>(), largest);
        assert_eq!(dropped.min().into_scalar::<f32>(), 2.0 - largest);
    }

    #[test]
    fn gradients_flow_where_nothing_was_dropped() {
        let layer = DropoutConfig::new(0.25).init();
        let x = Tensor::<1>::ones([1000], &Device::flex().autodiff()).require_grad();
        let dropped = apply_dropout(&layer, x.clone());
        let gradient = x.grad(&dropped.clone().sum().backward()).unwrap();
        assert_eq!(gradient.into_data(), dropped.inner().into_data());
    }

    #[test]
    fn the_float_type_stays() {
        let device = Device::flex().autodiff();
        let x = Tensor::<1>::ones([100], &device).cast(burn::tensor::DType::F16);
        let layer = DropoutConfig::new(0.5).init();
        assert_eq!(apply_dropout(&layer, x).dtype(), burn::tensor::DType::F16);
    }
}
