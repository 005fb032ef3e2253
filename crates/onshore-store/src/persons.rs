//! Who is told of in what is held: beside each version the pseudonyms of its persons, which go when it goes. How many
//! distinct persons a tenant holds is what all of them come to together, so that nothing counts twice and nothing is to be
//! counted back (decision 0023).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use onshore_classify::persons::{ObjectPersons, PersonKind, Pseudonym, Sketch, Tally, Union};
use onshore_db::{Row, RowError, Unit, View, params, unreadable};
use onshore_types::{BucketId, BucketName, ObjectKey, TenantId, VersionId};

use crate::facts::Facts;
use crate::read::sealed_of;
use crate::rescan::sealed_with_bucket;
use crate::scan::ScanStanding;
use crate::{Error, Store, bucket, columns};

/// From this size on a sketch is kept beside what is kept, a tenth as large at most.
const SKETCHED_BYTES: usize = 40_960;

/// Counts that were made, with the state of what they were made from.
#[derive(Debug, Default)]
pub(crate) struct RememberedTallies {
    known: Mutex<HashMap<Vec<TenantId>, (i64, Tally)>>,
}

impl Store {
    /// Keeps who is told of in a version, in place of what was kept before, in the unit of work that stores it or looks at
    /// it again.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`] if there is no such version; those of the database.
    pub fn keep_persons(
        &self,
        unit: &Unit<'_>,
        version: VersionId,
        persons: &ObjectPersons,
    ) -> Result<(), Error> {
        if persons.is_empty() {
            // That nobody is told of is known from its having been looked through.
            unit.execute(
                "DELETE FROM persons WHERE version = ?1",
                params![version.as_bytes()],
            )?;
            return Ok(());
        }
        let sketch = (persons.bytes().len() >= SKETCHED_BYTES).then(|| persons.sketch());
        let kept = unit.execute(
            "INSERT INTO persons (version, tenant, kept, sketch)
             SELECT v.id, b.tenant, ?2, ?3 FROM versions v JOIN buckets b ON b.id = v.bucket WHERE v.id = ?1
             ON CONFLICT (version) DO UPDATE SET kept = excluded.kept, sketch = excluded.sketch",
            params![
                version.as_bytes(),
                persons.bytes(),
                sketch.as_ref().map(Sketch::bytes)
            ],
        )?;
        if kept == 0 {
            return Err(Error::NoSuchKey);
        }
        Ok(())
    }

    /// Returns who is told of in a version; none where nothing is kept, because nobody looked or the version is gone.
    ///
    /// # Errors
    /// Those of the database.
    pub fn persons_of(
        &self,
        view: &View<'_>,
        version: VersionId,
    ) -> Result<Option<ObjectPersons>, Error> {
        let kept = view.one(
            "SELECT kept FROM persons WHERE version = ?1",
            params![version.as_bytes()],
            |row| persons(row, 0),
        )?;
        if kept.is_some() {
            return Ok(kept);
        }
        // Where nothing is kept, either nobody is told of or nobody has looked: its facts know.
        let Some((bucket, sealed)) = sealed_with_bucket(view, version)? else {
            return Ok(None);
        };
        let owner_key = self
            .inner
            .keys
            .in_view(view, bucket)?
            .for_owner(version.as_bytes())?;
        let (facts, _, _) = Facts::open(version, bucket, &owner_key, &sealed)?;
        let is_read = facts
            .scan
            .is_some_and(|scan| scan.standing == ScanStanding::Read);
        Ok(is_read.then(|| Union::new().joined()))
    }

