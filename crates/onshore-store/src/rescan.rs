//! Looking through what is stored: what was put off when it came, and everything once the scanner or the legal classes know
//! more than those that looked. Nothing is handed out, so no permit is wanted; what comes of it can only make a label
//! stricter, but where nobody had looked before.

use std::io::{Read, Seek, SeekFrom};

use onshore_classify::Scanner;
use onshore_db::{Unit, View, params};
use onshore_keys::{DataKey, Secret};
use onshore_types::{BucketId, Label, TenantId, VersionId};
use serde_json::json;
use tokio::task::spawn_blocking;

use crate::bucket::Bucket;
use crate::customer_key::Encryption;
use crate::facts::{Facts, Sealed, damaged};
use crate::frame::Cipher;
use crate::kms_keys::Named;
use crate::object::Tags;
use crate::plain::{PlainBody, PlainReader, of_reader};
use crate::reclaim::Pin;
use crate::said::Said;
use crate::scan::{Looked, Scan};
use crate::scanning::{self, Patience};
use crate::{Error, Store, bucket, columns, read};

/// How much one step reads.
const STEP_BYTES: u64 = 8 << 20;

/// A version that somebody may have to look through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToScan {
    /// The version.
    pub version: VersionId,
    /// Its bucket.
    pub bucket: BucketId,
    /// Whose it is.
    pub tenant: TenantId,
}

/// How far everything was looked through by a scanner and tables of these versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RescanMarker {
    /// The version of the scanner.
    pub scanner: u32,
    /// The version of the legal classes.
    pub tables: u32,
    /// How often authorities told tenants something.
    pub told: u64,
    /// The last that was visited; none at the beginning.
    pub behind: Option<VersionId>,
    /// Whether there is more.
    pub end: RescanEnd,
}

/// Whether a round of looking through everything is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RescanEnd {
    /// It goes on.
    Open,
    /// Everything was visited.
    Reached,
}

/// What looking at a version again begins with.
#[derive(Debug)]
pub enum Again {
    /// It is gone, or what is known of it is all that would be found.
    Nothing,
    /// A client keeps the key: what is known of it is what was known before.
    Sealed(Box<Looked>),
    /// It can be read.
    Open(Box<Looking>),
}

/// A version that is being looked through.
pub struct Looking {
    reader: PlainReader,
    size_bytes: u64,
    read_bytes: u64,
    scanner: Scanner,
    /// A hash of what is said of it, which is looked through with it.
    said: [u8; 32],
    _pin: Pin,
}

/// What came of a step.
#[derive(Debug)]
pub enum LookStep {
    /// So many bytes were read, and there is more.
    Read(Box<Looking>, u64),
    /// It is over, after so many bytes more; what they were unpacked to counts too.
    Over(Box<Looked>, u64),
}

/// What became of a version that was looked through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rescanned {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its bucket.
    pub bucket: BucketId,
    /// Its label before, without its bucket's class.
    pub before: Label,
    /// Its label now.
    pub now: Label,
    /// What is known of it, to be committed to by a leaf.
    pub record: serde_json::Value,
}

impl Rescanned {
    /// Whether its label is another than before.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.before != self.now
    }
}

impl Store {
    /// Returns when something may have been put off since this was last awaited.
    pub async fn something_put_off(&self) {
        self.inner.put_off.notified().await;
    }

