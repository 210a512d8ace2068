//! A snapshot whose checksums are right but that tells of a memory that cannot be is refused, with what
//! cannot be.

use crate::support::sealed::{Contents, seal};
use burn::backend::{Flex, TensorData, ops::FloatTensorOps};
use memoria::{EngramId, EngramKind, LifespanGain, Memoria, MemoriaError, Restore, SnapshotInfo};
use rstest::rstest;

fn restore(bytes: &[u8]) -> Result<Memoria<Flex>, MemoriaError> {
    Ok(Restore::new(&Default::default()).read_bytes(bytes)?.memory)
}

#[test]
fn a_sound_one_says_what_it_says() {
    let sealed = Contents::default().sealed();
    let info = SnapshotInfo::read(&sealed[..]).unwrap();
    assert_eq!((info.rows, info.dim, info.engrams), (1, Some(2), 6));
    assert_eq!((info.config.stm_capacity, info.config.seed), (2, 7));
    assert_eq!(
        info.attributes.into_iter().collect::<Vec<_>>(),
        [("a".to_owned(), b"1".to_vec()), ("b".to_owned(), vec![])]
    );
    let mut memory = restore(&sealed).unwrap();
    memory.verify().unwrap();
    let state = memory.state().unwrap();
    let row = state.row(0).unwrap();
    let engrams: Vec<_> = row.engrams().collect();
    let ids: Vec<u64> = engrams.iter().map(|engram| engram.id.0).collect();
    assert_eq!(ids, [2, 3, 5, 6, 9, 10]);
    let ages: Vec<u64> = engrams.iter().map(|engram| engram.age).collect();
    assert_eq!(ages, [6, 5, 3, 3, 0, 0]);
    let kinds: Vec<EngramKind> = engrams.iter().map(|engram| engram.kind).collect();
    use EngramKind::{LongTerm, ShortTerm, Working};
    assert_eq!(kinds, [LongTerm, LongTerm, ShortTerm, ShortTerm, Working, Working]);
    let count = |a, b| row.cofire_count(EngramId(a), EngramId(b)).unwrap();
    assert_eq!([count(2, 3), count(5, 2), count(3, 5)], [6, 7, 5]);
    assert_eq!([count(2, 6), count(6, 9), count(2, 2)], [1, 0, 7]);
    assert_eq!(memory.snapshot().unwrap().to_bytes().unwrap().len(), {
        // The same but for attributes, which belong to the snapshot.
        Contents { attributes: vec![], ..Contents::default() }.sealed().len()
    });
}

