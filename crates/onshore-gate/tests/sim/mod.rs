//! A seeded simulation: clients, an operator, a jumping clock and crashes against the real gate, journal and store, each
//! step and each restart compared with a model of everything that was acknowledged.

mod audit;
mod crash;
mod exports;
pub(crate) mod house;
mod model;
mod place;
mod random;
mod restart;
mod runner;
mod steps;

use anyhow::{Context as _, Result};

use runner::Runner;

/// How often a crash comes, in steps.
const CRASH_EVERY: u64 = 14;
/// How often a line of progress is due, in steps.
const LINE_EVERY: u64 = 100;

/// Runs so many steps. The error says which step found a violation.
pub(crate) fn run(seed: u64, steps: u64, mut progress: impl FnMut(&str)) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut runner = Runner::new(seed)?;
    runtime.block_on(runner.furnish())?;
    for step in 1..=steps {
        let done = if runner.dice.once_in(CRASH_EVERY) {
            runner.restart(&runtime)
        } else {
            runtime.block_on(runner.step())
        };
        done.with_context(|| format!("seed {seed}, step {step}"))?;
        if step % LINE_EVERY == 0 {
            progress(&format!("seed {seed}: step {step}, {}", runner.summary()));
        }
    }
    runtime
        .block_on(runner.finish())
        .with_context(|| format!("seed {seed}, at the end"))?;
    progress(&format!("seed {seed}: {steps} steps, {}", runner.summary()));
    Ok(())
}
