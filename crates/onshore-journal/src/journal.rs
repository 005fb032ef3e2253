//! The journal: opening it, recording leaves, reading them back and proving them.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use onshore_db::{CrashPoints, Database, Unit, View, params};
use onshore_keys::KeyProvider;
use onshore_ledger::{
    Checkpoint, Disclosure, Hash, ProofBundle, RelatedLeaf, Salt, Signer, TileRef, TlogPolicy,
    VerifierKey, encode_leaf, inclusion_path, leaf_hash, node_from_tiles, parse_leaf, parse_record,
    verify_inclusion,
};
use onshore_types::{LeafIndex, Timestamp};
use serde_json::Value;
use tokio::sync::watch;

use crate::publisher::{Publisher, has_leaves};
use crate::{Error, Leaf, RecordedLeaf, marks};

/// What the signing key is sealed for.
pub(crate) const SEED_CONTEXT: &[u8] = b"onshore ledger signing key";

/// How a journal is opened.
#[derive(Debug)]
pub struct Options {
    /// The folder of tiles and checkpoint.
    pub folder: PathBuf,
    /// The log's name: the origin of its checkpoints and the name of its key. Counts when the log is made.
    pub origin: String,
    /// The witnesses that are asked to cosign, and how many of them are enough.
    pub witnesses: Option<TlogPolicy>,
    /// Where tests let the process die.
    pub crash: CrashPoints,
}

/// The ledger on disk. Clones share it.
#[derive(Clone)]
pub struct Journal {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) db: Database,
    pub(crate) folder: PathBuf,
    pub(crate) signer: Signer,
    pub(crate) crash: CrashPoints,
    pub(crate) publisher: Mutex<Publisher>,
    pub(crate) published: watch::Sender<Published>,
    pub(crate) witnesses: Option<TlogPolicy>,
    /// The newest checkpoint that enough witnesses cosigned.
    pub(crate) witnessed: watch::Sender<Option<Published>>,
}

/// The newest checkpoint that everyone may see.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) size: u64,
    pub(crate) root: Hash,
    pub(crate) note: String,
}

impl Journal {
    /// Opens the ledger: makes its signing key on the first start, compares every leaf with the last signed
    /// checkpoint, writes what tiles are missing or damaged, and publishes a checkpoint over all committed leaves. It
    /// blocks: call it outside asynchronous code.
    ///
    /// # Errors
    /// [`Error::Rewritten`] when the leaves are not those that were signed over; [`Error::Key`] when the root key does
    /// not open the signing key; [`Error::Ledger`] when a witness has the ledger's own key.
    pub fn open(db: Database, keys: &dyn KeyProvider, options: Options) -> Result<Self, Error> {
        let signer = open_signer(&db, keys, &options.origin)?;
        if let Some(witnesses) = &options.witnesses {
            witnesses.check_logs(&[signer.verifier()])?;
        }
        let publisher = Publisher::open(&db, &options.folder, &signer)?;
        let witnessed = db.read_blocking(|view| kept_witnessed(view, &signer.verifier()))?;
        let (published, _) = watch::channel(Published {
            size: 0,
            root: onshore_ledger::empty_root(),
            note: String::new(),
        });
        let inner = Inner {
            db,
            folder: options.folder,
            signer,
            crash: options.crash,
            publisher: Mutex::new(publisher),
            published,
            witnesses: options.witnesses,
            witnessed: watch::channel(witnessed).0,
        };
        let journal = Self {
            inner: Arc::new(inner),
        };
        journal.publish_blocking()?;
        let witnessed = journal.inner.witnessed.borrow().clone();
        if let Some(witnessed) = witnessed {
            // Derived like every file of the folder: it comes back when it was deleted.
            journal
                .lock_publisher()
                .show(&journal.inner, &witnessed, true)?;
        }
        Ok(journal)
    }

    /// Adds a leaf inside a unit of work and returns its position. The position holds if the unit commits. A time before
    /// that of the leaf before it is raised to it: along the ledger time never runs backwards.
    ///
    /// # Errors
    /// Those of the database, and [`Error::Ledger`] for a leaf that is too long or cannot be written canonically.
    pub fn record(&self, unit: &Unit<'_>, leaf: Leaf) -> Result<LeafIndex, Error> {
        record(unit, leaf)
    }

    /// Returns the time of the newest leaf, before which nothing is recorded again.
    ///
    /// # Errors
    /// Those of the database.
    pub fn latest_time(&self) -> Result<Timestamp, Error> {
        let latest = self.inner.db.read_blocking(|view| {
            view.one(
                "SELECT time_ms FROM leaves ORDER BY idx DESC LIMIT 1",
                [],
                |row| row.get(0),
            )
        })?;
        Ok(Timestamp::from_millis(latest.unwrap_or(0)))
    }

