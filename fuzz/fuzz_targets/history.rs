//! Runs `bodies/history.rs`.

#![no_main]

#[path = "../bodies/history.rs"]
mod body;
#[path = "../../tests/support/checksummed.rs"]
#[allow(dead_code, reason = "not all of it is needed")]
mod checksummed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    body::run(data);
});
