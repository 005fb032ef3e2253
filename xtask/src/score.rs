//! Scores what is found on generated data, recall and precision of each kind by strict spans, and counts what is found in
//! clean text. It runs the smallest program there is around the scanner, an example of its crate, which builds in a minute.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::ci::build_example;
use crate::python::Python;

/// What makes the data, and the files it is put into.
const MAKERS: &[&str] = &[
    "Faker==40.54.0",
    "openpyxl==3.1.5",
    "pyarrow==23.0.1",
    "python-docx==1.2.0",
    "reportlab==5.1.0",
];
/// Folders of text in which there is next to nothing to find, where they are there.
const CLEAN: &[&str] = &["/usr/share/doc", "/usr/share/common-licenses"];

/// Builds the program, generates data from a seed and scores it.
pub(crate) fn run(root: &Path, seed: u64) -> Result<()> {
    let program = build_example(root, "onshore-classify", "places")?;
    let python = Python::apart(root, "classify-score", MAKERS)?;
    let clean = CLEAN.iter().map(Path::new).filter(|path| path.is_dir());
    let status = Command::new(python.program("python"))
        .arg(root.join("xtask/score/score.py"))
        .arg(program)
        .arg(seed.to_string())
        .args(clean)
        .arg(root.join("docs"))
        .status()
        .context("starting the scoring")?;
    if !status.success() {
        bail!("the scoring ended with {status}");
    }
    Ok(())
}
