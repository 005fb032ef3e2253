//! Labels that two people loosened (decision 0034): of one version, for as long as nothing is known of it that they did not see,
//! or of what a bucket gives to what comes. Who the two are is for the gate; here is what they may loosen, and how long it holds.

use onshore_db::{Unit, View, params};
use onshore_policy::{Flow, Permit};
use onshore_types::{Label, Level, ObjectKey, VersionId};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::bucket::Bucket;
use crate::commit::permitted_bucket;
use crate::facts::{Facts, damaged};
use crate::rescan::{self, OpenedFacts, Rescanned, sealed_with_bucket};
use crate::scan::{Scan, ScanStanding};
use crate::version::{self, Kind, VersionWish};
use crate::{Error, Store, bucket, permits};

/// The sign of what an authority told a tenant.
const TOLD: &str = "told";

/// What a version's label is since two people loosened it, and what they knew of the version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Loosened {
    /// What it is.
    to: Label,
    /// What was said of it.
    said: Label,
    /// What was found in it.
    seen: Scan,
}

/// A version as somebody sees it who may loosen its label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loosenable {
    /// Which version.
    pub version: VersionId,
    /// Its label, without its bucket's class.
    pub label: Label,
    /// Stands for everything that the label was made of: another number, another state.
    pub seen: [u8; 32],
}

impl Loosened {
    /// Returns the label, if what is known of the version is what the two saw, or less.
    pub(crate) fn label(&self, said: Label, scan: &Scan) -> Option<Label> {
        self.holds(said, scan).then_some(self.to)
    }

    /// Whether it is as strict as something is by itself.
    pub(crate) fn covers(&self, label: Label) -> bool {
        is_within(label, self.to)
    }

    /// Whether it outlives what is known now. What nobody has looked at is put off, and the decision with it.
    pub(crate) fn outlives(&self, said: Label, scan: Option<&Scan>) -> bool {
        match scan {
            Some(scan) if scan.standing == ScanStanding::Read => self.holds(said, scan),
            Some(_) | None => is_within(said, self.said),
        }
    }

    fn holds(&self, said: Label, scan: &Scan) -> bool {
        is_within(said, self.said) && scan.tells_no_more_than(&self.seen)
    }
}

impl Store {
    /// Describes a version of a key to somebody who may loosen its label to this; none where there is no such version.
    ///
    /// # Errors
    /// Why it may not be loosened so: [`Error::NotLooser`], [`Error::NotLookedThrough`], [`Error::BucketStricter`],
    /// [`Error::ToldByAuthority`]; [`Error::Corrupt`]; those of the database.
    pub async fn loosenable(
        &self,
        bucket: &Bucket,
        key: &ObjectKey,
        wish: VersionWish,
        to: Label,
    ) -> Result<Option<Loosenable>, Error> {
        let (store, id, key) = (self.clone(), bucket.id, key.clone());
        self.inner
            .db
            .read(move |view| {
                let bucket = bucket::by_id(view, id)?.ok_or(Error::NoSuchBucket)?;
                let found = version::find(view, &bucket, &key, wish)?;
                let Some(row) = found.filter(|row| row.kind == Kind::Object) else {
                    return Ok(None);
                };
                let opened = open(&store, view, &bucket, row.version)?;
                may_be(view, &bucket, &opened.facts, to)?;
                Ok(Some(Loosenable {
                    version: row.version,
                    label: opened.facts.label_now(),
                    seen: seen(row.version, &opened.facts)?,
                }))
            })
            .await
    }

