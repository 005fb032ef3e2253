//! The cut-over of a bucket, step by step. Each step is noted with its leaf in one unit of work, and can be begun again where a
//! kill left it: the bucket answers as if all were in it (`pull_through`) while everything is brought beside that; the source
//! is frozen (`freeze`); what changed until then is brought; both sides are compared; and then nothing is asked of the source
//! any more. A source that fails does not end it: it waits, and whoever ordered it may call it off.

use std::sync::Arc;
use std::time::Duration;

use onshore_registry::{
    Cutover, CutoverStep, EntryId, EntryState, Freeze, Job, JobEntry, JobState,
};
use onshore_sources::{Coverage, ListCursor};
use onshore_store::{Bucket, KeyStanding};
use onshore_types::{BucketId, JobId, ObjectKey};
use serde_json::{Value, json};

use crate::engine::{Parts, glance};
use crate::inventory::Listing;
use crate::job::{self, Work};
use crate::options::JobOptions;
use crate::phase::{Phase, ROUNDS_MAX, Waiting};
use crate::pull_through::PullThrough;
use crate::{Error, certificate, copying, destination, freeze, removals};

/// How long it is waited after the source failed, and how soon it is tried again that a source is frozen.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(5);

/// How many entries are compared at once.
const COMPARED_AT_ONCE: u32 = 1000;

/// Reasons for which an object is not here as it is at the source, and rightly so.
const RIGHTLY: [&str; 3] = ["superseded-here", "removed-here", "replaced"];

/// Whether a source has come to rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// Everything was brought, and a listing behind that found nothing new.
    Found,
    /// It went on changing.
    NotFound,
}

/// What follows a step.
enum Next {
    Step(CutoverStep, Option<String>),
    Certified(JobState),
}

/// Works on a cut-over until its job ends, and returns how.
pub(crate) async fn run(pulls: &PullThrough, job: Job) -> Result<JobState, Error> {
    let parts = pulls.parts();
    if let Some(leaf) = job.certificate_leaf
        && let Some(state) = certificate::conclude(parts, &job, leaf).await?
    {
        return Ok(state);
    }
    let mut cutover = lookup(parts, job.id).await?;
    let mut work = begin(pulls, &job, &cutover).await?;
    if cutover.step == CutoverStep::Ordered {
        cutover = step(parts, &cutover, CutoverStep::Pulling, None, None).await?;
    }
    loop {
        match carry_out(pulls, &work, &cutover).await {
            Ok(Next::Certified(state)) => return Ok(state),
            Ok(Next::Step(next, detail)) => {
                cutover = step(parts, &cutover, next, detail.as_deref(), None).await?;
            }
            Err(error) if error.is_of_source() => {
                let detail = format!("{error}; it is tried again");
                tracing::warn!(job = %job.id, detail, "a cut-over waits");
                note(parts, job.id, &detail).await?;
                tokio::time::sleep(RETRY_AFTER).await;
                cutover = lookup(parts, job.id).await?;
                // Perhaps with other credentials.
                work = begin(pulls, &job, &cutover).await?;
            }
            Err(other) => return Err(other),
        }
    }
}

/// Opens the source, makes the bucket ready, and lets it answer as if all were in it.
async fn begin(pulls: &PullThrough, job: &Job, cutover: &Cutover) -> Result<Arc<Work>, Error> {
    let parts = pulls.parts();
    let options: JobOptions =
        serde_json::from_value(job.options.clone()).map_err(Error::Unreadable)?;
    loop {
        let bucket = parts.store.bucket(&job.bucket).await?;
        let pulled = match (&bucket, cutover.step.pulls()) {
            (Some(bucket), true) => Some(pulls.open(bucket.id, job.id)),
            _ => None,
        };
        let locks = pulled
            .as_ref()
            .map_or_else(Arc::default, |pulled| Arc::clone(&pulled.locks));
        match Work::begin(Arc::clone(parts), job.clone(), options.clone(), Some(locks)).await {
            // What was begun waits for its source.
            Err(error) if error.is_of_source() && cutover.step != CutoverStep::Ordered => {
                note(parts, job.id, &format!("{error}; it is tried again")).await?;
                tokio::time::sleep(RETRY_AFTER).await;
            }
            Err(other) => return Err(other),
            Ok(work) if work.coverage == Coverage::Versions => {
                return Err(Error::CutoverOfVersions);
            }
            Ok(mut work) => {
                if cutover.step == CutoverStep::Ordered {
                    work.source
                        .list_beneath(&onshore_sources::Beneath {
                            limit: 1,
                            ..Default::default()
                        })
                        .await?;
                    destination::note_changes(parts, job, work.principal, &work.bucket).await?;
                    let pulled = pulls.open(work.bucket.id, job.id);
                    work.share(Arc::clone(&pulled.locks));
                }
                return Ok(Arc::new(work));
            }
        }
    }
}

