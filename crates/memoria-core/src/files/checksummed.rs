//! A stream of bytes in blocks, each followed by a checksum of everything before it.
//!
//! ```text
//! magic            8 bytes, of the format
//! version          u32, of the format
//! blocks           length u32, at most 2¹⁸; as many bytes; checksum u64
//! the last block   length 0, with its checksum
//! ```
//!
//! All numbers are little-endian. A checksum is the 64-bit XXH3 of all bytes before it, without other checksums. So a
//! block that was changed, moved, omitted, repeated or cut off does not match its checksum. A block is compared with
//! its checksum before it is used, and the allocated memory grows only with the bytes that arrive.

use std::io::{self, Read, Write};

use xxhash_rust::xxh3::Xxh3;

use super::varint;
use crate::MemoriaError;

/// The largest number of bytes in a block.
const BLOCK: usize = 1 << 18;
/// Bytes before a block's content: its length.
const LENGTH: usize = size_of::<u32>();
/// Bytes after it.
const CHECKSUM: usize = size_of::<u64>();

/// The fault of a stream that ends within a block.
const CUT_OFF: &str = "it is cut off";

/// A format of streams.
#[derive(Debug)]
pub(crate) struct Format {
    pub(crate) magic: [u8; 8],
    /// Its name in messages.
    pub(crate) name: &'static str,
    /// The newest version. It and all earlier ones can be read.
    pub(crate) version: u32,
}

/// Writes a stream.
pub(crate) struct ChecksummedWriter<W> {
    writer: W,
    format: &'static Format,
    /// The block that is being filled, after the room for its length.
    block: Vec<u8>,
    checksum: Xxh3,
}

impl<W: Write> ChecksummedWriter<W> {
    /// Writes the head of a stream of this version of the format.
    pub(crate) fn begin(
        writer: W,
        format: &'static Format,
        version: u32,
    ) -> Result<Self, MemoriaError> {
        let block = vec![0; LENGTH];
        let mut stream = Self { writer, format, block, checksum: Xxh3::new() };
        let mut head = format.magic.to_vec();
        head.extend(version.to_le_bytes());
        stream.checksum.update(&head);
        stream.writer.write_all(&head).map_err(|error| stream.io(error))?;
        Ok(stream)
    }

    #[inline]
    pub(crate) fn put(&mut self, mut bytes: &[u8]) -> Result<(), MemoriaError> {
        while !bytes.is_empty() {
            let room = LENGTH + BLOCK - self.block.len();
            let (fits, rest) = bytes.split_at(room.min(bytes.len()));
            self.block.extend_from_slice(fits);
            bytes = rest;
            if self.block.len() == LENGTH + BLOCK {
                self.end_block()?;
            }
        }
        Ok(())
    }

    pub(crate) fn put_number(&mut self, number: u64) -> Result<(), MemoriaError> {
        let mut digits = [0; varint::LONGEST];
        let len = varint::write(&mut digits, number);
        self.put(&digits[..len])
    }

    /// Writes one of several numbers in ascending order, less the `least` that it can be.
    pub(crate) fn put_above(&mut self, least: &mut u64, number: u64) -> Result<(), MemoriaError> {
        self.put_number(number - core::mem::replace(least, number + 1))
    }

    /// Writes bytes after their length.
    pub(crate) fn put_bytes(&mut self, bytes: &[u8]) -> Result<(), MemoriaError> {
        self.put_number(bytes.len() as u64)?;
        self.put(bytes)
    }

    /// Ends the stream and returns the writer, flushed.
    pub(crate) fn end(mut self) -> Result<W, MemoriaError> {
        if self.block.len() > LENGTH {
            self.end_block()?;
        }
        self.end_block()?;
        self.writer.flush().map_err(|error| self.io(error))?;
        Ok(self.writer)
    }

    fn end_block(&mut self) -> Result<(), MemoriaError> {
        let length = (self.block.len() - LENGTH) as u32;
        self.block[..LENGTH].copy_from_slice(&length.to_le_bytes());
        self.checksum.update(&self.block);
        self.block.extend(self.checksum.digest().to_le_bytes());
        self.writer.write_all(&self.block).map_err(|error| self.io(error))?;
        self.block.truncate(LENGTH);
        Ok(())
    }

    fn io(&self, error: io::Error) -> MemoriaError {
        MemoriaError::io(format!("writing a {}", self.format.name), error)
    }
}

