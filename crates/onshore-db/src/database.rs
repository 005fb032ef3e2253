//! Opening the database and handing it work.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, params};
use tokio::sync::{mpsc, oneshot, watch};

use crate::crash::CrashPoints;
use crate::examine::same_steps;
use crate::file::PAGE_LEN_BYTES;
use crate::readers::Readers;
use crate::writer::{Job, Work, Writer};
use crate::{DatabaseFile, Error, Schema, Unit, View, schema};

/// A database up to this size is checked page by page when it is opened.
const CHECKED_AT_OPEN_MAX_BYTES: u64 = 256 << 20;

/// How a database is opened.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Where tests let the process die.
    pub crash: CrashPoints,
}

/// The database. Clones share it.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

struct Inner {
    queue: mpsc::UnboundedSender<Box<dyn Work>>,
    readers: Arc<Readers>,
    /// The writer's thread; none where nothing is written.
    writer: Option<JoinHandle<()>>,
}

impl Database {
    /// Opens the database file, makes it if it is missing, and brings the tables of every schema up to date.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a damaged file, [`Error::Newer`] for one of a later version, [`Error::Open`] where the
    /// file cannot be made or opened.
    pub fn open(
        file: impl Into<DatabaseFile>,
        schemas: &[Schema],
        options: Options,
    ) -> Result<Self, Error> {
        let file = file.into();
        let mut connection =
            file.connect(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        // The page size counts for a new file only. What is deleted is overwritten: to destroy a key is to leave no bytes
        // of it behind. What a savepoint would undo stays in memory: otherwise every unit of work writes it to a file
        // that nobody ever reads.
        connection.execute_batch(&format!("PRAGMA page_size = {PAGE_LEN_BYTES};"))?;
        connection.execute_batch(
            "PRAGMA synchronous = FULL;
             PRAGMA secure_delete = ON;
             PRAGMA temp_store = MEMORY;
             PRAGMA foreign_keys = ON;
             PRAGMA cache_size = -196608;
             PRAGMA journal_size_limit = 67108864;",
        )?;
        write_ahead(&connection)?;
        check(&connection, file.path())?;
        schema::migrate(&mut connection, schemas)?;

        let (queue, jobs) = mpsc::unbounded_channel();
        let (committed, commits) = watch::channel(0);
        let readers = Arc::new(Readers::new(file, commits, Vec::new()));
        let writer = Writer::new(connection, committed, Arc::clone(&readers), options.crash)?;
        let writer = std::thread::Builder::new()
            .name("onshore-db".to_owned())
            .spawn(move || writer.run(jobs))
            .map_err(|error| Error::Open(error.to_string()))?;
        Ok(Self {
            inner: Arc::new(Inner {
                queue,
                readers,
                writer: Some(writer),
            }),
        })
    }

    /// Opens an existing file to look at it: nothing is made, brought up to date or written, and no unit of work runs.
    ///
    /// # Errors
    /// [`Error::Older`] and [`Error::Newer`] for tables that are not those of this version, [`Error::Open`] and
    /// [`Error::Corrupt`] for a file that cannot be opened.
    pub fn open_for_reading(
        file: impl Into<DatabaseFile>,
        schemas: &[Schema],
    ) -> Result<Self, Error> {
        let file = file.into();
        let connection = file.connect(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        same_steps(&connection, schemas)?;
        // Nobody is at the other ends: whoever brings work is told that the database is closed.
        let (queue, _) = mpsc::unbounded_channel();
        let (_, commits) = watch::channel(0);
        Ok(Self {
            inner: Arc::new(Inner {
                queue,
                readers: Arc::new(Readers::new(file, commits, vec![connection])),
                writer: None,
            }),
        })
    }

    /// Runs a unit of work in the writer's next transaction and returns when its changes are on stable storage. An
    /// error of the closure undoes this unit alone.
    ///
    /// # Errors
    /// What the closure returned, or why the commit failed.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&Unit<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.enqueue(work)
            .await
            .unwrap_or_else(|_| Err(Error::Closed.into()))
    }

    /// Does what [`Database::write`] does, for callers that are not asynchronous.
    ///
    /// # Errors
    /// What the closure returned, or why the commit failed.
    pub fn write_blocking<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&Unit<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.enqueue(work)
            .blocking_recv()
            .unwrap_or_else(|_| Err(Error::Closed.into()))
    }

