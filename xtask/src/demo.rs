//! Plays the main job on real input and tells it to a newcomer: documents on a foreign S3 server are migrated, certified
//! and verified; a read from abroad is refused, approved, allowed and proven. Leaves nothing running, however it ends.

mod region;
mod source;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use self::region::Region;
use self::source::Source;
use crate::python::Python;
use crate::shell::{megabytes, thousands};
use crate::steps::target_folder;
use crate::{ci, debian};

/// Real documents: HTML and images in many languages, small HTML in Chinese.
const PACKAGES: &[&str] = &["debian-handbook", "libreoffice-help-zh-cn"];
const SOURCE_BUCKET: &str = "docs";
const BUCKET: &str = "docs-onshore";
const INSIDE: &str = "127.0.0.1";
const ABROAD: &str = "127.0.0.66";
const READY_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) fn run(root: &Path) -> Result<()> {
    let started = Instant::now();
    let mut story = Story::default();
    let stage = story.step(
        "Getting ready: the binary, the clients, the documents",
        || Stage::set(root),
    )?;
    let source = story.step("A foreign S3 server (moto) holds the documents", || {
        Source::start(&stage)
    })?;
    let region = story.step("A region starts on an empty folder", || {
        Region::start(&stage)
    })?;
    let migration = story.step("The documents move onshore", || {
        region.migrate(&stage, &source)
    })?;
    story.step("The certificate is verified offline", || {
        region.verify_certificate(&stage, &migration)
    })?;
    let document = story.step("A document is read back with the AWS CLI", || {
        region.read_back(&stage)
    })?;
    let refusal = story.step("The same link inside the country and abroad", || {
        region.try_link(&stage, &document)
    })?;
    story.step("The verdict is explained", || region.explain(&document))?;
    let approval = story.step("A transfer is approved", || region.approve(&document))?;
    let export = story.step("The same link abroad, now approved", || {
        region.export(&stage, &document)
    })?;
    story.step("The export is proven from the ledger", || {
        region.prove(&stage, export)
    })?;
    story.step("Everything stops", || {
        region.stop()?;
        source.stop()
    })?;
    println!("\n=== What happened\n");
    println!(
        "  {} real files ({}, {} of them uploaded in parts) of the Debian packages {}\n  lay on a foreign S3 server. Onshore copied them in {:.1} s ({:.0} files/s) as `personal` data of CN.",
        thousands(source.files),
        megabytes(source.bytes),
        source.in_parts,
        PACKAGES.join(" and "),
        migration.seconds,
        source.files as f64 / migration.seconds,
    );
    println!(
        "  Certificate: {} listed, {} copied, {} exceptions: {}.\n  It verifies offline with the public key alone; with one byte changed it is refused.",
        thousands(migration.listed),
        thousands(migration.copied),
        migration.exceptions,
        migration.listing,
    );
    println!(
        "  {} came back through the AWS CLI byte for byte.",
        document.key
    );
    println!(
        "  The same link answered 200 to {INSIDE} (CN) and 403 to {ABROAD} (US):\n    {refusal}"
    );
    println!(
        "  After approval {approval} it answered 200 there too; the {} bytes that left are leaf {export} of the ledger, proven offline.",
        thousands(document.bytes)
    );
    println!(
        "\n  {:.0} s in all; nothing is left running. Files to look at: {}",
        started.elapsed().as_secs_f64(),
        stage.folder.display()
    );
    Ok(())
}

/// Numbers the steps and says which one failed.
#[derive(Debug, Default)]
struct Story {
    number: usize,
}

impl Story {
    fn step<T>(&mut self, title: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.number += 1;
        println!("\n=== {}. {title}", self.number);
        let started = Instant::now();
        let done =
            work().with_context(|| format!("the demo failed in step {} ({title})", self.number))?;
        println!("    ({:.1} s)", started.elapsed().as_secs_f64());
        Ok(done)
    }
}

/// What the demo needs before it begins.
#[derive(Debug)]
struct Stage {
    root: PathBuf,
    folder: PathBuf,
    packages: PathBuf,
    binary: PathBuf,
    python: Python,
}

impl Stage {
    fn set(root: &Path) -> Result<Stage> {
        debian::ensure_tool("curl", "curl")?;
        let binary = ci::build_binary(root, &[], "debug")?;
        let python = Python::ensure(root)?;
        let folder = target_folder(root).join("demo");
        let packages = folder.join("packages");
        debian::unpack(PACKAGES, &packages)?;
        for stale in ["data", "read"] {
            drop(std::fs::remove_dir_all(folder.join(stale)));
        }
        std::fs::create_dir_all(folder.join("read"))?;
        Ok(Stage {
            root: root.to_owned(),
            folder,
            packages,
            binary,
            python,
        })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}
