//! Remembering (arXiv 2407.04841): every pair of a document has a different key, one pair per segment. The last segment
//! asks for one of them.

use serde::{Deserialize, Serialize};

use super::{Document, DocumentId, Task, keys::Keys, pairs::Pairs};
use crate::TaskError;

/// Configuration of the task `remember`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Remember {
    /// Number of symbols that keys and values are made of.
    pub symbols: usize,
    /// Symbols of a key; with 16 symbols, 3 make 4,096 keys.
    pub key_tokens: usize,
    /// Share of documents with keys hard to distinguish. At each place such keys use the fewest symbols that allow
    /// twice as many keys as the document needs.
    pub close_keys: f64,
    /// Maximum number of pairs of a document, for each stage of the training. Tests use that of the last stage.
    pub curriculum: Vec<usize>,
    /// Whether training documents have the maximum number of pairs; otherwise the number is drawn from 1 to the
    /// maximum.
    pub fixed_length: bool,
}

impl Default for Remember {
    fn default() -> Self {
        let curriculum = vec![1, 2, 3, 5, 10, 20, 40, 50, 100, 200];
        Self { symbols: 16, key_tokens: 3, close_keys: 0.0, curriculum, fixed_length: false }
    }
}

impl Remember {
    /// Checks the sizes.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`].
    pub fn check(&self) -> Result<(), TaskError> {
        self.keys().check()?;
        self.pairs().check()
    }

    fn keys(&self) -> Keys {
        Keys { symbols: self.symbols, tokens: self.key_tokens, close: self.close_keys }
    }

    fn pairs(&self) -> Pairs<'_> {
        let &Self { symbols, key_tokens, fixed_length, .. } = self;
        Pairs { symbols, key_tokens, fixed_length, curriculum: &self.curriculum }
    }
}

impl Task for Remember {
    /// Symbols, `<sep>`, `<eos>` and `<gen>`.
    fn vocabulary(&self) -> usize {
        self.symbols + 3
    }

    fn segment_length(&self) -> usize {
        self.key_tokens + 3
    }

    fn stages(&self) -> usize {
        self.curriculum.len()
    }

    fn document(&self, id: DocumentId) -> Result<Document, TaskError> {
        let (rng, pairs) = (&mut id.rng(), self.pairs());
        let keys = self.keys();
        let told = keys.draw(pairs.count(id, rng), "data.key_tokens", rng)?;
        Ok(pairs.document(&told, rng))
    }

    fn word(&self, token: u32) -> String {
        self.pairs().word(token)
    }
}
