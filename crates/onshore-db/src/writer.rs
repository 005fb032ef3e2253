//! The one writer: takes units of work from a queue, runs many in one transaction, tells their callers after COMMIT.
//!
//! A commit that fails for want of space changes nothing, and the writer goes on. One that fails otherwise leaves
//! unknown what reached the disk, so the writer stops: nothing is acknowledged again until the database is reopened.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::hooks::Wal;
use tokio::sync::{mpsc, watch};

use crate::crash::{CrashPoint, CrashPoints};
use crate::readers::Readers;
use crate::{Error, Unit};

/// How many units may share one transaction: enough to spread one fsync over all waiting callers, few enough that
/// none of them waits long.
const UNITS_PER_COMMIT_MAX: usize = 256;

/// From how many pages on the write-ahead log is folded back into the file: 32 MiB.
const LOGGED_PAGES_MAX: i32 = 4096;

/// How much more the log holds before it is folded back again, if it could not begin anew: 8 MiB.
const FOLDED_AGAIN_PAGES: i32 = 1024;

/// How long those who read an older state are waited for before the log is folded back, and again behind that.
const READERS_AWAITED: Duration = Duration::from_millis(20);

/// Whether a unit's changes stay.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Keep,
    RollBack,
}

/// A queued unit of work, its types erased.
pub(crate) trait Work: Send {
    /// Runs the closure and remembers its result.
    fn run(&mut self, unit: &Unit<'_>) -> Outcome;
    /// Tells the caller: the remembered result, or why it cannot hold.
    fn finish(self: Box<Self>, commit: Result<(), Error>);
}

/// A unit of work with its types, and what hears of its end.
pub(crate) struct Job<T, E, F, D> {
    work: Option<F>,
    result: Option<Result<T, E>>,
    done: D,
}

impl<T, E, F, D> Job<T, E, F, D> {
    pub(crate) fn new(work: F, done: D) -> Self {
        Self {
            work: Some(work),
            result: None,
            done,
        }
    }
}

impl<T, E, F, D> Work for Job<T, E, F, D>
where
    F: FnOnce(&Unit<'_>) -> Result<T, E> + Send,
    D: FnOnce(Result<T, E>) + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn run(&mut self, unit: &Unit<'_>) -> Outcome {
        let Some(work) = self.work.take() else {
            return Outcome::RollBack;
        };
        // A panic in one unit must not take the other units or the writer with it.
        let result = catch_unwind(AssertUnwindSafe(|| work(unit)))
            .unwrap_or_else(|_| Err(Error::Statement("a unit of work panicked".to_owned()).into()));
        let outcome = if result.is_ok() {
            Outcome::Keep
        } else {
            Outcome::RollBack
        };
        self.result = Some(result);
        outcome
    }

    fn finish(self: Box<Self>, commit: Result<(), Error>) {
        let answer = match (self.result, commit) {
            // What a unit refused stays refused whatever became of the transaction.
            (Some(Err(error)), _) => Err(error),
            (_, Err(error)) => Err(error.into()),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(Error::Closed.into()),
        };
        let done = self.done;
        if catch_unwind(AssertUnwindSafe(|| done(answer))).is_err() {
            tracing::error!("whoever waited for a unit of work panicked");
        }
    }
}

/// How a group commit failed.
enum Failure {
    /// All of it was rolled back; the writer goes on.
    Undone(Error),
    /// Nobody knows what of it reached the disk.
    Unknown(Error),
}

impl Failure {
    fn error(&self) -> &Error {
        match self {
            Self::Undone(error) | Self::Unknown(error) => error,
        }
    }
}

/// The one connection that writes, and whom it tells.
pub(crate) struct Writer {
    connection: Connection,
    commits: watch::Sender<u64>,
    readers: Arc<Readers>,
    crash: CrashPoints,
    /// How many pages the write-ahead log held at the last commit.
    logged_pages: Arc<AtomicI32>,
}

impl Writer {
    pub(crate) fn new(
        mut connection: Connection,
        commits: watch::Sender<u64>,
        readers: Arc<Readers>,
        crash: CrashPoints,
    ) -> Result<Self, Error> {
        // In the place of SQLite's own, which folds the log back within COMMIT, while readers are still in older states.
        let logged_pages = Arc::new(AtomicI32::new(0));
        let told = Arc::clone(&logged_pages);
        connection.wal_hook(Some(move |_: &mut Wal, pages| {
            told.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self {
            connection,
            commits,
            readers,
            crash,
            logged_pages,
        })
    }

    /// Runs until every sender is gone.
    pub(crate) fn run(self, mut queue: mpsc::UnboundedReceiver<Box<dyn Work>>) {
        let mut stopped: Option<Error> = None;
        let mut fold_from = LOGGED_PAGES_MAX;
        let mut batch = Vec::with_capacity(UNITS_PER_COMMIT_MAX);
        while queue.blocking_recv_many(&mut batch, UNITS_PER_COMMIT_MAX) > 0 {
            let outcome = match &stopped {
                Some(error) => Err(error.clone()),
                None => run_batch(&self.connection, &mut batch).map_err(|failure| {
                    let error = failure.error().clone();
                    tracing::error!(%error, units = batch.len(), "a group commit failed");
                    if let Failure::Unknown(error) = failure {
                        stopped = Some(Error::Stopped(error.to_string()));
                    }
                    error
                }),
            };
            let is_committed = outcome.is_ok();
            if is_committed {
                self.crash.reach(CrashPoint::Committed);
                // Before anybody hears of it: whoever did must read it.
                self.readers.advance();
                self.commits.send_modify(|count| *count += 1);
            }
            for work in batch.drain(..) {
                work.finish(outcome.clone());
            }
            let logged = self.logged_pages.load(Ordering::Relaxed);
            if is_committed && logged >= fold_from {
                self.fold_back();
                // Where somebody reads on, it is not tried at every commit.
                fold_from = logged.saturating_add(FOLDED_AGAIN_PAGES);
            } else if logged < LOGGED_PAGES_MAX {
                fold_from = LOGGED_PAGES_MAX;
            }
        }
    }

    /// Brings what is in the write-ahead log into the file, as far as nobody reads what was before. The log begins anew
    /// with the next transaction, if all of it is in the file and nobody reads it any more.
    fn fold_back(&self) {
        self.readers.await_older(READERS_AWAITED);
        let folded = self
            .connection
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = folded {
            tracing::warn!(%error, "the write-ahead log could not be folded back; it is tried again");
        }
        self.readers.advance();
        self.readers.await_older(READERS_AWAITED);
    }
}

fn run_batch(connection: &Connection, batch: &mut [Box<dyn Work>]) -> Result<(), Failure> {
    let failure = match run_units(connection, batch) {
        Err(error) => Failure::Undone(error),
        Ok(()) => match execute(connection, "COMMIT") {
            Ok(()) => return Ok(()),
            // No room for the last page of a transaction means that it was not written.
            Err(Error::Full) => Failure::Undone(Error::Full),
            Err(error) => Failure::Unknown(error),
        },
    };
    // SQLite rolls back by itself in some cases; where it has not, the transaction must not stay open.
    if !connection.is_autocommit()
        && let Err(error) = execute(connection, "ROLLBACK")
    {
        return Err(Failure::Unknown(error));
    }
    Err(failure)
}

fn run_units(connection: &Connection, batch: &mut [Box<dyn Work>]) -> Result<(), Error> {
    execute(connection, "BEGIN IMMEDIATE")?;
    for work in batch {
        execute(connection, "SAVEPOINT unit")?;
        let unit = Unit::new(connection);
        let outcome = work.run(&unit);
        // A full disk or an I/O error inside the unit can make SQLite give up the whole transaction.
        unit.check_open()?;
        if outcome == Outcome::RollBack {
            execute(connection, "ROLLBACK TO unit")?;
        }
        execute(connection, "RELEASE unit")?;
    }
    Ok(())
}

fn execute(connection: &Connection, sql: &str) -> Result<(), Error> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}
