//! The invariants of a memory.

use burn::backend::Backend;

use super::{Memoria, Step};
use crate::{
    Invariant, MemoriaError,
    id::Slot,
    invariant::{Finding, ensure},
    step::{Incoming, OpenStep, largest_squared_norm},
};

impl<B: Backend> Memoria<B> {
    /// Checks every [invariant](Invariant) of the memory and reports the first broken one.
    ///
    /// A memory keeps them for any input. A broken one means a fault of this crate, or that something else wrote into
    /// its storage. Does not wait for working memories and gains that are still to be read.
    ///
    /// Costs a visit to every vector (on a device a round trip per megabyte of them), and a count of every engram's
    /// connections: much more than a step. For tests, and for suspected faults.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::BrokenInvariant`]; [`MemoriaError::Device`].
    pub fn verify(&self) -> Result<(), MemoriaError> {
        self.verify_bookkeeping()?;
        let Some(store) = &self.store else { return Ok(()) };
        let finite = 0.0..largest_squared_norm(store.dtype);
        for (index, lane) in self.lanes.iter().enumerate() {
            let slots: Vec<Slot> = lane.row.slots().collect();
            for slots in slots.chunks(store.slots_at_once()) {
                for norm in store.host_squared_norms(&store.vectors(slots)?) {
                    let found = format_args!("one has a squared norm of {norm}");
                    let verified = ensure(finite.contains(&norm), Invariant::Vector, found);
                    verified.map_err(|finding| broken(Some(index), finding))?;
                }
            }
        }
        Ok(())
    }

    /// [`verify`](Self::verify) without the vectors.
    pub(crate) fn verify_bookkeeping(&self) -> Result<(), MemoriaError> {
        self.verify_batch().map_err(|finding| broken(None, finding))?;
        for (index, lane) in self.lanes.iter().enumerate() {
            let verified = lane.verify(&self.config);
            verified.map_err(|finding| broken(Some(index), finding))?;
        }
        let Some(store) = &self.store else { return Ok(()) };
        let of_rows = self.lanes.iter().flat_map(|lane| lane.row.slots());
        let waiting = self.incoming.iter().flat_map(Incoming::held);
        let slots = store.slots.verify(of_rows.chain(waiting));
        slots.map_err(|found| broken(None, Finding::new(Invariant::Slot, found)))?;
        if let Step::Reminded(open) | Step::Adjusted(open, _) = &self.step {
            self.verify_open(open)?;
        }
        Ok(())
    }

    fn verify_batch(&self) -> Result<(), Finding> {
        let batch = self.lanes.len();
        let found = format_args!("{batch} rows; vectors? {}", self.store.is_some());
        ensure(self.store.is_some() == (batch > 0), Invariant::Batch, found)?;
        let found = format_args!("attachments of {} rows for {batch}", self.attachments.len());
        ensure(self.attachments.len() == batch, Invariant::Batch, found)?;
        for incoming in &self.incoming {
            let fits = incoming.batch() == batch && incoming.is_whole();
            let found = format_args!("{} incoming rows for {batch}", incoming.batch());
            ensure(fits, Invariant::Batch, found)?;
        }
        if let Step::Reminded(open) | Step::Adjusted(open, _) = &self.step {
            let found = format_args!("{} open rows for {batch}", open.rows().len());
            ensure(open.rows().len() == batch, Invariant::Batch, found)?;
        }
        Ok(())
    }

    fn verify_open(&self, open: &OpenStep) -> Result<(), MemoriaError> {
        let rows = self.lanes.iter().map(|lane| &lane.row);
        for (index, (row, reminded)) in rows.zip(open.rows()).enumerate() {
            let first_new = row.working().first().map(|member| member.id);
            let is_old = |id| first_new.is_none_or(|first| id < first);
            let fits = reminded.len() <= open.width()
                && reminded.is_sorted_by(|a, b| a < b)
                && reminded.iter().all(|&member| row.lives(member) && is_old(member.id));
            let open = ensure(fits, Invariant::OpenStep, format_args!("{reminded:?}"));
            open.map_err(|finding| broken(Some(index), finding))?;
        }
        Ok(())
    }
}

