//! What is asked of the judge: who wants what to go from where to where. Fronts describe it; nobody decides here.

use std::fmt;

use onshore_types::{
    BucketId, ByteRange, Label, ObjectKey, Place, PrincipalId, TenantId, VersionId,
};
use serde::Serialize;

/// What a principal may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs the region; acts for a tenant when the principal carries one.
    Operator,
    /// Supervises the region; reads the ledger, never an object.
    Regulator,
    /// Audits the region; reads the ledger, never an object.
    Auditor,
    /// Looks after the users, groups, roles and keys of one tenant.
    TenantAdmin,
    /// Uses a tenant's own buckets.
    TenantUser,
    /// Is of the technology provider's staff: in a support session that the operator opened, and only so.
    SupportEngineer,
    /// Is of a provider that an order makes others leave: says what that provider knows, has and deleted, and sees nothing else.
    OutgoingProvider,
    /// Brings what jobs of one tenant are to bring, as far as it holds a lease of it, and nothing else.
    Worker,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Operator,
        Self::Regulator,
        Self::Auditor,
        Self::TenantAdmin,
        Self::TenantUser,
        Self::SupportEngineer,
        Self::OutgoingProvider,
        Self::Worker,
    ];

    /// Returns the word by which records and rules call the role.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Regulator => "regulator",
            Self::Auditor => "auditor",
            Self::TenantAdmin => "tenant-admin",
            Self::TenantUser => "tenant-user",
            Self::SupportEngineer => "support-engineer",
            Self::OutgoingProvider => "outgoing-provider",
            Self::Worker => "worker",
        }
    }

    /// Returns the role that a word stands for, if it is one of [`Self::word`].
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Principal {
    /// The id under which refusals are counted and leaves are written.
    pub id: PrincipalId,
    /// The tenant it belongs to, or on whose behalf an operator acts.
    pub tenant: Option<TenantId>,
    /// What it may be.
    pub role: Role,
}

/// What a transfer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flow {
    /// Bytes come in: `PutObject`, `UploadPart`, a migrated object.
    Store,
    /// Bytes go out: `GetObject`, a presigned link, the source of a copy.
    Read,
    /// What is known of one object goes out: `HeadObject`, tags, the answers 304 and 412, `ListParts`.
    Inspect,
    /// Keys go out.
    List,
    /// What is known of an object or bucket comes in and nothing goes out: tagging, creating, aborting, deleting.
    Change,
}

/// What the transfer is about.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The bucket; none when no bucket is meant (`ListBuckets`) or it does not exist yet.
    pub bucket: Option<BucketId>,
    /// The tenant whose data it is. What belongs to nobody is refused.
    pub owner: Option<TenantId>,
    /// The object's key.
    pub key: Option<ObjectKey>,
    /// The object's version.
    pub version: Option<VersionId>,
    /// Read and Inspect: the object's effective label. List: the join of the bucket's default (unclassified if it has
    /// none) and the strictest label beneath the prefix. Store and Change: the label of what will be stored.
    pub label: Label,
    /// The bytes that will go out (for Inspect those of what is said of the object, as far as they are known; none for List
    /// and Change) or come in (zero when unknown).
    pub range: ByteRange,
}

/// One transfer that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Transfer {
    /// Who asks.
    pub principal: Principal,
    /// The S3 name of the operation, or `Migrate`.
    pub operation: &'static str,
    /// What it does.
    pub flow: Flow,
    /// What it is about.
    pub subject: Subject,
    /// Where it starts: the region for Read, Inspect and List; the requester's (or the source's) place otherwise.
    pub from: Place,
    /// Where it ends: the requester's place for Read, Inspect and List; the region otherwise.
    pub to: Place,
}

impl Transfer {
    /// Returns how many bytes it takes of an approval: an inspection tells at least that something is there, and takes one.
    #[must_use]
    pub fn leaving_bytes(&self) -> u64 {
        let len_bytes = self.subject.range.len_bytes;
        match self.flow {
            Flow::Inspect => len_bytes.max(1),
            Flow::Store | Flow::Read | Flow::List | Flow::Change => len_bytes,
        }
    }
}

/// Leaves the key out: the name of an object is personal data and no log line may carry it.
impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("bucket", &self.bucket)
            .field("owner", &self.owner)
            .field("key", &self.key.as_ref().map(|_| "withheld"))
            .field("version", &self.version)
            .field("label", &self.label)
            .field("range", &self.range)
            .finish()
    }
}
