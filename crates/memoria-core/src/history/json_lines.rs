use std::io::{self, Write};

use serde::Serialize;

use crate::history::{History, HistoryEvent};

/// An event with its row.
#[derive(Serialize)]
struct Line {
    row: usize,
    #[serde(flatten)]
    event: HistoryEvent,
}

/// Writes one line per event, row after row.
pub(super) fn write(history: &History, writer: &mut impl Write) -> io::Result<()> {
    for (row, of_row) in history.rows.iter().enumerate() {
        for event in of_row.events() {
            serde_json::to_writer(&mut *writer, &Line { row, event })?;
            writer.write_all(b"\n")?;
        }
    }
    Ok(())
}
