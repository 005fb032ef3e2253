//! What it costs to bring buckets from another S3 server into Onshore: with `onshore migrate`, with rclone, and with s5cmd by way of a
//! folder in memory, since it copies between no two endpoints. The same two servers in one run, one tool after the other, each into a
//! bucket of its own; then each once more, with nothing changed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::contender::{Contender, Stat, ticks_per_second};
use super::{Bench, Entrant};
use crate::shell::{credential, output, read_json, thousands};

/// How often it is looked what a tool has used: that of its last moments is not seen.
const LOOK: Duration = Duration::from_millis(10);

/// What is brought.
#[derive(Debug, Clone, Copy)]
struct Set {
    name: &'static str,
    count: usize,
    bytes: usize,
}

const SETS: [Set; 3] = [
    Set {
        name: "20000-x-4-kib",
        count: 20_000,
        bytes: 4 << 10,
    },
    Set {
        name: "200-x-8-mib",
        count: 200,
        bytes: 8 << 20,
    },
    Set {
        name: "4-x-512-mib",
        count: 4,
        bytes: 512 << 20,
    },
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    Onshore,
    Rclone,
    S5cmd,
}

const TOOLS: [Tool; 3] = [Tool::Onshore, Tool::Rclone, Tool::S5cmd];

/// What one run took.
#[derive(Debug, Clone, Copy, Default)]
struct Taken {
    seconds: f64,
    /// Of the tool by itself; of `onshore migrate` next to nothing, since its server does the work.
    tool_cpu: f64,
    /// Of Onshore's server, which stores what comes.
    server_cpu: f64,
    /// The most memory that the tool had.
    tool_peak: u64,
    /// The most memory that Onshore's server had.
    server_peak: u64,
    /// Requests that the other server answered, and bytes that it sent.
    requests: f64,
    sent: f64,
}

/// Runs every tool over every set, and prints what it took.
pub(crate) fn run(root: &Path) -> Result<()> {
    let bench = Bench::set(root, &[Entrant::Onshore, Entrant::SeaweedFs])?;
    let source = bench.start(Entrant::SeaweedFs)?;
    let ours = bench.start(Entrant::Onshore)?;
    println!(
        "from {} into {}",
        bench.version(Entrant::SeaweedFs)?,
        bench.version(Entrant::Onshore)?
    );
    let moves = Moves {
        bench: &bench,
        source: &source,
        ours: &ours,
        memory: memory_folder(&bench.folder),
    };
    println!(
        "{:15} {:8} {:>8} {:>9} {:>8} {:>8} {:>8} {:>12} {:>9} {:>9} {:>9} {:>8} {:>8}",
        "set",
        "tool",
        "seconds",
        "objects/s",
        "MB/s",
        "CPU tool",
        "CPU ours",
        "us CPU each",
        "MB tool",
        "MB ours",
        "requests",
        "re-read",
        "again s"
    );
    for set in SETS {
        moves.fill(set)?;
        for tool in TOOLS {
            let first = moves.bring(tool, set, None)?;
            let again = moves.bring(tool, set, Some(first))?;
            print_row(tool, set, &first, &again);
        }
    }
    drop(std::fs::remove_dir_all(&moves.memory));
    println!(
        "{} cores. `CPU ours` is Onshore's server, which encrypts, classifies and stores whatever tool brings it; with `onshore migrate` it copies too.\n\
         `re-read`: bytes that the source sent beyond those of the set. `again`: once more, with nothing changed; s5cmd copies all of it.",
        std::thread::available_parallelism()?
    );
    ours.stop()?;
    source.stop()
}

struct Moves<'a> {
    bench: &'a Bench,
    source: &'a Contender,
    ours: &'a Contender,
    memory: PathBuf,
}

