//! Classification of long documents, segment by segment.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Document, DocumentId, Measure, Question, Segment, Split, Task};
use crate::{
    TaskError,
    error::at_least,
    text::{Labelled, LabelledText, MarkedTokens, Words, brown, hyperpartisan},
};

/// Documents and their classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Documents {
    /// The Brown corpus, with 15 genres.
    Brown,
    /// Hyperpartisan news, with the classes yes and no.
    Hyperpartisan,
}

/// The places from which a document's class is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// The mean over the ends of all segments.
    Mean,
    /// The end of the last segment.
    Last,
}

/// Configuration of the task `classify`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClassifyConfig {
    /// The documents.
    pub source: Documents,
    /// Their folder.
    pub path: PathBuf,
    /// Maximum number of tokens: the classes, and the most frequent words of the training documents. A checkpoint has
    /// its own tokens.
    pub words: usize,
    /// Tokens of a segment, including a checkpoint's marks at its ends.
    pub segment_length: usize,
    /// Maximum number of segments of a document; the rest of a longer one is left out.
    pub segments: Option<usize>,
    /// The places from which a document's class is read.
    pub pooling: Pooling,
}

/// The task `classify`; see the [configuration](ClassifyConfig).
#[derive(Clone, Debug)]
pub struct Classify {
    config: ClassifyConfig,
    corpus: Labelled,
    coding: Coding,
}

/// How text becomes tokens; the tokens of the classes come first.
#[derive(Clone, Debug)]
enum Coding {
    Words(Words),
    /// The tokens of a checkpoint, with marks around each segment.
    Marked(Box<MarkedTokens>),
}

impl Default for ClassifyConfig {
    fn default() -> Self {
        Self {
            source: Documents::Brown,
            path: "out/package".into(),
            words: 8192,
            segment_length: 128,
            segments: None,
            pooling: Pooling::Mean,
        }
    }
}

impl ClassifyConfig {
    /// Reads the documents.
    ///
    /// # Errors
    ///
    /// As [`brown`] and [`hyperpartisan`]; [`TaskError::Option`].
    pub fn load(&self) -> Result<Classify, TaskError> {
        at_least("data.segment_length", self.segment_length, 1)?;
        let corpus = self.corpus()?;
        let classes = corpus.classes.len();
        at_least("data.words", self.words, classes + 2)?;
        let texts = corpus.train.iter().map(|document| &document.text[..]);
        let words = Words::new([], texts, self.words, classes as u32);
        Ok(Classify { config: self.clone(), corpus, coding: Coding::Words(words) })
    }

    /// Reads the documents in the tokens of a checkpoint's `tokenizer.json`, with its marks at both ends of each
    /// segment.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load); [`TaskError::Missing`] or [`TaskError::Format`] for the tokenizer.
    pub fn load_with_tokenizer(&self, folder: &Path) -> Result<Classify, TaskError> {
        at_least("data.segment_length", self.segment_length, 3)?;
        let tokens = MarkedTokens::of_checkpoint(folder)?;
        let (corpus, coding) = (self.corpus()?, Coding::Marked(Box::new(tokens)));
        Ok(Classify { config: self.clone(), corpus, coding })
    }

    fn corpus(&self) -> Result<Labelled, TaskError> {
        at_least("data.segments", self.segments.unwrap_or(1), 1)?;
        match self.source {
            Documents::Brown => brown(&self.path),
            Documents::Hyperpartisan => hyperpartisan(&self.path),
        }
    }
}

impl Classify {
    fn text(&self, id: DocumentId) -> Result<&LabelledText, TaskError> {
        let documents = self.corpus.split(id.split);
        documents.get(id.index as usize).ok_or_else(|| {
            let expected = format!("at most {} in this split", documents.len());
            TaskError::option("documents", expected, id.index + 1)
        })
    }

