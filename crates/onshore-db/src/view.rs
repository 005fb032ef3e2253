//! What a read and a unit of work may do: run statements, which are kept prepared.

use std::ops::Deref;

use rusqlite::{Connection, Params, Row};

use crate::Error;

/// One consistent state of the database, for reading.
#[derive(Debug)]
pub struct View<'db> {
    connection: &'db Connection,
}

/// A unit of work: reads and changes that become durable together or not at all.
#[derive(Debug)]
pub struct Unit<'db> {
    view: View<'db>,
}

impl<'db> View<'db> {
    pub(crate) fn new(connection: &'db Connection) -> Self {
        Self { connection }
    }

    /// Returns the first row, if there is one.
    ///
    /// # Errors
    /// Those of the statement and of `map`.
    pub fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnOnce(&Row<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<Option<T>, Error> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        match rows.next()? {
            Some(row) => Ok(Some(map(row)?)),
            None => Ok(None),
        }
    }

    /// Returns every row; the statement bounds how many there can be.
    ///
    /// # Errors
    /// Those of the statement and of `map`.
    pub fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnMut(&Row<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<Vec<T>, Error> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(params, map)?;
        rows.collect::<Result<_, _>>().map_err(Error::from)
    }
}

impl<'db> Unit<'db> {
    pub(crate) fn new(connection: &'db Connection) -> Self {
        Self {
            view: View::new(connection),
        }
    }

    /// Runs a statement that changes rows and returns how many it changed.
    ///
    /// # Errors
    /// Those of the statement.
    pub fn execute(&self, sql: &str, params: impl Params) -> Result<usize, Error> {
        Ok(self.view.connection.prepare_cached(sql)?.execute(params)?)
    }
}

impl<'db> Deref for Unit<'db> {
    type Target = View<'db>;

    fn deref(&self) -> &View<'db> {
        &self.view
    }
}

/// What mapping a row fails with.
pub type RowError = rusqlite::Error;

/// Says that a column holds what no version of Onshore wrote there.
#[must_use]
pub fn unreadable(cause: Box<dyn std::error::Error + Send + Sync + 'static>) -> RowError {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, cause)
}