    /// Returns versions that were put off when they came, behind one of them, the oldest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn put_off(
        &self,
        behind: Option<VersionId>,
        rows_max: usize,
    ) -> Result<Vec<ToScan>, Error> {
        let behind = behind.map_or([0; 16], |version| *version.as_bytes());
        let limit = i64::try_from(rows_max).unwrap_or(i64::MAX);
        self.inner
            .db
            .read(move |view| {
                Ok(view.all(
                    "SELECT v.id, v.bucket, b.tenant FROM scans s JOIN versions v ON v.id = s.version
                     JOIN buckets b ON b.id = v.bucket WHERE s.version > ?1 ORDER BY s.version LIMIT ?2",
                    params![behind, limit],
                    to_scan,
                )?)
            })
            .await
    }

    /// Returns the versions behind a place in the order of their ids.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn versions_behind(
        &self,
        behind: Option<VersionId>,
        rows_max: usize,
    ) -> Result<Vec<ToScan>, Error> {
        let limit = i64::try_from(rows_max).unwrap_or(i64::MAX);
        let behind = behind.map_or([0; 16], |version| *version.as_bytes());
        self.inner
            .db
            .read(move |view| {
                Ok(view.all(
                    "SELECT v.id, v.bucket, b.tenant FROM versions v JOIN buckets b ON b.id = v.bucket
                     WHERE v.id > ?1 ORDER BY v.id LIMIT ?2",
                    params![behind, limit],
                    to_scan,
                )?)
            })
            .await
    }

    /// Returns how many versions wait to be looked through, and how many there are behind a place.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn left_to_scan(&self, behind: Option<VersionId>) -> Result<(u64, u64), Error> {
        let behind = behind.map_or([0; 16], |version| *version.as_bytes());
        self.inner
            .db
            .read(move |view| {
                let count = |row: &onshore_db::Row<'_>| columns::size(row, 0);
                let waiting = view.one("SELECT count(*) FROM scans", params![], count)?;
                let left = view.one(
                    "SELECT count(*) FROM versions WHERE id > ?1",
                    params![behind],
                    count,
                )?;
                Ok((waiting.unwrap_or_default(), left.unwrap_or_default()))
            })
            .await
    }

    /// Returns how far everything was looked through; none where that was never begun.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn rescan_marker(&self) -> Result<Option<RescanMarker>, Error> {
        self.inner
            .db
            .read(|view| {
                Ok(view.one(
                    "SELECT scanner, tables, behind, over, told FROM rescan WHERE one = 1",
                    params![],
                    |row| {
                        let behind: Option<Vec<u8>> = row.get(2)?;
                        Ok(RescanMarker {
                            scanner: row.get(0)?,
                            tables: row.get(1)?,
                            told: columns::size(row, 4)?,
                            behind: match behind {
                                Some(_) => Some(VersionId::from_bytes(columns::bytes16(row, 2)?)),
                                None => None,
                            },
                            end: if row.get(3)? {
                                RescanEnd::Reached
                            } else {
                                RescanEnd::Open
                            },
                        })
                    },
                )?)
            })
            .await
    }

    /// Notes how often authorities told a tenant something, in the unit of work that records it: what was looked through
    /// before and is stored behind it waits to be looked through again.
    ///
    /// # Errors
    /// Those of the database.
    pub fn note_told(
        &self,
        unit: &Unit<'_>,
        tenant: TenantId,
        changes: u32,
    ) -> Result<(), onshore_db::Error> {
        unit.execute(
            "INSERT INTO told (tenant, changes) VALUES (?1, ?2)
             ON CONFLICT (tenant) DO UPDATE SET changes = max(changes, excluded.changes)",
            params![tenant.as_bytes(), changes],
        )?;
        Ok(())
    }

    /// Returns for which version of what its tenant was told a version was looked through; the version before all where
    /// nobody has looked, or it is gone.
    ///
    /// # Errors
    /// [`Error::Corrupt`]; those of the database.
    pub fn looked_for(&self, view: &View<'_>, version: VersionId) -> Result<u32, Error> {
        let Some((bucket, sealed)) = sealed_with_bucket(view, version)? else {
            return Ok(0);
        };
        let owner_key = self
            .inner
            .keys
            .in_view(view, bucket)?
            .for_owner(version.as_bytes())?;
        let (facts, _, _) = Facts::open(version, bucket, &owner_key, &sealed)?;
        Ok(facts.scan.map_or(0, |scan| scan.told))
    }

    /// Puts a version off again that cannot be looked through at present: its key is disabled, or it is damaged. Until then it
    /// is unclassified.
    ///
    /// # Errors
    /// [`Error::Corrupt`]; those of the database.
    pub fn put_off_again(
        &self,
        unit: &Unit<'_>,
        version: VersionId,
    ) -> Result<Option<Rescanned>, Error> {
        let rescanned = self.settle_scan(unit, version, Looked::nothing(Scan::put_off(0)))?;
        self.put_version_off(unit, version)?;
        Ok(rescanned)
    }

    /// Wakes whoever waits for something to be put off: there is something to look through.
    pub fn wake_scans(&self) {
        self.inner.put_off.notify_one();
    }

    /// Keeps how far everything was looked through.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_rescan_marker(&self, unit: &Unit<'_>, marker: &RescanMarker) -> Result<(), Error> {
        unit.execute(
            "INSERT OR REPLACE INTO rescan (one, scanner, tables, behind, over, told) VALUES (1, ?1, ?2, ?3, ?4, ?5)",
            params![
                marker.scanner,
                marker.tables,
                marker.behind.map(|version| *version.as_bytes()),
                marker.end == RescanEnd::Reached,
                columns::size_column(marker.told),
            ],
        )?;
        Ok(())
    }

    /// Opens a version to be looked through, where the scanner and the tables of today may find more than is known of it.
    ///
    /// # Errors
    /// [`Error::Corrupt`]; [`Error::KmsKeyDisabled`] as long as its key is; those of the database.
    pub async fn look_again(
        &self,
        version: VersionId,
        mut scanner: Scanner,
    ) -> Result<Again, Error> {
        let pin = self.inner.reclaimer.pin(*version.as_bytes());
        let store = self.clone();
        let told = scanner.told_version();
        let opened = self
            .inner
            .db
            .read(move |view| open(&store, view, version, told))
            .await?;
        Ok(match opened {
            None => Again::Nothing,
            Some(Opened::Sealed(scan)) => Again::Sealed(Box::new(Looked::nothing(scan))),
            Some(Opened::Bodies {
                bodies,
                size_bytes,
                said,
            }) => {
                said.hand_to(&mut scanner);
                Again::Open(Box::new(Looking {
                    reader: PlainReader::new(self.inner.files.clone(), bodies),
                    size_bytes,
                    read_bytes: 0,
                    scanner,
                    said: said.digest(),
                    _pin: pin,
                }))
            }
        })
    }

    /// Puts a version off: it is looked through behind its commit.
    pub(crate) fn put_version_off(&self, unit: &Unit<'_>, version: VersionId) -> Result<(), Error> {
        unit.execute(
            "INSERT OR IGNORE INTO scans (version) SELECT id FROM versions WHERE id = ?1",
            params![version.as_bytes()],
        )?;
        self.inner.put_off.notify_one();
        Ok(())
    }

    /// Keeps what was found in a version, and returns what became of it; none where the version is gone or that was known.
    ///
    /// # Errors
    /// [`Error::Corrupt`]; those of the database.
    pub fn settle_scan(
        &self,
        unit: &Unit<'_>,
        version: VersionId,
        looked: Looked,
    ) -> Result<Option<Rescanned>, Error> {
        unit.execute(
            "DELETE FROM scans WHERE version = ?1",
            params![version.as_bytes()],
        )?;
        let Some((bucket, sealed)) = sealed_with_bucket(unit, version)? else {
            return Ok(None);
        };
        let Some(bucket) = bucket::by_id(unit, bucket)? else {
            return Ok(None);
        };
        let owner_key = self
            .inner
            .keys
            .in_view(unit, bucket.id)?
            .for_owner(version.as_bytes())?;
        let (facts, data_keys, tags) = Facts::open(version, bucket.id, &owner_key, &sealed)?;
        let mut looked = looked;
        if looked
            .said
            .is_some_and(|said| said != Said::of_version(&facts, &tags).digest())
        {
            // Its tags were changed while it was read.
            looked = Looked::nothing(Scan::put_off(looked.scan.told));
            self.put_version_off(unit, version)?;
        }
        if let Some(persons) = &looked.persons {
            self.keep_persons(unit, version, persons)?;
        }
        let scan = looked.scan.after(facts.scan.as_ref());
        if facts.scan.as_ref() == Some(&scan) {
            return Ok(None);
        }
        let opened = OpenedFacts {
            facts,
            data_keys,
            tags,
            owner_key,
            class: None,
        };
        let before = opened.facts.label_now();
        self.rewrite_facts(unit, &bucket, version, opened, before, scan)
            .map(Some)
    }

    /// Keeps what is known of the content of a version in place of what was known, and its facts in place of those that made
    /// this label before.
    pub(crate) fn rewrite_facts(
        &self,
        unit: &Unit<'_>,
        bucket: &Bucket,
        version: VersionId,
        opened: OpenedFacts,
        before: Label,
        scan: Scan,
    ) -> Result<Rescanned, Error> {
        let OpenedFacts {
            mut facts,
            data_keys,
            tags,
            owner_key,
            class,
        } = opened;
        if let Some(class) = class {
            facts.label = facts.label.join(class);
        }
        let record = json!({ "version": version, "scan": scan });
        facts.scan = Some(scan);
        // What two people decided without knowing this does not come back once this is forgotten.
        facts.loosened = facts
            .loosened
            .filter(|loosened| loosened.outlives(facts.label, facts.scan.as_ref()));
        let now = facts.label_now();
        let sealed = facts.seal(version, &owner_key, &data_keys, &tags)?;
        unit.execute(
            "UPDATE versions SET facts = ?2, wrapped = ?3, tags = ?4 WHERE id = ?1",
            params![
                version.as_bytes(),
                sealed.facts,
                sealed.wrapped,
                sealed.tags
            ],
        )?;
        if now != before {
            unit.execute(
                "UPDATE objects SET label = ?4 WHERE bucket = ?1 AND key = ?2 AND version = ?3",
                params![
                    bucket.id.as_bytes(),
                    facts.key.as_str().as_bytes(),
                    version.as_bytes(),
                    now.to_string()
                ],
            )?;
            unit.execute(
                "UPDATE history SET label = ?2 WHERE version = ?1 AND kind = 'object'",
                params![version.as_bytes(), now.to_string()],
            )?;
        }
        Ok(Rescanned {
            tenant: bucket.tenant,
            bucket: bucket.id,
            before,
            now,
            record,
        })
    }
}

