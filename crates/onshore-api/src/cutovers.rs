//! Cut-overs.

use onshore_types::{BucketName, JobId, Label, TenantName, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::jobs::{JobProgress, MigrateFrom, SourceCredentials};

/// `POST /v1/cutovers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderCutover {
    /// From where the bucket is cut over.
    pub source: MigrateFrom,
    /// Which bucket; made if it is missing.
    #[schema(value_type = String)]
    pub bucket: BucketName,
    /// For whom.
    #[schema(value_type = String)]
    pub tenant: TenantName,
    /// The class of a bucket that is made, and declared for every object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Whether all but the freeze and the switch is to be done, to see what would have happened.
    #[serde(default)]
    pub rehearse: bool,
    /// Whether the operator says that nobody writes at the source any more: where it cannot be frozen by its own policy.
    #[serde(default)]
    pub source_is_frozen: bool,
    /// Whether it goes on although something could not be brought.
    #[serde(default)]
    pub accept_exceptions: bool,
    /// For how many days behind the switch what is changed here can be taken back to the source, up to 365; 7 where nobody says so, and
    /// 0 for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 365)]
    pub way_back_days: Option<u32>,
    /// What the source asks for; none reads anonymously.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<SourceCredentials>,
}

/// `POST /v1/cutovers/{bucket}/return`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderReturn {
    /// Whether it comes to its end once the source has everything as it is here.
    #[serde(default)]
    pub finish: bool,
    /// Whether what somebody changed at the source since the switch is written over.
    #[serde(default)]
    pub overwrite: bool,
    /// Whether it ends although something cannot be taken back.
    #[serde(default)]
    pub accept_exceptions: bool,
    /// What the source asks of whoever writes there; none writes anonymously.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<SourceCredentials>,
}

/// A key that cannot be taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotReturnedView {
    /// Which.
    pub key: String,
    /// Why not: one word, and what it means.
    pub why: String,
}

/// How far it is that what was changed in a bucket is taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReturnView {
    /// The job that does it, or did last.
    #[schema(value_type = String)]
    pub job: JobId,
    /// `queued`, `running`, `paused`, `cancelling`, `complete`, `incomplete`, `failed` or `cancelled`.
    pub state: String,
    /// How often an object was taken back.
    pub objects: u64,
    /// How often one was removed at the source, or was found to be gone.
    pub removed: u64,
    /// How many keys cannot be taken back.
    pub exceptions: u64,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub named: Vec<NotReturnedView>,
    /// Whether it comes to its end once the source has everything as it is here.
    pub finishing: bool,
    /// What was found when both sides were compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub report: Option<Value>,
}

/// A cut-over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CutoverView {
    /// Which bucket.
    #[schema(value_type = String)]
    pub bucket: BucketName,
    /// For whom.
    #[schema(value_type = String)]
    pub tenant: TenantName,
    /// From where, without credentials.
    pub source: String,
    /// The job that carries it out.
    #[schema(value_type = String)]
    pub job: JobId,
    /// `ordered`, `pulling`, `freezing`, `last-pass`, `verifying`, `blocked`, `switched`, `aborted`, `rehearsed`, `returning` or
    /// `returned`.
    pub step: String,
    /// Whether it is a rehearsal.
    pub rehearsal: bool,
    /// How the source was frozen: `shown`, `set` or `said`; none where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<String>,
    /// The policy that the source had before it was frozen by another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_policy: Option<String>,
    /// What it waits for, or what is in its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What was found when both sides were compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub report: Option<Value>,
    /// The class declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub class: Option<Label>,
    /// How far the job is.
    pub progress: JobProgress,
    /// When it was ordered.
    #[schema(value_type = String)]
    pub began: Timestamp,
    /// When nothing was asked of the source any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub switched: Option<Timestamp>,
    /// Until when what is changed here can be taken back to the source; none where it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub way_back_until: Option<Timestamp>,
    /// How many keys were changed here, and are not as they are here at the source, as long as that is noted.
    pub changed: u64,
    /// How far it is that this is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "return")]
    pub taken_back: Option<ReturnView>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub ended: Option<Timestamp>,
    /// The leaf of the certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_leaf: Option<u64>,
}
