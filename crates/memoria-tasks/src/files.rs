//! Atomic replacement of files.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use burn_pack::AtomicFile;

use crate::TaskError;

/// Writes a file completely, or leaves the old one unchanged. Missing folders are created. A link is followed; a device
/// or a pipe is written to, not replaced.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), TaskError> {
    let written = || -> io::Result<()> {
        let followed = fs::canonicalize(path);
        let path = followed.as_deref().unwrap_or(path);
        if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
            return fs::OpenOptions::new().write(true).open(path)?.write_all(content);
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let (scratch, mut file) = AtomicFile::create(path).map_err(io::Error::other)?;
        file.write_all(content)?;
        file.sync_all()?;
        drop(file);
        scratch.commit().map_err(io::Error::other)
    };
    written().map_err(TaskError::file(path))
}

/// Reads a file's bytes. If the file is missing, the error contains `hint`, which says where to get it.
pub(crate) fn read(path: &Path, hint: &str) -> Result<Vec<u8>, TaskError> {
    if !path.is_file() {
        return Err(TaskError::Missing { path: path.into(), hint: hint.into() });
    }
    fs::read(path).map_err(TaskError::file(path))
}

/// Reads a text file, which must be UTF-8.
pub(crate) fn read_text(path: &Path, hint: &str) -> Result<String, TaskError> {
    String::from_utf8(read(path, hint)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        TaskError::format(path, format!("not UTF-8 at byte {at}; convert it, or read it as bytes"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let path = folder.join("deep").join("file");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(read(&path, "").unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.join("deep")).unwrap().count(), 1);
        // A folder cannot be replaced by a file.
        fs::create_dir(folder.join("taken")).unwrap();
        fs::write(folder.join("taken/one"), "").unwrap();
        assert!(write(&folder.join("taken"), b"").is_err());
        assert_eq!(fs::read_dir(folder).unwrap().count(), 2);
        #[cfg(unix)]
        {
            let link = folder.join("link");
            std::os::unix::fs::symlink(&path, &link).unwrap();
            write(&link, b"three").unwrap();
            assert!(link.is_symlink() && fs::read(&path).unwrap() == b"three");
            fs::remove_file(link).unwrap();
            write(Path::new("/dev/null"), b"nothing").unwrap();
            assert!(!Path::new("/dev/null").is_file());
        }
        fs::write(&path, [b'a', 0xff]).unwrap();
        assert!(read_text(&path, "").unwrap_err().to_string().contains("not UTF-8 at byte 1"));
    }
}
