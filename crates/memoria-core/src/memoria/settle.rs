//! What waits for the device, and what becomes of it once it is read.

use std::time::Instant;

use burn::backend::{Backend, tensor::FloatTensor};

use super::{Memoria, Step};
use crate::{MemoriaError, pool::read, reminded::OpenStep};

impl<B: Backend> Memoria<B> {
    /// Reads tensors, waiting for the device once; for no tensors not at all.
    pub(super) fn read(
        &mut self,
        tensors: Vec<FloatTensor<B>>,
    ) -> Result<Vec<Vec<f64>>, MemoriaError> {
        if tensors.is_empty() {
            return Ok(Vec::new());
        }
        let started = Instant::now();
        let read = read::<B>(tensors);
        self.costs.round_trips += 1;
        self.costs.data_plane += started.elapsed();
        read
    }

    /// What has to be read before the memory can be looked at: gains first, then squared norms.
    pub(super) fn unsettled(&self) -> Vec<FloatTensor<B>> {
        let gains = match &self.step {
            Step::Adjusted(_, gains) => Some(gains.clone()),
            _ => None,
        };
        let norms = self.incoming.iter().map(|incoming| incoming.squared_norms.clone());
        gains.into_iter().chain(norms).collect()
    }

    pub(super) fn settle(&mut self) -> Result<(), MemoriaError> {
        let read = self.read(self.unsettled())?;
        self.settle_with(&read)
    }

    /// Finishes an adjustment and admits what was added, with what [`unsettled`](Self::unsettled)
    /// asked for. Refuses what is not finite, and then changes nothing but what the error says.
    pub(super) fn settle_with(&mut self, read: &[Vec<f64>]) -> Result<(), MemoriaError> {
        let started = Instant::now();
        let (gains, norms) = match (&self.step, read.split_first()) {
            (Step::Adjusted(..), Some((gains, norms))) => (Some(gains), norms),
            _ => (None, read),
        };
        if let Err(error) = self.check_norms(norms) {
            self.withdraw();
            return Err(error);
        }
        if let Some(gains) = gains
            && let Step::Adjusted(open, _) = core::mem::replace(&mut self.step, Step::Begun)
        {
            if let Err(error) = check_gains(&open, gains) {
                self.step = Step::Reminded(open);
                self.withdraw();
                return Err(error);
            }
            let width = open.width();
            self.close(&open, |row, place| gains[row * width + place] as f32);
        }
        for incoming in core::mem::take(&mut self.incoming) {
            for (row, slots) in self.rows.iter_mut().zip(&incoming.rows) {
                if slots.is_empty() {
                    row.skip_ids(incoming.count);
                } else {
                    row.admit(slots, self.config.initial_lifespan);
                }
            }
        }
        self.costs.control_plane += started.elapsed();
        Ok(())
    }

    /// Ends a step in every row, with the gain of each reminded engram by row and place.
    pub(super) fn close(&mut self, open: &OpenStep, gain: impl Fn(usize, usize) -> f32) {
        for (index, (row, reminded)) in self.rows.iter_mut().zip(&open.rows).enumerate() {
            let gains =
                reminded.iter().enumerate().map(|(place, &(entry, _))| (entry, gain(index, place)));
            let left = row.adjust(gains, self.config.stm_capacity);
            if let Some(pool) = &mut self.pool {
                pool.release(left);
            }
        }
    }

    /// Empties rows; what waits for them is dropped.
    pub(super) fn empty(&mut self, rows: &[usize]) {
        let Some(pool) = &mut self.pool else { return };
        for &row in rows {
            pool.release(self.rows[row].clear());
            for incoming in &mut self.incoming {
                pool.release(incoming.rows[row].drain(..));
            }
            if let Step::Reminded(open) | Step::Adjusted(open, _) = &mut self.step {
                open.forget(row);
            }
        }
        for incoming in self.incoming.extract_if(.., |incoming| incoming.is_empty()) {
            self.rows.iter_mut().for_each(|row| row.skip_ids(incoming.count));
        }
    }

    fn check_norms(&self, norms: &[Vec<f64>]) -> Result<(), MemoriaError> {
        let Some(pool) = &self.pool else { return Ok(()) };
        self.incoming
            .iter()
            .zip(norms)
            .try_for_each(|(incoming, norms)| incoming.check(norms, pool.dtype()))
    }

    fn withdraw(&mut self) {
        if let Some(pool) = &mut self.pool {
            pool.release(self.incoming.drain(..).flat_map(|incoming| incoming.rows).flatten());
        }
    }
}

fn check_gains(open: &OpenStep, gains: &[f64]) -> Result<(), MemoriaError> {
    let width = open.width();
    for (row, reminded) in open.rows.iter().enumerate() {
        for (place, &(_, engram)) in reminded.iter().enumerate() {
            let got = gains[row * width + place];
            if !(got as f32).is_finite() {
                return Err(MemoriaError::NonFiniteGain { row, engram, got });
            }
        }
    }
    Ok(())
}
