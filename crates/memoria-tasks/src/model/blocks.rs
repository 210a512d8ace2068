use burn::{
    module::Module,
    nn::{
        attention::{MhaInput, generate_autoregressive_mask},
        transformer::{TransformerEncoder, TransformerEncoderInput, TransformerEncoderLayer},
    },
    tensor::{Bool, Tensor},
};

/// Burn's transformer blocks, with or without a cache of the segment before.
#[derive(Module, Debug)]
pub(super) struct Blocks {
    encoder: TransformerEncoder,
    causal: bool,
}

/// Hidden states `[segments · rows, length, width]`, segment after segment.
#[derive(Clone, Debug)]
pub(super) struct Segments<'a> {
    pub(super) hidden: Tensor<3>,
    /// `[segments · rows, length]`, true for padding.
    pub(super) mask_pad: Option<Tensor<2, Bool>>,
    /// By segment, the rows in which a document begins with it.
    pub(super) begins: &'a [Vec<usize>],
}

/// What every block was given in the last segment, which the next one attends to: the recurrence of
/// Transformer-XL (arXiv 1901.02860). It has no parameters, and no gradient flows into it.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyCache {
    /// One for each block `[rows, length, width]`.
    blocks: Vec<Tensor<3>>,
    mask_pad: Option<Tensor<2, Bool>>,
}

impl KeyCache {
    /// The same, with every row's part given to the row before it.
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

    /// Every segment by itself.
    pub(super) fn forward(&self, segments: Segments<'_>) -> Tensor<3> {
        let [rows, length, _] = segments.hidden.dims();
        let device = segments.hidden.device();
        let mut input = TransformerEncoderInput::new(segments.hidden);
        if let Some(mask) = segments.mask_pad {
            input = input.mask_pad(mask);
        }
        if self.causal {
            input = input.mask_attn(generate_autoregressive_mask(rows, length, &device));
        }
        self.encoder.forward(input)
    }

    /// Every segment with what the blocks were given in the one before, of which the first one's is in the cache.
    /// The cache then has the last one's.
    pub(super) fn forward_cached(&self, segments: Segments<'_>, cache: &mut KeyCache) -> Tensor<3> {
        let mask = self.cached_mask(&segments, cache);
        let rows = segments.hidden.dims()[0] / segments.begins.len().max(1);
        let mut kept = Vec::with_capacity(self.encoder.layers.len());
        let mut hidden = segments.hidden;
        for (index, block) in self.encoder.layers.iter().enumerate() {
            let [all, length, width] = hidden.dims();
            let given = hidden.clone().detach();
            let first = match cache.blocks.get(index) {
                Some(first) if first.dims() == [rows, length, width] => first.clone(),
                _ => Tensor::zeros([rows, length, width], &hidden.device()),
            };
            let before = Tensor::cat(vec![first, given.clone()], 0).narrow(0, 0, all);
            kept.push(given.narrow(0, all - rows, rows));
            hidden = forward_block(block, hidden, before, mask.clone());
        }
        let mask_pad = segments.mask_pad.map(|mask| {
            let last = mask.dims()[0] - rows;
            mask.narrow(0, last, rows)
        });
        *cache = KeyCache { blocks: kept, mask_pad };
        hidden
    }

    /// `[segments · rows, length, 2 · length]`, true for what a place does not attend to: of the segment before,
    /// all where there is none and its padding; of its own, what comes after it and padding.
    fn cached_mask(&self, segments: &Segments<'_>, cache: &KeyCache) -> Tensor<3, Bool> {
        let [all, length, width] = segments.hidden.dims();
        let device = segments.hidden.device();
        let rows = all / segments.begins.len().max(1);
        let mut absent = vec![false; all];
        let cached =
            cache.blocks.first().is_some_and(|first| first.dims() == [rows, length, width]);
        absent[..rows].fill(!cached);
        for (segment, begins) in segments.begins.iter().enumerate() {
            for &row in begins {
                absent[segment * rows + row] = true;
            }
        }
        let absent = Tensor::<1, Bool>::from_data(absent.as_slice(), &device);
        let whole = [all, length, length];
        let mut before = absent.reshape([all, 1, 1]).expand(whole);
        let mut own = match self.causal {
            true => generate_autoregressive_mask(all, length, &device),
            false => Tensor::<3, Bool>::full(whole, false, &device),
        };
        if segments.mask_pad.is_some() || cache.mask_pad.is_some() {
            let none = |count: usize| Tensor::<2, Bool>::full([count, length], false, &device);
            let first = cache.mask_pad.clone().filter(|_| cached).unwrap_or_else(|| none(rows));
            let present = segments.mask_pad.clone().unwrap_or_else(|| none(all));
            let shifted = Tensor::cat(vec![first, present.clone()], 0).narrow(0, 0, all);
            before = before.bool_or(shifted.unsqueeze_dim::<3>(1).expand(whole));
            own = own.bool_or(present.unsqueeze_dim::<3>(1).expand(whole));
        }
        Tensor::cat(vec![before, own], 2)
    }
}

/// A block whose norms come first; Burn calls the attention's the second one.
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
