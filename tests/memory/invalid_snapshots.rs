//! A snapshot with correct checksums but an impossible memory is refused. The error names the reason.

use burn::backend::{Flex, TensorData, ops::FloatTensorOps, read_sync};
use memoria::{
    Attachment, EngramId, EngramKind, LifespanGain, Memoria, MemoriaError, Restore, SnapshotInfo,
};
use memoria_testing::checksummed::{Contents, snapshot_of};
use rstest::rstest;

fn restore(bytes: &[u8]) -> Result<Memoria<Flex>, MemoriaError> {
    Ok(Restore::new(&Default::default()).read_bytes(bytes)?.memory)
}

#[test]
fn a_sound_one_says_what_it_says() {
    for version in [1, 2] {
        check_sound(&Contents { version, ..Contents::default() });
    }
}

fn check_sound(contents: &Contents) {
    let snapshot = contents.snapshot();
    let info = SnapshotInfo::read(&snapshot[..]).unwrap();
    assert_eq!((info.rows, info.dim, info.engrams), (1, Some(2), 6));
    assert_eq!((info.config.stm_capacity, info.config.seed), (2, 7));
    assert_eq!(
        info.attributes.into_iter().collect::<Vec<_>>(),
        [("a".to_owned(), b"1".to_vec()), ("b".to_owned(), vec![])]
    );
    let mut memory = restore(&snapshot).unwrap();
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
    if contents.version == 1 {
        assert_eq!(memory.attachment_names(0).unwrap().count(), 0);
        return;
    }
    assert!(memory.attachment_names(0).unwrap().eq(["hidden", "topic"]));
    match memory.attachment(0, "topic").unwrap() {
        Some(Attachment::Bytes(bytes)) => assert_eq!(&bytes[..], b"birds"),
        other => panic!("{other:?}"),
    }
    match memory.attachment(0, "hidden").unwrap() {
        Some(Attachment::Tensor(tensor)) => {
            let data = read_sync(Flex::float_into_data(tensor)).unwrap();
            assert_eq!(data, TensorData::from([[1.5f32, 2.5]]));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(memory.snapshot().unwrap().to_bytes().unwrap().len(), {
        // The same without attributes, which belong to the snapshot.
        Contents { attributes: vec![], ..Contents::default() }.snapshot().len()
    });
}

#[rstest]
#[case::lifespan("initial_lifespan", |c: &mut Contents| c.initial_lifespan = 0.0)]
#[case::storage("storage 9", |c: &mut Contents| c.storage = 9)]
#[case::attribute_order("out of order", |c: &mut Contents| c.attributes.swap(0, 1))]
#[case::attribute_twice("out of order", |c: &mut Contents| c.attributes[1].0 = b"a".to_vec())]
#[case::attribute_name("not text", |c: &mut Contents| c.attributes[1].0 = vec![0xff])]
#[case::no_dimension("dimension of 0", |c: &mut Contents| c.dim = 0)]
#[case::dimension("more than can be", |c: &mut Contents| c.dim = 1 << 63)]
#[case::large_dimension("dimension of", |c: &mut Contents| c.dim = 1 << 61)]
#[case::dtype("float type 5", |c: &mut Contents| c.dtype = 5)]
#[case::too_few_engrams("should have 5", |c: &mut Contents| c.engrams_in_all = 5)]
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
#[case::tied_to_none("no ties", |c: &mut Contents| c.ties.1[1] = vec![0, 0])]
#[case::tied_to_itself("beyond", |c: &mut Contents| c.ties.1[1] = vec![4, 1, 0, 3])]
#[case::zero_tie("a tie of 0", |c: &mut Contents| c.ties.1[1][3] = 0)]
#[case::large_tie("a tie of", |c: &mut Contents| c.ties.1[1][3] = 1 << 32)]
#[case::heavy_tie("co-firing count", |c: &mut Contents| c.ties.1[1][3] = 6)]
#[case::vector("vector 5 has a squared norm of NaN", |c: &mut Contents| c.vectors[11] = f32::NAN)]
#[case::norm("vector 0 has a squared norm of", |c: &mut Contents| c.vectors[0] = 1e19)]
#[case::long("more in it", |c: &mut Contents| c.rest.push(0))]
fn what_cannot_be_is_refused(
    #[case] named: &str,
    #[case] change: fn(&mut Contents),
    #[values(1, 2)] version: u32,
) {
    check_refused(version, named, change);
}

#[rstest]
#[case::correlation("correlation 2", |c: &mut Contents| c.correlation = 2)]
#[case::more_rows("ends too early", |c: &mut Contents| c.rows = u64::MAX >> 1)]
#[case::short("ends too early", |c: &mut Contents| { c.vectors.pop(); })]
fn what_cannot_be_in_version_1_is_refused(#[case] named: &str, #[case] change: fn(&mut Contents)) {
    check_refused(1, named, change);
}

/// Changes a setting of the head: its place, name and value.
fn set(contents: &mut Contents, place: usize, name: &[u8], value: &[u8]) {
    contents.settings[place] = (name.to_vec(), value.to_vec());
}

/// Returns the value of the only row that has the tensor.
fn tensor(contents: &mut Contents) -> &mut Vec<u8> {
    &mut contents.attachments[0].2[0].1
}

#[rstest]
#[case::unknown("`ltm_fashion` is not known here", |c: &mut Contents| set(c, 0, b"ltm_fashion", &[0, 1]))]
#[case::default("`ltm_exploration` is the default", |c: &mut Contents| set(c, 0, b"ltm_exploration", &[0, 0]))]
#[case::twice("`ltm_exploration` is out of order", |c: &mut Contents| set(c, 1, b"ltm_exploration", &[0, 1]))]
#[case::order("`ltm_search_depth` is out of order", |c: &mut Contents| c.settings.swap(1, 2))]
#[case::name("not text", |c: &mut Contents| set(c, 0, b"ltm_\xff", &[0, 1]))]
#[case::kind("no known kind", |c: &mut Contents| set(c, 0, b"ltm_exploration", &[3, 1]))]
#[case::float("invalid type", |c: &mut Contents| set(c, 0, b"ltm_exploration", &[1, 0, 0, 128, 63]))]
#[case::text("invalid type", |c: &mut Contents| set(c, 0, b"ltm_exploration", b"\x02\x03two"))]
#[case::choice("unknown variant `sine`", |c: &mut Contents| {
    c.settings.insert(0, (b"correlation".to_vec(), b"\x02\x04sine".to_vec()));
})]
#[case::short("", |c: &mut Contents| { c.vectors.pop(); })]
#[case::attached_order("out of order", |c: &mut Contents| c.attachments.swap(0, 1))]
#[case::attached_twice("out of order", |c: &mut Contents| c.attachments[1].0 = b"hidden".to_vec())]
#[case::attached_name("not text", |c: &mut Contents| c.attachments[0].0 = vec![0xff])]
#[case::to_no_row("of no row", |c: &mut Contents| {
    c.attachments[0].1 = 0;
    c.attachments[0].2.clear();
})]
#[case::to_a_row_beyond("beyond the last", |c: &mut Contents| c.attachments[0].2[0].0 = 1)]
#[case::to_a_row_far_beyond("more than can be", |c: &mut Contents| c.attachments[0].2[0].0 = u64::MAX)]
#[case::to_more_rows("beyond the last", |c: &mut Contents| c.attachments[0].1 = 2)]
#[case::attached_kind("kind 2", |c: &mut Contents| tensor(c)[0] = 2)]
#[case::no_dimensions("of 0 dimensions", |c: &mut Contents| tensor(c)[1] = 0)]
#[case::dimensions("of 9 dimensions", |c: &mut Contents| tensor(c)[1] = 9)]
#[case::no_numbers("of size 0", |c: &mut Contents| tensor(c)[2] = 0)]
#[case::numbers("of size", |c: &mut Contents| {
    tensor(c).splice(2..3, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f]);
})]
#[case::numbers_missing("", |c: &mut Contents| tensor(c)[3] = 3)]
#[case::bytes_missing("ends too early", |c: &mut Contents| c.attachments[1].2[0].1[1] = 6)]
fn what_cannot_be_in_version_2_is_refused(#[case] named: &str, #[case] change: fn(&mut Contents)) {
    check_refused(2, named, change);
}