#[rstest]
#[case::lifespan("initial_lifespan", |c: &mut Contents| c.initial_lifespan = 0.0)]
#[case::correlation("correlation 2", |c: &mut Contents| c.correlation = 2)]
#[case::storage("storage 9", |c: &mut Contents| c.storage = 9)]
#[case::attribute_order("out of order", |c: &mut Contents| c.attributes.swap(0, 1))]
#[case::attribute_twice("out of order", |c: &mut Contents| c.attributes[1].0 = b"a".to_vec())]
#[case::attribute_name("not text", |c: &mut Contents| c.attributes[1].0 = vec![0xff])]
#[case::no_dimension("dimension of 0", |c: &mut Contents| c.dim = 0)]
#[case::dimension("more than can be", |c: &mut Contents| c.dim = 1 << 63)]
#[case::large_dimension("dimension of", |c: &mut Contents| c.dim = 1 << 61)]
#[case::dtype("float type 5", |c: &mut Contents| c.dtype = 5)]
#[case::too_few_engrams("should have 5", |c: &mut Contents| c.engrams_in_all = 5)]
#[case::more_rows("ends too early", |c: &mut Contents| c.rows = u64::MAX >> 1)]
#[case::next_id("below 10", |c: &mut Contents| c.next_id = 10)]
#[case::steps("steps", |c: &mut Contents| c.steps = u64::MAX)]
#[case::reminds("reminds", |c: &mut Contents| c.reminds = u64::MAX)]
#[case::young_row("age", |c: &mut Contents| c.steps = 5)]
#[case::counts("engrams", |c: &mut Contents| c.counts = [1 << 62, 1 << 62, 1 << 62])]
#[case::many("engrams", |c: &mut Contents| c.counts[1] = 1 << 32)]
#[case::capacity("capacity", |c: &mut Contents| c.stm_capacity = 1)]
#[case::working_too_early("age", |c: &mut Contents| c.counts = [3, 1, 2])]
#[case::short_term_too_late("age", |c: &mut Contents| c.engrams[3].age = 3)]
#[case::id("below", |c: &mut Contents| c.engrams[5].id = u64::MAX)]
#[case::age("age", |c: &mut Contents| c.engrams[3].age = 4)]
#[case::dead("0 steps left", |c: &mut Contents| c.engrams[3].lifespan = 0.0)]
#[case::nan("NaN steps left", |c: &mut Contents| c.engrams[3].lifespan = f32::NAN)]
#[case::eternal("inf steps left", |c: &mut Contents| c.engrams[3].lifespan = f32::INFINITY)]
#[case::fires("fired more often", |c: &mut Contents| c.engrams[0].fire_count = 1 << 32)]
#[case::fires_unreminded("fire count", |c: &mut Contents| c.reminds = 6)]
#[case::fires_together("co-firing count", |c: &mut Contents| c.engrams[0].fire_count = 6)]
#[case::fires_in_log("co-firing count", |c: &mut Contents| c.engrams[3].fire_count = 0)]
#[case::long_term_twice("long-term twice", |c: &mut Contents| c.long_term[1] = 1)]
#[case::not_long_term("long-term twice or not", |c: &mut Contents| c.long_term[1] = 2)]
#[case::firings("firings", |c: &mut Contents| c.firings.0 = 1 << 32)]
#[case::more_firings("", |c: &mut Contents| c.firings.0 = 3)]
#[case::alone("fewer than two", |c: &mut Contents| c.firings.1[0] = vec![1, 0])]
#[case::beyond("beyond the last of 6", |c: &mut Contents| c.firings.1[0][3] = 4)]
#[case::far_beyond("beyond the last of 6", |c: &mut Contents| c.firings.1[0][3] = u64::MAX)]
#[case::firing_order("order", |c: &mut Contents| c.firings.1.swap(0, 1))]
#[case::tied_to_nobody("no ties", |c: &mut Contents| c.ties.1[1] = vec![0, 0])]
#[case::tied_to_itself("beyond", |c: &mut Contents| c.ties.1[1] = vec![4, 1, 0, 3])]
#[case::zero_tie("a tie of 0", |c: &mut Contents| c.ties.1[1][3] = 0)]
#[case::large_tie("a tie of", |c: &mut Contents| c.ties.1[1][3] = 1 << 32)]
#[case::heavy_tie("co-firing count", |c: &mut Contents| c.ties.1[1][3] = 6)]
#[case::vector("vector 5 has a squared norm of NaN", |c: &mut Contents| c.vectors[11] = f32::NAN)]
#[case::norm("vector 0 has a squared norm of", |c: &mut Contents| c.vectors[0] = 1e19)]
#[case::short("ends too early", |c: &mut Contents| { c.vectors.pop(); })]
#[case::long("more in it", |c: &mut Contents| c.rest.push(0))]
fn what_cannot_be_is_refused(#[case] named: &str, #[case] change: fn(&mut Contents)) {
    let mut contents = Contents::default();
    change(&mut contents);
    match restore(&contents.sealed()) {
        Err(error @ MemoriaError::Invalid { .. }) => {
            let text = error.to_string();
            assert!(
                text.starts_with("this snapshot is not valid") && text.contains(named),
                "{text}"
            );
        }
        other => panic!("{other:?}"),
    }
}

/// A number may be written in one way only.
#[test]
fn a_number_with_zeros_in_front_is_refused() {
    let mut bytes = Contents::default().bytes();
    assert_eq!(bytes[0], 4);
    bytes.splice(0..1, [0x84, 0]);
    assert!(matches!(restore(&seal(&bytes)), Err(MemoriaError::Invalid { .. })));
    bytes.splice(0..2, [0xff; 11]);
    assert!(matches!(restore(&seal(&bytes)), Err(MemoriaError::Invalid { .. })));
}

