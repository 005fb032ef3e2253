//! The certificate: what arrived, what did not, and nothing else, streamed from the entries in the order of their keys.
//! It says complete only if every entry arrived.
//!
//! It is written in two steps around the unit of work that puts its leaf into the ledger: a draft with everything but
//! the proof is on disk before, and becomes the certificate after. Only then does the job end. A kill in between leaves
//! a draft that the next start finishes, so that a job which has ended has its certificate.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use onshore_keys::{FileSeal, FileWriter};
use onshore_ledger::{
    CertificateBody, CertificateCounts, CertificateEntry, CertificateException, CertificateFormat,
    CertificateRoot, Hash, Inventory, Listing, NOT_SELECTED, Salt,
};
use onshore_registry::{EntryId, EntryKind, EntryState, Job, JobEntry, JobState, Tally};
use onshore_sources::Coverage;
use onshore_types::{JobId, LeafIndex};
use serde_json::json;

use crate::engine::Parts;
use crate::inventory::{inventory, of_kept, version_of};
use crate::job::Work;
use crate::options::JobOptions;
use crate::outcome::{Exception, reason_and_detail};
use crate::{Error, uploads};

/// How many entries are held at once.
const PAGE_LEN: u32 = 1000;

/// How many pages of an inventory are held at once.
const PAGES_AT_ONCE: u32 = 512;

/// What a draft is called until it is a certificate.
const DRAFT: &str = "draft";

/// What is said of a job that found another number than was counted.
const COUNT_DIFFERS: &str = "everything that was listed arrived, but an independent count says that the source holds more or less: find out which is \
     right, then run again";

/// What is said of a job that found nothing.
const NOTHING_LISTED: &str = "the source lists nothing here: look at the prefix or path";

/// What is said of a job that left something where it was.
const SELECTED: &str = "everything that it was ordered to bring arrived; what else the source holds is still there, and the certificate names it";

/// Returns the file of a job's certificate below the certificates' folder.
#[must_use]
pub fn file_of(folder: &Path, job: JobId) -> PathBuf {
    folder.join(format!("{job}.json"))
}

/// Certifies a job and ends it.
pub(crate) async fn certify(work: &Work) -> Result<JobState, Error> {
    close_waiting(work).await?;
    uploads::abandon_all(&work.parts, &work.job).await?;
    let body = body(work).await?;
    let signature = body.sign(work.parts.gate.journal().signer())?;
    let claim = body.claim()?;
    let state = match body.listing {
        Listing::Complete | Listing::Counted => JobState::Complete,
        Listing::Selected => JobState::Selected,
        Listing::Incomplete => JobState::Incomplete,
    };
    let removed = work.parts.registry.tally(work.job.id).await?.removed;
    let tally = tally(&body, removed);
    write_draft(work, &body, &signature).await?;
    let (gate, job) = (work.parts.gate.clone(), work.job.clone());
    let leaf = work
        .parts
        .db
        .write(move |unit| Ok::<_, Error>(gate.certify_job(unit, &job, state, &tally, &claim)?))
        .await?;
    place(&work.parts, work.job.id, leaf).await?;
    end(&work.parts, &work.job, leaf).await
}

/// Ends a job whose certificate is in the ledger already: a kill came between. None when its draft is lost, and it has
/// to be certified again.
pub(crate) async fn conclude(
    parts: &Parts,
    job: &Job,
    leaf: LeafIndex,
) -> Result<Option<JobState>, Error> {
    let (draft, file) = (
        draft_of(&parts.certificates, job.id),
        file_of(&parts.certificates, job.id),
    );
    if draft.exists() {
        place(parts, job.id, leaf).await?;
    } else if !file.exists() {
        return Ok(None);
    }
    end(parts, job, leaf).await.map(Some)
}

/// Removes the draft of a job that ended without a certificate.
pub(crate) async fn discard_draft(parts: &Parts, job: JobId) -> Result<(), Error> {
    let draft = draft_of(&parts.certificates, job);
    blocking(move || {
        if draft.exists() {
            remove(&draft)
        } else {
            Ok(())
        }
    })
    .await
}

