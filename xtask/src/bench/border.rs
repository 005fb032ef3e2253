//! What a border costs small objects: one server, with the pack `open`, which has no border, beside the pack `cn`, turn about.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::table::Measured;
use super::{BUCKET, Bench, Entrant, LOADS, Load, Shown};
use crate::shell::{credential, output, read_json};

/// The pack without a border, and the one with most rules.
const PACKS: [&str; 2] = ["open", "cn"];
/// How many pairs of runs are made of each load; which pack comes first changes.
const PAIRS: usize = 6;
/// The loads of small objects that are repeated.
const REPEATED: [&str; 2] = ["GET 4 KiB, 32 connections", "PUT 4 KiB, 32 connections"];

/// One run with each pack, right after one another.
#[derive(Debug)]
struct Pair {
    open: Measured,
    closed: Measured,
}

/// Runs the pairs and prints the median of their ratios.
pub(crate) fn run(root: &Path) -> Result<()> {
    let bench = Bench::set(root, &[Entrant::Onshore])?;
    let contender = bench.start(Entrant::Onshore)?;
    let (url, s5cmd) = (contender.url(), bench.python.program("s5cmd"));
    let from = format!("{}/", bench.folder.join("www/small").display());
    let to = format!("s3://{BUCKET}/small/");
    let made = ["mb", &format!("s3://{BUCKET}")];
    for order in [made.as_slice(), &["--log", "error", "cp", &from, &to]] {
        let args = [&["--endpoint-url", url.as_str()], order].concat();
        output(&s5cmd, &args, &contender.aws())?;
    }
    println!(
        "{:28} {:>10} {:>10} {:>12} {:>12} {:>8} {:>8}",
        "median of the pairs", "open", "cn", "open us CPU", "cn us CPU", "rate", "CPU"
    );
    for load in LOADS.iter().filter(|load| REPEATED.contains(&load.name)) {
        let mut pairs = Vec::new();
        for pair in 0..PAIRS {
            let turns = if pair % 2 == 0 { [0, 1] } else { [1, 0] };
            let mut measured = turns.map(|which| (which, None));
            for (which, found) in &mut measured {
                bench.activate(PACKS[*which])?;
                *found = Some(bench.wrk(&contender, load)?);
            }
            measured.sort_unstable_by_key(|(which, _)| *which);
            if let [(_, Some(open)), (_, Some(closed))] = measured {
                pairs.push(Pair { open, closed });
            }
        }
        print_pairs(load, &pairs);
    }
    contender.stop()
}

fn print_pairs(load: &Load, pairs: &[Pair]) {
    let of = |figure: fn(&Pair) -> f64| median(pairs.iter().map(figure));
    println!(
        "{:28} {:>10.0} {:>10.0} {:>12.1} {:>12.1} {:>8.3} {:>8.3}",
        load.name,
        of(|pair| pair.open.figure(Shown::Rate)),
        of(|pair| pair.closed.figure(Shown::Rate)),
        of(|pair| pair.open.cpu_us()),
        of(|pair| pair.closed.cpu_us()),
        of(|pair| pair.closed.figure(Shown::Rate) / pair.open.figure(Shown::Rate)),
        of(|pair| pair.closed.cpu_us() / pair.open.cpu_us()),
    );
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_unstable_by(f64::total_cmp);
    let (low, high) = ((figures.len().saturating_sub(1)) / 2, figures.len() / 2);
    match (figures.get(low), figures.get(high)) {
        (Some(low), Some(high)) => f64::midpoint(*low, *high),
        _ => f64::NAN,
    }
}

impl Bench {
    /// Puts a pack in force, as an operator does.
    fn activate(&self, pack: &str) -> Result<()> {
        let data = self.folder.join("data");
        let told = read_json(&data.join("server.json"))?;
        let control = told["control"].as_str().context("no control address")?;
        let control = format!("http://{control}");
        let first = credential(&data, "control_token")?;
        let asked = |token: &str, args: &[&str]| {
            let variables = [
                ("ONSHORE_SERVER", control.as_str()),
                ("ONSHORE_TOKEN", token),
            ];
            let answer = output(&self.binary, &[&["--json"], args].concat(), &variables)?;
            serde_json::from_str::<Value>(&answer).context("the answer is not JSON")
        };
        let person = |name| {
            let made = asked(
                &first,
                &["token", "create", "--role", "operator", "--person", name],
            )?;
            let token = made["token"].as_str().context("no token was made")?;
            Ok::<_, anyhow::Error>(token.to_owned())
        };
        let activated = asked(&person("ada")?, &["pack", "activate", pack])?;
        // To open a border takes two people.
        if activated["state"] == "proposed" {
            let id = activated["id"].to_string();
            asked(&person("bo")?, &["pack", "approve", &id])?;
        }
        Ok(())
    }
}
