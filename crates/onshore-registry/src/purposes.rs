//! What buckets hold data for, and until when: each declaration is kept, and the last one counts.

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_orders::LawfulBasis;
use onshore_types::{BucketId, PrincipalId, Timestamp, Wording};

use crate::rows::{bytes16, count, parsed_opt, time, time_opt};
use crate::{Error, Registry};

/// What a bucket holds data for, as somebody declared it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purpose {
    /// Which bucket.
    pub bucket: BucketId,
    /// The number of the declaration, from one.
    pub revision: u64,
    /// For what; none where an earlier declaration was taken back.
    pub purpose: Option<Wording>,
    /// On which ground.
    pub basis: Option<LawfulBasis>,
    /// Where the consents are kept.
    pub consent: Option<Wording>,
    /// Until when it is kept.
    pub until: Option<Timestamp>,
    /// For how many days each object is kept.
    pub keep_days: Option<u32>,
    /// When that was declared.
    pub declared: Timestamp,
    /// By whom.
    pub by: PrincipalId,
}

const COLUMNS: &str = "SELECT bucket, revision, purpose, basis, consent, until_ms, keep_days, declared_ms, declared_by FROM purposes";

impl Registry {
    /// Saves a declaration behind those that there are, and returns it with its number.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_purpose(&self, unit: &Unit<'_>, purpose: Purpose) -> Result<Purpose, Error> {
        let revision = unit.one(
            "INSERT INTO purposes (bucket, revision, purpose, until_ms, declared_ms, declared_by, basis, consent, keep_days)
             SELECT ?1, coalesce(max(revision), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM purposes WHERE bucket = ?1
             RETURNING revision",
            params![
                purpose.bucket.as_bytes(),
                purpose.purpose.as_ref().map(Wording::as_str),
                purpose.until.map(Timestamp::as_millis),
                purpose.declared.as_millis(),
                purpose.by.as_bytes(),
                purpose.basis.map(LawfulBasis::word),
                purpose.consent.as_ref().map(Wording::as_str),
                purpose.keep_days
            ],
            |row| count(row, "revision"),
        )?;
        Ok(Purpose {
            revision: revision.unwrap_or_default(),
            ..purpose
        })
    }

    /// Returns every declaration for a bucket, the last one first.
    ///
    /// # Errors
    /// Those of the database; [`Error::Unreadable`].
    pub fn purposes(&self, view: &View<'_>, bucket: BucketId) -> Result<Vec<Purpose>, Error> {
        Ok(view.all(
            &format!("{COLUMNS} WHERE bucket = ?1 ORDER BY revision DESC"),
            [bucket.as_bytes()],
            purpose,
        )?)
    }

    /// Returns what counts for every bucket that something was ever declared for.
    ///
    /// # Errors
    /// Those of the database; [`Error::Unreadable`].
    pub fn purposes_in_force(&self, view: &View<'_>) -> Result<Vec<Purpose>, Error> {
        Ok(view.all(
            &format!(
                "{COLUMNS} AS last WHERE revision = (SELECT max(revision) FROM purposes WHERE bucket = last.bucket)"
            ),
            [],
            purpose,
        )?)
    }
}

fn purpose(row: &Row<'_>) -> Result<Purpose, RowError> {
    Ok(Purpose {
        bucket: BucketId::from_bytes(bytes16(row, "bucket")?),
        revision: count(row, "revision")?,
        purpose: parsed_opt(row, "purpose")?,
        basis: parsed_opt(row, "basis")?,
        consent: parsed_opt(row, "consent")?,
        until: time_opt(row, "until_ms")?,
        keep_days: row.get("keep_days")?,
        declared: time(row, "declared_ms")?,
        by: PrincipalId::from_bytes(bytes16(row, "declared_by")?),
    })
}
