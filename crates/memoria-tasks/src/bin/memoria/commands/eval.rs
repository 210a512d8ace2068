use std::{fs, path::Path};

use clap::ValueEnum;
use memoria_tasks::{
    TaskError,
    config::RunConfig,
    model::ContextName,
    print::{print, println},
    runs::{Comparison, Experiment},
};

use crate::options::Eval;

pub(crate) fn run(options: &Eval) -> Result<(), TaskError> {
    let path = options.run.join("config.toml");
    if !path.is_file() {
        let hint = "RUN is the output folder of a `memoria train`".into();
        return Err(TaskError::Missing { path, hint });
    }
    let text = fs::read_to_string(&path).map_err(TaskError::file(&path))?;
    let table = text
        .parse::<toml::Table>()
        .map_err(|error| TaskError::format(&path, format!("not TOML: {error}")))?;
    let mut config = RunConfig::from_table(table)?;
    if !options.lengths.is_empty() {
        config.evaluation.lengths.clone_from(&options.lengths);
    }
    config.evaluation.documents = options.documents.unwrap_or(config.evaluation.documents);
    config.evaluation.batch = options.batch.unwrap_or(config.evaluation.batch);
    config.evaluation.check()?;
    let task = config.task.name().name();
    let models = models(&options.run)?;
    let mut results = None;
    for (context, seed) in models {
        let experiment = Experiment {
            config: config.clone(),
            contexts: vec![context],
            seeds: vec![seed],
            device: options.device.device(),
            output: options.run.clone(),
            resume: true,
            command: std::env::args().collect::<Vec<_>>().join(" "),
        };
        let tested = experiment.evaluate()?;
        match &mut results {
            None => results = Some(tested),
            Some(results) => results.runs.extend(tested.runs),
        }
    }
    let Some(results) = results else {
        let hint = "`memoria train` leaves a folder for each model, such as memoria-0".into();
        return Err(TaskError::Missing { path: options.run.join("CONTEXT-SEED/model.bpk"), hint });
    };
    let path = options.run.join("evaluation.json");
    results.write(&path)?;
    print(&Comparison::new(&[(task, results)])?.table());
    println(&format!("\nResults: {}", path.display()));
    Ok(())
}

/// The models in a folder that are trained, in order.
fn models(folder: &Path) -> Result<Vec<(ContextName, u64)>, TaskError> {
    let mut models = Vec::new();
    for entry in fs::read_dir(folder).map_err(TaskError::file(folder))?.flatten() {
        let name = entry.file_name();
        let parts = name.to_str().and_then(|name| name.rsplit_once('-'));
        let Some((context, seed)) = parts else { continue };
        let context = ContextName::from_str(context, false);
        if let (Ok(context), Ok(seed)) = (context, seed.parse())
            && entry.path().join("model.bpk").is_file()
        {
            models.push((context, seed));
        }
    }
    models.sort_unstable_by_key(|&(context, seed)| (seed, context));
    Ok(models)
}
