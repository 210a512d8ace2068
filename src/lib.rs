//! x
pub use memoria_core::{
    Connection, Correlation, Costs, Engram, EngramCounts, EngramId, EngramKind, LifespanGain,
    Memoria, MemoriaConfig, MemoriaError, Recollection, Reminded, RowState, State,
};
pub use memoria_nn as nn;
