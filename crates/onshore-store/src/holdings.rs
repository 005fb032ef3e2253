//! What a bucket holds and what was found in it, version by version: for whoever answers for what is kept, and why.

use onshore_db::View;
use onshore_policy::{Flow, Permit};
use onshore_types::{Label, Timestamp};

use crate::bucket::Bucket;
use crate::commit::permitted_bucket;
use crate::describe::{Reach, list_label};
use crate::facts::Facts;
use crate::inventory::{InventoryMarker, PageStart, each_version};
use crate::list_versions::VersionEntry;
use crate::object::Tags;
use crate::read::sealed_of;
use crate::scan::Scan;
use crate::tenant_keys::TenantKey;
use crate::version::Kind;
use crate::{Error, Store, permits};

/// The tag, or the user metadata, that says what an object is kept for.
const PURPOSE: &str = "onshore-purpose";
/// The tag, or the user metadata, that says until when it is kept.
const KEEP_UNTIL: &str = "onshore-keep-until";

/// Which page is wanted.
#[derive(Debug, Clone)]
pub struct HoldingsQuery {
    /// Keys begin with this.
    pub prefix: String,
    /// What an earlier page ended with.
    pub after: Option<InventoryMarker>,
    /// How many versions a page looks at.
    pub looked_at_max: usize,
}

/// A page of what a bucket holds.
#[derive(Debug, Clone, Default)]
pub struct HoldingsPage {
    /// Versions, in the order of their keys.
    pub holdings: Vec<Holding>,
    /// Where it goes on; none at the end.
    pub next: Option<InventoryMarker>,
}

/// A version, and what is known of what is in it.
#[derive(Debug, Clone)]
pub struct Holding {
    /// What listings tell.
    pub entry: VersionEntry,
    /// The label in force.
    pub label: Label,
    /// The label that was declared.
    pub declared: Option<Label>,
    /// What it is kept for, where that was said.
    pub purpose: Option<String>,
    /// Until when it is kept, where that was said.
    pub keep_until: Option<Timestamp>,
    /// What is known of its content; none where it was written before anybody looked.
    pub scan: Option<Scan>,
}

impl Store {
    /// Returns a page of what the permit's bucket holds, with what was found in it.
    ///
    /// # Errors
    /// As [`Store::list_versions`]; [`Error::Corrupt`].
    pub async fn holdings(
        &self,
        permit: Permit,
        query: HoldingsQuery,
    ) -> Result<HoldingsPage, Error> {
        permits::flow(&permit, &[Flow::Inspect])?;
        let key = self.tenant_key(permits::bucket(&permit)?).await?;
        self.inner
            .db
            .read(move |view| {
                let bucket = permitted_bucket(view, &permit)?;
                let label = list_label(view, &bucket, &query.prefix, Reach::Versions)?;
                permits::label(&permit, label)?;
                page(view, &bucket, &key, &query)
            })
            .await
    }
}

fn page(
    view: &View<'_>,
    bucket: &Bucket,
    key: &TenantKey,
    query: &HoldingsQuery,
) -> Result<HoldingsPage, Error> {
    let mut holdings = Vec::new();
    let start = PageStart {
        prefix: &query.prefix,
        after: query.after.as_ref(),
        looked_at_max: query.looked_at_max,
    };
    let next = each_version(view, bucket, &start, |entry| {
        if entry.kind == Kind::Object {
            holdings.push(holding(view, bucket, key, entry)?);
        }
        Ok(())
    })?;
    Ok(HoldingsPage { holdings, next })
}

fn holding(
    view: &View<'_>,
    bucket: &Bucket,
    key: &TenantKey,
    entry: VersionEntry,
) -> Result<Holding, Error> {
    let version = entry.version;
    let (sealed, _) = sealed_of(view, version)?;
    let owner_key = key.for_owner(version.as_bytes())?;
    let (facts, _, tags) = Facts::open(version, bucket.id, &owner_key, &sealed)?;
    let said = |name: &str| said(&tags, &facts, name);
    Ok(Holding {
        label: bucket.effective(facts.label_now()),
        declared: facts.declared,
        purpose: said(PURPOSE),
        keep_until: said(KEEP_UNTIL).and_then(|text| text.parse().ok()),
        scan: facts.scan.clone(),
        entry,
    })
}

/// Returns what a tag says, or user metadata of that name: a tag can be changed, and is the later word.
fn said(tags: &Tags, facts: &Facts, name: &str) -> Option<String> {
    tags.get(name)
        .or_else(|| facts.user_metadata.get(name))
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
}
