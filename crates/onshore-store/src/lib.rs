//! The store keeps buckets, objects, versions, parts, tags and tenants' keys: bytes and what is known of them.
//!
//! It decides nothing about where data may go. Every method that takes or gives bytes or metadata wants the
//! [`Permit`](onshore_policy::Permit) of the transfer that was judged, compares it with what is there now, and
//! refuses any other. Fronts call it; changes are made inside a unit of work of `onshore-db`, so that a version and
//! the ledger's leaf that tells of it are durable together.
//!
//! - Looking: [`Store::bucket`], [`Store::describe`], [`Store::look`], [`Store::list_label`] want no permit and tell
//!   version, size and label alone.
//! - Writing: [`Store::stage`] takes a body in, [`Store::commit`] makes it an object; [`Store::create_upload`],
//!   [`Store::stage_part`], [`Store::commit_part`] and [`Store::complete_upload`] do so in parts.
//! - Reading: [`Store::read`], [`Store::head`], [`Store::list`].
//! - Removing: [`Store::remove`], [`Store::remove_version`], [`Store::remove_bucket`], [`Store::abort_upload`].
//! - Erasing: [`Store::erase`] removes versions for good and notes them for whoever keeps what opens copies of them:
//!   [`withhold`] and [`give_back`], [`erased`], [`forget_erased`].
//! - Carrying out a lifecycle: [`Store::due`] tells what is due, [`Store::carry_out`] does it.
//! - Verifying: [`Store::to_examine`] goes round everything, [`Store::examine`] reads one version or part and says
//!   whether it is sound. Nothing of it is handed out, so it wants no permit.
//! - Looking through: [`Store::stage`] scans what comes in, [`Store::look_again`] what is stored, [`Store::settle_scan`] keeps
//!   what was found.
//! - Locking: [`Store::set_retention`], [`Store::set_hold`], [`Store::set_bucket_lock`].
//! - Telling: [`Store::outbox`] holds what happened until it was told.
//! - Replicating: [`Store::replications`] holds what is to be brought to another region until that has it.
//! - [`examine`]: compares rows and files without opening the store.
//!
//! A staged body belongs in the unit of work that commits it: move it (or a share of it) into the closure.

mod access_log;
mod bucket;
mod checks;
mod checksum;
mod columns;
mod commit;
mod complete;
mod customer_key;
mod cutover;
mod damage;
mod describe;
mod due;
mod erasure;
mod error;
mod examination;
mod examine;
mod facts;
mod files;
mod frame;
mod holdings;
mod inventory;
mod keys_from;
mod kms_keys;
mod lane;
mod lifecycle;
mod list;
mod list_versions;
mod locate;
mod lock;
mod loosening;
mod notification;
mod object;
mod outbox;
mod part;
mod permits;
mod persons;
mod plain;
mod quota;
mod read;
mod reclaim;
mod remembered;
mod replication;
mod rescan;
mod round;
mod said;
mod sampling;
mod scan;
mod scanning;
mod schema;
mod secrets;
mod settings;
mod stage;
mod store;
mod tags;
mod tenant_keys;
mod upload;
mod version;

pub use crate::access_log::{
    AccessLine, LinesKept, LogKeyFormat, LogLines, LogOrigin, LogShare, Logging,
};
pub use crate::bucket::{Bucket, NewBucket, Versioning};
pub use crate::checks::{Checks, Layout};
pub use crate::checksum::{
    Checksum, ChecksumAlgorithm, ChecksumAlgorithmError, ChecksumClaim, ChecksumKind,
};
pub use crate::complete::{AsOne, CompletePart, Completion, PART_BYTES_MIN, PartsHere, PartsScan};
pub use crate::customer_key::{CustomerKey, DEFAULT_KMS_KEY, Encryption, KmsKeyName};
pub use crate::cutover::{Beside, ChangedKey, KeyStanding};
pub use crate::damage::{Damage, Noted, NotedDamage};
pub use crate::describe::{Described, Description, Reach};
pub use crate::due::{CarriedOut, Deed, Due, DueMarker, DuePage, DueQuery};
pub use crate::erasure::{
    Erasing, Erasure, ErasureWish, Postponed, erased, forget_erased, note_erased, versions_in,
};
pub use crate::error::{BodyError, Error, ErrorKind};
pub use crate::examination::{Examination, Examined, Progress, Soundness};
pub use crate::examine::{Counted, examine, named_files};
pub use crate::holdings::{Holding, HoldingsPage, HoldingsQuery};
pub use crate::inventory::{
    DueInventory, IncludedVersions, Inventory, InventoryFrequency, InventoryMarker, InventoryPage,
    InventoryQuery, InventoryRow,
};
pub use crate::kms_keys::{KmsKey, KmsKeyState};
pub use crate::lifecycle::{
    Candidate, DayLength, Expiration, Filter, Lifecycle, LifecycleDocument, LifecycleRule,
    Noncurrent, RuleScope, RuleStatus, Superseded,
};
pub use crate::list::{ListEntry, ListPage, ListQuery, ListStart};
pub use crate::list_versions::{
    Standing, VersionEntry, VersionsMarker, VersionsPage, VersionsQuery,
};
pub use crate::lock::{
    BucketLock, DefaultRetention, Governance, LegalHold, Lock, Retention, RetentionMode,
    RetentionPeriod,
};
pub use crate::loosening::{Loosenable, is_looser};
pub use crate::notification::{NotificationRule, Notifications, TargetKind};
pub use crate::object::{
    Committed, ContentHeaders, Marked, NewObject, ObjectHead, Part, Removal, Removed, SourceFacts,
    Tags, WriteCondition,
};
pub use crate::outbox::{HappenedObject, Happening, Outgoing};
pub use crate::part::{PartEntry, PartsPage, PartsQuery};
pub use crate::persons::ToldIn;
pub use crate::quota::{Exceeded, Quota, QuotaHolder, Usage};
pub use crate::read::{BodyStream, Disclosure};
pub use crate::replication::{
    Replicating, Replication, ReplicationDeed, ReplicationDestination, ReplicationEnd,
    ReplicationRule, ReplicationScope, ReplicationState, ToReplicate,
};
pub use crate::rescan::{Again, LookStep, Looking, RescanEnd, RescanMarker, Rescanned, ToScan};
pub use crate::round::{RoundMarker, RoundPage};
pub use crate::said::{CLASS_TAG, PERSONS_TAG, declared_persons};
pub use crate::sampling::Sampled;
pub use crate::scan::{
    FoundColumns, FoundConfidence, FoundImportant, FoundKind, Looked, Scan, ScanStanding,
    UnreadPart,
};
pub use crate::secrets::{Mark, OwnerKind, SecretOwner, Withheld, give_back, owner_kind, withhold};
pub use crate::settings::Setting;
pub use crate::stage::{INLINE_BYTES_MAX, Staged};
pub use crate::store::{Options, Store};
pub use crate::tags::Retagged;
pub use crate::upload::{
    More, NewUpload, UploadDescription, UploadEntry, UploadsPage, UploadsQuery,
};
pub use crate::version::{Kind, Naming, VersionWish};
