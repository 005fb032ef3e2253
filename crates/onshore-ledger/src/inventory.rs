//! What a source listed, page by page: each page says where it begins, where it ends and what it names, and the hash of each
//! covers the one before. Of a source that lists in the order of its keys the pages show that nothing was skipped between
//! them; and since the pages are of exactly the records that a certificate holds, nothing can be dropped from it later.
//!
//! The hash of a page: SHA-256 over the hash before it and the page's canonical JSON. The first has the SHA-256 of
//! [`CHAIN_BEGIN`] before it. The digest of a page: SHA-256 over the canonical JSON of `[key, version, size]` of each record,
//! in the order of certificates (key, then version), each followed by a line feed.

use std::collections::BTreeMap;

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    CertificateBody, CertificateEntry, CertificateException, Error, Hash, Result, canonical,
};

/// What the hash before the first page is made of.
pub const CHAIN_BEGIN: &[u8] = b"onshore-inventory/1\n";

/// Whether the pages of an inventory show that they left nothing out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InventoryOrder {
    /// Each page begins behind the last key of the one before, and its keys ascend: no key can lie between two pages.
    ByKey,
    /// The source lists in no order that would show it.
    None,
}

/// An inventory, as a certificate's body holds it: what one listing of the source from end to end told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    /// When the first page was read (RFC 3339).
    pub began: String,
    /// When the last page was read (RFC 3339).
    pub ended: String,
    /// Whether its pages are in order.
    pub order: InventoryOrder,
    /// How many pages it has.
    pub pages: u64,
    /// How many records they name.
    pub entries: u64,
    /// The sum of the records' sizes.
    pub bytes: u64,
    /// The hash of the last page.
    pub head: Hash,
    /// The leaf that the ledger got when the listing was through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<u64>,
}

/// One page of an inventory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InventoryPage {
    /// The last key of the pages before; none as long as none was named.
    pub after: Option<String>,
    /// The first key it names.
    pub first: Option<String>,
    /// The last key it names.
    pub last: Option<String>,
    /// How many records it names.
    pub entries: u64,
    /// The sum of their sizes.
    pub bytes: u64,
    /// The digest over its records.
    pub digest: Hash,
}

/// What the pages of an inventory come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventoryTotals {
    /// Whether they are in order.
    pub order: InventoryOrder,
    /// How many there are.
    pub pages: u64,
    /// How many records they name.
    pub entries: u64,
    /// The sum of the records' sizes.
    pub bytes: u64,
    /// The hash of the last one.
    pub head: Hash,
}

/// The digest over the records of a page, which are added in the order of certificates.
#[derive(Clone)]
pub struct PageDigest {
    context: Context,
    entries: u64,
    bytes: u64,
}

/// Chains pages as they come.
#[derive(Debug, Clone)]
pub struct InventoryChain {
    after: Option<String>,
    totals: InventoryTotals,
}

impl PageDigest {
    /// Begins with nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            context: Context::new(&SHA256),
            entries: 0,
            bytes: 0,
        }
    }

    /// Adds the next record.
    ///
    /// # Errors
    /// [`Error::CountMismatch`] when sizes are beyond what numbers hold.
    pub fn add(&mut self, key: &str, version: Option<&str>, size: u64) -> Result<()> {
        self.context
            .update(&canonical(&json!([key, version, size]))?);
        self.context.update(b"\n");
        self.entries += 1;
        let too_large = Error::CountMismatch {
            what: "bytes of an inventory page",
        };
        self.bytes = self.bytes.checked_add(size).ok_or(too_large)?;
        Ok(())
    }

    /// Makes a page of what was added and of where it begins and ends.
    #[must_use]
    pub fn page(self, after: Option<String>, ends: Option<(String, String)>) -> InventoryPage {
        let (first, last) = ends.unzip();
        InventoryPage {
            after,
            first,
            last,
            entries: self.entries,
            bytes: self.bytes,
            digest: Hash::from_digest(self.context.finish().as_ref()),
        }
    }
}

impl Default for PageDigest {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for PageDigest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PageDigest")
            .field("entries", &self.entries)
            .finish_non_exhaustive()
    }
}

impl InventoryChain {
    /// Begins before the first page.
    #[must_use]
    pub fn new() -> Self {
        Self {
            after: None,
            totals: InventoryTotals {
                order: InventoryOrder::ByKey,
                pages: 0,
                entries: 0,
                bytes: 0,
                head: Hash::of(CHAIN_BEGIN),
            },
        }
    }

