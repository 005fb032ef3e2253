//! What can go wrong with a governance record.

use onshore_orders::{Id, RecordKind};
use onshore_types::{
    AccessKeyId, ApprovalId, BucketName, DrillId, IdentityName, JobId, LooseningId, PrincipalId,
    SupportSessionId, TenantName, UpdateId,
};

use crate::cutovers::CutoverStep;
use crate::told::TOLD_TERMS_MAX;

/// What can go wrong with a governance record.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error(transparent)]
    Db(#[from] onshore_db::Error),
    /// A secret could not be sealed or opened.
    #[error("a secret cannot be opened; is this the root key the data folder was made with?")]
    Key(#[from] onshore_keys::Error),
    /// A row holds what this version of Onshore never wrote.
    #[error(
        "the {what} in the database is not readable; the database was changed by hand or is damaged"
    )]
    Unreadable {
        /// Which kind of record.
        what: &'static str,
    },
    /// The name is given to another tenant.
    #[error("there is a tenant `{0}` already; choose another name")]
    TenantTaken(TenantName),
    /// There is no tenant of this name.
    #[error("there is no tenant `{0}`; `onshore tenant list` shows them")]
    NoSuchTenant(String),
    /// The access key is in use.
    #[error("the access key `{0}` is in use; choose another, or leave it out and one is made")]
    AccessKeyTaken(AccessKeyId),
    /// The tenant has no such key.
    #[error("the tenant has no access key `{0}`; `onshore key list` shows them")]
    NoSuchKey(AccessKeyId),
    /// The name is given to another user, group or role.
    #[error("the tenant has a {kind} `{name}` already; names differ by more than letter case")]
    IdentityTaken {
        /// What it is.
        kind: &'static str,
        /// Its name.
        name: IdentityName,
    },
    /// The tenant has no such user, group or role.
    #[error("the tenant has no {kind} `{name}`")]
    NoSuchIdentity {
        /// What it is.
        kind: &'static str,
        /// Its name.
        name: IdentityName,
    },
    /// A user, group or role has no such policy.
    #[error("it has no policy `{0}`")]
    NoSuchPolicy(String),
    /// Nobody of this id holds a control token.
    #[error("nobody of the id {0} holds a control token; `onshore token list` shows them")]
    NoSuchToken(PrincipalId),
    /// A policy does not compile.
    #[error("the policy cannot be compiled: {0}")]
    Policy(#[from] onshore_policy::iam::Malformed),
    /// There is no such approval.
    #[error("there is no approval {0}; `onshore approval list` shows them")]
    NoSuchApproval(ApprovalId),
    /// The approval was revoked before.
    #[error("the approval {0} is revoked already")]
    AlreadyRevoked(ApprovalId),
    /// Too little of the approval is left.
    #[error("the approval {approval} has {remaining_bytes} bytes left, {wanted_bytes} are needed")]
    Exhausted {
        /// Which approval.
        approval: ApprovalId,
        /// What is left.
        remaining_bytes: u64,
        /// What was asked for.
        wanted_bytes: u64,
    },
    /// A tenant was told as many words as there may be.
    #[error(
        "a tenant can be told {TOLD_TERMS_MAX} words; `onshore important take-back` makes room for another"
    )]
    TooManyTerms,
    /// There is no such job.
    #[error("there is no job {0}; `onshore job list` shows them")]
    NoSuchJob(JobId),
    /// The bucket is cut over by nobody.
    #[error("the bucket is not being cut over; `onshore cutover list` shows which are")]
    NoSuchCutover,
    /// The bucket is being cut over.
    #[error(
        "the bucket {bucket} is being cut over ({step}); `onshore cutover status {bucket}` tells how far that is"
    )]
    CutoverUnderWay {
        /// Which.
        bucket: BucketName,
        /// How far it is.
        step: CutoverStep,
    },
    /// A migration of the same source into the same bucket is under way.
    #[error(
        "the job {0} migrates this source into this bucket: let it end, or cancel it, and then cut over"
    )]
    MigrationUnderWay(JobId),
    /// There is no such proposal to loosen a label.
    #[error("there is no proposal {0}; `onshore label list` shows them")]
    NoSuchLoosening(LooseningId),
    /// There is no such support session.
    #[error("there is no support session {0}; `onshore support list` shows them")]
    NoSuchSupportSession(SupportSessionId),
    /// The job has ended.
    #[error("the job {0} has ended already")]
    JobEnded(JobId),
    /// There is no such drill.
    #[error("there is no drill {0}; `onshore drill list` shows them")]
    NoSuchDrill(DrillId),
    /// The drill has ended.
    #[error("the drill {0} has ended already")]
    DrillEnded(DrillId),
    /// One is under way.
    #[error("the drill {0} is under way; `onshore drill end` ends it")]
    DrillUnderWay(DrillId),
    /// A record does not hold.
    #[error(transparent)]
    Record(onshore_orders::Error),
    /// There is a record of that id.
    #[error("there is the {kind} `{id}` already; `onshore {kind} amend` changes it")]
    RecordTaken {
        /// Of which kind.
        kind: RecordKind,
        /// Its id.
        id: Id,
    },
    /// There is no record of that id.
    #[error("there is no {kind} `{id}`; `onshore {kind} list` shows them")]
    NoSuchRecord {
        /// Of which kind.
        kind: RecordKind,
        /// Its id.
        id: Id,
    },
    /// A record refers to one that is not there.
    #[error("`{of}` names the {kind} `{id}`, which is not there; add it first")]
    NoSuchReference {
        /// Which record.
        of: Id,
        /// To what.
        kind: RecordKind,
        /// To which one.
        id: Id,
    },
    /// Somebody changed the record meanwhile.
    #[error(
        "the {kind} `{id}` is at revision {newest} now; look at what has changed (onshore {kind} show) and amend that"
    )]
    RecordChanged {
        /// Of which kind.
        kind: RecordKind,
        /// Its id.
        id: Id,
        /// Its newest revision.
        newest: u32,
    },
    /// There is no such update.
    #[error("there is no update {0}; `onshore update list` shows them")]
    NoSuchUpdate(UpdateId),
}
