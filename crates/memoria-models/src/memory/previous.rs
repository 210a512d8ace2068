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
        let fits = |graph: &Tensor<3>| graph.dims()[0] == batch && graph.dims()[1] >= longest;
        if let Some(graph) = state.kept_graph().filter(fits) {
            // Rows that were reset since may have been the longest.
            hidden = graph.narrow(1, 0, longest);
        }
        Ok(Some(Self { hidden, left_out, begun_anew }))
    }

    /// Attaches a segment `[batch, seq, d_model]` of which memories will be made of all positions but those in
    /// `left_out` `[batch, seq]`. Rows in `absent` keep what they have.
    ///
    /// # Errors
    ///
    /// As [`Memoria::attach_rows`](memoria_core::Memoria::attach_rows).
    pub(super) fn attach(
        state: &mut MemoriaState,
        hidden: Tensor<3>,
        left_out: Option<Tensor<2, Bool>>,
        absent: &[usize],
    ) -> Result<(), MemoriaError> {
        let held = match absent {
            [] => None,
            _ => Self::of(state)?.map(|held| held.hidden),
        };
        let (memory, dtype) = (state.memoria(), hidden.dtype());
        memory.attach_rows(HIDDEN, hidden.clone().inner().into_dispatch(), absent)?;
        match left_out {
            Some(left_out) => {
                let mask = left_out.inner().float().cast(dtype);
                memory.attach_rows(LEFT_OUT, mask.into_dispatch(), absent)?;
            }
            None => {
                for row in (0..memory.batch()).filter(|row| !absent.contains(row)) {
                    memory.remove_attachment(row, LEFT_OUT)?;
                }
            }
        }
        let is_absent: Vec<bool> = (0..hidden.dims()[0]).map(|row| absent.contains(&row)).collect();
        state.keep_graph(match held {
            Some(held) => instead(hidden, held, is_absent),
            None => hidden,
        });
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

/// Hidden states `[batch, seq, d_model]`, and in some rows others, as long as the longer of both.
fn instead(hidden: Tensor<3>, others: Tensor<3>, rows: Vec<bool>) -> Tensor<3> {
    let longest = hidden.dims()[1].max(others.dims()[1]);
    let [hidden, others] = [hidden, others].map(|hidden| {
        let [batch, seq, d_model] = hidden.dims();
        if seq == longest {
            return hidden;
        }
        let options = (&hidden.device(), hidden.dtype());
        Tensor::cat(vec![hidden, Tensor::zeros([batch, longest - seq, d_model], options)], 1)
    });
    let rows = TensorData::new(rows, [hidden.dims()[0], 1, 1]);
    let rows = Tensor::<3, Bool>::from_data(rows, &hidden.device());
    hidden.clone().mask_where(rows.expand(hidden.dims()), others)
}