    /// Returns the number of committed leaves.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn size(&self) -> Result<u64, Error> {
        let size = self
            .inner
            .db
            .read(|view| {
                view.one("SELECT coalesce(max(idx) + 1, 0) FROM leaves", [], |row| {
                    row.get(0)
                })
            })
            .await
            .map_err(|error: onshore_db::Error| error)?;
        Ok(size.map_or(0, i64::cast_unsigned))
    }

    /// Returns the number of leaves in the state that a view sees.
    ///
    /// # Errors
    /// Those of the database.
    pub fn size_in(&self, view: &View<'_>) -> Result<u64, Error> {
        let size = view.one("SELECT coalesce(max(idx) + 1, 0) FROM leaves", [], |row| {
            row.get(0)
        })?;
        Ok(size.map_or(0, i64::cast_unsigned))
    }

    /// Returns up to `limit` leaves from a position on.
    ///
    /// # Errors
    /// Those of the database, and of a leaf that is not what was written.
    pub async fn leaves(&self, from: LeafIndex, limit: u32) -> Result<Vec<RecordedLeaf>, Error> {
        let rows: Vec<(i64, i64, Vec<u8>)> = self
            .inner
            .db
            .read(move |view| {
                view.all(
                    "SELECT idx, time_ms, body FROM leaves WHERE idx >= ?1 ORDER BY idx LIMIT ?2",
                    params![from.cast_signed(), limit],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )
            })
            .await
            .map_err(|error: onshore_db::Error| error)?;
        rows.into_iter()
            .map(|(index, time, body)| {
                Ok(RecordedLeaf {
                    index: index.cast_unsigned(),
                    time: Timestamp::from_millis(time),
                    body: parse_leaf(&body)?,
                })
            })
            .collect()
    }

    /// Returns up to `limit` leaves that stand behind a position and are not older than an instant, each with what it commits
    /// to: for whoever may see that.
    ///
    /// # Errors
    /// Those of the database, and of a leaf or record that is not what was written.
    pub async fn disclosed_since(
        &self,
        since: Timestamp,
        from: LeafIndex,
        limit: u32,
    ) -> Result<Vec<(RecordedLeaf, Value)>, Error> {
        let rows: Vec<(i64, i64, Vec<u8>, Vec<u8>)> = self
            .inner
            .db
            .read(move |view| {
                view.all(
                    "SELECT leaves.idx, time_ms, body, record FROM leaves JOIN records ON records.idx = leaves.idx
                     WHERE leaves.idx >= ?1 AND time_ms >= ?2 ORDER BY leaves.idx LIMIT ?3",
                    params![from.cast_signed(), since.as_millis(), limit],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
                )
            })
            .await
            .map_err(|error: onshore_db::Error| error)?;
        rows.into_iter()
            .map(|(index, time, body, record)| {
                let leaf = RecordedLeaf {
                    index: index.cast_unsigned(),
                    time: Timestamp::from_millis(time),
                    body: parse_leaf(&body)?,
                };
                Ok((leaf, parse_leaf(&record)?))
            })
            .collect()
    }

    /// Returns the newest published checkpoint, a signed note.
    #[must_use]
    pub fn checkpoint(&self) -> String {
        self.inner.published.borrow().note.clone()
    }

    /// Returns the public key that checks this ledger's signatures.
    #[must_use]
    pub fn verifier(&self) -> VerifierKey {
        self.inner.signer.verifier()
    }

    /// Returns the signer, for documents that are to be checked with the ledger's key.
    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.inner.signer
    }

    /// Returns the folder that any web server may hand out.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        &self.inner.folder
    }

    /// Seals the signing key anew, under another root key.
    ///
    /// # Errors
    /// Those of the key providers and the database; [`Error::Rewritten`] where it is missing.
    pub fn seal_key_anew(
        &self,
        unit: &Unit<'_>,
        from: &dyn KeyProvider,
        to: &dyn KeyProvider,
    ) -> Result<(), Error> {
        let sealed: Option<Vec<u8>> =
            unit.one("SELECT sealed_seed FROM ledger_key", [], |row| row.get(0))?;
        let sealed = sealed.ok_or_else(|| Error::Rewritten {
            what: "the signing key is missing".to_owned(),
        })?;
        let seed = from.unwrap(SEED_CONTEXT, &sealed).map_err(Error::Key)?;
        let sealed = to.wrap(SEED_CONTEXT, seed.as_bytes()).map_err(Error::Key)?;
        unit.execute("UPDATE ledger_key SET sealed_seed = ?1", params![sealed])?;
        Ok(())
    }

    /// Proves a leaf, and others that belong to it, under a checkpoint that covers them all, and discloses what the
    /// journal itself keeps of their records.
    ///
    /// # Errors
    /// [`Error::NoSuchLeaf`], and those of the database and the tiles.
    pub async fn prove(
        &self,
        index: LeafIndex,
        related: Vec<LeafIndex>,
    ) -> Result<ProofBundle, Error> {
        let journal = self.clone();
        tokio::task::spawn_blocking(move || journal.prove_blocking(index, &related))
            .await
            .map_err(|_| Error::Interrupted)?
    }

    fn prove_blocking(
        &self,
        index: LeafIndex,
        related: &[LeafIndex],
    ) -> Result<ProofBundle, Error> {
        let newest = related.iter().copied().fold(index, u64::max);
        let head = self.head_over(newest)?;
        self.with_tiles(&head, |head| self.bundle(index, related, head))
    }

    /// Returns a checkpoint that covers a leaf: one that witnesses cosigned where there is one.
    pub(crate) fn head_over(&self, newest: LeafIndex) -> Result<Published, Error> {
        let witnessed = self.inner.witnessed.borrow().clone();
        if let Some(witnessed) = witnessed.filter(|head| head.size > newest) {
            return Ok(witnessed);
        }
        if self.inner.published.borrow().size <= newest {
            self.publish_blocking()?;
        }
        Ok(self.inner.published.borrow().clone())
    }

    /// Does what needs tiles; where some are missing or damaged they are written again, and it is done once more under the
    /// newest checkpoint.
    pub(crate) fn with_tiles<T>(
        &self,
        head: &Published,
        work: impl Fn(&Published) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let found = work(head);
        let Err(Error::Ledger(_)) = found else {
            return found;
        };
        // Two newer checkpoints may have dropped a partial tile meanwhile; while this lock is held none comes.
        let mut publisher = self.lock_publisher();
        let published = publisher.publish(&self.inner)?;
        let found = work(&published);
        let Err(Error::Ledger(error)) = found else {
            return found;
        };
        tracing::warn!(%error, "a tile of the ledger is missing or damaged; it is written again");
        publisher.repair(&self.inner)?;
        work(&published)
    }

    /// Reads a tile.
    pub(crate) fn tile(&self, tile: &TileRef) -> Option<Vec<u8>> {
        std::fs::read(self.inner.folder.join(tile.path())).ok()
    }

    fn bundle(
        &self,
        index: LeafIndex,
        related: &[LeafIndex],
        published: &Published,
    ) -> Result<ProofBundle, Error> {
        let (leaf, path, disclosure) = self.prove_one(index, published)?;
        let mut bundle = ProofBundle::new(leaf, index, path, published.note.clone());
        bundle.disclosure = disclosure;
        for &index in related {
            let (leaf, path, disclosure) = self.prove_one(index, published)?;
            bundle.related.push(RelatedLeaf {
                leaf,
                index,
                path,
                disclosure,
            });
        }
        Ok(bundle)
    }

    fn prove_one(&self, index: LeafIndex, published: &Published) -> Result<Proven, Error> {
        let size = published.size;
        let missing = Error::NoSuchLeaf { index, size };
        if index >= size {
            return Err(missing);
        }
        let row = self.inner.db.read_blocking(|view| {
            view.one(
                "SELECT body, salt, record FROM leaves LEFT JOIN records USING (idx) WHERE idx = ?1",
                [index.cast_signed()],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
        })?;
        let (leaf, salt, record): (Vec<u8>, Option<[u8; 32]>, Option<Vec<u8>>) =
            row.ok_or(missing)?;
        let mut read = |tile: &TileRef| self.tile(tile);
        let path = inclusion_path(index, size, |node| node_from_tiles(size, node, &mut read))?;
        // A damaged tile must not become a proof that nobody can check.
        verify_inclusion(&leaf_hash(&leaf), index, size, &path, &published.root)?;
        let disclosure = match (salt, record) {
            (Some(salt), Some(record)) => Some(Disclosure {
                salt: Salt::new(salt),
                record: parse_record(&record)?,
            }),
            _ => None,
        };
        Ok((leaf, path, disclosure))
    }

    /// Brings tiles and checkpoint up to the committed leaves.
    ///
    /// # Errors
    /// Those of the database and the files.
    pub async fn publish(&self) -> Result<(), Error> {
        let journal = self.clone();
        tokio::task::spawn_blocking(move || journal.publish_blocking())
            .await
            .map_err(|_| Error::Interrupted)?
    }

    pub(crate) fn lock_publisher(&self) -> MutexGuard<'_, Publisher> {
        self.inner
            .publisher
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn publish_blocking(&self) -> Result<(), Error> {
        let mut publisher = self.lock_publisher();
        let published = publisher.publish(&self.inner)?;
        self.inner.published.send_if_modified(|now| {
            let news = now.size != published.size || now.note.is_empty();
            *now = published;
            news
        });
        Ok(())
    }
}