/// The facts of a version, with all that seals them anew.
pub(crate) struct OpenedFacts {
    pub(crate) facts: Facts,
    pub(crate) data_keys: Vec<Secret>,
    pub(crate) tags: Tags,
    pub(crate) owner_key: DataKey,
    /// What its tags declare from now on.
    pub(crate) class: Option<Label>,
}

/// Returns how often authorities told a tenant something: what was looked through before knows less.
pub(crate) fn told(view: &View<'_>, tenant: TenantId) -> Result<u32, Error> {
    let changes = view.one(
        "SELECT changes FROM told WHERE tenant = ?1",
        params![tenant.as_bytes()],
        |row| row.get(0),
    )?;
    Ok(changes.unwrap_or_default())
}

impl Looking {
    /// Reads on.
    ///
    /// # Errors
    /// [`Error::CorruptRecord`] for what is damaged; [`Error::Files`].
    pub async fn step(mut self: Box<Self>) -> Result<LookStep, Error> {
        let step = spawn_blocking(move || {
            let left = self.size_bytes - self.read_bytes;
            let mut chunk = Vec::new();
            if !self.scanner.needs_whole() {
                (&mut self.reader)
                    .take(STEP_BYTES)
                    .read_to_end(&mut chunk)
                    .map_err(of_reader)?;
                self.scanner.push(&chunk);
            }
            let read_bytes = chunk.len() as u64;
            self.read_bytes += read_bytes;
            if read_bytes > 0 && self.read_bytes < self.size_bytes {
                return Ok(LookStep::Read(self, read_bytes));
            }
            let Self {
                mut reader,
                size_bytes,
                scanner,
                said,
                ..
            } = *self;
            let looked = scanning::end(scanner, size_bytes, Patience::Endless, || {
                reader.seek(SeekFrom::Start(0)).map_err(of_reader)?;
                Ok(reader)
            })?;
            let cost_bytes = left.max(read_bytes) + looked.unpacked_bytes;
            Ok(LookStep::Over(Box::new(looked.with_said(said)), cost_bytes))
        });
        step.await.unwrap_or(Err(Error::Stopping))
    }
}