async fn carry_out(
    pulls: &PullThrough,
    work: &Arc<Work>,
    cutover: &Cutover,
) -> Result<Next, Error> {
    match cutover.step {
        CutoverStep::Ordered => Ok(Next::Step(CutoverStep::Pulling, None)),
        CutoverStep::Pulling if cutover.is_rehearsal => {
            rehearse(work).await?;
            close(pulls, work, cutover, CutoverStep::Rehearsed).await
        }
        CutoverStep::Pulling => {
            bring_all(work).await?;
            Ok(Next::Step(CutoverStep::Freezing, None))
        }
        CutoverStep::Freezing => {
            frozen(work, cutover).await?;
            Ok(Next::Step(CutoverStep::LastPass, None))
        }
        CutoverStep::LastPass => Ok(match bring_all(work).await? {
            Rest::Found => Next::Step(CutoverStep::Verifying, None),
            Rest::NotFound => Next::Step(
                CutoverStep::Blocked,
                Some(
                    "the source goes on changing although it is said to be frozen: stop whoever writes there, and order the \
                     cut-over once more"
                        .to_owned(),
                ),
            ),
        }),
        CutoverStep::Verifying => {
            let report = compare(work).await?;
            let in_the_way = in_the_way(&report);
            save_report(&work.parts, work.job.id, report).await?;
            match in_the_way {
                Some(detail) if !cutover.accepts_exceptions => {
                    Ok(Next::Step(CutoverStep::Blocked, Some(detail)))
                }
                Some(_) | None => close(pulls, work, cutover, CutoverStep::Switched).await,
            }
        }
        CutoverStep::Blocked => Ok(Next::Step(unblocked(work).await?, None)),
        CutoverStep::Switched
        | CutoverStep::Aborted
        | CutoverStep::Rehearsed
        | CutoverStep::Returning
        | CutoverStep::Returned => {
            job::enter(&work.parts, work.job.id, Phase::Certifying).await?;
            Ok(Next::Certified(certificate::certify(work).await?))
        }
    }
}

/// Lists and brings until a listing finds nothing new, a few times over. What could not be brought before is tried again.
async fn bring_all(work: &Arc<Work>) -> Result<Rest, Error> {
    let (parts, job) = (&work.parts, work.job.id);
    retry(parts, job).await?;
    let now = parts.registry.job(job).await?;
    let mut cursor = now.cursor.clone().map(ListCursor::from_kept);
    let mut phase = match now.phase.parse() {
        Ok(phase @ (Phase::Listing(_) | Phase::Copying(_))) => phase,
        Ok(Phase::Watching(_) | Phase::Checking | Phase::Certifying) | Err(_) => Phase::Listing(0),
    };
    let mut copies = 0;
    loop {
        match phase {
            Phase::Listing(round) => {
                Listing::of(work, round).run(cursor.take()).await?;
                removals::follow(work, round).await?;
                let is_waiting = work.waiting().await? == Waiting::Something;
                let next = if is_waiting {
                    Phase::Copying(round)
                } else {
                    Phase::Listing(round.saturating_add(1))
                };
                job::enter(parts, job, next).await?;
                if !is_waiting {
                    return Ok(Rest::Found);
                }
                phase = next;
            }
            Phase::Copying(round) => {
                copying::copy(work).await?;
                copies += 1;
                phase = Phase::Listing(round.saturating_add(1));
                job::enter(parts, job, phase).await?;
                if copies > ROUNDS_MAX {
                    return Ok(Rest::NotFound);
                }
            }
            Phase::Watching(_) | Phase::Checking | Phase::Certifying => {
                return Ok(Rest::NotFound);
            }
        }
    }
}

/// Does all but freeze and switch, and keeps what that came to.
async fn rehearse(work: &Arc<Work>) -> Result<(), Error> {
    let rest = bring_all(work).await?;
    // What a last pass with nothing to bring would take, and so the freeze at least.
    let began = work.parts.gate.now();
    let last = bring_all(work).await?;
    let mut report = compare(work).await?;
    report["freeze_seconds"] = json!(work.parts.gate.now().as_seconds() - began.as_seconds());
    report["came_to_rest"] = json!(rest == Rest::Found && last == Rest::Found);
    report["freezes_by_policy"] = json!(freeze::is_offered(&*work.source).await);
    report["would_switch"] = json!(in_the_way(&report).is_none());
    save_report(&work.parts, work.job.id, report).await
}

