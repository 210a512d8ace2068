use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Returns a progress bar with the remaining time, for a terminal.
pub fn progress_bar(message: &str, total: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:40} {pos}/{len}, {eta} left");
    let bar = ProgressBar::new(total as u64)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_message(message.to_owned());
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}
