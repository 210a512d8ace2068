//! Files that are whole or as they were.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use burn_pack::AtomicFile;

use crate::MemoriaError;

/// Opens a file to read it.
pub(crate) fn open(path: &Path) -> Result<File, MemoriaError> {
    File::open(path).map_err(|error| MemoriaError::io(format!("opening {}", path.display()), error))
}

/// Writes a file that takes the path's place once it is whole and on the disk; if that fails, what was
/// there is untouched.
///
/// `what` it is, for messages.
pub(crate) fn write(
    path: &Path,
    what: &str,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), MemoriaError>,
) -> Result<(), MemoriaError> {
    let failed = |source: Box<dyn core::error::Error + Send + Sync>| {
        MemoriaError::io(format!("saving a {what} to {}", path.display()), source)
    };
    let (scratch, file) = AtomicFile::create(path).map_err(|error| failed(error.into()))?;
    let mut writer = BufWriter::new(file);
    write(&mut writer).map_err(|error| match error {
        MemoriaError::Io { source, .. } => failed(source),
        other => other,
    })?;
    writer.flush().map_err(|error| failed(error.into()))?;
    // Here, and not only in the commit: it is this handle that an error of the disk comes to.
    writer.get_ref().sync_all().map_err(|error| failed(error.into()))?;
    drop(writer);
    scratch.commit().map_err(|error| failed(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let whole = |bytes: &'static [u8]| {
            move |writer: &mut BufWriter<File>| {
                writer.write_all(bytes).unwrap();
                Ok(())
            }
        };
        write(&path, "file", whole(b"old")).unwrap();
        let failing = |writer: &mut BufWriter<File>| {
            writer.write_all(b"half of the n").unwrap();
            let (what, source) = ("writing".into(), "no more".into());
            Err(MemoriaError::Io { what, source })
        };
        let error = write(&path, "file", failing).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("saving a file to {} failed: no more", path.display())
        );
        assert_eq!(fs::read(&path).unwrap(), b"old");
        write(&path, "file", whole(b"new")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(write(&folder.path().join("missing").join("file"), "file", |_| Ok(())).is_err());
    }
}
