//! The fields of a memory in a `config.json`.

use memoria_core::{MemoriaConfig, MemoriaError};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::MemoryConfig;
use crate::{
    ModelError,
    fields::{Fields, invalid},
};

const NUM_MEMORIES: &str = "memoria_num_memories";
const SCALE: &str = "memoria_lifespan_extend_scale";
const NUM_REMINDED_STM: &str = "memoria_num_reminded_stm";
const NUM_REMINDED_LTM: &str = "memoria_num_reminded_ltm";
const STM_CAPACITY: &str = "memoria_stm_capacity";
const SEARCH_DEPTH: &str = "memoria_ltm_search_depth";
const LIFESPAN: &str = "memoria_initial_lifespan";
// What follows is of our own.
const CORRELATION: &str = "memoria_correlation";
const POOLING: &str = "memoria_pooling";
const SHORT_TERM_SEARCH: &str = "memoria_short_term_search";
const LONG_TERM_SEARCH: &str = "memoria_long_term_search";
const LONG_TERM_PROBES: &str = "memoria_long_term_probes";
const WIRING: &str = "memoria_wiring";
const EXPLORATION: &str = "memoria_ltm_exploration";
const SEED: &str = "memoria_seed";
const BPTT: &str = "memoria_bptt";
const REMEMBERS_PADDING: &str = "memoria_remembers_padding";
const NUM_QUERIES: &str = "memoria_num_queries";
const SCORE_IN_LOGITS: &str = "memoria_score_in_logits";
const EQUAL_LENGTH: &str = "memoria_equal_length";
const NORM: &str = "memoria_norm";
const MAX_PLACES: &str = "memoria_max_places";
const SINK: &str = "memoria_sink";
const OWN_ATTENTION: &str = "memoria_own_attention";

/// Fields that only a model with memory has.
const FIELDS: [&str; 24] = [
    NUM_MEMORIES,
    SCALE,
    NUM_REMINDED_STM,
    NUM_REMINDED_LTM,
    STM_CAPACITY,
    SEARCH_DEPTH,
    LIFESPAN,
    CORRELATION,
    POOLING,
    SHORT_TERM_SEARCH,
    LONG_TERM_SEARCH,
    LONG_TERM_PROBES,
    WIRING,
    EXPLORATION,
    SEED,
    BPTT,
    REMEMBERS_PADDING,
    NUM_QUERIES,
    SCORE_IN_LOGITS,
    EQUAL_LENGTH,
    NORM,
    MAX_PLACES,
    SINK,
    OWN_ATTENTION,
];