/// Reads a stream.
pub(crate) struct ChecksummedReader<R> {
    reader: R,
    format: &'static Format,
    /// The version of the format that the stream is written in.
    pub(crate) version: u32,
    /// The row that is being read, for messages.
    pub(crate) row: Option<usize>,
    block: Vec<u8>,
    /// How many bytes of the block have been taken.
    taken: usize,
    /// Bytes of the stream before the next block.
    offset: u64,
    checksum: Xxh3,
    has_ended: bool,
}

impl<R: Read> ChecksummedReader<R> {
    pub(crate) fn begin(reader: R, format: &'static Format) -> Result<Self, MemoriaError> {
        let mut stream = Self {
            reader,
            format,
            version: 0,
            row: None,
            block: Vec::new(),
            taken: 0,
            offset: 0,
            checksum: Xxh3::new(),
            has_ended: false,
        };
        let mut magic = Vec::new();
        let len = format.magic.len() as u64;
        let read = (&mut stream.reader).take(len).read_to_end(&mut magic);
        read.map_err(|error| stream.io(error))?;
        if magic != format.magic {
            let (path, expected) = (None, format.name);
            return Err(MemoriaError::UnknownFormat { path, expected, got: magic });
        }
        stream.offset += len;
        stream.checksum.update(&magic);
        let version = stream.fixed::<{ size_of::<u32>() }>()?;
        stream.checksum.update(&version);
        stream.offset += version.len() as u64;
        stream.version = u32::from_le_bytes(version);
        match stream.version {
            0 => Err(stream.damaged(None, "version 0 was never written")),
            found if found > format.version => {
                let (name, supported) = (format.name, format.version);
                Err(MemoriaError::NewerVersion { path: None, format: name, found, supported })
            }
            _ => Ok(stream),
        }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], MemoriaError> {
        let (mut array, mut filled) = ([0; N], 0);
        while filled < N {
            let bytes = self.some(N - filled)?;
            array[filled..filled + bytes.len()].copy_from_slice(bytes);
            filled += bytes.len();
        }
        Ok(array)
    }

    /// Takes this many bytes; memory is allocated as they arrive.
    pub(crate) fn take(&mut self, len: usize) -> Result<Vec<u8>, MemoriaError> {
        let mut bytes = Vec::new();
        while bytes.len() < len {
            bytes.extend_from_slice(self.some(len - bytes.len())?);
        }
        Ok(bytes)
    }

    /// Skips bytes.
    pub(crate) fn skip(&mut self, mut len: u64) -> Result<(), MemoriaError> {
        while len > 0 {
            let most = usize::try_from(len).unwrap_or(usize::MAX);
            len -= self.some(most)?.len() as u64;
        }
        Ok(())
    }

    pub(crate) fn number(&mut self) -> Result<u64, MemoriaError> {
        let number = varint::read(|| self.array().map(|[byte]| byte))?;
        number.ok_or_else(|| self.invalid("a number is not written as numbers are"))
    }

    /// Reads one of several numbers in ascending order, all below `end`; `None` if it is not.
    pub(crate) fn above(&mut self, least: &mut u64, end: u64) -> Result<Option<u64>, MemoriaError> {
        let number = self.number()?.checked_add(*least).filter(|&number| number < end);
        *least = number.map_or(end, |number| number + 1);
        Ok(number)
    }

    /// Reads a number that counts things in memory.
    pub(crate) fn count(&mut self, of: &str) -> Result<usize, MemoriaError> {
        let number = self.number()?;
        let most = isize::MAX as u64;
        if number > most {
            return Err(self.invalid(format!("{of}: {number}, more than can be")));
        }
        Ok(number as usize)
    }

    /// Reads a number that limits things and may be larger than their possible number.
    pub(crate) fn setting(&mut self, of: &str) -> Result<usize, MemoriaError> {
        let number = self.number()?;
        let too_large = |_| self.invalid(format!("{of}: {number}, more than can be"));
        usize::try_from(number).map_err(too_large)
    }

    /// Reads text after its length.
    pub(crate) fn text(&mut self, of: &str) -> Result<String, MemoriaError> {
        let text = String::from_utf8(self.bytes(of)?);
        text.map_err(|_| self.invalid(format!("{of} is not text")))
    }