impl Moves<'_> {
    /// Makes a set at the source.
    fn fill(&self, set: Set) -> Result<()> {
        let folder = self.memory.join("fill");
        std::fs::create_dir_all(&folder)?;
        for number in 0..set.count {
            let block = format!("{:08}", number % 100_000_000).into_bytes();
            std::fs::write(
                folder.join(format!("{number:06}")),
                block.repeat(set.bytes / block.len()),
            )?;
        }
        let (endpoint, bucket) = (self.source.url(), format!("s3://{}", set.name));
        let from = format!("{}/", folder.display());
        let to = format!("{bucket}/");
        let s5cmd = self.bench.python.program("s5cmd");
        for order in [
            ["mb", bucket.as_str()].as_slice(),
            &["--log", "error", "cp", &from, &to],
        ] {
            let args = [&["--endpoint-url", endpoint.as_str()], order].concat();
            output(&s5cmd, &args, &self.source.aws())?;
        }
        std::fs::remove_dir_all(&folder)?;
        Ok(())
    }

    /// Brings a set with a tool, into the bucket of an earlier run where there was one.
    fn bring(&self, tool: Tool, set: Set, before: Option<Taken>) -> Result<Taken> {
        let bucket = format!("{}-{}", tool.name(), set.name);
        self.ours.forget_peak()?;
        let (cpu, traffic) = (self.ours.cpu()?, self.source.traffic()?);
        let started = Instant::now();
        let (tool_cpu, tool_peak) = match tool {
            Tool::Onshore => self.onshore(&bucket, set, before.is_none())?,
            Tool::Rclone => self.rclone(&bucket, set, before.is_none())?,
            Tool::S5cmd => self.s5cmd(&bucket, set, before.is_none())?,
        };
        let seconds = started.elapsed().as_secs_f64();
        let told = self.source.traffic()?;
        Ok(Taken {
            seconds,
            tool_cpu,
            server_cpu: self.ours.cpu()? - cpu,
            tool_peak,
            server_peak: self.ours.peak_bytes()?,
            requests: told.requests - traffic.requests,
            sent: told.sent_bytes - traffic.sent_bytes,
        })
    }

    fn onshore(&self, bucket: &str, set: Set, is_first: bool) -> Result<(f64, u64)> {
        let data = self.bench.folder.join("data");
        let server = read_json(&data.join("server.json"))?;
        let control = server["control"]
            .as_str()
            .context("server.json has no control")?;
        let (control, token) = (format!("http://{control}"), credential(&data, "token")?);
        let mut env = self.source.aws();
        env.extend([
            ("ONSHORE_SERVER", control.as_str()),
            ("ONSHORE_TOKEN", token.as_str()),
        ]);
        if is_first {
            output(&self.bench.binary, &["bucket", "create", bucket], &env)?;
        }
        let (from, endpoint) = (format!("s3://{}", set.name), self.source.url());
        let args = ["migrate", &from, bucket, "--endpoint", &endpoint];
        measured(&self.bench.binary, &args, &env)
    }

    fn rclone(&self, bucket: &str, set: Set, is_first: bool) -> Result<(f64, u64)> {
        let mut env = Vec::new();
        let (from, to) = (self.source.url(), self.ours.url());
        for (remote, url, contender) in [("FROM", &from, self.source), ("TO", &to, self.ours)] {
            for (name, value) in contender.aws() {
                let name = match name {
                    "AWS_ACCESS_KEY_ID" => "ACCESS_KEY_ID",
                    "AWS_SECRET_ACCESS_KEY" => "SECRET_ACCESS_KEY",
                    _ => continue,
                };
                env.push((format!("RCLONE_CONFIG_{remote}_{name}"), value.to_owned()));
            }
            for (name, value) in [
                ("TYPE", "s3"),
                ("PROVIDER", "Other"),
                ("ENDPOINT", url),
                ("REGION", "cn-north-1"),
            ] {
                env.push((format!("RCLONE_CONFIG_{remote}_{name}"), value.to_owned()));
            }
        }
        let env: Vec<(&str, &str)> = env
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let program = self.bench.python.program("rclone");
        let (from, to) = (format!("FROM:{}", set.name), format!("TO:{bucket}"));
        if is_first {
            output(&program, &["mkdir", &to], &env)?;
        }
        let args = [
            "copy",
            "--transfers",
            "32",
            "--checkers",
            "32",
            "--fast-list",
            "--quiet",
            &from,
            &to,
        ];
        measured(&program, &args, &env)
    }

    fn s5cmd(&self, bucket: &str, set: Set, is_first: bool) -> Result<(f64, u64)> {
        let program = self.bench.python.program("s5cmd");
        let folder = self.memory.join("s5cmd");
        let (from, to) = (self.source.url(), self.ours.url());
        let bucket = format!("s3://{bucket}");
        if is_first {
            output(
                &program,
                &["--endpoint-url", &to, "mb", &bucket],
                &self.ours.aws(),
            )?;
        }
        let (all, there) = (
            format!("s3://{}/*", set.name),
            format!("{}/", folder.display()),
        );
        let base = ["--log", "error", "--numworkers", "32"];
        let down = [
            &["--endpoint-url", from.as_str()],
            base.as_slice(),
            &["cp", &all, &there],
        ]
        .concat();
        let (down_cpu, down_peak) = measured(&program, &down, &self.source.aws())?;
        let into = format!("{bucket}/");
        let up = [
            &["--endpoint-url", to.as_str()],
            base.as_slice(),
            &["cp", &there, &into],
        ]
        .concat();
        let (up_cpu, up_peak) = measured(&program, &up, &self.ours.aws())?;
        std::fs::remove_dir_all(&folder)?;
        Ok((down_cpu + up_cpu, down_peak.max(up_peak)))
    }
}

