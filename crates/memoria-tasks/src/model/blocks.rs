use burn::{
    module::Module,
    nn::{
        attention::{MhaInput, generate_autoregressive_mask},
        transformer::{TransformerEncoder, TransformerEncoderInput, TransformerEncoderLayer},
    },
    tensor::{Bool, Int, Tensor},
};

/// Burn's transformer blocks, with or without a cache of the previous segment.
#[derive(Module, Debug)]
pub(super) struct Blocks {
    encoder: TransformerEncoder,
    causal: bool,
}

/// Segments and the rows in which documents begin.
#[derive(Clone, Debug)]
pub(super) struct Segments<'a> {
    /// `[segments · rows, length, width]`, segment after segment.
    pub(super) hidden: Tensor<3>,
    /// `[segments · rows, length]`, true for padding.
    pub(super) mask_pad: Option<Tensor<2, Bool>>,
    /// For each segment, the rows in which a document begins with it.
    pub(super) begins: &'a [Vec<usize>],
}

/// The inputs of every block in the last segment. The next segment attends to them, as in Transformer-XL (arXiv
/// 1901.02860), but with places within the segment instead of distances. The cache has no parameters, and no gradient
/// flows into it.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyCache {
    /// `[rows, length, width]` for each block.
    blocks: Vec<Tensor<3>>,
    mask_pad: Option<Tensor<2, Bool>>,
}

impl KeyCache {
    /// Returns the cache if it has `rows` rows.
    fn of_rows(&self, rows: usize) -> Option<&Self> {
        self.blocks.first().is_some_and(|block| block.dims()[0] == rows).then_some(self)
    }

    /// Length of the previous segment.
    fn reach(&self) -> usize {
        self.blocks.first().map_or(0, |block| block.dims()[1])
    }

    /// Returns a copy in which each row's part moves to the previous row.
    pub(super) fn rotated(&self) -> Self {
        Self {
            blocks: self.blocks.iter().map(|block| block.clone().roll_dim(-1, 0)).collect(),
            mask_pad: self.mask_pad.clone().map(|mask| mask.roll_dim(-1, 0)),
        }
    }
}

impl Blocks {
    pub(super) fn new(encoder: TransformerEncoder, causal: bool) -> Self {
        Self { encoder, causal }
    }

    /// Computes every segment by itself: hidden states `[segments, length, width]`, padding `[segments, length]`.
    pub(super) fn forward(
        &self,
        hidden: Tensor<3>,
        mask_pad: Option<Tensor<2, Bool>>,
    ) -> Tensor<3> {
        let [rows, length, _] = hidden.dims();
        let device = hidden.device();
        let mut input = TransformerEncoderInput::new(hidden);
        if let Some(mask) = mask_pad {
            input = input.mask_pad(mask);
        }
        if self.causal {
            input = input.mask_attn(generate_autoregressive_mask(rows, length, &device));
        }
        self.encoder.forward(input)
    }

    /// Computes every segment with the block inputs of the previous one; for the first segment they come from `cache`.
    /// Also returns the cache of the last segment.
    pub(super) fn forward_cached(
        &self,
        segments: Segments<'_>,
        cache: &KeyCache,
    ) -> (Tensor<3>, KeyCache) {
        let [all, length, _] = segments.hidden.dims();
        let rows = all / segments.begins.len().max(1);
        let cached = cache.of_rows(rows);
        let reach = cached.map_or(length, |cache| cache.reach().max(length));
        let mask = self.cached_mask(&segments, cached, reach);
        let last = all - rows;
        let mut kept = Vec::with_capacity(self.encoder.layers.len());
        let mut hidden = segments.hidden;
        for (index, block) in self.encoder.layers.iter().enumerate() {
            let given = hidden.clone().detach();
            let first = match cached {
                Some(cache) => longer(cache.blocks[index].clone(), reach),
                None => longer(given.clone().narrow(0, 0, rows), reach).zeros_like(),
            };
            let before =
                Tensor::cat(vec![first, longer(given.clone(), reach)], 0).narrow(0, 0, all);
            kept.push(given.narrow(0, last, rows));
            hidden = forward_block(block, hidden, before, mask.clone());
        }
        let mask_pad = segments.mask_pad.map(|mask| mask.narrow(0, last, rows));
        (hidden, KeyCache { blocks: kept, mask_pad })
    }

