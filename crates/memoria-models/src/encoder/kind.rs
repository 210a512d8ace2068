use serde_json::json;

use crate::{ModelError, fields::invalid};

/// Which model's encoder it is. They differ in how positions are counted and in the names of checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EncoderKind {
    /// BERT; ELECTRA's encoder, too.
    Bert,
    /// RoBERTa.
    Roberta,
}

impl EncoderKind {
    const ALL: [Self; 2] = [Self::Bert, Self::Roberta];

    /// # Errors
    ///
    /// [`ModelError::InvalidField`] for a model that is no encoder of ours.
    pub(crate) fn of_model_type(model_type: &str) -> Result<Self, ModelError> {
        let is_it = |kind: &Self| kind.model_types().contains(&model_type);
        Self::ALL.into_iter().find(is_it).ok_or_else(|| {
            let known = Self::ALL.map(Self::model_types).concat().join(", ");
            invalid("model_type", format!("one of {known}"), json!(model_type))
        })
    }

    pub(crate) fn model_types(self) -> &'static [&'static str] {
        match self {
            Self::Bert => &["bert", "electra", "memoria_bert"],
            Self::Roberta => &["roberta", "xlm-roberta", "camembert", "memoria_roberta"],
        }
    }

    pub(crate) fn model_type(self, with_memory: bool) -> &'static str {
        match (self, with_memory) {
            (Self::Bert, false) => "bert",
            (Self::Bert, true) => "memoria_bert",
            (Self::Roberta, false) => "roberta",
            (Self::Roberta, true) => "memoria_roberta",
        }
    }

    pub(crate) fn class(self, with_memory: bool) -> &'static str {
        match (self, with_memory) {
            (Self::Bert, false) => "BertForSequenceClassification",
            (Self::Bert, true) => "MemoriaBertForSequenceClassification",
            (Self::Roberta, false) => "RobertaForSequenceClassification",
            (Self::Roberta, true) => "MemoriaRobertaForSequenceClassification",
        }
    }

    pub(crate) fn default_pad_token_id(self) -> i64 {
        match self {
            Self::Bert => 0,
            Self::Roberta => 1,
        }
    }
}
