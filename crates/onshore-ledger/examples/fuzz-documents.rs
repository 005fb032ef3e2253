//! Reads checkpoints, proofs, requests, policies and bundles as attackers make them: `fuzz-documents SEED ROUNDS`; or writes honest ones for a
//! fuzzer to begin with: `fuzz-documents seeds FOLDER`, the number of its kind before each. Ends with an error where
//! something was accepted that the log does not say, or a parser panicked.
#![expect(
    clippy::disallowed_methods,
    reason = "it is a command line, and writes where it is told"
)]

#[path = "../tests/hostile/attack.rs"]
mod attack;

use std::panic::catch_unwind;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [word, folder] = &args[..]
        && word == "seeds"
    {
        return write_seeds(Path::new(folder));
    }
    let numbers: Vec<u64> = args.iter().filter_map(|arg| arg.parse().ok()).collect();
    let [seed, rounds] = numbers[..] else {
        eprintln!("usage: fuzz-documents SEED ROUNDS | seeds FOLDER");
        return ExitCode::from(2);
    };
    for seed in seed..seed + rounds {
        if catch_unwind(|| attack::round(seed)).is_err() {
            eprintln!("seed {seed} panicked");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn write_seeds(folder: &Path) -> ExitCode {
    for (kind, honest) in attack::corpus().honest().into_iter().enumerate() {
        let number = u8::try_from(kind).unwrap_or_default();
        let seed = [&[number][..], honest].concat();
        if let Err(error) = std::fs::write(folder.join(kind.to_string()), seed) {
            eprintln!("{}: {error}", folder.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
