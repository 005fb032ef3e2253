//! The region of the demo: a running Onshore, and what the story asks of it.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::source::{SOURCE_KEY, Source};
use super::{ABROAD, BUCKET, INSIDE, PACKAGES, READY_TIMEOUT, SOURCE_BUCKET, Stage};
use crate::children::{Kept, bound_to_us};
use crate::shell::{
    aws_variables, between, credential, find, largest_page, output, quote, read_json, show, text_at,
};

/// A running Onshore and how to reach it.
#[derive(Debug)]
pub(super) struct Region {
    binary: PathBuf,
    server: RefCell<Option<Kept>>,
    s3: String,
    control: String,
    token: String,
    access_key: String,
    secret_key: String,
    ledger_key: String,
}

/// What the certificate says, and how long it took.
#[derive(Debug)]
pub(super) struct Migration {
    pub(super) certificate: PathBuf,
    pub(super) seconds: f64,
    pub(super) listed: u64,
    pub(super) copied: u64,
    pub(super) exceptions: u64,
    pub(super) listing: String,
}

/// The document that is read.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) key: String,
    original: PathBuf,
    pub(super) bytes: u64,
    link: String,
}

impl Region {
    pub(super) fn start(stage: &Stage) -> Result<Region> {
        let data = stage.file("data");
        let config = stage.root.join("demo/onshore.toml");
        let (data_text, config_text) = (data.display().to_string(), config.display().to_string());
        let args = [
            "serve",
            "--data",
            &data_text,
            "--config",
            &config_text,
            "--s3-listen",
            "127.0.0.1:0",
            "--control-listen",
            "127.0.0.1:0",
        ];
        show(&[
            "onshore",
            "serve",
            "--data",
            &data_text,
            "--config",
            &config_text,
        ]);
        let log = stage.file("onshore.log");
        let mut server = Kept::start("onshore", &stage.binary, &args, &[], &log)?;
        let told_in = data.join("server.json");
        server
            .await_ready(READY_TIMEOUT, || read_json(&told_in).is_ok())
            .with_context(|| format!("see {}", log.display()))?;
        let told = read_json(&told_in)?;
        ensure!(
            told["pid"].as_u64() == Some(u64::from(server.pid())),
            "server.json tells of another process"
        );
        let address = |name: &str| {
            told[name]
                .as_str()
                .map(|text| format!("http://{text}"))
                .with_context(|| format!("server.json has no {name}"))
        };
        let region = Region {
            binary: stage.binary.clone(),
            server: Some(server).into(),
            s3: address("s3")?,
            control: address("control")?,
            token: credential(&data, "control_token")?,
            access_key: credential(&data, "access_key")?,
            secret_key: credential(&data, "secret_key")?,
            ledger_key: credential(&data, "ledger_key")?,
        };
        println!(
            "    S3 at {}, control at {}\n    ledger key {}",
            region.s3, region.control, region.ledger_key
        );
        Ok(region)
    }

    fn env(&self) -> Vec<(&str, &str)> {
        vec![
            ("ONSHORE_SERVER", &self.control),
            ("ONSHORE_TOKEN", &self.token),
        ]
    }

    /// Runs the command line and returns what it printed.
    fn onshore(&self, args: &[&str]) -> Result<String> {
        show(&[&["onshore"], args].concat());
        output(&self.binary, args, &self.env())
    }

    /// Runs the command line, shows what it printed, and returns it.
    fn onshore_shown(&self, args: &[&str]) -> Result<String> {
        let printed = self.onshore(args)?;
        quote(&printed);
        Ok(printed)
    }