async fn end(parts: &Parts, job: &Job, leaf: LeafIndex) -> Result<JobState, Error> {
    let tally = parts.registry.tally(job.id).await?;
    let last = inventories(parts, job.id).await?.pop();
    let options: JobOptions =
        serde_json::from_value(job.options.clone()).map_err(Error::Unreadable)?;
    let left_out = left_out(parts, job.id).await?;
    let (state, detail) = match listing((tally.exceptions, left_out), &options, last.as_ref()) {
        Listing::Incomplete if tally.exceptions == 0 => (JobState::Incomplete, Some(COUNT_DIFFERS)),
        Listing::Incomplete => (JobState::Incomplete, None),
        Listing::Selected => (JobState::Selected, Some(SELECTED)),
        Listing::Complete | Listing::Counted => (JobState::Complete, None),
    };
    let detail = detail.or((tally.listed == 0).then_some(NOTHING_LISTED));
    let job = job.id;
    let (registry, now) = (parts.registry.clone(), parts.gate.now());
    parts
        .db
        .write(move |unit| {
            Ok::<_, Error>(registry.end_job(unit, job, state, detail, Some(leaf), now)?)
        })
        .await?;
    Ok(state)
}

/// Returns the first inventory of a job and its last.
async fn inventories(parts: &Parts, job: JobId) -> Result<Vec<Inventory>, Error> {
    let mut found = Vec::new();
    for listing in parts.registry.listings(job).await? {
        found.push(inventory(parts, job, listing.round, Some(listing.leaf)).await?);
    }
    Ok(found)
}

/// Returns how many entries of a job were not asked for.
async fn left_out(parts: &Parts, job: JobId) -> Result<u64, Error> {
    let registry = parts.registry.clone();
    let reasons = parts
        .db
        .read(move |view| registry.exceptions_by_reason(view, job))
        .await?;
    Ok(reasons
        .into_iter()
        .filter(|(reason, _)| reason == NOT_SELECTED)
        .map(|(_, number)| number)
        .sum())
}

/// Returns what may be said of completeness, with so many exceptions, of which so many were not asked for. What somebody else
/// counted has to be what was listed.
fn listing(
    (exceptions, left_out): (u64, u64),
    options: &JobOptions,
    last: Option<&Inventory>,
) -> Listing {
    let is_as_counted = match (&options.counted, last) {
        (None, _) => Some(false),
        (Some(count), Some(last)) if count.agrees(last.entries, last.bytes) => Some(true),
        (Some(_), _) => None,
    };
    match (exceptions, is_as_counted) {
        (0, Some(false)) => Listing::Complete,
        (0, Some(true)) => Listing::Counted,
        (exceptions, Some(_)) if exceptions == left_out => Listing::Selected,
        _ => Listing::Incomplete,
    }
}

/// Whatever still waits now is an exception: it changed again after the last round.
async fn close_waiting(work: &Work) -> Result<(), Error> {
    let exception = Exception::new(
        "still-changing",
        "it appeared or changed again each time the source was listed: run again when it rests",
    );
    loop {
        let page = work
            .parts
            .registry
            .waiting_entries(work.job.id, String::new(), PAGE_LEN)
            .await?;
        if page.is_empty() {
            return Ok(());
        }
        let (registry, job, outcome) = (
            work.parts.registry.clone(),
            work.job.id,
            exception.outcome(),
        );
        work.parts
            .db
            .write(move |unit| {
                for entry in &page {
                    registry.save_outcome(unit, job, &entry.listed.id(), &outcome)?;
                }
                Ok::<_, Error>(())
            })
            .await?;
    }
}

/// What an entry is in the certificate.
enum Line {
    Arrived(CertificateEntry),
    Missing(CertificateException),
}

fn line(work: &Work, entry: JobEntry, last_round: u32) -> Line {
    let JobEntry {
        listed,
        outcome,
        seen,
        ..
    } = entry;
    let version = version_of(&work.access.source, &listed);
    let page = seen
        .page
        .filter(|_| seen.round == last_round)
        .map(u64::from);
    let arrived = match outcome.state {
        EntryState::Copied | EntryState::Unchanged => true,
        EntryState::Listed | EntryState::Exception => false,
    };
    match (
        arrived,
        outcome.sha256,
        outcome.method,
        outcome.destination,
        outcome.label,
    ) {
        (true, Some(sha256), Some(method), Some(destination), Some(label)) => {
            Line::Arrived(CertificateEntry {
                key: listed.key,
                version,
                size: listed.size_bytes,
                sha256: Hash(sha256),
                method,
                destination_version: destination.to_string(),
                label: label.to_string(),
                verified: Some(verified(listed.kind, outcome.state).to_owned()),
                decision: outcome.leaf,
                page,
            })
        }
        _ => {
            let (reason, detail) = reason_and_detail(outcome.detail.as_deref());
            Line::Missing(CertificateException {
                key: listed.key,
                version,
                reason,
                detail,
                size: Some(listed.size_bytes),
                page,
            })
        }
    }
}

