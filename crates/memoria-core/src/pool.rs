//! The data plane: engram vectors on the device, and the few operations that touch them.

use burn::backend::{
    Backend, DType, FloatDType, IntDType, Shape, Slice, TensorData, TensorMetadata,
    TensorPrimitive, get_or_init_device_settings,
    ops::TransactionPrimitive,
    read_sync,
    tensor::{Device, FloatTensor, IndexingUpdateOp, IntTensor},
};

use crate::{Correlation, MemoriaError, id::Slot};

/// Slot 0 stays zero: padding is gathered from it.
const PADDING: Slot = Slot(0);
const INITIAL_SLOTS: usize = 64;
const MAX_SLOTS: usize = i32::MAX as usize;

/// One tensor `[slots, dim]` shared by all rows; a slot is used again when its engram is gone.
#[derive(Clone, Debug)]
pub(crate) struct Pool<B: Backend> {
    /// Always there; taken out only while it is written, so that it is written in place.
    vectors: Option<FloatTensor<B>>,
    vacant: Vec<Slot>,
    used: usize,
    slots: usize,
    dim: usize,
    dtype: DType,
    device: Device<B>,
}

impl<B: Backend> Pool<B> {
    pub(crate) fn new(dim: usize, dtype: DType, device: Device<B>) -> Self {
        let vectors = B::float_zeros(Shape::new([INITIAL_SLOTS, dim]), &device, dtype.into());
        Self {
            vectors: Some(vectors),
            vacant: Vec::new(),
            used: 1,
            slots: INITIAL_SLOTS,
            dim,
            dtype,
            device,
        }
    }

    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    pub(crate) fn dtype(&self) -> DType {
        self.dtype
    }

    pub(crate) fn device(&self) -> &Device<B> {
        &self.device
    }

    /// Writes vectors `[n, dim]` and tells where. Reads and writes n · dim numbers; now and then the
    /// pool doubles, which copies it.
    pub(crate) fn write(&mut self, vectors: FloatTensor<B>) -> Result<Vec<Slot>, MemoriaError> {
        let count = vectors.shape()[0];
        let fresh = count.saturating_sub(self.vacant.len());
        if self.used + fresh > MAX_SLOTS {
            let requested = self.used - 1 - self.vacant.len() + count;
            return Err(MemoriaError::PoolFull { requested, limit: MAX_SLOTS - 1 });
        }
        if self.used + fresh > self.slots {
            self.grow((self.used + fresh).next_power_of_two().min(MAX_SLOTS));
        }
        let mut slots = self.vacant.split_off(self.vacant.len() - (count - fresh));
        slots.extend((self.used..self.used + fresh).map(|slot| Slot(slot as u32)));
        self.used += fresh;
        let indices = self.indices(&slots);
        let pool = self.vectors.take().expect("the pool is there between writes");
        let written = B::float_select_assign(pool, 0, indices, vectors, IndexingUpdateOp::Assign);
        self.vectors = Some(written);
        Ok(slots)
    }

    /// Makes slots available again.
    pub(crate) fn release(&mut self, slots: impl IntoIterator<Item = Slot>) {
        self.vacant.extend(slots);
    }

