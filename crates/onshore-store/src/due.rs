//! What the lifecycle of a bucket says is due now, page by page, and carrying it out. What was due when a page was read
//! is asked again in the unit of work that does it: a rule that was taken back, an object that was written anew or
//! tagged otherwise meanwhile stays. A locked version is never due.
//!
//! Finding out reads keys and tags, which go to whoever carries out what is due and to nobody else; it wants the permit
//! of a change to the bucket all the same.

use onshore_db::{Unit, View, params};
use onshore_policy::{Flow, Permit};
use onshore_types::{Label, ObjectKey, Timestamp, UploadId, VersionId};

use crate::bucket::Bucket;
use crate::commit::permitted_bucket;
use crate::error::ErrorKind;
use crate::facts::open_tags;
use crate::lifecycle::{Candidate, DayLength, Lifecycle, Superseded};
use crate::list_versions::{Standing, VersionEntry, Versions};
use crate::lock::{self, Governance};
use crate::object::{Removal, Removed, Tags};
use crate::upload::{More, UploadsQuery, uploads_page};
use crate::version::{self, Kind, VersionWish};
use crate::{Error, Store, columns, permits};

/// Which page of what is due is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueQuery {
    /// Due now.
    pub now: Timestamp,
    /// How long a day is.
    pub day: DayLength,
    /// What the page before ended with.
    pub after: Option<DueMarker>,
    /// How many versions or uploads are looked at for it, due or not.
    pub looked_at_max: usize,
}

/// A page of what is due.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DuePage {
    /// What is due.
    pub due: Vec<Due>,
    /// What the page ended with, if more is to be looked at.
    pub next: Option<DueMarker>,
}

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueMarker {
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// Behind this turn of this key, of which so many versions that are not current were passed.
    Turn {
        key: ObjectKey,
        turn: i64,
        passed: u32,
    },
    /// Behind this upload; before all of them where there is none.
    Upload(Option<(ObjectKey, UploadId)>),
}

/// Something that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Of this key.
    pub key: ObjectKey,
    /// The label in force of what it befalls.
    pub label: Label,
    /// What is to be done.
    pub deed: Deed,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Delete the object, which is this version: behind a delete marker where its bucket is versioned.
    Expire(VersionId),
    /// Remove this version, which is not current.
    RemoveEarlier(VersionId),
    /// Remove this delete marker, which hides nothing.
    RemoveMarker(VersionId),
    /// Abort this upload.
    Abort(UploadId),
}

/// What came of something that was due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CarriedOut {
    /// Nothing: it is not due any more.
    NotDue,
    /// The object was deleted.
    Expired(Removal),
    /// The version or delete marker is gone.
    Removed(Removed),
    /// The upload was aborted.
    Aborted(UploadId),
}

impl Deed {
    /// Returns the version it befalls.
    #[must_use]
    pub fn version(self) -> Option<VersionId> {
        match self {
            Self::Expire(version) | Self::RemoveEarlier(version) | Self::RemoveMarker(version) => {
                Some(version)
            }
            Self::Abort(_) => None,
        }
    }
}

impl Store {
    /// Returns a page of what is due in the permit's bucket. One page is one read.
    ///
    /// # Errors
    /// [`Error::PermitMismatch`]; [`Error::NoSuchBucket`]; those of the database.
    pub async fn due(&self, permit: Permit, query: DueQuery) -> Result<DuePage, Error> {
        permits::flow(&permit, &[Flow::Change])?;
        // Known from here on to every unit of work that carries out what is found.
        self.tenant_key(permits::bucket(&permit)?).await?;
        let store = self.clone();
        self.inner
            .db
            .read(move |view| {
                let bucket = permitted_bucket(view, &permit)?;
                match &bucket.lifecycle {
                    None => Ok(DuePage::default()),
                    Some(lifecycle) => Assessor {
                        store: &store,
                        view,
                        bucket: &bucket,
                        lifecycle: &lifecycle.read()?,
                        now: query.now,
                        day: query.day,
                    }
                    .page(&query),
                }
            })
            .await
    }

