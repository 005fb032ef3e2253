//! Users, groups and roles of tenants, their policies and keys, and control tokens.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use onshore_types::{AccessKeyId, IdentityName, Jurisdiction, PrincipalId, TenantName, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an identity is, as paths name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum IdentityKindView {
    /// Somebody with access keys.
    Users,
    /// Users that may do the same.
    Groups,
    /// What users, and programs, take for a while.
    Roles,
}

impl IdentityKindView {
    const ALL: [Self; 3] = [Self::Users, Self::Groups, Self::Roles];

    /// Returns its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Groups => "groups",
            Self::Roles => "roles",
        }
    }
}

impl FromStr for IdentityKindView {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| "it is users, groups or roles".to_owned())
    }
}

/// What is said of an identity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityDetails {
    /// Tags, which policies may speak of: `aws:PrincipalTag`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Of a user: where the organisation is that he works for, if that is not the tenant's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub organisation: Option<Jurisdiction>,
    /// Of a role: the policy that says who may take it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<String>,
    /// Of a role: how long a session lasts at most, in seconds, from 900 to 43200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_max_s: Option<u32>,
}

/// `POST /v1/tenants/{name}/identities/{kind}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateIdentity {
    /// The name.
    #[schema(value_type = String)]
    pub name: IdentityName,
    /// What is said of it.
    #[serde(default)]
    pub details: IdentityDetails,
}

/// A user, a group or a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdentityView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: PrincipalId,
    /// Its name.
    #[schema(value_type = String)]
    pub name: IdentityName,
    /// Its ARN; a group has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// What is said of it.
    pub details: IdentityDetails,
    /// When it was made.
    #[schema(value_type = String)]
    pub created: Timestamp,
    /// The groups of a user, the users of a group; where one is shown alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub related: Vec<IdentityName>,
    /// Its policies by name; where one is shown alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub policies: BTreeMap<String, String>,
    /// The leaf that tells of the act, in the answer to the act alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<u64>,
}

/// `PUT /v1/tenants/{name}/identities/{kind}/{identity}/policies/{policy}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutPolicy {
    /// The document, in the JSON of AWS.
    pub document: String,
}

/// What is told of a key pair, which is never its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyEntryView {
    /// The public half.
    #[schema(value_type = String)]
    pub access_key: AccessKeyId,
    /// Who acts with it.
    #[schema(value_type = String)]
    pub principal: PrincipalId,
    /// The user whose it is; absent for the tenant's administrator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub user: Option<IdentityName>,
    /// Whether it opens anything.
    pub enabled: bool,
    /// When it was made.
    #[schema(value_type = String)]
    pub created: Timestamp,
    /// The leaf that tells of the act, in the answer to the act alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<u64>,
}

/// `PUT /v1/tenants/{name}/keys/{key}/state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetKeyState {
    /// Whether it is to open anything.
    pub enabled: bool,
}

/// `PUT /v1/tenants/{name}/jurisdiction`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetJurisdiction {
    /// Where the organisation is; none is the region's own jurisdiction.
    #[schema(value_type = Option<String>)]
    pub jurisdiction: Option<Jurisdiction>,
}

/// What a control token may be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RoleWord {
    /// Runs the region.
    Operator,
    /// Supervises it.
    Regulator,
    /// Audits it.
    Auditor,
    /// Looks after the identities of one tenant.
    TenantAdmin,
    /// Is somebody of one tenant.
    TenantUser,
    /// Is of the technology provider's staff.
    SupportEngineer,
    /// Is of a provider that others leave.
    OutgoingProvider,
    /// Brings what jobs of one tenant are to bring.
    Worker,
}

/// `POST /v1/tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    /// For which role.
    pub role: RoleWord,
    /// For which tenant: of a tenant's administrator, user and worker, and of nobody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub tenant: Option<TenantName>,
    /// For which person: what takes two people is for named ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub person: Option<IdentityName>,
    /// For which provider of the register: of an outgoing provider, and of nobody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}

/// A control token, told this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// The token.
    pub token: String,
    /// Who acts with it.
    #[schema(value_type = String)]
    pub principal: PrincipalId,
    /// For which role.
    pub role: RoleWord,
    /// The leaf that tells of the act.
    pub leaf: u64,
}

/// `POST /v1/sessions`: a token that acts as the caller's own does, for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenSession {
    /// For how many minutes.
    #[schema(minimum = 1, maximum = 720)]
    pub minutes: u32,
}

/// A session; its token is told this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionView {
    /// The token.
    pub token: String,
    /// Until when it holds.
    #[schema(value_type = String)]
    pub until: Timestamp,
    /// The leaf that tells of the act.
    pub leaf: u64,
}

/// Who holds a control token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HolderView {
    /// Who.
    #[schema(value_type = String)]
    pub principal: PrincipalId,
    /// In which role.
    pub role: RoleWord,
    /// For which tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub tenant: Option<TenantName>,
    /// The person it was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub person: Option<IdentityName>,
    /// The provider that it was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Who made it, who made the maker's, and so on, as far as they had names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub vouched_by: Vec<IdentityName>,
    /// The leaf that tells of the act, in the answer to the act alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<u64>,
}

/// A leaf that tells of an act without another answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// Which.
    pub leaf: u64,
}

impl fmt::Debug for TokenView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenView")
            .field("principal", &self.principal)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SessionView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionView")
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}
