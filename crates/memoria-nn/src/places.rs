//! Initial biases for places within a segment.

use burn::{
    module::Param,
    tensor::{Bool, Device, Int, Tensor, TensorData},
};

use crate::Recall;

/// How many positions before the end of a segment of `longest` positions each of `count` memories looks at
/// first: 1 … `longest`, spaced logarithmically.
fn reaches(count: usize, longest: usize) -> Vec<f64> {
    let last = (longest.max(1) as f64).ln();
    let step = last / (count.max(2) - 1) as f64;
    (0..count).map(|memory| (step * memory as f64).exp()).collect()
}

/// A bias `[memories + queries, longest]` by a position's distance from the end of the segment, 0 for the last
/// one: −4 |ln(1 + distance) − ln(reach)| of a memory, 0 of a query.
pub(crate) fn liking(
    memories: usize,
    queries: usize,
    longest: usize,
    device: &Device,
) -> Param<Tensor<2>> {
    assert!(longest > 0, "max_places must be at least 1, or none, got 0");
    let mut values = Vec::with_capacity((memories + queries) * longest);
    for reach in reaches(memories, longest) {
        let worth = |far: usize| -4.0 * (((1 + far) as f64).ln() - reach.ln()).abs();
        values.extend((0..longest).map(worth));
    }
    values.resize((memories + queries) * longest, 0.0);
    let shape = [memories + queries, longest];
    Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), device))
}

/// The values of a bias `[count, longest]` by distance from the end for the positions of a segment,
/// `[1 or batch, count, seq]`. Padding, where `mask_pad` `[batch, seq]` is true, has no place: distances are
/// counted without it.
pub(crate) fn from_the_end(
    bias: Tensor<2>,
    seq: usize,
    mask_pad: Option<&Tensor<2, Bool>>,
) -> Tensor<3> {
    let [count, longest] = bias.dims();
    let device = bias.device();
    let Some(mask) = mask_pad else {
        let distances = (0..seq).rev().map(|far| far.min(longest - 1) as i64).collect();
        return bias.select(1, indices(distances, &device)).unsqueeze_dim(0);
    };
    let batch = mask.dims()[0];
    let distances = ranks(mask.clone().flip([1]), longest).flip([1]).reshape([batch * seq]);
    bias.select(1, distances).reshape([count, batch, seq]).swap_dims(0, 1)
}

/// The places within their segment of positions that attend to memories.
#[derive(Clone, Debug)]
pub struct Places {
    seq: usize,
    start: usize,
    mask_pad: Option<Tensor<2, Bool>>,
}

impl Places {
    /// The first `seq` positions of a segment.
    pub fn new(seq: usize) -> Self {
        Self { seq, start: 0, mask_pad: None }
    }

    /// Puts the first position at the place `start`.
    pub fn start(mut self, start: usize) -> Self {
        self.start = start;
        self
    }

    /// Positions where `mask_pad` `[batch, seq]` is true have no place: places are counted without them.
    pub fn mask_pad(mut self, mask_pad: Option<Tensor<2, Bool>>) -> Self {
        self.mask_pad = mask_pad;
        self
    }
}

/// How near memories of the previous segment are to the places of a segment, before it is learned:
/// `[n_heads, longest, num_memories]`, −2^−(head + 1) · distance, as in ALiBi. If hidden states are the
/// memories (`num_memories` of `None`), by their distance from the end, `[n_heads, longest, longest]`.
pub fn init_nearness(
    n_heads: usize,
    num_memories: Option<usize>,
    longest: usize,
    device: &Device,
) -> Param<Tensor<3>> {
    let reaches = match num_memories {
        Some(count) => reaches(count, longest),
        None => (1..=longest).map(|reach| reach as f64).collect(),
    };
    nearness(n_heads, longest, &reaches, device)
}

/// A [nearness](init_nearness) as a [bias](crate::MemoryAttentionInput::bias) for the attention from these places to
/// the working memories of a recall, `[1 or batch, n_heads, seq, memories]`. Places and distances beyond its size
/// count as the farthest ones.
///
/// # Panics
///
/// If the shapes do not fit.
pub fn nearness_bias(
    nearness: Tensor<3>,
    places: &Places,
    recall: &Recall,
    keeps_hidden: bool,
) -> Tensor<4> {
    let bias = by_place(nearness, places);
    match keeps_hidden {
        true => by_distance(bias, recall.working.dims()[1], recall.mask_working.as_ref()),
        false => bias,
    }
}

/// The values of a bias `[n_heads, longest, memories]` by head and place for these places,
/// `[1 or batch, n_heads, seq, memories]`.
fn by_place(bias: Tensor<3>, places: &Places) -> Tensor<4> {
    let [n_heads, longest, memories] = bias.dims();
    let device = bias.device();
    let Places { seq, start, ref mask_pad } = *places;
    let Some(mask) = mask_pad else {
        let places = (start..start + seq).map(|place| place.min(longest - 1) as i64).collect();
        return bias.select(1, indices(places, &device)).unsqueeze_dim(0);
    };
    let batch = mask.dims()[0];
    let places = ranks(mask.clone(), longest).add_scalar(start as i64);
    let places = places.clamp(0, longest as i64 - 1).reshape([batch * seq]);
    bias.select(1, places).reshape([n_heads, batch, seq, memories]).swap_dims(0, 1)
}

/// What a bias `[.., longest]` by distance from the end has for the positions of a segment of length `seq`,
/// `[.., seq]`. Padding has no place, as in [`from_the_end`].
fn by_distance(bias: Tensor<4>, seq: usize, mask_pad: Option<&Tensor<2, Bool>>) -> Tensor<4> {
    let [batch, n_heads, queries, longest] = bias.dims();
    let device = bias.device();
    let Some(mask) = mask_pad else {
        let distances = (0..seq).rev().map(|far| far.min(longest - 1) as i64).collect();
        return bias.select(3, indices(distances, &device));
    };
    let rows = mask.dims()[0];
    let distances = ranks(mask.clone().flip([1]), longest).flip([1]);
    let distances = distances.reshape([rows, 1, 1, seq]).expand([rows, n_heads, queries, seq]);
    let bias = if batch == rows { bias } else { bias.expand([rows, n_heads, queries, longest]) };
    bias.gather(3, distances)
}

/// For each position of `[batch, seq]`, the number of earlier positions that are no padding, at most `limit` − 1.
pub(crate) fn ranks(mask_pad: Tensor<2, Bool>, limit: usize) -> Tensor<2, Int> {
    let read = mask_pad.bool_not().int();
    (read.clone().cumsum(1) - read).clamp(0, limit as i64 - 1)
}

/// A bias `[n_heads, longest, memories]` by head, place within the segment and memory of the segment before:
/// −2^−(head + 1) · (place + reach), as in ALiBi.
fn nearness(n_heads: usize, longest: usize, reaches: &[f64], device: &Device) -> Param<Tensor<3>> {
    let mut values = Vec::with_capacity(n_heads * longest * reaches.len());
    for head in 0..n_heads {
        let slope = -0.5f64.powi(head as i32 + 1);
        for place in 0..longest {
            values.extend(reaches.iter().map(|reach| slope * (place as f64 + reach)));
        }
    }
    let shape = [n_heads, longest, reaches.len()];
    Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), device))
}

/// Numbers as indices on a device.
pub(crate) fn indices(values: Vec<i64>, device: &Device) -> Tensor<1, Int> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}
