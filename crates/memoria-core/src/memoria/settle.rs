//! What waits for the device, and what becomes of it once it is read.

use burn::backend::{Backend, TensorData, tensor::FloatTensor};

use super::{Memoria, Step};
use crate::{
    MemoriaError,
    attachment::RowAttachments,
    id::Slot,
    row::Row,
    step::{Due, OpenStep, check_gains, check_hidden_norms, close, forgive},
    store::read,
    threads::share_if,
};

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
        let read = read::<B>(tensors, self.computes_here());
        self.meter.waited();
        read.inspect_err(|_| self.withdraw())
    }

    /// Whether tensors of the memory's device lie in the host's memory.
    pub(super) fn computes_here(&self) -> bool {
        self.store.as_ref().is_some_and(|store| store.computes_here)
    }

    /// Takes what has to be read before the memory can be looked at: what is watched first, then gains, then
    /// what is incoming.
    pub(super) fn unsettled(&mut self) -> Vec<FloatTensor<B>> {
        let gains = match &self.step {
            Step::Adjusted(_, gains) => Some(gains.clone()),
            _ => None,
        };
        let incoming = self.incoming.iter_mut().filter_map(|incoming| incoming.to_read.take());
        self.watched.iter().cloned().chain(gains).chain(incoming).collect()
    }

    /// Reads and takes in what waits.
    pub(super) fn settle(&mut self) -> Result<(), MemoriaError> {
        self.meter.begin();
        let tensors = self.unsettled();
        let read = self.read(tensors)?;
        self.settle_with(&read)
    }

    /// [Settles](Self::settle) a memory that is not in the middle of a step.
    pub(crate) fn settle_between_steps(&mut self, what: &'static str) -> Result<(), MemoriaError> {
        self.settle()?;
        match self.step {
            Step::Reminded(_) => Err(MemoriaError::OpenStep { what }),
            Step::Begun | Step::Adjusted(..) => Ok(()),
        }
    }

    /// Settles with what [`unsettled`](Self::unsettled) asked for.
    pub(super) fn settle_with(&mut self, read: &[TensorData]) -> Result<(), MemoriaError> {
        let (due, config) = (self.due(read)?, self.config);
        self.for_each_row(|row, index, left| due.settle(row, index, &config, left));
        Ok(())
    }

    /// What the rows have to do, with what [`unsettled`](Self::unsettled) asked for. Refuses what is not
    /// finite, and then changes nothing but what the error says.
    pub(super) fn due(&mut self, read: &[TensorData]) -> Result<Due<B>, MemoriaError> {
        let read = match (&self.watched, read.split_first()) {
            (Some(_), Some((watched, read))) => {
                let norms: Vec<f64> = watched.iter().collect();
                // The rows of the segment: after a reset the memory may still have others.
                let rows = watched.shape().first().copied().unwrap_or_default();
                let checked = check_hidden_norms(&norms, rows, watched.dtype());
                checked.inspect_err(|_| self.withdraw())?;
                self.watched = None;
                read
            }
            _ => read,
        };
        let (gains, incoming) = match (&self.step, read.split_first()) {
            (Step::Adjusted(..), Some((gains, incoming))) => (Some(gains), incoming),
            _ => (None, read),
        };
        let is_shared = self.is_shared();
        if let Some(store) = &mut self.store {
            let mut written = self.incoming.iter().zip(incoming);
            let written = written.try_for_each(|(new, read)| new.write(store, read, is_shared));
            written.inspect_err(|_| self.withdraw())?;
        }
        self.meter.was_data();
        let mut closing = None;
        if let Some(gains) = gains
            && let Step::Adjusted(open, _) = core::mem::replace(&mut self.step, Step::Begun)
        {
            let mut gains: Vec<f64> = gains.iter().collect();
            if let Err(error) = check_gains(&open, &gains) {
                self.step = match &self.store {
                    Some(store) if open.forgives => {
                        forgive(&open, &mut gains);
                        let gains = gains.into_iter().map(|gain| gain as f32).collect();
                        let gains =
                            TensorData::new::<f32, _>(gains, [open.rows().len(), open.width()]);
                        Step::Adjusted(open, B::float_from_data(gains, &store.device))
                    }
                    _ => Step::Reminded(open),
                };
                self.withdraw();
                return Err(error);
            }
            closing = Some((open, gains));
        }
        Ok(Due { closing, incoming: core::mem::take(&mut self.incoming) })
    }

    /// Ends a step in every row, with the gain of each reminded engram by row and place.
    pub(super) fn close(&mut self, open: &OpenStep, gain: impl Fn(usize, usize) -> f32 + Sync) {
        self.meter.begin();
        let config = self.config;
        self.for_each_row(|row, index, left| {
            if !open.is_absent(index) {
                close(row, open.row(index), |place| gain(index, place), &config, left);
            }
        });
    }

    /// Calls `each` with every row, its index and a list for the slots that its dead leave. Rows share nothing, so
    /// that which thread computes them, and in which order, makes no difference.
    fn for_each_row(&mut self, each: impl Fn(&mut Row, usize, &mut Vec<Slot>) + Sync) {
        let is_shared = self.is_shared();
        let left = share_if(is_shared, self.lanes.iter_mut().enumerate(), |(index, lane)| {
            let mut left = Vec::new();
            each(&mut lane.row, index, &mut left);
            left
        });
        self.release(left.into_iter().flatten());
        self.meter.was_control();
    }

    /// Makes slots that the dead have left available again.
    pub(super) fn release(&mut self, left: impl IntoIterator<Item = Slot>) {
        if let Some(store) = &mut self.store {
            store.slots.release(left);
        }
    }

    /// Empties rows; what waits for them is dropped.
    pub(super) fn empty(&mut self, rows: &[usize]) {
        let Some(store) = &mut self.store else { return };
        for &row in rows {
            self.attachments[row] = RowAttachments::default();
            store.slots.release(self.lanes[row].clear());
            for incoming in &mut self.incoming {
                store.slots.release(incoming.empty(row));
            }
            if let Step::Reminded(open) | Step::Adjusted(open, _) = &mut self.step {
                open.forget(row);
            }
        }
        for incoming in self.incoming.extract_if(.., |incoming| incoming.is_empty()) {
            let rows = self.lanes.iter_mut().enumerate();
            rows.for_each(|(index, lane)| incoming.skip_ids(&mut lane.row, index));
        }
    }

    fn withdraw(&mut self) {
        self.watched = None;
        self.withdraw_added();
    }

    /// Drops what was added and not settled yet.
    #[doc(hidden)]
    pub fn withdraw_added(&mut self) {
        if let Some(store) = &mut self.store {
            self.incoming.drain(..).for_each(|incoming| store.slots.release(incoming.held()));
        }
    }
}
