//! Somebody's word for a part of a record, as one of two people.

use onshore_types::{IdentityName, PrincipalId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Somebody's word, given by an act of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The person.
    #[schema(value_type = String)]
    pub person: IdentityName,
    /// Who made the person's token, who made the maker's, and so on, as far as they had names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub vouched_by: Vec<IdentityName>,
    /// Whose token it was.
    #[schema(value_type = String, pattern = "^pri_[0-9a-f]{32}$")]
    pub token: PrincipalId,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}
