//! Measures how fast texts are classified, beside Presidio and DataFog from PyPI on the same files.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::python::Python;
use crate::steps::{cargo, target_folder};

/// Other programs that look for personal data, with all that they lean on, and what writes Parquet.
const PEERS: &[&str] = &[
    "presidio-analyzer==2.2.366",
    "datafog==4.9.0",
    "pyarrow==23.0.1",
];

/// Builds the measurement for release, gets the peers and runs all of them.
pub(crate) fn run(root: &Path) -> Result<()> {
    done(
        "the build",
        Command::new(cargo())
            .current_dir(root)
            .args([
                "build",
                "--release",
                "--quiet",
                "--package",
                "onshore-classify",
            ])
            .args(["--example", "pace"]),
    )?;
    let target = target_folder(root);
    let python = Python::apart(root, "classify-peers", PEERS)?;
    done(
        "the measurement",
        Command::new(python.program("python"))
            .arg(root.join("xtask/bench/classify.py"))
            .arg(target.join("release/examples/pace"))
            .arg(target.join("bench/classify")),
    )
}

fn done(what: &str, command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("starting {what}"))?;
    if !status.success() {
        bail!("{what} ended with {status}");
    }
    Ok(())
}
