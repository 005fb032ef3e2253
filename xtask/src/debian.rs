//! Brings what Debian has: tools that are installed when the user is root, and packages whose files are unpacked into
//! the target folder without installing them, which needs no rights at all.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::steps::on_path;

/// Returns whether the user may install packages.
pub(crate) fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Makes sure a program is there, from the Debian package that has it. Fails in one line when it may not be installed.
pub(crate) fn ensure_tool(program: &str, package: &str) -> Result<()> {
    if on_path(program) || Path::new("/usr/sbin").join(program).is_file() {
        return Ok(());
    }
    install(program, package)
}

/// Makes sure of what builds the C libraries among our dependencies.
pub(crate) fn ensure_build_tools() -> Result<()> {
    ensure_tool("cc", "gcc")?;
    ensure_tool("make", "make")?;
    ensure_tool("pkg-config", "pkg-config")?;
    let has_openssl = Command::new("pkg-config")
        .args(["--exists", "openssl"])
        .status()
        .is_ok_and(|status| status.success());
    if has_openssl {
        Ok(())
    } else {
        install("OpenSSL to build with", "libssl-dev")
    }
}

/// Installs a Debian package. Fails in one line when it may not.
pub(crate) fn install(what: &str, package: &str) -> Result<()> {
    if !on_path("apt-get") {
        bail!("{what} is missing and this is no Debian: install {what} by hand");
    }
    if !is_root() {
        bail!("{what} is missing and installing needs root: run `apt-get install {package}`");
    }
    println!("installing the Debian package {package} for {what}");
    let install = || {
        apt(
            &[],
            &["install", "-y", "-q", "--no-install-recommends", package],
            Path::new("/"),
        )
    };
    if install().is_err() {
        apt(&[], &["update", "-q"], Path::new("/"))?;
        install()?;
    }
    Ok(())
}

/// Downloads packages and unpacks their files below `folder`, once: a folder that is there is complete.
pub(crate) fn unpack(packages: &[&str], folder: &Path) -> Result<Vec<(PathBuf, PathBuf)>> {
    for tool in ["apt-get", "dpkg-deb"] {
        if !on_path(tool) {
            bail!(
                "{tool} is missing: the real documents come from Debian packages, so the demo needs a Debian system"
            );
        }
    }
    std::fs::create_dir_all(folder)?;
    packages
        .iter()
        .map(|package| unpack_one(package, folder))
        .collect()
}

/// Returns the package file and the folder with its unpacked files.
fn unpack_one(package: &str, folder: &Path) -> Result<(PathBuf, PathBuf)> {
    let done = folder.join(package);
    if !done.is_dir() || package_file(package, folder).is_none() {
        println!("downloading the Debian package {package}");
        download(package, folder)?;
        let file = package_file(package, folder)
            .with_context(|| format!("apt-get left no file for {package}"))?;
        let half = folder.join(format!("{package}.unpacking"));
        drop(std::fs::remove_dir_all(&half));
        let status = Command::new("dpkg-deb")
            .arg("-x")
            .arg(&file)
            .arg(&half)
            .stdin(Stdio::null())
            .status()?;
        if !status.success() {
            bail!("dpkg-deb -x {} ended with {status}", file.display());
        }
        drop(std::fs::remove_dir_all(&done));
        std::fs::rename(&half, &done)?;
    }
    let file =
        package_file(package, folder).with_context(|| format!("no package file for {package}"))?;
    Ok((file, done))
}

fn package_file(package: &str, folder: &Path) -> Option<PathBuf> {
    let prefix = format!("{package}_");
    let entries = std::fs::read_dir(folder).ok()?;
    entries.flatten().map(|entry| entry.path()).find(|path| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.starts_with(&prefix) && name.ends_with(".deb"))
    })
}

fn download(package: &str, folder: &Path) -> Result<()> {
    if apt(&[], &["download", "-q", package], folder).is_ok() {
        return Ok(());
    }
    // The lists may be empty or stale. Root refreshes the system's; anybody else keeps lists of their own.
    if is_root() {
        apt(&[], &["update", "-q"], folder)?;
        return apt(&[], &["download", "-q", package], folder);
    }
    let state = folder.join("apt");
    for part in ["lists/partial", "cache/archives/partial"] {
        std::fs::create_dir_all(state.join(part))?;
    }
    let lists = format!("Dir::State::Lists={}", state.join("lists").display());
    let cache = format!("Dir::Cache={}", state.join("cache").display());
    let own = ["-o", lists.as_str(), "-o", cache.as_str()];
    apt(&own, &["update", "-q"], folder)?;
    apt(&own, &["download", "-q", package], folder)
}

/// Runs apt-get quietly; what it said is shown only when it failed.
fn apt(options: &[&str], args: &[&str], folder: &Path) -> Result<()> {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new("apt-get")
        .args(options)
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("LC_ALL", "C.UTF-8")
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .context("starting apt-get")?;
    if !status.success() {
        bail!(
            "apt-get {} ended with {status}:\n{}{}",
            args.join(" "),
            String::from_utf8_lossy(&stdout),
            String::from_utf8_lossy(&stderr)
        );
    }
    Ok(())
}
