//! Runs `bodies/snapshot.rs`.

#![no_main]

#[path = "../bodies/snapshot.rs"]
mod body;
#[path = "../bodies/go_on.rs"]
mod go_on;
#[path = "../../tests/support/checksummed.rs"]
#[allow(dead_code, reason = "not all of it is needed")]
mod checksummed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    body::run(data);
});
