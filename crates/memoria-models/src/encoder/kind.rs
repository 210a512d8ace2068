/// Whose encoder it is. They differ in how positions are counted and in the names of checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EncoderKind {
    /// BERT; ELECTRA's encoder, too.
    Bert,
    /// RoBERTa.
    Roberta,
}

impl EncoderKind {
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

    pub(crate) fn default_pad_token_id(self) -> usize {
        match self {
            Self::Bert => 0,
            Self::Roberta => 1,
        }
    }
}
