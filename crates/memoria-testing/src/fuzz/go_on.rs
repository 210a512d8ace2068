//! Steps that every memory must be able to take.

use burn::backend::{Flex, TensorData, ops::FloatTensorOps};
use memoria::{LifespanGain, Memoria, MemoriaError};

pub(super) fn go_on(memory: &mut Memoria<Flex>, dim: usize) {
    let batch = memory.batch().max(1);
    for step in 0..3 {
        let numbers = (0..batch * 2 * dim).map(|i| ((i + step) as f32).sin()).collect();
        let data = TensorData::new::<f32, _>(numbers, [batch, 2, dim]);
        let data = Flex::float_from_data(data, &Default::default());
        match memory.add_working_memory(data) {
            Ok(()) | Err(MemoriaError::IdsExhausted { .. } | MemoriaError::WrongDType { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        let reminded = memory.remind().unwrap();
        let gains = (0..reminded.batch()).map(|row| vec![1.5; reminded.ids(row).len()]).collect();
        memory.adjust(&reminded, LifespanGain::Host(gains)).unwrap();
        memory.verify().unwrap();
    }
}
