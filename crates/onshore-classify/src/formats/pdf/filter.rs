//! What streams of a PDF are packed with.

use flate2::{Decompress, FlushDecompress, Status};

use crate::formats::pdf::object::{Dictionary, Object};

/// To how much a stream may unpack.
pub(super) const STREAM_MAX_BYTES: usize = 64 << 20;
/// How many filters lie in one another.
const FILTERS_MAX: usize = 8;
/// Where a stream is cut, what was unpacked of it is read. This much is unpacked at once.
const STEP_BYTES: usize = 1 << 16;

/// What came of unpacking.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unpacked {
    pub(super) bytes: Vec<u8>,
    pub(super) rest: Rest,
}

/// What stayed packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    Nothing,
    /// It is a JPEG now.
    Jpeg,
    /// It is a picture in another writing.
    Picture,
    Unknown,
    OverLimit,
}

/// Unpacks a stream. What its dictionary refers to is looked up already.
pub(super) fn unpack(filters: &[Object], parameters: &[Object], packed: &[u8]) -> Unpacked {
    let mut bytes = packed.to_vec();
    for (place, filter) in filters.iter().take(FILTERS_MAX).enumerate() {
        let unpacked = match filter.name().unwrap_or_default() {
            b"FlateDecode" | b"Fl" => inflate(&bytes),
            b"LZWDecode" | b"LZW" => lzw(&bytes),
            b"ASCII85Decode" | b"A85" => ascii85(&bytes),
            b"ASCIIHexDecode" | b"AHx" => hexadecimal(&bytes),
            b"RunLengthDecode" | b"RL" => run_length(&bytes),
            b"Crypt" => bytes,
            b"DCTDecode" | b"DCT" => {
                let rest = Rest::Jpeg;
                return Unpacked { bytes, rest };
            }
            b"JPXDecode" | b"CCITTFaxDecode" | b"CCF" | b"JBIG2Decode" => {
                let rest = Rest::Picture;
                return Unpacked { bytes, rest };
            }
            _ => {
                let rest = Rest::Unknown;
                return Unpacked { bytes, rest };
            }
        };
        if unpacked.len() > STREAM_MAX_BYTES {
            let (bytes, rest) = (unpacked, Rest::OverLimit);
            return Unpacked { bytes, rest };
        }
        let parameters = parameters.get(place).and_then(Object::dictionary);
        bytes = match parameters {
            Some(parameters) => predicted(parameters, unpacked),
            None => unpacked,
        };
    }
    let rest = Rest::Nothing;
    Unpacked { bytes, rest }
}

fn inflate(packed: &[u8]) -> Vec<u8> {
    let mut inflate = Decompress::new(true);
    let mut unpacked = Vec::new();
    let mut step = vec![0; STEP_BYTES];
    while unpacked.len() <= STREAM_MAX_BYTES {
        let from = usize::try_from(inflate.total_in()).unwrap_or(usize::MAX);
        let before = inflate.total_out();
        let input = packed.get(from..).unwrap_or_default();
        let status = inflate.decompress(input, &mut step, FlushDecompress::None);
        let written = usize::try_from(inflate.total_out() - before).unwrap_or_default();
        unpacked.extend(step.iter().take(written));
        let is_on = written > 0 || inflate.total_in() > from as u64;
        if !matches!(status, Ok(Status::Ok | Status::BufError)) || !is_on {
            break;
        }
    }
    unpacked
}

fn lzw(packed: &[u8]) -> Vec<u8> {
    // An entry is what another one is and a byte more; how long it is stands beside.
    let mut entries: Vec<(u16, u8, u16)> = Vec::new();
    let reset = |entries: &mut Vec<(u16, u8, u16)>| {
        entries.clear();
        entries.extend((0..=u8::MAX).map(|byte| (0, byte, 1)));
        entries.extend([(0, 0, 0); 2]);
    };
    reset(&mut entries);
    let (mut unpacked, mut bits, mut held) = (Vec::new(), 9, 0_u32);
    let (mut held_bits, mut last) = (0, None::<u16>);
    let mut word = Vec::new();
    for byte in packed {
        held = held << 8 | u32::from(*byte);
        held_bits += 8;
        if held_bits < bits {
            continue;
        }
        held_bits -= bits;
        let code = ((held >> held_bits) & ((1 << bits) - 1)) as u16;
        match code {
            256 => {
                reset(&mut entries);
                (bits, last) = (9, None);
                continue;
            }
            257 => break,
            _ => {}
        }
        let known = if usize::from(code) < entries.len() {
            Some(code)
        } else {
            last
        };
        let Some(mut at) = known else { break };
        word.clear();
        while let Some((before, byte, len)) = entries.get(usize::from(at)) {
            word.push(*byte);
            if *len <= 1 {
                break;
            }
            at = *before;
        }
        word.reverse();
        let Some(first) = word.first().copied() else {
            break;
        };
        if usize::from(code) >= entries.len() {
            word.push(first);
        }
        if let Some(last) = last
            && entries.len() < 4096
        {
            let len = entries.get(usize::from(last)).map_or(1, |entry| entry.2);
            entries.push((last, first, len.saturating_add(1)));
        }
        unpacked.extend_from_slice(&word);
        last = Some(code);
        bits = match entries.len() {
            0..=510 => 9,
            511..=1022 => 10,
            1023..=2046 => 11,
            _ => 12,
        };
        if unpacked.len() > STREAM_MAX_BYTES {
            break;
        }
    }
    unpacked
}

