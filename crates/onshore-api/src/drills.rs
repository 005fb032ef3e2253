//! Disconnect drills: that nothing here needs the technology provider, nor anybody else outside.

use onshore_types::{DrillId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/drills`: cuts the server off from everything but loopback and the peers of its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BeginDrill {
    /// For how long.
    pub seconds: u32,
}

/// `PUT /v1/drills/{id}/checks`: what was tried so far, all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TellChecks {
    /// Each thing that was tried.
    pub checks: Vec<DrillCheck>,
}

/// Something that was tried while the server was cut off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DrillCheck {
    /// What.
    pub name: String,
    /// How often.
    pub times: u64,
    /// Whether it held each time.
    pub held: bool,
    /// What was found where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
}

/// Somebody outside whom the configuration names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrillParty {
    /// What for: `notification`, `witness`, `replication`.
    pub purpose: String,
    /// What the configuration calls it.
    pub name: String,
    /// Where it is.
    pub host: String,
    /// Whether it could be reached all the same, as a peer of the own partition.
    pub peer: bool,
}

/// What somebody in the server wanted while it was cut off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrillWish {
    /// What for.
    pub purpose: String,
    /// To connect to whom.
    pub host: String,
    /// How often.
    pub times: u64,
}

/// What a drill found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrillReport {
    /// Whom the configuration names, and who of them was cut off.
    pub parties: Vec<DrillParty>,
    /// What would have been wanted, and by whom.
    pub wanted: Vec<DrillWish>,
    /// What was tried meanwhile.
    pub checks: Vec<DrillCheck>,
    /// Whether something was tried, and all of it held.
    pub held: bool,
}

/// A drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrillView {
    /// Which.
    #[schema(value_type = String)]
    pub id: DrillId,
    /// `under-way`, or how it ended: `time`, `early`, `broken-off`.
    pub state: String,
    /// When it began.
    #[schema(value_type = String)]
    pub began: Timestamp,
    /// Until when it was to last.
    #[schema(value_type = String)]
    pub until: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub ended: Option<Timestamp>,
    /// Where S3 is served, in the answer that begins it alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<String>,
    /// The region that clients sign for, there too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// What was found, so far while it is under way; absent where it was broken off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<DrillReport>,
    /// The leaf that tells of the act, in the answer to the act alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<u64>,
}
