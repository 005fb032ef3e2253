//! Whose credentials a request was signed with: those of the administrator or a user of a tenant, which stay, or those of a
//! session, which come with a token that says all that is known of it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use onshore_keys::Secret;
use onshore_policy::iam::{Asker, Compiled, Kind, Named};
use onshore_registry::{Bearer, Session};
use onshore_types::{AccessKeyId, PrincipalId};
use ring::digest;

use crate::caller::{Caller, InSession, Signed};
use crate::error::error_chain;
use crate::fault::{Code, Fault};
use crate::guard::Guard;
use crate::guard::scope::unknown_access_key;

/// How many sessions are remembered; then the memory begins anew.
const OPENED_MAX: usize = 4096;

/// Who signs, and with what, once it was looked up; whether the signature is right shows afterwards.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) secret: Arc<Secret>,
    id: PrincipalId,
    bearer: Arc<Bearer>,
    session: Option<Arc<InSession>>,
    /// Who took the role that the session is in, as far as they are there still.
    takers: Vec<Arc<Bearer>>,
}

/// Sessions that were opened, by the digest of their token.
#[derive(Debug, Clone, Default)]
pub(crate) struct OpenedSessions(Arc<RwLock<HashMap<[u8; 32], Opened>>>);

#[derive(Debug, Clone)]
struct Opened {
    session: Arc<InSession>,
    secret: Arc<Secret>,
}

impl Credentials {
    /// Returns who asks, once his signature was found right.
    pub(crate) fn caller(&self, signed: Signed) -> Caller {
        Caller::known(
            self.id,
            Arc::clone(&self.bearer),
            self.session.clone(),
            &self.takers,
            signed,
        )
    }
}

impl Guard {
    /// Looks up whose credentials these are.
    pub(crate) async fn credentials(
        &self,
        access_key: &AccessKeyId,
        token: Option<&str>,
    ) -> Result<Credentials, Fault> {
        match token {
            None => self.lasting(access_key).await,
            Some(token) => self.temporary(access_key, token).await,
        }
    }

    async fn lasting(&self, access_key: &AccessKeyId) -> Result<Credentials, Fault> {
        let unknown =
            || unknown_access_key(access_key.as_str(), Some(&self.gate.region().partition));
        let key = self.registry.access_key(access_key).await;
        let key = key
            .map_err(|error| unavailable(&error))?
            .ok_or_else(unknown)?;
        let bearer = match key.user {
            None => self
                .registry
                .admin(key.tenant)
                .await
                .map_err(|error| unavailable(&error))?,
            Some(user) => self
                .registry
                .bearer(user, &self.gate.region().partition)
                .await
                .map_err(|error| unavailable(&error))?
                .ok_or_else(unknown)?,
        };
        Ok(Credentials {
            secret: Arc::new(key.secret.clone()),
            id: key.principal,
            bearer,
            session: None,
            takers: Vec::new(),
        })
    }

    async fn temporary(&self, access_key: &AccessKeyId, token: &str) -> Result<Credentials, Fault> {
        let opened = self.opened(access_key, token).await?;
        let session = &opened.session.session;
        if session.partition != self.gate.region().partition {
            return Err(elsewhere(session, self));
        }
        // The time that never runs backwards: a clock set back lengthens no session.
        if self.gate.now() >= session.until {
            return Err(Fault::new(
                Code::ExpiredToken,
                "The provided token has expired.",
            ));
        }
        // Whom it was made for nobody can say, so nothing may be sent to it; who shows it takes the role again.
        if session.hides_its_taker() {
            return Err(Fault::new(
                Code::ExpiredToken,
                "The provided token has expired: it was made before tokens told who took the role. Take the role again.",
            ));
        }
        let is_held = match &session.made_with {
            None => true,
            Some(made_with) => self
                .registry
                .access_key(made_with)
                .await
                .map_err(|error| unavailable(&error))?
                .is_some(),
        };
        let bearer = match session.identity {
            None => Some(
                self.registry
                    .admin(session.tenant)
                    .await
                    .map_err(|error| unavailable(&error))?,
            ),
            Some(identity) => self
                .registry
                .bearer(identity, &self.gate.region().partition)
                .await
                .map_err(|error| unavailable(&error))?,
        };
        let bearer = bearer.filter(|_| is_held).ok_or_else(|| {
            invalid_token("whoever it was given to, or the key it was made with, is there no more")
        })?;
        let takers = self.takers(session).await?;
        Ok(Credentials {
            secret: opened.secret,
            id: session.principal,
            bearer,
            takers,
            session: Some(opened.session),
        })
    }

