use std::path::Path;

use burn::tensor::Device;

use super::{
    LoadReport,
    file::{CONFIG, read_json},
    fill::Source,
    names::Names,
    save::save,
};
use crate::{
    Encoder, EncoderConfig, Gpt2, Gpt2Config, Gpt2LmHead, ModelError, SequenceClassifier,
    fields::Fields,
};

/// A weight of every encoder, which tells the size of its hidden states.
const FIRST_QUERY: &str = "encoder.layer.0.attention.self.query.weight";

/// A model that was loaded, with its configuration.
#[derive(Clone, Debug)]
pub struct Pretrained<M, C> {
    /// The model.
    pub model: M,
    /// Its configuration, as it was loaded.
    pub config: C,
    /// What was and was not loaded.
    pub report: LoadReport,
}

/// The `model_type` in a checkpoint folder's `config.json`, which tells whether to load it as a
/// [`Gpt2LmHead`] or as a [`SequenceClassifier`].
///
/// # Errors
///
/// [`ModelError::Io`], [`ModelError::Json`], [`ModelError::MissingField`] and
/// [`ModelError::InvalidField`].
pub fn model_type(folder: impl AsRef<Path>) -> Result<String, ModelError> {
    let map = read_json(&folder.as_ref().join(CONFIG))?;
    Fields::new(map).required(&["model_type"])
}

impl Gpt2Config {
    /// Reads a checkpoint folder's `config.json`.
    ///
    /// # Errors
    ///
    /// As [`model_type`].
    pub fn from_pretrained(folder: impl AsRef<Path>) -> Result<Self, ModelError> {
        Self::try_from(read_json(&folder.as_ref().join(CONFIG))?)
    }

    /// A model with head of this configuration, with the weights of a checkpoint folder: of
    /// `model.safetensors` or else `pytorch_model.bin`, or what their `.index.json` lists.
    ///
    /// Names may have the prefix `transformer.` or lack it. What the file lacks is as
    /// [`init`](Self::init) makes it, and reported; so the memory of a plain checkpoint. Unless
    /// [`tie_word_embeddings`](Self::tie_word_embeddings) says otherwise, a head in the file that differs
    /// from the token embedding is used, and otherwise the token embedding. Weights of half precision
    /// become what the device has.
    ///
    /// # Errors
    ///
    /// As [`validate`](Self::validate); [`ModelError::Io`], [`ModelError::NoWeights`],
    /// [`ModelError::UnreadableWeights`], [`ModelError::UnreadableTensor`], [`ModelError::WrongShape`],
    /// and [`ModelError::NothingLoaded`].
    pub fn load(
        mut self,
        folder: impl AsRef<Path>,
        device: &Device,
    ) -> Result<Pretrained<Gpt2LmHead, Self>, ModelError> {
        let names = Names::GPT2_LM_HEAD;
        let mut source = Source::open(folder.as_ref(), &names)?;
        source.check_shape("wte.weight", [self.vocab_size, self.n_embd])?;
        if source.has("lm_head.weight") && self.tie_word_embeddings != Some(false) {
            if source.are_same(["lm_head.weight", "wte.weight"])? {
                source.drop("lm_head.weight");
            } else if self.tie_word_embeddings.is_none() {
                self.tie_word_embeddings = Some(false);
            }
        }
        let (model, report) = source.fill(self.init(device)?, &names, device)?;
        Ok(Pretrained { model, config: self, report })
    }

    /// As [`load`](Self::load), without head.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_model(
        self,
        folder: impl AsRef<Path>,
        device: &Device,
    ) -> Result<Pretrained<Gpt2, Self>, ModelError> {
        let names = Names::GPT2;
        let source = Source::open(folder.as_ref(), &names)?;
        source.check_shape("wte.weight", [self.vocab_size, self.n_embd])?;
        let (model, report) = source.fill(self.init_model(device)?, &names, device)?;
        Ok(Pretrained { model, config: self, report })
    }
}

impl Gpt2LmHead {
    /// The model of a checkpoint folder: [`Gpt2Config::from_pretrained`], then [`Gpt2Config::load`].
    ///
    /// To give a plain checkpoint a memory, set [`Gpt2Config::memory`] in between.
    ///
    /// # Errors
    ///
    /// As those two.
    pub fn from_pretrained(
        folder: impl AsRef<Path>,
        device: &Device,
    ) -> Result<Pretrained<Self, Gpt2Config>, ModelError> {
        Gpt2Config::from_pretrained(&folder)?.load(&folder, device)
    }

