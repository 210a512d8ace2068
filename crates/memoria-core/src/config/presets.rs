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
