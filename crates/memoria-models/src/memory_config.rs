use memoria_core::{Correlation, MemoriaConfig, MemoriaError};
use memoria_nn::MemoriaStateConfig;
use serde_json::{Map, Value, json};

use crate::{
    ModelError, ModelMemory,
    fields::{Fields, invalid},
};

/// Fields of `config.json` that only a model with memory has.
const FIELDS: [&str; 11] = [
    NUM_MEMORIES,
    "memoria_lifespan_extend_scale",
    "memoria_num_reminded_stm",
    "memoria_num_reminded_ltm",
    "memoria_stm_capacity",
    "memoria_ltm_search_depth",
    "memoria_initial_lifespan",
    "memoria_correlation",
    "memoria_ltm_exploration",
    "memoria_seed",
    "memoria_bptt",
];
const NUM_MEMORIES: &str = "memoria_num_memories";

/// The memory of a model: how many memories are made of a segment, and what becomes of them.
///
/// In `config.json` its fields have the Python package's names, which begin with `memoria_`; one that is
/// absent is as in the package's experiments, whose defaults for GPT-2 differ from those for encoders.
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
    /// Memories made of each segment (`memoria_num_memories`). `None`, null in the file, for a model
    /// without abstractor: each hidden state of a segment is a working memory, but those of padding.
    pub num_memories: Option<usize>,
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
        Self { num_memories: Some(num_memories), ..Self::without_abstractor(memoria) }
    }

    /// The memory of a model whose hidden states are its working memories: as many as a segment has
    /// tokens. So the Python package's models for synthetic tasks are.
    pub fn without_abstractor(memoria: MemoriaConfig) -> Self {
        Self {
            num_memories: None,
            memoria,
            lifespan_extend_scale: 8.0,
            bptt: 0,
            remembers_padding: false,
        }
    }

    /// What fields that are absent mean in a GPT-2.
    pub(crate) fn of_gpt2() -> Self {
        Self::new(50, MemoriaConfig::new(50, 400, 10, 9.0, 50))
    }

    /// What fields that are absent mean in an encoder.
    pub(crate) fn of_encoder() -> Self {
        Self::new(64, MemoriaConfig::new(64, 128, 10, 12.0, 64))
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
        if self.num_memories == Some(0) {
            return Err(invalid(NUM_MEMORIES, "above 0, or null for no abstractor", 0));
        }
        match self.init() {
            Ok(_) => Ok(()),
            Err(MemoriaError::InvalidConfig { field, expected, got }) => {
                Err(invalid(name_in_file(field), expected, got))
            }
            Err(other) => Err(other.into()),
        }
    }

    /// Whether a configuration has any field of a memory.
    pub(crate) fn is_in(fields: &Fields) -> bool {
        FIELDS.iter().any(|field| fields.has(field))
    }

    /// Reads the fields of a memory, of which those that are absent are as in `default`.
    ///
    /// # Errors
    ///
    /// [`ModelError::InvalidField`].
    pub(crate) fn read(fields: &mut Fields, default: Self) -> Result<Self, ModelError> {
        let correlation = match fields.optional::<String>("memoria_correlation")? {
            None => default.memoria.correlation,
            Some(name) => serde_json::from_value(json!(name)).map_err(|_| {
                invalid("memoria_correlation", "neg_squared_l2 or gaussian", json!(name))
            })?,
        };
        let (has_abstractor, other) = (!fields.is_null(NUM_MEMORIES), &default.memoria);
        let mut lifespan = |field, default: f32| match fields.optional::<f64>(field) {
            Ok(value) => Ok(value.map_or(default, |value| value as f32)),
            Err(error) => Err(error),
        };
        let initial_lifespan = lifespan("memoria_initial_lifespan", other.initial_lifespan)?;
        let scale = lifespan("memoria_lifespan_extend_scale", default.lifespan_extend_scale)?;
        let memoria = MemoriaConfig::new(
            fields.or("memoria_num_reminded_stm", other.num_reminded_stm)?,
            fields.or("memoria_stm_capacity", other.stm_capacity)?,
            fields.or("memoria_ltm_search_depth", other.ltm_search_depth)?,
            initial_lifespan,
            fields.or("memoria_num_reminded_ltm", other.num_final_ltms)?,
        )
        .with_correlation(correlation)
        .with_ltm_exploration(
            fields.or("memoria_ltm_exploration", 0)?,
            fields.or("memoria_seed", 0)?,
        );
        let num_memories = fields.optional(NUM_MEMORIES)?.or(default.num_memories);
        let bptt = fields.or("memoria_bptt", 0)?;
        let num_memories = num_memories.filter(|_| has_abstractor);
        let remembers_padding = fields.or(REMEMBERS_PADDING, default.remembers_padding)?;
        let lifespan_extend_scale = scale;
        Ok(Self { num_memories, memoria, lifespan_extend_scale, bptt, remembers_padding })
    }

    /// Takes what only a model with memory has out of a configuration.
    pub(crate) fn remove(map: &mut Map<String, Value>) {
        map.retain(|field, _| !field.starts_with("memoria_") && field != "memory_layer_index");
    }

    /// Writes the package's fields, and of our own those that are not as by default.
    pub(crate) fn write(&self, map: &mut Map<String, Value>) {
        let memoria = &self.memoria;
        let mut put = |name: &str, value: Value| map.insert(name.to_owned(), value);
        put(NUM_MEMORIES, json!(self.num_memories));
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
