//! Support sessions: the technology provider's staff look only while two of the operator's people let them, and every
//! request is recorded before it is answered (decision 0034). What a session opens is for the front to say; here is whether
//! one is in force, at any instant.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};

use onshore_db::Unit;
use onshore_policy::{Principal, Role};
use onshore_registry::{Registry, SupportRequest, SupportSession, TokenHolder};
use onshore_types::{
    Jurisdiction, LeafIndex, PrincipalId, SupportSessionId, TenantName, Timestamp, Wording,
};
use serde_json::{Value, json};

use crate::acts::{Act, require};
use crate::gate::Inner;
use crate::people::{second, vouch};
use crate::{Error, Gate};

/// The longest session.
pub const SUPPORT_MINUTES_MAX: u32 = 8 * 60;
/// How long a session waits for its second word.
const PROPOSAL_MS: i64 = 24 * 3600 * 1000;
/// What refuses a request whose session ended before it was answered.
const OVER: &str = "support.over";

/// A support session that somebody asks for.
#[derive(Debug, Clone)]
pub struct SupportProposal {
    /// For the holder of which token.
    pub engineer: PrincipalId,
    /// For what.
    pub purpose: Wording,
    /// How long it lasts from the second word on.
    pub minutes: u32,
    /// Where the organisation is that the engineer works for.
    pub organisation: Jurisdiction,
    /// The tenant whose buckets and jobs it opens to view.
    pub tenant: Option<TenantName>,
}

/// What is known of a request when it is about to be answered.
#[derive(Debug, Clone)]
pub struct SupportAnswer {
    /// With which token.
    pub engineer: PrincipalId,
    /// In which session.
    pub session: Option<SupportSessionId>,
    /// The method and the path as the API documents it.
    pub operation: String,
    /// The path and query as they were sent.
    pub target: String,
    /// Where the answer goes.
    pub place: String,
    /// What refuses it.
    pub refused_by: Option<String>,
    /// How it is answered.
    pub status: u16,
    /// How long the answer is.
    pub len_bytes: u64,
    /// The leaf of the export that carries the answer, where it leaves the jurisdiction.
    pub export: Option<LeafIndex>,
}

/// What became of the record of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SupportRecorded {
    /// It is recorded as it is answered.
    AsAnswered(LeafIndex),
    /// The session had ended: it is recorded as refused, and must not be answered otherwise.
    Over(LeafIndex),
}

/// A session in force, watched: it says at any instant whether it still is.
#[derive(Clone)]
pub struct SupportWatch {
    gate: Gate,
    session: Arc<SupportSession>,
    has_ended: Arc<AtomicBool>,
}

impl SupportWatch {
    /// Returns the session.
    #[must_use]
    pub fn session(&self) -> &SupportSession {
        &self.session
    }

    /// Whether it opens anything at this instant. Ask before each chunk of an answer.
    #[must_use]
    pub fn is_in_force(&self) -> bool {
        !self.has_ended.load(Ordering::SeqCst) && self.session.is_in_force(self.gate.now())
    }
}

impl fmt::Debug for SupportWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SupportWatch")
            .field("session", &self.session.id)
            .finish_non_exhaustive()
    }
}

impl Gate {
    /// Asks for a support session. It opens nothing until a second person approves it.
    ///
    /// # Errors
    /// [`Error::RoleForbids`], [`Error::Unnamed`], [`Error::SamePerson`], [`Error::SupportTime`], [`Error::NotAnEngineer`]; those of the keepers.
    pub async fn propose_support(
        &self,
        by: Principal,
        proposal: SupportProposal,
    ) -> Result<(SupportSession, LeafIndex), Error> {
        require(by, &[Role::Operator])?;
        if !(1..=SUPPORT_MINUTES_MAX).contains(&proposal.minutes) {
            return Err(Error::SupportTime {
                max: SUPPORT_MINUTES_MAX,
            });
        }
        let tenant = match &proposal.tenant {
            None => None,
            Some(name) => Some(self.inner.registry.tenant(name).await?.id),
        };
        self.act(by, move |registry, unit, now| {
            let proposed = vouch(registry, unit, by, now)?;
            let engineer = engineer(registry, unit, proposal.engineer)?;
            let person = engineer.person.ok_or(Error::Unnamed)?;
            if proposed.person.is_called(&person) {
                return Err(Error::SamePerson);
            }
            let session = SupportSession {
                id: SupportSessionId::from_bytes(onshore_keys::random()),
                engineer: engineer.principal,
                person,
                organisation: proposal.organisation,
                purpose: proposal.purpose,
                tenant,
                lasts_ms: i64::from(proposal.minutes) * 60_000,
                proposed,
                approved: None,
                until: None,
                closed: None,
            };
            registry.save_support_session(unit, &session)?;
            Ok((act("support.proposed", &session), session))
        })
        .await
    }

