//! Runs `memoria_testing::fuzz::history`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    memoria_testing::fuzz::history::run(data);
});
