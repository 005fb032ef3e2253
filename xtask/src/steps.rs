//! Keeps the score of a run: each step with its time, each test that could not run, the totals the test tools print.
//! Starts the tools the steps consist of and shows their output as it comes.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// What is done about a test that cannot run where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skips {
    /// It is named at the end of the run.
    Named,
    /// It is named and fails the run.
    Fail,
}

/// The totals a test tool printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Totals {
    fn add(&mut self, other: Totals) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// Reads a closing line of `cargo test` or of pytest; any other line is none.
    fn parse(line: &str) -> Option<Totals> {
        let plain: String = strip_colour(line);
        let body = if let Some((_, body)) = plain.split_once("test result: ") {
            body
        } else if plain.contains(" in ")
            && (plain.contains(" passed") || plain.contains(" failed"))
            && plain.trim_end().ends_with(['s', '=', ')'])
        {
            plain.trim_matches(['=', ' ', '\n'])
        } else {
            return None;
        };
        let mut totals = Totals::default();
        let mut words = body
            .split([' ', ';', ',', '.'])
            .filter(|word| !word.is_empty())
            .peekable();
        let mut any = false;
        while let Some(word) = words.next() {
            let Ok(number) = word.parse::<u64>() else {
                continue;
            };
            let slot = match words.peek().copied() {
                Some("passed") => &mut totals.passed,
                Some("failed" | "error" | "errors") => &mut totals.failed,
                Some("ignored" | "skipped") => &mut totals.skipped,
                _ => continue,
            };
            *slot += number;
            any = true;
        }
        any.then_some(totals)
    }
}

fn strip_colour(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        if char == '\u{1b}' {
            for char in chars.by_ref() {
                if char.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            plain.push(char);
        }
    }
    plain
}

/// A run: its steps in order and what they came to.
#[derive(Debug)]
pub(crate) struct Steps {
    root: PathBuf,
    rows: Vec<(String, Duration, Option<String>)>,
    skipped: Vec<String>,
    notes: Vec<String>,
    totals: Totals,
    started: Instant,
}

impl Steps {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            rows: Vec::new(),
            skipped: Vec::new(),
            notes: Vec::new(),
            totals: Totals::default(),
            started: Instant::now(),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Runs one step, shows its name and keeps its time. Returns whether it held.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce(&mut Steps) -> Result<()>) -> bool {
        println!("\n=== {name}");
        let started = Instant::now();
        let result = work(self);
        let failure = result.err().map(|error| format!("{error:#}"));
        if let Some(failure) = &failure {
            eprintln!("=== {name} FAILED: {failure}");
        }
        let held = failure.is_none();
        self.rows
            .push((name.to_owned(), started.elapsed(), failure));
        held
    }

    /// Notes a test or check that cannot run here.
    pub(crate) fn skip(&mut self, what: impl Into<String>) {
        let what = what.into();
        eprintln!("!!! SKIPPED: {what}");
        self.skipped.push(what);
    }

    /// Notes something a reader of the summary should know that is no test.
    pub(crate) fn note(&mut self, what: impl Into<String>) {
        let what = what.into();
        eprintln!("!!! NOTE: {what}");
        self.notes.push(what);
    }

    /// Runs a tool and shows its output; a status other than success is the error.
    pub(crate) fn tool(&self, program: &str, args: &[&str], env: &[(&str, &str)]) -> Result<()> {
        let shown = shown(program, args);
        println!("$ {shown}");
        let status = clean_command(program)
            .args(args)
            .envs(env.iter().copied())
            .current_dir(&self.root)
            .stdin(Stdio::null())
            .status()
            .with_context(|| format!("starting {shown}"))?;
        if !status.success() {
            bail!("`{shown}` ended with {status}");
        }
        Ok(())
    }

    /// Runs a test tool, shows its output, and adds the totals it prints to those of the run.
    pub(crate) fn tests(
        &mut self,
        program: &str,
        args: &[&str],
        env: &[(&str, &str)],
    ) -> Result<()> {
        let shown = shown(program, args);
        println!("$ {shown}");
        let mut child = clean_command(program)
            .args(args)
            .envs(env.iter().copied())
            .current_dir(&self.root)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {shown}"))?;
        let stdout = child
            .stdout
            .take()
            .context("the child's output was asked for")?;
        let mut out = std::io::stdout().lock();
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line.context("reading the tool's output")?;
            out.write_all(&line)?;
            out.write_all(b"\n")?;
            if let Some(totals) = Totals::parse(&String::from_utf8_lossy(&line)) {
                self.totals.add(totals);
            }
        }
        drop(out);
        let status = child.wait().with_context(|| format!("awaiting {shown}"))?;
        if !status.success() {
            bail!("`{shown}` ended with {status}");
        }
        Ok(())
    }

    /// Returns the time of the named steps together.
    pub(crate) fn time_of(&self, names: &[&str]) -> Duration {
        self.rows
            .iter()
            .filter(|(name, ..)| names.contains(&name.as_str()))
            .map(|(_, time, _)| *time)
            .sum()
    }

    /// Prints the summary and decides how the run ends.
    pub(crate) fn close(self, skips: Skips) -> Result<()> {
        println!("\n=== summary");
        for (name, time, failure) in &self.rows {
            let mark = if failure.is_none() {
                "ok    "
            } else {
                "FAILED"
            };
            println!("  {mark} {:>7.1} s  {name}", time.as_secs_f64());
        }
        println!(
            "         {:>7.1} s  in all",
            self.started.elapsed().as_secs_f64()
        );
        for what in &self.notes {
            println!("  note: {what}");
        }
        for what in &self.skipped {
            println!("  did not run here: {what}");
        }
        let broken: Vec<&str> = self
            .rows
            .iter()
            .filter(|row| row.2.is_some())
            .map(|row| row.0.as_str())
            .collect();
        let skips_fail = skips == Skips::Fail && !self.skipped.is_empty();
        let verdict = if broken.is_empty() && !skips_fail {
            "ok"
        } else {
            "FAILED"
        };
        println!(
            "\ntest result: {verdict}. {} passed; {} failed; {} ignored; {} of {} steps held; {} skipped",
            self.totals.passed,
            self.totals.failed,
            self.totals.skipped,
            self.rows.len() - broken.len(),
            self.rows.len(),
            self.skipped.len(),
        );
        if !broken.is_empty() {
            bail!("failed: {}", broken.join(", "));
        }
        if skips_fail {
            bail!(
                "--strict: {} check(s) could not run here",
                self.skipped.len()
            );
        }
        Ok(())
    }
}