/// Says how it was made sure that the destination has what was brought.
fn verified(kind: EntryKind, state: EntryState) -> &'static str {
    match (kind, state) {
        (EntryKind::Marker, _) => "placed",
        (_, EntryState::Unchanged) => "read back by an earlier job, its version still there",
        (_, EntryState::Copied | EntryState::Listed | EntryState::Exception) => "read back",
    }
}

/// Computes what is signed. Entries do not change any more: nobody but this job writes them.
async fn body(work: &Work) -> Result<CertificateBody, Error> {
    let salt = Salt::new(onshore_keys::random());
    let mut root = CertificateRoot::new(&salt);
    let mut counts = CertificateCounts {
        listed: 0,
        copied: 0,
        unchanged: 0,
        exceptions: 0,
    };
    let mut exceptions = Vec::new();
    let last_round = last_round(work).await?;
    let mut after = None;
    while let Some(page) = next_page(work, &mut after).await? {
        for entry in page {
            counts.listed += 1;
            let unchanged = entry.outcome.state == EntryState::Unchanged;
            match line(work, entry, last_round) {
                Line::Arrived(entry) => {
                    root.add(&entry)?;
                    let way = if unchanged {
                        &mut counts.unchanged
                    } else {
                        &mut counts.copied
                    };
                    *way += 1;
                }
                Line::Missing(exception) => {
                    counts.exceptions += 1;
                    exceptions.push(exception);
                }
            }
        }
    }
    let totals = root.finish();
    let region = work.parts.gate.region();
    let inventories = inventories(&work.parts, work.job.id).await?;
    let left_out = exceptions
        .iter()
        .filter(|exception: &&CertificateException| exception.reason == NOT_SELECTED)
        .count();
    let listing = listing(
        (counts.exceptions, left_out as u64),
        &work.options,
        inventories.last(),
    );
    let settings = json!({ "options": work.job.options, "source": work.job.source });
    Ok(CertificateBody {
        format: CertificateFormat::V2,
        job: work.job.id.to_string(),
        tenant: work.job.tenant.to_string(),
        source: format!("{} ({})", work.access.source, covered(work.coverage)),
        bucket: work.job.bucket.to_string(),
        class: work
            .job
            .label
            .map_or_else(|| "none declared".to_owned(), |label| label.to_string()),
        started: work.job.created.to_string(),
        ended: work.parts.gate.now().to_string(),
        region: region.id.to_string(),
        jurisdiction: region.jurisdiction.to_string(),
        ledger_key: work.parts.gate.journal().verifier().to_string(),
        listing,
        counts,
        bytes: totals.bytes,
        salt,
        root: totals.root,
        exceptions,
        settings: Some(settings),
        inventories,
        counted: work.options.counted.clone(),
    })
}

/// Returns the round of the last listing.
async fn last_round(work: &Work) -> Result<u32, Error> {
    let listings = work.parts.registry.listings(work.job.id).await?;
    Ok(listings.last().map_or(0, |listing| listing.round))
}

fn covered(coverage: Coverage) -> &'static str {
    match coverage {
        Coverage::Current => "current versions",
        Coverage::Versions => "all versions",
    }
}

async fn next_page(
    work: &Work,
    after: &mut Option<EntryId>,
) -> Result<Option<Vec<JobEntry>>, Error> {
    let page = work
        .parts
        .registry
        .entries(work.job.id, after.take(), PAGE_LEN)
        .await?;
    *after = page.last().map(|entry| entry.listed.id());
    Ok((!page.is_empty()).then_some(page))
}

fn tally(body: &CertificateBody, removed: u64) -> Tally {
    Tally {
        listed: body.counts.listed,
        listed_bytes: body.bytes,
        copied: body.counts.copied,
        copied_bytes: body.bytes,
        unchanged: body.counts.unchanged,
        unchanged_bytes: 0,
        exceptions: body.counts.exceptions,
        removed,
    }
}

/// Writes everything but the proof, and forces it to disk.
async fn write_draft(work: &Work, body: &CertificateBody, signature: &str) -> Result<(), Error> {
    let path = draft_of(&work.parts.certificates, work.job.id);
    let head = format!("{{\n\"body\": {},\n\"pages\": [", to_json(body));
    let seal = work.parts.seal.clone();
    let draft = blocking(move || Draft::begin(path, &seal, &head)).await?;
    let mut draft = write_pages(work, draft).await?;
    draft.write("\n],\n\"objects\": [")?;
    draft.separator = "\n";
    let last_round = last_round(work).await?;
    let mut after = None;
    while let Some(page) = next_page(work, &mut after).await? {
        let lines: Vec<String> = page
            .into_iter()
            .filter_map(|entry| match line(work, entry, last_round) {
                Line::Arrived(entry) => Some(to_json(&entry)),
                Line::Missing(_) => None,
            })
            .collect();
        draft = blocking(move || draft.lines(&lines)).await?;
    }
    let tail = format!("\n],\n\"signature\": {},\n\"proof\": ", to_json(&signature));
    blocking(move || draft.end(&tail)).await
}

