//! Standard output that need not be read to the end: where it is closed early, as by `| head`, the program ends
//! quietly. The standard library's `println` panics.

use std::{
    error::Error,
    fmt::Arguments,
    io::{self, ErrorKind, Write, stdout},
    process::exit,
};

/// Writes a line at once.
pub fn println(line: &str) {
    write(format_args!("{line}\n"));
}

/// Writes text at once.
pub fn print(text: &str) {
    print_bytes(text.as_bytes());
}

/// Writes bytes at once, of which characters may be whole only together.
pub fn print_bytes(bytes: &[u8]) {
    let mut out = stdout().lock();
    end_if_failed(out.write_all(bytes).and_then(|()| out.flush()));
}

/// Writes text that is put together, at once, a part of a line too.
pub fn write(text: Arguments<'_>) {
    let mut out = stdout().lock();
    end_if_failed(out.write_fmt(text).and_then(|()| out.flush()));
}

/// As the standard library's, but for an output that is closed or full: see [`print`](crate::print).
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

/// An error with everything it was caused by that it does not tell itself, in one line.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).fold(String::new(), |told, cause| match told.is_empty() {
        true => cause,
        false if told.ends_with(&cause) => told,
        false => format!("{told}: {cause}"),
    })
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
