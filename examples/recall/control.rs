//! The model and its three controls.

use clap::ValueEnum;
use memoria::{MemoriaConfig, nn::MemoriaStateConfig};
use serde::Serialize;

/// What a run is given of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Control {
    /// Working, short-term and long-term memory, with a gradient window.
    Memory,
    /// The same without a gradient window: reading a memory does not train what wrote it.
    NoWindow,
    /// Working memory only: nothing is reminded.
    WorkingOnly,
    /// The same transformer without a memory.
    NoMemory,
}

impl Control {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::NoWindow => "no gradient window",
            Self::WorkingOnly => "working memory only",
            Self::NoMemory => "no memory",
        }
    }

    /// The folder that its run is kept in.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::NoWindow => "no-window",
            Self::WorkingOnly => "working-only",
            Self::NoMemory => "no-memory",
        }
    }

    /// The memory of this control, from the one that the full model gets.
    pub(crate) fn restrict(self, state: MemoriaStateConfig) -> MemoriaStateConfig {
        let nothing_reminded =
            MemoriaConfig { num_reminded_stm: 0, num_final_ltms: 0, ..state.memoria };
        match self {
            Self::Memory => state,
            Self::NoWindow => state.with_bptt(0),
            Self::WorkingOnly | Self::NoMemory => {
                MemoriaStateConfig { memoria: nothing_reminded, ..state }
            }
        }
    }
}