impl MemoryConfig {
    /// # Errors
    ///
    /// [`ModelError::InvalidField`], with the field's name in `config.json`.
    pub(crate) fn validate(&self) -> Result<(), ModelError> {
        if self.num_memories == Some(0) {
            return Err(invalid(NUM_MEMORIES, "above 0, or null for no abstractor", 0));
        }
        if self.max_places == Some(0) {
            return Err(invalid(MAX_PLACES, "above 0, or null for none", 0));
        }
        if self.norm && !self.has_abstractor() {
            let expected = "false where memoria_num_memories is null and memoria_num_queries is 0";
            return Err(invalid(NORM, expected, true));
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
        let has_abstractor = !fields.is_null(NUM_MEMORIES);
        let num_memories = fields.optional(NUM_MEMORIES)?.or(default.num_memories);
        Ok(Self {
            num_memories: num_memories.filter(|_| has_abstractor),
            lifespan_extend_scale: float(fields, SCALE, default.lifespan_extend_scale)?,
            bptt: fields.or(BPTT, default.bptt)?,
            remembers_padding: fields.or(REMEMBERS_PADDING, default.remembers_padding)?,
            num_queries: fields.or(NUM_QUERIES, default.num_queries)?,
            score_in_logits: fields.or(SCORE_IN_LOGITS, default.score_in_logits)?,
            equal_length: fields.or(EQUAL_LENGTH, default.equal_length)?,
            norm: fields.or(NORM, default.norm)?,
            max_places: fields.optional(MAX_PLACES)?.or(default.max_places),
            sink: fields.or(SINK, default.sink)?,
            own_attention: fields.or(OWN_ATTENTION, default.own_attention)?,
            memoria: read_memoria(fields, default.memoria)?,
        })
    }

    /// Takes what only a model with memory has out of a configuration.
    pub(crate) fn remove(map: &mut Map<String, Value>) {
        map.retain(|field, _| !field.starts_with("memoria_") && field != "memory_layer_index");
    }

    /// Writes the package's fields, and of our own those that are not as by default.
    pub(crate) fn write(&self, map: &mut Map<String, Value>) {
        let memoria = &self.memoria;
        let mut put = |name: &str, value: Value| drop(map.insert(name.to_owned(), value));
        put(NUM_MEMORIES, json!(self.num_memories));
        put(SCALE, json!(self.lifespan_extend_scale));
        put(NUM_REMINDED_STM, json!(memoria.num_reminded_stm));
        put(NUM_REMINDED_LTM, json!(memoria.num_final_ltms));
        put(STM_CAPACITY, json!(memoria.stm_capacity));
        put(SEARCH_DEPTH, json!(memoria.ltm_search_depth));
        put(LIFESPAN, json!(memoria.initial_lifespan));
        // What is meant without it depends on the kind of the model.
        put(REMEMBERS_PADDING, json!(self.remembers_padding));
        let mut put_other = |name: &str, value: Value, default: Value| {
            if value != default {
                put(name, value);
            }
        };
        let default = Self::without_abstractor(*memoria);
        put_other(BPTT, json!(self.bptt), json!(default.bptt));
        put_other(NUM_QUERIES, json!(self.num_queries), json!(default.num_queries));
        put_other(SCORE_IN_LOGITS, json!(self.score_in_logits), json!(default.score_in_logits));
        put_other(EQUAL_LENGTH, json!(self.equal_length), json!(default.equal_length));
        put_other(NORM, json!(self.norm), json!(default.norm));
        put_other(MAX_PLACES, json!(self.max_places), json!(default.max_places));
        put_other(SINK, json!(self.sink), json!(default.sink));
        put_other(OWN_ATTENTION, json!(self.own_attention), json!(default.own_attention));
        let default = MemoriaConfig::new(0, 0, 0, 1.0, 0);
        put_other(CORRELATION, json!(memoria.correlation), json!(default.correlation));
        put_other(POOLING, json!(memoria.pooling), json!(default.pooling));
        let (search, other) = (memoria.short_term_search, default.short_term_search);
        put_other(SHORT_TERM_SEARCH, json!(search), json!(other));
        let (search, other) = (memoria.long_term_search, default.long_term_search);
        put_other(LONG_TERM_SEARCH, json!(search), json!(other));
        let (probes, other) = (memoria.long_term_probes, default.long_term_probes);
        put_other(LONG_TERM_PROBES, json!(probes), json!(other));
        put_other(WIRING, json!(memoria.wiring), json!(default.wiring));
        put_other(EXPLORATION, json!(memoria.ltm_exploration), json!(default.ltm_exploration));
        if memoria.seed != 0 || memoria.ltm_exploration > 0 {
            put(SEED, json!(memoria.seed));
        }
    }
}

fn read_memoria(fields: &mut Fields, default: MemoriaConfig) -> Result<MemoriaConfig, ModelError> {
    let sizes = MemoriaConfig::new(
        fields.or(NUM_REMINDED_STM, default.num_reminded_stm)?,
        fields.or(STM_CAPACITY, default.stm_capacity)?,
        fields.or(SEARCH_DEPTH, default.ltm_search_depth)?,
        float(fields, LIFESPAN, default.initial_lifespan)?,
        fields.or(NUM_REMINDED_LTM, default.num_final_ltms)?,
    );
    let exploration = fields.or(EXPLORATION, default.ltm_exploration)?;
    Ok(sizes
        .with_correlation(choice(
            fields,
            CORRELATION,
            default.correlation,
            "neg_squared_l2 or gaussian",
        )?)
        .with_pooling(choice(fields, POOLING, default.pooling, "mean or max")?)
        .with_short_term_search(choice(
            fields,
            SHORT_TERM_SEARCH,
            default.short_term_search,
            "nearest, newest, random or none",
        )?)
        .with_long_term_search(choice(
            fields,
            LONG_TERM_SEARCH,
            default.long_term_search,
            "walk, nearest, walk_and_nearest, random or none",
        )?)
        .with_long_term_probes(fields.or(LONG_TERM_PROBES, default.long_term_probes)?)
        .with_wiring(choice(fields, WIRING, default.wiring, "co_firing or random")?)
        .with_ltm_exploration(exploration, fields.or(SEED, default.seed)?))
}

fn float(fields: &mut Fields, field: &str, default: f32) -> Result<f32, ModelError> {
    Ok(fields.optional::<f64>(field)?.map_or(default, |value| value as f32))
}

/// One of several that have names.
fn choice<T: DeserializeOwned + Serialize>(
    fields: &mut Fields,
    field: &str,
    default: T,
    expected: &str,
) -> Result<T, ModelError> {
    let Some(name) = fields.optional::<String>(field)? else { return Ok(default) };
    serde_json::from_value(json!(name)).map_err(|_| invalid(field, expected, json!(name)))
}

fn name_in_file(field: &str) -> String {
    match field {
        "num_final_ltms" => NUM_REMINDED_LTM.to_owned(),
        other => format!("memoria_{other}"),
    }
}
