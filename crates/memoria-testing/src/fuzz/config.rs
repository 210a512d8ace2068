//! Text as the configuration of a memory, and of a state: refused without a panic, or run.

use memoria::{Memoria, MemoriaConfig, Restore, nn::MemoriaStateConfig};

use super::go_on::go_on;

/// Runs the target on an input. Returns whether the input was accepted.
pub fn run(text: &str) -> bool {
    let state = serde_json::from_str::<MemoriaStateConfig>(text);
    let is_state = state.is_ok_and(|config| config.init().is_ok());
    let Ok(config) = serde_json::from_str::<MemoriaConfig>(text) else { return is_state };
    let again = serde_json::to_string(&config).unwrap();
    let Ok(mut memory) = Memoria::new(config) else { return is_state };
    assert_eq!(serde_json::from_str::<MemoriaConfig>(&again).unwrap(), config);
    go_on(&mut memory, 3);
    go_on(&mut memory, 3);
    let bytes = memory.snapshot().unwrap().to_bytes().unwrap();
    let restored = Restore::<burn::backend::Flex>::new(&Default::default());
    assert_eq!(*restored.read_bytes(&bytes).unwrap().memory.config(), config);
    true
}
