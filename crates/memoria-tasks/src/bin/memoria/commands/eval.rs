use memoria_tasks::{
    TaskError,
    config::TaskName,
    print::{print, println},
    runs::{Comparison, Experiment, SavedRun},
};

use crate::options::Eval;

pub(crate) fn run(options: &Eval) -> Result<(), TaskError> {
    let mut config = SavedRun::config(&options.run)?.with_tested(&options.set)?;
    if !options.lengths.is_empty() {
        if config.task.name() == TaskName::Lm {
            let expected = "left out for lm: --documents says how many steps of the text are read";
            return Err(TaskError::option("--lengths", expected, format!("{:?}", options.lengths)));
        }
        config.evaluation.lengths.clone_from(&options.lengths);
    }
    config.evaluation.documents = options.documents.unwrap_or(config.evaluation.documents);
    config.evaluation.batch = options.batch.unwrap_or(config.evaluation.batch);
    config.evaluation.history |= options.history;
    config.evaluation.check()?;
    let task = config.task.name().name();
    let runs = SavedRun::all(&options.run)?;
    let experiment = Experiment {
        config,
        contexts: runs.iter().map(|run| run.context).collect(),
        seeds: runs.iter().map(|run| run.seed).collect(),
        device: options.device.device(),
        output: options.run.clone(),
        resume: true,
        jobs: 1,
        command: std::env::args().collect::<Vec<_>>().join(" "),
    };
    let results = experiment.evaluate()?;
    let path = options.run.join("evaluation.json");
    results.write(&path)?;
    print(&Comparison::new(&[(task, results)])?.table());
    println(&format!("\nResults: {}", path.display()));
    Ok(())
}
