//! Numbers in base 128, the low digits first, every byte but the last with its high bit set.

/// The largest number of bytes of a number.
pub(crate) const LONGEST: usize = 10;

/// Writes a number into `room`; returns its length.
#[inline]
pub(crate) fn write(room: &mut [u8], mut number: u64) -> usize {
    let mut len = 0;
    while number >= 0x80 {
        room[len] = number as u8 | 0x80;
        number >>= 7;
        len += 1;
    }
    room[len] = number as u8;
    len + 1
}

/// Reads a number, byte by byte; `None` if it is not as [`write`] writes it.
#[inline]
pub(crate) fn read<E>(mut next: impl FnMut() -> Result<u8, E>) -> Result<Option<u64>, E> {
    let mut number = 0;
    for place in 0..LONGEST {
        let byte = next()?;
        // The tenth byte can hold one bit; a zero at the end adds nothing.
        if (place == 9 && byte > 1) || (place > 0 && byte == 0) {
            break;
        }
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Ok(Some(number));
        }
    }
    Ok(None)
}
