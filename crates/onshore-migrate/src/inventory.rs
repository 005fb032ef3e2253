//! The inventory: what the source lists, page by page, each page and the position behind it saved in one unit of work.
//! Listing again saves only what has changed. The pages are chained, so that the record shows that none is missing between two
//! of them; a listing that is through has a leaf that says what its pages come to.

use std::collections::BTreeMap;

use onshore_db::Unit;
use onshore_ledger::{Inventory, InventoryChain, InventoryOrder, InventoryPage, PageDigest};
use onshore_registry::{EntryKind, Job, ListedEntry, ListedPage, ListingRound, Registry, Sighting};
use onshore_sources::{ErrorKind, ListCursor, Page, Source, SourceSpec, TurnKind};
use onshore_types::{JobId, LeafIndex, Timestamp};
use serde_json::json;

use crate::Error;
use crate::engine::Parts;
use crate::job::Work;
use crate::outcome::Exception;
use crate::phase::Phase;

/// How many pages are looked at at once.
const PAGES_AT_ONCE: u32 = 512;

/// A listing of a job's source.
pub(crate) struct Listing<'w> {
    pub(crate) parts: &'w Parts,
    pub(crate) job: &'w Job,
    pub(crate) spec: &'w SourceSpec,
    pub(crate) source: &'w dyn Source,
    pub(crate) round: u32,
}

impl<'w> Listing<'w> {
    /// The listing of a round of a job.
    pub(crate) fn of(work: &'w Work, round: u32) -> Self {
        Self {
            parts: &work.parts,
            job: &work.job,
            spec: &work.access.source,
            source: &*work.source,
            round,
        }
    }

    /// Lists the source from a kept position to its end.
    pub(crate) async fn run(&self, mut cursor: Option<ListCursor>) -> Result<(), Error> {
        let mut attempts = self.parts.patience.begin();
        let mut restarted = false;
        if cursor.is_none() {
            self.begin().await?;
        }
        loop {
            let page = match self.source.list(cursor.as_ref()).await {
                Ok(page) => page,
                Err(error) => {
                    match error.kind() {
                        ErrorKind::Retry if attempts.wait().await => {}
                        // A position kept through a long pause may mean nothing to the source any longer.
                        ErrorKind::Bug | ErrorKind::Gone | ErrorKind::Changed
                            if cursor.is_some() && !restarted =>
                        {
                            (cursor, restarted) = (None, true);
                            self.begin().await?;
                        }
                        _ => return Err(Error::Source(error)),
                    }
                    continue;
                }
            };
            attempts.succeeded();
            cursor = page.next.clone();
            self.save(page).await?;
            if cursor.is_none() {
                return self.close().await;
            }
        }
    }

    async fn begin(&self) -> Result<(), Error> {
        let (registry, job, round) = (self.parts.registry.clone(), self.job.id, self.round);
        self.parts
            .db
            .write(move |unit| Ok(registry.begin_listing(unit, job, round)?))
            .await
    }

    async fn save(&self, page: Page) -> Result<(), Error> {
        let saving = Saving {
            registry: self.parts.registry.clone(),
            job: self.job.id,
            spec: self.spec.clone(),
            round: self.round,
            now: self.parts.gate.now(),
        };
        self.parts
            .db
            .write(move |unit| saving.save(unit, page))
            .await
    }

    /// Records what the pages come to.
    async fn close(&self) -> Result<(), Error> {
        let inventory = inventory(self.parts, self.job.id, self.round, None).await?;
        let claim = json!({
            "round": self.round,
            "head": inventory.head,
            "pages": inventory.pages,
            "entries": inventory.entries,
            "bytes": inventory.bytes,
        });
        let (gate, registry, job, round) = (
            self.parts.gate.clone(),
            self.parts.registry.clone(),
            self.job.clone(),
            self.round,
        );
        self.parts
            .db
            .write(move |unit| {
                let leaf = gate.settle_listing(unit, &job, &claim)?;
                registry.save_listing_leaf(unit, job.id, ListingRound { round, leaf })?;
                Ok::<_, Error>(())
            })
            .await
    }
}

