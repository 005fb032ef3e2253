//! A server under load: Onshore, a peer or nginx, on a loopback port of its own, and the CPU time its processes have used.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::client_variables;
use crate::children::{Kept, free_port, listens};
use crate::debian::is_root;
use crate::shell::{credential, output, read_json};

const READY_TIMEOUT: Duration = Duration::from_secs(30);
const PEER_ACCESS_KEY: &str = "benchmarkaccesskey";
const PEER_SECRET_KEY: &str = "benchmark-secret-key-of-no-worth";
/// Garage takes keys of its own form alone.
const GARAGE_ACCESS_KEY: &str = "GK0a0a0a0a0a0a0a0a0a0a0a0a";

#[derive(Debug)]
pub(super) struct Contender {
    name: &'static str,
    server: Kept,
    address: String,
    key: Option<(String, String)>,
    durability: Durability,
    ticks_per_second: f64,
    /// Where it tells what it has answered, if it does.
    metrics: Option<u16>,
}

/// What an answer to a write promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// The write is on stable storage.
    Synced,
    /// Nothing: a power cut may take it back.
    NotSynced,
}

impl Contender {
    /// Starts Onshore on a fresh folder.
    pub(super) fn onshore(root: &Path, binary: &Path, folder: &Path) -> Result<Contender> {
        let data = folder.join("data");
        let (data_text, config) = (
            data.display().to_string(),
            root.join("demo/onshore.toml").display().to_string(),
        );
        let args = [
            "serve",
            "--data",
            &data_text,
            "--config",
            &config,
            "--s3-listen",
            "127.0.0.1:0",
            "--control-listen",
            "127.0.0.1:0",
        ];
        let log = folder.join("onshore.log");
        let mut server = Kept::start("onshore", binary, &args, &[], &log)?;
        let told_in = data.join("server.json");
        server
            .await_ready(READY_TIMEOUT, || read_json(&told_in).is_ok())
            .with_context(|| format!("see {}", log.display()))?;
        let told = read_json(&told_in)?;
        let address = told["s3"]
            .as_str()
            .context("server.json has no s3")?
            .to_owned();
        let key = (
            credential(&data, "access_key")?,
            credential(&data, "secret_key")?,
        );
        Ok(Contender {
            name: "onshore",
            server,
            address,
            key: Some(key),
            durability: Durability::Synced,
            ticks_per_second: ticks_per_second()?,
            metrics: None,
        })
    }

    /// Starts nginx on the same files, taking PUTs as WebDAV does.
    pub(super) fn nginx(program: &Path, folder: &Path) -> Result<Contender> {
        ensure!(program.is_file(), "no nginx in the unpacked packages");
        let port = free_port()?;
        let place = folder.display();
        // As root nginx would give its workers a user that may not read our folder.
        let user = if is_root() { "user root root;\n" } else { "" };
        let workers = std::thread::available_parallelism()?;
        let config = format!(
            "{user}daemon off;\nworker_processes {workers};\npid {place}/nginx.pid;\nerror_log {place}/nginx-error.log;\n\
             events {{ worker_connections 1024; }}\n\
             http {{\n  access_log off;\n  sendfile on;\n  tcp_nopush on;\n  tcp_nodelay on;\n  keepalive_requests 1000000;\n  \
             client_body_temp_path {place}/body;\n  proxy_temp_path {place}/proxy;\n  fastcgi_temp_path {place}/fastcgi;\n  \
             uwsgi_temp_path {place}/uwsgi;\n  scgi_temp_path {place}/scgi;\n  client_max_body_size 0;\n  \
             server {{\n    listen 127.0.0.1:{port};\n    root {place}/www;\n    \
             location / {{ dav_methods PUT; create_full_put_path on; }}\n  }}\n}}\n"
        );
        let config_file = folder.join("nginx.conf");
        std::fs::write(&config_file, config)?;
        let (prefix, config_text) = (place.to_string(), config_file.display().to_string());
        let log = folder.join("nginx.log");
        let mut server = Kept::start(
            "nginx",
            program,
            &["-p", &prefix, "-c", &config_text, "-e", "stderr"],
            &[],
            &log,
        )?;
        server
            .await_ready(READY_TIMEOUT, || listens(port))
            .with_context(|| format!("see {}", log.display()))?;
        Ok(Contender {
            name: "nginx",
            server,
            address: format!("127.0.0.1:{port}"),
            key: None,
            durability: Durability::NotSynced,
            ticks_per_second: ticks_per_second()?,
            metrics: None,
        })
    }

    /// Starts rclone's S3 server on a folder.
    pub(super) fn rclone(program: &Path, folder: &Path) -> Result<Contender> {
        let place = folder.join("rclone");
        std::fs::create_dir_all(&place)?;
        let port = free_port()?;
        let (address, place_text) = (format!("127.0.0.1:{port}"), place.display().to_string());
        let pair = format!("{PEER_ACCESS_KEY},{PEER_SECRET_KEY}");
        let args = [
            "serve",
            "s3",
            &place_text,
            "--addr",
            &address,
            "--auth-key",
            &pair,
        ];
        Self::peer("rclone", program, &args, port, folder)
    }

