//! What catches the eye in a block of bytes.

/// What is compared at once.
pub(crate) const BLOCK_BYTES: usize = 64;
/// A block, and the bytes behind its last one that say what that is.
pub(crate) type Window = [u8; BLOCK_BYTES + 3];

/// Marks in a block what catches the eye, and says whether there is anything. No branches: the compiler makes it
/// compare many bytes at once.
pub(crate) fn mark(window: &Window, marked: &mut [u8; BLOCK_BYTES]) -> bool {
    let digit = |byte: u8| u8::from(byte.wrapping_sub(b'0') < 10);
    let capital = |byte: u8| u8::from(byte.wrapping_sub(b'A') < 26);
    let is = |byte: u8, other: u8| u8::from(byte == other);
    let bytes = block::<0>(window).iter().zip(block::<1>(window));
    let ahead = block::<2>(window).iter().zip(block::<3>(window));
    let mut any = 0;
    for ((to, (a, b)), (c, d)) in marked.iter_mut().zip(bytes).zip(ahead) {
        let (a, b, c, d) = (*a, *b, *c, *d);
        let digits = digit(b) & digit(c);
        let found = (digit(a) & digits)
            | is(a, b'@')
            | (is(a, b'.') & digit(b))
            | (is(a, b'+') & digit(b))
            | (is(a, b'<') & is(b, b'<'))
            | (u8::from(a >= 0x80) & capital(b))
            | (is(a, 0xEF) & is(b, 0xBC) & u8::from(c.wrapping_sub(0x90) < 10))
            | (capital(a) & capital(b) & digit(c) & digit(d))
            | (capital(a) & digits & capital(d));
        *to = found;
        any |= found;
    }
    any != 0
}

/// Returns the block that begins so many bytes into a window.
fn block<const BY: usize>(window: &Window) -> &[u8; BLOCK_BYTES] {
    let (_, rest) = window.split_at(BY);
    rest.first_chunk()
        .expect("a window is longer than a block and what is ahead of it")
}
