//! `onshore token`: who may ask the control API for what.

use clap::{Subcommand, ValueEnum};
use onshore_api::RoleWord;
use onshore_orders::Id;
use onshore_types::{IdentityName, PrincipalId, TenantName};

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a control token
    Create {
        /// For which role
        #[arg(long, value_enum)]
        role: RoleName,
        /// For which tenant: of a tenant's administrator, user and worker
        #[arg(long)]
        tenant: Option<TenantName>,
        /// For which person: what takes two people is for named ones
        #[arg(long, value_name = "NAME")]
        person: Option<IdentityName>,
        /// For which provider of the register: of an outgoing provider
        #[arg(long, value_name = "ID")]
        provider: Option<Id>,
    },
    /// List who holds control tokens
    List,
    /// Take a control token away
    Revoke {
        /// The id of its holder
        id: PrincipalId,
    },
}

/// A role on the control API.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RoleName {
    Operator,
    Regulator,
    Auditor,
    TenantAdmin,
    TenantUser,
    SupportEngineer,
    OutgoingProvider,
    Worker,
}

impl RoleName {
    /// Returns the word for it.
    pub(crate) fn word(self) -> RoleWord {
        match self {
            Self::Operator => RoleWord::Operator,
            Self::Regulator => RoleWord::Regulator,
            Self::Auditor => RoleWord::Auditor,
            Self::TenantAdmin => RoleWord::TenantAdmin,
            Self::TenantUser => RoleWord::TenantUser,
            Self::SupportEngineer => RoleWord::SupportEngineer,
            Self::OutgoingProvider => RoleWord::OutgoingProvider,
            Self::Worker => RoleWord::Worker,
        }
    }
}
