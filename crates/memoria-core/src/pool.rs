//! The data plane: the vectors of engrams, and the few operations that touch them.

mod device;
#[cfg(test)]
pub(crate) mod failing;
mod host;
mod number;
mod slots;

use burn::backend::{
    Backend, DType, Shape, Slice, TensorData, TensorMetadata, TensorPrimitive,
    ops::TransactionPrimitive,
    read_sync,
    tensor::{Device, FloatTensor},
};

use crate::{
    Correlation, EngramId, MemoriaError, Storage, available_memory::available_memory, id::Slot,
    storage::computes_on_host,
};
use device::DeviceVectors;
pub(crate) use device::squared_norms;
pub(crate) use host::{Codes, are_worth_coding};
use host::{HostQuery, HostVectors};
use slots::Slots;

/// Growth is compared with the memory available whenever it passes a multiple of this.
const LOOKED_AT_EVERY: usize = 1 << 26;

/// Bytes of vectors that are looked at, saved or moved at once.
const AT_ONCE: usize = 1 << 20;

/// The vectors of all rows; a slot is used again when its engram is gone.
#[derive(Clone, Debug)]
pub(crate) struct Pool<B: Backend> {
    vectors: Vectors<B>,
    slots: Slots,
    dim: usize,
    dtype: DType,
    device: Device<B>,
    /// Whether tensors of the device lie in the host's memory.
    computes_here: bool,
    /// In bytes.
    limit: Option<u64>,
}

#[derive(Clone, Debug)]
enum Vectors<B: Backend> {
    Device(DeviceVectors<B>),
    Host(HostVectors),
}

/// What candidates are compared with.
#[derive(Clone, Debug)]
pub(crate) enum Query<B: Backend> {
    /// Vectors `[n, dim]`.
    Device(FloatTensor<B>),
    Host(HostQuery),
}