    /// Gives the second word for a support session: from now on it is in force, until its time is over.
    ///
    /// # Errors
    /// [`Error::RoleForbids`], [`Error::Unnamed`], [`Error::SamePerson`], [`Error::SupportState`], [`Error::SupportUnderWay`]; those of the
    /// keepers.
    pub async fn approve_support(
        &self,
        by: Principal,
        id: SupportSessionId,
    ) -> Result<(SupportSession, LeafIndex), Error> {
        require(by, &[Role::Operator])?;
        self.act(by, move |registry, unit, now| {
            let mut session = registry.support_session(unit, id)?;
            match support_state(&session, now) {
                "proposed" => {}
                state => return Err(Error::SupportState { id, state }),
            }
            let approved = second(registry, unit, by, &session.proposed.person, now)?;
            if approved.person.is_called(&session.person) {
                return Err(Error::SamePerson);
            }
            engineer(registry, unit, session.engineer)?;
            if let Some(other) = registry.support_session_of(unit, session.engineer, now)? {
                return Err(Error::SupportUnderWay { other: other.id });
            }
            let until = Timestamp::from_millis(now.as_millis().saturating_add(session.lasts_ms));
            registry.save_support_approval(unit, id, &approved, until)?;
            session.approved = Some(approved);
            session.until = Some(until);
            Ok((act("support.approved", &session), session))
        })
        .await
    }

    /// Closes a support session, or takes it back before it began. What it was answering stops.
    ///
    /// # Errors
    /// [`Error::RoleForbids`], [`Error::SupportState`]; those of the keepers.
    pub async fn close_support(
        &self,
        by: Principal,
        id: SupportSessionId,
    ) -> Result<(SupportSession, LeafIndex), Error> {
        require(by, &[Role::Operator])?;
        let gate = self.clone();
        self.act_then(
            by,
            move |registry, unit, now| {
                let mut session = registry.support_session(unit, id)?;
                match support_state(&session, now) {
                    "proposed" | "in-force" => {}
                    state => return Err(Error::SupportState { id, state }),
                }
                registry.close_support_session(unit, id, by.id, now)?;
                session.closed = Some((now, by.id));
                Ok((act("support.closed", &session), session))
            },
            move |session| gate.inner.end_support(session.id),
        )
        .await
    }

    /// Returns the session of an engineer that is in force, to be watched.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn watch_support(
        &self,
        engineer: PrincipalId,
    ) -> Result<Option<SupportWatch>, Error> {
        let (registry, now) = (self.inner.registry.clone(), self.now());
        let found = self
            .inner
            .db
            .read(move |view| registry.support_session_of(view, engineer, now))
            .await?;
        Ok(found.map(|session| SupportWatch {
            has_ended: self.inner.support_ended(session.id),
            session: Arc::new(session),
            gate: self.clone(),
        }))
    }

    /// Records a request of somebody who holds a support engineer's token, before it is answered. Whether its session is in
    /// force is asked in the same unit of work.
    ///
    /// # Errors
    /// Those of the keepers.
    pub async fn record_support(&self, answer: SupportAnswer) -> Result<SupportRecorded, Error> {
        let by = Principal {
            id: answer.engineer,
            tenant: None,
            role: Role::SupportEngineer,
        };
        let gate = self.clone();
        self.inner
            .db
            .write(move |unit| {
                let (now, registry) = (gate.now(), &gate.inner.registry);
                let is_in_force = match answer.session {
                    Some(id) => registry.support_session(unit, id)?.is_in_force(now),
                    None => false,
                };
                let is_over = answer.refused_by.is_none() && !is_in_force;
                let mut request = SupportRequest {
                    session: answer.session,
                    engineer: answer.engineer,
                    at: now,
                    operation: answer.operation,
                    target: answer.target,
                    place: answer.place,
                    refused_by: answer.refused_by,
                    status: answer.status,
                    len_bytes: answer.len_bytes,
                    leaf: 0,
                };
                if is_over {
                    request.refused_by = Some(OVER.to_owned());
                    request.status = 403;
                    request.len_bytes = 0;
                }
                let told = tell(&request, answer.export);
                request.leaf = gate.inner.record_act(unit, by, told, now)?;
                registry.save_support_request(unit, &request)?;
                Ok(if is_over {
                    SupportRecorded::Over(request.leaf)
                } else {
                    SupportRecorded::AsAnswered(request.leaf)
                })
            })
            .await
    }
}

