//! How parameters are called in checkpoints.

use crate::encoder::EncoderKind;

/// What tensors are kept under in the files of a training, in any order and depth.
const CONTAINERS: [&str; 5] = ["state_dict", "model_state_dict", "model_state", "model", "module"];

/// What PyTorch puts around modules that it compiles, shards or computes again, anywhere in a name.
const WRAPPERS: [&str; 3] = ["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"];

/// What the names of a training's own state begin with.
const TRAINING: [&str; 4] = ["optimizer", "lr_scheduler", "callbacks", "loops"];

/// The names of one model's parameters.
///
/// A *key* is a name without what a training has put before it, and without the prefix that a base model
/// has within a model with a head; files may have either or lack it.
#[derive(Clone, Copy)]
pub(crate) struct Names {
    /// Prefixes that files may have before keys of the base model; the first is written, if any is.
    prefixes: &'static [&'static str],
    /// Whether the prefix is written.
    is_with_head: bool,
    /// What keys of the head begin with.
    heads: &'static [&'static str],
    /// The key of a parameter at a path in the module.
    key: fn(&str) -> String,
}

impl Names {
    pub(crate) const GPT2: Self =
        Self { prefixes: &["transformer."], is_with_head: false, heads: &[], key: str::to_owned };

    pub(crate) const GPT2_LM_HEAD: Self = Self {
        is_with_head: true,
        heads: &["lm_head."],
        key: |path| path.strip_prefix("transformer.").unwrap_or(path).to_owned(),
        ..Self::GPT2
    };

    pub(crate) fn encoder(kind: EncoderKind) -> Self {
        let prefixes: &[&str] = match kind {
            EncoderKind::Bert => &["bert.", "electra."],
            EncoderKind::Roberta => &["roberta."],
        };
        Self { prefixes, is_with_head: false, heads: &[], key: encoder_key }
    }

    pub(crate) fn classifier(kind: EncoderKind) -> Self {
        let key: fn(&str) -> String = match kind {
            EncoderKind::Bert => |path| match path.strip_prefix("encoder.") {
                Some(path) => encoder_key(path),
                None => path.to_owned(),
            },
            EncoderKind::Roberta => |path| match path.strip_prefix("encoder.") {
                Some(path) => match path.strip_prefix("pooler.") {
                    Some(parameter) => format!("classifier.dense.{parameter}"),
                    None => encoder_key(path),
                },
                None => path.replace("classifier.", "classifier.out_proj."),
            },
        };
        Self { is_with_head: true, heads: &["classifier."], key, ..Self::encoder(kind) }
    }

    /// The key of a parameter.
    pub(crate) fn key(&self, path: &str) -> String {
        (self.key)(path)
    }

    /// The key that a name in a file stands for; `None` if it is no parameter's but a constant's, which
    /// older versions of PyTorch models stored, or a part of a training's state.
    pub(crate) fn key_of(&self, name: &str) -> Option<String> {
        if TRAINING.iter().any(|beginning| name.starts_with(beginning)) {
            return None;
        }
        let name = &without_wrappers(name)[..];
        let key = self.prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
        let parts: Vec<&str> = key.split('.').collect();
        if let [.., module, last] = parts[..] {
            let is_mask = ["attn", "memory_attention"].contains(&module)
                && ["bias", "masked_bias"].contains(&last);
            let is_buffer =
                module == "embeddings" && ["position_ids", "token_type_ids"].contains(&last);
            if is_mask || is_buffer {
                return None;
            }
            if module == "LayerNorm" {
                // As TensorFlow calls them, and older files.
                let stem = key.strip_suffix(last).unwrap_or(key);
                return Some(match last {
                    "gamma" => format!("{stem}weight"),
                    "beta" => format!("{stem}bias"),
                    _ => key.to_owned(),
                });
            }
        }
        Some(key.to_owned())
    }

    /// What a key is called in a file that we write.
    pub(crate) fn name(&self, key: &str) -> String {
        let is_head = self.heads.iter().any(|head| key.starts_with(head));
        match self.prefixes.first() {
            Some(prefix) if self.is_with_head && !is_head => format!("{prefix}{key}"),
            _ => key.to_owned(),
        }
    }
}

/// A name without what a training has put before and between its parts.
fn without_wrappers(name: &str) -> String {
    let parts = name.split('.').filter(|part| !WRAPPERS.contains(part));
    parts.skip_while(|part| CONTAINERS.contains(part)).collect::<Vec<_>>().join(".")
}

/// Whether a key is a parameter of the memory.
pub(crate) fn is_of_memory(key: &str) -> bool {
    key.split('.').any(|part| {
        matches!(
            part,
            "abs"
                | "abstractor"
                | "memory_attention"
                | "memory_attention_reminded"
                | "ln_memory_attn"
                | "ln_working_memory_attn"
        )
    })
}

