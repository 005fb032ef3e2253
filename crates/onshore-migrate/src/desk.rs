//! The desk that workers come to: they take leases of what jobs are to bring, and deliver its bytes. What they deliver goes the way of
//! what the server reads itself (`object`, `large`): the server asks the source what the object is, lets the gate decide, stores, and
//! compares the bytes with what the source vouches for. A worker's word is taken for nothing but the bytes.
//!
//! What a worker cannot bring, the server brings itself: no worker makes an object an exception.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use onshore_api::{
    AskLease, DeliveredView, DeliveryState, LeaseAnswer, LeaseRefusal, LeaseRenewed, LeaseView,
    LeasedObject, RunsView,
};
use onshore_registry::JobEntry;
use onshore_sources::SourceAccess;
use onshore_types::{IdentityName, JobId, LeaseId, PrincipalId, TenantId, Timestamp};

use crate::Error;
use crate::arriving::Body;
use crate::delivered::{Ending, finish, judged, plain, prepare, take_run, whole};
use crate::engine::Parts;
use crate::job::{Work, is_shareable};
use crate::large::{self, Incoming};
use crate::leases::{Appetite, Held, Holder, LEASE_MS, NotHeld};
use crate::options::{JobOptions, Mode};
use crate::pool::{Hold, Pool};

/// How long a worker waits that found nothing in a job that is being brought, in milliseconds.
const WAIT_MS: u64 = 250;

/// How long, where none is.
const LONG_WAIT_MS: u64 = 2000;

/// How many objects a lease is of at most.
const OBJECTS_MAX: u32 = 1000;

/// Where workers ask. Clones share it.
#[derive(Clone)]
pub struct Desk {
    parts: Arc<Parts>,
    open: Arc<Mutex<BTreeMap<JobId, Arc<Open>>>>,
}

/// A worker, as the control API knows it.
#[derive(Debug, Clone, Copy)]
pub struct Asker {
    /// Whose token it has.
    pub principal: PrincipalId,
    /// Whose jobs it brings.
    pub tenant: TenantId,
}

/// An object of a lease.
#[derive(Debug, Clone, Copy)]
pub struct LeasedPlace {
    /// The lease.
    pub lease: LeaseId,
    /// The object's number in it.
    pub number: u32,
}

/// Why a worker was not served.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// It asks for what is not to be had.
    #[error("{0}")]
    Refused(LeaseRefusal),
    /// The registry failed.
    #[error(transparent)]
    Registry(#[from] onshore_registry::Error),
    /// The server ends.
    #[error("the server is stopping")]
    Stopping,
}

/// What a worker holds of a job at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// What it calls itself.
    pub worker: IdentityName,
    /// Whose token it has.
    pub principal: PrincipalId,
    /// How many objects.
    pub objects: u64,
}

/// A job that is being brought.
struct Open {
    work: Arc<Work>,
    pool: Arc<Pool>,
    /// Large objects that are delivered run by run.
    incoming: Mutex<HashMap<(LeaseId, u32), Arc<Incoming>>>,
}

/// A job is open to workers as long as this lives.
pub(crate) struct Opened {
    desk: Desk,
    job: JobId,
    pool: Arc<Pool>,
}

impl Desk {
    pub(crate) fn new(parts: Arc<Parts>) -> Self {
        Self {
            parts,
            open: Arc::default(),
        }
    }

    /// Opens a job to workers, until what is returned is dropped.
    pub(crate) fn open(&self, work: &Arc<Work>, pool: &Arc<Pool>) -> Opened {
        let open = Arc::new(Open {
            work: Arc::clone(work),
            pool: Arc::clone(pool),
            incoming: Mutex::default(),
        });
        self.lock().insert(work.job.id, open);
        Opened {
            desk: self.clone(),
            job: work.job.id,
            pool: Arc::clone(pool),
        }
    }

    /// Returns what workers hold of a job at the moment.
    #[must_use]
    pub fn holdings(&self, job: JobId) -> Vec<Holding> {
        let open = self.lock().get(&job).cloned();
        let held = open.map_or_else(Vec::new, |open| open.pool.lock().held());
        let view = |Held { holder, items }| Holding {
            worker: holder.worker,
            principal: holder.principal,
            objects: items as u64,
        };
        held.into_iter().map(view).collect()
    }