    /// Starts SeaweedFS in one process: master, volumes, filer and S3.
    pub(super) fn seaweedfs(program: &Path, folder: &Path) -> Result<Contender> {
        let place = folder.join("seaweedfs");
        std::fs::create_dir_all(&place)?;
        let identities = format!(
            r#"{{"identities": [{{"name": "bench", "credentials": [{{"accessKey": "{PEER_ACCESS_KEY}", "secretKey": "{PEER_SECRET_KEY}"}}], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}}]}}"#
        );
        let config = folder.join("seaweedfs.json");
        std::fs::write(&config, identities)?;
        let port = free_port()?;
        let mut args = vec![
            "server".to_owned(),
            format!("-dir={}", place.display()),
            "-ip=127.0.0.1".to_owned(),
            "-ip.bind=127.0.0.1".to_owned(),
            "-volume.max=20".to_owned(),
            "-master.volumeSizeLimitMB=1024".to_owned(),
            "-s3".to_owned(),
            format!("-s3.port={port}"),
            format!("-s3.config={}", config.display()),
        ];
        let metrics = free_port()?;
        args.push(format!("-metricsPort={metrics}"));
        for name in [
            "master.port",
            "master.port.grpc",
            "volume.port",
            "volume.port.grpc",
            "filer.port",
            "filer.port.grpc",
            "s3.port.grpc",
        ] {
            args.push(format!("-{name}={}", free_port()?));
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut contender = Self::peer("seaweedfs", program, &args, port, folder)?;
        contender.metrics = Some(metrics);
        Ok(contender)
    }

    /// Starts Garage as the one node of its cluster, with its metadata in LMDB, and forces its writes to the disk or not.
    pub(super) fn garage(
        program: &Path,
        folder: &Path,
        durability: Durability,
    ) -> Result<Contender> {
        let name = match durability {
            Durability::Synced => "garage-synced",
            Durability::NotSynced => "garage",
        };
        let place = folder.join(name);
        std::fs::create_dir_all(&place)?;
        let is_synced = durability == Durability::Synced;
        let (port, shown) = (free_port()?, place.display());
        let settings = format!(
            "metadata_dir = \"{shown}/meta\"\ndata_dir = \"{shown}/data\"\ndb_engine = \"lmdb\"\n\
             metadata_fsync = {is_synced}\ndata_fsync = {is_synced}\nreplication_factor = 1\n\
             rpc_bind_addr = \"127.0.0.1:{}\"\nrpc_secret = \"{}\"\n\
             [s3_api]\ns3_region = \"cn-north-1\"\napi_bind_addr = \"127.0.0.1:{port}\"\n\
             [admin]\napi_bind_addr = \"127.0.0.1:{}\"\n",
            free_port()?,
            "0b".repeat(32),
            free_port()?,
        );
        let config = folder.join(format!("{name}.toml"));
        std::fs::write(&config, settings)?;
        let config = config.display().to_string();
        let mut contender = Self::peer(name, program, &["-c", &config, "server"], port, folder)?;
        contender.durability = durability;
        contender.key = Some((GARAGE_ACCESS_KEY.to_owned(), "0c".repeat(32)));
        let ask = |args: &[&str]| output(program, &[&["-c", &config], args].concat(), &[]);
        let node = ask(&["node", "id", "-q"])?;
        let node = node.trim().split('@').next().unwrap_or_default().to_owned();
        ask(&["layout", "assign", "-z", "here", "-c", "20G", &node])?;
        ask(&["layout", "apply", "--version", "1"])?;
        let secret = "0c".repeat(32);
        ask(&["key", "import", "--yes", GARAGE_ACCESS_KEY, &secret])?;
        ask(&["key", "allow", "--create-bucket", GARAGE_ACCESS_KEY])?;
        Ok(contender)
    }

    /// Starts the example server of s3s on a folder.
    pub(super) fn s3s_fs(program: &Path, folder: &Path) -> Result<Contender> {
        let place = folder.join("s3s-fs");
        std::fs::create_dir_all(&place)?;
        let port = free_port()?;
        let (port_text, place_text) = (port.to_string(), place.display().to_string());
        let args = [
            "--host",
            "127.0.0.1",
            "--port",
            &port_text,
            "--access-key",
            PEER_ACCESS_KEY,
            "--secret-key",
            PEER_SECRET_KEY,
            &place_text,
        ];
        Self::peer("s3s-fs", program, &args, port, folder)
    }

    fn peer(
        name: &'static str,
        program: &Path,
        args: &[&str],
        port: u16,
        folder: &Path,
    ) -> Result<Contender> {
        ensure!(program.is_file(), "no program for {name}");
        let log = folder.join(format!("{name}.log"));
        let mut server = Kept::start(name, program, args, &[], &log)?;
        server
            .await_ready(READY_TIMEOUT, || listens(port))
            .with_context(|| format!("see {}", log.display()))?;
        Ok(Contender {
            name,
            server,
            address: format!("127.0.0.1:{port}"),
            key: Some((PEER_ACCESS_KEY.to_owned(), PEER_SECRET_KEY.to_owned())),
            durability: Durability::NotSynced,
            ticks_per_second: ticks_per_second()?,
            metrics: None,
        })
    }

    /// Whether it is the one that this project makes.
    pub(super) fn is_ours(&self) -> bool {
        self.name == "onshore"
    }

    /// Whether a hundred thousand small objects take it many minutes; Garage lists the same with syncs and without.
    pub(super) fn fills_slowly(&self) -> bool {
        matches!(self.name, "rclone" | "garage-synced")
    }

    pub(super) fn durability(&self) -> Durability {
        self.durability
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn speaks_s3(&self) -> bool {
        self.key.is_some()
    }

    /// Returns the environment of a client that signs.
    pub(super) fn aws(&self) -> Vec<(&str, &str)> {
        self.key
            .as_ref()
            .map(|(access_key, secret_key)| client_variables(access_key, secret_key))
            .unwrap_or_default()
    }

    /// Returns the CPU seconds that the server and its children have used so far.
    pub(super) fn cpu(&self) -> Result<f64> {
        let leader = u64::from(self.server.pid());
        let mut ticks = 0;
        for entry in std::fs::read_dir("/proc")?.flatten() {
            // A process may end while we look; what is gone has nothing to tell.
            let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
                continue;
            };
            let Some(stat) = Stat::parse(&stat) else {
                continue;
            };
            if stat.pid == leader || stat.parent == leader {
                ticks += stat.ticks;
            }
        }
        Ok(ticks as f64 / self.ticks_per_second)
    }

    /// Returns how much of the memory the server has now.
    pub(super) fn resident_bytes(&self) -> Result<u64> {
        self.memory("VmRSS:")
    }

    /// Returns the most memory that the server had since that was forgotten.
    pub(super) fn peak_bytes(&self) -> Result<u64> {
        self.memory("VmHWM:")
    }

    /// Forgets how much memory the server had.
    pub(super) fn forget_peak(&self) -> Result<()> {
        std::fs::write(format!("/proc/{}/clear_refs", self.server.pid()), "5")
            .context("the kernel does not forget the most memory of a process")
    }

    fn memory(&self, line: &str) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.pid()))?;
        let kib =
            kib_of(&status, line).context("the kernel does not tell the memory of a process")?;
        Ok(kib << 10)
    }

    /// Returns what a server that counts it has answered and sent so far.
    pub(super) fn traffic(&self) -> Result<Traffic> {
        let port = self.metrics.context("it does not count its requests")?;
        let url = format!("http://127.0.0.1:{port}/metrics");
        let told = output(Path::new("curl"), &["--silent", "--fail", &url], &[])?;
        let sum = |name: &str| -> f64 {
            told.lines()
                .filter(|line| line.starts_with(name))
                .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
                .sum()
        };
        Ok(Traffic {
            requests: sum("SeaweedFS_s3_request_total"),
            sent_bytes: sum("SeaweedFS_s3_bucket_traffic_sent_bytes_total"),
        })
    }

    pub(super) fn stop(self) -> Result<()> {
        self.server.stop().map(drop)
    }
}

