//! What each listing of a job's source told, page by page, and the leaf that a listing got when it was through. The first
//! listing of a job and its last are kept.

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_types::{JobId, LeafIndex, Timestamp};
use serde_json::Value;

use crate::rows::{parsed, time};
use crate::{Error, Registry};

/// A page of a listing.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedPage {
    /// Its number, from 0.
    pub number: u32,
    /// When it was read.
    pub listed: Timestamp,
    /// Whether the keys on it ascend.
    pub is_in_order: bool,
    /// Where it begins and ends and what it names, as the engine's own JSON.
    pub page: Value,
}

/// A listing that was through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListingRound {
    /// Its round.
    pub round: u32,
    /// Its leaf.
    pub leaf: LeafIndex,
}

const COLUMNS: &str = "SELECT number, listed_ms, is_in_order, page FROM job_pages";

impl Registry {
    /// Begins a listing from its start: what an interrupted one of the same round told is forgotten, and so are the pages of
    /// the rounds between the first and this one.
    ///
    /// # Errors
    /// Those of the database.
    pub fn begin_listing(&self, unit: &Unit<'_>, job: JobId, round: u32) -> Result<(), Error> {
        let interrupted = unit.execute(
            "DELETE FROM job_pages WHERE job = ?1 AND round = ?2",
            params![job.as_bytes(), round],
        )?;
        if interrupted > 0 {
            unit.execute(
                "UPDATE job_entries SET page = NULL WHERE job = ?1 AND seen = ?2 AND page IS NOT NULL",
                params![job.as_bytes(), round],
            )?;
        }
        for table in ["job_pages", "job_inventories"] {
            unit.execute(
                &format!("DELETE FROM {table} WHERE job = ?1 AND (round = ?2 OR round > 0)"),
                params![job.as_bytes(), round],
            )?;
        }
        Ok(())
    }

    /// Saves a page of a listing.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_page(
        &self,
        unit: &Unit<'_>,
        job: JobId,
        round: u32,
        page: &ListedPage,
    ) -> Result<(), Error> {
        unit.execute(
            "INSERT INTO job_pages (job, round, number, listed_ms, is_in_order, page) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                job.as_bytes(),
                round,
                page.number,
                page.listed.as_millis(),
                page.is_in_order,
                page.page.to_string()
            ],
        )?;
        Ok(())
    }

    /// Returns the last page of a listing that names a key, if any does, and how many pages it has.
    ///
    /// # Errors
    /// Those of the database.
    pub fn last_page(
        &self,
        view: &View<'_>,
        job: JobId,
        round: u32,
    ) -> Result<(Option<ListedPage>, u32), Error> {
        let last = view.one(
            &format!("{COLUMNS} WHERE job = ?1 AND round = ?2 ORDER BY number DESC LIMIT 1"),
            params![job.as_bytes(), round],
            page,
        )?;
        let count = last
            .as_ref()
            .map_or(0, |last| last.number.saturating_add(1));
        let named = view.one(
            &format!(
                "{COLUMNS} WHERE job = ?1 AND round = ?2 AND page ->> '$.last' IS NOT NULL ORDER BY number DESC LIMIT 1"
            ),
            params![job.as_bytes(), round],
            page,
        )?;
        Ok((named, count))
    }

    /// Returns up to `limit` pages of a listing, from a number on.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn pages(
        &self,
        job: JobId,
        round: u32,
        from: u32,
        limit: u32,
    ) -> Result<Vec<ListedPage>, Error> {
        let found = self
            .db
            .read(move |view| {
                view.all(
                    &format!("{COLUMNS} WHERE job = ?1 AND round = ?2 AND number >= ?3 ORDER BY number LIMIT ?4"),
                    params![job.as_bytes(), round, from, limit],
                    page,
                )
            })
            .await;
        Ok(found.map_err(|error: onshore_db::Error| error)?)
    }

    /// Notes the leaf of a listing that is through.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_listing_leaf(
        &self,
        unit: &Unit<'_>,
        job: JobId,
        listing: ListingRound,
    ) -> Result<(), Error> {
        unit.execute(
            "INSERT INTO job_inventories (job, round, leaf) VALUES (?1, ?2, ?3)",
            params![job.as_bytes(), listing.round, listing.leaf.cast_signed()],
        )?;
        Ok(())
    }

    /// Returns the listings of a job that were through and are kept, the first one first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn listings(&self, job: JobId) -> Result<Vec<ListingRound>, Error> {
        let found = self
            .db
            .read(move |view| {
                view.all(
                    "SELECT round, leaf FROM job_inventories WHERE job = ?1 ORDER BY round",
                    [job.as_bytes()],
                    |row| {
                        Ok(ListingRound {
                            round: row.get("round")?,
                            leaf: row.get::<_, i64>("leaf")?.cast_unsigned(),
                        })
                    },
                )
            })
            .await;
        Ok(found.map_err(|error: onshore_db::Error| error)?)
    }
}

fn page(row: &Row<'_>) -> Result<ListedPage, RowError> {
    Ok(ListedPage {
        number: row.get("number")?,
        listed: time(row, "listed_ms")?,
        is_in_order: row.get("is_in_order")?,
        page: parsed(row, "page")?,
    })
}