/// Writes the pages of each inventory.
async fn write_pages(work: &Work, mut draft: Draft) -> Result<Draft, Error> {
    let mut between = "\n[";
    for listing in work.parts.registry.listings(work.job.id).await? {
        draft.write(between)?;
        (between, draft.separator) = (",\n[", "\n");
        let mut from = 0;
        loop {
            let pages = work
                .parts
                .registry
                .pages(work.job.id, listing.round, from, PAGES_AT_ONCE)
                .await?;
            let Some(last) = pages.last() else { break };
            from = last.number.saturating_add(1);
            let lines = pages
                .into_iter()
                .map(|page| Ok(to_json(&of_kept(page)?)))
                .collect::<Result<Vec<_>, Error>>()?;
            draft = blocking(move || draft.lines(&lines)).await?;
        }
        draft.write("]")?;
    }
    Ok(draft)
}

fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("texts, numbers and lists always serialize into memory")
}

/// A draft being written.
struct Draft {
    path: PathBuf,
    file: FileWriter,
    separator: &'static str,
}

impl Draft {
    fn begin(path: PathBuf, seal: &FileSeal, head: &str) -> Result<Self, Error> {
        let file = create(&path)?;
        let file = seal.writer(file).map_err(|error| fail(&path, error))?;
        let mut draft = Self {
            path,
            file,
            separator: "\n",
        };
        draft.write(head)?;
        Ok(draft)
    }

    fn lines(mut self, lines: &[String]) -> Result<Self, Error> {
        for line in lines {
            self.write(self.separator)?;
            self.write(line)?;
            self.separator = ",\n";
        }
        Ok(self)
    }

    fn end(mut self, tail: &str) -> Result<(), Error> {
        self.write(tail)?;
        let path = self.path;
        self.file
            .finish()
            .and_then(|file| file.sync_all())
            .map_err(|error| fail(&path, error))
    }

    fn write(&mut self, text: &str) -> Result<(), Error> {
        self.file
            .write_all(text.as_bytes())
            .map_err(|error| fail(&self.path, error))
    }
}

/// Puts the proof behind the draft and the whole into place.
async fn place(parts: &Parts, job: JobId, leaf: LeafIndex) -> Result<(), Error> {
    let proof = parts.gate.journal().prove(leaf, Vec::new()).await?;
    let (folder, seal) = (parts.certificates.clone(), parts.seal.clone());
    blocking(move || {
        let (draft, file) = (draft_of(&folder, job), file_of(&folder, job));
        let new = file.with_extension("new");
        copy_with_tail(&seal, &draft, &new, &format!("{}\n}}\n", to_json(&proof)))?;
        rename(&new, &file)?;
        sync_folder(&folder)?;
        remove(&draft)
    })
    .await
}

fn draft_of(folder: &Path, job: JobId) -> PathBuf {
    file_of(folder, job).with_extension(DRAFT)
}

/// Makes a file that only the server may read: names of objects are personal data.
fn create(path: &Path) -> Result<File, Error> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| fail(folder, error))?;
    }
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| fail(path, error))
}

fn copy_with_tail(seal: &FileSeal, from: &Path, to: &Path, tail: &str) -> Result<(), Error> {
    let mut draft = File::open(from)
        .and_then(|file| seal.reader(file))
        .map_err(|error| fail(from, error))?;
    let file = create(to)?;
    seal.writer(file)
        .and_then(|mut file| {
            io::copy(&mut draft, &mut file)?;
            file.write_all(tail.as_bytes())?;
            file.finish()?.sync_all()
        })
        .map_err(|error| fail(to, error))
}

fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    fs::rename(from, to).map_err(|error| fail(to, error))
}

fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| fail(folder, error))
}

fn remove(path: &Path) -> Result<(), Error> {
    fs::remove_file(path).map_err(|error| fail(path, error))
}

fn fail(path: &Path, source: io::Error) -> Error {
    Error::File {
        path: path.to_owned(),
        source,
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Error::Stopping)?
}