/// Adds a leaf inside a unit of work, as [`Journal::record`] does, where the journal is not open.
///
/// # Errors
/// As for [`Journal::record`].
pub fn record(unit: &Unit<'_>, leaf: Leaf) -> Result<LeafIndex, Error> {
    let Leaf {
        time,
        body,
        disclosure,
    } = leaf;
    let Value::Object(mut body) = body else {
        return Err(Error::NotAnObject);
    };
    let newest: Option<(i64, i64)> = unit.one(
        "SELECT idx, time_ms FROM leaves ORDER BY idx DESC LIMIT 1",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let (index, time) = match newest {
        Some((index, latest)) => (index + 1, time.max(Timestamp::from_millis(latest))),
        None => (0, time),
    };
    body.insert("time".to_owned(), Value::String(time.to_string()));
    if let Some(Disclosure { salt, record }) = &disclosure {
        let commitment = onshore_ledger::commitment(salt.as_bytes(), record)?;
        body.insert("record".to_owned(), Value::String(commitment.to_string()));
    }
    let body = Value::Object(body);
    let bytes = encode_leaf(&body)?;
    unit.execute(
        "INSERT INTO leaves (idx, time_ms, body, hash) VALUES (?1, ?2, ?3, ?4)",
        params![index, time.as_millis(), bytes, leaf_hash(&bytes).as_bytes()],
    )?;
    marks::note(unit, index, &body)?;
    if let Some(Disclosure { salt, record }) = &disclosure {
        unit.execute(
            "INSERT INTO records (idx, salt, record) VALUES (?1, ?2, ?3)",
            params![index, salt.as_bytes(), onshore_ledger::canonical(record)?],
        )?;
    }
    Ok(index.cast_unsigned())
}

/// Returns the checkpoint that enough witnesses cosigned, if it is this log's.
pub(crate) fn kept_witnessed(
    view: &View<'_>,
    verifier: &VerifierKey,
) -> Result<Option<Published>, Error> {
    let note: Option<String> = view.one("SELECT note FROM witnessed", [], |row| row.get(0))?;
    let Some(note) = note else {
        return Ok(None);
    };
    let keys = std::slice::from_ref(verifier);
    let Checkpoint { size, root, .. } =
        Checkpoint::verify(&note, keys).map_err(|_| Error::Rewritten {
            what: "the witnessed checkpoint kept is not signed with the ledger's key".to_owned(),
        })?;
    Ok(Some(Published { size, root, note }))
}

/// A leaf's bytes, its inclusion proof, and its disclosure where the journal keeps one.
type Proven = (Vec<u8>, Vec<Hash>, Option<Disclosure>);

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("folder", &self.inner.folder)
            .finish_non_exhaustive()
    }
}