    /// `[segments · rows, length, reach + length]`, true where a place does not attend. In the previous segment these
    /// are: everything if there is none, padding, and places beyond its length. In its own segment: later places and
    /// padding. In a causal model a place attends only to the later places of the previous segment. So it sees as many
    /// tokens as a segment has, and each place once; the place therefore determines the distance.
    fn cached_mask(
        &self,
        segments: &Segments<'_>,
        cached: Option<&KeyCache>,
        reach: usize,
    ) -> Tensor<3, Bool> {
        let [all, length, _] = segments.hidden.dims();
        let device = segments.hidden.device();
        let rows = all / segments.begins.len().max(1);
        let mut absent = vec![false; all];
        absent[..rows].fill(cached.is_none());
        for (segment, begins) in segments.begins.iter().enumerate() {
            for &row in begins {
                absent[segment * rows + row] = true;
            }
        }
        let absent = Tensor::<1, Bool>::from_data(absent.as_slice(), &device);
        let none = |count, length| Tensor::<2, Bool>::full([count, length], false, &device);
        let first = match cached {
            Some(cache) => cache.mask_pad.clone().unwrap_or_else(|| none(rows, cache.reach())),
            None => none(rows, reach),
        };
        let present = segments.mask_pad.clone().unwrap_or_else(|| none(all, length));
        let before = Tensor::cat(vec![masked(first, reach), masked(present.clone(), reach)], 0);
        let before =
            before.narrow(0, 0, all).bool_or(absent.reshape([all, 1]).expand([all, reach]));
        let before = before.unsqueeze_dim::<3>(1).expand([all, length, reach]);
        let own = present.unsqueeze_dim::<3>(1).expand([all, length, length]);
        if !self.causal {
            return Tensor::cat(vec![before, own], 2);
        }
        let place = |count: usize| Tensor::<1, Int>::arange(0..count as i64, &device);
        let seen_again =
            place(length).unsqueeze_dim::<2>(1).greater_equal(place(reach).unsqueeze());
        let before = before.bool_or(seen_again.unsqueeze());
        let own = own.bool_or(generate_autoregressive_mask(all, length, &device));
        Tensor::cat(vec![before, own], 2)
    }

    /// Whether every output depends only on its own and earlier places.
    pub(super) fn is_causal(&self) -> bool {
        self.causal
    }
}

/// `[rows, reach, width]`, padded with zeros at the end.
fn longer(hidden: Tensor<3>, reach: usize) -> Tensor<3> {
    let [rows, length, width] = hidden.dims();
    if length == reach {
        return hidden;
    }
    let zeros = Tensor::zeros([rows, reach - length, width], (&hidden.device(), hidden.dtype()));
    Tensor::cat(vec![hidden, zeros], 1)
}

/// `[rows, reach]`, padded with true at the end.
fn masked(mask: Tensor<2, Bool>, reach: usize) -> Tensor<2, Bool> {
    let [rows, length] = mask.dims();
    if length == reach {
        return mask;
    }
    let rest = Tensor::<2, Bool>::full([rows, reach - length], true, &mask.device());
    Tensor::cat(vec![mask, rest], 1)
}

/// A block with its norms first. Burn names the attention's norm `norm_2`.
fn forward_block(
    block: &TransformerEncoderLayer,
    hidden: Tensor<3>,
    before: Tensor<3>,
    mask: Tensor<3, Bool>,
) -> Tensor<3> {
    let query = block.norm_2.forward(hidden.clone());
    let keys = Tensor::cat(vec![block.norm_2.forward(before), query.clone()], 1);
    let attended = block.mha.forward(MhaInput::new(query, keys.clone(), keys).mask_attn(mask));
    let hidden = hidden + block.dropout.forward(attended.context);
    let normed = block.norm_1.forward(hidden.clone());
    hidden + block.dropout.forward(block.pwff.forward(normed))
}
