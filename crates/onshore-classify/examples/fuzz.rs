//! Reads files as an attacker makes them: `fuzz SEED ROUNDS`. Ends with an error where reading one panicked.

#[path = "../tests/samples/mod.rs"]
mod samples;

use std::panic::catch_unwind;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse());
    let (Some(Ok(seed)), Some(Ok(rounds))) = (args.next(), args.next()) else {
        eprintln!("usage: fuzz SEED ROUNDS");
        return ExitCode::from(2);
    };
    let seeds: std::ops::Range<u64> = seed..seed + rounds;
    for seed in seeds {
        if catch_unwind(|| samples::hostile::round(seed)).is_err() {
            eprintln!("seed {seed} panicked");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