    /// Cuts a text into segments, at least one.
    fn segments(&self, text: &str) -> Result<Document, TaskError> {
        let length = self.config.segment_length;
        let most = self.config.segments.unwrap_or(usize::MAX);
        match &self.coding {
            Coding::Words(words) => {
                let mut tokens = words.tokens(text);
                tokens.truncate(most.saturating_mul(length));
                if tokens.is_empty() {
                    tokens.push(words.token(""));
                }
                Ok(Document::cut(tokens, length, []))
            }
            Coding::Marked(tokens) => {
                let classes = self.corpus.classes.len() as u32;
                let segments = tokens.segments(text, length)?.into_iter().take(most);
                let of_task = |tokens: Vec<u32>| tokens.into_iter().map(|t| t + classes).collect();
                let segment = |tokens| Segment { tokens: of_task(tokens), questions: vec![] };
                Ok(Document { segments: segments.map(segment).collect() })
            }
        }
    }
}

impl Task for Classify {
    /// The classes, then words or a checkpoint's tokens.
    fn vocabulary(&self) -> usize {
        match &self.coding {
            Coding::Words(words) => words.vocabulary(),
            Coding::Marked(tokens) => self.corpus.classes.len() + tokens.count(),
        }
    }

    fn segment_length(&self) -> usize {
        self.config.segment_length
    }

    fn classes(&self) -> Option<usize> {
        Some(self.corpus.classes.len())
    }

    fn measure(&self) -> Measure {
        Measure::Documents
    }

    fn documents(&self, split: Split) -> Option<usize> {
        Some(self.corpus.split(split).len())
    }

    /// All questions of a document ask for its class: with [`Pooling::Mean`] at the end of each segment, with
    /// [`Pooling::Last`] at the end of the last one.
    fn document(&self, id: DocumentId) -> Result<Document, TaskError> {
        if id.longer != 1 {
            let expected = "1: documents are as long as they are";
            return Err(TaskError::option("lengths", expected, id.longer));
        }
        let text = self.text(id)?;
        let mut document = self.segments(&text.text)?;
        let last = document.segments.len() - 1;
        let asks = |segment: usize| self.config.pooling == Pooling::Mean || segment == last;
        for (_, segment) in document.segments.iter_mut().enumerate().filter(|(at, _)| asks(*at)) {
            let (at, answer) = (segment.tokens.len() - 1, vec![text.class as u32]);
            segment.questions.push(Question { at, answer, told: None, via: None });
        }
        Ok(document)
    }

    fn word(&self, token: u32) -> String {
        if let Some(class) = self.corpus.classes.get(token as usize) {
            return class.clone();
        }
        match &self.coding {
            Coding::Words(words) => words.word(token).unwrap_or("?").into(),
            Coding::Marked(tokens) => tokens.word(token - self.corpus.classes.len() as u32),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_segment_or_the_last_one_asks_for_the_class() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::write(path.join("ca01"), "one/cd two/cd two/cd three/cd").unwrap();
        fs::write(path.join("cb01"), "four/cd").unwrap();
        let config = ClassifyConfig {
            path: path.to_owned(),
            segment_length: 3,
            words: 18,
            ..ClassifyConfig::default()
        };
        let mean = config.load().unwrap();
        let id = DocumentId::new(Split::Train, 0, 0);
        let document = mean.document(id).unwrap();
        let asked: Vec<_> = document.questions().map(|(s, q)| (s, q.at, q.answer[0])).collect();
        assert_eq!(asked, [(0, 2, 0), (1, 0, 0)]);
        // 15 genres, the unknown word, and the two most frequent words.
        let words: Vec<String> = document.tokens().map(|token| mean.word(token)).collect();
        assert_eq!(words, ["<unk>", "two", "two", "<unk>"]);
        assert_eq!((mean.vocabulary(), mean.word(1)), (18, "editorial".into()));
        let last = ClassifyConfig { pooling: Pooling::Last, segments: Some(1), ..config };
        let document = last.load().unwrap().document(DocumentId { index: 1, ..id }).unwrap();
        assert_eq!(
            document.questions().map(|(s, q)| (s, q.at, q.answer[0])).collect::<Vec<_>>(),
            [(0, 0, 1)]
        );
        assert!(mean.document(DocumentId { index: 2, ..id }).is_err());
    }
}
