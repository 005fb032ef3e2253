//! Reads files as an attacker makes them: `fuzz-files SEED ROUNDS`; lines without end: `fuzz-files line GIB`; or writes
//! honest ones for a fuzzer to begin with: `fuzz-files seeds FOLDER`. Ends with an error where
//! reading one panicked.
#![expect(
    clippy::disallowed_methods,
    reason = "it is a command line, and writes where it is told"
)]

#[path = "../tests/samples/mod.rs"]
mod samples;

use std::panic::catch_unwind;
use std::path::Path;
use std::process::ExitCode;

use onshore_classify::{Options, Outcome, Scanner};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<u64> = args.iter().filter_map(|arg| arg.parse().ok()).collect();
    match (args.first().map(String::as_str), numbers.as_slice()) {
        (Some("line"), [gib]) => {
            read_lines(*gib);
            ExitCode::SUCCESS
        }
        (Some("seeds"), _) if args.len() == 2 => write_seeds(Path::new(&args[1])),
        (_, [seed, rounds]) => read_rounds(*seed, *rounds),
        _ => {
            eprintln!("usage: fuzz-files SEED ROUNDS | line GIB | seeds FOLDER");
            ExitCode::from(2)
        }
    }
}

fn read_rounds(seed: u64, rounds: u64) -> ExitCode {
    for seed in seed..seed + rounds {
        if catch_unwind(|| samples::hostile::round(seed)).is_err() {
            eprintln!("seed {seed} panicked");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn write_seeds(folder: &Path) -> ExitCode {
    for (number, sample) in samples::all().into_iter().enumerate() {
        // The first byte says where a fuzzer cuts the rest.
        let seed = [&[0][..], &sample.1].concat();
        if let Err(error) = std::fs::write(folder.join(number.to_string()), seed) {
            eprintln!("{}: {error}", folder.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Reads lines of so many gibibytes, each of one thing again and again.
fn read_lines(gib: u64) {
    for what in ["a", "1", "张", "1,", "<a>", "{\"a\":[", "From: a"] {
        let piece = what.repeat((1 << 20) / what.len());
        let mut scanner = Scanner::new(Options::default());
        for _ in 0..gib << 10 {
            scanner.push(piece.as_bytes());
        }
        let Outcome::Done(findings) = scanner.finish() else {
            panic!("a line of `{what}` is no archive");
        };
        assert_eq!(findings.len_bytes, (gib << 10) * piece.len() as u64);
    }
}
