//! Text as a trace file: refused without a panic, or replayed.

#![no_main]

#[path = "../../examples/replay/run.rs"]
#[allow(dead_code)]
mod run;
#[path = "../../examples/replay/trace.rs"]
#[allow(dead_code)]
mod trace;

use burn::backend::Flex;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(trace) = trace::Trace::parse(text) {
        let _ = run::run::<Flex>(&trace, &Default::default());
    }
});
