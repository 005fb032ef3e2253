//! Measurements that are a program of their own.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::steps::cargo;

/// Builds the measurement for release and runs it.
pub(crate) fn run(root: &Path, package: &str, example: &str) -> Result<()> {
    let status = Command::new(cargo())
        .current_dir(root)
        .args(["run", "--release", "--quiet", "--package", package])
        .args(["--example", example])
        .status()
        .context("starting the measurement")?;
    if !status.success() {
        bail!("the measurement ended with {status}");
    }
    Ok(())
}
