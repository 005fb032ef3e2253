//! Configuration epochs: everything a verdict depends on, numbered, each with a leaf.

use onshore_db::{Unit, params};
use onshore_types::{LeafIndex, PartitionName, Timestamp};
use serde_json::Value;

use crate::{Error, Registry};

/// One state of everything a verdict depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epoch {
    /// Its number, from one.
    pub id: u64,
    /// SHA-256 of its canonical text.
    pub digest: [u8; 32],
    /// Its canonical text.
    pub body: String,
}

impl Registry {
    /// Returns the number the next epoch bears.
    ///
    /// # Errors
    /// Those of the database.
    pub fn next_epoch(&self, unit: &Unit<'_>) -> Result<u64, Error> {
        let next = unit.one("SELECT coalesce(max(id), 0) + 1 FROM epochs", [], |row| {
            row.get::<_, i64>(0)
        })?;
        Ok(next.map_or(1, i64::cast_unsigned))
    }

    /// Returns the partition that the last epoch was of, where there was one. It blocks: call it outside asynchronous code.
    ///
    /// # Errors
    /// Those of the database; [`Error::Unreadable`] for an epoch that no version wrote.
    pub fn last_partition(&self) -> Result<Option<PartitionName>, Error> {
        let unreadable = || Error::Unreadable {
            what: "partition of the last configuration epoch",
        };
        let body: Option<String> = self.db.read_blocking(|view| {
            view.one(
                "SELECT body FROM epochs ORDER BY id DESC LIMIT 1",
                [],
                |row| row.get(0),
            )
            .map_err(Error::from)
        })?;
        let Some(body) = body else {
            return Ok(None);
        };
        let document: Value = serde_json::from_str(&body).map_err(|_| unreadable())?;
        let name = document.pointer("/configuration/region/partition");
        let name = name.and_then(Value::as_str).ok_or_else(unreadable)?;
        PartitionName::parse(name)
            .map(Some)
            .map_err(|_| unreadable())
    }

    /// Saves an epoch that begins now.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_epoch(
        &self,
        unit: &Unit<'_>,
        epoch: &Epoch,
        leaf: LeafIndex,
        now: Timestamp,
    ) -> Result<(), Error> {
        unit.execute(
            "INSERT INTO epochs (id, digest, body, leaf, began_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                epoch.id.cast_signed(),
                epoch.digest,
                epoch.body,
                leaf.cast_signed(),
                now.as_millis()
            ],
        )?;
        Ok(())
    }
}
