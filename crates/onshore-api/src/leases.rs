//! Leases: what workers take of jobs, and how they deliver it.

use std::fmt;

use onshore_types::{IdentityName, JobId, LeaseId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// How many bytes of SHA-256 follow what a worker delivers.
pub const DIGEST_LEN_BYTES: u64 = 32;

/// `POST /v1/leases`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskLease {
    /// Of which job; none is any of the worker's tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub job: Option<JobId>,
    /// What the worker calls itself: it stands with what it brings.
    #[schema(value_type = String)]
    pub worker: IdentityName,
    /// How many objects it takes, about, at most: 1 to 1,000.
    pub objects: u32,
    /// How many bytes.
    pub bytes: u64,
}

/// What there is for a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LeaseAnswer {
    /// What it is to bring, if there is something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<LeaseView>,
    /// How the job that was named ended, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// How long to wait before asking again where there is nothing, in milliseconds.
    pub wait_ms: u64,
}

/// A lease.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LeaseView {
    /// Its id: it fences what is delivered.
    #[schema(value_type = String)]
    pub id: LeaseId,
    /// The job.
    #[schema(value_type = String)]
    pub job: JobId,
    /// Where it reads, without credentials: those are the worker's own.
    #[schema(value_type = Object)]
    pub source: Value,
    /// Until when it lasts unless it is renewed.
    #[schema(value_type = String)]
    pub until: Timestamp,
    /// How long that is, in milliseconds.
    pub lasts_ms: u64,
    /// What is to be brought. Each of the outer list is of one key, its versions in the order in which they are to be delivered.
    pub keys: Vec<Vec<LeasedObject>>,
}

/// An object that is to be brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeasedObject {
    /// Its number within the lease.
    pub number: u32,
    /// Its key at the source.
    pub key: String,
    /// Its version, where versions are brought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its length as it was listed.
    pub size_bytes: u64,
    /// Whether it is delivered run by run.
    pub in_runs: bool,
}

/// Until when a lease lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeaseRenewed {
    /// Until when.
    #[schema(value_type = String)]
    pub until: Timestamp,
}

/// A large object, as it is at the source, and what of it is still to be delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunsView {
    /// What tells this state of the object from any other.
    pub fingerprint: String,
    /// The runs that are not here yet.
    pub missing: Vec<RunView>,
    /// What became of the object, if there is nothing more to deliver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub became: Option<DeliveredView>,
}

/// A run of a large object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunView {
    /// Its number, from 1.
    pub number: u32,
    /// Where it starts.
    pub start: u64,
    /// How long it is.
    pub len_bytes: u64,
}

/// What became of what was delivered or given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveredView {
    /// What became of it.
    pub state: DeliveryState,
    /// Why, where it is an exception.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What became of what a worker delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryState {
    /// It is stored and verified.
    Copied,
    /// The run is stored.
    Stored,
    /// It is an exception of the job.
    Exception,
    /// The server brings it itself.
    Kept,
    /// It had been delivered before.
    Done,
}

/// Why something about a lease was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseRefusal {
    /// The job is no migration, or its tenant is another.
    NoSuchJob(JobId),
    /// The job cannot be shared.
    NotShared(&'static str),
    /// It ran out, was given back, was taken over, or is not the caller's.
    Gone(LeaseId),
    /// It has no such object.
    NoSuchObject,
    /// The object is being delivered.
    Busy,
    /// An older version of its key comes first.
    OutOfTurn,
    /// It is delivered in the other way.
    OtherWay {
        /// Whether in runs.
        in_runs: bool,
    },
    /// Its runs were not asked for under this lease.
    NoRuns,
    /// What was delivered is not what it says it is, or not what the source vouches for.
    Differs(&'static str),
    /// It did not arrive whole.
    BrokeOff,
    /// The job does not go on at the moment.
    Standstill,
}

impl fmt::Display for LeaseRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchJob(id) => write!(f, "there is no job {id} that this worker could share"),
            Self::NotShared(why) => f.write_str(why),
            Self::Gone(id) => write!(
                f,
                "{id} is no lease of this worker, or no longer: it ran out, was given back, or the job paused or ended; nothing was done, ask for \
                 another"
            ),
            Self::NoSuchObject => f.write_str("the lease has no object of this number"),
            Self::Busy => {
                f.write_str("the object is being delivered already; wait for the answer to that")
            }
            Self::OutOfTurn => {
                f.write_str("an older version of the same key is to be delivered first")
            }
            Self::OtherWay { in_runs: true } => {
                f.write_str("an object of this length is delivered run by run: ask for its runs")
            }
            Self::OtherWay { in_runs: false } => {
                f.write_str("an object of this length is delivered in one piece")
            }
            Self::NoRuns => {
                f.write_str("ask under this lease which runs are missing, and deliver one of those")
            }
            Self::Differs(what) => f.write_str(what),
            Self::BrokeOff => f.write_str("the bytes did not arrive whole; nothing was done"),
            Self::Standstill => {
                f.write_str("the job does not go on at the moment; nothing was done")
            }
        }
    }
}