    /// Loosens the label of the permit's version, if everything that it is made of is as it was seen.
    ///
    /// # Errors
    /// As [`Store::loosenable`]; [`Error::PermitMismatch`]; [`Error::VersionGone`]; [`Error::SeenOtherwise`].
    pub fn loosen(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        to: Label,
        as_seen: [u8; 32],
    ) -> Result<Rescanned, Error> {
        permits::flow(permit, &[Flow::Change])?;
        let bucket = permitted_bucket(unit, permit)?;
        let version = permits::version(permit)?;
        let mut opened = open(self, unit, &bucket, version)?;
        if seen(version, &opened.facts)? != as_seen {
            return Err(Error::SeenOtherwise);
        }
        may_be(unit, &bucket, &opened.facts, to)?;
        let scan = opened.facts.scan.clone().ok_or(Error::NotLookedThrough)?;
        let before = opened.facts.label_now();
        opened.facts.loosened = Some(Loosened {
            to,
            said: opened.facts.label,
            seen: scan.clone(),
        });
        let rewritten = self.rewrite_facts(unit, &bucket, version, opened, before, scan)?;
        Ok(rewritten)
    }

    /// Loosens what a bucket makes of what comes. What was stored under its class keeps that.
    ///
    /// # Errors
    /// [`Error::PermitMismatch`]; [`Error::SeenOtherwise`] where it is not the class that was seen; [`Error::NotLooser`].
    pub fn loosen_bucket(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        to: Label,
        as_seen: Label,
    ) -> Result<Bucket, Error> {
        permits::flow(permit, &[Flow::Change])?;
        let mut bucket = permitted_bucket(unit, permit)?;
        if bucket.class != Some(as_seen) {
            return Err(Error::SeenOtherwise);
        }
        is_looser(as_seen, to)?;
        unit.execute(
            "UPDATE buckets SET class = ?2 WHERE id = ?1",
            params![bucket.id.as_bytes(), to.to_string()],
        )?;
        bucket.class = Some(to);
        Ok(bucket)
    }
}

/// Checks that a label is a looser one than another.
///
/// # Errors
/// [`Error::NotLooser`].
pub fn is_looser(from: Label, to: Label) -> Result<(), Error> {
    if from != to && is_within(to, from) {
        Ok(())
    } else {
        Err(Error::NotLooser { from, to })
    }
}

fn may_be(view: &View<'_>, bucket: &Bucket, facts: &Facts, to: Label) -> Result<(), Error> {
    is_looser(facts.label_now(), to)?;
    let told = rescan::told(view, bucket.tenant)?;
    let scan = facts
        .scan
        .as_ref()
        .filter(|scan| scan.is_of_today(told))
        .ok_or(Error::NotLookedThrough)?;
    if let Some(class) = bucket.class
        && bucket.effective(to) != to
    {
        return Err(Error::BucketStricter { class });
    }
    let is_told = scan.important.iter().any(|found| found.sign == TOLD);
    if is_told && level(to) < level(scan.label) {
        return Err(Error::ToldByAuthority);
    }
    Ok(())
}

fn open(
    store: &Store,
    view: &View<'_>,
    bucket: &Bucket,
    version: VersionId,
) -> Result<OpenedFacts, Error> {
    let (within, sealed) = sealed_with_bucket(view, version)?.ok_or(Error::VersionGone)?;
    if within != bucket.id {
        return Err(Error::VersionGone);
    }
    let owner_key = store
        .inner
        .keys
        .in_view(view, bucket.id)?
        .for_owner(version.as_bytes())?;
    let (facts, data_keys, tags) = Facts::open(version, bucket.id, &owner_key, &sealed)?;
    Ok(OpenedFacts {
        facts,
        data_keys,
        tags,
        owner_key,
        class: None,
    })
}

/// Returns a number that stands for everything that makes the label of a version.
fn seen(version: VersionId, facts: &Facts) -> Result<[u8; 32], Error> {
    let made_of = (facts.label, &facts.scan, &facts.loosened);
    let text = serde_json::to_vec(&made_of).map_err(|_| damaged(version, "facts"))?;
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, &text).as_ref());
    Ok(hash)
}

fn is_within(label: Label, bound: Label) -> bool {
    label.join(bound) == bound
}

/// Unclassified counts as the strictest.
fn level(label: Label) -> Level {
    match label {
        Label::Known { level, .. } => level,
        Label::Unclassified => Level::Core,
    }
}
