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
    /// What the source asks for; none reads anonymously.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<SourceCredentials>,
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
    /// `ordered`, `pulling`, `freezing`, `last-pass`, `verifying`, `blocked`, `switched`, `aborted` or `rehearsed`.
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
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub ended: Option<Timestamp>,
    /// The leaf of the certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_leaf: Option<u64>,
}
