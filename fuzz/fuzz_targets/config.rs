//! Runs `memoria_testing::fuzz::config`.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    memoria_testing::fuzz::config::run(text);
});