    /// Reads bytes after their length.
    pub(crate) fn bytes(&mut self, of: &str) -> Result<Vec<u8>, MemoriaError> {
        let len = self.count(of)?;
        self.take(len)
    }

    /// Ends the stream; nothing may be left in it.
    pub(crate) fn end(&mut self) -> Result<(), MemoriaError> {
        if !self.is_at_end()? {
            return Err(self.invalid("there is more in it than it says"));
        }
        Ok(())
    }

    /// As [`end`](Self::end); nothing may follow in the source either.
    pub(crate) fn end_of_source(&mut self) -> Result<(), MemoriaError> {
        self.end()?;
        match self.reader.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.damaged(None, "it goes on after its end")),
            Err(error) => Err(self.io(error)),
        }
    }

    /// An error about the contents of the stream, where its checksums are right.
    pub(crate) fn invalid(&self, found: impl Into<String>) -> MemoriaError {
        let (format, row, found) = (self.format.name, self.row, found.into());
        MemoriaError::Invalid { path: None, format, row, found }
    }

    /// The next bytes of the block: at least one, and at most this many.
    fn some(&mut self, most: usize) -> Result<&[u8], MemoriaError> {
        if self.is_at_end()? {
            return Err(self.invalid("it ends too early"));
        }
        let from = self.taken;
        self.taken += most.min(self.block.len() - from);
        Ok(&self.block[from..self.taken])
    }

    /// Whether no byte is left; goes on to the next block if all of this one was taken.
    fn is_at_end(&mut self) -> Result<bool, MemoriaError> {
        if self.taken == self.block.len() && !self.has_ended {
            self.next_block()?;
        }
        Ok(self.has_ended)
    }

    fn next_block(&mut self) -> Result<(), MemoriaError> {
        let length = self.fixed::<LENGTH>()?;
        let len = u32::from_le_bytes(length) as usize;
        if len > BLOCK {
            let found = format!("a block that is said to have {len} bytes; {BLOCK} are the most");
            return Err(self.damaged(None, found));
        }
        self.block.clear();
        self.taken = 0;
        let read = (&mut self.reader).take(len as u64).read_to_end(&mut self.block);
        read.map_err(|error| self.io(error))?;
        if self.block.len() < len {
            return Err(self.damaged(None, CUT_OFF));
        }
        self.checksum.update(&length);
        self.checksum.update(&self.block);
        let checksum = u64::from_le_bytes(self.fixed()?);
        if checksum != self.checksum.digest() {
            self.block.clear();
            let end = Some(self.offset + (LENGTH + len + CHECKSUM) as u64);
            return Err(self.damaged(end, "it does not fit its checksum"));
        }
        self.offset += (LENGTH + len + CHECKSUM) as u64;
        self.has_ended = len == 0;
        Ok(())
    }

    /// Reads bytes outside the blocks.
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], MemoriaError> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged(None, CUT_OFF),
            _ => self.io(error),
        })?;
        Ok(bytes)
    }

    /// An error about the next block and, if it is complete, its end.
    fn damaged(&self, end: Option<u64>, found: impl Into<String>) -> MemoriaError {
        let (format, at, found) = (self.format.name, self.offset, found.into());
        MemoriaError::Damaged { path: None, format, at, end, found }
    }

    fn io(&self, error: io::Error) -> MemoriaError {
        MemoriaError::io(format!("reading a {}", self.format.name), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    static FORMAT: Format = Format { magic: *b"\x89stream ", name: "stream", version: 3 };

    fn written(contents: &[u8]) -> Vec<u8> {
        let mut writer = ChecksummedWriter::begin(Vec::new(), &FORMAT, FORMAT.version).unwrap();
        writer.put_bytes(contents).unwrap();
        writer.end().unwrap()
    }

    fn read(bytes: &[u8]) -> Result<Vec<u8>, MemoriaError> {
        let mut stream = ChecksummedReader::begin(bytes, &FORMAT)?;
        let contents = stream.bytes("contents")?;
        stream.end_of_source()?;
        Ok(contents)
    }

    #[test]
    fn what_was_written_comes_back() {
        for len in [0, 1, BLOCK - 3, BLOCK - 2, BLOCK, 3 * BLOCK + 17] {
            let contents: Vec<u8> = (0..len).map(|i| (i * 31 % 251) as u8).collect();
            let bytes = written(&contents);
            assert_eq!(read(&bytes).unwrap(), contents);
            // A block is 12 bytes longer than its content.
            let blocks = (len + 3).div_ceil(BLOCK) + 1;
            assert!(bytes.len() <= 12 + len + 3 + 12 * blocks, "{} for {len}", bytes.len());
        }
    }

    #[test]
    fn a_reader_is_left_where_the_stream_ends() {
        let mut two = written(b"one");
        two.extend(written(b"two"));
        let mut reader = &two[..];
        for expected in [b"one", b"two"] {
            let mut stream = ChecksummedReader::begin(&mut reader, &FORMAT).unwrap();
            assert_eq!(stream.bytes("contents").unwrap(), expected);
            stream.end().unwrap();
        }
        assert!(reader.is_empty());
        assert!(matches!(read(&two), Err(MemoriaError::Damaged { .. })));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_refused() {
        let bytes = written(b"what is remembered");
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            read(&flipped).unwrap_err();
        }
        for len in 0..bytes.len() {
            read(&bytes[..len]).unwrap_err();
        }
    }

    #[test]
    fn a_block_that_was_changed_is_told_of_with_its_place() {
        let mut bytes = written(&vec![7; 2 * BLOCK]);
        let end = 12 + 2 * (BLOCK + 12);
        bytes[12 + BLOCK + 12 + 100] ^= 1;
        let error = read(&bytes).unwrap_err().in_file("a/file".as_ref()).to_string();
        let place = format!("the block at byte {} to {end}", 12 + BLOCK + 12);
        assert!(
            error.contains(&place) && error.starts_with("the stream a/file is damaged"),
            "{error}"
        );
        let empty = read(&[]).unwrap_err().to_string();
        assert_eq!(empty, "this is no stream of a memory: it is empty");
    }

    #[test]
    fn blocks_that_change_places_are_refused() {
        let bytes = written(&vec![7; 3 * BLOCK]);
        let block = |index: usize| 12 + index * (BLOCK + 12)..12 + (index + 1) * (BLOCK + 12);
        let mut swapped = bytes.clone();
        swapped[block(1)].copy_from_slice(&bytes[block(2)]);
        swapped[block(2)].copy_from_slice(&bytes[block(1)]);
        assert!(matches!(read(&swapped), Err(MemoriaError::Damaged { .. })));
        let mut shorter = bytes.clone();
        shorter.drain(block(1));
        assert!(matches!(read(&shorter), Err(MemoriaError::Damaged { .. })));
    }

    #[test]
    fn a_newer_version_is_refused_by_name() {
        let mut bytes = written(b"");
        bytes[8] = 4;
        let error = read(&bytes).unwrap_err();
        let (path, format) = (None, "stream");
        let expected = MemoriaError::NewerVersion { path, format, found: 4, supported: 3 };
        assert_eq!(error.to_string(), expected.to_string());
    }

    proptest! {
        #[test]
        fn numbers_come_back(numbers in proptest::collection::vec(any::<u64>(), 0..50), shift in 0..64u32) {
            let mut writer = ChecksummedWriter::begin(Vec::new(), &FORMAT, FORMAT.version).unwrap();
            for number in &numbers {
                writer.put_number(number >> shift).unwrap();
            }
            let bytes = writer.end().unwrap();
            let mut stream = ChecksummedReader::begin(&bytes[..], &FORMAT).unwrap();
            for number in &numbers {
                prop_assert_eq!(stream.number().unwrap(), number >> shift);
            }
            stream.end().unwrap();
        }

        /// A number can be written in one way only, and not too large.
        #[test]
        fn what_is_read_as_a_number_is_what_is_written(digits in proptest::collection::vec(any::<u8>(), 1..12)) {
            let mut writer = ChecksummedWriter::begin(Vec::new(), &FORMAT, FORMAT.version).unwrap();
            writer.put(&digits).unwrap();
            let bytes = writer.end().unwrap();
            let mut stream = ChecksummedReader::begin(&bytes[..], &FORMAT).unwrap();
            if let Ok(number) = stream.number() {
                let mut again = ChecksummedWriter::begin(Vec::new(), &FORMAT, FORMAT.version).unwrap();
                again.put_number(number).unwrap();
                let len = again.block.len() - LENGTH;
                prop_assert_eq!(&again.block[LENGTH..], &digits[..len]);
            }
        }
    }
}