impl std::fmt::Debug for Looking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Looking")
            .field("read_bytes", &self.read_bytes)
            .finish_non_exhaustive()
    }
}

enum Opened {
    Sealed(Scan),
    Bodies {
        bodies: Vec<PlainBody>,
        size_bytes: u64,
        said: Said,
    },
}

fn open(
    store: &Store,
    view: &View<'_>,
    version: VersionId,
    told: u32,
) -> Result<Option<Opened>, Error> {
    let Some((bucket, sealed)) = sealed_with_bucket(view, version)? else {
        return Ok(None);
    };
    let Some(bucket) = bucket::by_id(view, bucket)? else {
        return Ok(None);
    };
    let owner_key = store
        .inner
        .keys
        .in_view(view, bucket.id)?
        .for_owner(version.as_bytes())?;
    let (facts, data_keys, tags) = Facts::open(version, bucket.id, &owner_key, &sealed)?;
    if facts
        .scan
        .as_ref()
        .is_some_and(|scan| scan.is_current(told))
    {
        return Ok(None);
    }
    if let Encryption::Customer { .. } = facts.encryption {
        let outdated = Scan::outdated(facts.scan.as_ref(), told);
        return Ok(Some(Opened::Sealed(outdated)));
    }
    let named = store
        .inner
        .kms_keys
        .usable(view, bucket.tenant, &facts.encryption)?;
    let bodies = plain_bodies(view, version, &facts, &data_keys, named.as_ref())?;
    Ok(Some(Opened::Bodies {
        bodies,
        size_bytes: facts.size_bytes,
        said: Said::of_version(&facts, &tags),
    }))
}

