//! Reads access policies as attackers make them: `fuzz SEED ROUNDS`. Ends with an error where a policy was accepted that another
//! reader would understand differently, or a reader panicked.

#[path = "../tests/hostile/attack.rs"]
mod attack;

use std::panic::catch_unwind;
use std::process::ExitCode;

fn main() -> ExitCode {
    let numbers: Vec<u64> = std::env::args()
        .skip(1)
        .filter_map(|arg| arg.parse().ok())
        .collect();
    let [seed, rounds] = numbers[..] else {
        eprintln!("usage: fuzz SEED ROUNDS");
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
