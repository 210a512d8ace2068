//! Runs `memoria_testing::fuzz::model_config`.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    memoria_testing::fuzz::model_config::run(text);
});