    /// Scores of `candidates` against the vectors `working` `[n, dim]`, `[candidates]`; higher is more
    /// alike, and only the order within one call means something. Neither may be empty.
    ///
    /// The mean over w of −‖w − e‖² is −‖w̄ − e‖² plus a constant, so that the candidates are read once.
    /// Under [`Correlation::Gaussian`] it is the log-sum-exp over w of −‖w − e‖², with everything
    /// measured from w̄ so that nothing cancels. Every operation has the shape of this one row: its
    /// result does not depend on the row's neighbours.
    pub(crate) fn scores(
        &self,
        working: FloatTensor<B>,
        candidates: &[Slot],
        correlation: Correlation,
    ) -> FloatTensor<B> {
        let working = widen::<B>(working);
        let mean = B::float_mean_dim(working.clone(), 0);
        let away = B::float_sub(widen::<B>(self.select(candidates)), mean.clone());
        let distances = B::float_sum_dim(square::<B>(away.clone()), 1);
        let scores = match correlation {
            Correlation::NegSquaredL2 => B::float_neg(distances),
            Correlation::Gaussian => {
                let working = B::float_sub(working, mean);
                let spread =
                    B::float_swap_dims(B::float_sum_dim(square::<B>(working.clone()), 1), 0, 1);
                let products = B::float_matmul(away, B::float_swap_dims(working, 0, 1));
                let products = B::float_mul_scalar(products, 2.0.into());
                let logits = B::float_sub(B::float_sub(products, distances), spread);
                log_sum_exp::<B>(logits)
            }
        };
        B::float_reshape(scores, Shape::new([candidates.len()]))
    }

    /// Vectors as `[rows, width, dim]`; rows shorter than `width`, which is above 0, end in zeros.
    pub(crate) fn gather(&self, rows: &[Vec<Slot>], width: usize) -> FloatTensor<B> {
        let mut slots = Vec::with_capacity(rows.len() * width);
        for row in rows {
            slots.extend_from_slice(row);
            slots.extend(std::iter::repeat_n(PADDING, width - row.len()));
        }
        B::float_reshape(self.select(&slots), Shape::new([rows.len(), width, self.dim]))
    }

    fn grow(&mut self, slots: usize) {
        let zeros = B::float_zeros(Shape::new([slots, self.dim]), &self.device, self.dtype.into());
        let old = self.vectors.take().expect("the pool is there between writes");
        let place = [Slice::from(0..self.slots), Slice::from(0..self.dim)];
        self.vectors = Some(B::float_slice_assign(zeros, &place, old));
        self.slots = slots;
    }

    /// Vectors `[slots, dim]`; at least one.
    pub(crate) fn select(&self, slots: &[Slot]) -> FloatTensor<B> {
        let vectors = self.vectors.clone().expect("the pool is there between writes");
        B::float_select(vectors, 0, self.indices(slots))
    }

    fn indices(&self, slots: &[Slot]) -> IntTensor<B> {
        let shape = [slots.len()];
        // Backends disagree on the integers they index with; this is the one they make by default.
        let data = match get_or_init_device_settings::<B>(&self.device).int_dtype {
            IntDType::I64 => TensorData::new(slots.iter().map(|s| i64::from(s.0)).collect(), shape),
            _ => TensorData::new(slots.iter().map(|s| s.0 as i32).collect(), shape),
        };
        B::int_from_data(data, &self.device)
    }
}

/// Squared norms of vectors `[n, dim]`, `[n]`, in at least single precision.
pub(crate) fn squared_norms<B: Backend>(vectors: FloatTensor<B>) -> FloatTensor<B> {
    let count = vectors.shape()[0];
    let norms = B::float_sum_dim(square::<B>(widen::<B>(vectors)), 1);
    B::float_reshape(norms, Shape::new([count]))
}

/// Waits for the device and reads tensors to the host: the one place where a memory does so.
pub(crate) fn read<B: Backend>(
    tensors: Vec<FloatTensor<B>>,
) -> Result<Vec<Vec<f64>>, MemoriaError> {
    let mut transaction = TransactionPrimitive::<B>::new(vec![], vec![], vec![], vec![]);
    for tensor in tensors {
        transaction.register_float(TensorPrimitive::Float(tensor));
    }
    let read = read_sync(transaction.execute_async());
    let data = read.map_err(|error| MemoriaError::Device(Box::new(error)))?;
    Ok(data.iter().map(|data| data.iter::<f64>().collect()).collect())
}

/// In at least single precision, which scores are computed in.
fn widen<B: Backend>(tensor: FloatTensor<B>) -> FloatTensor<B> {
    match tensor.dtype() {
        DType::F64 | DType::F32 => tensor,
        _ => B::float_cast(tensor, FloatDType::F32),
    }
}

