//! The control API's contract: what is asked and answered under `/v1`, and the OpenAPI document that tells of it.
//!
//! Pure words: the handlers are in `onshore-control`, the clients are the command line and whoever reads the OpenAPI
//! document. Unknown members are refused in questions. Secrets appear in three places only: the answers that hand out a
//! new key or control token once, and the credentials of a job's source, which no answer repeats.

pub mod alarms;
mod approvals;
pub mod buckets;
mod cases;
pub mod cutovers;
pub mod decommissions;
mod departures;
pub mod drills;
pub mod erasures;
pub mod explain;
pub mod findings;
pub mod guard;
pub mod identities;
mod information;
pub mod jobs;
pub mod kms;
pub mod labels;
pub mod leases;
pub mod ledger;
pub mod packs;
pub mod persons;
pub mod purposes;
pub mod quotas;
pub mod register;
pub mod samples;
pub mod support;
pub mod telemetry;
pub mod tenants;
pub mod updates;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use alarms::{AlarmView, AskRegions, ListAlarms, RegionStatusView};
pub use approvals::{ApprovalView, GrantApproval, LimitView};
pub use buckets::{BucketView, CreateBucket, SetBucketClass};
pub use cases::{AskCases, AssessmentReportView, CaseView, CheckListing, ListingView};
pub use cutovers::{CutoverView, NotReturnedView, OrderCutover, OrderReturn, ReturnView};
pub use decommissions::{DecommissionView, FileStatement, ProposeDecommission, StatementView};
pub use departures::{AcknowledgeOrder, DeliverInventory, DepartingView, SignDeletion};
pub use drills::{
    BeginDrill, DrillCheck, DrillParty, DrillReport, DrillView, DrillWish, TellChecks,
};
pub use erasures::{EraseObject, ErasedView, ErasureView, PostponedView};
pub use explain::{AskedOperation, ExplanationView, Question};
pub use findings::{
    FindingsPage, FindingsView, FoundColumnsView, FoundImportantView, FoundKindView, RescanView,
    ScanView, UnreadView,
};
pub use guard::{AskGuard, JudgedPlanView, PlanFindingView, PlanFindingWeight};
pub use identities::{
    CreateIdentity, CreateToken, Done, HolderView, IdentityDetails, IdentityKindView, IdentityView,
    KeyEntryView, OpenSession, PutPolicy, RoleWord, SessionView, SetJurisdiction, SetKeyState,
    TokenView,
};
pub use information::{
    AskInformation, AskPackage, CheckInformation, FaultView, FaultsView, InformationView,
    TabulatedView, TakeInformation,
};
pub use jobs::{
    CountedSource, DeadlineForecast, JobForecast, JobProgress, JobView, JobWorkerView, MigrateFrom,
    OrderMigration, SourceCredentials, SwiftScope,
};
pub use kms::{CreateKmsKey, KmsKeyStateView, KmsKeyView, SetKmsKeyState};
pub use labels::{LoosenLabel, LooseningView};
pub use leases::{
    AskLease, DIGEST_LEN_BYTES, DeliveredView, DeliveryState, LeaseAnswer, LeaseRefusal,
    LeaseRenewed, LeaseView, LeasedObject, RunView, RunsView,
};
pub use ledger::{AskEvidence, LeafView, LedgerKeyView, LedgerStatusView, ReadView, WitnessView};
pub use packs::{
    ActivatePack, ActivationView, ComparePack, ComparisonView, DifferenceView, PackChoice,
};
pub use persons::{
    ExportedView, FindSubject, PersonsEstimate, PersonsReport, PersonsView, Recorded,
    SetSubjectFinding, SubjectView, TakenBackView, TellImportant, ToldInView, VolumesView,
};
pub use purposes::{DeclarePurpose, PurposeView, ReadVersionsView};
pub use quotas::{SetQuota, UsageView};
pub use register::{
    AmendRecord, ApproveExemptions, ApproveReview, AskQuarterly, AskStatement, AskStatus,
    BreachView, CheckProcurement, ContractStatusView, FileDeletion, FiledReportView, ImportedView,
    ListRecords, OrderStatusView, OrganisationStatusView, ProcurementView, ProveAsset,
    QuarterlyLineView, QuarterlyView, RecordView, ShowRecord, SignTranche, StatusReportView,
};
pub use samples::{AskSamples, SampleView, SamplesView};
pub use support::{OpenSupport, SupportRequestView, SupportSessionView, VouchedView};
pub use telemetry::TelemetryView;
pub use tenants::{CreateKey, CreateTenant, KeyView, SetGroup, SetStanding, TenantView};
pub use updates::{ImportUpdate, RejectUpdate, UpdateApprovalView, UpdateView};

/// Why a request failed (RFC 9457, `application/problem+json`): a word for programs, a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What sort of problem it is, as a URI: `urn:onshore:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong and what to do.
    pub detail: String,
    /// A word that stays the same between versions, such as `not-found`.
    pub code: String,
    /// The leaf that tells of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<u64>,
}

impl Problem {
    /// How bodies that tell a problem are announced.
    pub const MEDIA_TYPE: &str = "application/problem+json";

    /// Makes a problem of its code: type and title go with it.
    #[must_use]
    pub fn new(code: &str, status: u16, detail: String, leaf: Option<u64>) -> Self {
        let mut title = code.replace(['-', '.'], " ");
        if let Some(first) = title.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Self {
            kind: format!("urn:onshore:problem:{code}"),
            title,
            status,
            detail,
            code: code.to_owned(),
            leaf,
        }
    }
}
