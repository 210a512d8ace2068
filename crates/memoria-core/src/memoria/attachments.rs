//! Values that a user attaches to a row.

use std::sync::Arc;

use burn::backend::{Backend, TensorMetadata, tensor::FloatTensor};

use super::Memoria;
use crate::{
    AttachedRows, Attachment, MemoriaError,
    attachment::{MAX_RANK, Part, Value, stack},
    store::check_sizes,
};

/// The name that errors use.
const TENSOR: &str = "an attached tensor";

impl<B: Backend> Memoria<B> {
    /// Attaches a value to a row under a name, and replaces the one there. See [`Attachment`].
    ///
    /// Makes no copy and no device round trip. The value does not count towards the [memory
    /// limit](Self::with_memory_limit), which is for vectors.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::RowOutOfRange`]; [`MemoriaError::WrongRank`], [`MemoriaError::EmptyDimension`],
    /// [`MemoriaError::WrongDType`] or [`MemoriaError::WrongDevice`] for a tensor that cannot be attached.
    pub fn attach(
        &mut self,
        row: usize,
        name: &str,
        value: Attachment<B>,
    ) -> Result<(), MemoriaError> {
        self.check_row(row)?;
        let value = match value {
            Attachment::Bytes(bytes) => Value::Bytes(bytes),
            Attachment::Tensor(tensor) => {
                self.check_attached(&tensor, 1, "1 to 8 dimensions")?;
                Value::of_one(B::float_detach(tensor))
            }
        };
        self.attachments[row].insert(Arc::from(name), value);
        Ok(())
    }

    /// Attaches to every row its part of `data` `[batch, …]`, as [`attach`](Self::attach) does. The rows in `absent`
    /// keep their values. Makes no copy: the rows share the tensor until they are separated.
    ///
    /// # Errors
    ///
    /// As [`attach`](Self::attach); [`MemoriaError::WrongDimension`] for another batch.
    pub fn attach_rows(
        &mut self,
        name: &str,
        data: FloatTensor<B>,
        absent: &[usize],
    ) -> Result<(), MemoriaError> {
        absent.iter().try_for_each(|&row| self.check_row(row))?;
        self.check_attached(&data, 2, "[batch, …], 2 to 9 dimensions")?;
        check_sizes(TENSOR, [("batch", self.batch(), data.shape()[0])])?;
        let (name, whole): (Arc<str>, _) = (Arc::from(name), Arc::new(B::float_detach(data)));
        for (index, row) in self.attachments.iter_mut().enumerate() {
            if !absent.contains(&index) {
                let whole = whole.clone();
                row.insert(name.clone(), Value::Part(Part { whole, index }));
            }
        }
        Ok(())
    }

    /// The value attached to a row under a name.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::RowOutOfRange`].
    pub fn attachment(
        &self,
        row: usize,
        name: &str,
    ) -> Result<Option<Attachment<B>>, MemoriaError> {
        self.check_row(row)?;
        Ok(self.attachments[row].get(name).map(Value::attachment))
    }

    /// The names of the values attached to a row, in order.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::RowOutOfRange`].
    pub fn attachment_names(&self, row: usize) -> Result<impl Iterator<Item = &str>, MemoriaError> {
        self.check_row(row)?;
        Ok(self.attachments[row].keys().map(|name| &**name))
    }

    /// The tensors attached to the rows under a name, as one; `None` if no row has one.
    ///
    /// Costs no copy if they were [attached together](Self::attach_rows) and the rows are still the same, otherwise a
    /// copy on the device.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::MixedAttachments`] if a row has bytes under this name, or if the tensors differ in more
    /// than their first size.
    pub fn attached_rows(&self, name: &str) -> Result<Option<AttachedRows<B>>, MemoriaError> {
        let mixed = |row| MemoriaError::MixedAttachments { name: name.to_owned(), row };
        let mut parts: Vec<Option<&Part<B>>> = Vec::with_capacity(self.batch());
        let mut sizes: Option<Vec<usize>> = None;
        for (index, row) in self.attachments.iter().enumerate() {
            parts.push(match row.get(name) {
                None => None,
                Some(Value::Bytes(_)) => return Err(mixed(index)),
                Some(Value::Part(part)) => {
                    let rest = part.shape().split_off(1);
                    if sizes.get_or_insert_with(|| rest.clone()) != &rest {
                        return Err(mixed(index));
                    }
                    Some(part)
                }
            });
        }
        Ok(stack(&parts))
    }

    /// Removes the value attached to a row under a name, if there is one.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::RowOutOfRange`].
    pub fn remove_attachment(&mut self, row: usize, name: &str) -> Result<(), MemoriaError> {
        self.check_row(row)?;
        self.attachments[row].remove(name);
        Ok(())
    }

    /// Refuses a tensor with fewer than `least` dimensions, or with that many more than a row's tensor can have.
    fn check_attached(
        &self,
        tensor: &FloatTensor<B>,
        least: usize,
        expected: &'static str,
    ) -> Result<(), MemoriaError> {
        let got = tensor.shape().to_vec();
        if !(least..least + MAX_RANK).contains(&got.len()) {
            return Err(MemoriaError::WrongRank { tensor: TENSOR, expected, got });
        }
        if got.contains(&0) {
            let (tensor, dimension) = (TENSOR, "inner");
            return Err(MemoriaError::EmptyDimension { tensor, dimension, got });
        }
        self.check_like_memory(TENSOR, tensor)
    }
}
