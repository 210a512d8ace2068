use memoria_core::{Correlation, MemoriaConfig, MemoriaError};
use memoria_nn::MemoriaStateConfig;
use serde_json::{Map, Value, json};

use crate::{
    ModelError, ModelMemory,
    fields::{Fields, check_positive, invalid},
};

/// The memory of a model: how many memories are made of a segment, and what becomes of them.
///
/// In `config.json` its fields have the Python package's names, which begin with `memoria_`.
///
/// ```
/// use memoria_core::MemoriaConfig;
/// use memoria_models::{Gpt2Config, MemoryConfig};
///
/// let memory = MemoryConfig::new(4, MemoriaConfig::new(3, 8, 4, 3.0, 3)).with_bptt(2);
/// let config = Gpt2Config::new(101, 32, 32, 2, 4).with_memory(memory);
/// assert!(config.validate().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryConfig {
    /// Memories made of each segment (`memoria_num_memories`).
    pub num_memories: usize,
    /// The memory itself: `memoria_num_reminded_stm`, `memoria_stm_capacity`,
    /// `memoria_ltm_search_depth`, `memoria_initial_lifespan`, and `memoria_num_reminded_ltm` for its
    /// `num_final_ltms`. Also, in files of our own, `memoria_correlation`, `memoria_ltm_exploration`
    /// and `memoria_seed`.
    pub memoria: MemoriaConfig,
    /// α, steps of life that a reminded engram gains if it gets an average share of attention
    /// (`memoria_lifespan_extend_scale`). Default: 8
    pub lifespan_extend_scale: f32,
    /// Segments for which an engram is tracked after it was made, and whether working memories carry
    /// gradients into the segment before; 0 for none, as in the package (`memoria_bptt`, a field of our
    /// own). Default: 0
    ///
    /// It bounds one hop, not the chain of them: a segment's hidden states have attended to memories of
    /// segments before, so that a loss reaches back to the last [`ModelMemory::detach`], whatever this is.
    pub bptt: usize,
    /// Whether memories are made of padding as of any other position, and what padding attends to counts
    /// for lifespans, as in the Python package (`memoria_remembers_padding`, a field of our own). A row of
    /// nothing but padding takes no part in a step in either case. Default: false; a checkpoint of a
    /// `memoria_bert` or `memoria_roberta` that does not say was trained with the package, and does.
    pub remembers_padding: bool,
}

impl MemoryConfig {
    /// Memories per segment, and the memory they are kept in.
    pub fn new(num_memories: usize, memoria: MemoriaConfig) -> Self {
        Self {
            num_memories,
            memoria,
            lifespan_extend_scale: 8.0,
            bptt: 0,
            remembers_padding: false,
        }
    }

    /// Sets [`lifespan_extend_scale`](Self::lifespan_extend_scale).
    pub fn with_lifespan_extend_scale(mut self, lifespan_extend_scale: f32) -> Self {
        self.lifespan_extend_scale = lifespan_extend_scale;
        self
    }

    /// Sets [`bptt`](Self::bptt).
    pub fn with_bptt(mut self, bptt: usize) -> Self {
        self.bptt = bptt;
        self
    }

    /// Sets [`remembers_padding`](Self::remembers_padding).
    pub fn with_remembers_padding(mut self, remembers_padding: bool) -> Self {
        self.remembers_padding = remembers_padding;
        self
    }

    /// An empty memory.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::InvalidConfig`].
    pub fn init(&self) -> Result<ModelMemory, MemoriaError> {
        let config = MemoriaStateConfig::new(self.memoria)
            .with_lifespan_extend_scale(self.lifespan_extend_scale)
            .with_bptt(self.bptt);
        Ok(ModelMemory::new(config.init()?))
    }

    /// # Errors
    ///
    /// [`ModelError::InvalidField`], with the field's name in `config.json`.
    pub(crate) fn validate(&self) -> Result<(), ModelError> {
        check_positive(&[("memoria_num_memories", self.num_memories)])?;
        match self.init() {
            Ok(_) => Ok(()),
            Err(MemoriaError::InvalidConfig { field, expected, got }) => {
                Err(invalid(name_in_file(field), expected, got))
            }
            Err(other) => Err(other.into()),
        }
    }

    /// Of a model that remembers padding or not if the file does not say.
    ///
    /// # Errors
    ///
    /// [`ModelError::MissingField`] and [`ModelError::InvalidField`].
    pub(crate) fn read(fields: &mut Fields, remembers_padding: bool) -> Result<Self, ModelError> {
        let correlation = match fields.optional::<String>("memoria_correlation")? {
            None => Correlation::default(),
            Some(name) => serde_json::from_value(json!(name)).map_err(|_| {
                invalid("memoria_correlation", "neg_squared_l2 or gaussian", json!(name))
            })?,
        };
        let memoria = MemoriaConfig::new(
            fields.required(&["memoria_num_reminded_stm"])?,
            fields.required(&["memoria_stm_capacity"])?,
            fields.required(&["memoria_ltm_search_depth"])?,
            fields.required::<f64>(&["memoria_initial_lifespan"])? as f32,
            fields.required(&["memoria_num_reminded_ltm"])?,
        )
        .with_correlation(correlation)
        .with_ltm_exploration(
            fields.or("memoria_ltm_exploration", 0)?,
            fields.or("memoria_seed", 0)?,
        );
        let scale = fields.required::<f64>(&["memoria_lifespan_extend_scale"])? as f32;
        Ok(Self::new(fields.required(&["memoria_num_memories"])?, memoria)
            .with_lifespan_extend_scale(scale)
            .with_bptt(fields.or("memoria_bptt", 0)?)
            .with_remembers_padding(fields.or(REMEMBERS_PADDING, remembers_padding)?))
    }

    /// Writes the package's fields, and of our own those that are not as by default.
    pub(crate) fn write(&self, map: &mut Map<String, Value>) {
        let memoria = &self.memoria;
        let mut put = |name: &str, value: Value| map.insert(name.to_owned(), value);
        put("memoria_num_memories", json!(self.num_memories));
        put("memoria_lifespan_extend_scale", json!(self.lifespan_extend_scale));
        put("memoria_num_reminded_stm", json!(memoria.num_reminded_stm));
        put("memoria_num_reminded_ltm", json!(memoria.num_final_ltms));
        put("memoria_stm_capacity", json!(memoria.stm_capacity));
        put("memoria_ltm_search_depth", json!(memoria.ltm_search_depth));
        put("memoria_initial_lifespan", json!(memoria.initial_lifespan));
        if memoria.correlation != Correlation::default() {
            put("memoria_correlation", json!(memoria.correlation));
        }
        if memoria.ltm_exploration > 0 {
            put("memoria_ltm_exploration", json!(memoria.ltm_exploration));
        }
        if memoria.seed != 0 || memoria.ltm_exploration > 0 {
            put("memoria_seed", json!(memoria.seed));
        }
        if self.bptt > 0 {
            put("memoria_bptt", json!(self.bptt));
        }
        // What is meant without it depends on the kind of the model.
        put(REMEMBERS_PADDING, json!(self.remembers_padding));
    }
}

const REMEMBERS_PADDING: &str = "memoria_remembers_padding";

fn name_in_file(field: &str) -> String {
    match field {
        "num_final_ltms" => "memoria_num_reminded_ltm".to_owned(),
        other => format!("memoria_{other}"),
    }
}