    /// Grants a lease of what there is to bring.
    ///
    /// # Errors
    /// [`LeaseRefusal::NoSuchJob`], [`LeaseRefusal::NotShared`]; those of the registry.
    pub async fn lease(&self, asker: Asker, asked: AskLease) -> Result<LeaseAnswer, DeskError> {
        if let Some(id) = asked.job
            && let Some(ended) = self.check(asker, id).await?
        {
            return Ok(LeaseAnswer {
                lease: None,
                ended: Some(ended),
                wait_ms: 0,
            });
        }
        let open: Vec<Arc<Open>> = self.lock().values().cloned().collect();
        let is_asked = |open: &&Arc<Open>| {
            let job = &open.work.job;
            job.tenant == asker.tenant && asked.job.is_none_or(|id| id == job.id)
        };
        let mut wait_ms = LONG_WAIT_MS;
        for open in open.iter().filter(is_asked) {
            wait_ms = WAIT_MS;
            let holder = Holder {
                principal: asker.principal,
                worker: asked.worker.clone(),
            };
            if let Some(lease) = grant(open, holder, &asked, self.parts.gate.now()) {
                return Ok(LeaseAnswer {
                    lease: Some(lease),
                    ended: None,
                    wait_ms: 0,
                });
            }
        }
        Ok(LeaseAnswer {
            lease: None,
            ended: None,
            wait_ms,
        })
    }

    /// Looks whether a worker may share a job, and tells how the job ended if it has.
    async fn check(&self, asker: Asker, id: JobId) -> Result<Option<String>, DeskError> {
        let job = match self.parts.registry.job(id).await {
            Ok(job) if job.tenant == asker.tenant => job,
            Ok(_) | Err(onshore_registry::Error::NoSuchJob(_)) => {
                return Err(refused(LeaseRefusal::NoSuchJob(id)));
            }
            Err(error) => return Err(error.into()),
        };
        let mode =
            serde_json::from_value::<JobOptions>(job.options.clone()).map(|options| options.mode);
        let access = serde_json::from_value::<SourceAccess>(job.source.clone());
        let why = match (mode, access) {
            (Ok(Mode::Bring), Ok(access)) if is_shareable(&access) => None,
            (Ok(Mode::Bring), Ok(_)) => Some(
                "the source is a folder of the server, which no worker reaches: the server brings it by itself",
            ),
            (Ok(_), _) => Some(
                "only a migration is shared with workers: a pre-flight, a cut-over and a decommissioning are the server's own",
            ),
            (Err(_), _) => Some("the job was made by another version"),
        };
        match why {
            Some(why) => Err(refused(LeaseRefusal::NotShared(why))),
            None => Ok(job.state.is_ended().then(|| job.state.to_string())),
        }
    }

    /// Renews a lease.
    ///
    /// # Errors
    /// [`LeaseRefusal::Gone`].
    pub fn renew(&self, asker: Asker, lease: LeaseId) -> Result<LeaseRenewed, DeskError> {
        let open = self.open_of(lease)?;
        let now = self.parts.gate.now();
        let renewed = open
            .pool
            .change(|leases| leases.renew(lease, asker.principal, now));
        match renewed {
            Ok(until) => Ok(LeaseRenewed { until }),
            Err(_) => Err(refused(LeaseRefusal::Gone(lease))),
        }
    }

    /// Takes a lease back; what was not delivered of it is handed out anew.
    ///
    /// # Errors
    /// [`LeaseRefusal::Gone`].
    pub fn give_back(&self, asker: Asker, lease: LeaseId) -> Result<(), DeskError> {
        let open = self.open_of(lease)?;
        let now = self.parts.gate.now();
        open.pool
            .change(|leases| leases.give_back(lease, asker.principal, now))
            .map_err(|_| refused(LeaseRefusal::Gone(lease)))
    }

    /// Takes an object back that a worker cannot bring, and leaves it to the server.
    ///
    /// # Errors
    /// Those of [`LeaseRefusal`] that tell of what is not held.
    pub fn leave(&self, asker: Asker, place: LeasedPlace) -> Result<DeliveredView, DeskError> {
        let open = self.open_of(place.lease)?;
        match self.begin(&open, asker, place) {
            Ok((_, hold)) => {
                hold.keep();
                Ok(plain(DeliveryState::Kept))
            }
            Err(NotHeld::Done) => Ok(plain(DeliveryState::Done)),
            Err(why) => Err(not_held(why, place.lease)),
        }
    }

