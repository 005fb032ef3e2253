//! Runs programs through a cut-over at length; then the crash tests, and the race over the border, again and again with ever
//! new seeds, and names the seed of the run that failed.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};

use crate::ci;
use crate::python::Python;
use crate::steps::{Skips, Steps};

/// The tests that draw from a seed and are worth other ones.
const SEEDED: [&str; 2] = ["tests-py/test_crash.py", "tests-py/test_border_race.py"];

/// The test in which programs use a bucket while it is cut over, and how much they do here.
const CUTOVER: &str =
    "tests-py/test_cutover.py::test_programs_see_no_error_through_the_whole_of_it";
const CUTOVER_OPERATIONS: &str = "100000";

pub(crate) fn run(root: &Path, minutes: u64) -> Result<()> {
    ci::build_binary(root, &[], "debug")?;
    let python = Python::ensure(root)?;
    let mut steps = Steps::new(root);
    steps.step("programs through a cut-over", |steps| {
        let operations = [("ONSHORE_CUTOVER_OPERATIONS", CUTOVER_OPERATIONS)];
        ci::pytest(steps, &python, &[CUTOVER], Skips::Named, &operations)
    });
    let limit = Duration::from_secs(minutes * 60);
    let started = Instant::now();
    let mut seed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("the clock is before 1970")?
        .as_secs();
    let mut rounds = 0;
    loop {
        rounds += 1;
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let text = (seed >> 33).to_string();
        let held = steps.step(&format!("crashes and races, seed {text}"), |steps| {
            let seeds = [("ONSHORE_TEST_SEED", text.as_str())];
            ci::pytest(steps, &python, &SEEDED, Skips::Named, &seeds)
        });
        if !held {
            eprintln!(
                "repeat it with: ONSHORE_BIN=target/debug/onshore ONSHORE_TEST_SEED={text} {} -m pytest {}",
                python.program("python").display(),
                SEEDED.join(" ")
            );
            break;
        }
        if started.elapsed() >= limit {
            break;
        }
    }
    println!("\n{rounds} round(s) in {} s", started.elapsed().as_secs());
    steps.close(Skips::Named)
}
