//! What waits for the device, and what becomes of it once it is read.

use std::time::{Duration, Instant};

use burn::backend::{Backend, TensorData, tensor::FloatTensor};

use super::{Memoria, Step, rows::for_each_row};
use crate::{MemoriaError, id::Member, pool::read, reminded::OpenStep};

impl<B: Backend> Memoria<B> {
    /// Reads tensors, waiting for the device once; for no tensors not at all. If that fails, what was
    /// incoming is withdrawn.
    pub(super) fn read(
        &mut self,
        tensors: Vec<FloatTensor<B>>,
    ) -> Result<Vec<TensorData>, MemoriaError> {
        if tensors.is_empty() {
            return Ok(Vec::new());
        }
        let started = Instant::now();
        let read = read::<B>(tensors);
        self.costs.round_trips += 1;
        self.costs.data_plane += started.elapsed();
        if read.is_err() {
            self.withdraw();
        }
        read
    }

    /// Takes what has to be read before the memory can be looked at: gains first, then what is
    /// incoming.
    pub(super) fn unsettled(&mut self) -> Vec<FloatTensor<B>> {
        let gains = match &self.step {
            Step::Adjusted(_, gains) => Some(gains.clone()),
            _ => None,
        };
        let incoming = self.incoming.iter_mut().filter_map(|incoming| incoming.to_read.take());
        gains.into_iter().chain(incoming).collect()
    }

    pub(super) fn settle(&mut self) -> Result<(), MemoriaError> {
        let tensors = self.unsettled();
        let read = self.read(tensors)?;
        self.settle_with(&read)
    }

    /// Finishes an adjustment and admits what was added, with what [`unsettled`](Self::unsettled)
    /// asked for. Refuses what is not finite, and then changes nothing but what the error says.
    pub(super) fn settle_with(&mut self, read: &[TensorData]) -> Result<(), MemoriaError> {
        let started = Instant::now();
        let mut writing = Duration::ZERO;
        let (gains, incoming) = match (&self.step, read.split_first()) {
            (Step::Adjusted(..), Some((gains, incoming))) => (Some(gains), incoming),
            _ => (None, read),
        };
        if let Err(error) = self.check_incoming(incoming) {
            self.withdraw();
            return Err(error);
        }
        if let Some(gains) = gains
            && let Step::Adjusted(open, _) = core::mem::replace(&mut self.step, Step::Begun)
        {
            let gains: Vec<f64> = gains.iter().collect();
            if let Err(error) = check_gains(&open, &gains) {
                self.step = Step::Reminded(open);
                self.withdraw();
                return Err(error);
            }
            let width = open.width();
            self.close(&open, |row, place| gains[row * width + place] as f32);
        }
        for (incoming, read) in core::mem::take(&mut self.incoming).into_iter().zip(incoming) {
            if let Some(pool) = &mut self.pool {
                let started = Instant::now();
                pool.write_read(incoming.slots(), read);
                self.costs.data_plane += started.elapsed();
                writing += started.elapsed();
            }
            for (row, slots) in self.rows.iter_mut().zip(&incoming.rows) {
                if slots.is_empty() {
                    row.skip_ids(incoming.count);
                } else {
                    row.admit(slots, self.config.initial_lifespan);
                }
            }
        }
        self.costs.control_plane += started.elapsed().saturating_sub(writing);
        Ok(())
    }

    /// Ends a step in every row, with the gain of each reminded engram by row and place.
    pub(super) fn close(&mut self, open: &OpenStep, gain: impl Fn(usize, usize) -> f32 + Sync) {
        let stm_capacity = self.config.stm_capacity;
        let rows: Vec<_> = open.rows.iter().enumerate().collect();
        let left = for_each_row(&mut self.rows, &rows, true, |row, &(index, reminded)| {
            let gains = reminded.iter().enumerate();
            let gains = gains.map(|(place, member)| (member.entry, gain(index, place)));
            row.adjust(gains, stm_capacity)
        });
        if let Some(pool) = &mut self.pool {
            pool.release(left.into_iter().flatten());
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

    fn check_incoming(&self, read: &[TensorData]) -> Result<(), MemoriaError> {
        let Some(pool) = &self.pool else { return Ok(()) };
        let mut incoming = self.incoming.iter().zip(read);
        incoming.try_for_each(|(incoming, read)| incoming.check(pool, read))
    }

    fn withdraw(&mut self) {
        if let Some(pool) = &mut self.pool {
            pool.release(self.incoming.drain(..).flat_map(|incoming| incoming.rows).flatten());
        }
    }
}

pub(super) fn check_gains(open: &OpenStep, gains: &[f64]) -> Result<(), MemoriaError> {
    let width = open.width();
    for (row, reminded) in open.rows.iter().enumerate() {
        for (place, &Member { id: engram, .. }) in reminded.iter().enumerate() {
            let got = gains[row * width + place];
            if !(got as f32).is_finite() {
                return Err(MemoriaError::NonFiniteGain { row, engram, got });
            }
        }
    }
    Ok(())
}
