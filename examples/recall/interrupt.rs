//! Ctrl-C.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use burn::train::Interrupter;
use signal_hook::{consts::SIGINT, flag};

/// An interrupter that Ctrl-C triggers: training stops after the running step. A second Ctrl-C ends the
/// program at once.
pub(crate) fn on_ctrl_c() -> io::Result<Interrupter> {
    let pressed = Arc::new(AtomicBool::new(false));
    flag::register_conditional_shutdown(SIGINT, 130, pressed.clone())?;
    flag::register(SIGINT, pressed.clone())?;
    let interrupter = Interrupter::new();
    let handle = interrupter.clone();
    thread::spawn(move || {
        while !pressed.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(50));
        }
        handle.stop(Some("Ctrl-C"));
    });
    Ok(interrupter)
}
