//! Numbers in records. What is not there is nought.

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    let number = bytes.get(at..).and_then(<[u8]>::first_chunk);
    number.copied().map(u16::from_le_bytes).unwrap_or_default()
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let number = bytes.get(at..).and_then(<[u8]>::first_chunk);
    number.copied().map(u32::from_le_bytes).unwrap_or_default()
}

pub(super) fn f64_at(bytes: &[u8], at: usize) -> f64 {
    let number = bytes.get(at..).and_then(<[u8]>::first_chunk);
    number.copied().map(f64::from_le_bytes).unwrap_or_default()
}
