//! A pre-flight: everything that a migration would read to know is read, and nothing is written but what the job knows. It
//! says what will come, what cannot and why, how long it will take at what was measured, and what the old provider charges.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use onshore_registry::{EntryKind, EntryOutcome, Job, JobEntry, JobState};
use onshore_sources::{Coverage, Details, Error as SourceError, ErrorKind, Source, SourceAccess};
use onshore_types::{ByteRange, ObjectKey};
use serde::Serialize;

use crate::copying::OBJECTS_AT_ONCE;
use crate::egress::{Charge, charge};
use crate::engine::Parts;
use crate::inventory::Listing;
use crate::outcome::{Exception, reason_and_detail};
use crate::phase::Phase;
use crate::{Error, job};

/// How many entries are looked up at once.
const PAGE_LEN: u32 = 1000;

/// How many objects are asked about at the same time.
const ASKED_AT_ONCE: usize = 16;

/// How many objects are read to measure how fast the source is, and how many bytes at most.
const SAMPLE_OBJECTS: usize = 32;
const SAMPLE_BYTES: u64 = 64 << 20;

/// How many keys are named for each reason that keeps objects from coming.
const NAMED_MAX: usize = 20;

/// What a pre-flight found.
#[derive(Debug, Serialize)]
struct Report {
    source: String,
    /// `current versions` or `all versions`.
    coverage: &'static str,
    /// What would come: versions where all are brought, else objects.
    objects: u64,
    delete_markers: u64,
    bytes: u64,
    largest_bytes: u64,
    /// How many objects are so long: below 64 KiB, 1 MiB, 64 MiB, 1 GiB, and above.
    sizes: Sizes,
    /// What cannot come, by reason.
    cannot: Vec<Cannot>,
    estimate: Option<Estimate>,
    /// What the old provider charges for the bytes; none where no price is known.
    egress: Option<Charge>,
}

#[derive(Debug, Default, Serialize)]
struct Sizes {
    below_64_kib: u64,
    below_1_mib: u64,
    below_64_mib: u64,
    below_1_gib: u64,
    above: u64,
}

#[derive(Debug, Serialize)]
struct Cannot {
    reason: String,
    detail: String,
    objects: u64,
    bytes: u64,
    /// The first of them.
    keys: Vec<String>,
}

/// How long it will take, from what was measured.
#[derive(Debug, Serialize)]
struct Estimate {
    /// If nothing is in the way,
    seconds_at_best: u64,
    /// and if the source is half as fast as it was.
    seconds_at_worst: u64,
    measured_objects: u64,
    measured_bytes: u64,
}

/// Works on a pre-flight until it ends, and returns how.
pub(crate) async fn run(parts: &Arc<Parts>, job: &Job) -> Result<JobState, Error> {
    let access: SourceAccess =
        serde_json::from_value(job.source.clone()).map_err(Error::Unreadable)?;
    let source = job::open_source(parts, job, &access).await?;
    let listing = Listing {
        parts,
        job,
        spec: &access.source,
        source: &*source,
        round: 0,
    };
    listing.run(None).await?;
    job::enter(parts, job.id, Phase::Checking).await?;
    check(parts, job, &source).await?;
    let report = report(parts, job, &access, &source).await?;
    let state = if report.cannot.is_empty() {
        JobState::Complete
    } else {
        JobState::Incomplete
    };
    let report = serde_json::to_value(report).map_err(Error::Unreadable)?;
    let tally = parts.registry.tally(job.id).await?;
    let (shared, job) = (Arc::clone(parts), job.clone());
    parts
        .db
        .write(move |unit| {
            shared.registry.save_report(unit, job.id, &report)?;
            shared
                .gate
                .settle_job(unit, &job, state, None, &tally, None)?;
            Ok::<_, Error>(())
        })
        .await?;
    Ok(state)
}

