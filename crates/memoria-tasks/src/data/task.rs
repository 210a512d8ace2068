use std::fmt::Debug;

use super::{Document, DocumentId, Split};
use crate::TaskError;

/// The unit of which accuracy is a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Answers; all tokens of one must be right.
    Answers,
    /// Tokens of answers.
    Tokens,
    /// Documents, each of one class: the mean logits of all its questions decide.
    Documents,
}

/// A task: documents in segments, with questions.
///
/// A task defines the number of its tokens, the maximum length of its segments, and its documents. Everything else
/// (training, tests, files) follows.
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
    /// Number of tokens; all token ids of documents and answers are below it.
    fn vocabulary(&self) -> usize;

    /// Tokens of the longest segment.
    fn segment_length(&self) -> usize;

    /// Returns the document of an id, always the same.
    ///
    /// # Errors
    ///
    /// If there is no document of that length or number.
    fn document(&self, id: DocumentId) -> Result<Document, TaskError>;

    /// Number of documents of a split; `None` if there is no limit.
    fn documents(&self, _split: Split) -> Option<usize> {
        None
    }

    /// Number of stages of a curriculum.
    fn stages(&self) -> usize {
        1
    }

    /// Number of classes of its documents. Classes are the first tokens, and each answer is one of them. `None` if the
    /// task has no classes.
    fn classes(&self) -> Option<usize> {
        None
    }

    /// The unit of which accuracy is a share.
    fn measure(&self) -> Measure {
        Measure::Answers
    }

    /// Returns a readable form of a token.
    fn word(&self, token: u32) -> String {
        token.to_string()
    }
}