/// Returns a command as a person would type it: without the folder of the program.
fn shown(program: &str, args: &[&str]) -> String {
    let name = Path::new(program)
        .file_name()
        .and_then(OsStr::to_str)
        .unwrap_or(program);
    [&[name], args].concat().join(" ")
}

/// Returns the cargo that runs us, so that nested runs use the same toolchain.
pub(crate) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Returns a command for a tool in which nothing is left of the variables that `cargo run` set for us. Build scripts
/// look at them (that of `ring` does), so they would build everything anew each time xtask and a plain cargo alternate.
pub(crate) fn clean_command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_CRATE_",
            "CARGO_BIN_",
            "CARGO_PRIMARY_",
        ]
        .iter()
        .any(|start| text.starts_with(start))
        {
            command.env_remove(&name);
        }
    }
    command
}

/// Returns the folder cargo builds into, where all that is made here lies too.
pub(crate) fn target_folder(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root.join("target"), |folder| root.join(folder))
}

/// Returns whether a program of this name is on the search path.
pub(crate) fn on_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_read_from_both_tools() {
        let cargo = "test result: ok. 12 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(
            Totals::parse(cargo),
            Some(Totals {
                passed: 12,
                failed: 1,
                skipped: 2
            })
        );
        let pytest = "\u{1b}[32m===== \u{1b}[1m101 passed\u{1b}[0m, 2 failed, 3 skipped, 1 warning in 32.10s (0:00:32) =====\u{1b}[0m";
        assert_eq!(
            Totals::parse(pytest),
            Some(Totals {
                passed: 101,
                failed: 2,
                skipped: 3
            })
        );
        assert_eq!(
            Totals::parse("7 passed in 0.10s"),
            Some(Totals {
                passed: 7,
                failed: 0,
                skipped: 0
            })
        );
        assert_eq!(Totals::parse("running 3 tests"), None);
        assert_eq!(Totals::parse("3 objects passed in review"), None);
    }

    #[test]
    fn a_failed_step_and_a_strict_skip_fail_the_run() {
        let root = Path::new("/");
        let mut steps = Steps::new(root);
        assert!(steps.step("holds", |_| Ok(())));
        assert!(steps.close(Skips::Fail).is_ok());
        let mut steps = Steps::new(root);
        assert!(!steps.step("breaks", |_| bail!("no")));
        assert!(steps.close(Skips::Named).is_err());
        let mut steps = Steps::new(root);
        steps.skip("a thing");
        assert!(steps.close(Skips::Named).is_ok());
        let mut steps = Steps::new(root);
        steps.skip("a thing");
        assert!(steps.close(Skips::Fail).is_err());
    }
}
