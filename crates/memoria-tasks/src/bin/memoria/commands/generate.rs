use std::fs;

use memoria_models::GenerationConfig;
use memoria_tasks::{
    TaskError,
    config::{Sizes, TaskConfig},
    generation::Writer,
    print::{print_bytes, println},
    runs::{SavedRun, progress_bar},
};

use crate::options::Generate;

pub(crate) fn run(options: &Generate) -> Result<(), TaskError> {
    let run = SavedRun::open(&options.run)?;
    let config = SavedRun::config(&run.output)?;
    let TaskConfig::Lm(task) = &config.task else {
        let got = config.task.name().name();
        return Err(TaskError::option("RUN", "of `memoria train lm`, which models text", got));
    };
    let vocabulary = match SavedRun::vocabulary(&run.output)? {
        Some(vocabulary) => vocabulary,
        // Older runs have none; the texts tell.
        None => task.load()?.vocabulary().clone(),
    };
    let device = options.device.device();
    let (vocabulary_size, segment_length) = (vocabulary.len(), task.segment_length);
    let sizes = Sizes { vocabulary: vocabulary_size, segment_length, classes: None };
    let model = run.model(&config, sizes, &device)?;
    let prompt = prompt(options)?;
    let tokens = vocabulary.encode(&prompt)?;
    let drawn = GenerationConfig {
        max_new_tokens: options.tokens,
        temperature: options.temperature,
        top_k: options.top_k,
        top_p: options.top_p,
        seed: options.seed,
        ..GenerationConfig::default()
    };
    let mut writer = Writer::new(&model, segment_length, vocabulary_size, &drawn, &device)?;
    let bar = progress_bar(&format!("{}: reading the prompt", run.label()), tokens.len());
    let read = writer.read(&tokens, |done| bar.set_position(done as u64));
    bar.finish_and_clear();
    read?;
    print_bytes(prompt.as_bytes());
    let mut decoder = vocabulary.decoder();
    for _ in 0..options.tokens {
        print_bytes(&decoder.add(writer.write()?)?);
    }
    print_bytes(&decoder.finish()?);
    println("");
    let stored = writer.memory().stored()?;
    if stored > 0 {
        eprintln!("{}: its memory holds {stored} engrams", run.label());
    }
    Ok(())
}

fn prompt(options: &Generate) -> Result<String, TaskError> {
    match (&options.prompt, &options.prompt_file) {
        (Some(prompt), _) => Ok(prompt.clone()),
        (None, Some(path)) => {
            let text = fs::read(path).map_err(TaskError::file(path))?;
            String::from_utf8(text).map_err(|_| TaskError::format(path, "not UTF-8"))
        }
        (None, None) => Ok(String::new()),
    }
}
