//! Keeps the Python environment with the real clients: a virtual environment in the target folder, filled from
//! `tests-py/requirements.txt`, filled again only when that file changes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::debian;
use crate::steps::{on_path, target_folder};

/// The environment's folder of programs.
#[derive(Debug, Clone)]
pub(crate) struct Python {
    folder: PathBuf,
}

impl Python {
    /// Makes the environment, or takes the one that is there when its requirements are the same.
    pub(crate) fn ensure(root: &Path) -> Result<Python> {
        let wanted = std::fs::read_to_string(root.join("tests-py/requirements.txt"))
            .context("reading tests-py/requirements.txt")?;
        let requirements = root.join("tests-py/requirements.txt").display().to_string();
        Self::filled(root, "python-env", &wanted, &["-r", &requirements])
    }

    /// Makes another environment in a folder of its own, for packages that would bring much into the one of the tests.
    pub(crate) fn apart(root: &Path, folder: &str, requirements: &[&str]) -> Result<Python> {
        Self::filled(root, folder, &requirements.join("\n"), requirements)
    }

    fn filled(root: &Path, folder: &str, wanted: &str, packages: &[&str]) -> Result<Python> {
        let folder = target_folder(root).join(folder);
        let python = Python {
            folder: folder.clone(),
        };
        // The whole text is the stamp, and the folder's place belongs to it: an environment cannot be moved.
        let stamp = folder.join("onshore-requirements");
        let stamped = format!("{}\n{wanted}", folder.display());
        if std::fs::read_to_string(&stamp).is_ok_and(|found| found == stamped)
            && python.program("python").is_file()
        {
            return Ok(python);
        }
        if !on_path("python3") {
            debian::ensure_tool("python3", "python3")?;
        }
        println!("making the Python environment in {}", folder.display());
        drop(std::fs::remove_dir_all(&folder));
        if run("python3", &["-m", "venv", &folder.display().to_string()]).is_err() {
            // Debian ships the venv module without the pip it installs; the package python3-venv has both.
            debian::install("a working `python3 -m venv`", "python3-venv")?;
            drop(std::fs::remove_dir_all(&folder));
            run("python3", &["-m", "venv", &folder.display().to_string()])?;
        }
        let install = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
        ];
        run(
            &python.program("python").display().to_string(),
            &[&install, packages].concat(),
        )?;
        std::fs::write(&stamp, stamped)?;
        Ok(python)
    }

    /// Installs a package that only some commands need, unless it is there.
    pub(crate) fn ensure_extra(&self, requirement: &str) -> Result<()> {
        run(
            &self.program("python").display().to_string(),
            &[
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-input",
                "--no-deps",
                requirement,
            ],
        )
    }

    /// Returns the path of a program of the environment.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }
}

fn run(program: &str, args: &[&str]) -> Result<()> {
    let status = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("starting {program}"))?;
    if !status.success() {
        bail!("`{program} {}` ended with {status}", args.join(" "));
    }
    Ok(())
}
