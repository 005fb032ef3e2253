//! Reads files as an attacker makes them, for as long as it is told, with ever new seeds from a first one. What reads them
//! has so much memory and no more, and so much time for each batch: what needs more has no bounds.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::children::bound_to_us;
use crate::steps::{Steps, target_folder};

/// So many files are read by one process.
const BATCH: u64 = 2000;
/// What a process may have, threads and libraries and all.
const MEMORY_KIB: u64 = 1 << 20;
/// What reading a batch takes at most; it takes seconds.
const BATCH_MAX: Duration = Duration::from_secs(120);

pub(crate) fn run(root: &Path, seconds: u64, seed: u64) -> Result<()> {
    let steps = Steps::new(root);
    let build = [
        "build",
        "--quiet",
        "--package=onshore-classify",
        "--example=fuzz",
    ];
    steps.tool("cargo", &build, &[])?;
    let program = target_folder(root).join("debug/examples/fuzz");
    let limited = format!("ulimit -v {MEMORY_KIB} && exec \"$0\" \"$@\"");
    let started = Instant::now();
    let mut next = seed;
    while started.elapsed() < Duration::from_secs(seconds) {
        let begun = Instant::now();
        let mut child = bound_to_us(Path::new("sh"))
            .args(["-c", &limited])
            .arg(&program)
            .args([next.to_string(), BATCH.to_string()])
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if begun.elapsed() > BATCH_MAX {
                child.kill()?;
                child.wait()?;
                bail!("the {BATCH} files from seed {next} on were not read in {BATCH_MAX:?}");
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        if !status.success() {
            bail!("reading the {BATCH} files from seed {next} on ended with {status}");
        }
        next += BATCH;
    }
    println!(
        "{} files from seed {seed} on were read in {} s, in {} MiB",
        next - seed,
        started.elapsed().as_secs(),
        MEMORY_KIB >> 10
    );
    Ok(())
}
