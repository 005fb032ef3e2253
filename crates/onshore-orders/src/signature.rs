//! Somebody's word for a part of a record, as one of two people.

use onshore_types::{IdentityName, PrincipalId, Timestamp};
use serde::{Deserialize, Serialize};

/// Somebody's word, given by an act of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The person.
    pub person: IdentityName,
    /// Who made the person's token, who made the maker's, and so on, as far as they had names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vouched_by: Vec<IdentityName>,
    /// Whose token it was.
    pub token: PrincipalId,
    /// When.
    pub at: Timestamp,
}