    /// Does what was due, if it still is.
    ///
    /// # Errors
    /// As [`Store::remove`], [`Store::remove_version`] and [`Store::abort_upload`].
    pub fn carry_out(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        due: &Due,
        day: DayLength,
        now: Timestamp,
    ) -> Result<CarriedOut, Error> {
        permits::flow(permit, &[Flow::Change])?;
        if *permits::key(permit)? != due.key {
            return Err(Error::PermitMismatch("key"));
        }
        let bucket = permitted_bucket(unit, permit)?;
        let Some(lifecycle) = &bucket.lifecycle else {
            return Ok(CarriedOut::NotDue);
        };
        let lifecycle = lifecycle.read()?;
        let assessor = Assessor {
            store: self,
            view: unit,
            bucket: &bucket,
            lifecycle: &lifecycle,
            now,
            day,
        };
        if !assessor.is_still_due(due)? {
            return Ok(CarriedOut::NotDue);
        }
        match due.deed {
            Deed::Expire(_) => Ok(CarriedOut::Expired(
                self.remove(unit, permit, &due.key, now)?,
            )),
            Deed::RemoveEarlier(version) | Deed::RemoveMarker(version) => {
                let wish = VersionWish::Id(version);
                let removed =
                    self.remove_version(unit, permit, &due.key, wish, Governance::Kept, now)?;
                Ok(removed.map_or(CarriedOut::NotDue, CarriedOut::Removed))
            }
            Deed::Abort(upload) => {
                self.abort_upload(unit, permit, upload)?;
                Ok(CarriedOut::Aborted(upload))
            }
        }
    }
}

/// Holds what is in a bucket against its lifecycle.
struct Assessor<'a> {
    store: &'a Store,
    view: &'a View<'a>,
    bucket: &'a Bucket,
    lifecycle: &'a Lifecycle,
    now: Timestamp,
    day: DayLength,
}

