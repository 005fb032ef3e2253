//! Scores `onshore classify` on generated data: recall and precision of each kind by strict spans, and the pace.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::ci::build_binary;
use crate::python::Python;
use crate::steps::target_folder;

/// What makes the data.
const FAKER: &str = "Faker==40.54.0";

/// Builds the program, generates data from a seed and scores it.
pub(crate) fn run(root: &Path, seed: u64) -> Result<()> {
    let binary = build_binary(root, &["--release"], "release")?;
    let python = Python::ensure(root)?;
    python.ensure_extra(FAKER)?;
    let folder = target_folder(root).join("score");
    let status = Command::new(python.program("python"))
        .arg(root.join("xtask/score/score.py"))
        .arg(binary)
        .arg(&folder)
        .arg(seed.to_string())
        .status()
        .context("starting the scoring")?;
    if !status.success() {
        bail!("the scoring ended with {status}");
    }
    println!("\nThe files are in {}.", folder.display());
    Ok(())
}