    pub(super) fn migrate(&self, stage: &Stage, source: &Source) -> Result<Migration> {
        let certificate = stage.file("certificate.json");
        drop(std::fs::remove_file(&certificate));
        let certificate_text = certificate.display().to_string();
        let from = format!("s3://{SOURCE_BUCKET}");
        let args = [
            "migrate",
            &from,
            BUCKET,
            "--endpoint",
            &source.url,
            "--class",
            "personal",
            "--certificate",
            &certificate_text,
        ];
        show(&[&["onshore"], &args[..]].concat());
        let mut env = aws_variables(SOURCE_KEY.0, SOURCE_KEY.1, "us-east-1");
        env.extend(self.env());
        let started = Instant::now();
        // Progress belongs on the terminal, so the output is not taken.
        let status = bound_to_us(&self.binary)
            .args(args)
            .envs(env)
            .stdin(Stdio::null())
            .status()
            .context("starting onshore migrate")?;
        let seconds = started.elapsed().as_secs_f64();
        ensure!(status.success(), "onshore migrate ended with {status}");
        let told = read_json(&certificate)?;
        let number = |name: &str| {
            told["body"]["counts"][name]
                .as_u64()
                .with_context(|| format!("the certificate does not count {name}"))
        };
        let migration = Migration {
            certificate,
            seconds,
            listed: number("listed")?,
            copied: number("copied")?,
            exceptions: number("exceptions")?,
            listing: told["body"]["listing"]
                .as_str()
                .context("the certificate does not tell of its listing")?
                .to_owned(),
        };
        ensure!(
            migration.listed == source.files
                && migration.copied == source.files
                && migration.exceptions == 0,
            "the source holds {} files, the certificate says {migration:?}",
            source.files
        );
        ensure!(
            told["body"]["bytes"].as_u64() == Some(source.bytes),
            "the source holds {} bytes, the certificate says {}",
            source.bytes,
            told["body"]["bytes"]
        );
        Ok(migration)
    }

    pub(super) fn verify_certificate(&self, stage: &Stage, migration: &Migration) -> Result<()> {
        let certificate = migration.certificate.display().to_string();
        self.onshore_shown(&["verify", &certificate, "--key", &self.ledger_key])?;
        // One digit of one object's hash is changed in a copy.
        let mut bytes = std::fs::read(&migration.certificate)?;
        let objects = find(&bytes, b"\"objects\"").context("the certificate lists objects")?;
        let hash =
            objects + find(&bytes[objects..], b"\"sha256\"").context("an object has a hash")?;
        let colon = hash + find(&bytes[hash..], b":").context("a member has a value")?;
        let digit = colon
            + bytes[colon..]
                .iter()
                .position(u8::is_ascii_hexdigit)
                .context("a hash has digits")?;
        bytes[digit] = if bytes[digit] == b'0' { b'1' } else { b'0' };
        let spoiled = stage.file("certificate-spoiled.json");
        std::fs::write(&spoiled, bytes)?;
        println!("    one byte is changed in a copy:");
        let text = spoiled.display().to_string();
        let args = ["verify", text.as_str(), "--key", &self.ledger_key];
        show(&[&["onshore"], &args[..]].concat());
        let refused = Command::new(&self.binary)
            .args(args)
            .stdin(Stdio::null())
            .output()?;
        quote(&String::from_utf8_lossy(&refused.stderr));
        ensure!(
            refused.status.code() == Some(1),
            "a spoiled certificate was not refused: {}",
            refused.status
        );
        Ok(())
    }

    fn aws(&self, stage: &Stage, args: &[&str]) -> Result<String> {
        show(&[&["aws", "--endpoint-url", &self.s3], args].concat());
        let full = [&["--endpoint-url", &self.s3], args].concat();
        output(
            &stage.python.program("aws"),
            &full,
            &aws_variables(&self.access_key, &self.secret_key, "cn-north-1"),
        )
    }

    pub(super) fn read_back(&self, stage: &Stage) -> Result<Document> {
        let original = largest_page(&stage.packages.join(PACKAGES[0]))?;
        let key = original
            .strip_prefix(&stage.packages)?
            .to_str()
            .context("the page has a readable name")?
            .to_owned();
        let object = format!("s3://{BUCKET}/{key}");
        let read = stage.file("read").join("page.html");
        self.aws(
            stage,
            &[
                "s3",
                "cp",
                "--only-show-errors",
                &object,
                &read.display().to_string(),
            ],
        )?;
        let (there, back) = (std::fs::read(&original)?, std::fs::read(&read)?);
        ensure!(there == back, "{key} came back different");
        println!("    {} bytes, the same as in the package", back.len());
        let link = self
            .aws(stage, &["s3", "presign", &object, "--expires-in", "900"])?
            .trim()
            .to_owned();
        Ok(Document {
            key,
            original,
            bytes: back.len() as u64,
            link,
        })
    }

