//! The one writer: takes units of work from a queue, runs many in one transaction, tells their callers after COMMIT.
//!
//! A commit that fails for want of space changes nothing, and the writer goes on. One that fails otherwise leaves
//! unknown what reached the disk, so the writer stops: nothing is acknowledged again until the database is reopened.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use crate::crash::{CrashPoint, CrashPoints};
use crate::{Error, Unit};

/// How many units may share one transaction: enough to spread one fsync over all waiting callers, few enough that
/// none of them waits long.
const UNITS_PER_COMMIT_MAX: usize = 256;

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

/// A unit of work with its types.
pub(crate) struct Job<T, E, F> {
    work: Option<F>,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Job<T, E, F> {
    pub(crate) fn new(work: F, reply: oneshot::Sender<Result<T, E>>) -> Self {
        Self {
            work: Some(work),
            result: None,
            reply,
        }
    }
}

impl<T, E, F> Work for Job<T, E, F>
where
    F: FnOnce(&Unit<'_>) -> Result<T, E> + Send,
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
        // A caller that has gone away needs no answer; what was committed stays committed.
        drop(self.reply.send(answer));
    }
}

/// Runs until every sender is gone.
pub(crate) fn run(
    connection: &Connection,
    mut queue: mpsc::UnboundedReceiver<Box<dyn Work>>,
    commits: &watch::Sender<u64>,
    crash: &CrashPoints,
) {
    let mut stopped: Option<Error> = None;
    let mut batch = Vec::with_capacity(UNITS_PER_COMMIT_MAX);
    while queue.blocking_recv_many(&mut batch, UNITS_PER_COMMIT_MAX) > 0 {
        let outcome = match &stopped {
            Some(error) => Err(error.clone()),
            None => run_batch(connection, &mut batch),
        };
        match &outcome {
            Ok(()) => {
                crash.reach(CrashPoint::Committed);
                commits.send_modify(|count| *count += 1);
            }
            Err(error) => {
                tracing::error!(%error, units = batch.len(), "a group commit failed");
                if stopped.is_none() && !matches!(error, Error::Full) {
                    stopped = Some(Error::Stopped(error.to_string()));
                }
            }
        }
        for work in batch.drain(..) {
            work.finish(outcome.clone());
        }
    }
}

fn run_batch(connection: &Connection, batch: &mut [Box<dyn Work>]) -> Result<(), Error> {
    let result = run_units(connection, batch);
    if result.is_err() && !connection.is_autocommit() {
        // SQLite rolls back by itself in some cases; where it has not, the transaction must not stay open.
        connection.execute_batch("ROLLBACK")?;
    }
    result
}

fn run_units(connection: &Connection, batch: &mut [Box<dyn Work>]) -> Result<(), Error> {
    let statement = |sql: &str| -> Result<(), Error> {
        connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    };
    statement("BEGIN IMMEDIATE")?;
    for work in batch {
        statement("SAVEPOINT unit")?;
        let outcome = work.run(&Unit::new(connection));
        if connection.is_autocommit() {
            // A full disk or an I/O error inside the unit made SQLite give up the whole transaction.
            return Err(Error::Full);
        }
        if outcome == Outcome::RollBack {
            statement("ROLLBACK TO unit")?;
        }
        statement("RELEASE unit")?;
    }
    statement("COMMIT")
}