    /// Writes `config.json` and `model.safetensors`, which PyTorch can read, into a folder, which is made
    /// if there is none. A head that is the token embedding is not written.
    ///
    /// # Errors
    ///
    /// [`ModelError::Io`] and [`ModelError::UnwritableWeights`].
    pub fn save_pretrained(
        &self,
        config: &Gpt2Config,
        folder: impl AsRef<Path>,
    ) -> Result<(), ModelError> {
        let tied = self.lm_head.is_none();
        let config = Gpt2Config { tie_word_embeddings: Some(tied), ..config.clone() };
        save(self, Names::GPT2_LM_HEAD, config.into(), folder.as_ref())
    }
}

impl EncoderConfig {
    /// Reads a checkpoint folder's `config.json`.
    ///
    /// # Errors
    ///
    /// As [`model_type`].
    pub fn from_pretrained(folder: impl AsRef<Path>) -> Result<Self, ModelError> {
        Self::try_from(read_json(&folder.as_ref().join(CONFIG))?)
    }

    /// A model with classification head of this configuration, with the weights of a checkpoint folder,
    /// read as [`Gpt2Config::load`] reads them.
    ///
    /// Names may have the prefix `bert.`, `electra.` or `roberta.` or lack it. The head of a base model is
    /// initialized and reported, too, and pooler and head for ELECTRA, whose own are another's.
    ///
    /// # Errors
    ///
    /// As [`Gpt2Config::load`].
    pub fn load(
        self,
        folder: impl AsRef<Path>,
        device: &Device,
    ) -> Result<Pretrained<SequenceClassifier, Self>, ModelError> {
        let names = Names::classifier(self.kind);
        let source = Source::open(folder.as_ref(), &names)?;
        source.check_shape(FIRST_QUERY, [self.hidden_size; 2])?;
        let (model, report) = source.fill(self.init(device)?, &names, device)?;
        Ok(Pretrained { model, config: self, report })
    }

    /// As [`load`](Self::load), without head.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_model(
        self,
        folder: impl AsRef<Path>,
        device: &Device,
    ) -> Result<Pretrained<Encoder, Self>, ModelError> {
        let names = Names::encoder(self.kind);
        let source = Source::open(folder.as_ref(), &names)?;
        source.check_shape(FIRST_QUERY, [self.hidden_size; 2])?;
        let (model, report) = source.fill(self.init_model(device)?, &names, device)?;
        Ok(Pretrained { model, config: self, report })
    }
}

impl SequenceClassifier {
    /// The model of a checkpoint folder: [`EncoderConfig::from_pretrained`], then
    /// [`EncoderConfig::load`].
    ///
    /// To give a plain checkpoint a memory, call [`EncoderConfig::with_memory`] in between.
    ///
    /// # Errors
    ///
    /// As those two.
    pub fn from_pretrained(
        folder: impl AsRef<Path>,
        device: &Device,
    ) -> Result<Pretrained<Self, EncoderConfig>, ModelError> {
        EncoderConfig::from_pretrained(&folder)?.load(&folder, device)
    }

    /// Writes a folder as [`Gpt2LmHead::save_pretrained`] does.
    ///
    /// # Errors
    ///
    /// As [`Gpt2LmHead::save_pretrained`].
    pub fn save_pretrained(
        &self,
        config: &EncoderConfig,
        folder: impl AsRef<Path>,
    ) -> Result<(), ModelError> {
        save(self, Names::classifier(config.kind), config.clone().into(), folder.as_ref())
    }
}

impl Encoder {
    /// The model of a checkpoint folder: [`EncoderConfig::from_pretrained`], then
    /// [`EncoderConfig::load_model`].
    ///
    /// # Errors
    ///
    /// As those two.
    pub fn from_pretrained(
        folder: impl AsRef<Path>,
        device: &Device,
    ) -> Result<Pretrained<Self, EncoderConfig>, ModelError> {
        EncoderConfig::from_pretrained(&folder)?.load_model(&folder, device)
    }
}
