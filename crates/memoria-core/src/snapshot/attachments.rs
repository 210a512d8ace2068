//! Attachments in snapshots.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    sync::Arc,
};

use burn::backend::{Backend, DType, TensorData, TensorMetadata, tensor::FloatTensor};

use super::{SnapshotInfo, little_endian, tensor_data};
use crate::{
    MemoriaError,
    attachment::{MAX_RANK, Part, RowAttachments, Value},
    files::checksummed::{ChecksummedReader, ChecksummedWriter},
    store::{VectorStore, read as read_tensors},
};

const BYTES: u8 = 0;
const TENSOR: u8 = 1;

/// Writes the attachments of rows. Waits for the device once for every tensor that rows share.
pub(super) fn write<B: Backend>(
    rows: &[&RowAttachments<B>],
    store: Option<&VectorStore<B>>,
    to: &mut ChecksummedWriter<impl Write>,
) -> Result<(), MemoriaError> {
    let names: BTreeSet<&Arc<str>> = rows.iter().flat_map(|row| row.keys()).collect();
    to.put_number(names.len() as u64)?;
    for name in names {
        to.put_bytes(name.as_bytes())?;
        let values =
            || rows.iter().enumerate().filter_map(|(index, row)| Some((index, row.get(name)?)));
        to.put_number(values().count() as u64)?;
        let mut least = 0;
        // The tensor that was read last, because the next row may be a part of it.
        let mut whole: Option<(Arc<_>, burn_pack::Bytes)> = None;
        for (index, value) in values() {
            to.put_above(&mut least, index as u64)?;
            let Part { whole: tensor, index } = match value {
                Value::Bytes(bytes) => {
                    to.put(&[BYTES])?;
                    to.put_bytes(bytes)?;
                    continue;
                }
                Value::Part(part) => part,
            };
            let shape = tensor.shape();
            to.put(&[TENSOR, (shape.num_dims() - 1) as u8])?;
            for &size in &shape.as_slice()[1..] {
                to.put_number(size as u64)?;
            }
            let (_, data) = match whole.take().filter(|(last, _)| Arc::ptr_eq(last, tensor)) {
                Some(last) => whole.insert(last),
                None => {
                    let is_here = store.is_some_and(|store| store.computes_here);
                    let mut data = read_tensors::<B>(vec![(**tensor).clone()], is_here)?;
                    whole.insert((tensor.clone(), little_endian(data.swap_remove(0))))
                }
            };
            let len = data.len() / shape[0];
            to.put(&data[index * len..(index + 1) * len])?;
        }
    }
    Ok(())
}

/// Reads the attachments of the rows that have a place among `wanted`.
pub(super) fn read<B: Backend>(
    from: &mut ChecksummedReader<impl Read>,
    info: &SnapshotInfo,
    wanted: &mut [RowAttachments<B>],
    place: impl Fn(usize) -> Option<usize>,
    store: Option<&VectorStore<B>>,
) -> Result<(), MemoriaError> {
    let mut last: Option<Arc<str>> = None;
    for _ in 0..from.count("names of attachments")? {
        let name: Arc<str> = from.text("the name of an attachment")?.into();
        if last.is_some_and(|last| last >= name) {
            return Err(from.invalid(format!("attachment `{name}` is out of order")));
        }
        let count = from.count("rows with an attachment")?;
        if count == 0 {
            return Err(from.invalid(format!("attachment `{name}` of no row")));
        }
        let mut least = 0;
        for _ in 0..count {
            let row = from.count("a row")?.checked_add(least).filter(|&row| row < info.rows);
            let (Some(row), Some(dtype), Some(store)) = (row, info.dtype, store) else {
                return Err(from.invalid(format!("attachment `{name}` of a row beyond the last")));
            };
            least = row + 1;
            from.row = Some(row);
            let wanted = place(row).map(|place| (place, &mut wanted[place]));
            match from.array()? {
                [BYTES] => {
                    let bytes = from.bytes("bytes of an attachment")?;
                    if let Some((_, wanted)) = wanted {
                        wanted.insert(name.clone(), Value::Bytes(bytes.into()));
                    }
                }
                [TENSOR] => {
                    let shape = shape(from, dtype)?;
                    let len = shape.iter().product::<usize>() * dtype.size();
                    match wanted {
                        None => from.skip(len as u64)?,
                        Some((row, wanted)) => {
                            let data = tensor_data(from.take(len)?, shape, dtype);
                            let tensor = tensor(data, store).ok_or_else(|| {
                                let (name, dtype) = (name.to_string(), store.dtype);
                                MemoriaError::AttachmentTooLarge { name, row, dtype }
                            })?;
                            wanted.insert(name.clone(), Value::of_one(tensor));
                        }
                    }
                }
                [kind] => return Err(from.invalid(format!("an attachment of kind {kind}"))),
            }
            from.row = None;
        }
        last = Some(name);
    }
    Ok(())
}

/// A tensor on the device of a store, in the float type of its vectors; `None` if the numbers do not fit it.
fn tensor<B: Backend>(mut data: TensorData, store: &VectorStore<B>) -> Option<FloatTensor<B>> {
    let dtype = store.dtype;
    if data.dtype() != dtype {
        let saved = data.clone();
        data = data.convert_dtype(dtype);
        let mut pairs = saved.iter::<f64>().zip(data.iter::<f64>());
        if pairs.any(|(saved, now)| saved.is_finite() && !now.is_finite()) {
            return None;
        }
    }
    let tensor = B::float_from_data(data, &store.device);
    Some(if tensor.dtype() == dtype { tensor } else { B::float_cast(tensor, dtype.into()) })
}

/// The shape of a tensor, if its bytes can be counted.
fn shape(
    from: &mut ChecksummedReader<impl Read>,
    dtype: DType,
) -> Result<Vec<usize>, MemoriaError> {
    let [rank] = from.array()?;
    if !(1..=MAX_RANK).contains(&usize::from(rank)) {
        return Err(from.invalid(format!("an attached tensor of {rank} dimensions")));
    }
    let mut shape = Vec::new();
    let mut bytes = dtype.size();
    for _ in 0..rank {
        let size = from.count("a size of an attached tensor")?;
        let product = bytes.checked_mul(size).filter(|&n| 0 < n && n <= isize::MAX as usize);
        let wrong = || from.invalid(format!("an attached tensor of size {size}"));
        bytes = product.ok_or_else(wrong)?;
        shape.push(size);
    }
    Ok(shape)
}
