use burn::{
    backend::Dispatch,
    tensor::{Bool, Device, Int, Tensor, TensorData, kind::Autodiff},
};
use memoria_core::{MemoriaError, computes_on_host};
use memoria_nn::Padding;

use crate::ModelError;

/// One segment of every row of a batch.
///
/// On devices that compute on the host, a model refuses tensors with numbers out of range before its memory takes
/// part. Other devices read another number instead. [`from_rows`](Self::from_rows) checks its tokens for all devices.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::Device;
/// use memoria_models::ModelInput;
///
/// let ids = [vec![5, 17, 3], vec![8, 2, 0]];
/// let attention_mask = [vec![1, 1, 1], vec![1, 1, 0]];
/// let input = ModelInput::from_rows(&ids, Some(&attention_mask), 101, &Device::flex()).unwrap();
/// assert_eq!(input.input_ids.dims(), [2, 3]);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ModelInput {
    /// Tokens, `[batch, seq]`, each below the size of the vocabulary.
    pub input_ids: Tensor<2, Int>,
    /// `[batch, seq]`, true for padding. A position that may attend to padding only has a weighted sum
    /// of zero. Padding makes no memories, and a row of nothing else takes no part in the memory's step;
    /// see [`MemoryConfig::remembers_padding`](crate::MemoryConfig::remembers_padding).
    pub mask_pad: Option<Tensor<2, Bool>>,
    /// `[batch, seq]`; if not given, all 0 in an encoder, and none at all in GPT-2.
    pub token_type_ids: Option<Tensor<2, Int>>,
    /// `[batch, seq]`; if not given, 0, 1, 2, … in GPT-2 and BERT whatever is padding, and in RoBERTa
    /// counted over the tokens that are not its padding token.
    pub position_ids: Option<Tensor<2, Int>>,
}

impl ModelInput {
    /// Tokens `[batch, seq]`, none of which is padding.
    pub fn new(input_ids: Tensor<2, Int>) -> Self {
        Self { input_ids, mask_pad: None, token_type_ids: None, position_ids: None }
    }

    /// Tokens of every row, and an attention mask as Hugging Face has it: 1 for a token, 0 for padding.
    ///
    /// # Errors
    ///
    /// [`ModelError::EmptyInput`], [`ModelError::WrongLength`] if rows differ in length,
    /// [`ModelError::WrongRowCount`] for a mask of other rows than the tokens', and [`ModelError::InvalidInput`] for a
    /// token that is not below `vocab_size` or a mask that is neither 0 nor 1.
    pub fn from_rows(
        input_ids: &[Vec<i64>],
        attention_mask: Option<&[Vec<i64>]>,
        vocab_size: usize,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let seq = match input_ids.first() {
            None => return Err(ModelError::EmptyInput { what: "input_ids" }),
            Some(row) if row.is_empty() => {
                return Err(ModelError::EmptyInput { what: "the first row of input_ids" });
            }
            Some(row) => row.len(),
        };
        let batch = input_ids.len();
        let in_vocabulary = |id: i64| usize::try_from(id).is_ok_and(|id| id < vocab_size);
        let below = format!("0 or more and below the vocabulary's size {vocab_size}");
        check_rows("row of input_ids", "token", input_ids, seq, &below, in_vocabulary)?;
        let tensor = |rows: &[Vec<i64>]| TensorData::new(rows.concat(), [batch, seq]);
        let mut input = Self::new(Tensor::from_data(tensor(input_ids), device));
        if let Some(mask) = attention_mask {
            check_row_count("attention_mask", batch, mask)?;
            let is_bit = |bit: i64| bit == 0 || bit == 1;
            check_rows("row of attention_mask", "attention_mask", mask, seq, "0 or 1", is_bit)?;
            let padding = mask.iter().flatten().map(|&bit| bit == 0).collect();
            input.mask_pad = Padding::new(seq, padding).map(|padding| padding.mask(device));
        }
        Ok(input)
    }

    /// Sets [`mask_pad`](Self::mask_pad).
    pub fn mask_pad(mut self, mask_pad: Tensor<2, Bool>) -> Self {
        self.mask_pad = Some(mask_pad);
        self
    }

    /// Sets [`token_type_ids`](Self::token_type_ids).
    pub fn token_type_ids(mut self, token_type_ids: Tensor<2, Int>) -> Self {
        self.token_type_ids = Some(token_type_ids);
        self
    }

    /// Sets [`position_ids`](Self::position_ids).
    pub fn position_ids(mut self, position_ids: Tensor<2, Int>) -> Self {
        self.position_ids = Some(position_ids);
        self
    }

    /// Token types of every row, as [`from_rows`](Self::from_rows) takes tokens. How high they may be depends
    /// on the model, which checks it on devices that compute on the host; others read something else in its place.
    ///
    /// # Errors
    ///
    /// [`ModelError::WrongRowCount`] and [`ModelError::WrongLength`] for other rows than the tokens',
    /// [`ModelError::InvalidInput`] for a number below 0.
    pub fn token_type_rows(self, rows: &[Vec<i64>]) -> Result<Self, ModelError> {
        let what = ["token_type_ids", "row of token_type_ids"];
        let tensor = self.like_ids(rows, what, "token type")?;
        Ok(self.token_type_ids(tensor))
    }

    /// Positions of every row, as [`from_rows`](Self::from_rows) takes tokens. How high they may be depends
    /// on the model, which checks it on devices that compute on the host; others read something else in its place.
    ///
    /// # Errors
    ///
    /// As [`token_type_rows`](Self::token_type_rows).
    pub fn position_rows(self, rows: &[Vec<i64>]) -> Result<Self, ModelError> {
        let what = ["position_ids", "row of position_ids"];
        let tensor = self.like_ids(rows, what, "position")?;
        Ok(self.position_ids(tensor))
    }