/// Asks about every object, and notes those that cannot come.
async fn check(parts: &Arc<Parts>, job: &Job, source: &Arc<dyn Source>) -> Result<(), Error> {
    let mut after = None;
    loop {
        let page = parts
            .registry
            .entries(job.id, after.take(), PAGE_LEN)
            .await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.listed.id());
        let found: Vec<Option<(JobEntry, Exception)>> = stream::iter(page)
            .map(|entry| async move {
                let why = why_not(parts, source, &entry).await?;
                Ok::<_, Error>(why.map(|why| (entry, why)))
            })
            .buffer_unordered(ASKED_AT_ONCE)
            .try_collect()
            .await?;
        let (registry, id) = (parts.registry.clone(), job.id);
        parts
            .db
            .write(move |unit| {
                for (entry, why) in found.into_iter().flatten() {
                    registry.save_outcome(unit, id, &entry.listed.id(), &why.outcome())?;
                }
                Ok::<_, Error>(())
            })
            .await?;
    }
}

/// Says why an object cannot come; none where it can, or where that is known already.
async fn why_not(
    parts: &Parts,
    source: &Arc<dyn Source>,
    entry: &JobEntry,
) -> Result<Option<Exception>, Error> {
    if entry.outcome.detail.is_some() {
        return Ok(None);
    }
    if let Err(error) = ObjectKey::parse(entry.listed.key.as_str()) {
        return Ok(Some(Exception::new(
            "key-not-addressable",
            error.to_string(),
        )));
    }
    if entry.listed.kind == EntryKind::Marker {
        return Ok(None);
    }
    let mut attempts = parts.patience.begin();
    loop {
        let version = entry.listed.version.as_deref();
        let error = match source.describe(&entry.listed.key, version).await {
            Ok(described) => {
                return Ok(described
                    .obstacle
                    .map(|obstacle| Exception::new(obstacle.reason(), obstacle.detail()))
                    .or_else(|| lost_lock(source.coverage(), &described.details)));
            }
            Err(error) => error,
        };
        let reason = match error.kind() {
            ErrorKind::Retry if attempts.wait().await => continue,
            ErrorKind::Retry => "unavailable",
            ErrorKind::Gone | ErrorKind::Changed => return Ok(None),
            ErrorKind::Forbidden => "forbidden",
            ErrorKind::Unsupported => "unsupported",
            ErrorKind::Bug => "protocol",
            ErrorKind::Credentials => return Err(Error::Source(error)),
        };
        return Ok(Some(Exception::new(reason, error.to_string())));
    }
}

fn lost_lock(coverage: Coverage, details: &Details) -> Option<Exception> {
    let is_locked = details.is_held || details.retention.is_some();
    (is_locked && coverage == Coverage::Current).then(|| {
        Exception::new(
            "locked",
            "the object is locked at the source, and without its versions the lock cannot be kept: bring all versions",
        )
    })
}

async fn report(
    parts: &Arc<Parts>,
    job: &Job,
    access: &SourceAccess,
    source: &Arc<dyn Source>,
) -> Result<Report, Error> {
    let mut report = Report {
        source: access.source.to_string(),
        coverage: match source.coverage() {
            Coverage::Current => "current versions",
            Coverage::Versions => "all versions",
        },
        objects: 0,
        delete_markers: 0,
        bytes: 0,
        largest_bytes: 0,
        sizes: Sizes::default(),
        cannot: Vec::new(),
        estimate: None,
        egress: None,
    };
    let mut cannot: BTreeMap<String, Cannot> = BTreeMap::new();
    let mut sample = Sample::default();
    let mut after = None;
    loop {
        let page = parts
            .registry
            .entries(job.id, after.take(), PAGE_LEN)
            .await?;
        let Some(last) = page.last() else { break };
        after = Some(last.listed.id());
        for entry in page {
            if entry.outcome.detail.is_some() {
                count_out(
                    &mut cannot,
                    &entry.listed.key,
                    entry.listed.size_bytes,
                    &entry.outcome,
                );
            } else if entry.listed.kind == EntryKind::Marker {
                report.delete_markers += 1;
            } else {
                report.objects += 1;
                report.bytes = report.bytes.saturating_add(entry.listed.size_bytes);
                report.largest_bytes = report.largest_bytes.max(entry.listed.size_bytes);
                report.sizes.count(entry.listed.size_bytes);
                sample.offer(entry);
            }
        }
    }
    report.cannot = cannot.into_values().collect();
    report.egress = charge(&access.source, report.bytes);
    report.estimate = sample.measure(parts, source, &report).await?;
    Ok(report)
}