/// Returns what the pages of a listing come to.
pub(crate) async fn inventory(
    parts: &Parts,
    job: JobId,
    round: u32,
    leaf: Option<LeafIndex>,
) -> Result<Inventory, Error> {
    let mut chain = InventoryChain::new();
    let (mut from, mut ends, mut is_in_order) = (0, None, true);
    loop {
        let pages = parts
            .registry
            .pages(job, round, from, PAGES_AT_ONCE)
            .await?;
        let Some(last) = pages.last() else { break };
        from = last.number.saturating_add(1);
        for page in pages {
            let (began, _) = ends.unwrap_or((page.listed, page.listed));
            ends = Some((began, page.listed));
            is_in_order &= page.is_in_order;
            chain.add(&of_kept(page)?)?;
        }
    }
    let totals = chain.finish();
    let (began, ended) = ends.unwrap_or((parts.gate.now(), parts.gate.now()));
    Ok(Inventory {
        began: began.to_string(),
        ended: ended.to_string(),
        order: if is_in_order {
            totals.order
        } else {
            InventoryOrder::None
        },
        pages: totals.pages,
        entries: totals.entries,
        bytes: totals.bytes,
        head: totals.head,
        leaf,
    })
}

/// Reads a page that was kept.
pub(crate) fn of_kept(page: ListedPage) -> Result<InventoryPage, Error> {
    serde_json::from_value(page.page).map_err(Error::Unreadable)
}

/// A page of the source's on its way into the database.
struct Saving {
    registry: Registry,
    job: JobId,
    spec: SourceSpec,
    round: u32,
    now: Timestamp,
}

/// What of a page counts: what no page before it named.
#[derive(Default)]
struct Counted {
    /// By key and version, as certificates order them.
    records: BTreeMap<(String, Option<String>), u64>,
    ends: Option<(String, String)>,
    is_out_of_order: bool,
}

impl Counted {
    /// Counts what can be asked for, in the order in which it is listed.
    fn named(&mut self, key: &str) {
        match &mut self.ends {
            None => self.ends = Some((key.to_owned(), key.to_owned())),
            Some((_, last)) => {
                self.is_out_of_order |= key < last.as_str();
                key.clone_into(last);
            }
        }
    }
}

impl Saving {
    fn save(&self, unit: &Unit<'_>, page: Page) -> Result<(), Error> {
        let (before, number) = self.registry.last_page(unit, self.job, self.round)?;
        let before = before.map(of_kept).transpose()?;
        let seen = Sighting {
            round: self.round,
            page: Some(number),
        };
        let mut counted = Counted::default();
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
            if self.registry.save_listed(unit, self.job, seen, &listed)? {
                counted.named(&listed.key);
                counted.add(&self.spec, listed);
            }
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
            if self.registry.save_listed(unit, self.job, seen, &listed)? {
                self.registry
                    .save_outcome(unit, self.job, &listed.id(), &exception.outcome())?;
                counted.add(&self.spec, listed);
            }
        }
        let kept = counted.page(number, before.and_then(|before| before.last), self.now)?;
        self.registry.save_page(unit, self.job, self.round, &kept)?;
        let phase = Phase::Listing(self.round).to_string();
        let position = page.next.as_ref().map(ListCursor::as_str);
        self.registry
            .advance_job(unit, self.job, &phase, position)?;
        Ok(())
    }
}

impl Counted {
    fn add(&mut self, spec: &SourceSpec, listed: ListedEntry) {
        let version = version_of(spec, &listed);
        self.records
            .insert((listed.key, version), listed.size_bytes);
    }

    fn page(self, number: u32, after: Option<String>, now: Timestamp) -> Result<ListedPage, Error> {
        let mut digest = PageDigest::new();
        for ((key, version), size) in &self.records {
            digest.add(key, version.as_deref(), *size)?;
        }
        let page = digest.page(after, self.ends);
        Ok(ListedPage {
            number,
            listed: now,
            is_in_order: !self.is_out_of_order,
            page: serde_json::to_value(page).map_err(Error::Unreadable)?,
        })
    }
}

/// Returns the version that a certificate names: the source's own name for it, or the ETag where it has none.
pub(crate) fn version_of(spec: &SourceSpec, listed: &ListedEntry) -> Option<String> {
    listed.version.clone().or_else(|| {
        let fingerprint = listed.source_version.as_deref()?;
        spec.version_of(fingerprint).map(str::to_owned)
    })
}

fn kind_of(kind: TurnKind) -> EntryKind {
    match kind {
        TurnKind::Object => EntryKind::Object,
        TurnKind::Marker => EntryKind::Marker,
    }
}
