//! Runs `bodies/trace.rs`.

#![no_main]

#[path = "../bodies/trace.rs"]
mod body;
#[path = "../../examples/replay/run.rs"]
#[allow(dead_code, reason = "not all of it is needed")]
mod run;
#[path = "../../examples/replay/trace.rs"]
#[allow(dead_code, reason = "not all of it is needed")]
mod trace;

libfuzzer_sys::fuzz_target!(|text: &str| {
    body::run(text);
});
