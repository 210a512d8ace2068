//! Standard output that need not be read to the end: where it is closed early, as by `| head`, the program ends
//! quietly. The standard library's `println` panics.

use std::{
    io::{ErrorKind, Write, stdout},
    process::exit,
};

/// Writes a line at once.
pub fn println(line: &str) {
    print(&format!("{line}\n"));
}

/// Writes text at once.
pub fn print(text: &str) {
    print_bytes(text.as_bytes());
}

/// Writes bytes at once, of which characters may be whole only together.
pub fn print_bytes(bytes: &[u8]) {
    let mut out = stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => exit(0),
        Err(error) => {
            eprintln!("error: cannot write to the standard output: {error}");
            exit(1);
        }
    }
}

/// Columns under each other, the first to the left, the others to the right.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}
