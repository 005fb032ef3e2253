//! What catches the eye in a block of bytes.

/// What is compared at once.
pub(crate) const BLOCK_BYTES: usize = 64;
/// A block, and the bytes behind its last one that say what that is.
pub(crate) type Window = [u8; BLOCK_BYTES + 3];

/// Places in a block, a bit for each.
pub(crate) type Places = u64;

/// What catches the eye in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Where three digits stand in a row.
    pub(crate) digits: Places,
    /// Anything else.
    pub(crate) others: Places,
}

/// Marks what catches the eye in a block, if anything does. No branches: the compiler makes it compare many bytes at once.
pub(crate) fn mark(window: &Window) -> Option<Marks> {
    const DIGITS: u8 = 1;
    const OTHER: u8 = 2;
    let digit = |byte: u8| u8::from(byte.wrapping_sub(b'0') < 10);
    let capital = |byte: u8| u8::from(byte.wrapping_sub(b'A') < 26);
    let is = |byte: u8, other: u8| u8::from(byte == other);
    let bytes = block::<0>(window).iter().zip(block::<1>(window));
    let ahead = block::<2>(window).iter().zip(block::<3>(window));
    if !may_catch(window) {
        return None;
    }
    let mut marked = [0_u8; BLOCK_BYTES];
    let mut any = 0;
    for ((to, (a, b)), (c, d)) in marked.iter_mut().zip(bytes).zip(ahead) {
        let (a, b, c, d) = (*a, *b, *c, *d);
        let digits = digit(b) & digit(c);
        let found = is(a, b'@')
            | (is(a, b'.') & digit(b))
            | (is(a, b'+') & digit(b))
            | (is(a, b'<') & is(b, b'<'))
            | (is(a, b':') & digit(b) & digit(d))
            | (u8::from(a >= 0x80) & capital(b))
            | (is(a, 0xEF) & is(b, 0xBC) & u8::from(c.wrapping_sub(0x90) < 10))
            | (capital(a) & capital(b) & digit(c) & digit(d))
            | (capital(a) & digits & capital(d));
        *to = ((digit(a) & digits) * DIGITS) | (found * OTHER);
        any |= *to;
    }
    (any != 0).then(|| Marks {
        digits: places(&marked, DIGITS),
        others: places(&marked, OTHER),
    })
}

/// Whether there is a byte of those that everything has which catches the eye: digits, capitals, a few signs between them in
/// ASCII, or the last of a digit of full width.
fn may_catch(window: &Window) -> bool {
    let first = block::<0>(window).iter().zip(block::<1>(window));
    let mut any = 0;
    for ((a, b), c) in first.zip(block::<2>(window)) {
        let is_wide = (*a == 0xEF) & (*b == 0xBC) & (c.wrapping_sub(0x90) < 10);
        any |= u8::from(b.wrapping_sub(b'0') <= b'Z' - b'0') | u8::from(is_wide);
    }
    any != 0 || window[0] == b'@'
}

/// Returns which bytes of a block are of a kind.
pub(crate) fn all_of(block: &[u8; BLOCK_BYTES], is_one: impl Fn(u8) -> bool) -> Places {
    places(&block.map(|byte| u8::from(is_one(byte))), 1)
}

/// Returns where a bit is set in the bytes of a block.
fn places(bytes: &[u8; BLOCK_BYTES], bit: u8) -> Places {
    let (eights, _) = bytes.as_chunks::<8>();
    let mut places = 0;
    for eight in eights.iter().rev() {
        let set = (u64::from_le_bytes(*eight) / u64::from(bit)) & 0x0101_0101_0101_0101;
        // Brings the lowest bit of each byte into the highest byte, in their order.
        places = (places << 8) | (set.wrapping_mul(0x0102_0408_1020_4080) >> 56);
    }
    places
}

/// Tells of each place in turn.
pub(crate) fn each(mut places: Places, mut tell: impl FnMut(usize)) {
    while places != 0 {
        tell(places.trailing_zeros() as usize);
        places &= places - 1;
    }
}

/// Returns the block that begins so many bytes into a window.
fn block<const BY: usize>(window: &Window) -> &[u8; BLOCK_BYTES] {
    let (_, rest) = window.split_at(BY);
    rest.first_chunk()
        .expect("a window is longer than a block and what is ahead of it")
}

#[cfg(test)]
mod tests {
    use super::{BLOCK_BYTES, Window, all_of, each, mark};

    #[test]
    fn places_are_those_of_their_bytes() {
        let mut window: Window = [b' '; BLOCK_BYTES + 3];
        assert_eq!(mark(&window), None);
        window[3..7].copy_from_slice(b"1234");
        window[40] = b'@';
        window[62..67].copy_from_slice(b"56789");
        let marks = mark(&window).expect("something");
        let mut found = Vec::new();
        each(marks.digits, |at| found.push(at));
        each(marks.others, |at| found.push(at));
        assert_eq!(found, [3, 4, 62, 63, 40]);
        let block = window.first_chunk().expect("long enough");
        assert_eq!(all_of(block, |byte| byte == b'@'), 1 << 40);
    }
}
