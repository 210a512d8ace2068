use burn::tensor::{Bool, Tensor};

/// Keys and values of the tokens that a segment has had so far, so that its next tokens need not be
/// read together with them again.
#[derive(Clone, Debug, Default)]
pub struct Gpt2Cache {
    /// One entry per block.
    layers: Vec<KeysAndValues>,
    /// `[batch, tokens]`, true for padding.
    mask_pad: Option<Tensor<2, Bool>>,
    len: usize,
}

/// Those of one block, `[batch, heads, tokens, d]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeysAndValues {
    held: Option<[Tensor<4>; 2]>,
}

impl Gpt2Cache {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tokens it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Empties it: a new segment begins.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The keys and values of `count` blocks.
    pub(crate) fn layers(&mut self, count: usize) -> &mut [KeysAndValues] {
        self.layers.resize_with(count, KeysAndValues::default);
        &mut self.layers
    }

    /// Takes note of new tokens `[batch, seq]`, and gives the padding among all there are now.
    pub(crate) fn extend(
        &mut self,
        [batch, seq]: [usize; 2],
        mask_pad: Option<Tensor<2, Bool>>,
        like: &Tensor<3>,
    ) -> Option<Tensor<2, Bool>> {
        let device = like.device();
        let none = |count| Tensor::<2, Bool>::full([batch, count], false, &device);
        let before = self.len;
        self.len += seq;
        self.mask_pad = match (self.mask_pad.take(), mask_pad) {
            (None, None) => None,
            (None, new) if before == 0 => new,
            (held, new) => Some(Tensor::cat(
                vec![held.unwrap_or_else(|| none(before)), new.unwrap_or_else(|| none(seq))],
                1,
            )),
        };
        self.mask_pad.clone()
    }
}

impl KeysAndValues {
    /// Appends new ones, and gives all there are now.
    pub(crate) fn extend(&mut self, key: Tensor<4>, value: Tensor<4>) -> [Tensor<4>; 2] {
        let all = match self.held.take() {
            None => [key, value],
            Some([keys, values]) => {
                [Tensor::cat(vec![keys, key], 2), Tensor::cat(vec![values, value], 2)]
            }
        };
        self.held = Some(all.clone());
        all
    }
}
