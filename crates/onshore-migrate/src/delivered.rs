//! What workers deliver, on its way into the store: the server asks the source what the object is, and what was sent goes the way of what it
//! reads itself.

use std::sync::Arc;

use onshore_api::{DeliveredView, DeliveryState, LeaseRefusal, RunView};
use onshore_orders::Load;
use onshore_registry::{EntryState, JobEntry};
use onshore_sources::Fetched;
use onshore_types::{ByteRange, ObjectKey};

use crate::arriving::{Body, Verdict, arriving};
use crate::copying::overtaken;
use crate::job::Work;
use crate::large::{self, Incoming};
use crate::object::{Fault, end_turn, exception};
use crate::outcome::Exception;
use crate::pool::{Hold, enter, held};
use crate::read_back::read_back;
use crate::{Error, object};

/// How a delivery ended.
pub(crate) enum Ending {
    /// The entry is done.
    Settled(DeliveredView),
    /// A run of it is stored.
    Stored,
    /// The server brings it itself.
    Kept,
    /// The worker may deliver it again.
    Again(LeaseRefusal),
}

/// Brings an object whose bytes a worker sends.
pub(crate) async fn whole(
    work: &Work,
    hold: &Hold,
    entry: &JobEntry,
    body: Body,
) -> Result<Ending, Fault> {
    let since = work.parts.gate.now();
    let key = key_of(entry)?;
    if work.is_overtaken(entry).await.map_err(Fault::Ours)? {
        return Err(Fault::Exception(overtaken()));
    }
    let turn = work.tempo.turn().await;
    let described = work
        .source
        .describe(key.as_str(), entry.listed.version.as_deref())
        .await
        .map_err(Fault::Source);
    end_turn(turn, &described);
    let described = described?;
    if let Some(obstacle) = described.obstacle {
        return Err(exception(obstacle.reason(), obstacle.detail()));
    }
    let size_bytes = described.details.size_bytes;
    // It was written over since it was listed, and may come in another way now.
    if size_bytes != entry.listed.size_bytes {
        return Ok(Ending::Kept);
    }
    let (bytes, verdict) = arriving(body, size_bytes, hold.pool.closed.clone());
    let fetched = Fetched {
        details: described.details,
        body: Ok(bytes),
    };
    let arrived = object::arrive(work, &key, entry, fetched, Some(hold)).await;
    let (version, outcome) = match said(&verdict, arrived)? {
        Ok(arrived) => arrived,
        Err(refusal) => return Ok(Ending::Again(refusal)),
    };
    work.heard_source();
    if outcome.state != EntryState::Copied {
        read_back(work, &key, entry, version, outcome)
            .await
            .map_err(Fault::Ours)?;
    }
    let load = Load {
        objects: 1,
        bytes: size_bytes,
    };
    work.meter
        .brought(size_bytes, load, (since, work.parts.gate.now()));
    Ok(Ending::Settled(plain(DeliveryState::Copied)))
}

/// Begins a large object, or takes it up where somebody left it, and says what of it is missing.
pub(crate) async fn prepare(
    work: &Work,
    entry: &JobEntry,
) -> Result<(Arc<Incoming>, Vec<RunView>), Fault> {
    let key = key_of(entry)?;
    if work.is_overtaken(entry).await.map_err(Fault::Ours)? {
        return Err(Fault::Exception(overtaken()));
    }
    let incoming = large::prepare(work, &key, entry).await?;
    let missing = large::missing(work, &key, &incoming).await?;
    let views = missing.into_iter().map(|(number, range)| RunView {
        number,
        start: range.start,
        len_bytes: range.len_bytes,
    });
    Ok((Arc::new(incoming), views.collect()))
}

/// Takes a run of a large object that a worker sends.
pub(crate) async fn take_run(
    work: &Work,
    hold: &Hold,
    entry: &JobEntry,
    incoming: &Incoming,
    (run, range): (u32, ByteRange),
    body: Body,
) -> Result<Ending, Fault> {
    let since = work.parts.gate.now();
    let key = key_of(entry)?;
    let (bytes, verdict) = arriving(body, range.len_bytes, hold.pool.closed.clone());
    let taken = large::take_run(work, &key, incoming, (run, range), bytes, Some(hold)).await;
    if let Err(refusal) = said(&verdict, taken)? {
        return Ok(Ending::Again(refusal));
    }
    large::measure_run(work, &incoming.details, range, since).await?;
    Ok(Ending::Stored)
}

/// Makes a large object of its runs, and gives them up where they are not the object.
pub(crate) async fn finish(
    work: &Work,
    hold: &Hold,
    entry: &JobEntry,
    incoming: &Incoming,
) -> Result<Ending, Fault> {
    let key = key_of(entry)?;
    if !large::missing(work, &key, incoming).await?.is_empty() {
        return Ok(Ending::Again(LeaseRefusal::Differs(
            "runs of the object are missing: ask which",
        )));
    }
    let brought = large::finish(work, &key, entry, incoming, Some(hold)).await;
    large::conclude(work, entry, incoming, &brought).await?;
    brought?;
    work.heard_source();
    Ok(Ending::Settled(plain(DeliveryState::Copied)))
}

/// Tells a delivery that a worker did not make from a fault.
fn said<T>(verdict: &Verdict, done: Result<T, Fault>) -> Result<Result<T, LeaseRefusal>, Fault> {
    match (done, verdict.get()) {
        (Ok(done), _) => Ok(Ok(done)),
        (Err(Fault::Source(_)), Some(refusal)) => Ok(Err(refusal.clone())),
        (Err(fault), _) => Err(fault),
    }
}

/// Says what a fault comes to. What the server finds out about an object itself is an exception, as if the server had read it.
pub(crate) async fn judged(
    work: &Work,
    hold: &Hold,
    entry: &JobEntry,
    done: Result<Ending, Fault>,
) -> Result<Ending, Error> {
    match done {
        Ok(ending) => Ok(ending),
        Err(Fault::Exception(exception)) => {
            save(work, hold, entry, &exception).await?;
            Ok(Ending::Settled(DeliveredView {
                state: DeliveryState::Exception,
                detail: Some(format!("{}: {}", exception.reason, exception.detail)),
            }))
        }
        Err(Fault::Differs) => Ok(Ending::Again(LeaseRefusal::Differs(
            "the bytes are not those that the source vouches for",
        ))),
        // The source does not tell the server what it told the worker: the server finds out by itself, with patience.
        Err(Fault::Source(_)) => Ok(Ending::Kept),
        Err(Fault::Ours(error)) => Err(error),
    }
}

async fn save(
    work: &Work,
    hold: &Hold,
    entry: &JobEntry,
    exception: &Exception,
) -> Result<(), Error> {
    let (parts, job, id) = (Arc::clone(&work.parts), work.job.id, entry.listed.id());
    let (holding, outcome) = (hold.clone(), exception.outcome());
    let saved = work.parts.db.write(move |unit| {
        enter(Some(&holding), parts.gate.now())?;
        Ok(parts.registry.save_outcome(unit, job, &id, &outcome)?)
    });
    held(Some(hold), saved).await
}

fn key_of(entry: &JobEntry) -> Result<ObjectKey, Fault> {
    ObjectKey::parse(entry.listed.key.as_str())
        .map_err(|error| exception("key-not-addressable", error))
}

pub(crate) fn plain(state: DeliveryState) -> DeliveredView {
    DeliveredView {
        state,
        detail: None,
    }
}
