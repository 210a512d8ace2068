//! Standard output that need not be read to the end: where it is closed early, as by `| head`, an example
//! ends quietly, and where it cannot be written, the example says why. The standard library's `println` panics.

use std::{
    fmt::Arguments,
    io::{ErrorKind, Write, stdout},
    process::exit,
};

/// As the standard library's, but for a closed output. To be declared before the modules that print.
macro_rules! println {
    () => { $crate::stdout::write(format_args!("\n")) };
    ($($text:tt)*) => { $crate::stdout::write(format_args!("{}\n", format_args!($($text)*))) };
}

/// Writes at once, a part of a line too.
pub(crate) fn write(text: Arguments<'_>) {
    let mut out = stdout().lock();
    match out.write_fmt(text).and_then(|()| out.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => exit(0),
        Err(error) => {
            eprintln!("error: cannot write to the standard output: {error}");
            exit(1);
        }
    }
}
