//! Changing the tags of an object: they are no part of what its version is bound to, and are sealed on their own. What is found
//! in them makes its label stricter, and stays when they go.

use onshore_classify::persons::Union;
use onshore_db::{Unit, params};
use onshore_policy::{Flow, Permit};
use onshore_types::{Label, Timestamp, VersionId};

use crate::bucket::Bucket;
use crate::commit::permitted_bucket;
use crate::facts::{Facts, seal_tags};
use crate::notification::Happened;
use crate::object::Tags;
use crate::outbox::{self, About};
use crate::read::sealed_of;
use crate::replication::{self, ReplicationDeed};
use crate::rescan::{OpenedFacts, Rescanned};
use crate::said::persons_said;
use crate::scan::{Looked, Scan, ScanStanding};
use crate::version::{self, Kind, VersionWish};
use crate::{Error, Store, cutover, permits};

/// A version whose tags were changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retagged {
    /// Which.
    pub version: VersionId,
    /// What became of it where something was found in its tags.
    pub found: Option<Rescanned>,
}

impl Store {
    /// Replaces the tags of the permit's version, or of its object where it names none; they were looked through.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`]; [`Error::VersionGone`] when the permit names a version that is no longer there;
    /// [`Error::LabelChanged`] when the permit was judged by a looser label than the version has with what was found.
    pub fn set_tags(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        tags: &Tags,
        looked: &Looked,
        now: Timestamp,
    ) -> Result<Retagged, Error> {
        permits::flow(permit, &[Flow::Change])?;
        looked.is_of_tags(tags)?;
        let bucket = permitted_bucket(unit, permit)?;
        let wish = permit
            .version()
            .map_or(VersionWish::Current, VersionWish::Id);
        let key = permits::key(permit)?;
        let mut row = version::find(unit, &bucket, key, wish)?
            .filter(|row| row.kind == Kind::Object)
            .ok_or(match wish {
                VersionWish::Current => Error::NoSuchKey,
                VersionWish::Null | VersionWish::Id(_) => Error::VersionGone,
            })?;
        let version = row.version;
        let persons = persons_said(tags);
        let found = if looked.is_empty() && persons == 0 {
            None
        } else {
            Some(self.note_found_in_tags(unit, &bucket, version, (looked, persons))?)
        };
        if let Some(found) = &found {
            permits::label(permit, bucket.effective(found.now))?;
            row.label = found.now;
        }
        let owner_key = self
            .inner
            .keys
            .in_view(unit, bucket.id)?
            .for_owner(version.as_bytes())?;
        let changed = unit.execute(
            "UPDATE versions SET tags = ?2 WHERE id = ?1",
            params![version.as_bytes(), seal_tags(version, &owner_key, tags)?],
        )?;
        if changed != 1 {
            return Err(Error::Corrupt {
                version,
                what: "its row is missing",
            });
        }
        let happened = match permit.operation() {
            "DeleteObjectTagging" => Happened::Untagged,
            _ => Happened::Tagged,
        };
        let now_tagged = || Ok(tags.clone());
        replication::of_change(
            unit,
            &bucket,
            key,
            version,
            ReplicationDeed::Tags,
            now_tagged,
        )?;
        if version::current(unit, bucket.id, key)?.is_some_and(|current| current.version == version)
        {
            cutover::note_change(unit, bucket.id, key, false)?;
        }
        let about = About::present(key, &row);
        outbox::tell(unit, permit, &bucket, happened, &about, now)?;
        Ok(Retagged { version, found })
    }

    /// Keeps what was found in tags with what is known of the version.
    fn note_found_in_tags(
        &self,
        unit: &Unit<'_>,
        bucket: &Bucket,
        version: VersionId,
        (looked, persons): (&Looked, u64),
    ) -> Result<Rescanned, Error> {
        let (sealed, _) = sealed_of(unit, version)?;
        let owner_key = self
            .inner
            .keys
            .in_view(unit, bucket.id)?
            .for_owner(version.as_bytes())?;
        let (mut facts, data_keys, tags) = Facts::open(version, bucket.id, &owner_key, &sealed)?;
        let before = facts.label_now();
        // What tags bring is new to whoever loosened the label, also where as much of the kind was there.
        facts.loosened = facts
            .loosened
            .filter(|loosened| loosened.covers(looked.label(Label::GENERAL)));
        if let (Some(of_tags), Some(known)) = (&looked.persons, self.persons_of(unit, version)?) {
            let mut union = Union::new();
            union.add(&known);
            union.add(of_tags);
            union.at_least(persons);
            self.keep_persons(unit, version, &union.joined())?;
        }
        let known = facts.scan.clone().unwrap_or_else(|| {
            // Nobody has looked at it yet, and now somebody must.
            Scan::put_off(looked.scan.told)
        });
        if known.standing == ScanStanding::Pending {
            self.put_version_off(unit, version)?;
        }
        let scan = known.beside(&looked.scan);
        let opened = OpenedFacts {
            facts,
            data_keys,
            tags,
            owner_key,
            class: looked.class,
        };
        self.rewrite_facts(unit, bucket, version, opened, before, scan)
    }
}
