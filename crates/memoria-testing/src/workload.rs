//! The workloads of `benches/workloads.json`.

use burn::{
    backend::{Dispatch, tensor::FloatTensor},
    tensor::{Device, Tensor, TensorData},
};
use memoria::{LifespanGain, MemoriaConfig, Recall};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::Deserialize;

/// Sizes of a memory and of its inputs.
#[derive(Deserialize)]
#[allow(missing_docs, reason = "named as in the file, and as those of a memory")]
pub struct Workload {
    pub name: String,
    pub batch: usize,
    /// Working memories per row and step.
    pub n: usize,
    pub dim: usize,
    pub num_reminded_stm: usize,
    pub stm_capacity: usize,
    pub ltm_search_depth: usize,
    pub initial_lifespan: f32,
    pub num_final_ltms: usize,
    /// Sum of a row's gains, per reminded engram.
    pub alpha: f32,
    pub steps: usize,
}

/// Returns all workloads, or those with one of the parts in their names.
pub fn workloads(parts: &[String]) -> serde_json::Result<Vec<Workload>> {
    let mut workloads: Vec<Workload> =
        serde_json::from_str(include_str!("../../../benches/workloads.json"))?;
    workloads.retain(|workload| {
        parts.is_empty() || parts.iter().any(|part| workload.name.contains(part.as_str()))
    });
    Ok(workloads)
}

impl Workload {
    /// Returns the configuration of the memory.
    pub fn config(&self) -> MemoriaConfig {
        MemoriaConfig::new(
            self.num_reminded_stm,
            self.stm_capacity,
            self.ltm_search_depth,
            self.initial_lifespan,
            self.num_final_ltms,
        )
    }

    /// Draws standard normal numbers `[batch, n, dim]`.
    pub fn working_memory(&self, rng: &mut ChaCha8Rng, device: &Device) -> FloatTensor<Dispatch> {
        let shape = [self.batch, self.n, self.dim];
        let count = shape.iter().product();
        let numbers: Vec<f32> = StandardNormal.sample_iter(rng).take(count).collect();
        Tensor::<3>::from_data(TensorData::new(numbers, shape), device).into_dispatch()
    }

    /// Draws gains `[batch, reminded]` on the device: the cube of a uniform number for each reminded engram, scaled so
    /// that the mean of a row is `alpha`. A few engrams gain much, as with attention.
    pub fn gains(
        &self,
        reminded: &Recall<Dispatch>,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> LifespanGain<Dispatch> {
        let (batch, width) = (reminded.batch(), reminded.width());
        if width == 0 {
            return LifespanGain::Zero;
        }
        let mut gains = vec![0.0; batch * width];
        for (row, gains) in gains.chunks_mut(width).enumerate() {
            let gains = &mut gains[..reminded.ids(row).len()];
            gains.fill_with(|| rng.random::<f32>().powi(3));
            let scale = self.alpha * gains.len() as f32 / gains.iter().sum::<f32>().max(1e-9);
            gains.iter_mut().for_each(|gain| *gain *= scale);
        }
        let gains = Tensor::<2>::from_data(TensorData::new(gains, [batch, width]), device);
        LifespanGain::Device(gains.into_dispatch())
    }
}
