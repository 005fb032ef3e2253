//! Support sessions, and every request that was made by those who have them.

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_types::{
    IdentityName, Jurisdiction, LeafIndex, PrincipalId, SupportSessionId, TenantId, Timestamp,
    Wording,
};

use crate::approvals::clamped;
use crate::rows::{bytes16, count, parsed, time, time_opt};
use crate::{Error, Person, Registry};

/// How many requests are told at once, the newest.
const REQUESTS_TOLD_MAX: u32 = 1000;

/// Somebody's word for what takes two people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// With which token.
    pub by: PrincipalId,
    /// Who.
    pub person: Person,
    /// When.
    pub at: Timestamp,
}

/// Leave for somebody of the technology provider's staff to look, for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupportSession {
    /// Its id.
    pub id: SupportSessionId,
    /// Whose token it is for.
    pub engineer: PrincipalId,
    /// The engineer's name.
    pub person: IdentityName,
    /// Where the organisation is that the engineer works for.
    pub organisation: Jurisdiction,
    /// For what.
    pub purpose: Wording,
    /// The tenant whose buckets and jobs it opens to view, and whose approvals carry what it answers abroad.
    pub tenant: Option<TenantId>,
    /// How long it lasts from the second word on, in milliseconds.
    pub lasts_ms: i64,
    /// Who asked for it.
    pub proposed: Vouched,
    /// Who approved it.
    pub approved: Option<Vouched>,
    /// When it ends by itself: the first instant at which it opens nothing. None before it is approved.
    pub until: Option<Timestamp>,
    /// When, and with which token, somebody closed it before that.
    pub closed: Option<(Timestamp, PrincipalId)>,
}

impl SupportSession {
    /// Whether it opens anything at an instant.
    #[must_use]
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.closed.is_none() && self.until.is_some_and(|until| now < until)
    }
}

/// A request of somebody who holds a support engineer's token, as it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupportRequest {
    /// In which session; none where none was in force.
    pub session: Option<SupportSessionId>,
    /// With which token.
    pub engineer: PrincipalId,
    /// When.
    pub at: Timestamp,
    /// What: the method and the path as the API documents it.
    pub operation: String,
    /// Of what: the path and query as they were sent.
    pub target: String,
    /// Where the answer went.
    pub place: String,
    /// What refused it; none where it was allowed.
    pub refused_by: Option<String>,
    /// How it was answered.
    pub status: u16,
    /// How long the answer was.
    pub len_bytes: u64,
    /// The leaf that tells of it.
    pub leaf: LeafIndex,
}

const SESSION: &str = "SELECT id, engineer, person, organisation, purpose, tenant, lasts_ms, proposed_ms, proposed_by, proposer, \
                       approved_ms, approved_by, approver, until_ms, closed_ms, closed_by FROM support_sessions";
const REQUEST: &str = "SELECT session, engineer, at_ms, operation, target, place, refused_by, status, len_bytes, leaf \
                       FROM support_requests";

