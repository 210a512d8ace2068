use std::fmt::Debug;

use super::{Document, DocumentId, Split};
use crate::TaskError;

/// What accuracy is a share of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Answers of which all tokens are right.
    Answers,
    /// Tokens of answers.
    Tokens,
    /// Documents, each of one class: the logits of all its questions, averaged, tell which.
    Documents,
}

/// A task: documents in segments, with questions.
///
/// A task need say no more than how many tokens there are, how long a segment is at most and what its
/// documents are; everything else (training, tests, files) follows.
///
/// ```
/// use memoria_tasks::{TaskError, data::{Document, DocumentId, Question, Segment, Task}};
///
/// /// The last segment asks for the first one's token.
/// #[derive(Debug)]
/// struct Echo;
///
/// impl Task for Echo {
///     fn vocabulary(&self) -> usize {
///         10
///     }
///
///     fn segment_length(&self) -> usize {
///         1
///     }
///
///     fn document(&self, id: DocumentId) -> Result<Document, TaskError> {
///         let told = (id.index % 9) as u32;
///         let ask = Question { at: 0, answer: vec![told], told: Some(0), via: None };
///         let segment = |token, questions| Segment { tokens: vec![token], questions };
///         Ok(Document { segments: vec![segment(told, vec![]), segment(9, vec![ask])] })
///     }
/// }
/// ```
pub trait Task: Debug + Send + Sync {
    /// Number of tokens; documents and answers have those below it.
    fn vocabulary(&self) -> usize;

    /// Tokens of the longest segment.
    fn segment_length(&self) -> usize;

    /// The document of an id, always the same.
    ///
    /// # Errors
    ///
    /// If there is none of that length, or of that number.
    fn document(&self, id: DocumentId) -> Result<Document, TaskError>;

    /// Number of documents of a split; `None` if there are as many as are asked for.
    fn documents(&self, _split: Split) -> Option<usize> {
        None
    }

    /// Stages of a curriculum.
    fn stages(&self) -> usize {
        1
    }

    /// How many classes its documents have: the first so many tokens, of which each answer is one. `None` if it is not
    /// about classes.
    fn classes(&self) -> Option<usize> {
        None
    }

    /// What counts.
    fn measure(&self) -> Measure {
        Measure::Answers
    }

    /// A token for people.
    fn word(&self, token: u32) -> String {
        token.to_string()
    }
}
