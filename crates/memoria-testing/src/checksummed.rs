//! Handmade snapshots that the library would not write, from the description of their bytes. Streams of any other
//! format of the library are made from their contents.

use memoria::{Correlation, SnapshotInfo};
use xxhash_rust::xxh3::Xxh3;

const HEAD: usize = 12;
const BLOCK: usize = 1 << 18;

/// The first bytes of a snapshot.
pub const SNAPSHOT: &[u8; 8] = b"\x89MEMORIA";
/// The first bytes of a history.
pub const HISTORY: &[u8; 8] = b"\x89MEMHIST";

/// Returns the contents of the blocks.
pub fn contents(stream: &[u8]) -> Vec<u8> {
    let (mut at, mut contents) = (HEAD, Vec::new());
    loop {
        let len = u32::from_le_bytes(stream[at..at + 4].try_into().unwrap()) as usize;
        contents.extend(&stream[at + 4..at + 4 + len]);
        at += 4 + len + 8;
        if len == 0 {
            assert_eq!(at, stream.len());
            return contents;
        }
    }
}

/// Returns the format version of a stream.
pub fn version(stream: &[u8]) -> u32 {
    u32::from_le_bytes(stream[8..HEAD].try_into().unwrap())
}

/// Makes a snapshot of a version from contents, with correct checksums.
pub fn snapshot_of(version: u32, contents: &[u8]) -> Vec<u8> {
    stream_of(SNAPSHOT, version, contents)
}

/// Makes a stream of a format and version from contents, with correct checksums.
pub fn stream_of(magic: &[u8; 8], version: u32, contents: &[u8]) -> Vec<u8> {
    let mut stream = [&magic[..], &version.to_le_bytes()].concat();
    let mut checksum = Xxh3::new();
    checksum.update(&stream);
    for block in contents.chunks(BLOCK).chain([&[][..]]) {
        let len = (block.len() as u32).to_le_bytes();
        checksum.update(&len);
        checksum.update(block);
        stream.extend(len);
        stream.extend(block);
        stream.extend(checksum.digest().to_le_bytes());
    }
    stream
}

/// Converts a snapshot of version 2 without attachments to version 1, which has none.
pub fn as_version_1(snapshot: &[u8]) -> Vec<u8> {
    let config = SnapshotInfo::read(snapshot).unwrap().config;
    let contents = contents(snapshot);
    let mut rest = &contents[..];
    for _ in 0..take_number(&mut rest) {
        let name = take_number(&mut rest) as usize;
        let kind = rest[name];
        rest = &rest[name + 1..];
        match kind {
            0 => drop(take_number(&mut rest)),
            1 => rest = &rest[4..],
            _ => rest = &rest[take_number(&mut rest) as usize..],
        }
    }
    let (none, rest) = rest.split_last().unwrap();
    assert_eq!(*none, 0, "it has attachments");
    let mut bytes = Vec::new();
    let counts = [config.num_reminded_stm, config.stm_capacity, config.ltm_search_depth];
    counts.into_iter().for_each(|n| number(n as u64, &mut bytes));
    bytes.extend(config.initial_lifespan.to_le_bytes());
    number(config.num_final_ltms as u64, &mut bytes);
    bytes.push(u8::from(config.correlation == Correlation::Gaussian));
    number(config.ltm_exploration as u64, &mut bytes);
    bytes.extend(config.seed.to_le_bytes());
    snapshot_of(1, &[&bytes[..], rest].concat())
}

/// Reads and removes the next number of variable length.
fn take_number(rest: &mut &[u8]) -> u64 {
    let len = rest.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let (digits, after) = rest.split_at(len);
    *rest = after;
    digits.iter().rev().fold(0, |number, digit| number << 7 | u64::from(digit & 0x7f))
}

