//! A log that goes on from a backup is a new log: the old one may have signed more than the backup knows, and nobody may
//! sign another tree of the same size. The new one takes over the leaves, has a key and a name of its own, and signs for
//! the first time when the leaf that names its predecessor is in it.

use onshore_db::{Database, Unit, View, params};
use onshore_keys::KeyProvider;
use onshore_ledger::{Checkpoint, Hash, Signer, Tree, VerifierKey, leaf_hash};

use crate::Error;
use crate::journal::{SEED_CONTEXT, kept_signer};
use crate::publisher::{keep_checkpoint, kept_checkpoint};

/// What stands between the name of the first log and what tells its successors apart.
const SUCCESSOR_MARK: &str = ".restored-";

/// The log that a new one takes over from, as the backup knows it.
#[derive(Debug, Clone)]
pub struct Predecessor {
    /// The key that checks it.
    pub verifier: VerifierKey,
    /// How many leaves it had signed.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// How many leaves there are; the last ones may not be signed yet.
    pub leaves: u64,
}

impl Predecessor {
    /// Returns the log in a database as it stands; none before the first start.
    ///
    /// # Errors
    /// [`Error::Key`] when the root key does not open the signing key; [`Error::Rewritten`] when what is kept is not
    /// what was signed; those of the database.
    pub fn in_database(db: &Database, keys: &dyn KeyProvider) -> Result<Option<Self>, Error> {
        db.read_blocking(|view| match kept_signer(view, keys)? {
            Some(signer) => Self::of(view, &signer),
            None => Ok(None),
        })
    }

    fn of(view: &View<'_>, signer: &Signer) -> Result<Option<Self>, Error> {
        let verifier = signer.verifier();
        let Some(checkpoint) = kept_checkpoint(view, &verifier)? else {
            return Ok(None);
        };
        let leaves = view.one("SELECT coalesce(max(idx) + 1, 0) FROM leaves", [], |row| {
            row.get(0)
        })?;
        Ok(Some(Self {
            verifier,
            size: checkpoint.size,
            root: checkpoint.root,
            leaves: leaves.map_or(0, i64::cast_unsigned),
        }))
    }
}

/// A new log on its way: its key is in place, its first checkpoint is not signed.
#[derive(Debug)]
#[must_use = "a log without a checkpoint is refused at start"]
pub struct Succession {
    signer: Signer,
    predecessor: Predecessor,
}

impl Succession {
    /// Puts a new key and a new name in the place of the old ones.
    ///
    /// # Errors
    /// [`Error::Key`] when the root key does not open the old signing key; [`Error::Rewritten`] when there is no log to
    /// take over.
    pub fn begin(unit: &Unit<'_>, keys: &dyn KeyProvider) -> Result<Self, Error> {
        let missing = || Error::Rewritten {
            what: "there is no log to take over".to_owned(),
        };
        let old = kept_signer(unit, keys)?.ok_or_else(missing)?;
        let predecessor = Predecessor::of(unit, &old)?.ok_or_else(missing)?;
        let (first, _) = old
            .name()
            .split_once(SUCCESSOR_MARK)
            .unwrap_or((old.name(), ""));
        let mark = hex::encode(onshore_keys::random::<8>());
        let name = format!("{first}{SUCCESSOR_MARK}{mark}");
        let seed: [u8; 32] = onshore_keys::random();
        let signer = Signer::from_seed(&name, &seed)?;
        let sealed = keys.wrap(SEED_CONTEXT, &seed).map_err(Error::Key)?;
        // Witnesses cosigned the old log.
        unit.execute("DELETE FROM witnessed", [])?;
        unit.execute("DELETE FROM cosigned", [])?;
        unit.execute(
            "UPDATE ledger_key SET name = ?1, sealed_seed = ?2",
            params![name, sealed],
        )?;
        Ok(Self {
            signer,
            predecessor,
        })
    }

    /// Returns the log that is taken over.
    #[must_use]
    pub fn predecessor(&self) -> &Predecessor {
        &self.predecessor
    }

    /// Compares the leaves with what the predecessor signed, signs the first checkpoint over all of them, and returns
    /// the key that checks it.
    ///
    /// # Errors
    /// [`Error::Rewritten`] when the leaves are not those that were signed over.
    pub fn complete(self, unit: &Unit<'_>) -> Result<VerifierKey, Error> {
        let Predecessor { size, root, .. } = self.predecessor;
        let mut tree = Tree::new();
        let mut found = (size == 0).then(|| tree.root());
        unit.each("SELECT body FROM leaves ORDER BY idx", [], |row| {
            tree.append(leaf_hash(&row.get::<_, Vec<u8>>(0)?));
            if tree.size() == size {
                found = Some(tree.root());
            }
            Ok(())
        })?;
        if found != Some(root) {
            return Err(Error::Rewritten {
                what: format!("the checkpoint kept has another root at size {size}"),
            });
        }
        let checkpoint = Checkpoint {
            origin: self.signer.name().to_owned(),
            size: tree.size(),
            root: tree.root(),
        };
        let note = checkpoint.sign(&self.signer)?;
        keep_checkpoint(unit, checkpoint.size, checkpoint.root, &note)?;
        Ok(self.signer.verifier())
    }
}
