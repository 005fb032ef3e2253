//! Keeps one running server for a test. Readiness is awaited on the server's own word (the line `ready` it prints),
//! never by sleeping; ports are the ones the system gave it, read from `server.json` in its data folder.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// How a test server is started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The text of the configuration file; none starts the server without one.
    pub config: Option<String>,
    /// Environment variables set for the server, besides a cleared set of `ONSHORE_*`.
    pub env: Vec<(String, String)>,
    /// Further arguments of `onshore serve`.
    pub args: Vec<String>,
}

/// A server on a data folder, killed when the value is dropped.
#[derive(Debug)]
pub struct TestServer {
    binary: PathBuf,
    data: PathBuf,
    options: Options,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    s3: SocketAddr,
    control: SocketAddr,
    // What the server printed, gathered by threads so that its pipes never fill.
    output: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

/// The first tenant's S3 key and the operator's token, as the first start wrote them.
#[derive(Clone)]
pub struct Credentials {
    /// The S3 access key.
    pub access_key: String,
    /// The S3 secret key.
    pub secret_key: String,
    /// The control API's bearer token.
    pub control_token: String,
    /// The ledger's verification key.
    pub ledger_key: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("access_key", &self.access_key)
            .finish_non_exhaustive()
    }
}

/// What a run of the command line came to.
#[derive(Debug)]
pub struct Finished {
    /// The exit status.
    pub status: ExitStatus,
    /// What it printed for its reader.
    pub stdout: String,
    /// What it printed about its run.
    pub stderr: String,
}

impl Finished {
    /// Reads the standard output as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout)
            .with_context(|| format!("not JSON: {}\n{}", self.stdout, self.stderr))
    }
}

impl TestServer {
    /// Starts the binary on the data folder and returns once it is ready.
    pub fn start(binary: impl Into<PathBuf>, data: &Path, options: Options) -> Result<Self> {
        let mut server = Self {
            binary: binary.into(),
            data: data.to_owned(),
            options,
            running: None,
        };
        server.run()?;
        Ok(server)
    }

    /// Starts the server again, with the options it had, after it was killed or has ended.
    pub fn restart(&mut self) -> Result<()> {
        self.kill_nine()?;
        self.run()
    }

    /// Kills the server as `kill -9` does; nothing happens when it does not run.
    pub fn kill_nine(&mut self) -> Result<()> {
        if let Some(mut running) = self.running.take() {
            running.child.kill().context("killing the server")?;
            running.join()?;
        }
        Ok(())
    }

    /// Asks the server to stop, waits for it, and returns its status and all it printed.
    pub fn terminate(&mut self) -> Result<(ExitStatus, String)> {
        let running = self.running.take().context("the server does not run")?;
        let pid = running.child.id().to_string();
        let sent = Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .context("sending SIGTERM")?;
        if !sent.success() {
            bail!("SIGTERM could not be sent to process {pid}");
        }
        running.join()
    }

    /// Waits until the server ends by itself (at a crash point) and returns its status and all it printed.
    pub fn await_end(&mut self) -> Result<(ExitStatus, String)> {
        self.running
            .take()
            .context("the server does not run")?
            .join()
    }

    /// Replaces the options of the next start.
    pub fn set_options(&mut self, options: Options) {
        self.options = options;
    }

    /// Returns where S3 listens.
    pub fn s3(&self) -> Result<SocketAddr> {
        Ok(self.running.as_ref().context("the server does not run")?.s3)
    }

    /// Returns where the control API listens.
    pub fn control(&self) -> Result<SocketAddr> {
        Ok(self
            .running
            .as_ref()
            .context("the server does not run")?
            .control)
    }