/// Writes a number of variable length.
pub fn number(mut number: u64, to: &mut Vec<u8>) {
    while number > 0x7f {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// Contents of a snapshot of one row. The default is valid: it has engrams 2, 3, 5, 6, 9 and 10. Two are long-term, two
/// short-term and two working; they were made in steps 1, 2, 4 and 7 of 7.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "named as `memoria-core/src/snapshot.rs` names them")]
pub struct Contents {
    pub version: u32,
    pub stm_capacity: u64,
    pub initial_lifespan: f32,
    /// In version 1 only; in version 2 it is one of the settings.
    pub correlation: u8,
    /// In version 2 only, besides those that are fields here: names, and kinds with values.
    pub settings: Vec<(Vec<u8>, Vec<u8>)>,
    pub storage: u8,
    pub attributes: Vec<(Vec<u8>, Vec<u8>)>,
    pub rows: u64,
    pub dim: u64,
    pub dtype: u8,
    pub engrams_in_all: u64,
    pub next_id: u64,
    pub steps: u64,
    pub reminds: u64,
    /// Numbers of working, short-term and long-term engrams.
    pub counts: [u64; 3],
    pub engrams: Vec<Engram>,
    pub long_term: Vec<u64>,
    /// Their number, and the members as they are written.
    pub firings: (u64, Vec<Vec<u64>>),
    /// Their number, and each as it is written.
    pub ties: (u64, Vec<Vec<u64>>),
    pub vectors: Vec<f32>,
    /// In version 2 only, by name: the number of rows that have it; for each its index, and its kind with the value.
    pub attachments: Vec<NamedValues>,
    pub rest: Vec<u8>,
}

/// A name, the number of rows with a value of it, and for each its index and the value.
pub type NamedValues = (Vec<u8>, u64, Vec<(u64, Vec<u8>)>);

/// An engram as it is written: id and age are differences.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "named as those of `memoria`")]
pub struct Engram {
    pub id: u64,
    pub age: u64,
    pub lifespan: f32,
    pub fire_count: u64,
}

impl Default for Contents {
    fn default() -> Self {
        let engram = |id, age, fire_count| Engram { id, age, lifespan: 2.5, fire_count };
        let setting = |name: &[u8], value: &[u8]| (name.to_vec(), value.to_vec());
        let tensor = [&[1, 2, 1, 2][..], &1.5f32.to_le_bytes(), &2.5f32.to_le_bytes()].concat();
        Self {
            version: 2,
            stm_capacity: 2,
            initial_lifespan: 3.0,
            correlation: 0,
            settings: vec![
                setting(b"ltm_exploration", &[0, 1]),
                setting(b"ltm_search_depth", &[0, 5]),
                setting(b"num_final_ltms", &[0, 4]),
                setting(b"num_reminded_stm", &[0, 4]),
                setting(b"seed", &[0, 7]),
            ],
            storage: 0,
            attributes: vec![(b"a".to_vec(), b"1".to_vec()), (b"b".to_vec(), vec![])],
            rows: 1,
            dim: 2,
            dtype: 0,
            engrams_in_all: 6,
            next_id: 11,
            steps: 7,
            reminds: 9,
            counts: [2, 2, 2],
            engrams: vec![
                engram(2, 6, 7),
                engram(0, 1, 7),
                engram(1, 2, 7),
                engram(0, 0, 2),
                engram(2, 3, 0),
                engram(0, 0, 0),
            ],
            long_term: vec![1, 0],
            // The first three fire, then all four.
            firings: (2, vec![vec![3, 0, 0, 0], vec![4, 0, 0, 0, 0]]),
            // The first with the second and third, and the second with the third.
            ties: (2, vec![vec![0, 2, 0, 4, 0, 5], vec![0, 1, 0, 3]]),
            vectors: vec![0.5; 12],
            attachments: vec![
                (b"hidden".to_vec(), 1, vec![(0, tensor)]),
                (b"topic".to_vec(), 1, vec![(0, b"\x00\x05birds".to_vec())]),
            ],
            rest: Vec::new(),
        }
    }
}

impl Contents {
    /// Returns the bytes as they are written.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.version == 1 {
            [4, self.stm_capacity, 5].into_iter().for_each(|n| number(n, &mut bytes));
            bytes.extend(self.initial_lifespan.to_le_bytes());
            number(4, &mut bytes);
            bytes.push(self.correlation);
            number(1, &mut bytes);
            bytes.extend(7u64.to_le_bytes());
        } else {
            let lifespan = [&[1][..], &self.initial_lifespan.to_le_bytes()].concat();
            let lifespan = (b"initial_lifespan".to_vec(), lifespan);
            let mut settings = self.settings.clone();
            let after = settings.iter().position(|setting| setting.0 > lifespan.0);
            settings.insert(after.unwrap_or(0), lifespan);
            settings.push((b"stm_capacity".to_vec(), vec![0, self.stm_capacity as u8]));
            number(settings.len() as u64, &mut bytes);
            for (name, value) in settings {
                number(name.len() as u64, &mut bytes);
                bytes.extend([name, value].concat());
            }
        }
        bytes.push(self.storage);
        number(self.attributes.len() as u64, &mut bytes);
        for (name, value) in &self.attributes {
            for part in [name, value] {
                number(part.len() as u64, &mut bytes);
                bytes.extend(part);
            }
        }
        number(self.rows, &mut bytes);
        number(self.dim, &mut bytes);
        bytes.push(self.dtype);
        let counters = [self.engrams_in_all, self.next_id, self.steps, self.reminds];
        counters.into_iter().chain(self.counts).for_each(|n| number(n, &mut bytes));
        for engram in &self.engrams {
            number(engram.id, &mut bytes);
            number(engram.age, &mut bytes);
            bytes.extend(engram.lifespan.to_le_bytes());
            number(engram.fire_count, &mut bytes);
        }
        self.long_term.iter().for_each(|&place| number(place, &mut bytes));
        for (count, lists) in [&self.firings, &self.ties] {
            number(*count, &mut bytes);
            lists.iter().flatten().for_each(|&n| number(n, &mut bytes));
        }
        self.vectors.iter().for_each(|x| bytes.extend(x.to_le_bytes()));
        if self.version > 1 {
            number(self.attachments.len() as u64, &mut bytes);
            for (name, count, rows) in &self.attachments {
                number(name.len() as u64, &mut bytes);
                bytes.extend(name);
                number(*count, &mut bytes);
                for (row, value) in rows {
                    number(*row, &mut bytes);
                    bytes.extend(value);
                }
            }
        }
        bytes.extend(&self.rest);
        bytes
    }

    /// Returns the snapshot with correct checksums.
    pub fn snapshot(&self) -> Vec<u8> {
        snapshot_of(self.version, &self.bytes())
    }
}
