use burn::tensor::{Bool, Device, Tensor, TensorData};

/// Keys and values of the tokens that a segment has had so far, and of the memories it attends to, so
/// that its next tokens need not be read together with them again. It belongs to one model: another one
/// of the same sizes does not notice it, and its results are meaningless then.
#[derive(Clone, Debug, Default)]
pub struct Gpt2Cache {
    /// One entry per block.
    layers: Vec<KeysAndValues>,
    /// `[batch, tokens]`, true for padding.
    mask_pad: Option<Tensor<2, Bool>>,
    len: usize,
}

/// Those of one block.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeysAndValues {
    /// Of tokens, `[batch, heads, tokens, d]`.
    held: Option<[Tensor<4>; 2]>,
    /// Of the segment's working memories, `[batch, memories, d_model]`.
    pub(crate) working: Projected,
    /// Of its reminded memories.
    pub(crate) reminded: Projected,
}

/// Keys and values of memories, which stay the same throughout a segment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Projected {
    held: Option<[Tensor<3>; 2]>,
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

    /// Rows of the tokens it holds; `None` if it holds none.
    pub(crate) fn batch(&self) -> Option<usize> {
        let [keys, _] = self.layers.first()?.held.as_ref()?;
        Some(keys.dims()[0])
    }

    /// The keys and values of `count` blocks.
    pub(crate) fn layers(&mut self, count: usize) -> &mut [KeysAndValues] {
        self.layers.resize_with(count, KeysAndValues::default);
        &mut self.layers
    }

    /// Lets some rows of a `batch` begin anew while their neighbours go on: the tokens that they have had
    /// become padding. Only the last `keep` tokens stay, which are all that the others have had.
    pub(crate) fn begin_anew(
        &mut self,
        rows: &[usize],
        [batch, keep]: [usize; 2],
        device: &Device,
    ) {
        let new: Vec<bool> = (0..batch).flat_map(|row| vec![rows.contains(&row); keep]).collect();
        let new = Tensor::<2, Bool>::from_data(TensorData::new(new, [batch, keep]), device);
        let dropped = self.len - keep;
        self.mask_pad = Some(match self.mask_pad.take() {
            None => new,
            Some(held) => held.narrow(1, dropped, keep).bool_or(new),
        });
        if dropped > 0 {
            self.layers.iter_mut().for_each(|layer| layer.drop_first(dropped));
        }
        self.len = keep;
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

impl Projected {
    /// What is held, made the first time.
    pub(crate) fn get_or(&mut self, make: impl FnOnce() -> [Tensor<3>; 2]) -> [Tensor<3>; 2] {
        self.held.get_or_insert_with(make).clone()
    }
}

impl KeysAndValues {
    /// Drops those of the first `count` tokens.
    fn drop_first(&mut self, count: usize) {
        self.held = self.held.take().map(|held| {
            held.map(|tensor| {
                let len = tensor.dims()[2];
                tensor.narrow(2, count, len - count)
            })
        });
    }

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
