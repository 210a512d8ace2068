use crate::data::Split;

/// Documents with classes, in splits.
#[derive(Clone, Debug)]
pub struct Labelled {
    /// The classes' names.
    pub classes: Vec<String>,
    /// Documents for training.
    pub train: Vec<LabelledText>,
    /// Documents for validation.
    pub valid: Vec<LabelledText>,
    /// Documents for tests.
    pub test: Vec<LabelledText>,
}

/// A document and its class.
#[derive(Clone, Debug)]
pub struct LabelledText {
    /// Its name in the source.
    pub name: String,
    /// Its text.
    pub text: String,
    /// The number of its class.
    pub class: usize,
}

impl Labelled {
    /// Returns the documents of a split.
    pub fn split(&self, split: Split) -> &[LabelledText] {
        match split {
            Split::Train => &self.train,
            Split::Valid => &self.valid,
            Split::Test => &self.test,
        }
    }
}
