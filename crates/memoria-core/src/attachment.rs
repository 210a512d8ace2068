//! Values that a user attaches to a row.

use std::{collections::BTreeMap, sync::Arc};

use burn::backend::{Backend, Shape, Slice, TensorMetadata, tensor::FloatTensor};

/// Most dimensions of an attached tensor.
pub(crate) const MAX_RANK: usize = 8;

/// A value of the user that belongs to a row and moves with it: the last message, the state of a session, the hidden
/// states that a model continues from.
///
/// [`Memoria::attach`](crate::Memoria::attach) sets it under a name. A row keeps its attachments when it is [split
/// off](crate::Memoria::split), [merged](crate::Memoria::merge) or [exchanged](crate::Memoria::replace_row). They are
/// saved and restored with it, and dropped when it is reset.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Attachment<B: Backend> {
    /// Any bytes.
    Bytes(Arc<[u8]>),
    /// Numbers of the memory's float type on its device, with 1 to 8 dimensions, none of them empty. Stored detached
    /// from the autodiff graph.
    Tensor(FloatTensor<B>),
}

/// Tensors of all rows in one; see [`Memoria::attached_rows`](crate::Memoria::attached_rows).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AttachedRows<B: Backend> {
    /// `[batch, longest, …]`; zeros beyond the length of a row.
    pub data: FloatTensor<B>,
    /// The first size of each row's tensor; 0 for a row that has none.
    pub lengths: Vec<usize>,
}

/// The attachments of a row, by name.
pub(crate) type RowAttachments<B> = BTreeMap<Arc<str>, Value<B>>;

/// An attachment as it is stored.
#[derive(Clone, Debug)]
pub(crate) enum Value<B: Backend> {
    Bytes(Arc<[u8]>),
    Part(Part<B>),
}

/// One row of a tensor that several rows may share.
#[derive(Clone, Debug)]
pub(crate) struct Part<B: Backend> {
    /// `[rows, …]`.
    pub(crate) whole: Arc<FloatTensor<B>>,
    pub(crate) index: usize,
}

impl<B: Backend> Part<B> {
    /// The shape of the row's tensor.
    pub(crate) fn shape(&self) -> Vec<usize> {
        self.whole.shape().as_slice()[1..].to_vec()
    }

    /// Whether it is the row after `before` of the same tensor.
    fn follows(&self, before: &Self) -> bool {
        Arc::ptr_eq(&self.whole, &before.whole) && self.index == before.index + 1
    }
}

impl<B: Backend> Value<B> {
    /// A tensor of one row alone.
    pub(crate) fn of_one(tensor: FloatTensor<B>) -> Self {
        let shape: Vec<usize> = [&[1], tensor.shape().as_slice()].concat();
        let whole = Arc::new(B::float_reshape(tensor, Shape::from(shape)));
        Self::Part(Part { whole, index: 0 })
    }

    /// Converts it for the user.
    pub(crate) fn attachment(&self) -> Attachment<B> {
        match self {
            Self::Bytes(bytes) => Attachment::Bytes(bytes.clone()),
            Self::Part(part) => {
                let row = slice::<B>(&part.whole, part.index, 1);
                Attachment::Tensor(B::float_reshape(row, Shape::from(part.shape())))
            }
        }
    }

    /// Copies a row out of a larger tensor, so that it does not keep the other rows in memory.
    pub(crate) fn own(&mut self) {
        if let Self::Part(part) = self
            && part.whole.shape()[0] > 1
        {
            *part = Part { whole: Arc::new(slice::<B>(&part.whole, part.index, 1)), index: 0 };
        }
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Part(part) => part.shape().iter().product::<usize>() * part.whole.dtype().size(),
        }
    }
}

/// Joins the tensors of rows into one, each padded with zeros to the longest; `None` if no row has one. Their sizes
/// must be the same except for the first. Makes no copy if they are all rows of one tensor, in order.
pub(crate) fn stack<B: Backend>(rows: &[Option<&Part<B>>]) -> Option<AttachedRows<B>> {
    let first = rows.iter().flatten().next()?;
    let (device, dtype) = (first.whole.device(), first.whole.dtype());
    let lengths: Vec<usize> =
        rows.iter().map(|row| row.map_or(0, |part| part.whole.shape()[1])).collect();
    let longest = lengths.iter().copied().max()?;
    let zeros = |count: usize, length: usize| {
        let shape = [&[count, length], &first.shape()[1..]].concat();
        B::float_zeros(Shape::from(shape), &device, dtype.into())
    };
    let mut parts = Vec::new();
    // Rows that follow each other are copied together.
    let runs = rows.chunk_by(|before, next| match (before, next) {
        (Some(before), Some(next)) => next.follows(before),
        (None, None) => true,
        _ => false,
    });
    for run in runs {
        let Some(part) = run[0] else {
            parts.push(zeros(run.len(), longest));
            continue;
        };
        let data = slice::<B>(&part.whole, part.index, run.len());
        let missing = longest - part.whole.shape()[1];
        parts.push(match missing {
            0 => data,
            _ => B::float_cat(vec![data, zeros(run.len(), missing)], 1),
        });
    }
    let data = if parts.len() == 1 { parts.pop()? } else { B::float_cat(parts, 0) };
    Some(AttachedRows { data, lengths })
}

/// Some rows of a tensor `[rows, …]`; the tensor itself if they are all its rows.
fn slice<B: Backend>(whole: &FloatTensor<B>, first: usize, count: usize) -> FloatTensor<B> {
    let shape = whole.shape();
    if count == shape[0] {
        return whole.clone();
    }
    let rows = Slice::from(first..first + count);
    let rest = shape.as_slice()[1..].iter().map(|&size| Slice::from(0..size));
    B::float_slice(whole.clone(), &core::iter::once(rows).chain(rest).collect::<Vec<_>>())
}