/// Opens the signing key that is kept; none before the first start.
pub(crate) fn kept_signer(
    view: &View<'_>,
    keys: &dyn KeyProvider,
) -> Result<Option<Signer>, Error> {
    let kept: Option<(String, Vec<u8>)> =
        view.one("SELECT name, sealed_seed FROM ledger_key", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let Some((name, sealed)) = kept else {
        return Ok(None);
    };
    let seed = keys.unwrap(SEED_CONTEXT, &sealed).map_err(Error::Key)?;
    let seed = Hash::from_slice(seed.as_bytes())?;
    Ok(Some(Signer::from_seed(&name, seed.as_bytes())?))
}

fn open_signer(db: &Database, keys: &dyn KeyProvider, origin: &str) -> Result<Signer, Error> {
    if let Some(signer) = db.read_blocking(|view| kept_signer(view, keys))? {
        return Ok(signer);
    }
    let signed = db.read_blocking(|view| view.one("SELECT 1 FROM checkpoint", [], |_| Ok(())))?;
    if signed.is_some() || has_leaves(db)? {
        return Err(Error::Rewritten {
            what: "the signing key is missing".to_owned(),
        });
    }
    let seed: [u8; 32] = onshore_keys::random();
    let signer = Signer::from_seed(origin, &seed)?;
    let sealed = keys.wrap(SEED_CONTEXT, &seed).map_err(Error::Key)?;
    let name = origin.to_owned();
    db.write_blocking(move |unit| {
        unit.execute(
            "INSERT INTO ledger_key (one, name, sealed_seed) VALUES (1, ?1, ?2)",
            params![name, sealed],
        )
    })
    .map_err(|error: onshore_db::Error| error)?;
    Ok(signer)
}
