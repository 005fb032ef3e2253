//! What is to be brought of a job now, for as long as it is being brought: the server's own hands take from it, and workers under leases.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use onshore_db::Unit;
use onshore_gate::Gate;
use onshore_registry::{EntryId, JobEntry, Registry};
use onshore_types::{JobId, LeaseId, Timestamp};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::leases::{Group, Holder, Leases, Share};
use crate::plan::Step;

/// An entry, and what is to be done about it.
pub(crate) type Planned = (JobEntry, Step);

/// What is to be brought of a job now.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    leases: Mutex<Leases<Planned>>,
    /// Something is to be looked at: more waits, or less is held.
    changed: Notify,
    /// Why the job cannot go on, as somebody found out who delivered to it.
    failure: Mutex<Option<Error>>,
    /// Ends what is being delivered.
    pub(crate) closed: CancellationToken,
}

/// An entry that a worker holds and is delivering.
#[derive(Debug, Clone)]
pub(crate) struct Hold {
    pub(crate) pool: Arc<Pool>,
    pub(crate) lease: LeaseId,
    pub(crate) number: u32,
    pub(crate) holder: Holder,
    /// Whether a commit of it was entered and not left.
    entered: Arc<AtomicBool>,
}

impl Pool {
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiting()
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.lock().is_idle()
    }

    pub(crate) fn push(&self, group: Group<Planned>) {
        self.lock().push(group);
    }

    pub(crate) fn take_own(&self, share: Share) -> Option<Group<Planned>> {
        self.lock().take_own(share)
    }

    /// Does something with the leases that whoever shares the job out is to look at.
    pub(crate) fn change<T>(&self, how: impl FnOnce(&mut Leases<Planned>) -> T) -> T {
        let done = how(&mut self.lock());
        self.changed.notify_one();
        done
    }

    /// Returns once something is to be looked at, or a lease has run out; the error is that of somebody who delivered.
    pub(crate) async fn changed(&self, gate: &Gate) -> Result<(), Error> {
        let expiry = self.lock().next_expiry();
        let expired = async {
            match expiry {
                None => std::future::pending().await,
                Some(until) => {
                    let wait_ms = until.as_millis().saturating_sub(gate.now().as_millis());
                    let wait = Duration::from_millis(u64::try_from(wait_ms).unwrap_or_default());
                    tokio::time::sleep(wait).await;
                }
            }
        };
        tokio::select! {
            () = self.changed.notified() => {}
            () = expired => self.lock().expire(gate.now()),
        }
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.take().map_or(Ok(()), Err)
    }

    /// Tells whoever shares the job out that it cannot go on.
    pub(crate) fn fail(&self, why: Error) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        self.changed.notify_one();
    }

    /// Ends it: nothing that is held is committed from now on.
    pub(crate) fn close(&self) {
        self.lock().close();
        self.closed.cancel();
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Leases<Planned>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hold {
    pub(crate) fn new(pool: &Arc<Pool>, lease: LeaseId, number: u32, holder: Holder) -> Self {
        Self {
            pool: Arc::clone(pool),
            lease,
            number,
            holder,
            entered: Arc::default(),
        }
    }

    /// Enters the commit of what is delivered, in the unit of work that commits it.
    fn enter(&self, now: Timestamp) -> Result<(), Error> {
        if self.entered.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        if self.pool.lock().enter(self.lease, self.number, now) {
            return Ok(());
        }
        self.entered.store(false, Ordering::SeqCst);
        Err(Error::LeaseLost)
    }

    /// Leaves the commit, if one was entered.
    pub(crate) fn leave(&self) {
        if self.entered.swap(false, Ordering::SeqCst) {
            self.pool
                .change(|leases| leases.leave(self.lease, self.number));
        }
    }

    /// Notes that the entry is done.
    pub(crate) fn settle(&self) {
        self.pool
            .change(|leases| leases.settle(self.lease, self.number));
        self.leave();
    }

    /// Lets the worker deliver it again.
    pub(crate) fn release(&self) {
        self.leave();
        self.pool
            .change(|leases| leases.release(self.lease, self.number));
    }

    /// Leaves the entry to the server.
    pub(crate) fn keep(&self) {
        self.leave();
        self.pool
            .change(|leases| leases.keep(self.lease, self.number));
    }
}

/// Enters a commit, where it is of something that a worker delivered: whose lease no longer holds commits nothing.
pub(crate) fn enter(hold: Option<&Hold>, now: Timestamp) -> Result<(), Error> {
    hold.map_or(Ok(()), |hold| hold.enter(now))
}

/// Notes who brought an entry, where a worker did.
pub(crate) fn note(
    hold: Option<&Hold>,
    registry: &Registry,
    unit: &Unit<'_>,
    (job, id): (JobId, &EntryId),
) -> Result<(), Error> {
    let Some(hold) = hold else {
        return Ok(());
    };
    let Holder { principal, worker } = &hold.holder;
    Ok(registry.note_worker(unit, job, id, worker, *principal)?)
}

/// Waits for a commit, and leaves it where it came to nothing.
pub(crate) async fn held<T>(
    hold: Option<&Hold>,
    commit: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let done = commit.await;
    if let (Err(_), Some(hold)) = (&done, hold) {
        hold.leave();
    }
    done
}
