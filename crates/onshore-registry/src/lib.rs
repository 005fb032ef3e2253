//! Governance records: tenants, users, groups and roles with their policies, access keys, control tokens, support sessions, labels to be loosened, approvals, exports, whose data was
//! exported, refusals, epochs, jobs, updates and their quarantine, drills; the register, from organisations to regions; and the
//! alarms that were raised of it.
//!
//! This room keeps and finds; it decides nothing and records no leaf. What changes a record takes the unit of work in
//! which `gate` records the leaf that tells of it.

mod access_keys;
mod alarms;
mod approvals;
mod assessments;
mod bearers;
mod cutovers;
mod decommissions;
mod drills;
mod duties;
mod entries;
mod epochs;
mod error;
mod examine;
mod exports;
mod idempotency;
mod identities;
mod jobs;
mod loosenings;
mod packs;
mod pages;
mod people;
mod persons;
mod purposes;
mod quarantine;
mod refusals;
mod register;
mod registry;
mod rows;
mod schema;
mod sessions;
mod splitting;
mod statements;
mod stretches;
mod support;
mod tenants;
mod tokens;
mod told;
mod updates;
mod workers;

pub use crate::access_keys::{AccessKey, KeyEntry, KeyState};
pub use crate::alarms::RaisedAlarm;
pub use crate::approvals::{Approval, GrantBasis, Limit};
pub use crate::bearers::Bearer;
pub use crate::cutovers::{Cutover, CutoverStep, Freeze, NewCutover};
pub use crate::decommissions::{Decommission, Statement};
pub use crate::drills::{Drill, DrillEnd, DrillEnding};
pub use crate::duties::{BegunDuty, Counted, CountedKind, counting_year};
pub use crate::entries::{
    EntryId, EntryKind, EntryOutcome, EntryState, JobEntry, Listed, ListedEntry, Sighting, Tally,
    Vanished,
};
pub use crate::epochs::Epoch;
pub use crate::error::Error;
pub use crate::examine::examine;
pub use crate::exports::{Export, ExportEnd};
pub use crate::idempotency::{Begun, RequestMark};
pub use crate::identities::{Details, Identity, IdentityKind};
pub use crate::jobs::{Job, JobState, NewJob};
pub use crate::loosenings::{Loosening, LooseningOf};
pub use crate::packs::{ActivatedPack, PackActivation};
pub use crate::pages::{ListedPage, ListingRound};
pub use crate::people::Person;
pub use crate::persons::{
    CountedBefore, ExportedCounts, ExportedPersons, ExportedTally, ExportedVersion, digest_of,
};
pub use crate::purposes::Purpose;
pub use crate::quarantine::{Draft, Quarantine, QuarantineError};
pub use crate::refusals::{CountedRefusal, RefusalKey};
pub use crate::register::{AsOf, RegisterPage, Revision};
pub use crate::registry::Registry;
pub use crate::schema::SCHEMA;
pub use crate::sessions::{SealedSession, Session, Taken, Taker};
pub use crate::stretches::SourceSize;
pub use crate::support::{SupportRequest, SupportSession, Vouched};
pub use crate::tenants::{Standing, Tenant};
pub use crate::tokens::TokenHolder;
pub use crate::told::{KnownTerm, Notices, SubjectFinding, Told};
pub use crate::updates::{NewUpdate, Update, UpdateState};
