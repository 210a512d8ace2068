use std::path::Path;

use burn::tensor::Device;
use serde_json::Value;

use super::{
    LoadReport,
    file::CONFIG,
    fill::Source,
    names::Names,
    save::{check_own, save},
};
use crate::{
    Encoder, EncoderConfig, EncoderKind, Gpt2, Gpt2Config, Gpt2LmHead, ModelError,
    SequenceClassifier, fields::invalid, json::read_json, model_kind::model_type_of,
};

/// A weight of every encoder, which tells the size of its hidden states.
const FIRST_QUERY: &str = "encoder.layer.0.attention.self.query.weight";

/// The weight of the projection of embeddings of another size than the hidden states.
const PROJECTION: &str = "embeddings_project.weight";

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

/// The `model_type` in a checkpoint folder's `config.json`. It decides between [`Gpt2LmHead`] and
/// [`SequenceClassifier`].
///
/// Where the file does not say it, its `architectures` tell, or the fields that only one kind of model has.
/// BERT and RoBERTa are told apart by their padding token, 0 and 1, and the count of their token types, 2
/// and 1; where these contradict each other, see [`EncoderConfig::from_pretrained_as`].
///
/// # Errors
///
/// [`ModelError::Io`], [`ModelError::Json`], [`ModelError::LfsPointer`], [`ModelError::InvalidField`] for
/// one that is not a string, and [`ModelError::UnknownModelType`].
pub fn model_type(folder: impl AsRef<Path>) -> Result<String, ModelError> {
    model_type_of(&read_json(&folder.as_ref().join(CONFIG))?)
}

impl Gpt2Config {
    /// Reads a checkpoint folder's `config.json`.
    ///
    /// # Errors
    ///
    /// As [`model_type`]; [`ModelError::MissingField`] and [`ModelError::InvalidField`].
    pub fn from_pretrained(folder: impl AsRef<Path>) -> Result<Self, ModelError> {
        Self::try_from(read_json(&folder.as_ref().join(CONFIG))?)
    }

    /// A model with head of this configuration, with the weights of a checkpoint folder. It looks, in the order of
    /// transformers, for `model.safetensors`, the files that `model.safetensors.index.json` lists, `pytorch_model.bin`,
    /// and the files that `pytorch_model.bin.index.json` lists. A training's file named `pytorch_model.bin` is
    /// accepted: the weights may be under `state_dict`, `model_state_dict`, `model_state`, `model` or `module`.
    ///
    /// Names may have the prefix `transformer.` or lack it. They may also have the additions of trainings: `model.`,
    /// `module.`, `_orig_mod.` and the like. Of two equal tensors for one parameter one is used, and the other is
    /// reported as unused. Parameters that the file lacks stay as [`init`](Self::init) makes them, and are reported;
    /// for example the memory of a plain checkpoint. Unless [`tie_word_embeddings`](Self::tie_word_embeddings) is set,
    /// a head in the file is used if it differs from the token embedding; otherwise the token embedding is the head.
    /// Weights of half precision are converted to the device's float type.
    ///
    /// The files must not be changed in place meanwhile: `model.safetensors` is mapped into memory until
    /// this returns, and the operating system ends the process (SIGBUS) if the file is shortened. Files
    /// that are replaced by renaming others over them, as [`save_pretrained`](Gpt2LmHead::save_pretrained)
    /// does, are read in their old version.
    ///
    /// # Errors
    ///
    /// As [`validate`](Self::validate); [`ModelError::Io`], [`ModelError::NoWeights`],
    /// [`ModelError::LfsPointer`], [`ModelError::UnreadableWeights`], [`ModelError::UnreadableTensor`],
    /// [`ModelError::WrongShape`], [`ModelError::TwoTensors`] for two tensors that differ and are one
    /// parameter, [`ModelError::NothingLoaded`], and [`ModelError::OutOfMemory`]; as of JSON for the list of several
    /// files of weights.
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

