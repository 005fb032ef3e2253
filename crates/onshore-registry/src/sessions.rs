//! Sessions: temporary credentials, which nobody keeps. All that is known of one travels in its token, sealed under a key of
//! this region, and the secret with it; whoever shows another region's token shows what cannot be opened here. A session
//! ends with its time and with the identity it was made of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use onshore_db::{Unit, View};
use onshore_keys::{DataKey, KEY_LEN_BYTES, KeyProvider, Secret};
use onshore_types::{
    AccessKeyId, IdentityName, Jurisdiction, PartitionName, PrincipalId, TenantId, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{Error, Registry};

const KEY_CONTEXT: &[u8] = b"onshore session key 1";
/// The longest token that is opened.
const TOKEN_MAX_BYTES: usize = 16 * 1024;

/// What a session is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// The public half of its key pair.
    pub access_key: AccessKeyId,
    /// The partition it is of.
    pub partition: PartitionName,
    /// The tenant it acts in.
    pub tenant: TenantId,
    /// The id under which it acts.
    pub principal: PrincipalId,
    /// The user or role it was made of; none for the administrator of the tenant.
    pub identity: Option<PrincipalId>,
    /// The access key it was made with, which must still open something: of a role, that of whoever took it first. None in tokens of roles
    /// that were made before they told it.
    pub made_with: Option<AccessKeyId>,
    /// Its name, where a role was taken.
    pub name: Option<IdentityName>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Those of them that go on to a role that is taken with it.
    pub transitive: Vec<String>,
    /// The policy it is confined to.
    pub policy: Option<String>,
    /// When it was made.
    pub issued: Timestamp,
    /// The first instant at which it is over.
    pub until: Timestamp,
    /// How many roles were taken before it.
    pub chained: u8,
    /// Who took the role, where one was taken. Tokens that were made before sessions told it have none: whom they are sent
    /// on to nobody can say (docs/decisions/0071).
    #[serde(default)]
    pub taken: Option<Taken>,
}

/// On whose behalf a role was taken: what goes to the session goes to all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taken {
    /// Whoever took a role until this one was taken, the first of them first.
    pub by: Vec<Taker>,
    /// Where the organisations were that they acted for when they did. Those they act for since are asked for anew.
    pub organisations: BTreeSet<Jurisdiction>,
}

/// Somebody who takes a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taker {
    /// His tenant.
    pub tenant: TenantId,
    /// The user or role; none for the administrator of the tenant.
    pub identity: Option<PrincipalId>,
}

/// A new session's credentials.
pub struct SealedSession {
    /// The secret half of its key pair.
    pub secret: Secret,
    /// What must be shown with every request.
    pub token: String,
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    session: Session,
    secret: String,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("tenant", &self.tenant)
            .field("principal", &self.principal)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SealedSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedSession").finish_non_exhaustive()
    }
}

impl Session {
    /// Whether it is of a role, and does not tell who took it.
    #[must_use]
    pub fn hides_its_taker(&self) -> bool {
        self.name.is_some() && self.taken.is_none()
    }
}

impl Registry {
    /// Makes a session's credentials: a secret is drawn, and all is sealed into its token.
    ///
    /// # Errors
    /// Those of the database and the key provider.
    pub async fn seal_session(&self, session: Session) -> Result<SealedSession, Error> {
        let secret = hex::encode(onshore_keys::random::<20>());
        let context = context(&session.access_key);
        let sealed = Sealed {
            session,
            secret: secret.clone(),
        };
        let plain =
            serde_json::to_vec(&sealed).map_err(|_| Error::Unreadable { what: "session" })?;
        let token = self.session_key().await?.wrap(&context, &plain)?;
        Ok(SealedSession {
            secret: Secret::new(secret.into_bytes()),
            token: URL_SAFE_NO_PAD.encode(token),
        })
    }

    /// Opens a token that was shown with an access key, and returns the session and its secret; none for one that was not
    /// made here, for this key. Whether the session is over, and its identity still there, is for whoever asks.
    ///
    /// # Errors
    /// Those of the database and the key provider.
    pub async fn open_session(
        &self,
        access_key: &AccessKeyId,
        token: &str,
    ) -> Result<Option<(Session, Secret)>, Error> {
        if token.len() > TOKEN_MAX_BYTES {
            return Ok(None);
        }
        let Ok(sealed) = URL_SAFE_NO_PAD.decode(token) else {
            return Ok(None);
        };
        let key = self.session_key().await?;
        let Ok(plain) = key.unwrap(&context(access_key), &sealed) else {
            return Ok(None);
        };
        let Ok(opened) = serde_json::from_slice::<Sealed>(plain.as_bytes()) else {
            return Ok(None);
        };
        let secret = Secret::new(opened.secret.into_bytes());
        Ok((opened.session.access_key == *access_key).then_some((opened.session, secret)))
    }

    /// Returns the key that seals sessions, which is made when it is asked for first.
    async fn session_key(&self) -> Result<Arc<DataKey>, Error> {
        {
            let remembered = self
                .remembered
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(key) = &remembered.session_key {
                return Ok(Arc::clone(key));
            }
        }
        let keys = Arc::clone(&self.keys);
        let secret = self
            .db
            .write(move |unit| -> Result<Secret, Error> {
                if let Some(sealed) = sealed_key(unit)? {
                    return Ok(keys.unwrap(KEY_CONTEXT, &sealed)?);
                }
                let secret = Secret::random::<KEY_LEN_BYTES>();
                unit.execute(
                    "INSERT INTO session_key (one, sealed) VALUES (1, ?1)",
                    [keys.wrap(KEY_CONTEXT, secret.as_bytes())?],
                )?;
                Ok(secret)
            })
            .await?;
        let key = Arc::new(DataKey::from_secret(secret)?);
        let mut remembered = self
            .remembered
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        remembered.session_key = Some(Arc::clone(&key));
        Ok(key)
    }
}

/// Seals the key of sessions anew.
pub(crate) fn seal_anew(
    unit: &Unit<'_>,
    from: &dyn KeyProvider,
    to: &dyn KeyProvider,
) -> Result<(), Error> {
    if let Some(sealed) = sealed_key(unit)? {
        let secret = from.unwrap(KEY_CONTEXT, &sealed)?;
        unit.execute(
            "UPDATE session_key SET sealed = ?1",
            [to.wrap(KEY_CONTEXT, secret.as_bytes())?],
        )?;
    }
    Ok(())
}

fn sealed_key(view: &View<'_>) -> Result<Option<Vec<u8>>, Error> {
    Ok(view.one("SELECT sealed FROM session_key", [], |row| row.get(0))?)
}

fn context(access_key: &AccessKeyId) -> Vec<u8> {
    [
        b"onshore session ".as_slice(),
        access_key.as_str().as_bytes(),
    ]
    .concat()
}
