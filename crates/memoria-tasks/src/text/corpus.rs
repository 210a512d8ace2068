//! Texts to model: bytes of documents, in splits.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::Novel;
use crate::{TaskError, files};

/// Documents as bytes.
#[derive(Clone, Debug, Default)]
pub struct Corpus {
    /// Documents for training.
    pub train: Vec<Vec<u8>>,
    /// Documents for validation.
    pub valid: Vec<Vec<u8>>,
    /// Documents for tests.
    pub test: Vec<Vec<u8>>,
}

/// Bytes of enwik8's splits.
const ENWIK8: [usize; 3] = [90_000_000, 5_000_000, 5_000_000];

const ENWIK8_HINT: &str = "It is the file enwik8 of 100,000,000 bytes that is in \
    https://mattmahoney.net/dc/enwik8.zip; data.path names it";
const WIKITEXT_HINT: &str = "WikiText-103 is at https://huggingface.co/datasets/Salesforce/wikitext, and as \
    wikitext-103-raw-v1.zip elsewhere; data.path names the folder with wiki.train.raw, wiki.valid.raw and \
    wiki.test.raw, or the same with .tokens";
const PG19_HINT: &str = "PG-19 is at https://github.com/google-deepmind/pg19, in the bucket deepmind-gutenberg; \
    data.path names the folder with train, validation and test, each with a file .txt for a book";

impl Corpus {
    /// Reads five novels for training; the first tenth of *Persuasion* is for validation, the rest of it for tests.
    ///
    /// # Errors
    ///
    /// As [`Novel::text`].
    pub fn austen(package: Option<&Path>) -> Result<Self, TaskError> {
        let mut novels = Vec::new();
        for novel in Novel::ALL {
            novels.push(novel.text(package)?.into_bytes());
        }
        let held_out = novels.pop().unwrap_or_default();
        let (valid, test) = held_out.split_at(held_out.len() / 10);
        Ok(Self { train: novels, valid: vec![valid.into()], test: vec![test.into()] })
    }

    /// Reads a file of any bytes as one document: 90 % for training, 5 % for validation, 5 % for tests.
    ///
    /// # Errors
    ///
    /// [`TaskError::Missing`], [`TaskError::File`] or, for fewer than 20 bytes, [`TaskError::Format`].
    pub fn file(path: &Path) -> Result<Self, TaskError> {
        let bytes = files::read(path, "data.path names the file that is to be modelled")?;
        let twentieth = bytes.len() / 20;
        if twentieth == 0 {
            let problem = format!("{} bytes are too few to be split", bytes.len());
            return Err(TaskError::format(path, problem));
        }
        Ok(Self::cut(&bytes, [bytes.len() - 2 * twentieth, twentieth, twentieth]))
    }

    /// Reads enwik8 in its usual splits of 90, 5 and 5 million bytes.
    ///
    /// # Errors
    ///
    /// [`TaskError::Missing`], [`TaskError::File`] or, for a file of another size, [`TaskError::Format`].
    pub fn enwik8(path: &Path) -> Result<Self, TaskError> {
        let bytes = files::read(path, ENWIK8_HINT)?;
        let expected: usize = ENWIK8.iter().sum();
        if bytes.len() != expected {
            let got = bytes.len();
            let problem = format!("expected {expected} bytes, got {got}. {ENWIK8_HINT}");
            return Err(TaskError::format(path, problem));
        }
        Ok(Self::cut(&bytes, ENWIK8))
    }

    fn cut(bytes: &[u8], sizes: [usize; 3]) -> Self {
        let (train, rest) = bytes.split_at(sizes[0]);
        let (valid, test) = rest.split_at(sizes[1]);
        Self { train: vec![train.into()], valid: vec![valid.into()], test: vec![test.into()] }
    }