    /// Counts the persons that tenants hold together: one tenant, or all of a group. What they held when they were
    /// counted last is remembered until that changes.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn held_persons(&self, tenants: &[TenantId]) -> Result<Tally, Error> {
        let (store, tenants) = (self.clone(), tenants.to_vec());
        self.inner
            .db
            .read(move |view| store.held_in(view, &tenants))
            .await
    }

    /// Returns the versions of a tenant that tell of somebody, by pseudonyms of one of the identifiers. Every version is gone
    /// through.
    ///
    /// # Errors
    /// Those of the database; [`Error::Corrupt`].
    pub async fn versions_that_tell_of(
        &self,
        tenant: TenantId,
        anybody: Vec<(PersonKind, Pseudonym)>,
    ) -> Result<Vec<ToldIn>, Error> {
        let store = self.clone();
        self.inner
            .db
            .read(move |view| {
                let mut versions = Vec::new();
                view.each(
                    "SELECT kept, version FROM persons WHERE tenant = ?1",
                    params![tenant.as_bytes()],
                    |row| {
                        if persons(row, 0)?.tells_of(&anybody) {
                            versions.push(VersionId::from_bytes(columns::bytes16(row, 1)?));
                        }
                        Ok(())
                    },
                )?;
                versions
                    .into_iter()
                    .map(|version| told_in(&store, view, version))
                    .collect()
            })
            .await
    }

    /// Says about how many persons tenants hold together, for what is shown often: large objects are read as sketches.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn held_persons_estimate(&self, tenants: &[TenantId]) -> Result<u64, Error> {
        let tenants = tenants.to_vec();
        self.inner
            .db
            .read(move |view| {
                let mut all = Sketch::new();
                for tenant in tenants {
                    view.each(
                        "SELECT sketch, CASE WHEN sketch IS NULL THEN kept END FROM persons WHERE tenant = ?1",
                        params![tenant.as_bytes()],
                        |row| {
                            let sketch = match row.get::<_, Option<Vec<u8>>>(0)? {
                                Some(bytes) => Sketch::parse(&bytes).ok_or_else(|| {
                                    unreadable("a sketch of persons is damaged".into())
                                })?,
                                None => persons(row, 1)?.sketch(),
                            };
                            all.join(&sketch);
                            Ok(())
                        },
                    )?;
                }
                Ok(all.estimate())
            })
            .await
    }

    fn held_in(&self, view: &View<'_>, tenants: &[TenantId]) -> Result<Tally, Error> {
        let tallies = &self.inner.tallies;
        let mut distinct = tenants.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        // Each only ever grows.
        let mut changed = 0;
        for tenant in &distinct {
            changed += changes(view, *tenant)?;
        }
        if let Some(tally) = tallies.recall(&distinct, changed) {
            return Ok(tally);
        }
        let mut union = Union::new();
        for tenant in &distinct {
            view.each(
                "SELECT kept FROM persons WHERE tenant = ?1",
                params![tenant.as_bytes()],
                |row| {
                    union.add(&persons(row, 0)?);
                    Ok(())
                },
            )?;
        }
        let tally = union.tally();
        tallies.remember(distinct, changed, tally);
        Ok(tally)
    }
}

impl RememberedTallies {
    fn recall(&self, tenants: &[TenantId], changes: i64) -> Option<Tally> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, tally) = known.get(tenants)?;
        (*of == changes).then_some(*tally)
    }

    fn remember(&self, tenants: Vec<TenantId>, changes: i64, tally: Tally) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(tenants, (changes, tally));
    }
}

/// A version that tells of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldIn {
    /// The bucket.
    pub bucket: BucketName,
    /// The key.
    pub key: ObjectKey,
    /// The version.
    pub version: VersionId,
}

fn told_in(store: &Store, view: &View<'_>, version: VersionId) -> Result<ToldIn, Error> {
    let bucket = view.one(
        "SELECT bucket FROM versions WHERE id = ?1",
        params![version.as_bytes()],
        |row| columns::bytes16(row, 0).map(BucketId::from_bytes),
    )?;
    let bucket = bucket
        .and_then(|bucket| bucket::by_id(view, bucket).transpose())
        .transpose()?
        .ok_or(Error::VersionGone)?;
    let key = store.inner.keys.in_view(view, bucket.id)?;
    let (sealed, _) = sealed_of(view, version)?;
    let owner_key = key.for_owner(version.as_bytes())?;
    let (facts, _, _) = Facts::open(version, bucket.id, &owner_key, &sealed)?;
    Ok(ToldIn {
        bucket: bucket.name,
        key: facts.key,
        version,
    })
}

/// Returns how often it changed who a tenant holds.
fn changes(view: &View<'_>, tenant: TenantId) -> Result<i64, Error> {
    let changes = view.one(
        "SELECT changes FROM persons_changes WHERE tenant = ?1",
        params![tenant.as_bytes()],
        |row| row.get(0),
    )?;
    Ok(changes.unwrap_or(0))
}

fn persons(row: &Row<'_>, column: usize) -> Result<ObjectPersons, RowError> {
    ObjectPersons::parse(row.get(column)?).map_err(|error| unreadable(Box::new(error)))
}
