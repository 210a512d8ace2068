use std::path::{Path, PathBuf};

use memoria_core::history::History;
use memoria_tasks::{
    TaskError,
    analysis::Analysis,
    print::{print, println},
    runs::SavedRun,
};

use crate::options::Analyse;

pub(crate) fn run(options: &Analyse) -> Result<(), TaskError> {
    let path = history_file(&options.run)?;
    let history = History::load(&path).map_err(|error| {
        TaskError::format(&path, format!("cannot be read as a history: {error}"))
    })?;
    let row = history.row(options.row).map_err(|_| {
        let expected = format!("below {}, the rows that {} has", history.batch(), path.display());
        TaskError::option("--row", expected, options.row)
    })?;
    let analysis = Analysis::new(row);
    if options.json {
        let json = serde_json::to_string_pretty(&analysis)
            .map_err(|error| TaskError::format(&path, error.to_string()))?;
        println(&json);
    } else {
        println(&format!("{}\n", path.display()));
        print(&analysis.text());
    }
    let picture = options.svg.clone().unwrap_or_else(|| path.with_file_name("analysis.svg"));
    analysis.draw(&picture)?;
    eprintln!("Picture: {}", picture.display());
    Ok(())
}

/// Returns the path of the history of a run, or the given file.
fn history_file(path: &Path) -> Result<PathBuf, TaskError> {
    if path.is_file() {
        return Ok(path.to_owned());
    }
    let with_history = |run: &SavedRun| run.history_file().is_file();
    let run = SavedRun::open(path)?;
    let run = match with_history(&run) || run.folder() == path {
        true => run,
        // The first run of an output folder that has a history.
        false => SavedRun::all(&run.output)?.into_iter().find(with_history).unwrap_or(run),
    };
    match with_history(&run) {
        true => Ok(run.history_file()),
        false => {
            let hint = format!(
                "`memoria eval {} --history` records one, if the model has a memory",
                run.output.display()
            );
            Err(TaskError::Missing { path: run.history_file(), hint })
        }
    }
}