/// One step with two new engrams of dimension 2.
fn step(memory: &mut Memoria<Flex>) -> Result<(), MemoriaError> {
    let data = TensorData::new(vec![0.25f32, 1.0, 0.5, -1.0], [1, 2, 2]);
    memory.add_working_memory(Flex::float_from_data(data, &Default::default()))?;
    let reminded = memory.remind()?;
    memory.adjust(&reminded, LifespanGain::Zero)
}

/// Where counters end. Snapshots get there; nothing else lives that long.
#[test]
fn counters_at_their_ends() {
    // All identities but the last few are used up.
    let mut contents = Contents { next_id: u64::MAX - 3, ..Contents::default() };
    let mut memory = restore(&contents.sealed()).unwrap();
    step(&mut memory).unwrap();
    let newest = memory.state().unwrap().row(0).unwrap().engrams().last().unwrap().id;
    assert_eq!(newest, EngramId(u64::MAX - 2));
    match step(&mut memory) {
        Err(MemoriaError::IdsExhausted { row: 0, left: 1, requested: 2 }) => {}
        other => panic!("{other:?}"),
    }
    memory.verify().unwrap();
    let bytes = memory.snapshot().unwrap().to_bytes().unwrap();
    restore(&bytes).unwrap();

    // Beyond 2³² identities and steps nothing is different.
    contents.next_id = (1 << 32) + 7;
    contents.engrams[4].id = (1 << 32) - 9;
    contents.steps = (1 << 32) - 2;
    let mut memory = restore(&contents.sealed()).unwrap();
    let mut twin = restore(&Contents { steps: 1000, ..contents.clone() }.sealed()).unwrap();
    for _ in 0..5 {
        step(&mut memory).unwrap();
        step(&mut twin).unwrap();
        memory.verify().unwrap();
        let engrams = |memory: &mut Memoria<Flex>| {
            memory.state().unwrap().row(0).unwrap().engrams().collect::<Vec<_>>()
        };
        assert_eq!(engrams(&mut memory), engrams(&mut twin));
    }

    // Counts of firings stop at the largest that there is.
    let most = u64::from(u32::MAX);
    let mut contents = Contents { reminds: 1 << 62, steps: 1 << 62, ..Contents::default() };
    for engram in &mut contents.engrams[..3] {
        engram.fire_count = most - 1;
        engram.lifespan = 9.0;
    }
    contents.ties.1 = vec![vec![0, 2, 0, most - 3, 0, most - 3], vec![0, 1, 0, most - 3]];
    let mut memory = restore(&contents.sealed()).unwrap();
    for _ in 0..4 {
        step(&mut memory).unwrap();
        memory.verify().unwrap();
    }
    let state = memory.state().unwrap();
    let row = state.row(0).unwrap();
    let fired = row.engram(EngramId(5)).unwrap().fire_count;
    assert_eq!(fired, u32::MAX, "it went on firing");
    assert_eq!(row.connection_weight(EngramId(5), EngramId(5)).unwrap(), 1.0);
    let together = row.cofire_count(EngramId(5), EngramId(2)).unwrap();
    assert!(together >= u32::MAX - 2);
    let bytes = memory.snapshot().unwrap().to_bytes().unwrap();
    restore(&bytes).unwrap();
}

/// A lifespan of which a step takes nothing away is the same after any number of steps, and is saved.
#[rstest]
#[case(16_777_220.0)]
#[case(1e9)]
#[case(f32::MAX)]
fn lifespans_without_end_stay(#[case] lifespan: f32) {
    let mut contents = Contents::default();
    contents.engrams[0].lifespan = lifespan;
    let mut memory = restore(&contents.sealed()).unwrap();
    for _ in 0..6 {
        step(&mut memory).unwrap();
    }
    let bytes = memory.snapshot().unwrap().to_bytes().unwrap();
    let mut memory = restore(&bytes).unwrap();
    let state = memory.state().unwrap();
    assert_eq!(state.row(0).unwrap().engram(EngramId(2)).unwrap().lifespan, lifespan);
}
