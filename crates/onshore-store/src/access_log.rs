//! Access logs: what was asked of buckets whose owners want to know it. A front notes a line for each request; lines
//! wait in memory for a moment, then sealed in the database under the key of the bucket they go to, until upkeep makes
//! objects of them. After [server access logging](https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html),
//! best effort: lines of the last moment are lost with a kill, and what is lost otherwise is counted.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use onshore_db::{Row, RowError, Unit, View, params, unreadable};
use onshore_policy::{Flow, Permit};
use onshore_types::{BucketId, BucketName, Label, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bucket;
use crate::commit::permitted_bucket;
use crate::settings::{self, Setting};
use crate::{Error, Store, columns, permits};

/// How much waits in memory at most, of all tenants and of one: what comes beyond it is lost and counted.
const MEMORY_MAX_BYTES: usize = 32 << 20;
const MEMORY_OF_ONE_MAX_BYTES: usize = 8 << 20;

/// Where the lines of a bucket go.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logging {
    /// The bucket that they are stored in.
    pub target: BucketName,
    /// What the keys there begin with.
    pub prefix: String,
    /// What the keys there look like.
    pub format: LogKeyFormat,
}

/// What the keys of log objects look like behind the prefix.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogKeyFormat {
    /// `YYYY-mm-DD-HH-MM-SS-UNIQUE`.
    #[default]
    Simple,
    /// `ACCOUNT/REGION/BUCKET/YYYY/mm/DD/YYYY-mm-DD-HH-MM-SS-UNIQUE`, by the day of the requests.
    ByEventTime,
    /// The same, by when the object is written.
    ByDeliveryTime,
}

/// A line, as it is noted.
#[derive(Debug, Clone)]
pub struct AccessLine {
    /// Of which bucket it tells.
    pub source: BucketName,
    /// Whose that is.
    pub tenant: TenantId,
    /// Where it goes.
    pub logging: Logging,
    /// The label of what it tells.
    pub label: Label,
    /// When the request came.
    pub at: Timestamp,
    /// The line, with its end.
    pub text: String,
}

/// Lines that become one object: of one bucket, for one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogShare {
    /// The bucket that the object goes to.
    pub target: BucketId,
    /// What it is told as.
    pub origin: LogOrigin,
    /// How many bytes wait.
    pub waiting_bytes: u64,
}

/// Of what lines tell and where they go.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogOrigin {
    /// The bucket.
    pub source: BucketName,
    /// Where its lines go.
    pub logging: Logging,
    /// The day of the requests in UTC, where the key tells it; days since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<i64>,
}

/// Lines taken from where they wait, to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLines {
    /// The strictest label among them.
    pub label: Label,
    /// When the first of the requests came.
    pub first: Timestamp,
    /// The lines.
    pub text: Vec<u8>,
    /// The number of the last row they are of.
    last: i64,
}

/// What came of keeping the lines in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinesKept {
    /// How many are in the database now.
    pub kept: u64,
    /// How many are lost: there was no room for them, or the bucket they go to is gone.
    pub lost: u64,
}

/// What waits in memory.
#[derive(Default)]
pub(crate) struct AccessLog {
    /// Whether any bucket has its lines kept, or has had since the start.
    any: AtomicBool,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<AccessLine>,
    bytes: usize,
    bytes_of: HashMap<TenantId, usize>,
    lost: u64,
}

/// Lines of one origin, on their way into one row.
struct Gathered {
    label: Label,
    first: Timestamp,
    count: u64,
    text: Vec<u8>,
}

impl Logging {
    fn of(view: &View<'_>, bucket: BucketId) -> Result<Option<Self>, Error> {
        settings::document(view, bucket, Setting::Logging)?
            .map(|document| {
                serde_json::from_str(&document)
                    .map_err(|_| Error::CorruptRecord("the logging of a bucket"))
            })
            .transpose()
    }
}

impl AccessLog {
    /// Starts as the database has it.
    pub(crate) fn open(view: &View<'_>) -> Result<Self, Error> {
        let one = view.one(
            "SELECT 1 FROM bucket_settings WHERE name = ?1 LIMIT 1",
            params![Setting::Logging.as_str()],
            |_| Ok(()),
        )?;
        Ok(Self {
            any: AtomicBool::new(one.is_some()),
            waiting: Mutex::default(),
        })
    }

    fn take(&self) -> Waiting {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *waiting)
    }
}

