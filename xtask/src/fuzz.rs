//! Reads files, documents of the ledger and access policies as an attacker makes them, for as long as it is told, with ever new seeds from
//! a first one. What reads them has so much memory and no more, and so much time for each batch and for lines without
//! end: what needs more has no bounds.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::children::bound_to_us;
use crate::steps::{Steps, target_folder};

/// So many files are read by one process.
const BATCH: u64 = 2000;
/// What a process may have, threads and libraries and all.
const MEMORY_KIB: u64 = 1 << 20;
/// How long lines are that never end.
const LINE_GIB: &str = "1";
/// What reading a batch takes at most; it takes seconds.
const READING_MAX: Duration = Duration::from_secs(300);

pub(crate) fn run(root: &Path, seconds: u64, seed: u64) -> Result<()> {
    let steps = Steps::new(root);
    // The examples have the same name, so each is moved aside.
    let built = |package: &str, name: &str| {
        let package = format!("--package={package}");
        let build = ["build", "--quiet", &package, "--example=fuzz"];
        steps.tool("cargo", &build, &[])?;
        let examples = target_folder(root).join("debug/examples");
        let program = examples.join(name);
        std::fs::copy(examples.join("fuzz"), &program)
            .with_context(|| format!("copying {}", program.display()))?;
        Ok::<_, anyhow::Error>(program)
    };
    let documents = built("onshore-ledger", "fuzz-documents")?;
    let policies = built("onshore-policy", "fuzz-policies")?;
    let program = built("onshore-classify", "fuzz-files")?;
    let started = Instant::now();
    read(&program, &["line", LINE_GIB], "lines without end")?;
    let mut next = seed;
    let fuzzing = Instant::now();
    while fuzzing.elapsed() < Duration::from_secs(seconds) {
        let (from, count) = (next.to_string(), BATCH.to_string());
        let what = format!("the {BATCH} files from seed {next} on");
        read(&program, &[&from, &count], &what)?;
        let what = format!("the {BATCH} rounds of documents of the ledger from seed {next} on");
        read(&documents, &[&from, &count], &what)?;
        let what = format!("the {BATCH} rounds of access policies from seed {next} on");
        read(&policies, &[&from, &count], &what)?;
        next += BATCH;
    }
    println!(
        "{} files, and as many rounds of documents of the ledger and of access policies, from seed {seed} on were read in {} s, in {} MiB",
        next - seed,
        started.elapsed().as_secs(),
        MEMORY_KIB >> 10
    );
    Ok(())
}

/// Reads something in a process that has its limits.
fn read(program: &Path, args: &[&str], what: &str) -> Result<()> {
    let limited = format!("ulimit -v {MEMORY_KIB} && exec \"$0\" \"$@\"");
    let begun = Instant::now();
    let mut child = bound_to_us(Path::new("sh"))
        .args(["-c", &limited])
        .arg(program)
        .args(args)
        .spawn()
        .with_context(|| format!("starting {}", program.display()))?;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if begun.elapsed() > READING_MAX {
            child.kill()?;
            child.wait()?;
            bail!("{what} were not read in {READING_MAX:?}");
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    if !status.success() {
        bail!("reading {what} ended with {status}");
    }
    Ok(())
}
