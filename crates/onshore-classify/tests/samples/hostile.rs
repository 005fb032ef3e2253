//! Files as an attacker makes them: those of every format, cut, flipped, spliced, and lying about lengths. The same for the
//! same seed.

use std::io::Cursor;

use onshore_classify::{Findings, Limits, Options, Outcome, Scanner};

use super::{all, bzip2, gzip, tar, zip, zstd};

/// Numbers that look random (splitmix64).
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).expect("it fits");
        usize::try_from(self.next() % end).expect("it fits")
    }
}

/// Makes a file and reads it, with limits that are soon reached. Whatever it is, this ends, and without a panic.
pub(crate) fn round(seed: u64) -> Findings {
    let mut draw = Draw::new(seed);
    let samples = all();
    let place = draw.below(samples.len());
    let mut bytes = samples.get(place).expect("it is below").1.clone();
    for _ in 0..draw.below(4) {
        bytes = packed(&mut draw, &bytes);
        if draw.below(4) == 0 {
            break;
        }
    }
    for _ in 0..1 + draw.below(6) {
        let other = draw.below(samples.len());
        let other = &samples.get(other).expect("it is below").1;
        change(&mut draw, &mut bytes, other);
    }
    for _ in 0..draw.below(2) {
        bytes = packed(&mut draw, &bytes);
    }
    let limits = Limits {
        members_max: 100,
        unpacked_free_bytes: 8 << 20,
        unpacked_max_bytes: 16 << 20,
        ratio_max: 100,
        held_max_bytes: 1 << 20,
        held_total_max_bytes: 4 << 20,
        ..Limits::default()
    };
    let mut scanner = Scanner::new(Options {
        found_max: draw.below(100),
        limits,
        ..Options::default()
    });
    let cut = 1 + draw.below(bytes.len().max(2));
    for piece in bytes.chunks(cut) {
        scanner.push(piece);
    }
    let findings = match scanner.finish() {
        Outcome::Done(findings) => *findings,
        Outcome::Whole(scan) => scan.read(Cursor::new(&bytes)).expect("memory can be read"),
    };
    assert!(
        findings.unpacked_bytes <= (16 << 20) + (65 << 20),
        "seed {seed}"
    );
    assert_eq!(findings.len_bytes, bytes.len() as u64, "seed {seed}");
    findings
}

fn packed(draw: &mut Draw, bytes: &[u8]) -> Vec<u8> {
    match draw.below(6) {
        0 => gzip(bytes),
        1 => zstd(bytes),
        2 => bzip2(bytes),
        3 => tar(&[("one", bytes), ("two", b"mobile 13800138000")]),
        4 => zip(&[("one", bytes), ("two", bytes)]),
        _ => bytes.to_vec(),
    }
}

fn change(draw: &mut Draw, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = draw.below(bytes.len() + 1);
    let len = 1 << draw.below(10);
    let end = (at + len).min(bytes.len());
    match draw.below(9) {
        0 => bytes.truncate(at),
        1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << draw.below(8);
            }
        }
        // Lengths and counts: very large, nought, one off.
        2 => {
            const LIES: [&[u8]; 7] = [
                &[0xFF; 8],
                &[0xFF; 4],
                &[0xFF, 0xFF, 0xFF, 0x7F],
                &[0; 4],
                &[0xFF; 2],
                &[0x80, 0x80, 0x80, 0x80, 0x08],
                b"99999999999",
            ];
            let lie = LIES.get(draw.below(LIES.len())).expect("it is below");
            let end = (at + lie.len()).min(bytes.len());
            bytes.splice(at..end, lie.iter().copied());
        }
        3 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = byte.wrapping_add(if draw.below(2) == 0 { 1 } else { 255 });
            }
        }
        4 => {
            bytes.drain(at..end);
        }
        5 => {
            let again = bytes
                .get(at..end)
                .unwrap_or_default()
                .repeat(1 + draw.below(8));
            bytes.splice(at..at, again);
        }
        6 => {
            let from = draw.below(other.len() + 1);
            let piece: Vec<u8> = other.iter().skip(from).take(len).copied().collect();
            bytes.splice(at..end, piece);
        }
        7 => {
            let noise: Vec<u8> = (0..len).map(|_| draw.next().to_le_bytes()[0]).collect();
            bytes.splice(at..end, noise);
        }
        // What opens and is never closed.
        _ => {
            const OPEN: [&[u8]; 6] = [b"[", b"<<", b"(", b"<a>", b"{\"a\":", b"--one\r\n"];
            let open = OPEN.get(draw.below(OPEN.len())).expect("it is below");
            bytes.splice(at..at, open.repeat(len));
        }
    }
}