impl<B: Backend> Pool<B> {
    pub(crate) fn new(
        dim: usize,
        dtype: DType,
        device: Device<B>,
        storage: Storage,
        limit: Option<u64>,
    ) -> Self {
        let vectors = if storage.is_host::<B>(&device) {
            Vectors::Host(HostVectors::new(dim, dtype))
        } else {
            Vectors::Device(DeviceVectors::new(dim, dtype, device.clone()))
        };
        let computes_here = computes_on_host::<B>(&device);
        Self { vectors, slots: Slots::default(), dim, dtype, device, computes_here, limit }
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

    /// Whether tensors of the device lie in the host's memory, wherever the vectors are kept.
    pub(crate) fn computes_here(&self) -> bool {
        self.computes_here
    }

    pub(crate) fn is_on_host(&self) -> bool {
        matches!(self.vectors, Vectors::Host(_))
    }

    /// Takes slots and makes room for their vectors. If there is none, everything stays as it was.
    pub(crate) fn take(&mut self, count: usize) -> Result<Vec<Slot>, MemoriaError> {
        let needed = self.slots.needed(count)?;
        self.check_memory(needed)?;
        match &mut self.vectors {
            Vectors::Device(vectors) => vectors.reserve(needed),
            Vectors::Host(vectors) => vectors.reserve(needed)?,
        }
        Ok(self.slots.take(count))
    }

    /// Makes slots available again.
    pub(crate) fn release(&mut self, slots: impl IntoIterator<Item = Slot>) {
        self.slots.release(slots);
    }

    /// Writes new vectors `[…, dim]`, one for each slot, if they are kept where they are, and returns what
    /// has to be read of them: their squared norms, or on the host the vectors, still to be
    /// [written](Self::write_read).
    pub(crate) fn write(&mut self, slots: &[Slot], vectors: FloatTensor<B>) -> FloatTensor<B> {
        match &mut self.vectors {
            Vectors::Host(_) => vectors,
            Vectors::Device(pool) => {
                let vectors = B::float_reshape(vectors, Shape::new([slots.len(), self.dim]));
                pool.write(slots, vectors.clone());
                squared_norms::<B>(vectors)
            }
        }
    }

    /// Squared norms from what was [to be read](Self::write).
    pub(crate) fn squared_norms(&self, read: &TensorData) -> Vec<f64> {
        match &self.vectors {
            Vectors::Host(vectors) => vectors.squared_norms(read),
            Vectors::Device(_) => read.iter::<f64>().collect(),
        }
    }

    /// Writes vectors that have been read, if they are not written yet. Returns whether the squared
    /// norms of those written are below `limit`, if it looked at them.
    pub(crate) fn write_read(
        &mut self,
        slots: impl Iterator<Item = Option<Slot>>,
        read: &TensorData,
        limit: f64,
        may_share: bool,
    ) -> Option<bool> {
        match &mut self.vectors {
            Vectors::Host(vectors) => Some(vectors.write(slots, read, limit, may_share)),
            Vectors::Device(_) => None,
        }
    }

    /// The query for `count` vectors, at least one, whose slots are told by their numbers.
    pub(crate) fn query(
        &self,
        count: usize,
        slot: impl Fn(usize) -> Slot,
        correlation: Correlation,
    ) -> Query<B> {
        match &self.vectors {
            Vectors::Device(vectors) => {
                Query::Device(vectors.select((0..count).map(|index| Some(slot(index)))))
            }
            Vectors::Host(vectors) => Query::Host(vectors.query(count, slot, correlation)),
        }
    }

    /// The query for some of the vectors `[n, dim]`, which on the host have been read.
    pub(crate) fn query_of(
        &self,
        vectors: &FloatTensor<B>,
        read: Option<&TensorData>,
        range: core::ops::Range<usize>,
        correlation: Correlation,
    ) -> Query<B> {
        match (&self.vectors, read) {
            (Vectors::Host(host), Some(read)) => {
                Query::Host(host.query_of(read, range, correlation))
            }
            _ => {
                let place = [Slice::from(range), Slice::from(0..self.dim)];
                Query::Device(B::float_slice(vectors.clone(), &place))
            }
        }
    }

    /// Scores of `candidates`, on the device that the pool is on; higher is more alike, and only the order
    /// within one call means something. A score depends on nothing but the query and the candidate. There
    /// must be candidates.
    pub(crate) fn scores(
        &self,
        query: &Query<B>,
        candidates: &[Slot],
        correlation: Correlation,
    ) -> FloatTensor<B> {
        match (&self.vectors, query) {
            (Vectors::Device(vectors), Query::Device(working)) => {
                vectors.scores(working.clone(), candidates, correlation)
            }
            _ => unreachable!("a query is made by the pool that answers it, on the device"),
        }
    }

    /// As [`scores`](Self::scores), of a pool on the host; the scores take the place of what is in
    /// `scores`. Several threads of the host take part only if they `may_share` the work.
    pub(crate) fn scores_here(
        &self,
        query: &Query<B>,
        candidates: &[Slot],
        may_share: bool,
        scores: &mut Vec<f64>,
    ) {
        scores.clear();
        match (&self.vectors, query) {
            (Vectors::Host(vectors), Query::Host(query)) => {
                vectors.scores(query, candidates, may_share, scores);
            }
            _ => unreachable!("a query is made by the pool that answers it, on the host"),
        }
    }

    /// As [`scores_here`](Self::scores_here), of candidates of which the `k` best are to be chosen; there
    /// are more. Those who certainly are among them may have infinite scores, and those who certainly are
    /// not NaN.
    ///
    /// `codes` are the row's, and `members` those whom it pays to keep codes of, in order of id: the
    /// candidates, and then others.
    pub(crate) fn deciding_scores_here(
        &self,
        query: &Query<B>,
        of: (&[Slot], usize),
        members: impl Iterator<Item = (EngramId, Slot)>,
        codes: &mut Codes,
        may_share: bool,
        scores: &mut Vec<f64>,
    ) {
        scores.clear();
        match (&self.vectors, query) {
            (Vectors::Host(vectors), Query::Host(query)) => {
                vectors.deciding_scores(query, of, members, codes, may_share, scores);
            }
            _ => unreachable!("a query is made by the pool that answers it, on the host"),
        }
    }

    /// Vectors as `[slots / width, width, dim]`, zeros where there is no slot; at least one.
    pub(crate) fn gather(
        &self,
        slots: &[Option<Slot>],
        width: usize,
        may_share: bool,
    ) -> FloatTensor<B> {
        let shape = Shape::new([slots.len() / width, width, self.dim]);
        self.vectors_in(slots, shape, may_share)
    }

    /// Vectors `[slots, dim]`; at least one.
    pub(crate) fn select(&self, slots: &[Slot]) -> FloatTensor<B> {
        let shape = Shape::new([slots.len(), self.dim]);
        self.vectors_in(&slots.iter().map(|&slot| Some(slot)).collect::<Vec<_>>(), shape, false)
    }

    /// Checks that the slots `taken`, which are all there are, are taken once.
    pub(crate) fn verify(&self, taken: impl Iterator<Item = Slot>) -> Result<(), String> {
        self.slots.verify(taken)
    }

    /// Vectors `[slots, dim]` on the host; at least one. Waits for the device if they are kept there.
    pub(crate) fn vectors(&self, slots: &[Slot]) -> Result<TensorData, MemoriaError> {
        match &self.vectors {
            Vectors::Host(vectors) => {
                let slots: Vec<Option<Slot>> = slots.iter().map(|&slot| Some(slot)).collect();
                Ok(vectors.gather(&slots, Shape::new([slots.len(), self.dim]), false))
            }
            Vectors::Device(_) => {
                let mut read = read::<B>(vec![self.select(slots)], self.computes_here)?;
                Ok(read.swap_remove(0))
            }
        }
    }

    /// Writes vectors `[slots, dim]` of the host.
    pub(crate) fn put(&mut self, slots: &[Slot], data: TensorData) {
        match &mut self.vectors {
            Vectors::Host(vectors) => {
                // They were in a memory before: their norms are known to be in range.
                let slots = slots.iter().map(|&slot| Some(slot));
                vectors.write(slots, &data, f64::INFINITY, false);
            }
            Vectors::Device(vectors) => {
                let tensor = B::float_from_data(data, &self.device);
                let is_alike = tensor.dtype() == self.dtype;
                let tensor =
                    if is_alike { tensor } else { B::float_cast(tensor, self.dtype.into()) };
                vectors.write(slots, tensor);
            }
        }
    }

    /// Squared norms of vectors `[n, dim]`, computed by the host.
    pub(crate) fn host_squared_norms(&self, data: &TensorData) -> Vec<f64> {
        match &self.vectors {
            Vectors::Host(vectors) if data.dtype() == self.dtype => vectors.squared_norms(data),
            _ => HostVectors::new(self.dim, data.dtype()).squared_norms(data),
        }
    }

    /// Sets memory aside for so many engrams in all, and on a device for no more.
    pub(crate) fn reserve(&mut self, engrams: usize) -> Result<(), MemoriaError> {
        let needed = self.slots.needed(engrams)?;
        self.check_memory(needed)?;
        match &mut self.vectors {
            Vectors::Device(vectors) => vectors.reserve_exact(needed),
            Vectors::Host(vectors) => vectors.reserve(needed)?,
        }
        Ok(())
    }

    /// Copies vectors into slots of a pool that is [alike](Self::check_alike), on the device if both are
    /// there.
    pub(crate) fn copy(
        &self,
        slots: &[Slot],
        to: &mut Self,
        new: &[Slot],
    ) -> Result<(), MemoriaError> {
        match (&self.vectors, &mut to.vectors) {
            (Vectors::Device(from), Vectors::Device(to)) => {
                to.write(new, from.select(slots.iter().map(|&slot| Some(slot))));
            }
            _ => to.put(new, self.vectors(slots)?),
        }
        Ok(())
    }

    /// An empty pool for the same vectors.
    pub(crate) fn another(&self, storage: Storage, limit: Option<u64>) -> Self {
        Self::new(self.dim, self.dtype, self.device.clone(), storage, limit)
    }

    /// Refuses another pool whose vectors this one could not hold.
    pub(crate) fn check_alike(&self, other: &Self) -> Result<(), MemoriaError> {
        let tensor = "a row from another memory";
        if self.dim != other.dim {
            let (dimension, expected, got) = ("hidden", self.dim, other.dim);
            return Err(MemoriaError::WrongDimension { tensor, dimension, expected, got });
        }
        if self.dtype != other.dtype {
            let (expected, got) = (self.dtype, other.dtype);
            return Err(MemoriaError::WrongDType { tensor, expected, got });
        }
        if self.device != other.device {
            let (expected, got) = (format!("{:?}", self.device), format!("{:?}", other.device));
            return Err(MemoriaError::WrongDevice { tensor, expected, got });
        }
        Ok(())
    }

    /// How many slots there are to a piece of vectors that is worth handling at once.
    pub(crate) fn slots_at_once(&self) -> usize {
        (AT_ONCE / (self.dim * self.dtype.size())).max(1)
    }

    /// Bytes set aside for vectors.
    pub(crate) fn bytes(&self) -> usize {
        match &self.vectors {
            Vectors::Device(vectors) => vectors.bytes(),
            Vectors::Host(vectors) => vectors.bytes(),
        }
    }

    /// Bytes set aside for everything else.
    pub(crate) fn bookkeeping_bytes(&self) -> usize {
        self.slots.bytes()
    }

    fn vectors_in(&self, slots: &[Option<Slot>], shape: Shape, may_share: bool) -> FloatTensor<B> {
        match &self.vectors {
            Vectors::Device(vectors) => {
                B::float_reshape(vectors.select(slots.iter().copied()), shape)
            }
            Vectors::Host(vectors) => {
                let data = vectors.gather(slots, shape, may_share);
                let tensor = B::float_from_data(data, &self.device);
                if tensor.dtype() == self.dtype {
                    return tensor;
                }
                B::float_cast(tensor, self.dtype.into())
            }
        }
    }

    /// Refuses to grow to so many slots if there is no memory for them.
    fn check_memory(&self, slots: usize) -> Result<(), MemoriaError> {
        let held = self.bytes();
        let (requested, is_here) = match &self.vectors {
            Vectors::Host(vectors) => (vectors.bytes_of(slots), true),
            Vectors::Device(vectors) => {
                let requested = vectors.bytes_of(vectors.slots_for(slots));
                (requested, self.computes_here)
            }
        };
        if requested <= held {
            return Ok(());
        }
        let requested = requested as u64;
        let refuse = |available| Err(MemoriaError::OutOfMemory { requested, available });
        if let Some(limit) = self.limit.filter(|&limit| requested > limit) {
            return refuse(limit);
        }
        let steps = |bytes| bytes / LOOKED_AT_EVERY;
        if is_here && steps(requested as usize) > steps(held) {
            // A tensor is copied when it grows: the old one stays until then.
            let kept = if self.is_on_host() { held as u64 } else { 0 };
            if let Some(free) = available_memory()
                && requested > free.saturating_add(kept)
            {
                return refuse(free + kept);
            }
        }
        Ok(())
    }
}

/// Waits for the device and reads tensors to the host: the one place where a memory does so. If they `are_here`
/// already there is nothing to wait for.
pub(crate) fn read<B: Backend>(
    tensors: Vec<FloatTensor<B>>,
    are_here: bool,
) -> Result<Vec<TensorData>, MemoriaError> {
    #[cfg(test)]
    failing::check()?;
    let failed = |error| MemoriaError::Device(Box::new(error));
    if are_here {
        let each = tensors.into_iter().map(|tensor| read_sync(B::float_into_data(tensor)));
        return each.collect::<Result<_, _>>().map_err(failed);
    }
    let mut transaction = TransactionPrimitive::<B>::new(vec![], vec![], vec![], vec![]);
    for tensor in tensors {
        transaction.register_float(TensorPrimitive::Float(tensor));
    }
    read_sync(transaction.execute_async()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::{
        backend::{Flex, ops::FloatTensorOps},
        tensor::{bf16, f16},
    };
    use rstest::rstest;

    fn tensor(values: &[f32], dim: usize, dtype: DType) -> FloatTensor<Flex> {
        let data = TensorData::new(values.to_vec(), [values.len() / dim, dim]);
        Flex::float_from_data(data.convert_dtype(dtype), &Default::default())
    }

    fn pool(dim: usize, dtype: DType, storage: Storage) -> Pool<Flex> {
        Pool::new(dim, dtype, Default::default(), storage, None)
    }

    fn add(pool: &mut Pool<Flex>, values: &[f32]) -> Vec<Slot> {
        let slots = pool.take(values.len() / pool.dim).unwrap();
        let to_read = pool.write(&slots, tensor(values, pool.dim, pool.dtype));
        let read = read::<Flex>(vec![to_read], true).unwrap();
        let there = slots.iter().map(|&slot| Some(slot));
        assert_ne!(pool.write_read(there, &read[0], f64::INFINITY, true), Some(false));
        let square = |&x: &f32| f64::from(x).powi(2);
        let norms = values.chunks(pool.dim).map(|v| v.iter().map(square).sum::<f64>());
        for (got, expected) in pool.squared_norms(&read[0]).into_iter().zip(norms) {
            assert!((got - expected).abs() <= 1e-4 * expected);
        }
        slots
    }

    fn numbers(tensor: FloatTensor<Flex>) -> Vec<f64> {
        read::<Flex>(vec![tensor], true).unwrap()[0].iter().collect()
    }

    fn scores(
        pool: &Pool<Flex>,
        query: &Query<Flex>,
        of: &[Slot],
        correlation: Correlation,
    ) -> Vec<f64> {
        if !pool.is_on_host() {
            return numbers(pool.scores(query, of, correlation));
        }
        let mut scores = Vec::new();
        pool.scores_here(query, of, true, &mut scores);
        scores
    }

    #[rstest]
    fn growing_keeps_what_was_written(
        #[values(Storage::Device, Storage::Host)] storage: Storage,
        #[values(DType::F32, DType::F64, DType::F16, DType::BF16)] dtype: DType,
        #[values(3, 1 << 17)] dim: usize,
    ) {
        let mut pool = pool(dim, dtype, storage);
        let values: Vec<f32> = (0..12 * dim).map(|i| (i % 250) as f32).collect();
        let mut slots = add(&mut pool, &values[..4 * dim]);
        slots.extend(add(&mut pool, &values[4 * dim..]));
        let gathered = pool.gather(&slots.into_iter().map(Some).collect::<Vec<_>>(), 12, true);
        assert_eq!(gathered.dtype(), dtype);
        assert!(numbers(gathered).iter().zip(&values).all(|(&a, &b)| a == f64::from(b)));
        let width = dtype.size() * dim;
        assert!((13 * width..200 * width.max(1 << 14)).contains(&pool.bytes()), "{}", pool.bytes());
    }

    #[rstest]
    fn slots_are_used_again_and_padding_stays_zero(
        #[values(Storage::Device, Storage::Host)] storage: Storage,
    ) {
        let mut pool = pool(3, DType::F32, storage);
        let slots = add(&mut pool, &[1.0; 12]);
        pool.release(slots[1..3].iter().copied());
        let again = add(&mut pool, &[2.0; 9]);
        assert_eq!(again.iter().filter(|slot| slots.contains(slot)).count(), 2);
        let gathered = numbers(pool.gather(&[Some(again[0]), None, None, None], 2, true));
        assert_eq!(gathered, [2.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[rstest]
    fn scores_are_the_mean_correlation_up_to_a_constant(
        #[values(Storage::Device, Storage::Host)] storage: Storage,
        #[values(Correlation::NegSquaredL2, Correlation::Gaussian)] correlation: Correlation,
    ) {
        let values = [0.5, 1.0, -1.0, 2.0, 0.0, 0.0, 3.0, 1.0, -2.0, 0.5, 7.0, -9.0];
        let mut pool = pool(2, DType::F32, storage);
        let slots = add(&mut pool, &values);
        let at = |i: usize| [f64::from(values[2 * i]), f64::from(values[2 * i + 1])];
        let d2 = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2);
        let stored = pool.query(2, |index| slots[index], correlation);
        let vectors = tensor(&values, 2, DType::F32);
        let data = (storage == Storage::Host).then(|| vectors.clone().into_data());
        let given = pool.query_of(&vectors, data.as_ref(), 0..2, correlation);
        for query in [stored, given] {
            let scores = scores(&pool, &query, &slots[2..], correlation);
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

    #[rstest]
    fn distant_engrams_neither_underflow_nor_tie_under_the_gaussian(
        #[values(Storage::Device, Storage::Host)] storage: Storage,
    ) {
        let mut pool = pool(1, DType::F32, storage);
        let slots = add(&mut pool, &[0.0, 0.1, 1000.0, 1001.0, 999.0]);
        let query = pool.query(2, |index| slots[index], Correlation::Gaussian);
        let scores = scores(&pool, &query, &slots[2..], Correlation::Gaussian);
        assert!(scores[2] > scores[0] && scores[0] > scores[1], "{scores:?}");
    }

    /// However many candidates there are, and however many threads share them.
    #[test]
    fn a_score_depends_on_nothing_but_the_query_and_the_candidate() {
        let mut pool = pool(100, DType::F32, Storage::Host);
        let values: Vec<f32> = (0..400_000).map(|i| (i as f32 * 0.37).sin()).collect();
        let slots = add(&mut pool, &values);
        let query = pool.query(7, |index| slots[index], Correlation::NegSquaredL2);
        let all = scores(&pool, &query, &slots, Correlation::NegSquaredL2);
        for (place, slot) in slots.iter().enumerate().step_by(61) {
            let alone = scores(&pool, &query, &[*slot], Correlation::NegSquaredL2);
            assert_eq!(alone[0].to_bits(), all[place].to_bits());
        }
    }

    #[rstest]
    fn half_precision_takes_half_the_memory(
        #[values(Storage::Device, Storage::Host)] storage: Storage,
    ) {
        let bytes = |dtype| {
            let mut pool = pool(256, dtype, storage);
            add(&mut pool, &vec![1.5; 256 * 20_000]);
            pool.bytes() as f64
        };
        let full = bytes(DType::F32);
        for half in [bytes(DType::F16), bytes(DType::BF16)] {
            assert!((0.49..0.51).contains(&(half / full)), "{half} of {full}");
        }
        assert_eq!((size_of::<f16>(), size_of::<bf16>()), (2, 2));
    }

    #[rstest]
    fn more_memory_than_may_be_taken_is_refused_and_nothing_is_lost(
        #[values(Storage::Device, Storage::Host)] storage: Storage,
    ) {
        let mut pool: Pool<Flex> =
            Pool::new(4, DType::F32, Default::default(), storage, Some(64 * 16));
        let slots = add(&mut pool, &[3.0; 40]);
        let refused = pool.take(100);
        let Err(MemoriaError::OutOfMemory { requested, available }) = refused else {
            panic!("{refused:?}");
        };
        assert!(requested >= 111 * 16 && available == 64 * 16, "{requested}, {available}");
        assert_eq!(numbers(pool.select(&slots)), [3.0; 40]);
        assert!(pool.take(50).is_ok());
    }

    #[rstest]
    fn more_memory_than_the_machine_has_is_refused_before_it_is_taken(
        #[values(Storage::Device, Storage::Host)] storage: Storage,
    ) {
        let mut pool = pool(1 << 20, DType::F32, storage);
        let refused = pool.take(1 << 27);
        let Err(MemoriaError::OutOfMemory { requested, available }) = refused else {
            panic!("{refused:?}");
        };
        assert!(requested >= 1 << 49 && available < requested, "{requested}, {available}");
        assert!(pool.take(2).is_ok());
    }
}
