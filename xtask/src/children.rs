//! Keeps the processes we start: each in a group of its own, each ended with us. Dropping a child stops it; and should
//! we die without a chance to drop anything (Ctrl-C, SIGTERM), the kernel ends it, by `setpriv --pdeathsig`.
//! Signals go only to process groups that were started here.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::steps::on_path;

/// How long a child may take to stop when asked, before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);

/// A process that ends when this value does.
#[derive(Debug)]
pub(crate) struct Kept {
    name: String,
    child: Child,
}

/// Returns a command for the program that the kernel ends with us, where Debian's `setpriv` is there to ask for it.
pub(crate) fn bound_to_us(program: &Path) -> Command {
    if on_path("setpriv") {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

impl Kept {
    /// Starts a program in the background; what it prints goes to the log file.
    pub(crate) fn start(
        name: &str,
        program: &Path,
        args: &[&str],
        env: &[(&str, &str)],
        log: &Path,
    ) -> Result<Kept> {
        use std::os::unix::process::CommandExt as _;

        let out = File::create(log).with_context(|| format!("creating {}", log.display()))?;
        let child = bound_to_us(program)
            .args(args)
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {name} ({})", program.display()))?;
        Ok(Kept {
            name: name.to_owned(),
            child,
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `ready` holds; fails when the process ends before or the time is over.
    pub(crate) fn await_ready(
        &mut self,
        limit: Duration,
        mut ready: impl FnMut() -> bool,
    ) -> Result<()> {
        let started = Instant::now();
        while !ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended early with {status}", self.name);
            }
            if started.elapsed() > limit {
                bail!("{} was not ready after {} s", self.name, limit.as_secs());
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Asks the process to stop and waits for it; kills it when it does not listen.
    pub(crate) fn stop(mut self) -> Result<ExitStatus> {
        self.end()
    }

    fn end(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(status);
        }
        self.signal_group("TERM");
        let asked = Instant::now();
        while asked.elapsed() < STOP_TIMEOUT {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(POLL);
        }
        self.signal_group("KILL");
        self.child.wait()?;
        bail!(
            "{} did not stop within {} s and was killed",
            self.name,
            STOP_TIMEOUT.as_secs()
        )
    }

    fn signal_group(&self, signal: &str) {
        // The child leads the group it was started in, so the group's number is the child's.
        let group = format!("-{}", self.child.id());
        let sent = Command::new("kill")
            .args([&format!("-{signal}"), "--", &group])
            .stderr(Stdio::null())
            .status();
        if !sent.is_ok_and(|status| status.success()) {
            eprintln!("could not signal {} (process group {group})", self.name);
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("{error:#}");
        }
    }
}

/// Returns a loopback port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    let listener =
        std::net::TcpListener::bind(("127.0.0.1", 0)).context("asking for a free loopback port")?;
    Ok(listener.local_addr()?.port())
}

/// Returns whether somebody listens on this loopback port.
pub(crate) fn listens(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}
