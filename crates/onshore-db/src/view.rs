//! What a read and a unit of work may do: run statements, which are kept prepared.

use std::cell::RefCell;
use std::ops::Deref;

use rusqlite::{Connection, Params, Row};

use crate::Error;

/// One consistent state of the database, for reading.
#[derive(Debug)]
pub struct View<'db> {
    connection: &'db Connection,
    /// Why SQLite gave up the transaction, if it did.
    ended_by: RefCell<Option<Error>>,
}

/// A unit of work: reads and changes that become durable together or not at all.
#[derive(Debug)]
pub struct Unit<'db> {
    view: View<'db>,
}

impl<'db> View<'db> {
    pub(crate) fn new(connection: &'db Connection) -> Self {
        Self {
            connection,
            ended_by: RefCell::new(None),
        }
    }

    /// Says whether the transaction is still open: SQLite gives it up by itself after some errors, and a statement run
    /// after that would be a transaction of its own.
    pub(crate) fn check_open(&self) -> Result<(), Error> {
        if !self.connection.is_autocommit() {
            return Ok(());
        }
        Err(self.ended_by.borrow().clone().unwrap_or_else(|| {
            Error::Statement("a statement ended the transaction it was in".to_owned())
        }))
    }

    fn run<T>(
        &self,
        statement: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, Error> {
        self.check_open()?;
        let result = statement(self.connection).map_err(Error::from);
        if let Err(error) = &result
            && self.connection.is_autocommit()
        {
            self.ended_by.replace(Some(error.clone()));
        }
        result
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
        self.run(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query(params)?;
            rows.next()?.map(map).transpose()
        })
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
        self.run(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            statement.query_map(params, map)?.collect()
        })
    }

    /// Hands over one row after the other, however many there are.
    ///
    /// # Errors
    /// Those of the statement and of `each`.
    pub fn each(
        &self,
        sql: &str,
        params: impl Params,
        mut each: impl FnMut(&Row<'_>) -> Result<(), rusqlite::Error>,
    ) -> Result<(), Error> {
        self.run(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query(params)?;
            while let Some(row) = rows.next()? {
                each(row)?;
            }
            Ok(())
        })
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
        self.view
            .run(|connection| connection.prepare_cached(sql)?.execute(params))
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