    /// Asks for the document by its link from an address and returns status, headers and body.
    fn fetch(stage: &Stage, document: &Document, from: &str) -> Result<(u16, String, Vec<u8>)> {
        let (headers, body) = (
            stage.file("read").join("headers"),
            stage.file("read").join("body"),
        );
        show(&["curl", "--interface", from, "LINK"]);
        let (headers_text, body_text) = (headers.display().to_string(), body.display().to_string());
        let args = [
            "--silent",
            "--show-error",
            "--max-time",
            "60",
            "--interface",
            from,
            "-D",
            &headers_text,
            "-o",
            &body_text,
            "-w",
            "%{http_code}",
            &document.link,
        ];
        let status = output(Path::new("curl"), &args, &[("no_proxy", "*")])?;
        let status = status.trim().parse().context("curl prints the status")?;
        Ok((
            status,
            std::fs::read_to_string(headers)?,
            std::fs::read(body)?,
        ))
    }

    pub(super) fn try_link(&self, stage: &Stage, document: &Document) -> Result<String> {
        let (status, _, body) = Self::fetch(stage, document, INSIDE)?;
        println!("    {status}, {} bytes", body.len());
        ensure!(
            status == 200 && body == std::fs::read(&document.original)?,
            "the link does not work inside the country: {status}"
        );
        let (status, _, body) = Self::fetch(stage, document, ABROAD)?;
        let body = String::from_utf8_lossy(&body).into_owned();
        println!("    {status}");
        quote(&body);
        ensure!(
            status == 403,
            "a read from abroad was not refused: {status}"
        );
        Ok(between(&body, "<Message>", "</Message>")
            .unwrap_or(&body)
            .to_owned())
    }

    pub(super) fn explain(&self, document: &Document) -> Result<()> {
        let object = format!("{BUCKET}/{}", document.key);
        self.onshore_shown(&["explain", "--object", &object, "--from-address", ABROAD])?;
        Ok(())
    }

    pub(super) fn approve(&self, document: &Document) -> Result<String> {
        let until = output(
            Path::new("date"),
            &["-u", "-d", "+1 hour", "+%Y-%m-%dT%H:%M:%SZ"],
            &[],
        )?;
        let bytes = document.bytes.to_string();
        let args = [
            "approval",
            "grant",
            "--tenant",
            "default",
            "--to",
            "US",
            "--class",
            "personal",
            "--max-bytes",
            &bytes,
            "--until",
            until.trim(),
            "--json",
        ];
        let told: Value =
            serde_json::from_str(&self.onshore(&args)?).context("the approval is told in JSON")?;
        let id = text_at(&told, "id").context("an approval has an id")?;
        println!(
            "    approval {id}: `personal` data of tenant `default` to US, at most {bytes} bytes, until {}",
            until.trim()
        );
        Ok(id)
    }

    pub(super) fn export(&self, stage: &Stage, document: &Document) -> Result<u64> {
        let (status, headers, body) = Self::fetch(stage, document, ABROAD)?;
        println!("    {status}, {} bytes", body.len());
        ensure!(
            status == 200 && body == std::fs::read(&document.original)?,
            "an approved read was not served: {status}"
        );
        let leaf = headers
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("x-onshore-leaf"))
            .and_then(|(_, value)| value.trim().parse().ok())
            .context("an export answers with its leaf")?;
        let (again, ..) = Self::fetch(stage, document, ABROAD)?;
        println!("    {again}: the approval is spent");
        ensure!(
            again == 403,
            "a spent approval still opens the border: {again}"
        );
        Ok(leaf)
    }

    pub(super) fn prove(&self, stage: &Stage, export: u64) -> Result<()> {
        let bundle = stage.file("export-proof.json").display().to_string();
        self.onshore(&["ledger", "prove", &export.to_string(), "--out", &bundle])?;
        self.onshore_shown(&["verify", &bundle, "--key", &self.ledger_key])?;
        Ok(())
    }

    pub(super) fn stop(&self) -> Result<()> {
        let server = self.server.take().context("the region runs")?;
        let status = server.stop()?;
        ensure!(status.success(), "onshore ended with {status}");
        println!("    the server was asked to stop, finished what it had, and ended with status 0");
        Ok(())
    }
}