    /// Takes the bytes of an object.
    ///
    /// # Errors
    /// [`LeaseRefusal`] says why they were not taken.
    pub async fn deliver(
        &self,
        asker: Asker,
        place: LeasedPlace,
        body: Body,
    ) -> Result<DeliveredView, DeskError> {
        let open = self.open_of(place.lease)?;
        let (entry, hold) = match self.begin(&open, asker, place) {
            Ok(begun) => begun,
            Err(NotHeld::Done) => return Ok(plain(DeliveryState::Done)),
            Err(why) => return Err(not_held(why, place.lease)),
        };
        if is_in_runs(&entry) {
            hold.release();
            return Err(refused(LeaseRefusal::OtherWay { in_runs: true }));
        }
        // Whoever delivers may go away: what was begun is brought to its end, so that nobody wonders whether it was.
        let delivered = tokio::spawn(async move {
            let done = whole(&open.work, &hold, &entry, body).await;
            conclude(&open, &hold, judged(&open.work, &hold, &entry, done).await)
        });
        delivered.await.map_err(|_| DeskError::Stopping)?
    }

    /// Says which runs of a large object are to be delivered.
    ///
    /// # Errors
    /// [`LeaseRefusal`] says why none.
    pub async fn runs(&self, asker: Asker, place: LeasedPlace) -> Result<RunsView, DeskError> {
        let open = self.open_of(place.lease)?;
        let (entry, hold) = match self.begin(&open, asker, place) {
            Ok(begun) => begun,
            Err(NotHeld::Done) => return Ok(nothing_more(plain(DeliveryState::Done))),
            Err(why) => return Err(not_held(why, place.lease)),
        };
        if !is_in_runs(&entry) {
            hold.release();
            return Err(refused(LeaseRefusal::OtherWay { in_runs: false }));
        }
        let prepared = tokio::spawn(async move {
            match prepare(&open.work, &entry).await {
                Ok((incoming, missing)) => {
                    let view = RunsView {
                        fingerprint: incoming.details.fingerprint.clone(),
                        missing,
                        became: None,
                    };
                    open.note(place, incoming);
                    hold.release();
                    Ok(view)
                }
                Err(fault) => {
                    let ending = judged(&open.work, &hold, &entry, Err(fault)).await;
                    conclude(&open, &hold, ending).map(nothing_more)
                }
            }
        });
        prepared.await.map_err(|_| DeskError::Stopping)?
    }

    /// Takes a run of a large object.
    ///
    /// # Errors
    /// [`LeaseRefusal`] says why it was not taken.
    pub async fn deliver_run(
        &self,
        asker: Asker,
        place: LeasedPlace,
        run: u32,
        body: Body,
    ) -> Result<DeliveredView, DeskError> {
        let open = self.open_of(place.lease)?;
        let LeasedPlace { lease, number } = place;
        let now = self.parts.gate.now();
        let looked = open
            .pool
            .change(|leases| leases.look(lease, number, asker.principal, now));
        let begun = match looked {
            Ok(begun) => begun,
            Err(NotHeld::Done) => return Ok(plain(DeliveryState::Done)),
            Err(why) => return Err(not_held(why, lease)),
        };
        let incoming = open.incoming(place);
        let known = incoming.and_then(|incoming| {
            let range = large::run_of(&incoming, run)?;
            Some((incoming, range))
        });
        let Some((incoming, range)) = known else {
            return Err(refused(LeaseRefusal::NoRuns));
        };
        let hold = Hold::new(&open.pool, lease, number, begun.holder);
        let (entry, _) = begun.item;
        let taken = tokio::spawn(async move {
            let done = take_run(&open.work, &hold, &entry, &incoming, (run, range), body).await;
            // What the object is not good for was found out of a run of it.
            let concluded = large::conclude(&open.work, &entry, &incoming, &done).await;
            let done = concluded.and(done);
            conclude(&open, &hold, judged(&open.work, &hold, &entry, done).await)
        });
        taken.await.map_err(|_| DeskError::Stopping)?
    }

    /// Makes a large object of its runs.
    ///
    /// # Errors
    /// [`LeaseRefusal`] says why it was not made.
    pub async fn complete(
        &self,
        asker: Asker,
        place: LeasedPlace,
    ) -> Result<DeliveredView, DeskError> {
        let open = self.open_of(place.lease)?;
        let (entry, hold) = match self.begin(&open, asker, place) {
            Ok(begun) => begun,
            Err(NotHeld::Done) => return Ok(plain(DeliveryState::Done)),
            Err(why) => return Err(not_held(why, place.lease)),
        };
        let Some(incoming) = open.incoming(place) else {
            hold.release();
            return Err(refused(LeaseRefusal::NoRuns));
        };
        let completed = tokio::spawn(async move {
            let done = finish(&open.work, &hold, &entry, &incoming).await;
            conclude(&open, &hold, judged(&open.work, &hold, &entry, done).await)
        });
        completed.await.map_err(|_| DeskError::Stopping)?
    }

