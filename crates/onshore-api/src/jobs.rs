//! Migration jobs.

use std::fmt;

use onshore_types::pace::Pace;
use onshore_types::selection::Selection;
use onshore_types::{BucketName, IdentityName, JobId, Label, PrincipalId, TenantName, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a migration reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum MigrateFrom {
    /// An S3 endpoint.
    S3 {
        /// The bucket.
        bucket: String,
        /// Only keys that begin so.
        #[serde(default)]
        prefix: String,
        /// The endpoint; none means AWS.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        endpoint: Option<String>,
        /// The region to sign for; none finds it out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<String>,
        /// Where the bucket's name goes: `auto`, `path` or `virtual`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        addressing: Option<String>,
        /// Which versions: `all` with delete markers, `current`, or `auto`, which is all where the bucket keeps versions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        versions: Option<String>,
        /// How S3 is spoken there: `aws`, `oss`, `cos`, `obs`, `ceph`, `minio`, `r2` or `generic`; the endpoint tells where nobody
        /// does, and the endpoint follows from it and the region where the cloud has fixed ones.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dialect: Option<String>,
    },
    /// A container of a cloud that does not speak S3.
    Container {
        /// What it is read by: `azblob` or `gs`.
        protocol: String,
        /// The container.
        container: String,
        /// Only keys that begin so.
        #[serde(default)]
        prefix: String,
        /// The endpoint, in which a path may stand.
        endpoint: String,
    },
    /// A container of OpenStack Swift. The secret of its user is the secret key of the credentials.
    Swift {
        /// The container.
        container: String,
        /// Only keys that begin so.
        #[serde(default)]
        prefix: String,
        /// The URL of Keystone or of TempAuth; of an account that is read anonymously the URL of the account.
        endpoint: String,
        /// How a token is had: `password` or `application-credential` (Keystone, version 3), `v1` (TempAuth), `anonymous`.
        auth: String,
        /// The user, or the id of the application credential.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// Which project.
        #[serde(default)]
        scope: SwiftScope,
    },
    /// A folder on another machine.
    Tree {
        /// What it is read by: `webdav` or `hdfs`.
        protocol: String,
        /// The endpoint, in which a path may stand.
        endpoint: String,
        /// The path of the folder behind the endpoint, without a slash at either end; empty for all.
        #[serde(default)]
        path: String,
    },
    /// A folder on the server's side.
    Folder {
        /// Its path there.
        path: String,
    },
}

/// Which project of a Keystone a container is in, and where its user is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SwiftScope {
    /// The project's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<String>,
    /// Or its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_name: Option<String>,
    /// The id of the domain of a project that is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_domain_id: Option<String>,
    /// Or its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_domain_name: Option<String>,
    /// The id of the user's domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_domain_id: Option<String>,
    /// Or its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_domain_name: Option<String>,
    /// The region of the catalogue, where it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// Credentials for a source; sealed by the server, destroyed when the job ends, never answered.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceCredentials {
    /// The public half.
    pub access_key: String,
    /// The secret half.
    pub secret_key: String,
    /// The session token, if they are temporary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_token: Option<String>,
}

/// `POST /v1/jobs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderMigration {
    /// From where.
    pub source: MigrateFrom,
    /// Into which bucket; made if it is missing.
    #[schema(value_type = String)]
    pub bucket: BucketName,
    /// For whom.
    #[schema(value_type = String)]
    pub tenant: TenantName,
    /// The class of a bucket that is made, and declared for every object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Whether it is only to be found out what would come, what could not, how long it would take and what it would cost: nothing
    /// is brought, and no bucket made.
    #[serde(default)]
    pub dry_run: bool,
    /// How fast the source may be read: bytes a second at most, and at certain hours of the week.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub pace: Pace,
    /// What becomes of what the source removes after it was brought: `follow` removes it here too, `keep` lets it stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletes: Option<String>,
    /// How many seconds after a listing that found nothing new the source is listed again: the job keeps up with it until it is asked
    /// to finish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 604800)]
    pub watch_s: Option<u32>,
    /// What somebody else than this server counted at the source. The job is complete only if it lists as much at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<CountedSource>,
    /// Which of the source's objects it brings, by what they hold: `classes` (general, important, core, personal, sensitive-personal; what
    /// is stricter is of the class too) and `persons` (local, abroad, unknown: where somebody lives of whom it tells), each a list of which
    /// one is enough; what is unclassified comes too. Each object is read to find out; what is not asked for goes no further, and the
    /// certificate names it.
    #[serde(default, skip_serializing_if = "Selection::is_everything")]
    #[schema(value_type = Object)]
    pub select: Selection,
    /// Whether the server leaves the reading of the source to workers, but for what none of them can bring.
    #[serde(default)]
    pub workers_only: bool,
    /// What the source asks for; none reads anonymously, or a folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<SourceCredentials>,
}