fn ascii85(packed: &[u8]) -> Vec<u8> {
    let (mut unpacked, mut group, mut count) = (Vec::new(), 0_u32, 0);
    for byte in packed {
        match byte {
            b'z' if count == 0 => unpacked.extend_from_slice(&[0; 4]),
            b'!'..=b'u' => {
                group = group.wrapping_mul(85).wrapping_add(u32::from(byte - b'!'));
                count += 1;
                if count == 5 {
                    unpacked.extend_from_slice(&group.to_be_bytes());
                    (group, count) = (0, 0);
                }
            }
            b'~' => break,
            _ => {}
        }
    }
    if count > 1 {
        for _ in count..5 {
            group = group.wrapping_mul(85).wrapping_add(84);
        }
        unpacked.extend(group.to_be_bytes().iter().take(count - 1));
    }
    unpacked
}

fn hexadecimal(packed: &[u8]) -> Vec<u8> {
    let digits = packed.iter().take_while(|byte| **byte != b'>');
    let digits: Vec<u32> = digits
        .filter_map(|byte| char::from(*byte).to_digit(16))
        .collect();
    let byte = |pair: &[u32]| {
        let low = pair.get(1).copied().unwrap_or_default();
        (pair.first().copied().unwrap_or_default() << 4 | low) as u8
    };
    digits.chunks(2).map(byte).collect()
}

fn run_length(packed: &[u8]) -> Vec<u8> {
    let (mut unpacked, mut rest) = (Vec::new(), packed);
    while let Some((len, later)) = rest.split_first() {
        let len = usize::from(*len);
        match len {
            128 => break,
            0..=127 => {
                let now = later.get(..=len).unwrap_or(later);
                unpacked.extend_from_slice(now);
                rest = later.get(now.len()..).unwrap_or_default();
            }
            _ => {
                let Some((byte, later)) = later.split_first() else {
                    break;
                };
                unpacked.extend(std::iter::repeat_n(*byte, 257 - len));
                rest = later;
            }
        }
        if unpacked.len() > STREAM_MAX_BYTES {
            break;
        }
    }
    unpacked
}

/// Takes back what was done to rows so that they pack better.
fn predicted(parameters: &Dictionary, bytes: Vec<u8>) -> Vec<u8> {
    let number = |name: &str, otherwise| {
        let number = parameters.value(name).and_then(Object::count);
        number.unwrap_or(otherwise).clamp(1, 1 << 16)
    };
    if number("Predictor", 1) < 10 {
        return bytes;
    }
    let bits = number("Colors", 1) * number("BitsPerComponent", 8);
    let before = bits.div_ceil(8);
    let row_len = (bits * number("Columns", 1)).div_ceil(8);
    let mut above = vec![0; row_len];
    let mut out = Vec::with_capacity(bytes.len());
    for row in bytes.chunks(row_len + 1) {
        let Some((kind, row)) = row.split_first() else {
            break;
        };
        let mut now = vec![0_u8; row_len];
        for (at, byte) in row.iter().enumerate() {
            let earlier = |row: &[u8]| {
                let byte = at.checked_sub(before).and_then(|at| row.get(at));
                byte.copied().unwrap_or_default()
            };
            let (left, up, corner) = (
                earlier(&now),
                above.get(at).copied().unwrap_or_default(),
                earlier(&above),
            );
            let guess = match kind {
                1 => left,
                2 => up,
                3 => u8::midpoint(left, up),
                4 => paeth(left, up, corner),
                _ => 0,
            };
            if let Some(to) = now.get_mut(at) {
                *to = byte.wrapping_add(guess);
            }
        }
        out.extend(now.iter().take(row.len()));
        above = now;
    }
    out
}

fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let [a, b, c] = [left, up, corner].map(i16::from);
    let guess = a + b - c;
    let [to_a, to_b, to_c] = [a, b, c].map(|value| (guess - value).abs());
    if to_a <= to_b && to_a <= to_c {
        left
    } else if to_b <= to_c {
        up
    } else {
        corner
    }
}

#[cfg(test)]
mod tests {
    use super::{ascii85, hexadecimal, lzw, run_length};

    #[test]
    fn old_filters_unpack() {
        assert_eq!(ascii85(b"87cURD]i,\"Ebo80~>"), b"Hello World!");
        assert_eq!(hexadecimal(b"48 65 6C 6c 6F>"), b"Hello");
        assert_eq!(
            run_length(&[2, b'a', b'b', b'c', 254, b'd', 128, 9]),
            b"abcddd"
        );
        // The example of the specification.
        let packed = [0x80, 0x0B, 0x60, 0x50, 0x22, 0x0C, 0x0C, 0x85, 0x01];
        assert_eq!(lzw(&packed), [45, 45, 45, 45, 45, 65, 45, 45, 45, 66]);
    }
}