    /// Writes `model.safetensors` and `config.json`, which PyTorch can read, into a folder. It makes the folder if
    /// there is none. A head that is the token embedding is not written. The written configuration contains the type of
    /// the weights in the file (`dtype`, and `torch_dtype` for older readers), not the loaded one. Each file is
    /// complete on disk before it replaces an old one.
    ///
    /// # Errors
    ///
    /// [`ModelError::Io`] and [`ModelError::UnwritableWeights`]; [`ModelError::InvalidField`] for a value out of its
    /// range, and [`ModelError::OtherConfig`] for the configuration of another model: nothing is written then.
    pub fn save_pretrained(
        &self,
        config: &Gpt2Config,
        folder: impl AsRef<Path>,
    ) -> Result<(), ModelError> {
        let tied = self.lm_head.is_none();
        let config = Gpt2Config { tie_word_embeddings: Some(tied), ..config.clone() };
        config.validate()?;
        let told = (config.memory.is_some(), config.size(true));
        check_own(self, self.transformer.has_memory(), told)?;
        save(self, Names::GPT2_LM_HEAD, config.into(), folder.as_ref())
    }
}

impl EncoderConfig {
    /// Reads a checkpoint folder's `config.json`.
    ///
    /// # Errors
    ///
    /// As [`model_type`]; [`ModelError::MissingField`] and [`ModelError::InvalidField`].
    pub fn from_pretrained(folder: impl AsRef<Path>) -> Result<Self, ModelError> {
        Self::try_from(read_json(&folder.as_ref().join(CONFIG))?)
    }

    /// As [`from_pretrained`](Self::from_pretrained), for a file that does not say its `model_type`.
    ///
    /// # Errors
    ///
    /// As [`from_pretrained`](Self::from_pretrained), and [`ModelError::InvalidField`] for a file that says
    /// the type of another kind.
    pub fn from_pretrained_as(
        kind: EncoderKind,
        folder: impl AsRef<Path>,
    ) -> Result<Self, ModelError> {
        let mut map = read_json(&folder.as_ref().join(CONFIG))?;
        if map.get("model_type").is_none_or(Value::is_null) {
            let model_type = kind.model_type(false);
            map.insert("model_type".to_owned(), model_type.into());
        }
        let config = Self::try_from(map)?;
        match config.kind == kind {
            true => Ok(config),
            false => {
                let expected = format!("one of {}", kind.model_types().join(", "));
                Err(invalid("model_type", expected, format!("{:?}", config.kind)))
            }
        }
    }

    /// A model with classification head of this configuration, with the weights of a checkpoint folder,
    /// read as [`Gpt2Config::load`] reads them.
    ///
    /// Names may have the prefix `bert.`, `electra.` or `roberta.` or lack it. The head of a base model is
    /// initialized and reported, too, and pooler and head for ELECTRA: its own are different.
    ///
    /// # Errors
    ///
    /// As [`Gpt2Config::load`].
    pub fn load(
        mut self,
        folder: impl AsRef<Path>,
        device: &Device,
    ) -> Result<Pretrained<SequenceClassifier, Self>, ModelError> {
        let names = Names::classifier(self.kind);
        let source = Source::open(folder.as_ref(), &names)?;
        source.check_shape(FIRST_QUERY, [self.hidden_size; 2])?;
        self.embedding_size = self.embedding_size.filter(|_| source.has(PROJECTION));
        let (model, report) = source.fill(self.init(device)?, &names, device)?;
        Ok(Pretrained { model, config: self, report })
    }

    /// As [`load`](Self::load), without head.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_model(
        mut self,
        folder: impl AsRef<Path>,
        device: &Device,
    ) -> Result<Pretrained<Encoder, Self>, ModelError> {
        let names = Names::encoder(self.kind);
        let source = Source::open(folder.as_ref(), &names)?;
        source.check_shape(FIRST_QUERY, [self.hidden_size; 2])?;
        self.embedding_size = self.embedding_size.filter(|_| source.has(PROJECTION));
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
        let projected = self.encoder.embeddings.projection.is_some();
        let embedding_size = config.embedding_size.filter(|_| projected);
        let config = EncoderConfig { embedding_size, ..config.clone() };
        config.validate()?;
        let told = (config.memory.is_some(), config.size(true));
        check_own(self, self.encoder.has_memory(), told)?;
        save(self, Names::classifier(config.kind), config.into(), folder.as_ref())
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
