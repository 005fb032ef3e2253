//! Reads access policies as attackers make them: `fuzz-policies SEED ROUNDS`; or writes honest ones for a fuzzer to begin with:
//! `fuzz-policies seeds FOLDER`. Ends with an error where a policy was accepted that another
//! reader would understand differently, or a reader panicked.
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
        eprintln!("usage: fuzz-policies SEED ROUNDS | seeds FOLDER");
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
    for (number, honest) in attack::HONEST.into_iter().enumerate() {
        if let Err(error) = std::fs::write(folder.join(number.to_string()), honest) {
            eprintln!("{}: {error}", folder.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