    fn begin(
        &self,
        open: &Arc<Open>,
        asker: Asker,
        LeasedPlace { lease, number }: LeasedPlace,
    ) -> Result<(JobEntry, Hold), NotHeld> {
        let now = self.parts.gate.now();
        let begun = open
            .pool
            .change(|leases| leases.begin(lease, number, asker.principal, now))?;
        let (entry, _) = begun.item;
        Ok((entry, Hold::new(&open.pool, lease, number, begun.holder)))
    }

    fn open_of(&self, lease: LeaseId) -> Result<Arc<Open>, DeskError> {
        let open = self.lock();
        let found = open.values().find(|open| open.pool.lock().knows(lease));
        found
            .cloned()
            .ok_or_else(|| refused(LeaseRefusal::Gone(lease)))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<JobId, Arc<Open>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn note(&self, place: LeasedPlace, incoming: Arc<Incoming>) {
        let leases = self.pool.lock();
        let mut all = self.lock();
        all.retain(|(lease, _), _| leases.knows(*lease));
        all.insert((place.lease, place.number), incoming);
    }

    fn incoming(&self, place: LeasedPlace) -> Option<Arc<Incoming>> {
        self.lock().get(&(place.lease, place.number)).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(LeaseId, u32), Arc<Incoming>>> {
        self.incoming.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.pool.close();
        self.desk.lock().remove(&self.job);
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

fn grant(open: &Open, holder: Holder, asked: &AskLease, now: Timestamp) -> Option<LeaseView> {
    let id = LeaseId::from_bytes(onshore_keys::random());
    let appetite = Appetite {
        items: usize::try_from(asked.objects.clamp(1, OBJECTS_MAX)).unwrap_or(1),
        bytes: asked.bytes,
    };
    let granted = open
        .pool
        .change(|leases| leases.grant(id, holder, appetite, now))?;
    let keys = granted.groups.into_iter().map(|(first, items)| {
        let numbered = (first..).zip(items);
        let objects = numbered.map(|(number, (entry, _))| LeasedObject {
            number,
            in_runs: is_in_runs(&entry),
            key: entry.listed.key,
            version: entry.listed.version,
            size_bytes: entry.listed.size_bytes,
        });
        objects.collect()
    });
    Some(LeaseView {
        id,
        job: open.work.job.id,
        source: open.work.job.source.clone(),
        until: granted.until,
        lasts_ms: LEASE_MS.unsigned_abs(),
        keys: keys.collect(),
    })
}

/// Ends a delivery, and says to the worker how.
fn conclude(
    open: &Open,
    hold: &Hold,
    ending: Result<Ending, Error>,
) -> Result<DeliveredView, DeskError> {
    match ending {
        Ok(Ending::Settled(view)) => {
            hold.settle();
            Ok(view)
        }
        Ok(Ending::Stored) => {
            hold.leave();
            Ok(plain(DeliveryState::Stored))
        }
        Ok(Ending::Kept) => {
            hold.keep();
            Ok(plain(DeliveryState::Kept))
        }
        Ok(Ending::Again(refusal)) => {
            hold.release();
            Err(refused(refusal))
        }
        Err(Error::LeaseLost) => {
            hold.release();
            Err(refused(LeaseRefusal::Gone(hold.lease)))
        }
        Err(error) => {
            hold.release();
            open.pool.fail(error);
            Err(refused(LeaseRefusal::Standstill))
        }
    }
}

fn is_in_runs(entry: &JobEntry) -> bool {
    entry.listed.size_bytes >= large::BYTES_MIN
}

fn nothing_more(became: DeliveredView) -> RunsView {
    RunsView {
        fingerprint: String::new(),
        missing: Vec::new(),
        became: Some(became),
    }
}

fn refused(refusal: LeaseRefusal) -> DeskError {
    DeskError::Refused(refusal)
}

fn not_held(why: NotHeld, lease: LeaseId) -> DeskError {
    refused(match why {
        NotHeld::Gone | NotHeld::Done => LeaseRefusal::Gone(lease),
        NotHeld::NoSuchItem => LeaseRefusal::NoSuchObject,
        NotHeld::Busy => LeaseRefusal::Busy,
        NotHeld::OutOfTurn => LeaseRefusal::OutOfTurn,
    })
}
