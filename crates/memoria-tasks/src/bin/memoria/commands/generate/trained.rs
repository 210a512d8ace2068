use memoria_tasks::{
    TaskError,
    config::{Sizes, TaskConfig},
    generation::Writer,
    print::{print_bytes, println},
    runs::{SavedRun, progress_bar},
};

use super::{drawn, prompt};
use crate::options::Generate;

/// Generates with a model of `memoria train lm`.
pub(super) fn run(options: &Generate) -> Result<(), TaskError> {
    let run = SavedRun::open(&options.model)?;
    let config = SavedRun::config(&run.output)?;
    let TaskConfig::Lm(task) = &config.task else {
        let got = config.task.name().name();
        return Err(TaskError::option("MODEL", "of `memoria train lm`, which models text", got));
    };
    if let Some(option) = options.of_checkpoints() {
        let expected = "left out for a model of `memoria train`; it is for checkpoints";
        return Err(TaskError::option(option, expected, "it"));
    }
    let vocabulary = match SavedRun::vocabulary(&run.output)? {
        Some(vocabulary) => vocabulary,
        // Older runs store no vocabulary; it is made from the texts.
        None => task.load()?.vocabulary().clone(),
    };
    let device = options.device.device();
    let (vocabulary_size, segment_length) = (vocabulary.len(), task.segment_length);
    let sizes = Sizes { vocabulary: vocabulary_size, segment_length, classes: None };
    let model = run.model(&config, sizes, &device)?;
    let prompt = prompt(options)?.unwrap_or_default();
    let tokens = vocabulary.encode(&prompt)?;
    let drawn = drawn(options);
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
