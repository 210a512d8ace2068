//! The previous segment of a model whose working memories are made of it. It is attached to the rows of the
//! memory, so that it goes where they go.

use burn::tensor::{Bool, Tensor, TensorData};
use memoria_core::MemoriaError;
use memoria_nn::MemoriaState;

/// Hidden states `[seq, d_model]` of a row.
pub(super) const HIDDEN: &str = "previous_segment";
/// `[seq]` of a row, 1 for positions that memories are not made of, else 0; there if there are any.
pub(super) const LEFT_OUT: &str = "previous_segment_left_out";

/// The previous segment of all rows.
#[derive(Clone, Debug)]
pub(super) struct Previous {
    /// `[batch, longest, d_model]`.
    pub(super) hidden: Tensor<3>,
    /// `[batch, longest]`, true for positions that memories are not made of.
    pub(super) left_out: Option<Tensor<2, Bool>>,
    /// Rows that have no previous segment, as they were reset since or are new; in ascending order.
    pub(super) begun_anew: Vec<usize>,
}

impl Previous {
    /// What is attached; `None` if no row has a previous segment.
    ///
    /// # Errors
    ///
    /// As [`Memoria::attached_rows`](memoria_core::Memoria::attached_rows).
    pub(super) fn of(state: &mut MemoriaState) -> Result<Option<Self>, MemoriaError> {
        let Some(attached) = state.memoria().attached_rows(HIDDEN)? else { return Ok(None) };
        let masks = state.memoria().attached_rows(LEFT_OUT)?;
        let mut hidden = Tensor::<3>::from_dispatch(attached.data);
        let (lengths, [batch, longest, _]) = (attached.lengths, hidden.dims());
        let rows = lengths.iter().enumerate();
        let begun_anew = rows.filter(|row| *row.1 == 0).map(|(row, _)| row).collect();
        let is_beyond =
            |&length: &usize| (0..longest).map(move |place| length > 0 && place >= length);
        let beyond: Vec<bool> = lengths.iter().flat_map(is_beyond).collect();
        let mut left_out = beyond.contains(&true).then(|| {
            Tensor::<2, Bool>::from_data(
                TensorData::new(beyond, [batch, longest]),
                &hidden.device(),
            )
        });
        if let Some(masks) = masks {
            let mask = Tensor::<2>::from_dispatch(masks.data);
            let rest = longest.saturating_sub(mask.dims()[1]);
            let mask = match rest {
                0 => mask.narrow(1, 0, longest),
                _ => {
                    let zeros = Tensor::zeros([batch, rest], (&mask.device(), mask.dtype()));
                    Tensor::cat(vec![mask, zeros], 1)
                }
            };
            let mask = mask.greater_elem(0.5);
            left_out = Some(match left_out {
                Some(beyond) => beyond.bool_or(mask),
                None => mask,
            });
        }
        if let Some(graph) = state.kept_graph() {
            // Rows that were reset since may have been the longest.
            hidden = graph.narrow(1, 0, longest);
        }
        Ok(Some(Self { hidden, left_out, begun_anew }))
    }

    /// Attaches a segment `[batch, seq, d_model]` of which memories will be made of all positions but those in
    /// `left_out` `[batch, seq]`.
    ///
    /// # Errors
    ///
    /// As [`Memoria::attach_rows`](memoria_core::Memoria::attach_rows).
    pub(super) fn attach(
        state: &mut MemoriaState,
        hidden: Tensor<3>,
        left_out: Option<Tensor<2, Bool>>,
    ) -> Result<(), MemoriaError> {
        let (memory, dtype) = (state.memoria(), hidden.dtype());
        memory.attach_rows(HIDDEN, hidden.clone().inner().into_dispatch(), &[])?;
        match left_out {
            Some(left_out) => {
                let mask = left_out.inner().float().cast(dtype);
                memory.attach_rows(LEFT_OUT, mask.into_dispatch(), &[])?;
            }
            None => {
                for row in 0..memory.batch() {
                    memory.remove_attachment(row, LEFT_OUT)?;
                }
            }
        }
        state.keep_graph(hidden);
        Ok(())
    }

    /// Refuses the token embedding `[vocab_size, d_model]` of a model that this cannot be a segment of.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::WrongDimension`], [`MemoriaError::WrongDType`] and [`MemoriaError::WrongDevice`].
    pub(super) fn check_model(&self, embedding: &Tensor<2>) -> Result<(), MemoriaError> {
        let tensor = "the model";
        let (expected, got) = (self.hidden.dims()[2], embedding.dims()[1]);
        if expected != got {
            let dimension = "hidden states of";
            return Err(MemoriaError::WrongDimension { tensor, dimension, expected, got });
        }
        let (expected, got) = (self.hidden.dtype(), embedding.dtype());
        if expected != got {
            return Err(MemoriaError::WrongDType { tensor, expected, got });
        }
        let (expected, got) = (self.hidden.device().inner(), embedding.device().inner());
        if expected != got {
            let (expected, got) = (format!("{expected:?}"), format!("{got:?}"));
            return Err(MemoriaError::WrongDevice { tensor, expected, got });
        }
        Ok(())
    }
}
