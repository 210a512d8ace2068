//! Ctrl-C.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use burn::train::Interrupter;
use signal_hook::{consts::SIGINT, flag};

use crate::TaskError;

/// Returns an interrupter for Ctrl-C: training stops after the running step. A second Ctrl-C ends the program at once.
///
/// # Errors
///
/// [`TaskError::File`] if the system refuses the handler.
pub fn on_ctrl_c() -> Result<Interrupter, TaskError> {
    let pressed = Arc::new(AtomicBool::new(false));
    flag::register_conditional_shutdown(SIGINT, 130, pressed.clone())
        .and_then(|_| flag::register(SIGINT, pressed.clone()))
        .map_err(TaskError::file("the handler of Ctrl-C"))?;
    let interrupter = Interrupter::new();
    let handle = interrupter.clone();
    thread::spawn(move || {
        while !pressed.load(Ordering::Relaxed) {
            #[cfg(unix)]
            keep_signals();
            thread::sleep(Duration::from_millis(50));
        }
        handle.stop(Some("Ctrl-C"));
    });
    Ok(interrupter)
}

/// Makes Ctrl-C a signal again: Burn's dashboard puts the terminal into raw mode, in which Ctrl-C is only a key.
#[cfg(unix)]
fn keep_signals() {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

    let stdin = rustix::stdio::stdin();
    if let Ok(mut terminal) = tcgetattr(stdin)
        && !terminal.local_modes.contains(LocalModes::ISIG)
    {
        terminal.local_modes.insert(LocalModes::ISIG);
        // If it fails, the dashboard's own stop key remains.
        let _ = tcsetattr(stdin, OptionalActions::Now, &terminal);
    }
}