/// An independent count of a source: the provider's usage figure or inventory report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CountedSource {
    /// Who counted, and when: it stands in the certificate.
    pub by: String,
    /// How many objects; where all versions are brought, how many versions and delete markers.
    pub objects: u64,
    /// How many bytes, where that was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct JobProgress {
    /// Objects listed so far.
    pub listed: u64,
    /// Bytes listed so far.
    pub listed_bytes: u64,
    /// Objects copied and verified.
    pub copied: u64,
    /// Bytes copied and verified.
    pub copied_bytes: u64,
    /// Objects found unchanged since an earlier job.
    pub unchanged: u64,
    /// Bytes found unchanged.
    pub unchanged_bytes: u64,
    /// Objects that are exceptions.
    pub exceptions: u64,
    /// Objects removed here because the source has removed them.
    #[serde(default)]
    pub removed: u64,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: JobId,
    /// `queued`, `running`, `paused`, `cancelling`, `complete`, `incomplete`, `failed` or `cancelled`.
    pub state: String,
    /// What the engine is doing.
    pub phase: String,
    /// From where, without credentials.
    pub source: String,
    /// Into which bucket.
    #[schema(value_type = String)]
    pub bucket: BucketName,
    /// For whom.
    #[schema(value_type = String)]
    pub tenant: TenantName,
    /// The class declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub class: Option<Label>,
    /// How far it is.
    pub progress: JobProgress,
    /// Why it failed, or what else is worth saying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When it was ordered.
    #[schema(value_type = String)]
    pub created: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub ended: Option<Timestamp>,
    /// The leaf of its certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_leaf: Option<u64>,
    /// Which workers share it, or did, and what each brought.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workers: Vec<JobWorkerView>,
    /// Whether the order found a job under way and this is it.
    #[serde(default)]
    pub attached: bool,
}

/// A worker that shares a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobWorkerView {
    /// What it calls itself.
    #[schema(value_type = String)]
    pub worker: IdentityName,
    /// Whose token it has.
    #[schema(value_type = String)]
    pub principal: PrincipalId,
    /// How many objects it brought that are here and verified.
    pub objects: u64,
    /// And their bytes.
    pub bytes: u64,
    /// How many it holds a lease of at the moment.
    pub leased: u64,
}

/// When a job will be done, from what was measured of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobForecast {
    /// What is left: objects, or versions where all are brought.
    pub objects_left: u64,
    /// And their bytes.
    pub bytes_left: u64,
    /// How many objects a second were brought while it worked.
    pub objects_per_s: f64,
    /// How many bytes a second.
    pub bytes_per_s: f64,
    /// How many bytes a day the source grew by, as far as two listings of it show.
    pub growth_bytes_per_day: u64,
    /// Why there is no more to be said yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// Earlier than this one time of ten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub early: Option<Timestamp>,
    /// As likely earlier as later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub likely: Option<Timestamp>,
    /// Later than this one time of ten; none when that is beyond 400 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub late: Option<Timestamp>,
    /// The date that was asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<DeadlineForecast>,
}

/// How a job stands to a date.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeadlineForecast {
    /// The date.
    #[schema(value_type = String)]
    pub by: Timestamp,
    /// The chance of being done by then, from 0 to 1.
    pub chance: f64,
    /// How many times as fast as it was it would have to be for nine chances of ten; none when no speed would do under the job's
    /// timetable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor_for_nine_of_ten: Option<f64>,
}

impl JobView {
    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.ended.is_some()
    }
}

impl fmt::Debug for SourceCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SourceCredentials(…)")
    }
}
