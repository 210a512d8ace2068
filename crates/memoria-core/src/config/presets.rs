//! Configurations with names.

use super::{LongTermSearch, MemoriaConfig};

impl MemoriaConfig {
    /// For small models that learn what to be reminded of: 8 engrams of all, those of the last 64 searched
    /// apart, and a lifespan of 128 steps.
    ///
    /// Long-term memory is searched as a whole: learned recall asks for what is near the question, which need
    /// never have fired with what is asked now, and so is out of the reach of a walk. What is not asked for
    /// within its lifespan is gone: give it at least half of the steps of a document.
    pub fn small() -> Self {
        Self::new(4, 64, 10, 128.0, 4).with_long_term_search(LongTermSearch::Nearest)
    }

    /// As [`small`](Self::small), for larger ones: 32 engrams, those of the last 512 searched apart, and a
    /// lifespan of 512 steps.
    pub fn base() -> Self {
        Self::new(16, 512, 10, 512.0, 16).with_long_term_search(LongTermSearch::Nearest)
    }

    /// The paper's for WikiText-103, with 50 memories a segment.
    pub fn paper_wikitext103() -> Self {
        Self::new(50, 400, 10, 9.0, 50)
    }

    /// The paper's for enwik8, with 128 memories a segment.
    pub fn paper_enwik8() -> Self {
        Self::new(192, 1536, 10, 9.0, 192)
    }

    /// The paper's for sorting, with 128 memories a segment.
    pub fn paper_sorting() -> Self {
        Self::new(256, 512, 10, 5.0, 640)
    }

    /// Sets [how many short-term engrams](Self::num_reminded_stm) are reminded.
    pub fn with_num_reminded_stm(mut self, num_reminded_stm: usize) -> Self {
        self.num_reminded_stm = num_reminded_stm;
        self
    }

    /// Sets [how many short-term engrams](Self::stm_capacity) there are.
    pub fn with_stm_capacity(mut self, stm_capacity: usize) -> Self {
        self.stm_capacity = stm_capacity;
        self
    }

    /// Sets [how far a walk goes](Self::ltm_search_depth).
    pub fn with_ltm_search_depth(mut self, ltm_search_depth: usize) -> Self {
        self.ltm_search_depth = ltm_search_depth;
        self
    }

    /// Sets the [lifespan](Self::initial_lifespan) of new engrams, in steps.
    pub fn with_initial_lifespan(mut self, initial_lifespan: f32) -> Self {
        self.initial_lifespan = initial_lifespan;
        self
    }

    /// Sets [how many long-term engrams](Self::num_final_ltms) are reminded.
    pub fn with_num_final_ltms(mut self, num_final_ltms: usize) -> Self {
        self.num_final_ltms = num_final_ltms;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    fn all_are_valid_and_may_be_changed(
        #[values(
            MemoriaConfig::small(),
            MemoriaConfig::base(),
            MemoriaConfig::paper_wikitext103(),
            MemoriaConfig::paper_enwik8(),
            MemoriaConfig::paper_sorting()
        )]
        config: MemoriaConfig,
    ) {
        config.validate().unwrap();
        let changed = config
            .with_num_reminded_stm(1)
            .with_stm_capacity(2)
            .with_ltm_search_depth(3)
            .with_initial_lifespan(4.0)
            .with_num_final_ltms(5);
        let expected = MemoriaConfig::new(1, 2, 3, 4.0, 5);
        assert_eq!(changed, expected.with_long_term_search(config.long_term_search));
    }
}
