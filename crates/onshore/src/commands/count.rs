//! `onshore migrate count`: a second inventory of a source, taken from here and with credentials of its own, so that a certificate need
//! not say of itself that it is complete.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use onshore_migrate::{OpenSource as _, Sources};
use onshore_sources::{Coverage, ErrorKind, ListCursor, Network, Page, Source, SourceAccess};
use onshore_types::Timestamp;
use serde::Serialize;

use crate::cli::CountArgs;
use crate::clock::today;
use crate::commands::migrate;
use crate::exit::{Exit, usage};
use crate::output::{self, Style, bytes};

/// How long it is waited where a source asks for patience, the first time and the last.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What was counted.
#[derive(Debug, Serialize)]
struct Counted {
    source: String,
    /// Objects, or versions and delete markers, with what is listed and cannot be had.
    objects: u64,
    bytes: u64,
    /// Whether all versions were counted.
    versions: bool,
    /// The public half of the credentials.
    access_key: Option<String>,
    began: Timestamp,
    ended: Timestamp,
}

pub(crate) async fn run(style: Style, args: &CountArgs) -> Result<Exit> {
    let (spec, credentials) = migrate::found(&args.from, args.versions).await?;
    let access = SourceAccess {
        source: spec,
        network: Network::Anywhere,
    };
    let sources = Sources {
        roots: vec![PathBuf::from("/")],
    };
    let source = sources
        .open(&access, credentials.as_ref())
        .await
        .map_err(|error| usage(error.to_string()))?;
    let mut counted = Counted {
        source: access.source.to_string(),
        objects: 0,
        bytes: 0,
        versions: source.coverage() == Coverage::Versions,
        access_key: credentials.map(|found| found.access_key().to_owned()),
        began: today(),
        ended: today(),
    };
    let mut cursor: Option<ListCursor> = None;
    loop {
        let page = listed(&*source, cursor.as_ref()).await?;
        counted.objects += (page.entries.len() + page.oddities.len()) as u64;
        counted.bytes += page
            .entries
            .iter()
            .map(|entry| entry.size_bytes)
            .sum::<u64>();
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    counted.ended = today();
    show(style, &counted)?;
    Ok(Exit::Done)
}

/// Lists a page as patiently as is sensible.
async fn listed(source: &dyn Source, cursor: Option<&ListCursor>) -> Result<Page> {
    let mut wait = FIRST_WAIT;
    loop {
        match source.list(cursor).await {
            Err(error) if error.kind() == ErrorKind::Retry && wait < LONGEST_WAIT => {
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            page => return Ok(page?),
        }
    }
}

fn show(style: Style, counted: &Counted) -> Result<()> {
    if style == Style::Json {
        return output::json(counted);
    }
    let of_whom = counted.access_key.as_deref().unwrap_or("nobody");
    output::line(&format!("source   {}", counted.source));
    output::line(&format!(
        "counted  {} {}, {} ({})",
        counted.objects,
        if counted.versions {
            "versions and delete markers"
        } else {
            "objects"
        },
        counted.bytes,
        bytes(counted.bytes)
    ));
    output::line(&format!(
        "from     {} until {}",
        counted.began, counted.ended
    ));
    output::line(&format!(
        "give the migration: --counted {},{} --counted-by \"second inventory as {of_whom}, {}\"",
        counted.objects, counted.bytes, counted.ended
    ));
    Ok(())
}