impl Registry {
    /// Saves a session that somebody asks for.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_support_session(
        &self,
        unit: &Unit<'_>,
        session: &SupportSession,
    ) -> Result<(), Error> {
        unit.execute(
            "INSERT INTO support_sessions (id, engineer, person, organisation, purpose, tenant, lasts_ms, proposed_ms, proposed_by,
                                           proposer)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                session.id.as_bytes(),
                session.engineer.as_bytes(),
                session.person.as_str(),
                session.organisation.as_str(),
                session.purpose.as_str(),
                session.tenant.as_ref().map(TenantId::as_bytes),
                session.lasts_ms,
                session.proposed.at.as_millis(),
                session.proposed.by.as_bytes(),
                written(&session.proposed.person),
            ],
        )?;
        Ok(())
    }

    /// Saves the second word for a session, with which it begins.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_support_approval(
        &self,
        unit: &Unit<'_>,
        id: SupportSessionId,
        approved: &Vouched,
        until: Timestamp,
    ) -> Result<(), Error> {
        unit.execute(
            "UPDATE support_sessions SET approved_ms = ?2, approved_by = ?3, approver = ?4, until_ms = ?5 WHERE id = ?1",
            params![
                id.as_bytes(),
                approved.at.as_millis(),
                approved.by.as_bytes(),
                written(&approved.person),
                until.as_millis()
            ],
        )?;
        Ok(())
    }

    /// Closes a session: from this instant it opens nothing.
    ///
    /// # Errors
    /// Those of the database.
    pub fn close_support_session(
        &self,
        unit: &Unit<'_>,
        id: SupportSessionId,
        by: PrincipalId,
        now: Timestamp,
    ) -> Result<(), Error> {
        unit.execute(
            "UPDATE support_sessions SET closed_ms = ?2, closed_by = ?3 WHERE id = ?1",
            params![id.as_bytes(), now.as_millis(), by.as_bytes()],
        )?;
        Ok(())
    }

    /// Looks a session up.
    ///
    /// # Errors
    /// [`Error::NoSuchSupportSession`].
    pub fn support_session(
        &self,
        view: &View<'_>,
        id: SupportSessionId,
    ) -> Result<SupportSession, Error> {
        view.one(
            &format!("{SESSION} WHERE id = ?1"),
            [id.as_bytes()],
            session,
        )?
        .ok_or(Error::NoSuchSupportSession(id))
    }

    /// Looks up the session of an engineer that is in force; there is one at most.
    ///
    /// # Errors
    /// Those of the database.
    pub fn support_session_of(
        &self,
        view: &View<'_>,
        engineer: PrincipalId,
        now: Timestamp,
    ) -> Result<Option<SupportSession>, Error> {
        Ok(view.one(
            &format!("{SESSION} WHERE engineer = ?1 AND until_ms > ?2 AND closed_ms IS NULL"),
            params![engineer.as_bytes(), now.as_millis()],
            session,
        )?)
    }

    /// Returns the sessions that nobody closed and that have not run out, those that wait for a second word among them: of
    /// one engineer, or of all.
    ///
    /// # Errors
    /// Those of the database.
    pub fn open_support_sessions(
        &self,
        view: &View<'_>,
        engineer: Option<PrincipalId>,
        now: Timestamp,
    ) -> Result<Vec<SupportSession>, Error> {
        Ok(view.all(
            &format!(
                "{SESSION} WHERE closed_ms IS NULL AND (until_ms IS NULL OR until_ms > ?2) AND (?1 IS NULL OR engineer = ?1)
                 ORDER BY id"
            ),
            params![engineer.as_ref().map(PrincipalId::as_bytes), now.as_millis()],
            session,
        )?)
    }

    /// Returns all sessions, newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn support_sessions(&self) -> Result<Vec<SupportSession>, Error> {
        let found = self
            .db
            .read(|view| {
                view.all(
                    &format!("{SESSION} ORDER BY proposed_ms DESC, id"),
                    [],
                    session,
                )
            })
            .await;
        Ok(found.map_err(|error: onshore_db::Error| error)?)
    }

    /// Saves how a request was answered.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_support_request(
        &self,
        unit: &Unit<'_>,
        request: &SupportRequest,
    ) -> Result<(), Error> {
        unit.execute(
            "INSERT INTO support_requests (session, engineer, at_ms, operation, target, place, refused_by, status, len_bytes, leaf)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                request.session.as_ref().map(SupportSessionId::as_bytes),
                request.engineer.as_bytes(),
                request.at.as_millis(),
                request.operation,
                request.target,
                request.place,
                request.refused_by,
                request.status,
                clamped(request.len_bytes),
                request.leaf.cast_signed()
            ],
        )?;
        Ok(())
    }

    /// Returns the newest requests, the newest first: those of a session, or all of them.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn support_requests(
        &self,
        of: Option<SupportSessionId>,
    ) -> Result<Vec<SupportRequest>, Error> {
        let found = self
            .db
            .read(move |view| match of {
                Some(id) => view.all(
                    &format!("{REQUEST} WHERE session = ?1 ORDER BY id DESC LIMIT ?2"),
                    params![id.as_bytes(), REQUESTS_TOLD_MAX],
                    request,
                ),
                None => view.all(
                    &format!("{REQUEST} ORDER BY id DESC LIMIT ?1"),
                    [REQUESTS_TOLD_MAX],
                    request,
                ),
            })
            .await;
        Ok(found.map_err(|error: onshore_db::Error| error)?)
    }
}

/// Writes a person down.
pub(crate) fn written(person: &Person) -> String {
    serde_json::to_string(person).expect("names are JSON")
}

/// Reads a person.
pub(crate) fn person(row: &Row<'_>, column: &str) -> Result<Person, RowError> {
    serde_json::from_str(&row.get::<_, String>(column)?)
        .map_err(|error| onshore_db::unreadable(Box::new(error)))
}

/// Reads the second word, where it was given.
pub(crate) fn vouched(row: &Row<'_>) -> Result<Option<Vouched>, RowError> {
    let Some(at) = time_opt(row, "approved_ms")? else {
        return Ok(None);
    };
    Ok(Some(Vouched {
        by: PrincipalId::from_bytes(bytes16(row, "approved_by")?),
        person: person(row, "approver")?,
        at,
    }))
}

fn session(row: &Row<'_>) -> Result<SupportSession, RowError> {
    let principal = |column| bytes16(row, column).map(PrincipalId::from_bytes);
    let closed = match time_opt(row, "closed_ms")? {
        None => None,
        Some(at) => Some((at, principal("closed_by")?)),
    };
    Ok(SupportSession {
        id: SupportSessionId::from_bytes(bytes16(row, "id")?),
        engineer: principal("engineer")?,
        person: parsed(row, "person")?,
        organisation: parsed(row, "organisation")?,
        purpose: parsed(row, "purpose")?,
        tenant: row
            .get::<_, Option<[u8; 16]>>("tenant")?
            .map(TenantId::from_bytes),
        lasts_ms: row.get("lasts_ms")?,
        proposed: Vouched {
            by: principal("proposed_by")?,
            person: person(row, "proposer")?,
            at: time(row, "proposed_ms")?,
        },
        approved: vouched(row)?,
        until: time_opt(row, "until_ms")?,
        closed,
    })
}

fn request(row: &Row<'_>) -> Result<SupportRequest, RowError> {
    Ok(SupportRequest {
        session: row
            .get::<_, Option<[u8; 16]>>("session")?
            .map(SupportSessionId::from_bytes),
        engineer: PrincipalId::from_bytes(bytes16(row, "engineer")?),
        at: time(row, "at_ms")?,
        operation: row.get("operation")?,
        target: row.get("target")?,
        place: row.get("place")?,
        refused_by: row.get("refused_by")?,
        status: row.get("status")?,
        len_bytes: count(row, "len_bytes")?,
        leaf: count(row, "leaf")?,
    })
}