/// Waits until the source is frozen: by its own policy, or by the word of whoever ordered the cut-over.
async fn frozen(work: &Arc<Work>, cutover: &Cutover) -> Result<(), Error> {
    if cutover.freeze.is_some() {
        return Ok(());
    }
    let detail = match freeze::freeze(&work.parts, work.job.id, &*work.source).await? {
        freeze::Tried::Frozen(freeze) => {
            return save_freeze(&work.parts, work.job.id, freeze).await;
        }
        freeze::Tried::Not(why) => format!(
            "{why}: stop whoever writes at the source, and order the cut-over once more with --source-is-frozen"
        ),
    };
    note(&work.parts, work.job.id, &detail).await?;
    let changed = |cutover: &Cutover| cutover.freeze.is_some();
    wait_until(&work.parts, work.job.id, changed).await?;
    Ok(())
}

async fn unblocked(work: &Arc<Work>) -> Result<CutoverStep, Error> {
    let changed = |cutover: &Cutover| cutover.step != CutoverStep::Blocked;
    Ok(wait_until(&work.parts, work.job.id, changed).await?.step)
}

async fn wait_until(
    parts: &Parts,
    job: JobId,
    holds: impl Fn(&Cutover) -> bool,
) -> Result<Cutover, Error> {
    let mut commits = parts.db.commits();
    loop {
        commits.mark_unchanged();
        let cutover = lookup(parts, job).await?;
        if holds(&cutover) {
            return Ok(cutover);
        }
        if !glance(&mut commits).await {
            return Err(Error::Stopping);
        }
    }
}

/// Holds every entry against what is here.
async fn compare(work: &Arc<Work>) -> Result<Value, Error> {
    let mut same = (0_u64, 0_u64);
    let (mut changed_here, mut lost) = (0_u64, 0_u64);
    let mut after: Option<EntryId> = None;
    loop {
        let page = work
            .parts
            .registry
            .entries(work.job.id, after.take(), COMPARED_AT_ONCE)
            .await?;
        let Some(last) = page.last() else {
            break;
        };
        after = Some(last.listed.id());
        for (standing, size_bytes) in stand(work, page).await? {
            match standing {
                Stands::Same => same = (same.0 + 1, same.1 + size_bytes),
                Stands::ChangedHere => changed_here += 1,
                Stands::Lost => lost += 1,
                Stands::Exception => {}
            }
        }
    }
    let (registry, job) = (work.parts.registry.clone(), work.job.id);
    let reasons = work
        .parts
        .db
        .read(move |view| Ok::<_, Error>(registry.exceptions_by_reason(view, job)?))
        .await?;
    let exceptions: serde_json::Map<String, Value> = reasons
        .into_iter()
        .map(|(reason, count)| (reason, json!(count)))
        .collect();
    Ok(json!({
        "same": same.0,
        "same_bytes": same.1,
        "changed_here": changed_here,
        "lost": lost,
        "exceptions": exceptions,
    }))
}

/// How an entry stands beside what is here.
enum Stands {
    Same,
    ChangedHere,
    Lost,
    Exception,
}

async fn stand(work: &Arc<Work>, page: Vec<JobEntry>) -> Result<Vec<(Stands, u64)>, Error> {
    let (store, bucket) = (work.parts.store.clone(), work.bucket.id);
    work.parts
        .db
        .read(move |view| {
            page.iter()
                .map(|entry| {
                    let stands = match (entry.outcome.state, entry.outcome.destination) {
                        (EntryState::Copied | EntryState::Unchanged, Some(brought)) => {
                            let key = ObjectKey::parse(entry.listed.key.as_str());
                            let standing = key
                                .ok()
                                .map(|key| store.key_standing(view, bucket, &key))
                                .transpose()?;
                            match standing {
                                Some(KeyStanding::Here(version)) if version == brought => {
                                    Stands::Same
                                }
                                Some(KeyStanding::Written(_) | KeyStanding::Removed) => {
                                    Stands::ChangedHere
                                }
                                _ => Stands::Lost,
                            }
                        }
                        _ => Stands::Exception,
                    };
                    Ok((stands, entry.listed.size_bytes))
                })
                .collect()
        })
        .await
}

/// Says what of a comparison is in the way of switching.
fn in_the_way(report: &Value) -> Option<String> {
    let count = |value: &Value| value.as_u64().unwrap_or_default();
    let mut wrong: Vec<String> = report["exceptions"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(reason, _)| !RIGHTLY.contains(&reason.as_str()))
        .map(|(reason, number)| format!("{} {reason}", count(number)))
        .collect();
    if count(&report["lost"]) > 0 {
        wrong.push(format!("{} not here any more", count(&report["lost"])));
    }
    (!wrong.is_empty()).then(|| {
        format!(
            "not everything could be brought ({}): mend that and order the cut-over once more, or accept it with \
             --accept-exceptions",
            wrong.join(", ")
        )
    })
}

