//! Runs the project's chores: checks, tests, the demo, benchmarks. Stands beside the house; nothing here is shipped.
#![expect(clippy::print_stdout, reason = "a chore's output is its product")]

mod bench;
mod children;
mod ci;
mod debian;
mod demo;
mod deny;
mod floors;
mod fuzz;
mod measurement;
mod pace;
mod page;
mod python;
mod score;
mod shell;
mod soak;
mod steps;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::bench::Entrant;
use crate::steps::{Skips, Steps};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test [--strict]           all that CI runs, with everything it needs; --strict: a test that cannot run here fails
  check                     the fast part: format, lints, floors, dependencies, unit tests, documentation
  demo                      the main job on real documents: migrate, certify, refuse, approve, prove
  page                      the page that checks evidence in a browser, offline: target/onshore-verify.html
  floors                    which crate may depend on which
  sim --seed N [--steps M]  steps gate, journal and store through crashes, the same for the same seed
  soak [--minutes N]        crash tests and the race over the border with ever new seeds (default 10 minutes)
  fuzz [--seconds N] [--seed N]
                            reads files as an attacker makes them, of every format that is classified, documents of the
                            ledger, and access policies (default 60 s), and for as long again by cargo-fuzz
  bench [NAME...]           rates and CPU time beside other S3 servers, and nginx serving the same files;
                            of these alone: onshore, garage-synced, garage, s3s-fs, rclone, seaweedfs, nginx
  bench --classify          how fast texts are classified, beside Presidio and DataFog
  bench --persons           how fast persons are counted, and what is kept of them
  bench --decisions         how long a decision over a transfer takes, alone and among many approvals
  bench --border            what a border costs small objects: the pack cn beside the pack open, turn about
  bench --migrate           buckets brought from SeaweedFS with `onshore migrate`, rclone and s5cmd
  bench --ledger            how many leaves are recorded a second, and how fast a million is verified
  bench --register          a report over 10,000 organisations, 100,000 contracts and 1,000,000 assets, and one page of it
  bench --many N            starts, memory, listings and writes of a bucket with so many objects
  score [--seed N]          how well identifiers are found in generated data, and what is found in clean text

