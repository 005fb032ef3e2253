//! Who calls, and which roles a handler is for.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use onshore_policy::{Principal, Role};
use onshore_types::{Place, PrincipalId, TenantId};

use crate::error::Error;

/// Somebody whose token is known and who is inside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) id: PrincipalId,
    pub(crate) role: Role,
    pub(crate) place: Place,
    /// The tenant that a tenant's administrator or user is of, or a support session is for.
    pub(crate) tenant: Option<TenantId>,
}

impl Caller {
    /// Returns the caller as it acts for the region.
    pub(crate) fn principal(&self) -> Principal {
        Principal {
            id: self.id,
            tenant: self.tenant,
            role: self.role,
        }
    }

    /// Whether what is a tenant's may be shown: in a support session, and to a tenant's people, that of one tenant alone.
    pub(crate) fn sees(&self, tenant: TenantId) -> bool {
        match self.role {
            Role::SupportEngineer | Role::TenantAdmin | Role::TenantUser | Role::Worker => {
                self.tenant == Some(tenant)
            }
            Role::Operator | Role::Regulator | Role::Auditor => true,
            Role::OutgoingProvider => false,
        }
    }

    /// Returns the caller as it acts on a tenant's behalf.
    pub(crate) fn on_behalf_of(&self, tenant: TenantId) -> Principal {
        Principal {
            tenant: Some(tenant),
            ..self.principal()
        }
    }
}

/// Roles that a handler is for.
pub(crate) trait Roles: Send {
    const ROLES: &'static [Role];
    const WORDS: &'static str;
}

/// Who changes the region.
pub(crate) enum Operators {}

impl Roles for Operators {
    const ROLES: &'static [Role] = &[Role::Operator];
    const WORDS: &'static str = "operator";
}

/// Who looks after identities: the operator of every tenant's, a tenant's administrator of his own.
pub(crate) enum TenantKeepers {}

impl Roles for TenantKeepers {
    const ROLES: &'static [Role] = &[Role::Operator, Role::TenantAdmin];
    const WORDS: &'static str = "operator or tenant admin";
}

/// Who sees how the region is doing: those who read what was recorded, and a support engineer in a session.
pub(crate) enum Viewers {}

impl Roles for Viewers {
    const ROLES: &'static [Role] = &[
        Role::Operator,
        Role::Regulator,
        Role::Auditor,
        Role::SupportEngineer,
    ];
    const WORDS: &'static str = "operator, regulator or auditor";
}

/// Who sees what a tenant has: the operator, and a support engineer in a session for that tenant.
pub(crate) enum TenantViewers {}

impl Roles for TenantViewers {
    const ROLES: &'static [Role] = &[Role::Operator, Role::SupportEngineer];
    const WORDS: &'static str = "operator";
}

/// Who sees what a tenant holds: those who see what it has, and its own administrator.
pub(crate) enum HoldingViewers {}

impl Roles for HoldingViewers {
    const ROLES: &'static [Role] = &[Role::Operator, Role::SupportEngineer, Role::TenantAdmin];
    const WORDS: &'static str = "operator or tenant admin";
}

/// Who follows jobs: those who look at what engines did, and a support engineer in a session for their tenant.
pub(crate) enum JobViewers {}

impl Roles for JobViewers {
    const ROLES: &'static [Role] = &[Role::Operator, Role::Auditor, Role::SupportEngineer];
    const WORDS: &'static str = "operator or auditor";
}

/// Whoever holds a token.
pub(crate) enum Anybody {}

impl Roles for Anybody {
    const ROLES: &'static [Role] = &[
        Role::Operator,
        Role::Regulator,
        Role::Auditor,
        Role::TenantAdmin,
        Role::TenantUser,
        Role::SupportEngineer,
        Role::OutgoingProvider,
        Role::Worker,
    ];
    const WORDS: &'static str = "any";
}

/// Whoever holds a token and opens sessions himself; those of a support engineer are opened by others.
pub(crate) enum SessionHolders {}

impl Roles for SessionHolders {
    const ROLES: &'static [Role] = &[
        Role::Operator,
        Role::Regulator,
        Role::Auditor,
        Role::TenantAdmin,
        Role::TenantUser,
        Role::OutgoingProvider,
    ];
    const WORDS: &'static str = "any but support engineer and worker";
}

/// Who brings what jobs are to bring.
pub(crate) enum Workers {}

impl Roles for Workers {
    const ROLES: &'static [Role] = &[Role::Worker];
    const WORDS: &'static str = "worker";
}

/// Who decides on what leaves.
pub(crate) enum Supervisors {}

impl Roles for Supervisors {
    const ROLES: &'static [Role] = &[Role::Operator, Role::Regulator];
    const WORDS: &'static str = "operator or regulator";
}

/// Who signs for a side of a hand-over.
pub(crate) enum Signatories {}

impl Roles for Signatories {
    const ROLES: &'static [Role] = &[Role::Operator, Role::Regulator, Role::OutgoingProvider];
    const WORDS: &'static str = "operator, regulator or outgoing provider";
}

/// Whom others are made to leave.
pub(crate) enum OutgoingProviders {}

impl Roles for OutgoingProviders {
    const ROLES: &'static [Role] = &[Role::OutgoingProvider];
    const WORDS: &'static str = "outgoing provider";
}

/// Who looks at what engines did.
pub(crate) enum Auditors {}

impl Roles for Auditors {
    const ROLES: &'static [Role] = &[Role::Operator, Role::Auditor];
    const WORDS: &'static str = "operator or auditor";
}

/// Who reads what was recorded.
pub(crate) enum Readers {}

impl Roles for Readers {
    const ROLES: &'static [Role] = &[Role::Operator, Role::Regulator, Role::Auditor];
    const WORDS: &'static str = "operator, regulator or auditor";
}

/// A caller in one of the roles that the handler is for.
pub(crate) struct By<R> {
    pub(crate) caller: Caller,
    roles: PhantomData<R>,
}

impl<R: Roles, S: Send + Sync> FromRequestParts<S> for By<R> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        // Without a caller the request never passed the door: it is nobody's.
        let caller = parts
            .extensions
            .get::<Caller>()
            .copied()
            .ok_or(Error::Unauthenticated)?;
        if R::ROLES.contains(&caller.role) {
            return Ok(Self {
                caller,
                roles: PhantomData,
            });
        }
        Err(onshore_gate::Error::RoleForbids {
            needed: R::WORDS,
            held: word(caller.role),
        }
        .into())
    }
}

/// Returns the word for a role that people read.
pub(crate) fn word(role: Role) -> &'static str {
    match role {
        Role::Operator => "operator",
        Role::Regulator => "regulator",
        Role::Auditor => "auditor",
        Role::TenantAdmin => "tenant admin",
        Role::TenantUser => "tenant user",
        Role::SupportEngineer => "support engineer",
        Role::OutgoingProvider => "outgoing provider",
        Role::Worker => "worker",
    }
}
