//! The previous segment of a layer whose memories are made of it.

use burn::tensor::{Bool, Tensor, TensorData, kind::Basic};

use crate::{padding::Padding, tape::Tape};

/// Hidden states that memories will be made of. A row that has none is all padding.
#[derive(Clone, Debug)]
pub(crate) struct Previous {
    /// `[batch, seq, d_model]`.
    pub(crate) hidden: Tensor<3>,
    pub(crate) padding: Option<Padding>,
    tape: Option<Tape>,
}

impl Previous {
    pub(crate) fn new(hidden: Tensor<3>, padding: Option<Padding>) -> Self {
        Self { hidden, padding, tape: None }
    }

    /// A segment with its graph, once as it is to go on through the model and once as it is to be kept.
    pub(crate) fn marked(hidden: Tensor<3>, padding: Option<Padding>) -> (Tensor<3>, Self) {
        let (hidden, tape) = Tape::mark(hidden);
        (hidden.clone(), Self { hidden, padding, tape: Some(tape) })
    }

    /// Whether a `backward` has gone through its graph.
    pub(crate) fn is_consumed(&self) -> bool {
        self.tape.as_ref().is_some_and(Tape::is_consumed)
    }

    /// Goes on without its graph.
    pub(crate) fn detach(&mut self) {
        self.hidden = self.hidden.clone().detach();
        self.tape = None;
    }

    /// Goes on without graph and autodiff.
    pub(crate) fn leave_autodiff(&mut self) {
        self.hidden = self.hidden.clone().inner();
        self.tape = None;
    }

    pub(crate) fn batch(&self) -> usize {
        self.hidden.dims()[0]
    }

    fn seq(&self) -> usize {
        self.hidden.dims()[1]
    }

    /// Rows that have no previous segment.
    pub(crate) fn empty_rows(&self) -> Vec<usize> {
        self.padding.as_ref().map(Padding::empty_rows).unwrap_or_default()
    }

    /// The rows that are not in `rows`, in their places; `None` if nothing is left.
    pub(crate) fn without(self, rows: &[usize]) -> Option<Self> {
        let (batch, seq) = (self.batch(), self.seq());
        let positions = (0..batch).flat_map(|row| match rows.contains(&row) {
            true => vec![true; seq],
            false => self.positions(row, seq),
        });
        let padding = Padding::new(seq, positions.collect());
        Self { padding, ..self }.if_any()
    }

    /// These rows, in this order, without a graph; `None` if none of them has a previous segment.
    pub(crate) fn pick(&self, rows: &[usize]) -> Option<Self> {
        if rows.is_empty() {
            return None;
        }
        let seq = self.seq();
        let positions = rows.iter().flat_map(|&row| self.positions(row, seq)).collect();
        let hidden = pick(self.hidden.clone().inner(), rows);
        Self::new(hidden, Padding::new(seq, positions)).if_any()
    }

    /// The rows of several batches, each with how many it has, as one batch, without a graph; `None` if no
    /// row has a previous segment. Shorter segments end in padding.
    pub(crate) fn join<const N: usize>(parts: [(Option<&Self>, usize); N]) -> Option<Self> {
        let known = || parts.iter().filter_map(|&(part, _)| part);
        let like = known().next()?.hidden.clone().inner();
        let longest = known().map(Self::seq).max()?;
        let (mut hidden, mut positions) = (Vec::new(), Vec::new());
        for (part, rows) in parts.into_iter().filter(|&(_, rows)| rows > 0) {
            match part {
                Some(part) => {
                    hidden.push(part.hidden_of_length(longest).inner());
                    positions.extend((0..rows).flat_map(|row| part.positions(row, longest)));
                }
                None => {
                    hidden.push(zeros([rows, longest], &like));
                    positions.resize(positions.len() + rows * longest, true);
                }
            }
        }
        Self::new(Tensor::cat(hidden, 0), Padding::new(longest, positions)).if_any()
    }

    /// A new segment, and of rows of which it has nothing what there was before.
    pub(crate) fn followed_by(before: Option<Self>, new: Self) -> Option<Self> {
        let empty = new.empty_rows();
        let Some(before) = before.filter(|before| {
            let lacking = before.empty_rows();
            empty.iter().any(|row| !lacking.contains(row))
        }) else {
            return new.if_any();
        };
        let (batch, longest) = (new.batch(), new.seq().max(before.seq()));
        let kept: Vec<bool> = (0..batch).map(|row| empty.contains(&row)).collect();
        let positions = (0..batch).flat_map(|row| match kept[row] {
            true => before.positions(row, longest),
            false => new.positions(row, longest),
        });
        let padding = Padding::new(longest, positions.collect());
        let device = new.hidden.device();
        let kept = Tensor::<3, Bool>::from_data(TensorData::new(kept, [batch, 1, 1]), &device);
        let hidden = new.hidden_of_length(longest);
        let kept = kept.expand(hidden.dims());
        let hidden = hidden.mask_where(kept, before.hidden_of_length(longest));
        Self { hidden, padding, ..new }.if_any()
    }

    pub(crate) fn if_any(self) -> Option<Self> {
        (self.empty_rows().len() < self.batch()).then_some(self)
    }

    /// Which of `seq` positions of a row are padding.
    pub(crate) fn positions(&self, row: usize, seq: usize) -> Vec<bool> {
        let mut positions = match &self.padding {
            None => vec![false; self.seq()],
            Some(padding) => padding.row(row).to_vec(),
        };
        positions.resize(seq, true);
        positions
    }

    fn hidden_of_length(&self, seq: usize) -> Tensor<3> {
        let hidden = self.hidden.clone();
        if self.seq() == seq {
            return hidden;
        }
        let rest = zeros([self.batch(), seq - self.seq()], &hidden);
        Tensor::cat(vec![hidden, rest], 1)
    }
}

/// Rows of a tensor `[batch, ..]`.
fn pick<const D: usize, K: Basic>(tensor: Tensor<D, K>, rows: &[usize]) -> Tensor<D, K> {
    Tensor::cat(rows.iter().map(|&row| tensor.clone().narrow(0, row, 1)).collect(), 0)
}

/// `[batch, seq, d_model]`, like hidden states.
fn zeros([batch, seq]: [usize; 2], like: &Tensor<3>) -> Tensor<3> {
    Tensor::zeros([batch, seq, like.dims()[2]], (&like.device(), like.dtype()))
}
