//! Runs `memoria_testing::fuzz::trace`.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    memoria_testing::fuzz::trace::run(text);
});