    /// Rows of numbers that are 0 or more, as many as tokens.
    fn like_ids(
        &self,
        rows: &[Vec<i64>],
        [batch_name, row_name]: [&'static str; 2],
        entry_name: &'static str,
    ) -> Result<Tensor<2, Int>, ModelError> {
        let shape @ [batch, seq] = self.input_ids.dims();
        check_row_count(batch_name, batch, rows)?;
        check_rows(row_name, entry_name, rows, seq, "0 or more", |number| number >= 0)?;
        let device = self.input_ids.device();
        Ok(Tensor::from_data(TensorData::new(rows.concat(), shape), &device))
    }

    /// The tensors as a model on this device takes them, without autodiff.
    ///
    /// Refuses tensors that differ in shape, are on another device or have more tokens than the model has
    /// positions for, and on devices that compute on the host numbers out of range, on which they would
    /// panic. Elsewhere that would cost a round trip for what [`from_rows`](Self::from_rows) has checked.
    pub(crate) fn checked(&self, limits: &Limits, device: &Device) -> Result<Self, ModelError> {
        let shape = self.input_ids.dims();
        if shape.contains(&0) {
            return Err(ModelError::EmptyInput { what: "input_ids" });
        }
        let Limits { before, max_tokens, .. } = *limits;
        let checked = Self {
            input_ids: on("input_ids", &self.input_ids, shape, device)?,
            mask_pad: on_if("mask_pad", self.mask_pad.as_ref(), shape, device)?,
            token_type_ids: on_if("token_type_ids", self.token_type_ids.as_ref(), shape, device)?,
            position_ids: on_if("position_ids", self.position_ids.as_ref(), shape, device)?,
        };
        let got = before.saturating_add(shape[1]);
        if got > max_tokens {
            return Err(ModelError::TooManyTokens { limit: max_tokens, got });
        }
        if computes_on_host::<Dispatch>(device.as_dispatch()) {
            check_range("token", Some(&checked.input_ids), limits.tokens)?;
            check_range("token type", checked.token_type_ids.as_ref(), limits.token_types)?;
            check_range("position", checked.position_ids.as_ref(), limits.positions)?;
        }
        Ok(checked)
    }

    /// What is padding, read from the device; `None` if nothing is.
    ///
    /// # Errors
    ///
    /// As [`Padding::read`].
    pub(crate) fn padding(&self) -> Result<Option<Padding>, MemoriaError> {
        self.mask_pad.as_ref().map_or(Ok(None), Padding::read)
    }
}

/// What the numbers of an input must be below, and how many there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) tokens: usize,
    pub(crate) token_types: usize,
    pub(crate) positions: usize,
    /// Tokens of a segment.
    pub(crate) max_tokens: usize,
    /// Those that the segment has had.
    pub(crate) before: usize,
}

/// A tensor that must be of this shape and on this device, without autodiff: whether there is any is for
/// the model's parameters to say.
fn on<K: Autodiff>(
    name: &'static str,
    tensor: &Tensor<2, K>,
    expected: [usize; 2],
    device: &Device,
) -> Result<Tensor<2, K>, ModelError> {
    let got = tensor.dims();
    if got != expected {
        return Err(ModelError::WrongInputShape { tensor: name, expected, got });
    }
    let (expected, got) = (device.clone().inner(), tensor.device().inner());
    if expected != got {
        let (expected, got) = (format!("{expected:?}"), format!("{got:?}"));
        return Err(ModelError::WrongInputDevice { tensor: name, expected, got });
    }
    Ok(tensor.clone().inner())
}

fn on_if<K: Autodiff>(
    name: &'static str,
    tensor: Option<&Tensor<2, K>>,
    expected: [usize; 2],
    device: &Device,
) -> Result<Option<Tensor<2, K>>, ModelError> {
    tensor.map(|tensor| on(name, tensor, expected, device)).transpose()
}

/// Refuses numbers that are not from 0 and below `limit`.
fn check_range(
    what: &'static str,
    numbers: Option<&Tensor<2, Int>>,
    limit: usize,
) -> Result<(), ModelError> {
    let Some(numbers) = numbers else { return Ok(()) };
    let seq = numbers.dims()[1];
    let is_outside = |number: &i64| !usize::try_from(*number).is_ok_and(|number| number < limit);
    let numbers = numbers.to_data();
    match numbers.iter::<i64>().enumerate().find(|(_, number)| is_outside(number)) {
        None => Ok(()),
        Some((at, got)) => {
            let (row, position) = (at / seq, at % seq);
            let expected = format!("0 or more and below {limit}");
            Err(ModelError::InvalidInput { what, row, position, expected, got })
        }
    }
}

fn check_row_count(
    what: &'static str,
    expected: usize,
    rows: &[Vec<i64>],
) -> Result<(), ModelError> {
    match rows.len() {
        got if got == expected => Ok(()),
        got => Err(ModelError::WrongRowCount { what, expected, got }),
    }
}

fn check_rows(
    row_name: &'static str,
    entry_name: &'static str,
    rows: &[Vec<i64>],
    expected: usize,
    range: &str,
    is_in_range: impl Fn(i64) -> bool,
) -> Result<(), ModelError> {
    for (row, entries) in rows.iter().enumerate() {
        if entries.len() != expected {
            let got = entries.len();
            return Err(ModelError::WrongLength { what: row_name, row, expected, got });
        }
        if let Some(position) = entries.iter().position(|&entry| !is_in_range(entry)) {
            let (what, expected, got) = (entry_name, range.to_owned(), entries[position]);
            return Err(ModelError::InvalidInput { what, row, position, expected, got });
        }
    }
    Ok(())
}