impl Inner {
    /// Returns the flag that tells whether a session was closed. It is there from whoever asks first, who closes or who
    /// answers, so that each sees the other.
    fn support_ended(&self, id: SupportSessionId) -> Arc<AtomicBool> {
        let mut ended = self
            .support_ended
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(ended.entry(id).or_default())
    }

    /// Stops what a session that is closed was answering.
    pub(crate) fn end_support(&self, id: SupportSessionId) {
        self.support_ended(id).store(true, Ordering::SeqCst);
    }
}

/// Closes the sessions of somebody whose token is taken away, and returns which.
pub(crate) fn close_sessions_of(
    registry: &Registry,
    unit: &Unit<'_>,
    engineer: PrincipalId,
    by: PrincipalId,
    now: Timestamp,
) -> Result<Vec<SupportSessionId>, Error> {
    let open = registry.open_support_sessions(unit, Some(engineer), now)?;
    open.into_iter()
        .map(|session| {
            registry.close_support_session(unit, session.id, by, now)?;
            Ok(session.id)
        })
        .collect()
}

/// Returns the word for where a session stands.
#[must_use]
pub fn support_state(session: &SupportSession, now: Timestamp) -> &'static str {
    let lapses = session.proposed.at.as_millis().saturating_add(PROPOSAL_MS);
    match (session.closed, session.until) {
        (Some(_), _) => "closed",
        (None, Some(until)) if now < until => "in-force",
        (None, Some(_)) => "ended",
        (None, None) if now.as_millis() < lapses => "proposed",
        (None, None) => "lapsed",
    }
}

fn engineer(
    registry: &Registry,
    unit: &Unit<'_>,
    principal: PrincipalId,
) -> Result<TokenHolder, Error> {
    let holder = registry.holder(unit, principal)?;
    match holder.role {
        Role::SupportEngineer => Ok(holder),
        Role::Operator
        | Role::Regulator
        | Role::Auditor
        | Role::TenantAdmin
        | Role::TenantUser
        | Role::OutgoingProvider
        | Role::Worker => Err(Error::NotAnEngineer(principal)),
    }
}

fn act(kind: &'static str, session: &SupportSession) -> Act {
    let body = json!({
        "session": session.id,
        "engineer": session.engineer,
        "organisation_in": session.organisation,
        "tenant": session.tenant,
        "lasts_s": session.lasts_ms / 1000,
        "until": session.until,
        "proposed_by": session.proposed.by,
        "approved_by": session.approved.as_ref().map(|approved| approved.by),
    });
    // Names and what people wrote are committed to and shown with the proof alone.
    let mut record = body.clone();
    if let Value::Object(members) = &mut record {
        members.insert("person".to_owned(), json!(session.person));
        members.insert("purpose".to_owned(), json!(session.purpose));
        members.insert("proposer".to_owned(), json!(session.proposed.person));
        let approver = session.approved.as_ref().map(|approved| &approved.person);
        members.insert("approver".to_owned(), json!(approver));
    }
    Act { kind, body, record }
}

fn tell(request: &SupportRequest, export: Option<LeafIndex>) -> Act {
    let body = json!({
        "session": request.session,
        "operation": request.operation,
        "to": request.place,
        "refused_by": request.refused_by,
        "status": request.status,
        "bytes": request.len_bytes,
        "export": export,
    });
    let mut record = body.clone();
    if let Value::Object(members) = &mut record {
        members.insert("target".to_owned(), json!(request.target));
    }
    Act {
        kind: "support.request",
        body,
        record,
    }
}
