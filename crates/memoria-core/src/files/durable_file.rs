//! Files that are written completely or not at all.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
};

use burn_pack::AtomicFile;

use crate::MemoriaError;

/// Opens a file to read it.
pub(crate) fn open(path: &Path) -> Result<File, MemoriaError> {
    File::open(path).map_err(|error| MemoriaError::io(format!("opening {}", path.display()), error))
}

/// Writes a file that replaces the path once it is complete and on the disk. On an error the existing file is
/// untouched. A link is followed; a device or a pipe cannot be replaced, and is refused.
///
/// `what` names it in messages.
pub(crate) fn write(
    path: &Path,
    what: &str,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), MemoriaError>,
) -> Result<(), MemoriaError> {
    let failed = |source: Box<dyn core::error::Error + Send + Sync>| {
        MemoriaError::io(format!("saving a {what} to {}", path.display()), source)
    };
    let followed = fs::canonicalize(path);
    let path = followed.as_deref().unwrap_or(path);
    if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        return Err(failed("it is a device or a pipe, which no file can replace".into()));
    }
    let (scratch, file) = AtomicFile::create(path).map_err(|error| failed(error.into()))?;
    let mut writer = BufWriter::new(file);
    write(&mut writer).map_err(|error| match error {
        MemoriaError::Io { source, .. } => failed(source),
        other => other,
    })?;
    writer.flush().map_err(|error| failed(error.into()))?;
    // Here, and not only in the commit: an error of the disk is reported to this handle.
    writer.get_ref().sync_all().map_err(|error| failed(error.into()))?;
    drop(writer);
    scratch.commit().map_err(|error| failed(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_devices_stay() {
        let folder = tempfile::tempdir().unwrap();
        let [path, link] = ["file", "link"].map(|name| folder.path().join(name));
        let whole = |writer: &mut BufWriter<File>| {
            writer.write_all(b"whole").unwrap();
            Ok(())
        };
        fs::write(&path, "old").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        write(&link, "file", whole).unwrap();
        assert!(link.is_symlink() && fs::read(&path).unwrap() == b"whole");
        let error = write(Path::new("/dev/null"), "file", whole).unwrap_err().to_string();
        assert!(error.contains("a device or a pipe"), "{error}");
        assert!(!Path::new("/dev/null").is_file());
    }

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