    /// Adds the next page.
    ///
    /// # Errors
    /// [`Error::InventoryBroken`] when it does not say that it follows the page before, or tells of its keys what cannot be.
    pub fn add(&mut self, page: &InventoryPage) -> Result<()> {
        let broken = Error::InventoryBroken {
            page: self.totals.pages,
        };
        if page.after != self.after
            || page.first.is_some() != page.last.is_some()
            || (page.first.is_some() && page.entries == 0)
        {
            return Err(broken);
        }
        let (first, last) = (page.first.as_deref(), page.last.as_deref());
        // A key whose versions do not fit on a page goes on on the next.
        if first.is_some_and(|first| self.after.as_deref().is_some_and(|after| first < after))
            || first > last
        {
            self.totals.order = InventoryOrder::None;
        }
        let bytes = [
            self.totals.head.as_bytes().as_slice(),
            &canonical(&to_json(page)?)?,
        ]
        .concat();
        let totals = &mut self.totals;
        let sum = |one: u64, other: u64| one.checked_add(other);
        let (Some(entries), Some(all_bytes)) = (
            sum(totals.entries, page.entries),
            sum(totals.bytes, page.bytes),
        ) else {
            return Err(broken);
        };
        (totals.entries, totals.bytes, totals.head) = (entries, all_bytes, Hash::of(&bytes));
        totals.pages += 1;
        if let Some(last) = last {
            self.after = Some(last.to_owned());
        }
        Ok(())
    }

    /// Returns the last key of the pages so far.
    #[must_use]
    pub fn last_key(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Returns what the pages come to.
    #[must_use]
    pub fn finish(self) -> InventoryTotals {
        self.totals
    }
}

impl Default for InventoryChain {
    fn default() -> Self {
        Self::new()
    }
}

/// Checks the inventories of a certificate: each chain makes the head that was signed, and the pages of the last one are of
/// exactly the records that the certificate has of them.
pub(crate) fn verify(
    body: &CertificateBody,
    pages: &[Vec<InventoryPage>],
    objects: &[CertificateEntry],
) -> Result<()> {
    if body.inventories.len() != pages.len() {
        return Err(Error::CountMismatch {
            what: "count of inventories",
        });
    }
    for (inventory, pages) in body.inventories.iter().zip(pages) {
        let mut chain = InventoryChain::new();
        for page in pages {
            chain.add(page)?;
        }
        let totals = chain.finish();
        let said = InventoryTotals {
            order: inventory.order,
            pages: inventory.pages,
            entries: inventory.entries,
            bytes: inventory.bytes,
            head: inventory.head,
        };
        // A source may have been found out of order within a page, which no page shows.
        let is_looser = said.order == InventoryOrder::None;
        if (InventoryTotals {
            order: said.order,
            ..totals.clone()
        }) != said
            || !(is_looser || said.order == totals.order)
        {
            return Err(Error::InventoryHeadMismatch);
        }
    }
    match (body.inventories.last(), pages.last()) {
        (Some(inventory), Some(pages)) => verify_records(body, inventory.order, pages, objects),
        _ => Ok(()),
    }
}

/// A record of a certificate, arrived or not.
struct Record<'c> {
    key: &'c str,
    version: Option<&'c str>,
    size: u64,
    page: Option<u64>,
    has_arrived: bool,
}

fn verify_records(
    body: &CertificateBody,
    order: InventoryOrder,
    pages: &[InventoryPage],
    objects: &[CertificateEntry],
) -> Result<()> {
    let mut found: BTreeMap<u64, PageDigest> = BTreeMap::new();
    for record in records(objects, &body.exceptions) {
        let Some(number) = record.page else { continue };
        let page = usize::try_from(number)
            .ok()
            .and_then(|number| pages.get(number));
        let page = page.ok_or(Error::InventoryBroken { page: number })?;
        let is_inside =
            page.first.as_deref() <= Some(record.key) && Some(record.key) <= page.last.as_deref();
        // What cannot be had may bear a name that is no key, and lie anywhere.
        if order == InventoryOrder::ByKey && record.has_arrived && !is_inside {
            return Err(Error::InventoryRecordsMismatch { page: number });
        }
        found
            .entry(number)
            .or_default()
            .add(record.key, record.version, record.size)?;
    }
    for (number, page) in (0..).zip(pages) {
        let digest = found.remove(&number).unwrap_or_default();
        let ends = page.first.clone().zip(page.last.clone());
        if digest.page(page.after.clone(), ends) != *page {
            return Err(Error::InventoryRecordsMismatch { page: number });
        }
    }
    Ok(())
}

/// Returns what arrived and what did not in one order.
fn records<'c>(
    objects: &'c [CertificateEntry],
    exceptions: &'c [CertificateException],
) -> Vec<Record<'c>> {
    let arrived = objects.iter().map(|object| Record {
        key: &object.key,
        version: object.version.as_deref(),
        size: object.size,
        page: object.page,
        has_arrived: true,
    });
    let missing = exceptions.iter().map(|exception| Record {
        key: &exception.key,
        version: exception.version.as_deref(),
        size: exception.size.unwrap_or_default(),
        page: exception.page,
        has_arrived: false,
    });
    let mut records: Vec<_> = arrived.chain(missing).collect();
    records.sort_by(|one, other| (one.key, one.version).cmp(&(other.key, other.version)));
    records
}

fn to_json(page: &InventoryPage) -> Result<Value> {
    serde_json::to_value(page).map_err(Error::Json)
}
