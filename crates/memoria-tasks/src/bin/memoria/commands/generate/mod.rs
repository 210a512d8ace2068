mod checkpoint;
mod trained;

use std::fs;

use memoria_models::GenerationConfig;
use memoria_tasks::TaskError;

use crate::options::Generate;

pub(crate) fn run(options: &Generate) -> Result<(), TaskError> {
    // The configuration of a run is TOML.
    match options.model.join("config.json").is_file() {
        true => checkpoint::run(options),
        false => trained::run(options),
    }
}

/// Returns the prompt's text; `None` if tokens are given.
fn prompt(options: &Generate) -> Result<Option<String>, TaskError> {
    let Some(path) = &options.prompt_file else { return Ok(options.prompt.clone()) };
    let text = fs::read(path).map_err(TaskError::file(path))?;
    let text = String::from_utf8(text).map_err(|_| TaskError::format(path, "not UTF-8"))?;
    Ok(Some(text))
}

/// Returns how tokens are chosen.
fn drawn(options: &Generate) -> GenerationConfig {
    GenerationConfig {
        max_new_tokens: options.tokens as usize,
        temperature: options.temperature,
        top_k: options.top_k,
        top_p: options.top_p,
        seed: options.seed,
        ..GenerationConfig::default()
    }
}