fn square<B: Backend>(tensor: FloatTensor<B>) -> FloatTensor<B> {
    B::float_mul(tensor.clone(), tensor)
}

/// Over the last dimension of `[n, m]`, as `[n, 1]`.
fn log_sum_exp<B: Backend>(logits: FloatTensor<B>) -> FloatTensor<B> {
    let max = B::float_max_dim(logits.clone(), 1);
    let sum = B::float_sum_dim(B::float_exp(B::float_sub(logits, max.clone())), 1);
    B::float_add(B::float_log(sum), max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::backend::{Flex, ops::FloatTensorOps};

    fn tensor(values: &[f32], dim: usize) -> FloatTensor<Flex> {
        let data = TensorData::new(values.to_vec(), [values.len() / dim, dim]);
        Flex::float_from_data(data, &Default::default())
    }

    fn pool(values: &[f32], dim: usize) -> (Pool<Flex>, Vec<Slot>) {
        let mut pool = Pool::new(dim, DType::F32, Default::default());
        let slots = pool.write(tensor(values, dim)).unwrap();
        (pool, slots)
    }

    #[test]
    fn growing_keeps_what_was_written() {
        let values: Vec<f32> = (0..600).map(|i| i as f32).collect();
        let (mut pool, mut slots) = pool(&values[..90], 3);
        slots.extend(pool.write(tensor(&values[90..], 3)).unwrap());
        let read = read::<Flex>(vec![pool.gather(&[slots], 200)]).unwrap();
        assert!(read[0].iter().zip(&values).all(|(&a, &b)| a == f64::from(b)));
    }

    #[test]
    fn slots_are_used_again_and_padding_stays_zero() {
        let (mut pool, slots) = pool(&[1.0; 12], 3);
        pool.release(slots[1..3].iter().copied());
        let again = pool.write(tensor(&[2.0; 9], 3)).unwrap();
        assert_eq!(again.iter().filter(|slot| slots.contains(slot)).count(), 2);
        assert!(!again.contains(&PADDING));
        let read = read::<Flex>(vec![pool.gather(&[again[..1].to_vec(), vec![]], 2)]).unwrap();
        assert_eq!(read[0], [2.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn scores_are_the_mean_correlation_up_to_a_constant() {
        let values = [0.5, 1.0, -1.0, 2.0, 0.0, 0.0, 3.0, 1.0, -2.0, 0.5, 7.0, -9.0];
        let (pool, slots) = pool(&values, 2);
        let at = |i: usize| [f64::from(values[2 * i]), f64::from(values[2 * i + 1])];
        let d2 = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2);
        for correlation in [Correlation::NegSquaredL2, Correlation::Gaussian] {
            let scores = pool.scores(pool.select(&slots[..2]), &slots[2..], correlation);
            let scores = read::<Flex>(vec![scores]).unwrap().remove(0);
            let expected = |e: usize| match correlation {
                Correlation::NegSquaredL2 => -(d2(at(0), at(e)) + d2(at(1), at(e))) / 2.0,
                Correlation::Gaussian => {
                    ((-d2(at(0), at(e))).exp() + (-d2(at(1), at(e))).exp()).ln()
                }
            };
            for e in 1..4 {
                let (got, want) = (scores[e] - scores[0], expected(e + 2) - expected(2));
                assert!((got - want).abs() < 1e-4, "{correlation:?} {e}: {got} != {want}");
            }
        }
    }

    #[test]
    fn distant_engrams_neither_underflow_nor_tie_under_the_gaussian() {
        let (pool, slots) = pool(&[0.0, 0.1, 1000.0, 1001.0, 999.0], 1);
        let scores = pool.scores(pool.select(&slots[..2]), &slots[2..], Correlation::Gaussian);
        let scores = read::<Flex>(vec![scores]).unwrap().remove(0);
        assert!(scores[2] > scores[0] && scores[0] > scores[1], "{scores:?}");
    }
}