    /// Reads WikiText-103; each article is a document.
    ///
    /// # Errors
    ///
    /// [`TaskError::Missing`] with where to get it, or [`TaskError::File`].
    pub fn wikitext(folder: &Path) -> Result<Self, TaskError> {
        let articles = |split: &str| {
            let [raw, tokens] =
                ["raw", "tokens"].map(|end| folder.join(format!("wiki.{split}.{end}")));
            let path = if raw.is_file() { raw } else { tokens };
            files::read(&path, WIKITEXT_HINT).map(|bytes| articles(&bytes))
        };
        Ok(Self { train: articles("train")?, valid: articles("valid")?, test: articles("test")? })
    }

    /// Reads PG-19; each book is a document, in the order of names, at most `most` of each split.
    ///
    /// # Errors
    ///
    /// [`TaskError::Missing`] with where to get it, [`TaskError::File`] or, for a folder without books,
    /// [`TaskError::Format`].
    pub fn pg19(folder: &Path, most: usize) -> Result<Self, TaskError> {
        let books = |split: &str| {
            let folder = folder.join(split);
            let files = fs::read_dir(&folder)
                .map_err(|_| TaskError::Missing { path: folder.clone(), hint: PG19_HINT.into() })?;
            let mut paths: Vec<PathBuf> = files.flatten().map(|file| file.path()).collect();
            paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
            paths.sort();
            if paths.is_empty() {
                let problem = format!("no file .txt is in it. {PG19_HINT}");
                return Err(TaskError::format(folder, problem));
            }
            paths.iter().take(most).map(|path| files::read(path, PG19_HINT)).collect()
        };
        Ok(Self { train: books("train")?, valid: books("validation")?, test: books("test")? })
    }
}

/// Splits articles at lines such as ` = Title = `; titles of sections have more signs.
fn articles(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut articles: Vec<Vec<u8>> = Vec::new();
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let title = line.trim_ascii();
        let heads = title.len() > 4
            && title.starts_with(b"= ")
            && title.ends_with(b" =")
            && !title.starts_with(b"= =");
        match articles.last_mut() {
            Some(article) if !heads => article.extend_from_slice(line),
            _ => articles.push(line.to_vec()),
        }
    }
    articles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn articles_begin_with_their_titles() {
        let text = b" \n = A title = \n\n text\n = = A section = = \n more\n = Another = \n";
        let articles = articles(text);
        assert_eq!(articles.len(), 3);
        assert_eq!(articles.concat(), text);
        assert!(articles[2].starts_with(b" = Another"));
    }

    #[test]
    fn files_and_folders_are_split_as_published() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::create_dir_all(folder.join("train")).unwrap();
        let missing = Corpus::wikitext(folder).unwrap_err().to_string();
        assert!(missing.contains("Salesforce/wikitext"), "{missing}");
        assert!(Corpus::pg19(folder, 1).unwrap_err().to_string().contains("no file .txt"));
        for split in ["train", "validation", "test"] {
            fs::create_dir_all(folder.join(split)).unwrap();
            for book in ["2.txt", "1.txt", "notes.md"] {
                fs::write(folder.join(split).join(book), format!("{split} {book}")).unwrap();
            }
        }
        let books = Corpus::pg19(folder, 10).unwrap();
        assert_eq!(books.train, [b"train 1.txt".to_vec(), b"train 2.txt".to_vec()]);
        assert_eq!(Corpus::pg19(folder, 1).unwrap().valid, [b"validation 1.txt".to_vec()]);
        for split in ["train", "valid", "test"] {
            fs::write(folder.join(format!("wiki.{split}.tokens")), " = A = \n text\n = B = \n")
                .unwrap();
        }
        assert_eq!(Corpus::wikitext(folder).unwrap().test.len(), 2);
        let file = folder.join("any");
        fs::write(&file, vec![7; 100]).unwrap();
        let any = Corpus::file(&file).unwrap();
        assert_eq!([&any.train, &any.valid, &any.test].map(|split| split[0].len()), [90, 5, 5]);
        let error = Corpus::enwik8(&file).unwrap_err().to_string();
        assert!(error.contains("expected 100000000 bytes, got 100"), "{error}");
    }
}