impl Tool {
    fn name(self) -> &'static str {
        match self {
            Self::Onshore => "onshore",
            Self::Rclone => "rclone",
            Self::S5cmd => "s5cmd",
        }
    }
}

fn print_row(tool: Tool, set: Set, first: &Taken, again: &Taken) {
    let (count, bytes) = (set.count as f64, (set.count * set.bytes) as f64);
    let each = (first.tool_cpu + first.server_cpu) / count * 1e6;
    println!(
        "{:15} {:8} {:>8.2} {:>9.0} {:>8.0} {:>8.2} {:>8.2} {:>12} {:>9} {:>9} {:>9.0} {:>7.1}% {:>8.2}",
        set.name,
        tool.name(),
        first.seconds,
        count / first.seconds,
        bytes / first.seconds / 1e6,
        first.tool_cpu,
        first.server_cpu,
        thousands(each as u64),
        first.tool_peak >> 20,
        first.server_peak >> 20,
        first.requests,
        (first.sent / bytes - 1.0) * 100.0,
        again.seconds,
    );
}

/// Runs a tool to its end, and returns the CPU seconds that it used and the most memory that it had.
fn measured(program: &Path, args: &[&str], env: &[(&str, &str)]) -> Result<(f64, u64)> {
    let mut child = Command::new(program)
        .args(args)
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {}", program.display()))?;
    let folder = PathBuf::from(format!("/proc/{}", child.id()));
    let (mut ticks, mut peak) = (0, 0);
    let status = loop {
        if let Ok(stat) = std::fs::read_to_string(folder.join("stat"))
            && let Some(stat) = Stat::parse(&stat)
        {
            ticks = ticks.max(stat.ticks);
        }
        if let Ok(status) = std::fs::read_to_string(folder.join("status")) {
            peak = peak.max(super::contender::kib_of(&status, "VmHWM:").unwrap_or_default() << 10);
        }
        match child.try_wait()? {
            Some(status) => break status,
            None => std::thread::sleep(LOOK),
        }
    };
    let said = child.wait_with_output()?;
    ensure!(
        status.success(),
        "{} ended with {status}:\n{}",
        program.display(),
        String::from_utf8_lossy(&said.stderr)
    );
    Ok((ticks as f64 / ticks_per_second()?, peak))
}

/// Returns a folder in memory where there is one: what the tools write is no matter of the servers.
fn memory_folder(otherwise: &Path) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory } else { otherwise };
    folder.join(format!("onshore-bench-{}", std::process::id()))
}
