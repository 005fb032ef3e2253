//! Connections for reading. One that has read stays in its transaction until something is committed: the next read of
//! the same state goes on in it, without locks and with the pages that are in memory already.
//!
//! A state that is held keeps the write-ahead log from beginning anew. So states have numbers, the writer begins a new
//! one with every commit and ends the transactions of idle readers, and before it folds the log back it waits a moment
//! for those who still read an older one.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::watch;

use crate::{DatabaseFile, Error};

/// Idle connections kept; more are opened when more read at once.
const IDLE_MAX: usize = 8;
/// How much each remembers at most: 48 MiB of pages.
const CACHE: &str = "PRAGMA cache_size = -49152;";

/// The readers of a database.
pub(crate) struct Readers {
    file: DatabaseFile,
    commits: watch::Receiver<u64>,
    known: Mutex<Known>,
    /// Told when a reader comes back that was the last of its state.
    came_back: Condvar,
}

#[derive(Default)]
struct Known {
    /// The number of the present state.
    state: u64,
    idle: Vec<Reader>,
    /// How many read which state at present.
    reading: BTreeMap<u64, usize>,
}

/// A connection in a transaction.
pub(crate) struct Reader {
    connection: Connection,
    /// The state it reads, or a later one; none where it has no transaction.
    state: Option<u64>,
}

impl Reader {
    /// Makes sure that it reads this state or a later one.
    fn see(&mut self, state: u64) -> Result<(), Error> {
        if self.state == Some(state) {
            return Ok(());
        }
        self.let_go()?;
        // The state is fixed by the first statement behind this, so it may be a later one, and never an earlier.
        run(&self.connection, "BEGIN")?;
        self.state = Some(state);
        Ok(())
    }

    fn let_go(&mut self) -> Result<(), Error> {
        if self.state.take().is_some() {
            run(&self.connection, "COMMIT")?;
        }
        Ok(())
    }
}

impl Known {
    /// Ends the transactions of those that are idle.
    fn let_go(&mut self) {
        self.idle.retain_mut(|reader| {
            let done = reader.let_go();
            if let Err(error) = &done {
                tracing::warn!(%error, "a reader could not be let go and is closed");
            }
            done.is_ok()
        });
    }

    /// Counts out one that reads no more, and says whether it was the last of its state.
    fn count_out(&mut self, state: u64) -> bool {
        let left = self.reading.get_mut(&state).map_or(0, |count| {
            *count -= 1;
            *count
        });
        if left == 0 {
            self.reading.remove(&state);
        }
        left == 0
    }
}

impl Readers {
    pub(crate) fn new(
        file: DatabaseFile,
        commits: watch::Receiver<u64>,
        idle: Vec<Connection>,
    ) -> Self {
        let idle = idle.into_iter().map(|connection| Reader {
            connection,
            state: None,
        });
        let known = Known {
            idle: idle.collect(),
            ..Known::default()
        };
        Self {
            file,
            commits,
            known: Mutex::new(known),
            came_back: Condvar::new(),
        }
    }

    pub(crate) fn commits(&self) -> &watch::Receiver<u64> {
        &self.commits
    }

    pub(crate) fn file(&self) -> &DatabaseFile {
        &self.file
    }

    /// Hands a reader over that sees everything that was committed before this call, and takes it back.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&Connection) -> T) -> Result<T, Error> {
        let (idle, state) = {
            let mut known = self.known();
            let state = known.state;
            *known.reading.entry(state).or_default() += 1;
            (known.idle.pop(), state)
        };
        let counted = Counted {
            readers: self,
            state,
        };
        let mut reader = match idle {
            Some(reader) => reader,
            None => self.connect()?,
        };
        reader.see(state)?;
        let result = work(&reader.connection);
        // Whatever becomes of the connection, what the work found out is the answer.
        if let Err(error) = counted.keep(reader) {
            tracing::warn!(%error, "a reader could not be kept and is closed");
        }
        Ok(result)
    }

    fn connect(&self) -> Result<Reader, Error> {
        let connection = self.file.connect(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.execute_batch(CACHE)?;
        Ok(Reader {
            connection,
            state: None,
        })
    }

    /// Begins a new state: whoever reads from now on sees everything that is committed by now.
    pub(crate) fn advance(&self) {
        let mut known = self.known();
        known.state += 1;
        known.let_go();
    }

    /// Waits until nobody reads a state before the present one, or so long at most.
    pub(crate) fn await_older(&self, at_most: Duration) {
        let known = self.known();
        let is_read = |known: &mut Known| {
            let oldest = known.reading.keys().next();
            oldest.is_some_and(|oldest| *oldest < known.state)
        };
        drop(self.came_back.wait_timeout_while(known, at_most, is_read));
    }

    /// Ends the transactions of all idle readers.
    pub(crate) fn let_go(&self) {
        self.known().let_go();
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that reads: counted until it comes back or fails.
struct Counted<'a> {
    readers: &'a Readers,
    state: u64,
}

impl Counted<'_> {
    /// Keeps a reader for the next one, in its transaction as long as there is nothing newer.
    fn keep(self, mut reader: Reader) -> Result<(), Error> {
        if reader.connection.is_autocommit() {
            // SQLite gave its transaction up: nobody knows what else it gave up.
            return Ok(());
        }
        let mut known = self.readers.known();
        // Compared while nobody can begin a new state: one that came in behind that would hold the old one.
        if known.state != self.state {
            reader.let_go()?;
        }
        if known.idle.len() < IDLE_MAX {
            known.idle.push(reader);
        }
        Ok(())
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if self.readers.known().count_out(self.state) {
            self.readers.came_back.notify_all();
        }
    }
}

/// Runs a statement that is kept prepared.
fn run(connection: &Connection, statement: &str) -> Result<(), Error> {
    connection.prepare_cached(statement)?.execute([])?;
    Ok(())
}
