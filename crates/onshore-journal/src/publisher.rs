//! The publisher: turns committed leaves into tiles, and signs a checkpoint over them.
//!
//! Order matters: tiles first, then the checkpoint into the database, then the checkpoint where others see it. A crash
//! between any two of these leaves a state from which the next start goes on.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use onshore_db::{CrashPoint, Database, Unit, View, params};
use onshore_ledger::{Checkpoint, Hash, Signer, TILE_WIDTH, TileRef, VerifierKey};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::examine::agree;
use crate::journal::{Inner, Published};
use crate::tiles::{Edge, TileFile};
use crate::{Error, Journal};

/// How many leaves a start reads at most. In a longer log it goes on from the tiles, whose root must be the one that was
/// signed, and what lies behind them is read once the server works.
const READ_AT_START_MAX: u64 = 100_000;
/// How long the reading behind a start gives way after each page of leaves, where nobody writes.
const AUDIT_PAUSE: Duration = Duration::from_millis(5);
/// The same where somebody wrote meanwhile: reading a page takes a tenth of it.
const AUDIT_PAUSE_FOR_WRITERS: Duration = Duration::from_millis(100);
/// Leaves taken from the database at once.
const LEAVES_PER_PAGE: i64 = 4096;
/// The least time between two checkpoints: many leaves share one signature.
const CHECKPOINT_INTERVAL: Duration = Duration::from_millis(100);
/// How long a publication that failed waits before it is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The file with the newest checkpoint.
pub(crate) const CHECKPOINT: &str = "checkpoint";
/// The file with the newest checkpoint that enough witnesses cosigned.
pub(crate) const WITNESSED: &str = "checkpoint.witnessed";

/// The state of publication.
#[derive(Debug)]
pub(crate) struct Publisher {
    edge: Edge,
    /// Full tiles that the edge has taken in and that are not written out yet.
    pending: Vec<TileFile>,
    /// Whether the files of the newest checkpoint are all written.
    is_complete: bool,
    published: Option<Published>,
    /// What was not read at the start, though it was signed.
    unread: Option<Unread>,
}

/// Leaves that were signed over and that nobody has read since the start: those under this size must have this root.
#[derive(Debug, Clone, Copy)]
struct Unread {
    size: u64,
    root: Hash,
}

/// A head of the log that was signed, and where it was found.
pub(crate) struct Signed {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) whose: &'static str,
}

impl Publisher {
    /// Compares the tree with what was signed, and the tiles with the leaves: all of them, or in a long log those behind
    /// its tiles, and [`Journal::read_behind`] the rest. Nothing is written before the leaves are known to be those that
    /// were signed over: what contradicts them is evidence.
    pub(crate) fn open(db: &Database, folder: &Path, signer: &Signer) -> Result<Self, Error> {
        make_folder(folder)?;
        let heads = signed_heads(db, folder, &signer.verifier())?;
        let (mut edge, unread) = match heads.first() {
            Some(first) if first.checkpoint.size > READ_AT_START_MAX => {
                resumed(db, folder, &first.checkpoint)?
            }
            Some(_) | None => (Edge::default(), None),
        };
        let mut is_damaged = false;
        for signed in heads {
            let Checkpoint { size, root, .. } = signed.checkpoint;
            let mut full = Vec::new();
            while edge.size() < size && take_page(&mut edge, db, size, &mut full)? {
                is_damaged |= !full.drain(..).all(|file| is_written(folder, &file));
            }
            agree(&edge, size, &root, signed.whose)?;
        }
        if is_damaged {
            tracing::warn!("tiles of the ledger are missing or damaged; they are written again");
            restore(db, folder, &edge)?;
        }
        Ok(Self {
            edge,
            pending: Vec::new(),
            is_complete: false,
            published: None,
            unread,
        })
    }

