//! The previous segment, for a layer that makes its memories of it. It is attached to the rows of the memory, and has
//! its graph as long as the gradient window lasts.

use burn::{
    backend::{Dispatch, TensorMetadata, tensor::FloatTensor},
    tensor::{Bool, Device, Tensor, TensorData},
};
use memoria_core::{Attachment, Memoria, MemoriaError};

use super::{MemoriaState, check_padding};
use crate::{
    MemorySource, finite,
    padding::{Padding, closed_up},
    tape::Tape,
};

/// The name under which it is attached: hidden states `[positions, d_model]`, without padding.
const NAME: &str = "previous_segment";

/// Hidden states that memories are to be made of, as [`MemoriaState::previous_segment`] has them.
#[derive(Clone)]
pub struct PreviousSegment {
    /// `[batch, longest, d_model]`.
    pub hidden: Tensor<3>,
    /// Places beyond the length of a row; a row that has no previous segment has no other.
    pub padding: Option<Padding>,
}

impl PreviousSegment {
    /// The source of memories if `rows` take no part; `None` if no other row has a previous segment.
    ///
    /// # Panics
    ///
    /// If a row is not below the batch.
    pub fn source_without(self, rows: &[usize]) -> Option<MemorySource> {
        let [batch, seq, _] = self.hidden.dims();
        let stored = Padding::either(self.padding.clone(), Padding::of_rows(rows, [batch, seq]));
        if stored.as_ref().is_some_and(|padding| padding.empty_rows().len() == batch) {
            return None;
        }
        Some(MemorySource::new(self.hidden, self.padding, stored).of_previous())
    }
}

/// The graph of a previous segment.
#[derive(Clone)]
pub(super) struct Graph {
    /// `[batch, longest, d_model]`, as it is attached.
    hidden: Tensor<3>,
    /// Rows that have kept an earlier segment, of which there is no graph any more.
    without: Vec<usize>,
    tape: Tape,
}

impl Graph {
    /// Whether a `backward` has gone through it.
    pub(super) fn is_consumed(&self) -> bool {
        self.tape.is_consumed()
    }
}

impl MemoriaState {
    /// The [kept](Self::keep_segment) part of the previous segment. It has its graph if `device` has autodiff and the
    /// gradient window has not ended. `None` if no row has a previous segment.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::NotDetached`] if the device has autodiff; as [`Memoria::attached_rows`];
    /// [`MemoriaError::WrongRank`] or [`MemoriaError::WrongDimension`] if something else was attached in its place.
    pub fn previous_segment(
        &mut self,
        device: &Device,
    ) -> Result<Option<PreviousSegment>, MemoriaError> {
        self.check_window(device)?;
        let Some(attached) = self.memory.attached_rows(NAME)? else { return Ok(None) };
        self.check_previous(&attached.data)?;
        let hidden = Tensor::<3>::from_dispatch(attached.data);
        let [batch, longest, _] = hidden.dims();
        let beyond = |&length: &usize| (0..longest).map(move |place| place >= length);
        let positions = attached.lengths.iter().flat_map(beyond).collect();
        let padding = Padding::new(longest, positions);
        let graph = self
            .graph
            .as_ref()
            .filter(|graph| device.is_autodiff() && graph.hidden.dims()[0] == batch);
        let hidden = match graph {
            Some(graph) => graph.in_place_of(hidden),
            None => hidden,
        };
        Ok(Some(PreviousSegment { hidden, padding }))
    }

    /// Refuses what no segment of this memory's layer is: a snapshot may have anything attached.
    fn check_previous(&self, attached: &FloatTensor<Dispatch>) -> Result<(), MemoriaError> {
        let (tensor, shape) = (NAME, attached.shape());
        let &[_, _, got] = shape.as_slice() else {
            let (expected, got) = ("[batch, positions, hidden_dim]", shape.to_vec());
            return Err(MemoriaError::WrongRank { tensor, expected, got });
        };
        match self.memory.dim() {
            Some(expected) if expected != got => {
                let dimension = "hidden";
                Err(MemoriaError::WrongDimension { tensor, dimension, expected, got })
            }
            _ => Ok(()),
        }
    }

