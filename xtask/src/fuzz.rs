//! Reads files, documents of the ledger and access policies as an attacker makes them, for as long as it is told, with ever new seeds from
//! a first one. What reads them has so much memory and no more, and so much time for each batch and for lines without
//! end: what needs more has no bounds. For as long again cargo-fuzz (libFuzzer) changes what is read by what it reached in the program;
//! it does so on the stable compiler, without the sanitizers that need another.

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

/// Which version of cargo-fuzz is installed where there is none.
const CARGO_FUZZ: &str = "0.13.2";
/// What one document or file may be long, in bytes, take in memory, in MiB, and in time, in seconds, where a fuzzer changes it.
const GUIDED: [&str; 3] = ["-max_len=65536", "-rss_limit_mb=2048", "-timeout=25"];

pub(crate) fn run(root: &Path, seconds: u64, seed: u64) -> Result<()> {
    let steps = Steps::new(root);
    let built = |package: &str, name: &str| {
        let package = format!("--package={package}");
        steps.tool(
            "cargo",
            &["build", "--quiet", &package, "--example", name],
            &[],
        )?;
        Ok::<_, anyhow::Error>(target_folder(root).join("debug/examples").join(name))
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
    let each = (seconds / 3).max(1);
    for (target, program) in [
        ("documents", &documents),
        ("policies", &policies),
        ("files", &program),
    ] {
        guided(&steps, target, program, each)?;
    }
    Ok(())
}

/// Has cargo-fuzz run one of its targets, from honest seeds and what it found earlier.
fn guided(steps: &Steps, target: &str, seeds_by: &Path, seconds: u64) -> Result<()> {
    let folder = target_folder(steps.root()).join("fuzz");
    let (corpus, seeds) = (
        folder.join("corpus").join(target),
        folder.join("seeds").join(target),
    );
    for made in [&corpus, &seeds] {
        std::fs::create_dir_all(made).with_context(|| format!("making {}", made.display()))?;
    }
    let text = |path: &Path| path.display().to_string();
    steps.tool(&text(seeds_by), &["seeds", &text(&seeds)], &[])?;
    let tools = folder.join("tools");
    if !tools.join("bin/cargo-fuzz").is_file() {
        let install = [
            "install",
            "--quiet",
            "cargo-fuzz",
            "--locked",
            "--version",
            CARGO_FUZZ,
        ];
        let into = ["--root", &text(&tools)];
        steps.tool("cargo", &[&install[..], &into[..]].concat(), &[])?;
    }
    let program = text(&tools.join("bin/cargo-fuzz"));
    let (time, build) = (format!("-max_total_time={seconds}"), text(&folder));
    let (corpus, seeds) = (text(&corpus), text(&seeds));
    let begin = ["fuzz", "run", "--sanitizer", "none", "--target-dir", &build];
    let what = [target, &corpus, &seeds, "--", &time];
    steps.tool(
        &program,
        &[&begin[..], &what[..], &GUIDED[..]].concat(),
        &[],
    )
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