exit status: 0 done, 1 failed, 2 wrong usage
";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
enum Chore {
    Test(Skips),
    Check,
    Demo,
    Page,
    Floors,
    Sim { seed: u64, steps: Option<u64> },
    Soak { minutes: u64 },
    Fuzz { seconds: u64, seed: u64 },
    Bench(Vec<Entrant>),
    BenchMany { objects: u64 },
    BenchClassify,
    BenchPersons,
    BenchDecisions,
    BenchBorder,
    BenchMigrate,
    BenchLedger,
    BenchRegister,
    Score { seed: u64 },
    Help,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let chore = match parse(&args) {
        Ok(chore) => chore,
        Err(error) => {
            eprintln!("xtask: {error:#}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: &Chore) -> Result<()> {
    let root = root()?;
    match chore {
        Chore::Test(skips) => ci::test(&root, *skips),
        Chore::Check => ci::check(&root),
        Chore::Demo => demo::run(&root),
        Chore::Page => {
            println!("{}", page::build(&root)?.display());
            Ok(())
        }
        Chore::Floors => floors::check(&root),
        Chore::Sim { seed, steps } => ci::simulate(&Steps::new(&root), *seed, *steps),
        Chore::Soak { minutes } => soak::run(&root, *minutes),
        Chore::Fuzz { seconds, seed } => fuzz::run(&root, *seconds, *seed),
        Chore::Bench(entrants) => bench::run(&root, entrants),
        Chore::BenchMany { objects } => bench::run_many(&root, *objects),
        Chore::BenchClassify => pace::run(&root),
        Chore::BenchPersons => measurement::run(&root, "onshore-classify", "persons"),
        Chore::BenchDecisions => measurement::run(&root, "onshore-gate", "decisions"),
        Chore::BenchBorder => bench::run_border(&root),
        Chore::BenchMigrate => bench::run_moves(&root),
        Chore::BenchRegister => measurement::run(&root, "onshore-gate", "register"),
        Chore::BenchLedger => measurement::run(&root, "onshore-journal", "leaves"),
        Chore::Score { seed } => score::run(&root, *seed),
        Chore::Help => {
            print!("{USAGE}");
            Ok(())
        }
    }
}

fn parse(args: &[String]) -> Result<Chore> {
    let Some((command, rest)) = args.split_first() else {
        bail!("no command")
    };
    let mut options = Options { words: rest };
    let chore = match command.as_str() {
        "test" => Chore::Test(if options.flag("--strict") {
            Skips::Fail
        } else {
            Skips::Named
        }),
        "check" => Chore::Check,
        "demo" => Chore::Demo,
        "page" => Chore::Page,
        "floors" => Chore::Floors,
        "sim" => options.sim()?,
        "soak" => Chore::Soak {
            minutes: options.number("--minutes")?.unwrap_or(10),
        },
        "bench" if options.flag("--classify") => Chore::BenchClassify,
        "bench" if options.flag("--persons") => Chore::BenchPersons,
        "bench" if options.flag("--decisions") => Chore::BenchDecisions,
        "bench" if options.flag("--border") => Chore::BenchBorder,
        "bench" if options.flag("--migrate") => Chore::BenchMigrate,
        "bench" if options.flag("--ledger") => Chore::BenchLedger,
        "bench" if options.flag("--register") => Chore::BenchRegister,
        "fuzz" => options.fuzz()?,
        "bench" => match options.number("--many")? {
            Some(objects) => Chore::BenchMany { objects },
            None => Chore::Bench(Entrant::named(std::mem::take(&mut options.words))?),
        },
        "score" => Chore::Score {
            seed: options.number("--seed")?.unwrap_or(1),
        },
        "help" | "--help" | "-h" => Chore::Help,
        other => bail!("unknown command `{other}`"),
    };
    match options.words.first() {
        Some(word) => bail!("`{command}` does not know `{word}`"),
        None => Ok(chore),
    }
}

/// The words after the command, taken from the front as they are understood.
struct Options<'a> {
    words: &'a [String],
}

impl Options<'_> {
    fn flag(&mut self, name: &str) -> bool {
        let there = self.words.first().is_some_and(|word| word == name);
        if there {
            self.words = &self.words[1..];
        }
        there
    }

    fn number(&mut self, name: &str) -> Result<Option<u64>> {
        if !self.flag(name) {
            return Ok(None);
        }
        let (value, rest) = self
            .words
            .split_first()
            .with_context(|| format!("{name} needs a number"))?;
        self.words = rest;
        value
            .parse()
            .map(Some)
            .with_context(|| format!("{name} needs a number, not `{value}`"))
    }

    fn fuzz(&mut self) -> Result<Chore> {
        let (mut seconds, mut seed) = (60, 1);
        loop {
            if let Some(number) = self.number("--seconds")? {
                seconds = number;
            } else if let Some(number) = self.number("--seed")? {
                seed = number;
            } else {
                return Ok(Chore::Fuzz { seconds, seed });
            }
        }
    }

    fn sim(&mut self) -> Result<Chore> {
        let (mut seed, mut steps) = (None, None);
        loop {
            if let Some(number) = self.number("--seed")? {
                seed = Some(number);
            } else if let Some(number) = self.number("--steps")? {
                steps = Some(number);
            } else {
                return Ok(Chore::Sim {
                    seed: seed.context("sim needs --seed N")?,
                    steps,
                });
            }
        }
    }
}

/// Returns the workspace folder: the one above ours.
fn root() -> Result<PathBuf> {
    let ours = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    ours.parent()
        .map(PathBuf::from)
        .context("xtask lies in a workspace")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Option<Chore> {
        parse(
            &line
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        )
        .ok()
    }

    #[test]
    fn commands_are_understood() {
        assert_eq!(parsed("test"), Some(Chore::Test(Skips::Named)));
        assert_eq!(parsed("test --strict"), Some(Chore::Test(Skips::Fail)));
        assert_eq!(
            parsed("bench nginx onshore"),
            Some(Chore::Bench(vec![Entrant::Nginx, Entrant::Onshore]))
        );
        assert_eq!(parsed("bench --classify"), Some(Chore::BenchClassify));
        assert_eq!(parsed("bench --persons"), Some(Chore::BenchPersons));
        assert_eq!(parsed("bench --decisions"), Some(Chore::BenchDecisions));
        assert_eq!(parsed("bench --ledger"), Some(Chore::BenchLedger));
        assert_eq!(parsed("bench --migrate"), Some(Chore::BenchMigrate));
        assert_eq!(parsed("bench --register"), Some(Chore::BenchRegister));
        assert_eq!(parsed("page"), Some(Chore::Page));
        assert_eq!(parsed("soak"), Some(Chore::Soak { minutes: 10 }));
        assert_eq!(parsed("soak --minutes 3"), Some(Chore::Soak { minutes: 3 }));
        assert_eq!(
            parsed("fuzz --seed 7 --seconds 9"),
            Some(Chore::Fuzz {
                seconds: 9,
                seed: 7
            })
        );
        assert_eq!(
            parsed("sim --steps 5 --seed 7"),
            Some(Chore::Sim {
                seed: 7,
                steps: Some(5)
            })
        );
        assert_eq!(
            parsed("sim --seed 7"),
            Some(Chore::Sim {
                seed: 7,
                steps: None
            })
        );
    }

    #[test]
    fn anything_else_is_wrong_usage() {
        for line in [
            "",
            "tset",
            "test --strcit",
            "demo now",
            "sim",
            "sim --seed",
            "sim --seed x",
            "soak --minutes -1",
            "test --strict --strict",
            "bench minio",
        ] {
            assert_eq!(parsed(line), None, "{line}");
        }
    }
}
