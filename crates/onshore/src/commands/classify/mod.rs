//! `onshore classify`: says what identifiers are in files or in a bucket, and what the law makes of that, without showing any but behind its mask.
//! Files are read here; of a bucket it is told what was found when its objects came.

mod bucket;
mod files;
mod json;
mod samples;
pub(super) mod sarif;
mod words;

pub(crate) use self::bucket::all as findings_of;

use anyhow::Result;
use onshore_types::Timestamp;

use crate::cli::{ClassifyArgs, TargetArgs};
use crate::clock;
use crate::exit::{Exit, usage};
use crate::output::{self, Style};

/// What a bucket is named with.
const SCHEME: &str = "s3://";

pub(crate) async fn run(target: &TargetArgs, args: &ClassifyArgs) -> Result<Exit> {
    let named: Vec<Option<&str>> = args
        .paths
        .iter()
        .map(|path| path.to_str().and_then(|path| path.strip_prefix(SCHEME)))
        .collect();
    match named.as_slice() {
        [Some(place)] => bucket::run(target, args, place).await,
        named if named.iter().any(Option::is_some) => {
            Err(usage("name one bucket, or files and folders"))
        }
        _ => tokio::task::block_in_place(|| of_files(target, args)),
    }
}

fn of_files(target: &TargetArgs, args: &ClassifyArgs) -> Result<Exit> {
    let on: Timestamp = args.on.unwrap_or_else(clock::today);
    let classified = files::classify(args, on)?;
    if args.sarif {
        output::json(&sarif::of_files(&classified))?;
    } else {
        match target.style() {
            Style::Json => output::json(&json::of_files(&classified, on))?,
            Style::Text => files::show(&classified),
        }
    }
    Ok(if classified.iter().all(|file| file.findings.is_ok()) {
        Exit::Done
    } else {
        Exit::Failed
    })
}
