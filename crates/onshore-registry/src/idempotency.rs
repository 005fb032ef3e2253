//! Requests that came with an idempotency key, for a day: one that comes again is answered as it was and not done again.

use onshore_db::{Unit, params};
use onshore_types::Timestamp;

use crate::{Error, Registry};

/// How long a key is remembered.
const REMEMBERED_MS: i64 = 86_400_000;

/// What a request with an idempotency key is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestMark {
    /// A hash of who asks and his key.
    pub id: [u8; 32],
    /// A hash of all that he asks.
    pub request: [u8; 32],
}

/// What is known of a request when it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It is the first with its key.
    First,
    /// Its key came before with another request.
    Other,
    /// It came before, and has no answer yet.
    UnderWay,
    /// It came before, and was answered so.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The answer, as whoever keeps it sealed it.
        answer: Vec<u8>,
    },
}

impl Registry {
    /// Begins a request: remembers it, unless its key is known. What is older than a day is forgotten.
    ///
    /// # Errors
    /// Those of the database; [`Error::Unreadable`].
    pub fn begin_request(
        &self,
        unit: &Unit<'_>,
        mark: RequestMark,
        now: Timestamp,
    ) -> Result<Begun, Error> {
        unit.execute(
            "DELETE FROM idempotency WHERE began_ms <= ?1",
            [now.plus_millis(-REMEMBERED_MS).as_millis()],
        )?;
        let known = unit.one(
            "SELECT request, status, answer FROM idempotency WHERE id = ?1",
            [mark.id],
            |row| {
                let answered: (Option<u16>, Option<Vec<u8>>) = (row.get(1)?, row.get(2)?);
                Ok((row.get::<_, [u8; 32]>(0)?, answered))
            },
        )?;
        Ok(match known {
            Some((request, _)) if request != mark.request => Begun::Other,
            Some((_, (Some(status), Some(answer)))) => Begun::Answered { status, answer },
            Some(_) => Begun::UnderWay,
            None => {
                unit.execute(
                    "INSERT INTO idempotency (id, request, began_ms) VALUES (?1, ?2, ?3)",
                    params![mark.id, mark.request, now.as_millis()],
                )?;
                Begun::First
            }
        })
    }

    /// Keeps what a request was answered.
    ///
    /// # Errors
    /// Those of the database.
    pub fn end_request(
        &self,
        unit: &Unit<'_>,
        mark: RequestMark,
        status: u16,
        answer: &[u8],
    ) -> Result<(), Error> {
        unit.execute(
            "UPDATE idempotency SET status = ?2, answer = ?3 WHERE id = ?1",
            params![mark.id, status, answer],
        )?;
        Ok(())
    }

    /// Forgets a request that came to nothing: it may be tried again with its key.
    ///
    /// # Errors
    /// Those of the database.
    pub fn forget_request(&self, unit: &Unit<'_>, mark: RequestMark) -> Result<(), Error> {
        unit.execute("DELETE FROM idempotency WHERE id = ?1", [mark.id])?;
        Ok(())
    }
}
