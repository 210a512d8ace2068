use memoria_core::SnapshotInfo;
use memoria_tasks::{
    TaskError,
    inspect::SnapshotReport,
    print::{print, println},
    runs::progress_bar,
};

use crate::options::Inspect;

pub(crate) fn run(options: &Inspect) -> Result<(), TaskError> {
    let path = &options.snapshot;
    // Without a readable description there are no rows to wait for.
    let rows = SnapshotInfo::load(path).map_or(0, |info| info.rows);
    let bar = progress_bar("rows", rows);
    let report = SnapshotReport::load(path, |done| bar.set_position(done as u64));
    bar.finish_and_clear();
    let report = report?;
    if options.json {
        let json = serde_json::to_string_pretty(&report)
            .map_err(|error| TaskError::format(path, error.to_string()))?;
        println(&json);
    } else {
        print(&report.text());
    }
    match report.damage {
        Some(damage) => Err(TaskError::format(path, damage)),
        None => Ok(()),
    }
}
