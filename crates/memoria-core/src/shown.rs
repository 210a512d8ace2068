//! `Debug` of memories: short, with counts in place of their many numbers.

use core::fmt;

use burn::backend::Backend;

use crate::{EngramCounts, Memoria, RowState, State, search::Lane};

/// Engrams of all rows.
fn counts(lanes: &[Lane]) -> EngramCounts {
    let mut all = EngramCounts::default();
    for counts in lanes.iter().map(|lane| lane.row.counts()) {
        all.working += counts.working;
        all.short_term += counts.short_term;
        all.long_term += counts.long_term;
    }
    all
}

/// Counts of engrams as of the last read; pending working memories are not counted.
impl<B: Backend> fmt::Debug for Memoria<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memoria")
            .field("rows", &self.batch())
            .field("dim", &self.dim())
            .field("engrams", &counts(&self.lanes))
            .field("config", self.config())
            .finish_non_exhaustive()
    }
}

impl<B: Backend> fmt::Debug for State<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("rows", &self.lanes.len())
            .field("engrams", &counts(self.lanes))
            .finish_non_exhaustive()
    }
}

impl<B: Backend> fmt::Debug for RowState<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowState").field("engrams", &self.counts()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::{Flex, TensorData, ops::FloatTensorOps};

    use crate::{LifespanGain, Memoria, MemoriaConfig};

    #[test]
    fn a_memory_is_shown_in_a_line_however_much_it_holds() {
        let mut memory = Memoria::<Flex>::new(MemoriaConfig::new(4, 16, 4, 99.0, 4)).unwrap();
        for _ in 0..20 {
            let working = TensorData::zeros::<f32, _>([2, 8, 32]);
            let working = Flex::float_from_data(working, &Default::default());
            memory.add_working_memory(working).unwrap();
            let reminded = memory.remind().unwrap();
            memory.adjust(&reminded, LifespanGain::Zero).unwrap();
        }
        let shown = format!("{memory:?}");
        assert!(shown.len() < 600, "{shown}");
        assert!(shown.contains("rows: 2") && shown.contains("long_term: 288"), "{shown}");
        let state = memory.state().unwrap();
        for shown in [format!("{state:?}"), format!("{:?}", state.row(1).unwrap())] {
            assert!(shown.len() < 100 && shown.contains("short_term: "), "{shown}");
        }
    }
}