fn encoder_key(path: &str) -> String {
    let (module, parameter) = path.rsplit_once('.').unwrap_or(("", path));
    let mut parts = module.split('.');
    let module = match (parts.next(), parts.next()) {
        (Some("embeddings"), Some("word")) => "embeddings.word_embeddings".to_owned(),
        (Some("embeddings"), Some("position")) => "embeddings.position_embeddings".to_owned(),
        (Some("embeddings"), Some("token_type")) => "embeddings.token_type_embeddings".to_owned(),
        (Some("embeddings"), Some("norm")) => "embeddings.LayerNorm".to_owned(),
        (Some("embeddings"), Some("projection")) => "embeddings_project".to_owned(),
        (Some("pooler"), None) => "pooler.dense".to_owned(),
        (Some("layers"), Some(index)) => {
            let rest: Vec<&str> = parts.collect();
            format!("encoder.layer.{index}.{}", layer_key(&rest.join(".")))
        }
        (Some("abstractor"), None) => "encoder.abstractor".to_owned(),
        (Some("abstractor"), Some(part)) => format!("encoder.abstractor.{part}"),
        _ => module.to_owned(),
    };
    format!("{module}.{parameter}")
}

fn layer_key(module: &str) -> String {
    match module {
        "attention_norm" => "attention.output.LayerNorm".to_owned(),
        "memory_norm" => "memory_attention.output.LayerNorm".to_owned(),
        "norm" => "output.LayerNorm".to_owned(),
        _ => match module.split_once('.') {
            Some((attention, "output")) => format!("{attention}.output.dense"),
            Some((attention, part)) => format!("{attention}.self.{part}"),
            // Its sink.
            None if module.starts_with("memory_attention") => format!("{module}.self"),
            None => format!("{module}.dense"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("h.0.attn.bias", None)]
    #[case("transformer.h.0.attn.masked_bias", None)]
    #[case("h.0.attn.c_attn.bias", Some("h.0.attn.c_attn.bias"))]
    #[case("transformer.h.1.ln_memory_attn.bias", Some("h.1.ln_memory_attn.bias"))]
    #[case("lm_head.weight", Some("lm_head.weight"))]
    #[case("state_dict.model.transformer.wte.weight", Some("wte.weight"))]
    #[case("model_state_dict.module.wte.weight", Some("wte.weight"))]
    #[case("model.lm_head.weight", Some("lm_head.weight"))]
    #[case("module._orig_mod.transformer.h.0._orig_mod.ln_1.bias", Some("h.0.ln_1.bias"))]
    #[case("_fsdp_wrapped_module.transformer.ln_f.weight", Some("ln_f.weight"))]
    #[case("model.transformer.h.0.attn.bias", None)]
    #[case("ema.transformer.wte.weight", Some("ema.transformer.wte.weight"))]
    #[case("optimizer_states.0.state.0.exp_avg", None)]
    #[case("optimizer.state.0.exp_avg", None)]
    fn names_of_gpt2(#[case] name: &str, #[case] key: Option<&str>) {
        assert_eq!(Names::GPT2_LM_HEAD.key_of(name).as_deref(), key);
    }

    #[rstest]
    #[case("bert.embeddings.LayerNorm.gamma", Some("embeddings.LayerNorm.weight"))]
    #[case("electra.embeddings.LayerNorm.beta", Some("embeddings.LayerNorm.bias"))]
    #[case("embeddings.position_ids", None)]
    #[case("encoder.layer.0.output.dense.bias", Some("encoder.layer.0.output.dense.bias"))]
    fn names_of_bert(#[case] name: &str, #[case] key: Option<&str>) {
        assert_eq!(Names::classifier(EncoderKind::Bert).key_of(name).as_deref(), key);
    }

    #[rstest]
    #[case(EncoderKind::Bert, "encoder.pooler.bias", "bert.pooler.dense.bias")]
    #[case(EncoderKind::Bert, "classifier.bias", "classifier.bias")]
    #[case(EncoderKind::Roberta, "encoder.pooler.bias", "classifier.dense.bias")]
    #[case(EncoderKind::Roberta, "classifier.bias", "classifier.out_proj.bias")]
    #[case(
        EncoderKind::Roberta,
        "encoder.embeddings.word.weight",
        "roberta.embeddings.word_embeddings.weight"
    )]
    fn heads_of_encoders(#[case] kind: EncoderKind, #[case] path: &str, #[case] name: &str) {
        let names = Names::classifier(kind);
        assert_eq!(names.name(&names.key(path)), name);
    }
}
