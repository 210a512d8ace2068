//! Standard output that may be closed early, as by `| head`: the program then ends quietly. The standard library's
//! `println` panics.

use std::{
    error::Error,
    fmt::Arguments,
    io::{self, ErrorKind, Write, stdout},
    process::exit,
};

/// Writes a line and flushes.
pub fn println(line: &str) {
    write(format_args!("{line}\n"));
}

/// Writes text and flushes.
pub fn print(text: &str) {
    print_bytes(text.as_bytes());
}

/// Writes bytes and flushes; a character may be split over several calls.
pub fn print_bytes(bytes: &[u8]) {
    let mut out = stdout().lock();
    end_if_failed(out.write_all(bytes).and_then(|()| out.flush()));
}

/// Writes formatted text and flushes; it need not end a line.
pub fn write(text: Arguments<'_>) {
    let mut out = stdout().lock();
    end_if_failed(out.write_fmt(text).and_then(|()| out.flush()));
}

/// Like the standard library's macro, but handles an output that is closed or full: see [`print`](crate::print).
#[macro_export]
macro_rules! println {
    () => { $crate::print::write(::core::format_args!("\n")) };
    ($($text:tt)*) => {
        $crate::print::write(::core::format_args!("{}\n", ::core::format_args!($($text)*)))
    };
}

fn end_if_failed(written: io::Result<()>) {
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => exit(0),
        Err(error) => {
            eprintln!("error: cannot write to the standard output: {error}");
            exit(1);
        }
    }
}

/// Formats an error and its causes in one line; leaves out causes that the text already contains at its end.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).fold(String::new(), |told, cause| match told.is_empty() {
        true => cause,
        false if told.ends_with(&cause) => told,
        false => format!("{told}: {cause}"),
    })
}

/// Formats columns, the first one left-aligned, the others right-aligned.
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
