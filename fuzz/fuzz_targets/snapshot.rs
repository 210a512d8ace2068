//! Runs `memoria_testing::fuzz::snapshot`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    memoria_testing::fuzz::snapshot::run(data);
});
