//! Files that a clone without Git LFS has in the place of large ones.

use std::{fs::File, io::Read, path::Path};

use crate::ModelError;

/// What a pointer of Git LFS begins with, whatever its version.
const BEGINNING: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Refuses a file that is a pointer of Git LFS. What is wrong with any other file, or with one that cannot
/// be opened, is for the reader of its format to tell.
///
/// # Errors
///
/// [`ModelError::LfsPointer`].
pub(crate) fn refuse_pointer(path: &Path) -> Result<(), ModelError> {
    let mut beginning = [0; BEGINNING.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut beginning));
    if read.is_ok() && beginning == BEGINNING {
        return Err(ModelError::LfsPointer { path: path.to_owned() });
    }
    Ok(())
}
