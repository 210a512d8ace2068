use memoria_tasks::{
    TaskError,
    inspect::SnapshotReport,
    print::{print, println},
};

use crate::options::Inspect;

pub(crate) fn run(options: &Inspect) -> Result<(), TaskError> {
    let path = &options.snapshot;
    let report = SnapshotReport::load(path, |_| ())?;
    if options.json {
        let json = serde_json::to_string_pretty(&report)
            .map_err(|error| TaskError::format(path, error.to_string()))?;
        println(&json);
    } else {
        print(&report.text());
    }
    match report.damage {
        Some(damage) => Err(TaskError::format(path, format!("damaged: {damage}"))),
        None => Ok(()),
    }
}