    /// Publishes all committed leaves and returns the checkpoint over them.
    pub(crate) fn publish(&mut self, inner: &Inner) -> Result<Published, Error> {
        self.write_pending(&inner.folder)?;
        while take_page(&mut self.edge, &inner.db, u64::MAX, &mut self.pending)? {
            self.write_pending(&inner.folder)?;
        }
        if let Some(published) = &self.published
            && self.is_complete
            && published.size == self.edge.size()
        {
            return Ok(published.clone());
        }
        self.is_complete = false;
        let partial = self.edge.partial();
        for file in &partial {
            write_tile(&inner.folder, file)?;
        }
        inner.crash.reach(CrashPoint::Tile);
        let published = sign(inner, self.edge.size(), self.edge.root())?;
        write_file(&inner.folder.join(CHECKPOINT), published.note.as_bytes())?;
        inner.crash.reach(CrashPoint::Checkpoint);
        self.is_complete = true;
        self.published = Some(published.clone());
        Ok(published)
    }

    /// Shows a checkpoint with cosignatures in the place of the same one with fewer; and, where they are enough, beside it
    /// for as long as no newer one has as many.
    pub(crate) fn show(
        &mut self,
        inner: &Inner,
        head: &Published,
        is_witnessed: bool,
    ) -> Result<(), Error> {
        if is_witnessed {
            write_file(&inner.folder.join(WITNESSED), head.note.as_bytes())?;
        }
        match &mut self.published {
            Some(published) if published.size == head.size && published.root == head.root => {
                head.note.clone_into(&mut published.note);
                write_file(&inner.folder.join(CHECKPOINT), head.note.as_bytes())
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Compares every tile with the leaves and writes those again that are missing or damaged.
    pub(crate) fn repair(&self, inner: &Inner) -> Result<(), Error> {
        restore(&inner.db, &inner.folder, &self.edge)
    }

    /// Writes out the tiles that are full; only then do their partial forms go, which readers of older checkpoints may
    /// still ask for. One that cannot be written stays, and later ones behind it.
    fn write_pending(&mut self, folder: &Path) -> Result<(), Error> {
        while let Some(file) = self.pending.first() {
            write_tile(folder, file)?;
            drop_partials(folder, &file.tile);
            self.pending.remove(0);
        }
        Ok(())
    }
}

impl Journal {
    /// Publishes after commits until told to stop, then once more.
    pub async fn run(&self, stop: CancellationToken) {
        let mut commits = self.inner.db.commits();
        loop {
            let stopping = tokio::select! {
                () = stop.cancelled() => true,
                changed = commits.changed() => changed.is_err(),
            };
            let mut pause = CHECKPOINT_INTERVAL;
            if let Err(error) = self.publish().await {
                tracing::error!(%error, "the ledger's checkpoint could not be published; it is tried again");
                commits.mark_changed();
                pause = RETRY_INTERVAL;
            }
            if stopping {
                return;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}

impl Journal {
    /// Reads the leaves that the start did not, slowly, and compares them with what was signed and the tiles with them;
    /// tiles that are missing or damaged are written again. At once in a log that the start has read.
    ///
    /// # Errors
    /// [`Error::Rewritten`]: nothing may be recorded behind such leaves; those of the database and the files.
    pub async fn read_behind(&self, stop: CancellationToken) -> Result<(), Error> {
        let Some(unread) = self.lock_publisher().unread.take() else {
            return Ok(());
        };
        let mut edge = Edge::default();
        let mut is_damaged = false;
        let mut commits = self.inner.db.commit_count();
        while edge.size() < unread.size {
            let (inner, size) = (Arc::clone(&self.inner), unread.size);
            let page = spawn_blocking(move || {
                let mut full = Vec::new();
                let is_any = take_page(&mut edge, &inner.db, size, &mut full)?;
                let is_damaged = !full.iter().all(|file| is_written(&inner.folder, file));
                Ok::<_, Error>((edge, is_any, is_damaged))
            });
            let (read, is_any, is_page_damaged) = page.await.map_err(|_| Error::Interrupted)??;
            edge = read;
            is_damaged |= is_page_damaged;
            let known = std::mem::replace(&mut commits, self.inner.db.commit_count());
            let pause = if known == commits {
                AUDIT_PAUSE
            } else {
                AUDIT_PAUSE_FOR_WRITERS
            };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
            if !is_any {
                break;
            }
        }
        agree(&edge, unread.size, &unread.root, "the checkpoint kept")?;
        if is_damaged {
            tracing::warn!("tiles of the ledger are missing or damaged; they are written again");
            let journal = self.clone();
            spawn_blocking(move || journal.lock_publisher().repair(&journal.inner))
                .await
                .map_err(|_| Error::Interrupted)??;
        }
        Ok(())
    }
}

/// Goes on from the tiles of a log, up to a head that was signed, and says what was not read for it. Where the tiles do
/// not lead to that head, nothing is said of the leaves: they are read.
fn resumed(
    db: &Database,
    folder: &Path,
    head: &Checkpoint,
) -> Result<(Edge, Option<Unread>), Error> {
    let Checkpoint { size, root, .. } = *head;
    let full = size - size % u64::from(TILE_WIDTH);
    let read = |tile: &TileRef| fs::read(folder.join(tile.path())).ok();
    let Some(mut edge) = Edge::resume(full, read) else {
        return Ok((Edge::default(), None));
    };
    while edge.size() < size && take_page(&mut edge, db, size, &mut Vec::new())? {}
    if edge.size() != size || edge.root() != root {
        return Ok((Edge::default(), None));
    }
    Ok((edge, Some(Unread { size, root })))
}

/// Signs the head of the log. It is in the database before anyone sees it, so that no restart signs a fork of it.
fn sign(inner: &Inner, size: u64, root: Hash) -> Result<Published, Error> {
    let checkpoint = Checkpoint {
        origin: inner.signer.name().to_owned(),
        size,
        root,
    };
    let witnessed = inner.witnessed.borrow().clone();
    let note = match witnessed {
        // Signed before a restart, and cosigned.
        Some(witnessed) if witnessed.size == size && witnessed.root == root => witnessed.note,
        Some(_) | None => checkpoint.sign(&inner.signer)?,
    };
    let kept = note.clone();
    inner
        .db
        .write_blocking(move |unit| keep_checkpoint(unit, size, root, &kept))
        .map_err(|error: onshore_db::Error| error)?;
    Ok(Published { size, root, note })
}

/// Keeps a checkpoint in the place of the one before it.
pub(crate) fn keep_checkpoint(
    unit: &Unit<'_>,
    size: u64,
    root: Hash,
    note: &str,
) -> Result<(), onshore_db::Error> {
    unit.execute(
        "INSERT INTO checkpoint (one, size, root, note) VALUES (1, ?1, ?2, ?3)
         ON CONFLICT (one) DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note",
        params![size.cast_signed(), root.as_bytes(), note],
    )?;
    Ok(())
}

/// Returns the checkpoint that is kept, if it is the one that was signed.
pub(crate) fn kept_checkpoint(
    view: &View<'_>,
    verifier: &VerifierKey,
) -> Result<Option<Checkpoint>, Error> {
    let rewritten = |what: &str| {
        Err(Error::Rewritten {
            what: what.to_owned(),
        })
    };
    let kept: Option<(i64, [u8; 32], String)> =
        view.one("SELECT size, root, note FROM checkpoint", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let Some((size, root, note)) = kept else {
        return Ok(None);
    };
    let Ok(checkpoint) = Checkpoint::verify(&note, std::slice::from_ref(verifier)) else {
        return rewritten("the checkpoint kept is not signed with the ledger's key");
    };
    if checkpoint.size.cast_signed() != size || checkpoint.root != Hash(root) {
        return rewritten("the checkpoint kept is not the one signed");
    }
    Ok(Some(checkpoint))
}

/// Returns the heads of the log that are known to have been signed, smallest first: the one kept in the database, and
/// those that were published, which are newer ones when the database was rolled back.
pub(crate) fn signed_heads(
    db: &Database,
    folder: &Path,
    verifier: &VerifierKey,
) -> Result<Vec<Signed>, Error> {
    let mut heads = Vec::with_capacity(3);
    match db.read_blocking(|view| kept_checkpoint(view, verifier))? {
        Some(checkpoint) => heads.push(Signed {
            checkpoint,
            whose: "the checkpoint kept",
        }),
        None if has_leaves(db)? => {
            return Err(Error::Rewritten {
                what: "no checkpoint is kept, and there are leaves".to_owned(),
            });
        }
        None => {}
    }
    // A file that is missing, cut short or not ours says nothing; it is written again.
    for (file, whose) in [
        (CHECKPOINT, "the checkpoint published"),
        (WITNESSED, "the checkpoint that witnesses cosigned"),
    ] {
        let published = fs::read_to_string(folder.join(file))
            .ok()
            .and_then(|note| Checkpoint::verify(&note, std::slice::from_ref(verifier)).ok());
        heads.extend(published.map(|checkpoint| Signed { checkpoint, whose }));
    }
    heads.sort_by_key(|head| head.checkpoint.size);
    Ok(heads)
}

/// Whether anything was ever recorded.
pub(crate) fn has_leaves(db: &Database) -> Result<bool, Error> {
    let leaf = db.read_blocking(|view| view.one("SELECT 1 FROM leaves LIMIT 1", [], |_| Ok(())))?;
    Ok(leaf.is_some())
}

/// Takes a page of committed leaves into the edge, up to a size, and pushes the tiles they fill. Returns whether there
/// were any.
pub(crate) fn take_page(
    edge: &mut Edge,
    db: &Database,
    until: u64,
    full: &mut Vec<TileFile>,
) -> Result<bool, Error> {
    let from = edge.size().cast_signed();
    let wanted = i64::try_from(until - edge.size()).unwrap_or(i64::MAX);
    let leaves: Vec<(i64, Vec<u8>)> = db.read_blocking(|view| {
        view.all(
            "SELECT idx, body FROM leaves WHERE idx >= ?1 ORDER BY idx LIMIT ?2",
            params![from, LEAVES_PER_PAGE.min(wanted)],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    })?;
    for (index, leaf) in &leaves {
        if index.cast_unsigned() != edge.size() {
            return Err(Error::Rewritten {
                what: format!("leaf {} is missing", edge.size()),
            });
        }
        edge.append(leaf, full)?;
    }
    Ok(!leaves.is_empty())
}

/// Writes the tiles of the log that are missing or damaged, from its leaves, once these are known to be the right ones:
/// a tile that contradicts a changed leaf is evidence.
fn restore(db: &Database, folder: &Path, known: &Edge) -> Result<(), Error> {
    let found = rebuild(db, known.size(), |_| Ok(()))?;
    if found.size() != known.size() || found.root() != known.root() {
        return Err(Error::Rewritten {
            what: "leaves have changed since they were published".to_owned(),
        });
    }
    rebuild(db, known.size(), |file| write_tile(folder, file))?
        .partial()
        .iter()
        .try_for_each(|file| write_tile(folder, file))
}

/// Takes all leaves up to a size into an edge of its own and hands over every tile they fill.
fn rebuild(
    db: &Database,
    size: u64,
    mut each: impl FnMut(&TileFile) -> Result<(), Error>,
) -> Result<Edge, Error> {
    let mut edge = Edge::default();
    let mut full = Vec::new();
    while edge.size() < size && take_page(&mut edge, db, size, &mut full)? {
        full.drain(..).try_for_each(|file| each(&file))?;
    }
    Ok(edge)
}

pub(crate) fn is_written(folder: &Path, file: &TileFile) -> bool {
    fs::read(folder.join(file.tile.path())).is_ok_and(|found| found == file.bytes)
}

fn write_tile(folder: &Path, file: &TileFile) -> Result<(), Error> {
    if is_written(folder, file) {
        return Ok(());
    }
    write_file(&folder.join(file.tile.path()), &file.bytes)
}

/// Removes the partial forms of a tile that is now full.
fn drop_partials(folder: &Path, tile: &TileRef) {
    let mut partials = folder.join(tile.path()).into_os_string();
    partials.push(".p");
    // Most full tiles of a restart have none; one that stays behind is only untidy.
    drop(fs::remove_dir_all(partials));
}

/// Puts a file in place whole: readers see the old bytes or the new ones. It is not forced to disk: what a power cut
/// takes, the next start writes again from the leaves.
fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let fail = |source| Error::File {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    let mut staging = path.as_os_str().to_owned();
    staging.push(".new");
    fs::write(&staging, bytes).map_err(fail)?;
    fs::rename(&staging, path).map_err(fail)
}

fn make_folder(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|source| Error::File {
        path: folder.to_owned(),
        source,
    })
}
