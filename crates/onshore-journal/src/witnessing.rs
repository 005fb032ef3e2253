//! What witnesses are asked, and what they answered: cosignatures are kept in the database before anyone is shown them.

use std::time::Duration;

use onshore_db::params;
use onshore_ledger::{
    AddCheckpoint, Hash, Note, NoteSignature, TlogPolicy, consistency_path, node_from_tiles,
};

use crate::journal::Published;
use crate::publisher::keep_checkpoint;
use crate::{Error, Journal};

/// A checkpoint that was published.
#[derive(Debug, Clone)]
pub struct Head {
    /// The number of leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// The signed note.
    pub note: String,
}

/// A witness's word on a checkpoint, verified by whoever asked.
#[derive(Debug, Clone)]
pub struct Cosignature {
    /// The witness's key, as text.
    pub witness: String,
    /// When it cosigned, in seconds since 1970.
    pub time_s: u64,
    /// The signature line.
    pub line: NoteSignature,
}

/// What a witness cosigned last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessState {
    /// What the policy calls it.
    pub name: String,
    /// Its key, as text.
    pub key: String,
    /// Where it is asked.
    pub url: Option<String>,
    /// The size it cosigned, and when in seconds since 1970; none where it never did.
    pub cosigned: Option<(u64, u64)>,
}

impl Journal {
    /// Returns the witnesses that are asked, and how many are enough; none where no witness is configured.
    #[must_use]
    pub fn witnesses(&self) -> Option<&TlogPolicy> {
        self.inner.witnesses.as_ref()
    }

    /// Returns the newest published checkpoint.
    #[must_use]
    pub fn head(&self) -> Head {
        self.inner.published.borrow().clone().into()
    }

    /// Returns the newest checkpoint that enough witnesses cosigned.
    #[must_use]
    pub fn witnessed(&self) -> Option<Head> {
        self.inner.witnessed.borrow().clone().map(Head::from)
    }

    /// Waits until enough witnesses cosigned a checkpoint of at least this size, and returns whether that happened in time.
    pub async fn await_witnessed(&self, size: u64, patience: Duration) -> bool {
        let mut witnessed = self.inner.witnessed.subscribe();
        let reached =
            witnessed.wait_for(|head| head.as_ref().is_some_and(|head| head.size >= size));
        tokio::time::timeout(patience, reached)
            .await
            .is_ok_and(|reached| reached.is_ok())
    }

    /// Waits for the next checkpoint after one of this size.
    pub async fn await_published(&self, size: u64) {
        let mut published = self.inner.published.subscribe();
        // The sender lives in this journal: it cannot be gone.
        drop(published.wait_for(|head| head.size > size).await);
    }

    /// Makes the request that a witness cosigns a checkpoint, which extends what it cosigned last.
    ///
    /// # Errors
    /// [`Error::Ledger`] when the witness cosigned more than there is, or a tile is missing.
    pub async fn ask(&self, head: &Head, old_size: u64) -> Result<AddCheckpoint, Error> {
        let (journal, head) = (self.clone(), head.clone());
        tokio::task::spawn_blocking(move || {
            let mut read = |tile: &_| journal.tile(tile);
            let proof = consistency_path(old_size, head.size, |node| {
                node_from_tiles(head.size, node, &mut read)
            })?;
            Ok(AddCheckpoint {
                old_size,
                proof,
                note: Note::parse(&head.note)?,
            })
        })
        .await
        .map_err(|_| Error::Interrupted)?
    }

    /// Keeps what witnesses said of a checkpoint, then shows it: in the place of the checkpoint where that is still the
    /// newest one, and as the witnessed one where they are enough. Returns whether they are.
    ///
    /// # Errors
    /// Those of the database and the files.
    pub async fn keep_cosigned(
        &self,
        head: &Head,
        cosigned: Vec<Cosignature>,
    ) -> Result<bool, Error> {
        let (journal, head) = (self.clone(), head.clone());
        tokio::task::spawn_blocking(move || journal.keep_cosigned_blocking(&head, cosigned))
            .await
            .map_err(|_| Error::Interrupted)?
    }

    fn keep_cosigned_blocking(
        &self,
        head: &Head,
        cosigned: Vec<Cosignature>,
    ) -> Result<bool, Error> {
        let lines = cosigned.iter().map(|by| by.line.clone());
        let note = Note::parse(&head.note)?.with(lines);
        let is_enough = self
            .witnesses()
            .is_some_and(|policy| policy.asks_for_witnesses() && policy.require(&note).is_ok());
        let head = Published {
            size: head.size,
            root: head.root,
            note: note.to_string(),
        };
        // While this lock is held no newer checkpoint takes the place of what is compared here.
        let mut publisher = self.lock_publisher();
        let is_newest = self.inner.published.borrow().size == head.size;
        let is_newer = self
            .inner
            .witnessed
            .borrow()
            .as_ref()
            .is_none_or(|kept| kept.size <= head.size);
        let is_witnessed = is_enough && is_newer;
        let kept = head.clone();
        self.inner
            .db
            .write_blocking(move |unit| {
                let (size, root) = (kept.size.cast_signed(), kept.root);
                for by in &cosigned {
                    unit.execute(
                        "INSERT INTO cosigned (witness, size, time_s) VALUES (?1, ?2, ?3)
                         ON CONFLICT (witness) DO UPDATE SET size = excluded.size, time_s = excluded.time_s",
                        params![by.witness, size, by.time_s.cast_signed()],
                    )?;
                }
                if is_newest {
                    keep_checkpoint(unit, kept.size, root, &kept.note)?;
                }
                if is_witnessed {
                    unit.execute(
                        "INSERT INTO witnessed (one, size, root, note) VALUES (1, ?1, ?2, ?3)
                         ON CONFLICT (one) DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note",
                        params![size, root.as_bytes(), kept.note],
                    )?;
                }
                Ok(())
            })
            .map_err(|error: onshore_db::Error| error)?;
        publisher.show(&self.inner, &head, is_witnessed)?;
        if is_newest {
            self.inner.published.send_if_modified(|now| {
                now.note.clone_from(&head.note);
                false
            });
        }
        if is_witnessed {
            self.inner.witnessed.send_replace(Some(head));
        }
        Ok(is_enough)
    }

    /// Returns what each witness cosigned last.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn witness_states(&self) -> Result<Vec<WitnessState>, Error> {
        let kept: Vec<(String, i64, i64)> = self
            .inner
            .db
            .read(|view| {
                view.all("SELECT witness, size, time_s FROM cosigned", [], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })
            })
            .await
            .map_err(|error: onshore_db::Error| error)?;
        let witnesses = self.witnesses().map_or(&[][..], TlogPolicy::witnesses);
        Ok(witnesses
            .iter()
            .map(|witness| {
                let key = witness.key.to_string();
                let cosigned = kept.iter().find(|(kept, ..)| *kept == key);
                WitnessState {
                    name: witness.name.clone(),
                    url: witness.url.clone(),
                    cosigned: cosigned
                        .map(|(_, size, time_s)| (size.cast_unsigned(), time_s.cast_unsigned())),
                    key,
                }
            })
            .collect())
    }
}

impl From<Published> for Head {
    fn from(published: Published) -> Self {
        let Published { size, root, note } = published;
        Self { size, root, note }
    }
}
