use crate::data::Split;

/// Documents of classes, in splits.
#[derive(Clone, Debug)]
pub struct Labelled {
    /// The classes' names.
    pub classes: Vec<String>,
    /// To train on.
    pub train: Vec<LabelledText>,
    /// To look at while training.
    pub valid: Vec<LabelledText>,
    /// To look at in the end.
    pub test: Vec<LabelledText>,
}

/// A document and its class.
#[derive(Clone, Debug)]
pub struct LabelledText {
    /// What it is called where it comes from.
    pub name: String,
    /// Its text.
    pub text: String,
    /// The number of its class.
    pub class: usize,
}

impl Labelled {
    /// The documents of a split.
    pub fn split(&self, split: Split) -> &[LabelledText] {
        match split {
            Split::Train => &self.train,
            Split::Valid => &self.valid,
            Split::Test => &self.test,
        }
    }
}
