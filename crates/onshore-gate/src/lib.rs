//! The gate: the one place where a transfer is permitted and a leaf is recorded.
//!
//! It gathers the facts, asks `policy`, hands out the [`onshore_policy::Permit`], and records: [`Gate::permit`] and the
//! `settle_…` methods for transfers, [`Gate::grant_approval`] and its kin for governance acts and engines' results. It knows no
//! object store and no protocol; every front calls it, and nothing else writes to the journal.
//!
//! - [`gate`]: what the gate is made of, the time, and where an address is.
//! - [`permit`]: a transfer is judged; an export is reserved and recorded before its first byte.
//! - [`outflow`]: bytes on their way out; stops when the approval does, and settles.
//! - [`settle`]: changes, recorded in the unit of work that makes them.
//! - [`acts`]: governance acts.
//! - [`epoch`]: everything a verdict depends on.
//! - [`mod@restore`]: what a restored folder must say before it is served.
//! - `updates`: what the technology provider hands over, until two operators approved it.
//! - `register`, `status`: organisations, orders, contracts and assets, and where everybody stands.
//! - [`background`]: batches of reads, counts of refusals.

pub mod acts;
mod alarms;
mod assessments;
pub mod background;
mod cases;
mod closing;
mod comparison;
mod completeness;
mod cutovers;
mod decommissions;
mod departures;
mod drills;
mod duties;
pub mod epoch;
pub mod error;
mod evidence;
mod exporting;
pub mod gate;
mod granted;
mod guarding;
mod handover;
mod identities;
mod information;
mod jobs;
mod licensing;
mod loosening;
mod noticed;
pub mod outflow;
mod people;
pub mod permit;
mod proving;
mod purposes;
mod register;
mod requests;
pub mod restore;
mod reviews;
mod rules;
pub mod settle;
mod status;
mod support;
mod tabulated;
mod telemetry;
mod timelines;
mod told;
mod updates;

pub use acts::{ApprovalRequest, DamagedFact, DamagedThing, ScannedFact, Terms};
pub use alarms::LookedAt;
pub use cases::{Case, CaseKind, Due};
pub use closing::Closing;
pub use comparison::{Comparison, Difference};
pub use cutovers::{CutoverOrder, ReturnOrder};
pub use decommissions::{DecommissionOrder, StatementFile};
pub use departures::{Departing, DepartureWord};
pub use drills::{DRILL_SECONDS_MAX, DrillReport};
pub use duties::Watched;
pub use epoch::EpochDocument;
pub use error::{Error, Refused};
pub use gate::{Clock, Gate, Parts, PersonsBeside, Region, ToldBeside};
pub use guarding::Binding;
pub use handover::{HandoverRefusal, TrancheSigned};
pub use identities::{KeyOf, Membership};
pub use information::{INFORMATION_BYTES_MAX, TakenIn};
pub use jobs::{JobOrder, Ordered};
pub use licensing::{RegionStatus, UnlicensedRefusal};
pub use loosening::{LooseningProposal, loosening_state};
pub use outflow::{Lapsed, Outflow};
pub use permit::NOBODY;
pub use proving::Proving;
pub use purposes::DeclaredPurpose;
pub use register::{FrozenRefusal, Procurement, REGISTER_PAGE_MAX};
pub use restore::{Afresh, Restored, restore};
pub use reviews::ListingRefusal;
pub use rules::is_lapsed;
pub use settle::{PostponedFact, RemovedFact, StoredFact};
pub use status::{
    ContractStatus, FiledReport, OrderStatus, OrganisationStatus, StatusQuestion, StatusReport,
};
pub use support::{
    SUPPORT_MINUTES_MAX, SupportAnswer, SupportProposal, SupportRecorded, SupportWatch,
    support_state,
};
pub use tabulated::Tabulated;
pub use told::TakenBack;
pub use updates::{APPROVALS_MIN, OlderReleases, StagedUpdate, UpdateRefusal, UpdateRules};