impl Store {
    /// Says where the lines of the permit's bucket go, or that none are kept.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`]; [`Error::NoLogTarget`] when the tenant has no bucket that they could go to.
    pub fn set_logging(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        logging: Option<&Logging>,
    ) -> Result<(), Error> {
        let Some(logging) = logging else {
            return self.set_setting(unit, permit, Setting::Logging, None);
        };
        permits::flow(permit, &[Flow::Change])?;
        let tenant = permitted_bucket(unit, permit)?.tenant;
        bucket::by_name(unit, &logging.target)?
            .filter(|target| target.tenant == tenant)
            .ok_or(Error::NoLogTarget)?;
        let document = serde_json::to_string(logging)
            .map_err(|_| Error::CorruptRecord("the logging of a bucket"))?;
        // Before it is durable, so that no line is missed behind it.
        self.inner.access_log.any.store(true, Ordering::SeqCst);
        self.set_setting(unit, permit, Setting::Logging, Some(&document))
    }

    /// Returns where the lines of a bucket go; none where none are kept.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn logging(&self, bucket: BucketId) -> Result<Option<Logging>, Error> {
        self.inner.db.glance(|view| Logging::of(view, bucket))
    }

    /// Whether lines may have to be noted at all.
    #[must_use]
    pub fn keeps_access_lines(&self) -> bool {
        self.inner.access_log.any.load(Ordering::SeqCst)
    }

    /// Notes a line. It is in memory alone until [`Store::keep_access_lines`].
    pub fn note_access(&self, line: AccessLine) {
        let log = &self.inner.access_log;
        let mut waiting = log.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let len_bytes = line.text.len();
        let of_one = waiting
            .bytes_of
            .get(&line.tenant)
            .copied()
            .unwrap_or_default();
        if waiting.bytes + len_bytes > MEMORY_MAX_BYTES
            || of_one + len_bytes > MEMORY_OF_ONE_MAX_BYTES
        {
            waiting.lost += 1;
            return;
        }
        waiting.bytes += len_bytes;
        waiting.bytes_of.insert(line.tenant, of_one + len_bytes);
        waiting.lines.push(line);
    }

    /// Seals the lines that wait in memory and puts them into the database.
    ///
    /// # Errors
    /// Those of the database and the keys; the lines are lost with it, which the next call tells.
    pub async fn keep_access_lines(&self) -> Result<LinesKept, Error> {
        let waiting = self.inner.access_log.take();
        let lost = waiting.lost;
        if waiting.lines.is_empty() {
            return Ok(LinesKept { kept: 0, lost });
        }
        let store = self.clone();
        let count = waiting.lines.len() as u64;
        let rows = gather(waiting.lines);
        let done: Result<LinesKept, Error> = self
            .inner
            .db
            .write(move |unit| store.keep_gathered(unit, rows))
            .await;
        match done {
            Ok(done) => Ok(LinesKept {
                lost: done.lost + lost,
                ..done
            }),
            Err(error) => {
                let log = &self.inner.access_log;
                let mut waiting = log.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                waiting.lost += lost + count;
                Err(error)
            }
        }
    }

    fn keep_gathered(
        &self,
        unit: &Unit<'_>,
        rows: HashMap<(TenantId, LogOrigin), Gathered>,
    ) -> Result<LinesKept, Error> {
        let mut done = LinesKept::default();
        for ((tenant, origin), row) in rows {
            let target = bucket::by_name(unit, &origin.logging.target)?
                .filter(|target| target.tenant == tenant);
            let Some(target) = target else {
                done.lost += row.count;
                continue;
            };
            let batch: [u8; 16] = onshore_keys::random();
            let key = self.inner.keys.in_view(unit, target.id)?;
            let sealed = key
                .for_owner(&batch)?
                .wrap(&context(target.id), &row.text)
                .map_err(Error::Keys)?;
            unit.execute(
                "INSERT INTO access_lines (target, origin, batch, label, first, size, sealed)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    target.id.as_bytes(),
                    origin_column(&origin)?,
                    batch,
                    row.label.to_string(),
                    row.first.as_millis(),
                    columns::size_column(row.text.len() as u64),
                    sealed,
                ],
            )?;
            done.kept += row.count;
        }
        Ok(done)
    }

    /// Returns what waits to become objects.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn log_shares(&self) -> Result<Vec<LogShare>, Error> {
        self.inner
            .db
            .read(|view| {
                Ok(view.all(
                    "SELECT target, origin, sum(size) FROM access_lines GROUP BY target, origin",
                    params![],
                    share_of_row,
                )?)
            })
            .await
    }

    /// Opens the oldest lines of a share, up to so many bytes and at least one row; none where none wait.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`] when the bucket they go to is gone; [`Error::CorruptRecord`].
    pub async fn log_lines(
        &self,
        share: &LogShare,
        bytes_max: u64,
    ) -> Result<Option<LogLines>, Error> {
        let key = self.tenant_key(share.target).await?;
        let (target, origin) = (share.target, origin_column(&share.origin)?);
        self.inner
            .db
            .read(move |view| {
                let mut lines: Option<LogLines> = None;
                let mut after = 0_i64;
                loop {
                    let row = view.one(
                        "SELECT number, batch, label, first, size, sealed FROM access_lines
                         WHERE target = ?1 AND origin = ?2 AND number > ?3 ORDER BY number LIMIT 1",
                        params![target.as_bytes(), origin, after],
                        |row| {
                            Ok((
                                row.get::<_, i64>(0)?,
                                columns::bytes16(row, 1)?,
                                columns::label(row, 2)?,
                                Timestamp::from_millis(row.get(3)?),
                                columns::size(row, 4)?,
                                row.get::<_, Vec<u8>>(5)?,
                            ))
                        },
                    )?;
                    let Some((number, batch, label, first, size, sealed)) = row else {
                        return Ok(lines);
                    };
                    let so_far = lines.as_ref().map_or(0, |lines| lines.text.len() as u64);
                    if so_far > 0 && so_far + size > bytes_max {
                        return Ok(lines);
                    }
                    let plain = key
                        .for_owner(&batch)?
                        .unwrap(&context(target), &sealed)
                        .map_err(|_| Error::CorruptRecord("lines of an access log"))?;
                    let lines = lines.get_or_insert_with(|| LogLines {
                        label,
                        first,
                        text: Vec::new(),
                        last: number,
                    });
                    lines.label = lines.label.join(label);
                    lines.first = lines.first.min(first);
                    lines.text.extend_from_slice(plain.as_bytes());
                    lines.last = number;
                    after = number;
                }
            })
            .await
    }

    /// Forgets lines that became an object, in the unit of work that stores it.
    ///
    /// # Errors
    /// [`Error::PermitMismatch`]; those of the database.
    pub fn forget_log_lines(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        share: &LogShare,
        lines: &LogLines,
    ) -> Result<(), Error> {
        permits::flow(permit, &[Flow::Store])?;
        if permits::bucket(permit)? != share.target {
            return Err(Error::PermitMismatch("bucket"));
        }
        unit.execute(
            "DELETE FROM access_lines WHERE target = ?1 AND origin = ?2 AND number <= ?3",
            params![
                share.target.as_bytes(),
                origin_column(&share.origin)?,
                lines.last
            ],
        )?;
        Ok(())
    }

    /// Forgets the oldest lines of a share that cannot be stored, until what waits is so much at most, and returns how
    /// many bytes are lost.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn trim_log_lines(&self, share: &LogShare, keep_bytes: u64) -> Result<u64, Error> {
        let (target, origin) = (share.target, origin_column(&share.origin)?);
        self.inner
            .db
            .write(move |unit| {
                let rows = unit.all(
                    "SELECT number, size FROM access_lines WHERE target = ?1 AND origin = ?2 ORDER BY number DESC",
                    params![target.as_bytes(), origin],
                    |row| Ok((row.get::<_, i64>(0)?, columns::size(row, 1)?)),
                )?;
                let (mut kept, mut lost) = (0_u64, 0_u64);
                for (number, size) in rows {
                    if lost == 0 && kept + size <= keep_bytes {
                        kept += size;
                        continue;
                    }
                    lost += size;
                    unit.execute("DELETE FROM access_lines WHERE number = ?1", params![number])?;
                }
                Ok(lost)
            })
            .await
    }
}