fn broken(row: Option<usize>, finding: Finding) -> MemoriaError {
    let Finding { invariant, found } = finding;
    MemoriaError::BrokenInvariant { invariant, row, found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        EngramId, LifespanGain, MemoriaConfig, Storage,
        bookkeeping::marks::Marks,
        id::{Entry, Member},
        search::Found,
    };
    use std::sync::Arc;

    use burn::backend::{Flex, TensorData, ops::FloatTensorOps};
    use rstest::rstest;

    /// Two rows, reminded in their third step, with pending working memories.
    fn lived(storage: Storage) -> Memoria<Flex> {
        let config = MemoriaConfig::new(2, 3, 2, 3.0, 2);
        let mut memory = Memoria::new(config).unwrap().with_storage(storage);
        let numbers = |step: usize| (0..24).map(|i| ((i + step) as f32).sin()).collect();
        let add = |memory: &mut Memoria<Flex>, step| {
            let data = TensorData::new::<f32, _>(numbers(step), [2, 3, 4]);
            memory.add_working_memory(Flex::float_from_data(data, &Default::default())).unwrap();
        };
        for step in 0..3 {
            add(&mut memory, step);
            let reminded = memory.remind().unwrap();
            if step < 2 {
                memory.adjust(&reminded, LifespanGain::Zero).unwrap();
            }
        }
        add(&mut memory, 3);
        memory.verify().unwrap();
        memory
    }

    fn open(memory: &mut Memoria<Flex>) -> &mut Vec<Found> {
        match &mut memory.step {
            Step::Reminded(open) => Arc::make_mut(&mut open.found),
            _ => panic!("it was reminded"),
        }
    }

    fn reminding_of(member: Member) -> Found {
        let mut found = Found::default();
        found.conclude(&[member], &[]);
        found
    }

    #[rstest]
    #[case::no_rows(Invariant::Batch, |memory: &mut Memoria<Flex>| memory.lanes.clear())]
    #[case::a_row_too_many(Invariant::Batch, |memory: &mut Memoria<Flex>| memory.lanes.push(Default::default()))]
    #[case::incoming(Invariant::Batch, |memory: &mut Memoria<Flex>| { memory.incoming[0].slots.pop(); })]
    #[case::unread(Invariant::Batch, |memory: &mut Memoria<Flex>| { memory.incoming[0].to_read = None; })]
    #[case::open(Invariant::Batch, |memory: &mut Memoria<Flex>| { open(memory).pop(); })]
    #[case::kind(Invariant::Capacity, |memory: &mut Memoria<Flex>| memory.config.stm_capacity = 1)]
    #[case::marks(Invariant::Scratch, |memory: &mut Memoria<Flex>| {
        memory.lanes[1].workspace.visited = Marks::unclear();
    })]
    #[case::slots(Invariant::Slot, |memory: &mut Memoria<Flex>| { memory.incoming.clear(); })]
    #[case::given_back(Invariant::Slot, |memory: &mut Memoria<Flex>| {
        let slots: Vec<Slot> = memory.lanes[1].row.slots().collect();
        memory.store.as_mut().unwrap().slots.release(slots);
    })]
    #[case::dead(Invariant::OpenStep, |memory: &mut Memoria<Flex>| {
        let dead = Member { id: EngramId(77), entry: Entry(0) };
        open(memory)[0] = reminding_of(dead);
    })]
    #[case::working(Invariant::OpenStep, |memory: &mut Memoria<Flex>| {
        let working = memory.lanes[0].row.working()[0];
        open(memory)[0] = reminding_of(working);
    })]
    fn what_is_broken_is_named(
        #[values(Storage::Host, Storage::Device)] storage: Storage,
        #[case] expected: Invariant,
        #[case] fault: fn(&mut Memoria<Flex>),
    ) {
        let mut memory = lived(storage);
        fault(&mut memory);
        match memory.verify() {
            Err(MemoriaError::BrokenInvariant { invariant, .. }) if invariant == expected => {}
            other => panic!("{other:?}"),
        }
    }

    #[rstest]
    fn a_vector_that_is_not_finite_is_named(
        #[values(Storage::Host, Storage::Device)] storage: Storage,
        #[values(f32::NAN, f32::INFINITY, 1e19)] bad: f32,
    ) {
        let mut memory = lived(storage);
        let slot = memory.lanes[1].row.slots().next().unwrap();
        let data = TensorData::new(vec![0.5, bad, 0.5, 0.5], [1, 4]);
        memory.store.as_mut().unwrap().put(&[slot], data);
        match memory.verify() {
            Err(MemoriaError::BrokenInvariant {
                invariant: Invariant::Vector,
                row: Some(1),
                ..
            }) => {}
            other => panic!("{other:?}"),
        }
    }
}
