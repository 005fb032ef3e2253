//! What was found damaged: kept beside what it tells of, so that each is reported once, and forgotten when that is
//! removed or sound again.

use onshore_db::{Row, RowError, Unit, params};
use onshore_types::{BucketId, Timestamp, UploadId, VersionId};

use crate::examination::{Examined, has_record};
use crate::reclaim::Owner;
use crate::round::FACTS_MISSING;
use crate::{Error, Store, columns};

/// What a version has for the number of a part.
const WHOLE: u32 = 0;

/// Something that is not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// What it is.
    pub examined: Examined,
    /// In which bucket.
    pub bucket: BucketId,
    /// What does not hold.
    pub what: &'static str,
}

/// Whether a damage was noted before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// It is new.
    Now,
    /// It was.
    Before,
    /// What is damaged was removed meanwhile: it is not noted.
    Gone,
}

/// A damage that was noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedDamage {
    /// What it is.
    pub examined: Examined,
    /// In which bucket.
    pub bucket: BucketId,
    /// What did not hold.
    pub what: String,
    /// When it was found.
    pub found: Timestamp,
}

impl Store {
    /// Notes a damage. Of one that was noted before, the first note stays.
    ///
    /// # Errors
    /// Those of the database.
    pub fn note_damage(
        &self,
        unit: &Unit<'_>,
        damage: &Damage,
        now: Timestamp,
    ) -> Result<Noted, Error> {
        // What has lost its facts has no record; everything else that is still there has.
        if has_record(unit, damage.examined)? == (damage.what == FACTS_MISSING) {
            return Ok(Noted::Gone);
        }
        let (owner, part) = owner_of(damage.examined);
        let noted = unit.execute(
            "INSERT INTO damaged (owner, part, bucket, what, found) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (owner, part) DO NOTHING",
            params![
                owner,
                part,
                damage.bucket.as_bytes(),
                damage.what,
                now.as_millis()
            ],
        )?;
        Ok(match noted {
            0 => Noted::Before,
            _ => Noted::Now,
        })
    }

    /// Forgets the damage of something that is sound again.
    ///
    /// # Errors
    /// Those of the database.
    pub fn forget_damage(&self, unit: &Unit<'_>, examined: Examined) -> Result<(), Error> {
        let (owner, part) = owner_of(examined);
        forget(unit, owner, part)
    }

    /// Whether any damage is noted of this.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn is_damage_noted(&self, examined: Examined) -> Result<bool, Error> {
        let (owner, part) = owner_of(examined);
        self.inner
            .db
            .read(move |view| {
                let row = view.one(
                    "SELECT 1 FROM damaged WHERE owner = ?1 AND part = ?2",
                    params![owner, part],
                    |_| Ok(()),
                )?;
                Ok(row.is_some())
            })
            .await
    }

    /// Returns of how many versions and parts damage is noted.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn damages(&self) -> Result<u32, Error> {
        self.inner
            .db
            .read(|view| {
                let count =
                    view.one("SELECT count(*) FROM damaged", params![], |row| row.get(0))?;
                Ok(count.unwrap_or_default())
            })
            .await
    }

    /// Returns the damages that are noted, the oldest first, so many at most.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn noted_damages(&self, limit: u32) -> Result<Vec<NotedDamage>, Error> {
        self.inner
            .db
            .read(move |view| {
                Ok(view.all(
                    "SELECT owner, part, bucket, what, found FROM damaged
                     ORDER BY found, owner, part LIMIT ?1",
                    params![limit],
                    noted,
                )?)
            })
            .await
    }
}

/// Forgets the damage of a part, or of a version.
pub(crate) fn forget(unit: &Unit<'_>, owner: Owner, part: u32) -> Result<(), Error> {
    unit.execute(
        "DELETE FROM damaged WHERE owner = ?1 AND part = ?2",
        params![owner, part],
    )?;
    Ok(())
}

/// Forgets all damage of a version or an upload, which is removed.
pub(crate) fn forget_all(unit: &Unit<'_>, owner: Owner) -> Result<(), Error> {
    unit.execute("DELETE FROM damaged WHERE owner = ?1", params![owner])?;
    Ok(())
}

fn noted(row: &Row<'_>) -> Result<NotedDamage, RowError> {
    let owner = columns::bytes16(row, 0)?;
    Ok(NotedDamage {
        examined: match row.get(1)? {
            WHOLE => Examined::Version(VersionId::from_bytes(owner)),
            number => Examined::Part {
                upload: UploadId::from_bytes(owner),
                number,
            },
        },
        bucket: BucketId::from_bytes(columns::bytes16(row, 2)?),
        what: row.get(3)?,
        found: Timestamp::from_millis(row.get(4)?),
    })
}

fn owner_of(examined: Examined) -> (Owner, u32) {
    match examined {
        Examined::Version(version) => (*version.as_bytes(), WHOLE),
        Examined::Part { upload, number } => (*upload.as_bytes(), number),
    }
}