    /// Looks up who took the role of a session. A session goes on without them, as far away as they were.
    async fn takers(&self, session: &Session) -> Result<Vec<Arc<Bearer>>, Fault> {
        let mut takers = Vec::new();
        for taker in session.taken.iter().flat_map(|taken| &taken.by) {
            let found = match taker.identity {
                None => self.registry.admin(taker.tenant).await.map(Some),
                Some(identity) => {
                    let partition = &self.gate.region().partition;
                    self.registry.bearer(identity, partition).await
                }
            };
            takers.extend(found.map_err(|error| unavailable(&error))?);
        }
        Ok(takers)
    }

    /// Opens a token, from memory where it was opened before.
    async fn opened(&self, access_key: &AccessKeyId, token: &str) -> Result<Opened, Fault> {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(access_key.as_str().as_bytes());
        context.update(b"\n");
        context.update(token.as_bytes());
        let mut key = [0; 32];
        key.copy_from_slice(context.finish().as_ref());
        let known = self
            .sessions
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let (session, secret) = self
            .registry
            .open_session(access_key, token)
            .await
            .map_err(|error| unavailable(&error))?
            .ok_or_else(|| {
                invalid_token(
                    "it was not made for this access key, or not by this service: tokens of another partition or region open nothing here",
                )
            })?;
        let opened = Opened {
            session: Arc::new(self.in_session(session).await?),
            secret: Arc::new(secret),
        };
        let mut known = self
            .sessions
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if known.len() >= OPENED_MAX {
            known.clear();
        }
        known.insert(key, opened.clone());
        Ok(opened)
    }

    async fn in_session(&self, session: Session) -> Result<InSession, Fault> {
        let partition = &self.gate.region().partition;
        let policy = session
            .policy
            .as_deref()
            .map(|policy| Compiled::parse(policy, &Kind::Session, partition))
            .transpose()
            .map_err(|_| invalid_token("its policy does not compile any more"))?;
        let of = match session.identity {
            None => Named::Tenant(session.tenant),
            Some(identity) => self
                .registry
                .bearer(identity, partition)
                .await
                .map_err(|error| unavailable(&error))?
                .ok_or_else(|| invalid_token("whoever it was given to is there no more"))?
                .named
                .clone(),
        };
        let named = match (of, &session.name) {
            (Named::Role(tenant, role), Some(name)) => Named::Session(tenant, role, name.clone()),
            (of, _) => of,
        };
        Ok(InSession {
            asker: Asker::named(&named),
            named,
            policy,
            session,
        })
    }
}

fn elsewhere(session: &Session, guard: &Guard) -> Fault {
    invalid_token(&format!(
        "it is of partition `{}` and this is `{}`; no identity is valid in two partitions",
        session.partition,
        guard.gate.region().partition
    ))
}

pub(crate) fn invalid_token(why: &str) -> Fault {
    Fault::new(
        Code::InvalidToken,
        format!("The provided token is malformed or otherwise invalid: {why}."),
    )
}

pub(crate) fn unavailable(error: &onshore_registry::Error) -> Fault {
    tracing::error!(%error, cause = error_chain(error), "credentials cannot be looked up");
    Fault::new(
        Code::ServiceUnavailable,
        "Access keys cannot be looked up at present. Please try again.",
    )
}
