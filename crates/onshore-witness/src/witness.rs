//! What was cosigned, and judging what is asked next.

use std::fmt;
use std::sync::Arc;

use onshore_db::{Database, Schema, Unit, View, params};
use onshore_ledger::{
    AddCheckpoint, Checkpoint, CosignedHead, Cosigner, Hash, NoteSignature, VerifierKey,
    WitnessKey, WitnessRefusal,
};
use onshore_types::Timestamp;

use crate::{Error, WitnessFolder};

const SCHEMA: Schema = Schema {
    keeper: "witness",
    steps: &["
    CREATE TABLE cosigned (
        origin TEXT PRIMARY KEY,
        size INTEGER NOT NULL,
        root BLOB NOT NULL,
        note TEXT NOT NULL,
        time_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    "],
};

/// Tells what time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A witness at work. Clones share it.
#[derive(Clone)]
pub struct Witness {
    inner: Arc<Inner>,
}

struct Inner {
    db: Database,
    cosigner: Cosigner,
    logs: Vec<VerifierKey>,
    clock: Clock,
}

/// What a witness answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The checkpoint is cosigned, and kept.
    Cosigned(NoteSignature),
    /// It is not.
    Refused(WitnessRefusal),
}

/// A log as the witness knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// The log's name.
    pub origin: String,
    /// How many leaves it had.
    pub size: u64,
    /// When that was cosigned.
    pub time: Timestamp,
    /// The checkpoint that was cosigned, as the log signed it.
    pub note: String,
}

impl Witness {
    /// Opens the witness in a folder.
    ///
    /// # Errors
    /// Those of the database.
    pub fn open(folder: WitnessFolder, clock: Clock) -> Result<Self, Error> {
        let db = Database::open(folder.database(), &[SCHEMA], onshore_db::Options::default())?;
        let (cosigner, logs) = folder.into_parts();
        Ok(Self {
            inner: Arc::new(Inner {
                db,
                cosigner,
                logs,
                clock,
            }),
        })
    }

    /// Returns the key that checks its cosignatures.
    #[must_use]
    pub fn key(&self) -> &WitnessKey {
        self.inner.cosigner.key()
    }

    /// Judges a request; a cosignature is returned once what it is over is on stable storage.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn add_checkpoint(&self, body: &[u8]) -> Result<Answer, Error> {
        let judged = AddCheckpoint::parse(body).and_then(|asked| {
            let checkpoint = asked.checkpoint(&self.inner.logs)?;
            Ok((asked, checkpoint))
        });
        let (asked, checkpoint) = match judged {
            Ok(judged) => judged,
            Err(refusal) => return Ok(Answer::Refused(refusal)),
        };
        let now = (self.inner.clock)();
        let note = asked.note.clone();
        let kept = self
            .inner
            .db
            .write(move |unit| keep(unit, &asked, &checkpoint, now))
            .await?;
        if let Some(refusal) = kept {
            return Ok(Answer::Refused(refusal));
        }
        let time_s = u64::try_from(now.as_seconds()).unwrap_or_default();
        Ok(Answer::Cosigned(self.inner.cosigner.cosign(&note, time_s)?))
    }

    /// Returns the logs that it cosigned for.
    ///
    /// # Errors
    /// Those of the database.
    pub fn watched(folder: &WitnessFolder) -> Result<Vec<Watched>, Error> {
        if !folder.database().exists() {
            return Ok(Vec::new());
        }
        let db = Database::open_for_reading(folder.database(), &[SCHEMA])?;
        Ok(db.read_blocking(|view| {
            view.all(
                "SELECT origin, size, time_ms, note FROM cosigned ORDER BY origin",
                [],
                |row| {
                    Ok(Watched {
                        origin: row.get(0)?,
                        size: row.get::<_, i64>(1)?.cast_unsigned(),
                        time: Timestamp::from_millis(row.get(2)?),
                        note: row.get(3)?,
                    })
                },
            )
        })?)
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witness")
            .field("cosigner", &self.inner.cosigner)
            .field("logs", &self.inner.logs)
            .finish_non_exhaustive()
    }
}

/// Keeps a checkpoint that extends what was cosigned last, or says why it does not.
fn keep(
    unit: &Unit<'_>,
    asked: &AddCheckpoint,
    checkpoint: &Checkpoint,
    now: Timestamp,
) -> Result<Option<WitnessRefusal>, onshore_db::Error> {
    let last = last(unit, &checkpoint.origin)?;
    if let Err(refusal) = asked.judge(checkpoint, &last) {
        return Ok(Some(refusal));
    }
    unit.execute(
        "INSERT INTO cosigned (origin, size, root, note, time_ms) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note,
             time_ms = excluded.time_ms",
        params![
            checkpoint.origin,
            checkpoint.size.cast_signed(),
            checkpoint.root.as_bytes(),
            asked.note.to_string(),
            now.as_millis()
        ],
    )?;
    Ok(None)
}

fn last(view: &View<'_>, origin: &str) -> Result<CosignedHead, onshore_db::Error> {
    let kept: Option<(i64, [u8; 32])> = view.one(
        "SELECT size, root FROM cosigned WHERE origin = ?1",
        [origin],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(
        kept.map_or_else(CosignedHead::none, |(size, root)| CosignedHead {
            size: size.cast_unsigned(),
            root: Hash(root),
        }),
    )
}
