//! The inventory: what the source lists, page by page, each page and the position behind it saved in one unit of work.
//! Listing again saves only what has changed.

use std::sync::Arc;

use onshore_registry::{EntryKind, ListedEntry};
use onshore_sources::{ErrorKind, ListCursor, Page, Source, TurnKind};
use onshore_types::JobId;

use crate::Error;
use crate::engine::Parts;
use crate::outcome::Exception;
use crate::phase::Phase;

/// Lists the source from a kept position to its end.
pub(crate) async fn list(
    parts: &Parts,
    job: JobId,
    source: &Arc<dyn Source>,
    round: u32,
    mut cursor: Option<ListCursor>,
) -> Result<(), Error> {
    let mut attempts = parts.patience.begin();
    let mut restarted = false;
    loop {
        let page = match source.list(cursor.as_ref()).await {
            Ok(page) => page,
            Err(error) => {
                match error.kind() {
                    ErrorKind::Retry if attempts.wait().await => {}
                    // A position kept through a long pause may mean nothing to the source any longer.
                    ErrorKind::Bug | ErrorKind::Gone | ErrorKind::Changed
                        if cursor.is_some() && !restarted =>
                    {
                        (cursor, restarted) = (None, true);
                    }
                    _ => return Err(Error::Source(error)),
                }
                continue;
            }
        };
        attempts.succeeded();
        cursor = page.next.clone();
        save(parts, job, round, page).await?;
        if cursor.is_none() {
            return Ok(());
        }
    }
}

async fn save(parts: &Parts, job: JobId, round: u32, page: Page) -> Result<(), Error> {
    let (registry, phase) = (parts.registry.clone(), Phase::Listing(round));
    parts
        .db
        .write(move |unit| {
            for entry in page.entries {
                let (version, newer, kind) = match entry.place {
                    None => (None, 0, EntryKind::Object),
                    Some(place) => (Some(place.version), place.newer, kind_of(place.kind)),
                };
                let listed = ListedEntry {
                    key: entry.key,
                    version,
                    newer,
                    kind,
                    size_bytes: entry.size_bytes,
                    source_version: Some(entry.fingerprint),
                    modified: entry.modified,
                };
                registry.save_listed(unit, job, round, &listed)?;
            }
            for oddity in page.oddities {
                let exception = Exception::new(oddity.why.reason(), oddity.why.detail());
                let listed = ListedEntry {
                    key: oddity.name,
                    version: None,
                    newer: 0,
                    kind: if oddity.why.hides_others() {
                        EntryKind::Gap
                    } else {
                        EntryKind::Object
                    },
                    size_bytes: 0,
                    source_version: None,
                    modified: None,
                };
                registry.save_listed(unit, job, round, &listed)?;
                registry.save_outcome(unit, job, &listed.id(), &exception.outcome())?;
            }
            let position = page.next.as_ref().map(ListCursor::as_str);
            registry.advance_job(unit, job, &phase.to_string(), position)?;
            Ok::<_, Error>(())
        })
        .await
}

fn kind_of(kind: TurnKind) -> EntryKind {
    match kind {
        TurnKind::Object => EntryKind::Object,
        TurnKind::Marker => EntryKind::Marker,
    }
}
