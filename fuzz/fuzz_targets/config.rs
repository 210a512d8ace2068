//! Runs `bodies/config.rs`.

#![no_main]

#[path = "../bodies/config.rs"]
mod body;
#[path = "../bodies/go_on.rs"]
mod go_on;

libfuzzer_sys::fuzz_target!(|text: &str| {
    body::run(text);
});
