//! `cargo xtask sim --seed N [--steps M]`: steps gate, journal and store through crashes, the same for the same seed.
#![expect(
    clippy::disallowed_methods,
    reason = "a crash is a copy of the data folder as it is on disk"
)]
#![expect(clippy::print_stdout, reason = "it is a command line")]

#[path = "../tests/sim/mod.rs"]
mod sim;

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

/// Steps of a run that names no number.
const STEPS: u64 = 300;

fn main() -> ExitCode {
    let wish = match wish() {
        Ok(wish) => wish,
        Err(error) => {
            eprintln!("{error:#}\nusage: sim --seed N [--steps M]");
            return ExitCode::from(2);
        }
    };
    match sim::run(wish.seed, wish.steps, |line| println!("{line}")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("violation: {error:#}");
            eprintln!(
                "again: cargo xtask sim --seed {} --steps {}",
                wish.seed, wish.steps
            );
            ExitCode::FAILURE
        }
    }
}

struct Wish {
    seed: u64,
    steps: u64,
}

fn wish() -> Result<Wish> {
    let (mut seed, mut steps) = (None, STEPS);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let value = args
            .next()
            .with_context(|| format!("{arg} wants a number"))?;
        let number: u64 = value
            .parse()
            .with_context(|| format!("`{value}` is no number"))?;
        match arg.as_str() {
            "--seed" => seed = Some(number),
            "--steps" => steps = number,
            _ => bail!("`{arg}` is no option"),
        }
    }
    let seed = seed.context("--seed is missing")?;
    Ok(Wish { seed, steps })
}
