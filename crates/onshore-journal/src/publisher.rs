//! The publisher: turns committed leaves into tiles, and signs a checkpoint over them.
//!
//! Order matters: tiles first, then the checkpoint into the database, then the checkpoint where others see it. A crash
//! between any two of these leaves a state from which the next start goes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use onshore_db::{CrashPoint, Database, params};
use onshore_ledger::{Checkpoint, Hash, Signer, TileRef};
use tokio_util::sync::CancellationToken;

use crate::journal::{Inner, Published};
use crate::tiles::{Edge, TileFile};
use crate::{Error, Journal};

/// Leaves taken from the database at once.
const LEAVES_PER_PAGE: i64 = 4096;
/// The least time between two checkpoints: many leaves share one signature.
const CHECKPOINT_INTERVAL: Duration = Duration::from_millis(100);

/// The state of publication.
#[derive(Debug)]
pub(crate) struct Publisher {
    edge: Edge,
    /// Partial tiles of the newest and of the last but one checkpoint: older ones nobody needs.
    newest: Vec<PathBuf>,
    before: Vec<PathBuf>,
    /// Whether the files of the newest checkpoint are all written.
    is_complete: bool,
    published: Option<Published>,
}

impl Publisher {
    /// Reads every leaf once: compares the tree with the last signed checkpoint and the tiles with the leaves.
    pub(crate) fn open(db: &Database, folder: &Path, signer: &Signer) -> Result<Self, Error> {
        make_folder(folder)?;
        let signed: Option<(i64, [u8; 32], String)> = db.read_blocking(|view| {
            view.one("SELECT size, root, note FROM checkpoint", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
        })?;
        let mut edge = Edge::default();
        if let Some((size, root, note)) = signed {
            let signed = Checkpoint::verify(&note, &[signer.verifier()])?;
            if signed.size.cast_signed() != size || signed.root != Hash(root) {
                return Err(Error::Rewritten {
                    what: "the checkpoint kept is not the one signed".to_owned(),
                });
            }
            advance(&mut edge, db, folder, signed.size)?;
            if edge.size() < signed.size {
                let what = format!(
                    "{} leaves were signed over, {} are there",
                    signed.size,
                    edge.size()
                );
                return Err(Error::Rewritten { what });
            }
            if edge.root() != signed.root {
                return Err(Error::Rewritten {
                    what: format!("another root at size {}", signed.size),
                });
            }
        }
        Ok(Self {
            edge,
            newest: Vec::new(),
            before: Vec::new(),
            is_complete: false,
            published: None,
        })
    }

    /// Publishes all committed leaves and returns the checkpoint over them.
    pub(crate) fn publish(&mut self, inner: &Inner) -> Result<Published, Error> {
        let size_before = self.edge.size();
        let grown = advance(&mut self.edge, &inner.db, &inner.folder, u64::MAX);
        if grown.is_err() {
            // Leaves taken in but not written out: start again from the leaves, the next time.
            self.edge = Edge::default();
        }
        grown?;
        if let (true, true, Some(published)) = (
            self.is_complete,
            size_before == self.edge.size(),
            &self.published,
        ) {
            return Ok(published.clone());
        }
        self.is_complete = false;
        let partial = self.edge.partial();
        for file in &partial {
            write_tile(&inner.folder, file)?;
        }
        inner.crash.reach(CrashPoint::Tile);
        let published = sign(inner, self.edge.size(), self.edge.root())?;
        write_file(&inner.folder.join("checkpoint"), published.note.as_bytes())?;
        inner.crash.reach(CrashPoint::Checkpoint);
        self.is_complete = true;
        self.published = Some(published.clone());
        self.drop_stale(
            partial
                .iter()
                .map(|file| inner.folder.join(file.tile.path()))
                .collect(),
        );
        Ok(published)
    }

    /// Removes partial tiles that neither this checkpoint nor the one before needs.
    fn drop_stale(&mut self, now: Vec<PathBuf>) {
        for path in &self.before {
            if !now.contains(path) && !self.newest.contains(path) {
                // A partial tile that stays behind is only untidy.
                drop(fs::remove_file(path));
            }
        }
        self.before = std::mem::replace(&mut self.newest, now);
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
            if let Err(error) = self.publish().await {
                tracing::error!(%error, "the ledger's checkpoint could not be published; it is tried again with the next commit");
            }
            if stopping {
                return;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(CHECKPOINT_INTERVAL) => {}
            }
        }
    }
}

/// Signs the head of the log. It is in the database before anyone sees it, so that no restart signs a fork of it.
fn sign(inner: &Inner, size: u64, root: Hash) -> Result<Published, Error> {
    let checkpoint = Checkpoint {
        origin: inner.signer.name().to_owned(),
        size,
        root,
    };
    let note = checkpoint.sign(&inner.signer)?;
    let kept = note.clone();
    inner
        .db
        .write_blocking(move |unit| {
            unit.execute(
                "INSERT INTO checkpoint (one, size, root, note) VALUES (1, ?1, ?2, ?3)
                 ON CONFLICT (one) DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note",
                params![size.cast_signed(), root.as_bytes(), kept],
            )
        })
        .map_err(|error: onshore_db::Error| error)?;
    Ok(Published { size, root, note })
}

/// Takes committed leaves into the edge, up to a size, and writes the tiles that they fill.
fn advance(edge: &mut Edge, db: &Database, folder: &Path, until: u64) -> Result<(), Error> {
    while edge.size() < until {
        let from = edge.size().cast_signed();
        let limit = LEAVES_PER_PAGE.min(
            (until - edge.size())
                .min(i64::MAX.cast_unsigned())
                .cast_signed(),
        );
        let leaves: Vec<(i64, Vec<u8>)> = db.read_blocking(|view| {
            view.all(
                "SELECT idx, body FROM leaves WHERE idx >= ?1 ORDER BY idx LIMIT ?2",
                params![from, limit],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
        })?;
        if leaves.is_empty() {
            return Ok(());
        }
        let mut full = Vec::new();
        for (index, leaf) in &leaves {
            if index.cast_unsigned() != edge.size() {
                return Err(Error::Rewritten {
                    what: format!("leaf {} is missing", edge.size()),
                });
            }
            edge.append(leaf, &mut full)?;
        }
        for file in &full {
            write_tile(folder, file)?;
            drop_partials(folder, &file.tile);
        }
    }
    Ok(())
}

fn write_tile(folder: &Path, file: &TileFile) -> Result<(), Error> {
    let path = folder.join(file.tile.path());
    if fs::read(&path).is_ok_and(|found| found == file.bytes) {
        return Ok(());
    }
    write_file(&path, &file.bytes)
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