fn count_out(
    cannot: &mut BTreeMap<String, Cannot>,
    key: &str,
    size_bytes: u64,
    outcome: &EntryOutcome,
) {
    let (reason, detail) = reason_and_detail(outcome.detail.as_deref());
    let one = cannot.entry(reason.clone()).or_insert_with(|| Cannot {
        reason,
        detail,
        objects: 0,
        bytes: 0,
        keys: Vec::new(),
    });
    one.objects += 1;
    one.bytes = one.bytes.saturating_add(size_bytes);
    if one.keys.len() < NAMED_MAX {
        one.keys.push(key.to_owned());
    }
}

impl Sizes {
    fn count(&mut self, size_bytes: u64) {
        let class = match size_bytes {
            0..0x1_0000 => &mut self.below_64_kib,
            0x1_0000..0x10_0000 => &mut self.below_1_mib,
            0x10_0000..0x400_0000 => &mut self.below_64_mib,
            0x400_0000..0x4000_0000 => &mut self.below_1_gib,
            _ => &mut self.above,
        };
        *class += 1;
    }
}

/// Objects to be read to see how fast the source is: each time there are too many, every other one goes, and of those to come
/// fewer are taken.
#[derive(Debug)]
struct Sample {
    kept: Vec<JobEntry>,
    every: u64,
    offered: u64,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            kept: Vec::new(),
            every: 1,
            offered: 0,
        }
    }
}

impl Sample {
    fn offer(&mut self, entry: JobEntry) {
        if self.offered.is_multiple_of(self.every) {
            self.kept.push(entry);
        }
        self.offered += 1;
        if self.kept.len() > 2 * SAMPLE_OBJECTS {
            let mut keep = false;
            self.kept.retain(|_| {
                keep = !keep;
                keep
            });
            self.every *= 2;
        }
    }

    /// Reads the sample as a migration would, so many objects at a time.
    async fn measure(
        self,
        parts: &Parts,
        source: &Arc<dyn Source>,
        report: &Report,
    ) -> Result<Option<Estimate>, Error> {
        let began = parts.gate.now();
        let read: Vec<u64> = stream::iter(self.kept)
            .map(|entry| async move { read(source, &entry).await })
            .buffer_unordered(OBJECTS_AT_ONCE)
            .try_collect()
            .await?;
        let took_ms = u64::try_from(parts.gate.now().as_millis() - began.as_millis())
            .unwrap_or_default()
            .max(1);
        let (objects, bytes) = (read.len() as u64, read.iter().sum::<u64>());
        if objects == 0 {
            return Ok(None);
        }
        // Whichever of the two is slower: so many objects, or so many bytes.
        let by_objects = report.objects.saturating_mul(took_ms) / objects;
        let by_bytes = if bytes == 0 {
            0
        } else {
            u64::try_from(u128::from(report.bytes) * u128::from(took_ms) / u128::from(bytes))
                .unwrap_or(u64::MAX)
        };
        let ms = by_objects.min(by_bytes.max(1));
        let at_worst = by_objects.max(by_bytes);
        Ok(Some(Estimate {
            seconds_at_best: ms.div_ceil(1000),
            seconds_at_worst: at_worst.saturating_mul(2).div_ceil(1000),
            measured_objects: objects,
            measured_bytes: bytes,
        }))
    }
}

/// Reads the beginning of an object and returns how much it read; nothing of one that cannot be read at present.
async fn read(source: &Arc<dyn Source>, entry: &JobEntry) -> Result<u64, Error> {
    let (key, version) = (&entry.listed.key, entry.listed.version.as_deref());
    let share = SAMPLE_BYTES / (2 * SAMPLE_OBJECTS as u64);
    let read = async {
        let described = source.describe(key, version).await?;
        let range = ByteRange::whole(described.details.size_bytes.min(share));
        if range.len_bytes == 0 || described.obstacle.is_some() {
            return Ok(0);
        }
        let mut body = source.open(key, &described.details, range).await?;
        let mut bytes = 0;
        while let Some(chunk) = body.try_next().await? {
            bytes += chunk.len() as u64;
        }
        Ok::<u64, SourceError>(bytes)
    };
    match read.await {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == ErrorKind::Credentials => Err(Error::Source(error)),
        Err(_) => Ok(0),
    }
}