    /// Returns the data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Reads the credentials the first start wrote.
    pub fn credentials(&self) -> Result<Credentials> {
        let path = self.data.join("credentials.toml");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("reading {}", path.display()))?;
        // The file is flat `name = "value"` lines whose names are unique; that is all that is read of TOML here.
        let value = |name: &str| {
            text.lines()
                .filter_map(|line| line.split_once('='))
                .find(|(found, _)| found.trim() == name)
                .map(|(_, value)| value.trim().trim_matches('"').to_owned())
                .with_context(|| format!("{} has no {name}", path.display()))
        };
        Ok(Credentials {
            access_key: value("access_key")?,
            secret_key: value("secret_key")?,
            control_token: value("control_token")?,
            ledger_key: value("ledger_key")?,
        })
    }

    /// Runs the command line against this server (`--server` and `--token` by the environment).
    pub fn onshore(&self, args: &[&str]) -> Result<Finished> {
        let control = format!("http://{}", self.control()?);
        let token = self.credentials()?.control_token;
        let output = clean_command(&self.binary)
            .args(args)
            .env("ONSHORE_SERVER", control)
            .env("ONSHORE_TOKEN", token)
            .stdin(Stdio::null())
            .output()
            .context("running the command line")?;
        Ok(Finished {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    fn run(&mut self) -> Result<()> {
        let mut command = clean_command(&self.binary);
        command.arg("serve").arg("--data").arg(&self.data);
        command.args([
            "--s3-listen",
            "127.0.0.1:0",
            "--control-listen",
            "127.0.0.1:0",
        ]);
        if let Some(config) = &self.options.config {
            let mut path = self.data.clone().into_os_string();
            path.push(".toml");
            std::fs::write(&path, config)?;
            command.arg("--config").arg(path);
        }
        let mut child = command
            .args(&self.options.args)
            .envs(self.options.env.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", self.binary.display()))?;
        let output = Arc::new(Mutex::new(String::new()));
        let mut stdout = BufReader::new(child.stdout.take().context("stdout was asked for")?);
        let stderr = BufReader::new(child.stderr.take().context("stderr was asked for")?);
        let mut readers = vec![gather(stderr, &output)];
        let mut line = String::new();
        while line.trim() != "ready" {
            line.clear();
            if stdout.read_line(&mut line)? == 0 {
                let status = child.wait()?;
                for reader in readers {
                    drop(reader.join());
                }
                bail!(
                    "the server ended before it was ready ({status}):\n{}",
                    text_of(&output)
                );
            }
            output
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push_str(&line);
        }
        readers.push(gather(stdout, &output));
        let told = std::fs::read_to_string(self.data.join("server.json"))
            .context("reading server.json")?;
        let told: Value = serde_json::from_str(&told).context("server.json is not JSON")?;
        let address = |name: &str| -> Result<SocketAddr> {
            let text = told[name]
                .as_str()
                .with_context(|| format!("server.json has no {name}"))?;
            text.parse()
                .with_context(|| format!("server.json: {name} is no address"))
        };
        self.running = Some(Running {
            s3: address("s3")?,
            control: address("control")?,
            child,
            output,
            readers,
        });
        Ok(())
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Err(error) = self.kill_nine() {
            eprintln!("{error:#}");
        }
    }
}

impl Running {
    fn join(mut self) -> Result<(ExitStatus, String)> {
        let status = self.child.wait().context("awaiting the server")?;
        for reader in self.readers.drain(..) {
            drop(reader.join());
        }
        Ok((status, text_of(&self.output)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ended and awaited children answer with an error that says so; there is nothing left to do then.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Returns a command in whose environment nothing of `ONSHORE_*` or of the user's AWS settings is left.
fn clean_command(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("ONSHORE_") || text.starts_with("AWS_") {
            command.env_remove(&name);
        }
    }
    command
}

fn gather(
    mut pipe: impl std::io::Read + Send + 'static,
    output: &Arc<Mutex<String>>,
) -> JoinHandle<()> {
    let output = Arc::clone(output);
    std::thread::spawn(move || {
        let mut bytes = [0_u8; 4096];
        while let Ok(count @ 1..) = pipe.read(&mut bytes) {
            let text = String::from_utf8_lossy(bytes.get(..count).unwrap_or_default()).into_owned();
            output
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push_str(&text);
        }
    })
}

fn text_of(output: &Mutex<String>) -> String {
    output
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}
