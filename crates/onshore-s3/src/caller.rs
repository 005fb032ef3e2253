//! Who asks: whose key it is or that there was none, in which session, and how the request came. Policies speak of all of
//! that.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use onshore_policy::iam::{Asker, Compiled, Named, Standing};
use onshore_policy::{Principal, Role};
use onshore_registry::{Bearer, Session};
use onshore_types::{Jurisdiction, PrincipalId, TenantId, Timestamp};

/// Who is behind a request without a signature: nobody's id, in nobody's tenant.
/// The tenant of whoever signs nothing: there is none.
const NO_TENANT: [u8; 16] = [0; 16];

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The id under which it is counted and recorded.
    pub(crate) principal: Principal,
    /// Whose tenant he is of.
    pub(crate) tenant: TenantId,
    pub(crate) bearer: Arc<Bearer>,
    pub(crate) session: Option<Arc<InSession>>,
    /// Where the organisations are that he acts for: his own, and those of whoever took the role that he is in.
    pub(crate) organisations: BTreeSet<Jurisdiction>,
    pub(crate) signed: Signed,
}

/// A session that was opened, ready to be judged.
#[derive(Debug)]
pub(crate) struct InSession {
    pub(crate) session: Session,
    /// As what policies name who is in it.
    pub(crate) named: Named,
    pub(crate) asker: Asker,
    /// What it is confined to.
    pub(crate) policy: Option<Compiled>,
}

/// How a request was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signed {
    InHeader,
    /// In a link, so many milliseconds ago.
    InLink {
        age_ms: i64,
    },
    InForm,
    Not,
}

/// How a request came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Way {
    /// The address it came from, where anybody can tell.
    pub(crate) client: Option<IpAddr>,
    /// The version of TLS: `1.3`.
    pub(crate) tls: Option<&'static str>,
    pub(crate) at: Timestamp,
}

impl Caller {
    /// Somebody whose signature was right.
    pub(crate) fn known(
        id: PrincipalId,
        bearer: Arc<Bearer>,
        session: Option<Arc<InSession>>,
        takers: &[Arc<Bearer>],
        signed: Signed,
    ) -> Self {
        let taken = session
            .as_ref()
            .and_then(|session| session.session.taken.as_ref());
        let then = taken.map(|taken| &taken.organisations);
        let organisations = std::iter::once(&bearer)
            .chain(takers)
            .flat_map(|bearer| &bearer.organisations)
            .chain(then.into_iter().flatten())
            .copied()
            .collect();
        Self {
            principal: Principal {
                id,
                tenant: Some(bearer.tenant),
                role: Role::TenantUser,
            },
            tenant: bearer.tenant,
            bearer,
            session,
            organisations,
            signed,
        }
    }

    /// Whoever signs nothing.
    pub(crate) fn anonymous() -> Self {
        let tenant = TenantId::from_bytes(NO_TENANT);
        let bearer = Bearer {
            tenant,
            named: Named::Everybody,
            asker: Asker::anonymous(),
            standing: Standing::Anonymous,
            policies: Vec::new(),
            tags: BTreeMap::new(),
            organisations: Vec::new(),
        };
        Self::known(
            onshore_gate::NOBODY,
            Arc::new(bearer),
            None,
            &[],
            Signed::Not,
        )
    }

    /// Returns the user or role that he is; none for the administrator of a tenant, and for whoever signs nothing.
    pub(crate) fn identity(&self) -> Option<PrincipalId> {
        match (self.bearer.standing, &self.session) {
            (Standing::Identity, Some(session)) => session.session.identity,
            (Standing::Identity, None) => Some(self.principal.id),
            (Standing::Admin | Standing::Anonymous, _) => None,
        }
    }

    /// Whether nobody signed.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.bearer.standing == Standing::Anonymous
    }

    /// Whether no policy but that of what he asks for can say anything of him: he is the administrator of his tenant.
    pub(crate) fn is_plain_admin(&self) -> bool {
        self.bearer.standing == Standing::Admin
            && self
                .session
                .as_ref()
                .is_none_or(|session| session.policy.is_none())
    }

    /// Returns as what policies name him.
    pub(crate) fn named(&self) -> &Named {
        self.session
            .as_ref()
            .map_or(&self.bearer.named, |session| &session.named)
    }

    /// Returns him for questions.
    pub(crate) fn asker(&self) -> &Asker {
        self.session
            .as_ref()
            .map_or(&self.bearer.asker, |session| &session.asker)
    }

    /// Returns his tags: those of his session hide those of his identity.
    pub(crate) fn tag(&self, name: &str) -> Option<&str> {
        let find = |tags: &'_ BTreeMap<String, String>| {
            tags.iter()
                .find(|(known, _)| known.to_lowercase() == name)
                .map(|(known, _)| known.clone())
        };
        if let Some(session) = &self.session
            && let Some(known) = find(&session.session.tags)
        {
            return session.session.tags.get(&known).map(String::as_str);
        }
        let known = find(&self.bearer.tags)?;
        self.bearer.tags.get(&known).map(String::as_str)
    }

    /// Returns his id as policies have it: `aws:userid`.
    pub(crate) fn user_id(&self) -> Option<String> {
        let session = self.session.as_ref().map(|session| &session.session);
        match (&self.bearer.named, session) {
            (Named::Everybody, _) => None,
            (_, Some(session)) if session.name.is_some() => Some(format!(
                "{}:{}",
                session.identity.unwrap_or(session.principal),
                session.name.as_ref().map_or("", |name| name.as_str())
            )),
            (Named::Tenant(tenant), _) => Some(tenant.to_string()),
            _ => Some(self.principal.id.to_string()),
        }
    }
}