    /// Queues a unit of work and returns at once. `done` hears what [`Database::write`] would have returned; it runs on
    /// the writer's thread, before any later unit, and must be short. Nobody can give up waiting for it.
    pub fn submit<T, E, F, D>(&self, work: F, done: D)
    where
        F: FnOnce(&Unit<'_>) -> Result<T, E> + Send + 'static,
        D: FnOnce(Result<T, E>) + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        if let Err(refused) = self.inner.queue.send(Box::new(Job::new(work, done))) {
            refused.0.finish(Err(Error::Closed));
        }
    }

    /// Reads one consistent state. Keep it short: a long read keeps the write-ahead log from shrinking.
    ///
    /// # Errors
    /// What the closure returned, or why the database cannot be read.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&View<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let database = self.clone();
        tokio::task::spawn_blocking(move || database.read_blocking(work))
            .await
            .unwrap_or_else(|_| Err(Error::Statement("a read panicked".to_owned()).into()))
    }

    /// Reads a few rows by their keys at once, on the caller's own thread: two switches of thread would cost more than
    /// the rows do. What may take long goes to [`Database::read`].
    ///
    /// # Errors
    /// What the closure returned, or why the database cannot be read.
    pub fn glance<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&View<'_>) -> Result<T, E>,
        E: From<Error>,
    {
        self.read_blocking(work)
    }

    /// Does what [`Database::read`] does, for callers that are not asynchronous.
    ///
    /// # Errors
    /// What the closure returned, or why the database cannot be read.
    pub fn read_blocking<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&View<'_>) -> Result<T, E>,
        E: From<Error>,
    {
        self.inner
            .readers
            .with(|connection| work(&View::new(connection)))?
    }

    /// Writes one consistent state of the whole database into a new file, readable by its owner alone and encrypted if this
    /// one is, page by page as it is, and forces it to disk. Work goes on meanwhile.
    ///
    /// # Errors
    /// [`Error::Open`] when there is such a file already or it cannot be made; those of reading and writing.
    pub fn copy_to(&self, path: &Path) -> Result<DatabaseFile, Error> {
        let made = make_file(path)?;
        // An empty file is filled in. All pages in one step are one state.
        let file = self.inner.readers.file();
        let to = file.beside(path);
        let source = file.connect(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut copy = to.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        match Backup::new(&source, &mut copy)?.step(-1)? {
            StepResult::Done => {}
            _ => return Err(Error::Busy("the copy did not come to its end".to_owned())),
        }
        // The copy stands alone: no file of a write-ahead log belongs to it.
        copy.execute_batch("PRAGMA journal_mode = DELETE;")?;
        drop(copy);
        sync(&made)?;
        Ok(to)
    }

    /// Writes what a file holds into a new one that is encrypted, readable by its owner alone, and forces that to disk.
    /// Nobody else may have it open. Both are looked through for damage.
    ///
    /// # Errors
    /// [`Error::Corrupt`]; [`Error::Busy`] when somebody has it open; [`Error::Open`] when there is such a file already or it cannot be made;
    /// those of reading and writing.
    pub fn encrypt(from: &Path, to: &DatabaseFile) -> Result<(), Error> {
        let connection = DatabaseFile::from(from).connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        sound(&connection, "main")?;
        let made = make_file(to.path())?;
        connection.execute(
            "ATTACH DATABASE ?1 AS encrypted KEY ?2",
            params![to.path().to_string_lossy(), *to.key_in_sql()],
        )?;
        connection.execute_batch(&format!(
            "PRAGMA encrypted.cipher_page_size = {PAGE_LEN_BYTES};
             PRAGMA encrypted.journal_mode = OFF;
             PRAGMA encrypted.synchronous = OFF;
             SELECT sqlcipher_export('encrypted');"
        ))?;
        sound(&connection, "encrypted")?;
        connection.execute_batch("DETACH DATABASE encrypted;")?;
        // The last one to close folds the write-ahead log back and removes it: it must not lie beside the new file.
        drop(connection);
        let mut log = from.as_os_str().to_owned();
        log.push("-wal");
        if Path::new(&log).exists() {
            return Err(Error::Busy(
                "somebody else has the file open, or its log cannot be folded back".to_owned(),
            ));
        }
        sync(&made)
    }

    /// Changes a copy that nobody else has open, and forces it to disk. What is removed is overwritten. There is no
    /// journal: an interruption leaves a file to be thrown away.
    ///
    /// # Errors
    /// What the closure returned; those of opening and writing.
    pub fn rework<T, E>(
        file: impl Into<DatabaseFile>,
        work: impl FnOnce(&Unit<'_>) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: From<Error>,
    {
        let file = file.into();
        let begin = || {
            let connection = file.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            connection.execute_batch(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA secure_delete = ON; BEGIN;",
            )?;
            Ok::<_, Error>(connection)
        };
        let end = |connection: Connection| {
            connection.execute_batch("COMMIT;")?;
            drop(connection);
            sync_at(file.path())
        };
        let connection = begin()?;
        let done = work(&Unit::new(&connection))?;
        end(connection)?;
        Ok(done)
    }

    /// Overwrites what the file does not use: what rows that are gone, or moved, left in its pages. Nobody else may have
    /// the file open; it may be interrupted at any point.
    ///
    /// # Errors
    /// [`Error::Busy`] when somebody has it open; [`Error::Corrupt`]; those of reading and writing.
    pub fn wipe(file: impl Into<DatabaseFile>) -> Result<(), Error> {
        crate::wipe::wipe(&file.into())
    }

    /// Folds the write-ahead log back into the database file and empties it, for an orderly end: the file alone is the
    /// whole database then, and damage to any page of it shows at the next start. It blocks; call it when nothing is
    /// written any more.
    ///
    /// # Errors
    /// Why the file cannot be written.
    pub fn fold_back(&self) -> Result<(), Error> {
        let file = self.inner.readers.file();
        let connection = file.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.execute_batch("PRAGMA synchronous = FULL;")?;
        self.inner.readers.let_go();
        let is_busy: bool =
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if is_busy {
            tracing::debug!("the write-ahead log is read at present and stays as it is");
        }
        Ok(())
    }

    /// Lets go of the file: when this returns nothing of this process has it open. It blocks.
    ///
    /// # Errors
    /// [`Error::Busy`] when somebody else in this process shares the database.
    pub fn close(self) -> Result<(), Error> {
        let inner = Arc::into_inner(self.inner)
            .ok_or_else(|| Error::Busy("this process still works with it".to_owned()))?;
        let Inner {
            queue,
            readers,
            writer,
        } = inner;
        drop((queue, readers));
        match writer.map(JoinHandle::join) {
            Some(Err(_)) => Err(Error::Stopped("the writer panicked".to_owned())),
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// Returns how many commits were told of since the start. One more may be there already that nobody was told of yet.
    #[must_use]
    pub fn commit_count(&self) -> u64 {
        *self.inner.readers.commits().borrow()
    }

    /// Returns a counter that changes after every commit, for whoever follows what is written.
    #[must_use]
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.inner.readers.commits().clone()
    }

    fn enqueue<T, E, F>(&self, work: F) -> oneshot::Receiver<Result<T, E>>
    where
        F: FnOnce(&Unit<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        // A caller that has gone away needs no answer; what was committed stays committed.
        self.submit(work, move |result| drop(reply.send(result)));
        answer
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").finish_non_exhaustive()
    }
}

/// Makes an empty file where there is none.
fn make_file(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| Error::Open(error.to_string()))
}

fn sync(file: &File) -> Result<(), Error> {
    file.sync_all()
        .map_err(|error| Error::Disk(error.to_string()))
}

pub(crate) fn sync_at(path: &Path) -> Result<(), Error> {
    let file = OpenOptions::new().write(true).open(path);
    file.map_err(|error| Error::Open(error.to_string()))
        .and_then(|file| sync(&file))
}

/// Folds a write-ahead log back and does away with it: nobody else has the file open.
pub(crate) fn alone(connection: &Connection) -> Result<(), Error> {
    let mode: String =
        connection.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0))?;
    if mode == "delete" {
        Ok(())
    } else {
        Err(Error::Busy("somebody else has the file open".to_owned()))
    }
}

/// Turns the write-ahead log on, without which readers and the writer would wait for each other.
fn write_ahead(connection: &Connection) -> Result<(), Error> {
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode == "wal" {
        Ok(())
    } else {
        Err(Error::Open(format!(
            "the file system allows no write-ahead log, only `{mode}`"
        )))
    }
}

/// Refuses a damaged file before anything is written to it.
fn check(connection: &Connection, path: &Path) -> Result<(), Error> {
    let size = path.metadata().map_or(0, |file| file.len());
    if size > CHECKED_AT_OPEN_MAX_BYTES {
        tracing::info!(
            size_bytes = size,
            "the database is too large to be checked whole at start; damage is found when read"
        );
        return Ok(());
    }
    sound(connection, "main")
}

/// Refuses a file whose pages do not fit together.
fn sound(connection: &Connection, which: &str) -> Result<(), Error> {
    let check = format!("PRAGMA {which}.quick_check(1)");
    let verdict: String = connection.query_row(&check, [], |row| row.get(0))?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(Error::Corrupt(verdict))
    }
}
