//! The inventory: what the source lists, page by page, each page and the position behind it saved in one unit of work.
//! Listing again saves only what has changed.

use onshore_registry::ListedEntry;
use onshore_sources::{ErrorKind, ListCursor, Page};

use crate::Error;
use crate::job::Work;
use crate::outcome::Exception;
use crate::phase::Phase;

/// Lists the source from a kept position to its end.
pub(crate) async fn list(
    work: &Work,
    phase: Phase,
    mut cursor: Option<ListCursor>,
) -> Result<(), Error> {
    let mut attempts = work.parts.patience.begin();
    let mut restarted = false;
    loop {
        let page = match work.source.list(cursor.as_ref()).await {
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
        save(work, phase, page).await?;
        if cursor.is_none() {
            return Ok(());
        }
    }
}

async fn save(work: &Work, phase: Phase, page: Page) -> Result<(), Error> {
    let (registry, job) = (work.parts.registry.clone(), work.job.id);
    work.parts
        .db
        .write(move |unit| {
            for entry in page.entries {
                let listed = ListedEntry {
                    key: entry.key,
                    size_bytes: entry.size_bytes,
                    source_version: Some(entry.fingerprint),
                    modified: entry.modified,
                };
                registry.save_listed(unit, job, &listed)?;
            }
            for oddity in page.oddities {
                let exception = Exception::new(oddity.why.reason(), oddity.why.detail());
                let listed = ListedEntry {
                    key: oddity.name,
                    size_bytes: 0,
                    source_version: None,
                    modified: None,
                };
                registry.save_listed(unit, job, &listed)?;
                registry.save_outcome(unit, job, &listed.key, &exception.outcome())?;
            }
            let position = page.next.as_ref().map(ListCursor::as_str);
            registry.advance_job(unit, job, &phase.to_string(), position)?;
            Ok::<_, Error>(())
        })
        .await
}
