//! What a bucket with very many objects does to starts, memory, listings and writes.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::contender::Contender;
use super::{BUCKET, Bench, Load, Method, SMALL_BYTES, SMALL_COUNT, Shown};
use crate::shell::output;

/// How long wrk fills at a stretch: its counts come at the end.
const STRETCH_SECONDS: u32 = 60;
/// More keys than a stretch can fill.
const STRETCH_KEYS: u64 = 1_000_000_000;
const CONNECTIONS: u32 = 64;
const LISTED_PAGES: usize = 2000;

const PUT: Load = Load {
    name: "PUT 4 KiB, 32 connections",
    method: Method::Put,
    keys: "put/{}",
    count: SMALL_COUNT,
    body_bytes: SMALL_BYTES,
    connections: 32,
    shown: Shown::Rate,
};

const LIST: Load = Load {
    name: "LIST 1,000 keys anywhere, 1 connection",
    method: Method::List,
    keys: "many/",
    count: LISTED_PAGES,
    body_bytes: 0,
    connections: 1,
    shown: Shown::Rate,
};

/// Fills a bucket with so many objects, and measures before and after.
pub(crate) fn run(root: &Path, objects: u64) -> Result<()> {
    let bench = Bench::set(root, &[super::Entrant::Onshore])?;
    let contender = bench.start(super::Entrant::Onshore)?;
    let endpoint = contender.url();
    output(
        &bench.python.program("s5cmd"),
        &["--endpoint-url", &endpoint, "mb", &format!("s3://{BUCKET}")],
        &contender.aws(),
    )?;
    let mut empty = Vec::new();
    for _ in 0..2 {
        empty.push(bench.wrk(&contender, &PUT)?);
    }
    let template = bench.folder.join("form");
    let script = root.join("xtask/bench/form.py").display().to_string();
    let form = output(
        &bench.python.program("python"),
        &[&script, &endpoint, BUCKET],
        &contender.aws(),
    )?;
    std::fs::write(&template, form)?;
    let (started, mut filled, mut stretch) = (Instant::now(), 0, 0);
    while filled < objects {
        filled += bench.fill(&contender, &template, stretch)?;
        stretch += 1;
        println!(
            "  {filled} objects after {:.0} s",
            started.elapsed().as_secs_f64()
        );
    }
    contender.stop()?;

    let started = Instant::now();
    let contender = bench.start(super::Entrant::Onshore)?;
    let opened = started.elapsed();
    println!(
        "{filled} objects, database {} MB, open in {:.2} s, {} MB resident",
        bench.folder.join("data/onshore.db").metadata()?.len() >> 20,
        opened.as_secs_f64(),
        contender.resident_bytes()? >> 20,
    );
    for load in [&LIST, &PUT, &PUT] {
        let measured = bench.wrk(&contender, load)?;
        println!(
            "{}: {:.0}/s, p99 {:.1} ms, {:.0} us CPU each",
            load.name,
            measured.operations / measured.seconds,
            measured.p99_ms.unwrap_or_default(),
            measured.cpu_seconds / measured.operations * 1e6,
        );
    }
    for measured in empty {
        println!(
            "{} while it was empty: {:.0}/s, p99 {:.1} ms",
            PUT.name,
            measured.operations / measured.seconds,
            measured.p99_ms.unwrap_or_default(),
        );
    }
    println!("{} MB resident then", contender.resident_bytes()? >> 20);
    contender.stop()
}

impl Bench {
    /// Fills for a stretch, which has keys of its own, and returns how many objects came.
    fn fill(&self, contender: &Contender, template: &Path, stretch: u64) -> Result<u64> {
        let script = self.root.join("xtask/bench/fill.lua").display().to_string();
        let (connections, duration) = (CONNECTIONS.to_string(), format!("{STRETCH_SECONDS}s"));
        let first = (stretch * STRETCH_KEYS).to_string();
        let (url, target) = (contender.url(), format!("/{BUCKET}"));
        let template = template.display().to_string();
        let args = [
            "-t",
            "2",
            "-c",
            &connections,
            "-d",
            &duration,
            "--timeout",
            "30s",
            "-s",
            &script,
            &url,
            "--",
            &target,
            &template,
            &first,
        ];
        let said = output(
            &self.tool("bin/wrk"),
            &args,
            &[("LD_LIBRARY_PATH", &self.libraries()?)],
        )?;
        let totals = said
            .lines()
            .find_map(|line| line.strip_prefix("TOTALS "))
            .with_context(|| format!("wrk told no totals:\n{said}"))?;
        let totals: Value = serde_json::from_str(totals)?;
        anyhow::ensure!(totals["errors"] == 0, "requests failed:\n{said}");
        totals["requests"].as_u64().context("wrk told no requests")
    }
}
