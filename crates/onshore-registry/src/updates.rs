//! Updates: what each bundle in quarantine says, who approved it, and what became of it.

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_ledger::{Hash, Platform, ReleaseVersion, UpdateManifest};
use onshore_types::{PrincipalId, Timestamp, UpdateId, Wording};

use crate::rows::{bytes16, count, parsed, parsed_opt, time, time_opt};
use crate::{Error, Registry, Vouched};

/// An update that is to be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUpdate {
    /// Which.
    pub id: UpdateId,
    /// What its bundle says.
    pub manifest: UpdateManifest,
    /// The key of the technology provider that signed it, as text.
    pub signed_by: String,
    /// Whether it was let in although it is older than what ran.
    pub is_older: bool,
}

/// An update and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// Which.
    pub id: UpdateId,
    /// What its bundle says.
    pub manifest: UpdateManifest,
    /// The key of the technology provider that signed it, as text.
    pub signed_by: String,
    /// Whether it was let in although it is older than what ran.
    pub is_older: bool,
    /// When it came.
    pub imported: Timestamp,
    /// Who brought it.
    pub imported_by: PrincipalId,
    /// Who approved it, the earliest first.
    pub approvals: Vec<Vouched>,
    /// What became of it.
    pub state: UpdateState,
}

/// What became of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateState {
    /// It is in quarantine.
    Quarantined,
    /// It was handed to whoever installs it; it is in quarantine still.
    Staged {
        /// When last.
        at: Timestamp,
        /// By whom.
        by: PrincipalId,
    },
    /// It will not be installed; its bundle is gone.
    Rejected {
        /// When.
        at: Timestamp,
        /// By whom.
        by: PrincipalId,
        /// Why.
        reason: Wording,
    },
}

const COLUMNS: &str = "SELECT id, version, platform, sha256, size_bytes, escrow, notes, signed_by, is_older, imported_ms, imported_by,
    rejected_ms, rejected_by, reason, staged_ms, staged_by FROM updates";

impl Registry {
    /// Saves an update that came into quarantine.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_update(
        &self,
        unit: &Unit<'_>,
        update: &NewUpdate,
        by: PrincipalId,
        now: Timestamp,
    ) -> Result<(), Error> {
        let manifest = &update.manifest;
        unit.execute(
            "INSERT INTO updates (id, version, platform, sha256, size_bytes, escrow, notes, signed_by, is_older, imported_ms,
                 imported_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                update.id.as_bytes(),
                manifest.version.to_string(),
                manifest.platform.to_string(),
                manifest.sha256.to_string(),
                manifest.size_bytes.cast_signed(),
                manifest.escrow.to_string(),
                manifest.notes,
                update.signed_by,
                update.is_older,
                now.as_millis(),
                by.as_bytes(),
            ],
        )?;
        Ok(())
    }

    /// Returns all updates, the latest first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn updates(&self, view: &View<'_>) -> Result<Vec<Update>, Error> {
        let mut updates = view.all(
            &format!("{COLUMNS} ORDER BY imported_ms DESC, id"),
            [],
            update,
        )?;
        for update in &mut updates {
            update.approvals = approvals(view, update.id)?;
        }
        Ok(updates)
    }

    /// Looks an update up.
    ///
    /// # Errors
    /// [`Error::NoSuchUpdate`].
    pub fn update(&self, view: &View<'_>, id: UpdateId) -> Result<Update, Error> {
        let found = view.one(&format!("{COLUMNS} WHERE id = ?1"), [id.as_bytes()], update)?;
        let mut found = found.ok_or(Error::NoSuchUpdate(id))?;
        found.approvals = approvals(view, id)?;
        Ok(found)
    }

    /// Saves that somebody approved an update, once.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_update_approval(
        &self,
        unit: &Unit<'_>,
        id: UpdateId,
        approval: &Vouched,
    ) -> Result<(), Error> {
        unit.execute(
            "INSERT INTO update_approvals (of_update, principal, person, approved_ms) VALUES (?1, ?2, ?3, ?4)",
            params![
                id.as_bytes(),
                approval.by.as_bytes(),
                serde_json::to_string(&approval.person).expect("names are JSON"),
                approval.at.as_millis()
            ],
        )?;
        Ok(())
    }

    /// Saves what became of an update.
    ///
    /// # Errors
    /// Those of the database.
    pub fn set_update_state(
        &self,
        unit: &Unit<'_>,
        id: UpdateId,
        state: &UpdateState,
    ) -> Result<(), Error> {
        match state {
            UpdateState::Quarantined => unit.execute(
                "UPDATE updates SET staged_ms = NULL, staged_by = NULL WHERE id = ?1",
                [id.as_bytes()],
            )?,
            UpdateState::Staged { at, by } => unit.execute(
                "UPDATE updates SET staged_ms = ?2, staged_by = ?3 WHERE id = ?1",
                params![id.as_bytes(), at.as_millis(), by.as_bytes()],
            )?,
            UpdateState::Rejected { at, by, reason } => unit.execute(
                "UPDATE updates SET rejected_ms = ?2, rejected_by = ?3, reason = ?4 WHERE id = ?1",
                params![
                    id.as_bytes(),
                    at.as_millis(),
                    by.as_bytes(),
                    reason.as_str()
                ],
            )?,
        };
        Ok(())
    }
}

fn approvals(view: &View<'_>, id: UpdateId) -> Result<Vec<Vouched>, Error> {
    Ok(view.all(
        "SELECT principal, person, approved_ms FROM update_approvals WHERE of_update = ?1 ORDER BY approved_ms, principal",
        [id.as_bytes()],
        |row| {
            let person: String = row.get("person")?;
            let person = serde_json::from_str(&person)
                .map_err(|error| onshore_db::unreadable(Box::new(error)))?;
            Ok(Vouched {
                person,
                by: PrincipalId::from_bytes(bytes16(row, "principal")?),
                at: time(row, "approved_ms")?,
            })
        },
    )?)
}

fn update(row: &Row<'_>) -> Result<Update, RowError> {
    let principal = |column: &str| -> Result<Option<PrincipalId>, RowError> {
        Ok(row
            .get::<_, Option<[u8; 16]>>(column)?
            .map(PrincipalId::from_bytes))
    };
    let rejected = (
        time_opt(row, "rejected_ms")?,
        principal("rejected_by")?,
        parsed_opt(row, "reason")?,
    );
    let staged = (time_opt(row, "staged_ms")?, principal("staged_by")?);
    let state = match (rejected, staged) {
        ((Some(at), Some(by), Some(reason)), _) => UpdateState::Rejected { at, by, reason },
        (_, (Some(at), Some(by))) => UpdateState::Staged { at, by },
        _ => UpdateState::Quarantined,
    };
    Ok(Update {
        id: UpdateId::from_bytes(bytes16(row, "id")?),
        manifest: UpdateManifest {
            version: parsed::<ReleaseVersion>(row, "version")?,
            platform: parsed::<Platform>(row, "platform")?,
            sha256: parsed::<Hash>(row, "sha256")?,
            size_bytes: count(row, "size_bytes")?,
            escrow: parsed::<Hash>(row, "escrow")?,
            notes: row.get("notes")?,
        },
        signed_by: row.get("signed_by")?,
        is_older: row.get("is_older")?,
        imported: time(row, "imported_ms")?,
        imported_by: PrincipalId::from_bytes(bytes16(row, "imported_by")?),
        approvals: Vec::new(),
        state,
    })
}
