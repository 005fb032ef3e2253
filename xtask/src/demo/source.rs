//! The foreign S3 server of the demo: moto, filled with the documents.

use std::cell::RefCell;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{INSIDE, PACKAGES, READY_TIMEOUT, SOURCE_BUCKET, Stage};
use crate::children::{Kept, free_port, listens};
use crate::shell::{aws_variables, megabytes, output, thousands};

/// The key of the foreign server, which takes any.
pub(super) const SOURCE_KEY: (&str, &str) = ("demo-source", "demo-source-secret");

/// The foreign server with the documents.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) url: String,
    server: RefCell<Option<Kept>>,
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) in_parts: u64,
}

impl Source {
    pub(super) fn start(stage: &Stage) -> Result<Source> {
        let port = free_port()?;
        let url = format!("http://{INSIDE}:{port}");
        let log = stage.file("moto.log");
        let mut server = Kept::start(
            "moto",
            &stage.python.program("moto_server"),
            &["-H", INSIDE, "-p", &port.to_string()],
            &[],
            &log,
        )?;
        server
            .await_ready(READY_TIMEOUT, || listens(port))
            .with_context(|| format!("see {}", log.display()))?;
        let script = stage.root.join("demo/upload.py").display().to_string();
        let packages = stage.packages.display().to_string();
        let mut args = vec![script.as_str(), &url, SOURCE_BUCKET, &packages];
        args.extend_from_slice(PACKAGES);
        let told = output(
            &stage.python.program("python"),
            &args,
            &aws_variables(SOURCE_KEY.0, SOURCE_KEY.1, "us-east-1"),
        )?;
        let told: Value = serde_json::from_str(&told).context("the uploader prints JSON")?;
        let number = |name: &str| {
            told[name]
                .as_u64()
                .with_context(|| format!("the uploader did not tell {name}"))
        };
        let source = Source {
            url,
            server: Some(server).into(),
            files: number("files")?,
            bytes: number("bytes")?,
            in_parts: number("in_parts")?,
        };
        println!(
            "    {} files, {}, in bucket `{SOURCE_BUCKET}` at {}",
            thousands(source.files),
            megabytes(source.bytes),
            source.url
        );
        Ok(source)
    }

    pub(super) fn stop(&self) -> Result<()> {
        if let Some(server) = self.server.take() {
            server.stop()?;
        }
        Ok(())
    }
}
