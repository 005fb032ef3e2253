//! Exports: what was reserved for each, and how it ended.

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_types::{ApprovalId, ExportId, LeafIndex};
use serde::{Deserialize, Serialize};

use crate::approvals::clamped;
use crate::rows::{bytes16, count};
use crate::{Error, Registry};

/// One export: bytes that leave the jurisdiction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Its id.
    pub id: ExportId,
    /// The approval it draws on; none for data labelled general.
    pub approval: Option<ApprovalId>,
    /// What was reserved before its first byte.
    pub reserved_bytes: u64,
    /// The leaf that opened it.
    pub opened_leaf: LeafIndex,
    /// The leaf that closed it, if it is closed.
    pub closed_leaf: Option<LeafIndex>,
}

/// How an export ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExportEnd {
    /// Every byte was sent.
    Complete,
    /// The client went away, or reading failed.
    Cut,
    /// The approval lapsed or was revoked while bytes flowed.
    Lapsed,
    /// The server ended in the middle: what was reserved stays spent.
    Interrupted,
}

impl ExportEnd {
    /// Returns the word used in leaves and tables.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Cut => "cut",
            Self::Lapsed => "lapsed",
            Self::Interrupted => "interrupted",
        }
    }
}

const COLUMNS: &str = "SELECT id, approval, reserved_bytes, opened_leaf, closed_leaf FROM exports";

impl Registry {
    /// Saves an export that is about to begin. Its bytes are reserved in the same unit.
    ///
    /// # Errors
    /// Those of the database.
    pub fn open_export(&self, unit: &Unit<'_>, export: &Export) -> Result<(), Error> {
        unit.execute(
            "INSERT INTO exports (id, approval, reserved_bytes, opened_leaf) VALUES (?1, ?2, ?3, ?4)",
            params![
                export.id.as_bytes(),
                export.approval.as_ref().map(ApprovalId::as_bytes),
                clamped(export.reserved_bytes),
                export.opened_leaf.cast_signed()
            ],
        )?;
        Ok(())
    }

    /// Closes an export once: what was reserved and not sent goes back to its approval, unless the server was
    /// interrupted and nobody knows.
    ///
    /// # Errors
    /// Those of the database.
    pub fn close_export(
        &self,
        unit: &Unit<'_>,
        export: &Export,
        end: ExportEnd,
        sent_bytes: u64,
        leaf: LeafIndex,
    ) -> Result<(), Error> {
        let sent_bytes = sent_bytes.min(export.reserved_bytes);
        let closed = unit.execute(
            "UPDATE exports SET sent_bytes = ?2, ended = ?3, closed_leaf = ?4 WHERE id = ?1 AND ended IS NULL",
            params![export.id.as_bytes(), clamped(sent_bytes), end.word(), leaf.cast_signed()],
        )?;
        match (end, export.approval) {
            (ExportEnd::Complete | ExportEnd::Cut | ExportEnd::Lapsed, Some(approval))
                if closed == 1 =>
            {
                self.give_back(unit, approval, export.reserved_bytes - sent_bytes)
            }
            (
                ExportEnd::Complete | ExportEnd::Cut | ExportEnd::Lapsed | ExportEnd::Interrupted,
                _,
            ) => Ok(()),
        }
    }

    /// Whether there is such an export and nobody has closed it.
    ///
    /// # Errors
    /// Those of the database.
    pub fn is_export_open(&self, view: &View<'_>, id: ExportId) -> Result<bool, Error> {
        let found = view.one(
            "SELECT 1 FROM exports WHERE id = ?1 AND ended IS NULL",
            [id.as_bytes()],
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    /// Returns the exports that nobody closed: those of a server that was interrupted.
    ///
    /// # Errors
    /// Those of the database.
    pub fn open_exports(&self) -> Result<Vec<Export>, Error> {
        let found = self.db.read_blocking(|view| {
            view.all(
                &format!("{COLUMNS} WHERE ended IS NULL ORDER BY id"),
                [],
                export,
            )
        });
        Ok(found.map_err(|error: onshore_db::Error| error)?)
    }

    /// Looks up the export that a leaf opened.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn export_opened_by(&self, leaf: LeafIndex) -> Result<Option<Export>, Error> {
        let found = self
            .db
            .read(move |view| {
                view.one(
                    &format!("{COLUMNS} WHERE opened_leaf = ?1"),
                    [leaf.cast_signed()],
                    export,
                )
            })
            .await;
        Ok(found.map_err(|error: onshore_db::Error| error)?)
    }
}

fn export(row: &Row<'_>) -> Result<Export, RowError> {
    Ok(Export {
        id: ExportId::from_bytes(bytes16(row, "id")?),
        approval: row
            .get::<_, Option<[u8; 16]>>("approval")?
            .map(ApprovalId::from_bytes),
        reserved_bytes: count(row, "reserved_bytes")?,
        opened_leaf: count(row, "opened_leaf")?,
        closed_leaf: row
            .get::<_, Option<i64>>("closed_leaf")?
            .map(i64::cast_unsigned),
    })
}