    /// Keeps a segment `[batch, seq, d_model]` for the next one, for models that make their memories of the
    /// previous segment: [attached](memoria_core::Attachment) to the rows, without its padding, and with its
    /// graph if there is a gradient window. Rows of which there is nothing but padding keep what they had.
    ///
    /// Returns the segment that the model must continue with, so that a forgotten [`detach`](Self::detach) is noticed.
    ///
    /// # Errors
    ///
    /// As [`prepare`](Self::prepare) and [`Memoria::attach_rows`]; [`MemoriaError::WrongDimension`] for padding of
    /// another shape. On a host
    /// [`MemoriaError::NonFiniteHidden`] for a segment that is not finite at a place that is no padding: the
    /// other rows have kept theirs then, and such a row has no previous segment. On a device that is noticed when
    /// memories are made of it, as [`MemoriaError::NonFiniteMemory`].
    pub fn keep_segment(
        &mut self,
        hidden: Tensor<3>,
        padding: Option<&Padding>,
    ) -> Result<Tensor<3>, MemoriaError> {
        check_padding(&hidden, padding)?;
        self.prepare(&hidden)?;
        if !self.is_on_host(&hidden) {
            return self.keep_checked(hidden, padding);
        }
        let (mut padding, dims @ [_, seq, _]) = (padding.cloned(), hidden.dims());
        let mut refused = None;
        while let Err(error) = finite::check(&hidden, padding.as_ref()) {
            let MemoriaError::NonFiniteHidden { row, .. } = error else { return Err(error) };
            self.memory.remove_attachment(row, NAME)?;
            padding = Padding::either(padding, Padding::of_rows(&[row], [dims[0], seq]));
            refused.get_or_insert(error);
        }
        let kept = self.keep_checked(hidden, padding.as_ref())?;
        refused.map_or(Ok(kept), Err)
    }

    /// [Keeps](Self::keep_segment) a segment that is known to be finite.
    pub(crate) fn keep_checked(
        &mut self,
        hidden: Tensor<3>,
        padding: Option<&Padding>,
    ) -> Result<Tensor<3>, MemoriaError> {
        self.prepare(&hidden)?;
        let (hidden, tape) = match self.bptt() {
            0 => (hidden, None),
            _ => {
                let (hidden, tape) = Tape::mark(hidden);
                (hidden, Some(tape))
            }
        };
        let (kept, lengths) = match padding {
            None => (hidden.clone(), None),
            Some(padding) => {
                let (kept, lengths) = closed_up(hidden.clone(), padding);
                (kept, Some(lengths))
            }
        };
        attach(&mut self.memory, kept.clone().inner(), lengths.as_deref())?;
        let without = padding.map(Padding::empty_rows).unwrap_or_default();
        self.graph =
            tape.filter(|_| kept.is_autodiff()).map(|tape| Graph { hidden: kept, without, tape });
        self.is_reset = false;
        Ok(hidden)
    }
}

impl Graph {
    /// What is attached `[batch, longest, d_model]`, with a graph where there is one.
    fn in_place_of(&self, attached: Tensor<3>) -> Tensor<3> {
        let ([batch, longest, d_model], [_, seq, _]) = (attached.dims(), self.hidden.dims());
        let mut hidden = self.hidden.clone();
        // Rows that were reset since may have been the longest; others may have kept longer ones.
        if seq < longest {
            let options = (&hidden.device(), hidden.dtype());
            let rest = Tensor::zeros([batch, longest - seq, d_model], options);
            hidden = Tensor::cat(vec![hidden, rest], 1);
        } else if seq > longest {
            hidden = hidden.narrow(1, 0, longest);
        }
        if self.without.is_empty() {
            return hidden;
        }
        let rows: Vec<bool> = (0..batch).map(|row| self.without.contains(&row)).collect();
        let rows = TensorData::new(rows, [batch, 1, 1]);
        let rows = Tensor::<3, Bool>::from_data(rows, &hidden.device());
        hidden.mask_where(rows.expand([batch, longest, d_model]), attached)
    }
}

/// Attaches its part of `[batch, longest, d_model]` to every row, as long as it is; rows of length 0 keep what
/// they have.
fn attach(
    memory: &mut Memoria<Dispatch>,
    hidden: Tensor<3>,
    lengths: Option<&[usize]>,
) -> Result<(), MemoriaError> {
    let [_, longest, d_model] = hidden.dims();
    let Some(lengths) = lengths else {
        return memory.attach_rows(NAME, hidden.into_dispatch(), &[]);
    };
    let has =
        |length: usize| lengths.iter().enumerate().filter(move |&(_, &other)| other == length);
    let absent: Vec<usize> = has(0).map(|(row, _)| row).collect();
    if absent.len() + has(longest).count() == lengths.len() {
        return memory.attach_rows(NAME, hidden.into_dispatch(), &absent);
    }
    for (row, &length) in lengths.iter().enumerate().filter(|&(_, &length)| length > 0) {
        let part = hidden.clone().narrow(0, row, 1).narrow(1, 0, length);
        let part = part.reshape([length, d_model]).into_dispatch();
        memory.attach(row, NAME, Attachment::Tensor(part))?;
    }
    Ok(())
}