/// Returns the bodies of a version, each with what opens it. The house or a named key must be able to: of what is under a client's
/// key there are none.
pub(crate) fn plain_bodies(
    view: &View<'_>,
    version: VersionId,
    facts: &Facts,
    data_keys: &[Secret],
    named: Option<&Named>,
) -> Result<Vec<PlainBody>, Error> {
    let mut bodies = Vec::new();
    for (body, secret) in facts.bodies.iter().zip(data_keys) {
        let secret: Secret = facts.encryption.data_key(body.id, secret, None, named)?;
        bodies.push(PlainBody {
            cipher: Cipher::new(secret, body.id, body.part)
                .map_err(|_| damaged(version, "a data key has another length"))?,
            body: body.clone(),
            inline: read::inline(view, version, body)?,
        });
    }
    Ok(bodies)
}

/// Returns what is sealed of a version, and its bucket.
pub(crate) fn sealed_with_bucket(
    view: &View<'_>,
    version: VersionId,
) -> Result<Option<(BucketId, Sealed)>, Error> {
    Ok(view.one(
        "SELECT bucket, facts, wrapped, tags FROM versions WHERE id = ?1",
        params![version.as_bytes()],
        |row| {
            let sealed = Sealed {
                facts: row.get(1)?,
                wrapped: row.get(2)?,
                tags: row.get(3)?,
            };
            Ok((BucketId::from_bytes(columns::bytes16(row, 0)?), sealed))
        },
    )?)
}

fn to_scan(row: &onshore_db::Row<'_>) -> Result<ToScan, onshore_db::RowError> {
    Ok(ToScan {
        version: VersionId::from_bytes(columns::bytes16(row, 0)?),
        bucket: BucketId::from_bytes(columns::bytes16(row, 1)?),
        tenant: TenantId::from_bytes(columns::bytes16(row, 2)?),
    })
}
