use burn::lr_scheduler::{
    LrSchedulerConfig, cosine::CosineAnnealingLrSchedulerConfig, linear::LinearLrSchedulerConfig,
    module_lr_scheduler::ModuleLrScheduler, sequential::SequentialLrSchedulerConfig,
};

use crate::{
    TaskError,
    config::{Decay, TrainingConfig},
};

/// Returns the learning rate of each optimizer step: it rises linearly, then follows the configured decay.
pub(super) fn schedule(config: &TrainingConfig) -> Result<ModuleLrScheduler, TaskError> {
    let (rate, steps) = (config.learning_rate, config.optimizer_steps());
    let warmup = config.warmup.min(steps);
    let rest = (steps - warmup).max(1);
    let decay = match config.decay {
        Decay::None => LrSchedulerConfig::Constant(rate),
        Decay::Cosine => CosineAnnealingLrSchedulerConfig::new(rate, rest).into(),
        Decay::Linear => LinearLrSchedulerConfig::new(rate, 0.0, rest).into(),
    };
    let first = rate / warmup.max(1) as f64;
    let scheduler = match warmup {
        0 => SequentialLrSchedulerConfig::new(vec![decay], vec![]),
        _ => {
            // With `warmup` iterations the rate would be reached one step after the warmup.
            let up = LinearLrSchedulerConfig::new(first, rate, (warmup - 1).max(1)).into();
            SequentialLrSchedulerConfig::new(vec![up, decay], vec![warmup])
        }
    };
    scheduler.init().map_err(TaskError::Training)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(warmup: usize, decay: Decay) -> Vec<f64> {
        let config = TrainingConfig {
            epochs: 2,
            epoch_steps: 4,
            learning_rate: 0.4,
            warmup,
            decay,
            ..TrainingConfig::default()
        };
        let mut schedule = schedule(&config).unwrap();
        (0..8).map(|_| schedule.step().base()).collect()
    }

    #[test]
    fn rates_rise_and_fall() {
        let close = |rates: Vec<f64>, expected: [f64; 8]| {
            for (rate, expected) in rates.iter().zip(expected) {
                assert!((rate - expected).abs() < 1e-9, "{rates:?}");
            }
        };
        close(rates(0, Decay::None), [0.4; 8]);
        close(rates(4, Decay::None), [0.1, 0.2, 0.3, 0.4, 0.4, 0.4, 0.4, 0.4]);
        close(rates(4, Decay::Linear), [0.1, 0.2, 0.3, 0.4, 0.4, 0.3, 0.2, 0.1]);
        let cosine = rates(0, Decay::Cosine);
        assert!((cosine[0] - 0.4).abs() < 1e-9 && (cosine[4] - 0.2).abs() < 1e-9);
        assert!(cosine.windows(2).all(|pair| pair[0] > pair[1]));
    }
}
