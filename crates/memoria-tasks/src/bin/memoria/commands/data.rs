use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
};

use memoria_tasks::{
    TaskError,
    config::{Loaded, TaskConfig},
    data::{Document, DocumentId, Split, Task, Text},
    print::println,
};
use serde::Serialize;

use crate::options::Data;

pub(crate) fn run(options: &Data) -> Result<(), TaskError> {
    let config = options.configured.config()?;
    if let (TaskConfig::Sort(sort), Some(path)) = (&config.task, &options.write) {
        let count = count(options);
        sort.load()?.file(options.seed, options.length, [count; 3])?.write(path)?;
        println(&format!("{}: {count} sequences in each split", path.display()));
        return Ok(());
    }
    match config.load()? {
        Loaded::Documents(task) => of_documents(options, &*task),
        Loaded::Text(text) => of_text(options, &text),
    }
}

/// Number of documents to write.
fn count(options: &Data) -> usize {
    options.documents.unwrap_or(100) as usize
}

fn of_documents(options: &Data, task: &dyn Task) -> Result<(), TaskError> {
    let there = task.documents(options.split).unwrap_or(usize::MAX);
    let last_stage = (task.stages() - 1) as u32;
    let document = |index: usize| {
        let id = DocumentId::new(options.split, options.seed, index as u64).longer(options.length);
        task.document(DocumentId { stage: last_stage, ..id })
    };
    let Some(path) = &options.write else {
        return show(task, &document(0)?, options.split);
    };
    let count = count(options).min(there);
    write_lines(path, (0..count).map(document))?;
    println(&format!("{}: {count} documents", path.display()));
    Ok(())
}

/// Prints a document in words, one segment per line.
fn show(task: &dyn Task, document: &Document, split: Split) -> Result<(), TaskError> {
    let words =
        |tokens: &[u32]| tokens.iter().map(|&token| task.word(token)).collect::<Vec<_>>().join(" ");
    println(&format!("{} tokens, the first document of {split:?}", task.vocabulary()));
    for (index, segment) in document.segments.iter().enumerate() {
        println(&format!("{index:>4}  {}", words(&segment.tokens)));
        for question in &segment.questions {
            let told = question.told.map_or_else(String::new, |told| format!(", told in {told}"));
            println(&format!("      at {}: {}{told}", question.at, words(&question.answer)));
        }
    }
    Ok(())
}

fn of_text(options: &Data, text: &Text) -> Result<(), TaskError> {
    if options.length != 1 {
        return Err(TaskError::option(
            "--length",
            "1 for texts, which are as long as they are",
            options.length,
        ));
    }
    #[derive(Serialize)]
    struct Line {
        tokens: Vec<u32>,
    }
    let split = text.split(options.split);
    let documents = || split.starts().iter().map(|&start| split.document(start));
    let Some(path) = &options.write else {
        println(&format!("{} tokens", text.vocabulary().len()));
        for of in [Split::Train, Split::Valid, Split::Test] {
            let split = text.split(of);
            let (documents, tokens) = (split.starts().len(), split.len());
            println(&format!(
                "{of:?}: {documents} documents, {tokens} tokens, {} bytes",
                split.bytes()
            ));
        }
        let first = split.tokens(0..split.len().min(10 * text.segment_length()));
        let line = |tokens: &[u32]| {
            let words: Vec<&str> = tokens.iter().map(|&token| text.word(token)).collect();
            words.join(if words.iter().all(|word| word.chars().count() == 1) { "" } else { " " })
        };
        first.chunks(text.segment_length()).for_each(|tokens| println(&line(tokens)));
        return Ok(());
    };
    let count = count(options).min(split.starts().len());
    let line = |range| Ok(Line { tokens: split.tokens(range) });
    write_lines(path, documents().take(count).map(line))?;
    println(&format!("{}: {count} documents", path.display()));
    Ok(())
}

/// Writes one object per line.
fn write_lines<T: Serialize>(
    path: &Path,
    objects: impl Iterator<Item = Result<T, TaskError>>,
) -> Result<(), TaskError> {
    let failed = |error| TaskError::File { path: path.to_owned(), source: error };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = BufWriter::new(File::create(path).map_err(failed)?);
    for object in objects {
        let line = serde_json::to_string(&object?)
            .map_err(|error| TaskError::format(path, error.to_string()))?;
        writeln!(file, "{line}").map_err(failed)?;
    }
    file.flush().map_err(failed)
}