fn check_refused(version: u32, named: &str, change: fn(&mut Contents)) {
    let mut contents = Contents { version, ..Contents::default() };
    change(&mut contents);
    match restore(&contents.snapshot()) {
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

/// A number has only one valid form.
#[test]
fn a_number_with_zeros_in_front_is_refused() {
    for (version, first) in [(1, 4), (2, 7)] {
        let mut bytes = Contents { version, ..Contents::default() }.bytes();
        assert_eq!(bytes[0], first);
        bytes.splice(0..1, [0x80 | first, 0]);
        let refused = restore(&snapshot_of(version, &bytes));
        assert!(matches!(refused, Err(MemoriaError::Invalid { .. })));
        bytes.splice(0..2, [0xff; 11]);
        let refused = restore(&snapshot_of(version, &bytes));
        assert!(matches!(refused, Err(MemoriaError::Invalid { .. })));
    }
}

/// Takes one step with two new engrams of dimension 2.
fn step(memory: &mut Memoria<Flex>) -> Result<(), MemoriaError> {
    let data = TensorData::new(vec![0.25f32, 1.0, 0.5, -1.0], [1, 2, 2]);
    memory.add_working_memory(Flex::float_from_data(data, &Default::default()))?;
    let reminded = memory.remind()?;
    memory.adjust(&reminded, LifespanGain::Zero)
}

/// Counters at their limits. Only snapshots can reach these; no memory lives so long.
#[test]
fn counters_at_their_ends() {
    // All identities except the last few are used.
    let mut contents = Contents { next_id: u64::MAX - 3, ..Contents::default() };
    let mut memory = restore(&contents.snapshot()).unwrap();
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

    // More than 2³² identities and steps change nothing.
    contents.next_id = (1 << 32) + 7;
    contents.engrams[4].id = (1 << 32) - 9;
    contents.steps = (1 << 32) - 2;
    let mut memory = restore(&contents.snapshot()).unwrap();
    let mut twin = restore(&Contents { steps: 1000, ..contents.clone() }.snapshot()).unwrap();
    for _ in 0..5 {
        step(&mut memory).unwrap();
        step(&mut twin).unwrap();
        memory.verify().unwrap();
        let engrams = |memory: &mut Memoria<Flex>| {
            memory.state().unwrap().row(0).unwrap().engrams().collect::<Vec<_>>()
        };
        assert_eq!(engrams(&mut memory), engrams(&mut twin));
    }

    // Counts of firings stop at their maximum.
    let most = u64::from(u32::MAX);
    let mut contents = Contents { reminds: 1 << 62, steps: 1 << 62, ..Contents::default() };
    for engram in &mut contents.engrams[..3] {
        engram.fire_count = most - 1;
        engram.lifespan = 9.0;
    }
    contents.ties.1 = vec![vec![0, 2, 0, most - 3, 0, most - 3], vec![0, 1, 0, most - 3]];
    let mut memory = restore(&contents.snapshot()).unwrap();
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

/// A lifespan so large that a step does not change it stays the same after any number of steps, and is saved.
#[rstest]
#[case(16_777_220.0)]
#[case(1e9)]
#[case(f32::MAX)]
fn lifespans_without_end_stay(#[case] lifespan: f32) {
    let mut contents = Contents::default();
    contents.engrams[0].lifespan = lifespan;
    let mut memory = restore(&contents.snapshot()).unwrap();
    for _ in 0..6 {
        step(&mut memory).unwrap();
    }
    let bytes = memory.snapshot().unwrap().to_bytes().unwrap();
    let mut memory = restore(&bytes).unwrap();
    let state = memory.state().unwrap();
    assert_eq!(state.row(0).unwrap().engram(EngramId(2)).unwrap().lifespan, lifespan);
}