/// What a server says of its requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traffic {
    pub(super) requests: f64,
    pub(super) sent_bytes: f64,
}

/// Returns a line of `/proc/PID/status` that tells KiB.
pub(super) fn kib_of(status: &str, line: &str) -> Option<u64> {
    let found = status
        .lines()
        .find_map(|one| one.strip_prefix(line)?.trim().strip_suffix(" kB"))?;
    found.trim().parse().ok()
}

pub(super) fn ticks_per_second() -> Result<f64> {
    output(Path::new("getconf"), &["CLK_TCK"], &[])?
        .trim()
        .parse()
        .context("getconf CLK_TCK prints a number")
}

/// What `/proc/PID/stat` says of a process.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pid: u64,
    parent: u64,
    pub(super) ticks: u64,
}

impl Stat {
    pub(super) fn parse(text: &str) -> Option<Stat> {
        // The program's name stands in parentheses and may hold anything, parentheses too.
        let (head, rest) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(Stat {
            pid: head.split(' ').next()?.parse().ok()?,
            parent: number(1)?,
            ticks: number(11)? + number(12)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Stat;

    #[test]
    fn a_name_with_parentheses_hides_nothing() {
        let text = "42 (a) b (c) S 7 42 42 0 -1 4194560 1 2 3 4 100 23 5 6 20 0 1 0 1 1 1\n";
        assert_eq!(
            Stat::parse(text),
            Some(Stat {
                pid: 42,
                parent: 7,
                ticks: 123
            })
        );
        assert_eq!(Stat::parse("garbage"), None);
    }
}
