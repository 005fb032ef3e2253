//! Labels that somebody proposes to loosen, and what became of that.

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_types::{
    BucketId, Label, LooseningId, PrincipalId, TenantId, Timestamp, VersionId, Wording,
};

use crate::rows::{bytes16, parsed, time, time_opt};
use crate::support::{person, vouched, written};
use crate::{Error, Registry, Vouched};

/// What is to be loosened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LooseningOf {
    /// What a bucket makes of what comes.
    Bucket,
    /// The label of a version.
    Version {
        /// Which.
        version: VersionId,
        /// The key it was proposed under, for people.
        key: String,
        /// Stands for everything that the label was made of.
        seen: [u8; 32],
    },
}

/// A label that is to be loosened, on the words of two people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loosening {
    /// Its id.
    pub id: LooseningId,
    /// Whose data it is.
    pub tenant: TenantId,
    /// In which bucket.
    pub bucket: BucketId,
    /// What of it.
    pub of: LooseningOf,
    /// The label that was seen.
    pub from: Label,
    /// The label that it is to be.
    pub to: Label,
    /// Why.
    pub reason: Wording,
    /// Who proposed it.
    pub proposed: Vouched,
    /// Who approved it, with which it came about.
    pub approved: Option<Vouched>,
    /// When, and with which token, it was taken back before that.
    pub withdrawn: Option<(Timestamp, PrincipalId)>,
}

const COLUMNS: &str = "SELECT id, tenant, bucket, version, key, seen, was, becomes, reason, proposed_ms, proposed_by, proposer, \
                       approved_ms, approved_by, approver, withdrawn_ms, withdrawn_by FROM loosenings";

impl Registry {
    /// Saves what somebody proposes.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_loosening(&self, unit: &Unit<'_>, loosening: &Loosening) -> Result<(), Error> {
        let (version, key, seen) = match &loosening.of {
            LooseningOf::Bucket => (None, None, None),
            LooseningOf::Version { version, key, seen } => {
                (Some(version.as_bytes()), Some(key), Some(seen))
            }
        };
        unit.execute(
            "INSERT INTO loosenings (id, tenant, bucket, version, key, seen, was, becomes, reason, proposed_ms, proposed_by, proposer)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            params![
                loosening.id.as_bytes(),
                loosening.tenant.as_bytes(),
                loosening.bucket.as_bytes(),
                version,
                key,
                seen,
                loosening.from.to_string(),
                loosening.to.to_string(),
                loosening.reason.as_str(),
                loosening.proposed.at.as_millis(),
                loosening.proposed.by.as_bytes(),
                written(&loosening.proposed.person),
            ],
        )?;
        Ok(())
    }

    /// Saves the second word.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_loosening_approval(
        &self,
        unit: &Unit<'_>,
        id: LooseningId,
        approved: &Vouched,
    ) -> Result<(), Error> {
        unit.execute(
            "UPDATE loosenings SET approved_ms = ?2, approved_by = ?3, approver = ?4 WHERE id = ?1",
            params![
                id.as_bytes(),
                approved.at.as_millis(),
                approved.by.as_bytes(),
                written(&approved.person)
            ],
        )?;
        Ok(())
    }

    /// Takes back what was proposed.
    ///
    /// # Errors
    /// Those of the database.
    pub fn withdraw_loosening(
        &self,
        unit: &Unit<'_>,
        id: LooseningId,
        by: PrincipalId,
        now: Timestamp,
    ) -> Result<(), Error> {
        unit.execute(
            "UPDATE loosenings SET withdrawn_ms = ?2, withdrawn_by = ?3 WHERE id = ?1",
            params![id.as_bytes(), now.as_millis(), by.as_bytes()],
        )?;
        Ok(())
    }

    /// Looks one up.
    ///
    /// # Errors
    /// [`Error::NoSuchLoosening`].
    pub fn loosening(&self, view: &View<'_>, id: LooseningId) -> Result<Loosening, Error> {
        view.one(
            &format!("{COLUMNS} WHERE id = ?1"),
            [id.as_bytes()],
            loosening,
        )?
        .ok_or(Error::NoSuchLoosening(id))
    }

    /// Returns all of them, newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn loosenings(&self) -> Result<Vec<Loosening>, Error> {
        let found = self
            .db
            .read(|view| {
                view.all(
                    &format!("{COLUMNS} ORDER BY proposed_ms DESC, id"),
                    [],
                    loosening,
                )
            })
            .await;
        Ok(found.map_err(|error: onshore_db::Error| error)?)
    }
}

fn loosening(row: &Row<'_>) -> Result<Loosening, RowError> {
    let of = match row.get::<_, Option<[u8; 16]>>("version")? {
        None => LooseningOf::Bucket,
        Some(version) => LooseningOf::Version {
            version: VersionId::from_bytes(version),
            key: row.get("key")?,
            seen: row.get("seen")?,
        },
    };
    let withdrawn = match time_opt(row, "withdrawn_ms")? {
        None => None,
        Some(at) => {
            let by = bytes16(row, "withdrawn_by")?;
            Some((at, PrincipalId::from_bytes(by)))
        }
    };
    Ok(Loosening {
        id: LooseningId::from_bytes(bytes16(row, "id")?),
        tenant: TenantId::from_bytes(bytes16(row, "tenant")?),
        bucket: BucketId::from_bytes(bytes16(row, "bucket")?),
        of,
        from: parsed(row, "was")?,
        to: parsed(row, "becomes")?,
        reason: parsed(row, "reason")?,
        proposed: Vouched {
            by: PrincipalId::from_bytes(bytes16(row, "proposed_by")?),
            person: person(row, "proposer")?,
            at: time(row, "proposed_ms")?,
        },
        approved: vouched(row)?,
        withdrawn,
    })
}
