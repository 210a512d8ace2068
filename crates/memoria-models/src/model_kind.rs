//! Which model a configuration is of, where it does not say so.

use serde_json::{Map, Value};

use crate::{ModelError, fields::Fields};

/// The models there are, by what their classes are called.
const CLASSES: [(&str, &str); 9] = [
    ("GPT2", "gpt2"),
    ("GPT2WithMemoria", "gpt2_with_memoria"),
    ("Bert", "bert"),
    ("MemoriaBert", "memoria_bert"),
    ("Electra", "electra"),
    ("Roberta", "roberta"),
    ("MemoriaRoberta", "memoria_roberta"),
    ("XLMRoberta", "xlm-roberta"),
    ("Camembert", "camembert"),
];
/// What the names of classes go on with.
const TASKS: [&str; 5] = ["For", "Model", "LMHead", "DoubleHeads", "PreTrained"];

/// Sizes that every GPT-2 has, by the names that only GPT-2 and its relatives use.
const OF_GPT2: [&str; 3] = ["n_embd", "n_layer", "n_head"];
/// Sizes that every encoder has.
const OF_ENCODERS: [&str; 5] =
    ["vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"];
/// Fields of models with the same sizes that are neither.
const OF_OTHERS: [&str; 10] = [
    "afn",
    "rotary_dim",
    "dff",
    "num_hidden_groups",
    "rms_norm_eps",
    "num_key_value_heads",
    "relative_attention_num_buckets",
    "relative_attention",
    "image_size",
    "d_model",
];

/// The `model_type` of a configuration: as it says, and otherwise as its other fields tell: by the class in
/// `architectures`, or by fields that only one kind has.
///
/// BERT and RoBERTa have the same fields; they are told apart by their padding token (0 and 1) and their
/// token types (2 and 1), which must not contradict each other.
///
/// # Errors
///
/// [`ModelError::InvalidField`] for one that is not a string, and [`ModelError::UnknownModelType`] if
/// nothing tells.
pub(crate) fn model_type_of(map: &Map<String, Value>) -> Result<String, ModelError> {
    let mut fields = Fields::new(map.clone());
    if let Some(model_type) = fields.optional("model_type")? {
        return Ok(model_type);
    }
    let told = of_classes(map).or_else(|| of_fields(map));
    told.map(str::to_owned).ok_or(ModelError::UnknownModelType)
}

fn of_classes(map: &Map<String, Value>) -> Option<&'static str> {
    let class = map.get("architectures")?.as_array()?.first()?.as_str()?;
    let is_it = |(name, _): &&(&str, &str)| {
        let task = class.strip_prefix(name);
        task.is_some_and(|task| TASKS.iter().any(|known| task.starts_with(known)))
    };
    CLASSES.iter().find(is_it).map(|&(_, model_type)| model_type)
}

fn of_fields(map: &Map<String, Value>) -> Option<&'static str> {
    let has = |field: &&str| map.get(*field).is_some_and(|value| !value.is_null());
    if OF_OTHERS.iter().any(has) {
        return None;
    }
    if OF_GPT2.iter().all(has) {
        return Some("gpt2");
    }
    if !OF_ENCODERS.iter().all(has) {
        return None;
    }
    let is_roberta = |field, [bert, roberta]: [i64; 2]| match map.get(field)?.as_i64()? {
        value if value == bert => Some(false),
        value if value == roberta => Some(true),
        _ => None,
    };
    let told = [is_roberta("pad_token_id", [0, 1]), is_roberta("type_vocab_size", [2, 1])];
    match (told.contains(&Some(false)), told.contains(&Some(true))) {
        (true, false) => Some("bert"),
        (false, true) => Some("roberta"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn encoder(further: Value) -> Value {
        let mut map = json!({"vocab_size": 9, "hidden_size": 4, "num_hidden_layers": 2,
            "num_attention_heads": 2, "intermediate_size": 8});
        map.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
        map
    }

    #[rstest]
    #[case(json!({"model_type": "whatever"}), Some("whatever"))]
    #[case(json!({"architectures": ["GPT2LMHeadModel"]}), Some("gpt2"))]
    #[case(json!({"architectures": ["GPT2WithMemoriaLMHeadModel"]}), Some("gpt2_with_memoria"))]
    #[case(json!({"architectures": ["BertForMaskedLM"], "model_type": null}), Some("bert"))]
    #[case(json!({"architectures": ["XLMRobertaModel"]}), Some("xlm-roberta"))]
    #[case(json!({"architectures": ["BertGenerationEncoder"]}), None)]
    #[case(json!({"n_embd": 4, "n_layer": 1, "n_head": 2, "n_positions": 8}), Some("gpt2"))]
    #[case(json!({"n_embd": 4, "n_layer": 1, "n_head": 2, "afn": "gelu"}), None)]
    #[case(encoder(json!({"pad_token_id": 0, "type_vocab_size": 2})), Some("bert"))]
    #[case(encoder(json!({"type_vocab_size": 2})), Some("bert"))]
    #[case(encoder(json!({"pad_token_id": 1, "type_vocab_size": 1})), Some("roberta"))]
    #[case(encoder(json!({"pad_token_id": 1, "type_vocab_size": 3})), Some("roberta"))]
    #[case(encoder(json!({"pad_token_id": 1, "type_vocab_size": 2})), None)]
    #[case(encoder(json!({})), None)]
    #[case(encoder(json!({"pad_token_id": 0, "num_hidden_groups": 1})), None)]
    #[case(json!({}), None)]
    fn a_model_is_recognized(#[case] config: Value, #[case] expected: Option<&str>) {
        let got = model_type_of(config.as_object().unwrap());
        match expected {
            Some(expected) => assert_eq!(got.unwrap(), expected),
            None => assert!(matches!(got, Err(ModelError::UnknownModelType))),
        }
    }

    #[test]
    fn a_model_type_that_is_no_string_is_refused() {
        let got = model_type_of(json!({"model_type": 3}).as_object().unwrap());
        assert!(
            matches!(got, Err(ModelError::InvalidField { field, .. }) if field == "model_type")
        );
    }
}