/// Puts lines together by where they are from and where they go, each in the order of their coming.
fn gather(lines: Vec<AccessLine>) -> HashMap<(TenantId, LogOrigin), Gathered> {
    let mut rows: HashMap<_, Gathered> = HashMap::new();
    for line in lines {
        let day = match line.logging.format {
            LogKeyFormat::ByEventTime => Some(line.at.as_seconds().div_euclid(86_400)),
            LogKeyFormat::Simple | LogKeyFormat::ByDeliveryTime => None,
        };
        let origin = LogOrigin {
            source: line.source,
            logging: line.logging,
            day,
        };
        let of = (line.tenant, origin);
        let row = rows.entry(of).or_insert_with(|| Gathered {
            label: line.label,
            first: line.at,
            count: 0,
            text: Vec::new(),
        });
        row.label = row.label.join(line.label);
        row.first = row.first.min(line.at);
        row.count += 1;
        row.text.extend_from_slice(line.text.as_bytes());
    }
    rows
}

fn origin_column(origin: &LogOrigin) -> Result<String, Error> {
    serde_json::to_string(origin).map_err(|_| Error::CorruptRecord("the origin of lines"))
}

fn context(target: BucketId) -> Vec<u8> {
    [b"onshore access lines 1\0".as_slice(), target.as_bytes()].concat()
}

fn share_of_row(row: &Row<'_>) -> Result<LogShare, RowError> {
    let origin: String = row.get(1)?;
    Ok(LogShare {
        target: BucketId::from_bytes(columns::bytes16(row, 0)?),
        origin: serde_json::from_str(&origin).map_err(|error| unreadable(Box::new(error)))?,
        waiting_bytes: columns::size(row, 2)?,
    })
}
