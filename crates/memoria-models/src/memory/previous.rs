use burn::tensor::{Bool, Tensor, TensorData, kind::Basic};
use memoria_core::MemoriaError;

/// The previous segment of a model whose working memories are made of it.
#[derive(Clone, Debug)]
pub(super) struct Previous {
    /// `[batch, seq, d_model]`.
    pub(super) hidden: Tensor<3>,
    /// `[batch, seq]`, true for positions that memories are not made of.
    pub(super) left_out: Option<Tensor<2, Bool>>,
    /// Rows that have no previous segment, as they were reset since or are new; in ascending order.
    pub(super) begun_anew: Vec<usize>,
}

impl Previous {
    pub(super) fn batch(&self) -> usize {
        self.hidden.dims()[0]
    }

    /// Whether no row has a previous segment.
    pub(super) fn is_absent(&self) -> bool {
        self.begun_anew.len() == self.batch()
    }

    /// These rows have no previous segment any more.
    pub(super) fn begin_anew(&mut self, rows: &[usize]) {
        self.begun_anew.extend(rows);
        self.begun_anew.sort_unstable();
        self.begun_anew.dedup();
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

    /// Some rows, in this order, without a graph; `None` if none of them has a previous segment.
    pub(super) fn rows(&self, rows: &[usize]) -> Option<Self> {
        let places = rows.iter().enumerate();
        let begun_anew: Vec<usize> = places
            .filter(|(_, row)| self.begun_anew.contains(row))
            .map(|(place, _)| place)
            .collect();
        (begun_anew.len() < rows.len()).then(|| Self {
            hidden: pick(self.hidden.clone().inner(), rows),
            left_out: self.left_out.clone().map(|left_out| pick(left_out.inner(), rows)),
            begun_anew,
        })
    }

    /// The rows of several batches, each with how many it has, as one batch, without a graph; `None` if
    /// no row has a previous segment.
    ///
    /// Segments become as long as the longest with positions that memories are not made of.
    pub(super) fn join<const N: usize>(parts: [(Option<&Self>, usize); N]) -> Option<Self> {
        let known = || parts.iter().filter_map(|&(part, _)| part);
        let like = known().next()?.hidden.clone().inner();
        let longest = known().map(Self::seq).max()?;
        let all_read = known().all(|part| part.left_out.is_none() && part.seq() == longest);
        let (mut hidden, mut left_out, mut begun_anew) = (Vec::new(), Vec::new(), Vec::new());
        let mut before = 0;
        for (part, rows) in parts.into_iter().filter(|&(_, rows)| rows > 0) {
            match part {
                Some(part) => {
                    hidden.push(part.hidden_filled_up(longest).inner());
                    left_out.push(part.left_out_filled_up(longest));
                    begun_anew.extend(part.begun_anew.iter().map(|row| before + row));
                }
                None => {
                    hidden.push(zeros([rows, longest], &like));
                    left_out.push(mask(false, [rows, longest], &like));
                    begun_anew.extend(before..before + rows);
                }
            }
            before += rows;
        }
        let hidden = Tensor::cat(hidden, 0);
        let left_out = (!all_read).then(|| Tensor::cat(left_out, 0));
        Some(Self { hidden, left_out, begun_anew })
    }

    /// This segment, but for the rows in `absent`, which have not read it: they keep what they have `held`.
    pub(super) fn read_except(self, absent: &[usize], held: Option<Self>) -> Self {
        if absent.is_empty() {
            return self;
        }
        let Some(held) = held else { return Self { begun_anew: absent.to_vec(), ..self } };
        let batch = self.batch();
        let seq = self.seq().max(held.seq());
        let all_read = self.left_out.is_none() && held.left_out.is_none();
        let left_out = (!all_read || self.seq() != held.seq()).then(|| {
            let mut rows = Vec::with_capacity(batch);
            let [ours, theirs] = [&self, &held].map(|part| part.left_out_filled_up(seq));
            for row in 0..batch {
                let of = if absent.contains(&row) { &theirs } else { &ours };
                rows.push(of.clone().narrow(0, row, 1));
            }
            Tensor::cat(rows, 0)
        });
        let is_absent: Vec<bool> = (0..batch).map(|row| absent.contains(&row)).collect();
        let is_absent = TensorData::new(is_absent, [batch, 1, 1]);
        let [ours, theirs] = [&self, &held].map(|part| part.hidden_filled_up(seq));
        let is_absent = Tensor::<3, Bool>::from_data(is_absent, &ours.device());
        let hidden = ours.clone().mask_where(is_absent.expand(ours.dims()), theirs);
        let mut begun_anew = held.begun_anew;
        begun_anew.retain(|row| absent.contains(row));
        Self { hidden, left_out, begun_anew }
    }

    fn seq(&self) -> usize {
        self.hidden.dims()[1]
    }

    fn hidden_filled_up(&self, seq: usize) -> Tensor<3> {
        let hidden = self.hidden.clone();
        if self.seq() == seq {
            return hidden;
        }
        let rest = zeros([self.batch(), seq - self.seq()], &hidden);
        Tensor::cat(vec![hidden, rest], 1)
    }

    fn left_out_filled_up(&self, seq: usize) -> Tensor<2, Bool> {
        let (batch, hidden) = (self.batch(), &self.hidden);
        let known = match &self.left_out {
            Some(left_out) => left_out.clone().inner(),
            None => mask(false, [batch, self.seq()], hidden),
        };
        if self.seq() == seq {
            return known;
        }
        Tensor::cat(vec![known, mask(true, [batch, seq - self.seq()], hidden)], 1)
    }
}

/// Rows of a tensor `[batch, ..]`.
fn pick<const D: usize, K: Basic>(tensor: Tensor<D, K>, rows: &[usize]) -> Tensor<D, K> {
    Tensor::cat(rows.iter().map(|&row| tensor.clone().narrow(0, row, 1)).collect(), 0)
}

/// `[batch, seq, d_model]`, like hidden states.
fn zeros([batch, seq]: [usize; 2], like: &Tensor<3>) -> Tensor<3> {
    Tensor::zeros([batch, seq, like.dims()[2]], (&like.device().inner(), like.dtype()))
}

/// `[batch, seq]` of one value, on the device of hidden states.
fn mask(value: bool, shape: [usize; 2], like: &Tensor<3>) -> Tensor<2, Bool> {
    let values = vec![value; shape[0] * shape[1]];
    Tensor::from_data(TensorData::new(values, shape), &like.device().inner())
}
