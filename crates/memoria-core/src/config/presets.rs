//! Named configurations.

use super::{LongTermSearch, MemoriaConfig};

impl MemoriaConfig {
    /// For small models that learn what to be reminded of. A step reminds of 4 of the last 64 engrams and of 4 older
    /// ones; a lifespan is 128 steps.
    ///
    /// Searches all long-term memory. Learned recall asks for engrams near the question, which need not have fired with
    /// the present ones, so a walk would not reach them. Engrams that are not reminded within their lifespan are
    /// forgotten: set it to at least half of the steps of a document.
    pub fn small() -> Self {
        Self::new(4, 64, 10, 128.0, 4).with_long_term_search(LongTermSearch::Nearest)
    }

    /// As [`small`](Self::small), for larger models. A step reminds of 16 of the last 512 engrams and of 16 older ones;
    /// a lifespan is 512 steps.
    pub fn base() -> Self {
        Self::new(16, 512, 10, 512.0, 16).with_long_term_search(LongTermSearch::Nearest)
    }

    /// The paper's values for WikiText-103, with 50 memories a segment.
    pub fn paper_wikitext103() -> Self {
        Self::new(50, 400, 10, 9.0, 50)
    }

    /// The paper's values for enwik8, with 128 memories a segment.
    pub fn paper_enwik8() -> Self {
        Self::new(192, 1536, 10, 9.0, 192)
    }

    /// The paper's values for sorting, with 128 memories a segment.
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
