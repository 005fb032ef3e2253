//! Files of any format, read in pieces as long as the first byte says: it ends, and without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use onshore_classify::{Limits, Options, Scanner};

fuzz_target!(|bytes: &[u8]| {
    let Some((cut, file)) = bytes.split_first() else {
        return;
    };
    let limits = Limits {
        members_max: 100,
        unpacked_free_bytes: 1 << 20,
        unpacked_max_bytes: 2 << 20,
        ratio_max: 100,
        held_max_bytes: 1 << 20,
        held_total_max_bytes: 2 << 20,
        ..Limits::default()
    };
    let mut scanner = Scanner::new(Options {
        limits,
        ..Options::default()
    });
    for piece in file.chunks(1 + usize::from(*cut)) {
        scanner.push(piece);
    }
    drop(scanner.finish());
});
