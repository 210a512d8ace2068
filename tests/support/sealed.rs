//! Snapshots by hand, from the description of their bytes: what the library would not write. And any
//! other format of the library, from its contents.

use xxhash_rust::xxh3::Xxh3;

const HEAD: usize = 12;
const BLOCK: usize = 1 << 18;

/// How a snapshot begins.
pub(crate) const SNAPSHOT: &[u8; 8] = b"\x89MEMORIA";
/// How a history begins.
pub(crate) const HISTORY: &[u8; 8] = b"\x89MEMHIST";

/// The contents of the blocks.
pub(crate) fn contents(sealed: &[u8]) -> Vec<u8> {
    let (mut at, mut contents) = (HEAD, Vec::new());
    loop {
        let len = u32::from_le_bytes(sealed[at..at + 4].try_into().unwrap()) as usize;
        contents.extend(&sealed[at + 4..at + 4 + len]);
        at += 4 + len + 8;
        if len == 0 {
            assert_eq!(at, sealed.len());
            return contents;
        }
    }
}

/// Contents as a snapshot of version 1 whose every checksum is right.
pub(crate) fn seal(contents: &[u8]) -> Vec<u8> {
    seal_as(SNAPSHOT, contents)
}

/// Contents as version 1 of a format, with every checksum right.
pub(crate) fn seal_as(magic: &[u8; 8], contents: &[u8]) -> Vec<u8> {
    let mut sealed = [&magic[..], &1u32.to_le_bytes()].concat();
    let mut digest = Xxh3::new();
    digest.update(&sealed);
    for block in contents.chunks(BLOCK).chain([&[][..]]) {
        let len = (block.len() as u32).to_le_bytes();
        digest.update(&len);
        digest.update(block);
        sealed.extend(len);
        sealed.extend(block);
        sealed.extend(digest.digest().to_le_bytes());
    }
    sealed
}

/// A number of variable length.
pub(crate) fn number(mut number: u64, to: &mut Vec<u8>) {
    while number > 0x7f {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// What a snapshot of one row says. The default is sound: engrams 2, 3, 5, 6, 9 and 10, of which two are
/// long-term, two short-term and two working, made in steps 1, 2, 4 and 7 of 7.
#[derive(Clone, Debug)]
pub(crate) struct Contents {
    pub(crate) stm_capacity: u64,
    pub(crate) initial_lifespan: f32,
    pub(crate) correlation: u8,
    pub(crate) storage: u8,
    pub(crate) attributes: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) rows: u64,
    pub(crate) dim: u64,
    pub(crate) dtype: u8,
    pub(crate) engrams_in_all: u64,
    pub(crate) next_id: u64,
    pub(crate) steps: u64,
    pub(crate) reminds: u64,
    /// Working, short-term, long-term.
    pub(crate) counts: [u64; 3],
    pub(crate) engrams: Vec<Engram>,
    pub(crate) long_term: Vec<u64>,
    /// How many, and the members as they are written.
    pub(crate) firings: (u64, Vec<Vec<u64>>),
    /// How many, and of each what is written.
    pub(crate) ties: (u64, Vec<Vec<u64>>),
    pub(crate) vectors: Vec<f32>,
    pub(crate) rest: Vec<u8>,
}

/// One engram as it is written: id and age are differences.
#[derive(Clone, Debug)]
pub(crate) struct Engram {
    pub(crate) id: u64,
    pub(crate) age: u64,
    pub(crate) lifespan: f32,
    pub(crate) fire_count: u64,
}

impl Default for Contents {
    fn default() -> Self {
        let engram = |id, age, fire_count| Engram { id, age, lifespan: 2.5, fire_count };
        Self {
            stm_capacity: 2,
            initial_lifespan: 3.0,
            correlation: 0,
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
            // Of the first with the second and third, and of the second with the third.
            ties: (2, vec![vec![0, 2, 0, 4, 0, 5], vec![0, 1, 0, 3]]),
            vectors: vec![0.5; 12],
            rest: Vec::new(),
        }
    }
}

impl Contents {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        [4, self.stm_capacity, 5].into_iter().for_each(|n| number(n, &mut bytes));
        bytes.extend(self.initial_lifespan.to_le_bytes());
        number(4, &mut bytes);
        bytes.push(self.correlation);
        number(1, &mut bytes);
        bytes.extend(7u64.to_le_bytes());
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
        bytes.extend(&self.rest);
        bytes
    }

    pub(crate) fn sealed(&self) -> Vec<u8> {
        seal(&self.bytes())
    }
}