/// Ends the pull-through, in one unit with the step.
async fn close(
    pulls: &PullThrough,
    work: &Arc<Work>,
    cutover: &Cutover,
    to: CutoverStep,
) -> Result<Next, Error> {
    step(&work.parts, cutover, to, None, Some(work.bucket.id)).await?;
    pulls.close(work.bucket.id);
    job::enter(&work.parts, work.job.id, Phase::Certifying).await?;
    Ok(Next::Certified(certificate::certify(work).await?))
}

/// Calls a cut-over off: the source is as it was, nothing is asked of it any more, and what is here stays.
pub(crate) async fn call_off(
    pulls: &PullThrough,
    job: &Job,
    why: Option<&str>,
) -> Result<(), Error> {
    let parts = pulls.parts();
    let cutover = lookup(parts, job.id).await?;
    if cutover.step.is_ended() {
        return Ok(());
    }
    let thawed = freeze::thaw(parts, job, &cutover).await;
    let detail = match (thawed, why) {
        (Err(error), _) => Some(format!(
            "the policy that the source had before could not be put back ({error}): remove the statement {} there",
            freeze::STATEMENT
        )),
        (Ok(()), why) => why.map(str::to_owned),
    };
    let bucket: Option<Bucket> = parts.store.bucket(&job.bucket).await?;
    let pulled = bucket.as_ref().map(|bucket| bucket.id);
    step(
        parts,
        &cutover,
        CutoverStep::Aborted,
        detail.as_deref(),
        pulled,
    )
    .await?;
    if let Some(bucket) = bucket {
        pulls.close(bucket.id);
    }
    Ok(())
}

/// Notes a step with its leaf; where it ends the pull-through of a bucket, that too.
pub(crate) async fn step(
    parts: &Parts,
    cutover: &Cutover,
    to: CutoverStep,
    detail: Option<&str>,
    ends_pull_of: Option<BucketId>,
) -> Result<Cutover, Error> {
    tracing::info!(job = %cutover.job, step = %to, "cut-over");
    let (shared, job, detail) = (parts.clone(), cutover.job, detail.map(str::to_owned));
    let way_back_ms = i64::from(cutover.way_back_s) * 1000;
    parts
        .db
        .write(move |unit| {
            let now = shared.gate.now();
            match (ends_pull_of, to) {
                (Some(bucket), CutoverStep::Switched) if way_back_ms == 0 => {
                    shared.store.end_cutover(unit, bucket)?;
                }
                (Some(bucket), CutoverStep::Switched) => {
                    shared.store.end_pull(unit, bucket)?;
                    let until = now.plus_millis(way_back_ms);
                    shared.registry.keep_way_back(unit, job, Some(until))?;
                }
                // What was changed here goes before the source in the next one too.
                (Some(bucket), _) => shared.store.end_pull(unit, bucket)?,
                (None, _) => {}
            }
            shared
                .registry
                .step_cutover(unit, job, to, detail.as_deref(), now)?;
            let cutover = shared.registry.cutover(unit, job)?;
            shared.gate.settle_cutover(unit, &cutover)?;
            Ok(cutover)
        })
        .await
}

pub(crate) async fn lookup(parts: &Parts, job: JobId) -> Result<Cutover, Error> {
    let registry = parts.registry.clone();
    parts
        .db
        .read(move |view| Ok(registry.cutover(view, job)?))
        .await
}

pub(crate) async fn note(parts: &Parts, job: JobId, detail: &str) -> Result<(), Error> {
    let (registry, detail) = (parts.registry.clone(), detail.to_owned());
    parts
        .db
        .write(move |unit| Ok(registry.note_cutover(unit, job, Some(&detail))?))
        .await
}

async fn retry(parts: &Parts, job: JobId) -> Result<(), Error> {
    let registry = parts.registry.clone();
    parts
        .db
        .write(move |unit| Ok(registry.retry_exceptions(unit, job)?))
        .await
}

async fn save_report(parts: &Parts, job: JobId, report: Value) -> Result<(), Error> {
    let registry = parts.registry.clone();
    parts
        .db
        .write(move |unit| Ok(registry.save_cutover_report(unit, job, &report)?))
        .await
}

async fn save_freeze(parts: &Parts, job: JobId, freeze: Freeze) -> Result<(), Error> {
    let registry = parts.registry.clone();
    parts
        .db
        .write(move |unit| Ok(registry.save_freeze(unit, job, Some(freeze))?))
        .await
}
