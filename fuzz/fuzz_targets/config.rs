//! Text as the configuration of a memory, and of a state: refused without a panic, or run.

#![no_main]

mod support;

use libfuzzer_sys::fuzz_target;
use memoria::{Memoria, MemoriaConfig, nn::MemoriaStateConfig};

fuzz_target!(|text: &str| {
    if let Ok(config) = serde_json::from_str::<MemoriaStateConfig>(text) {
        let _ = config.init();
    }
    let Ok(config) = serde_json::from_str::<MemoriaConfig>(text) else { return };
    let again = serde_json::to_string(&config).unwrap();
    let Ok(mut memory) = Memoria::new(config) else { return };
    assert_eq!(serde_json::from_str::<MemoriaConfig>(&again).unwrap(), config);
    support::go_on(&mut memory, 3);
    support::go_on(&mut memory, 3);
    let bytes = memory.snapshot().unwrap().to_bytes().unwrap();
    let restored = memoria::Restore::<burn::backend::Flex>::new(&Default::default());
    assert_eq!(*restored.read_bytes(&bytes).unwrap().memory.config(), config);
});