impl Assessor<'_> {
    fn page(&self, query: &DueQuery) -> Result<DuePage, Error> {
        match &query.after {
            Some(DueMarker {
                place: Place::Upload(after),
            }) => self.page_of_uploads(after.as_ref(), query.looked_at_max),
            Some(DueMarker {
                place: Place::Turn { key, turn, passed },
            }) => self.page_of_versions(Some((key, *turn)), *passed, query.looked_at_max),
            None if self.lifecycle.speaks_of_versions() => {
                self.page_of_versions(None, 0, query.looked_at_max)
            }
            None => Ok(DuePage {
                due: Vec::new(),
                next: self.uploads_follow(),
            }),
        }
    }

    fn page_of_versions(
        &self,
        after: Option<(&ObjectKey, i64)>,
        mut passed: u32,
        looked_at_max: usize,
    ) -> Result<DuePage, Error> {
        let mut versions = Versions::of_bucket(self.bucket, after);
        let mut due = Vec::new();
        for looked_at in 1.. {
            let Some(entry) = versions.next(self.view)? else {
                break;
            };
            let newer = match entry.standing {
                Standing::Latest => 0,
                Standing::Earlier => passed,
            };
            if let Some(deed) = self.deed_for(&entry, newer)? {
                due.push(Due {
                    key: entry.key.clone(),
                    label: self.label_of(&entry)?,
                    deed,
                });
            }
            passed = match entry.standing {
                Standing::Latest => 0,
                Standing::Earlier => passed.saturating_add(1),
            };
            if looked_at >= looked_at_max {
                let place = Place::Turn {
                    key: entry.key,
                    turn: entry.turn,
                    passed,
                };
                return Ok(DuePage {
                    due,
                    next: Some(DueMarker { place }),
                });
            }
        }
        Ok(DuePage {
            due,
            next: self.uploads_follow(),
        })
    }

    fn page_of_uploads(
        &self,
        after: Option<&(ObjectKey, UploadId)>,
        looked_at_max: usize,
    ) -> Result<DuePage, Error> {
        let query = UploadsQuery {
            after: after.map(|(key, upload)| (key.to_string(), Some(*upload))),
            limit: looked_at_max,
            ..UploadsQuery::default()
        };
        let page = uploads_page(self.view, self.bucket.id, &query)?;
        let next = match (page.more, page.uploads.last()) {
            (More::Follows, Some(last)) => Some(DueMarker {
                place: Place::Upload(Some((last.key.clone(), last.upload))),
            }),
            (More::End, _) | (_, None) => None,
        };
        let due = page
            .uploads
            .into_iter()
            .filter(|entry| self.is_abandoned(&entry.key, entry.created))
            .map(|entry| Due {
                key: entry.key,
                label: self.bucket.class.unwrap_or(Label::Unclassified),
                deed: Deed::Abort(entry.upload),
            })
            .collect();
        Ok(DuePage { due, next })
    }

    fn uploads_follow(&self) -> Option<DueMarker> {
        self.lifecycle.speaks_of_uploads().then_some(DueMarker {
            place: Place::Upload(None),
        })
    }

    /// Returns what is to be done with a version, newer than which so many are that are not current either.
    fn deed_for(&self, entry: &VersionEntry, newer: u32) -> Result<Option<Deed>, Error> {
        let VersionEntry { key, version, .. } = entry;
        let deed = match (entry.standing, entry.kind) {
            (Standing::Latest, Kind::Object) => self
                .is_expired(key, *version, entry.size_bytes)?
                .then_some(Deed::Expire(*version)),
            (Standing::Latest, Kind::Marker) => self
                .is_clear(key, *version)?
                .then_some(Deed::RemoveMarker(*version)),
            (Standing::Earlier, kind) => {
                let earlier = Earlier {
                    version: *version,
                    kind,
                    size_bytes: entry.size_bytes,
                };
                let superseded = entry.superseded.map(|at| Superseded { at, newer });
                self.is_departed(key, earlier, superseded)?
                    .then_some(Deed::RemoveEarlier(*version))
            }
        };
        Ok(deed)
    }

    fn is_still_due(&self, due: &Due) -> Result<bool, Error> {
        match due.deed {
            Deed::Expire(version) => self.is_still_expired(&due.key, version),
            Deed::RemoveEarlier(version) => self.is_still_departed(&due.key, version),
            Deed::RemoveMarker(version) => self.is_still_clear(&due.key, version),
            Deed::Abort(upload) => self.is_still_abandoned(&due.key, upload),
        }
    }

    fn is_still_expired(&self, key: &ObjectKey, version: VersionId) -> Result<bool, Error> {
        let row = self.view.one(
            "SELECT size FROM objects WHERE bucket = ?1 AND key = ?2 AND version = ?3",
            params![
                self.bucket.id.as_bytes(),
                key.as_str().as_bytes(),
                version.as_bytes()
            ],
            |row| columns::size(row, 0),
        )?;
        match row {
            Some(size_bytes) => self.is_expired(key, version, size_bytes),
            None => Ok(false),
        }
    }

    fn is_still_departed(&self, key: &ObjectKey, version: VersionId) -> Result<bool, Error> {
        let row = self.view.one(
            "SELECT kind, size, superseded, turn FROM history WHERE version = ?3 AND bucket = ?1 AND key = ?2",
            params![
                self.bucket.id.as_bytes(),
                key.as_str().as_bytes(),
                version.as_bytes()
            ],
            |row| {
                let earlier = Earlier {
                    version,
                    kind: Kind::of_row(row, 0)?,
                    size_bytes: columns::size(row, 1)?,
                };
                let superseded = row.get::<_, Option<i64>>(2)?.map(Timestamp::from_millis);
                Ok((earlier, superseded, row.get::<_, i64>(3)?))
            },
        )?;
        let Some((earlier, Some(at), turn)) = row else {
            return Ok(false);
        };
        let newer = self.view.one(
            "SELECT count(*) FROM (SELECT 1 FROM history
             WHERE bucket = ?1 AND key = ?2 AND turn > ?3 AND superseded IS NOT NULL LIMIT ?4)",
            params![
                self.bucket.id.as_bytes(),
                key.as_str().as_bytes(),
                turn,
                self.lifecycle.kept_max()
            ],
            |row| row.get(0),
        )?;
        let newer = newer.unwrap_or_default();
        self.is_departed(key, earlier, Some(Superseded { at, newer }))
    }

    fn is_still_clear(&self, key: &ObjectKey, version: VersionId) -> Result<bool, Error> {
        let newest = self.view.one(
            "SELECT version, kind FROM history WHERE bucket = ?1 AND key = ?2 ORDER BY turn DESC LIMIT 1",
            params![self.bucket.id.as_bytes(), key.as_str().as_bytes()],
            |row| {
                let id = VersionId::from_bytes(columns::bytes16(row, 0)?);
                Ok((id, Kind::of_row(row, 1)?))
            },
        )?;
        match newest {
            Some((newest, Kind::Marker)) if newest == version => {
                Ok(version::current(self.view, self.bucket.id, key)?.is_none()
                    && self.is_clear(key, version)?)
            }
            Some(_) | None => Ok(false),
        }
    }

    fn is_still_abandoned(&self, key: &ObjectKey, upload: UploadId) -> Result<bool, Error> {
        let created = self.view.one(
            "SELECT created FROM uploads WHERE id = ?1 AND bucket = ?2 AND key = ?3",
            params![
                upload.as_bytes(),
                self.bucket.id.as_bytes(),
                key.as_str().as_bytes()
            ],
            |row| Ok(Timestamp::from_millis(row.get(0)?)),
        )?;
        Ok(created.is_some_and(|created| self.is_abandoned(key, created)))
    }

    fn is_expired(
        &self,
        key: &ObjectKey,
        version: VersionId,
        size_bytes: u64,
    ) -> Result<bool, Error> {
        let Some(tags) = self.tags_of(key, version)? else {
            return Ok(false);
        };
        let candidate = Candidate {
            key,
            tags: &tags,
            size_bytes,
        };
        let expiry = self.lifecycle.expiry(candidate, version.time(), self.day);
        Ok(self.has_come(expiry))
    }

    fn is_departed(
        &self,
        key: &ObjectKey,
        earlier: Earlier,
        superseded: Option<Superseded>,
    ) -> Result<bool, Error> {
        let tags = match earlier.kind {
            Kind::Object => self.tags_of(key, earlier.version)?,
            Kind::Marker => Some(Tags::new()),
        };
        let (Some(superseded), Some(tags)) = (superseded, tags) else {
            return Ok(false);
        };
        let candidate = Candidate {
            key,
            tags: &tags,
            size_bytes: earlier.size_bytes,
        };
        let departure = self.lifecycle.departure(candidate, superseded, self.day);
        Ok(self.has_come(departure) && !self.is_locked(earlier.version)?)
    }

    /// Whether a delete marker that is the newest of its key is the only version of it, and goes.
    fn is_clear(&self, key: &ObjectKey, marker: VersionId) -> Result<bool, Error> {
        if !self.has_come(self.lifecycle.clearance(key, marker.time(), self.day)) {
            return Ok(false);
        }
        let versions = self.view.one(
            "SELECT count(*) FROM (SELECT 1 FROM history WHERE bucket = ?1 AND key = ?2 LIMIT 2)",
            params![self.bucket.id.as_bytes(), key.as_str().as_bytes()],
            |row| row.get::<_, u32>(0),
        )?;
        Ok(versions == Some(1))
    }

    fn is_abandoned(&self, key: &ObjectKey, created: Timestamp) -> bool {
        self.has_come(self.lifecycle.abortion(key, created, self.day))
    }

    fn has_come(&self, due: Option<(Timestamp, &str)>) -> bool {
        due.is_some_and(|(at, _)| at <= self.now)
    }

    fn is_locked(&self, version: VersionId) -> Result<bool, Error> {
        if self.bucket.lock.is_none() {
            return Ok(false);
        }
        let lock = lock::of_version(self.view, version)?;
        Ok(!lock.allows_removal(Governance::Kept, self.now))
    }

    /// Returns the tags of a version as far as any rule asks for them; none when they cannot be known, and then no rule
    /// applies: what is damaged is reported by whoever verifies, and not removed meanwhile.
    fn tags_of(&self, key: &ObjectKey, version: VersionId) -> Result<Option<Tags>, Error> {
        if !self.lifecycle.asks_for_tags(key) {
            return Ok(Some(Tags::new()));
        }
        let sealed = self.view.one(
            "SELECT tags FROM versions WHERE id = ?1",
            params![version.as_bytes()],
            |row| row.get::<_, Vec<u8>>(0),
        )?;
        let Some(sealed) = sealed else {
            return Ok(None);
        };
        let keys = &self.store.inner.keys;
        let owner_key = keys
            .in_view(self.view, self.bucket.id)?
            .for_owner(version.as_bytes())?;
        match open_tags(version, &owner_key, &sealed) {
            Ok(tags) => Ok(Some(tags)),
            Err(error) if error.kind() == ErrorKind::Corrupt => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn label_of(&self, entry: &VersionEntry) -> Result<Label, Error> {
        let found = version::find(
            self.view,
            self.bucket,
            &entry.key,
            VersionWish::Id(entry.version),
        )?
        .ok_or(Error::VersionGone)?;
        Ok(self.bucket.effective(found.label))
    }
}

/// A version that is not current.
#[derive(Debug, Clone, Copy)]
struct Earlier {
    version: VersionId,
    kind: Kind,
    size_bytes: u64,
}
