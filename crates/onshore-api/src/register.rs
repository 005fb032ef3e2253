//! The register: organisations, providers, orders, contracts and assets; what orders freeze; and where everybody stands.

use onshore_types::{JobId, PrincipalId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A revision of a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RecordView {
    /// What it is, such as `organisation` or `contract`.
    pub kind: String,
    /// Its id, unique among its kind.
    pub id: String,
    /// The number of the revision, from 1 on.
    pub revision: u32,
    /// The first day on which it holds; none where that is from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// When it was recorded.
    #[schema(value_type = String, format = DateTime)]
    pub recorded: Timestamp,
    /// Who recorded it.
    #[schema(value_type = String)]
    pub recorded_by: PrincipalId,
    /// When the next revision was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub superseded: Option<Timestamp>,
    /// The record.
    #[schema(value_type = Object)]
    pub record: Value,
    /// Members that a contract should have and this one has not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<String>,
    /// The leaf that tells of the act, in the answer to the act alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<u64>,
}

/// `GET /v1/register/{kind}`: which records are listed, by their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ListRecords {
    /// Those after this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Those that belong to this one: contracts to an organisation, assets to a contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// As they were known at this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub known_at: Option<Timestamp>,
    /// So many at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// `GET /v1/register/{kind}/{id}`: which revision is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShowRecord {
    /// This one; without it the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
}

/// `PUT /v1/register/{kind}/{id}`: the next revision of a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AmendRecord {
    /// The revision that it was made of; it is refused where that is not the newest. Without it `If-Match` says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// The first day on which it holds: what was before stays as it was. Without it the newest revision is corrected, since whenever
    /// that holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The record, all of it.
    #[schema(value_type = Object)]
    pub record: Value,
}

/// That a table was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportedView {
    /// How many records.
    pub records: u64,
    /// How many of them are contracts that lack something they should have.
    #[serde(default)]
    pub lacking: u64,
    /// The leaf that tells of it.
    pub leaf: u64,
}

/// `POST /v1/procurement/check`: whether somebody may buy something now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckProcurement {
    /// `contract.new`, `contract.renew`, `procure.datacentre`, `procure.server` or `procure.storage`.
    pub what: String,
    /// Who.
    pub organisation: String,
    /// With which provider, where it is a contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}

/// That nothing freezes what was asked; what is frozen is answered with 403 and `frozen`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProcurementView {
    /// Always true.
    pub allowed: bool,
}

/// `POST /v1/reviews/{id}/approval`: the second word for what somebody else took back or decided anew in a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveReview {
    /// The revision of the review that was looked at; it is refused where that is not the newest.
    pub revision: u32,
}

/// `POST /v1/orders/{id}/exemptions/approval`: the second word for exemptions that somebody else recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveExemptions {
    /// The revision of the order that was looked at; it is refused where that is not the newest.
    pub revision: u32,
}

/// `POST /v1/handovers/{id}/tranches/{tranche}/signatures`: that somebody signs for a tranche.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignTranche {
    /// For which side: `seller` or `buyer`.
    pub side: String,
    /// The revision of the plan that was looked at; it is refused where that is not the newest.
    pub revision: u32,
}

/// `POST /v1/assets/{id}/proof`: that all of an asset arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProveAsset {
    /// The job whose certificate says so.
    #[schema(value_type = String)]
    pub job: JobId,
    /// Files it although the job's source is not called as the asset is, listed nothing, is in another cloud than the contract's provider,
    /// or proves another asset already; for a token that names a person.
    #[serde(default)]
    pub set_aside: bool,
}

/// `POST /v1/contracts/{id}/deletion`: that what was kept under a contract is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FileDeletion {
    /// The provider's statement in base64, up to 512 KiB; it is kept.
    pub statement: String,
    /// The decommissionings that looked at the provider and found nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub probes: Vec<JobId>,
    /// On which day somebody looked there and found nothing, where no job did: reports say that it was typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative_probe: Option<String>,
    /// Files it although the provider signed another statement or has more than has arrived, or something is not proven to have arrived;
    /// for a token that names a person.
    #[serde(default)]
    pub set_aside: bool,
}

/// `GET /v1/contracts/{id}/deletion`: which statement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskStatement {
    /// The one with this SHA-256, where it is not the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// `GET /v1/report/status`: what is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskStatus {
    /// As of this day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    /// As far as it was known at this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub known_at: Option<Timestamp>,
    /// Of this order alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// Of this organisation alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// Only how many contracts are how far.
    #[serde(default)]
    pub summary: bool,
    /// In which language the reasons are: `en` or `zh`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
}

/// `POST /v1/report/status/filing`: a report, and the leaf that has its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FiledReportView {
    /// The report, byte for byte as its digest is of: a document of the form that `GET /v1/report/status` answers.
    pub report: String,
    /// The leaf.
    pub leaf: u64,
}

/// `GET /v1/report/quarterly` and `POST /v1/report/quarterly/filing`: what is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskQuarterly {
    /// Of this quarter, such as `2022Q3`: as of its last day, beside the last day of the one before.
    pub quarter: String,
    /// As far as it was known at this instant; now, where nobody says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub known_at: Option<Timestamp>,
    /// Of this order alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// Of this organisation alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
}

/// How far everybody is at the end of a quarter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuarterlyView {
    /// Of which quarter.
    pub quarter: String,
    /// Its last day.
    pub as_of: String,
    /// The last day of the one before.
    pub before: String,
    /// As far as it was known at this instant.
    #[schema(value_type = String)]
    pub known_at: Timestamp,
    /// The size of the ledger in the state that was looked at.
    pub tree_size: u64,
    /// Each order as a whole, and its organisations.
    pub lines: Vec<QuarterlyLineView>,
}

/// How far an organisation is with an order; all of them together where none is named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuarterlyLineView {
    /// Which order.
    pub order: String,
    /// Which organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many contracts are bound.
    pub contracts: u64,
    /// Of these, proven.
    pub proven: u64,
    /// And on the last day of the quarter before.
    pub proven_before: u64,
    /// Planned, moving or moved.
    pub under_way: u64,
    /// Past their day.
    pub late: u64,
    /// Not held to the order.
    pub exempt: u64,
    /// Signed or renewed while that was frozen.
    pub breached: u64,
    /// Due in the next quarter, and not proven.
    pub due_next_quarter: u64,
}

/// Where everybody stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatusReportView {
    /// The size of the ledger in the state that was looked at.
    pub tree_size: u64,
    /// As far as it was known at this instant.
    #[schema(value_type = String)]
    pub known_at: Timestamp,
    /// Each order.
    pub orders: Vec<OrderStatusView>,
}

/// Where everybody stands with an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderStatusView {
    /// Which.
    pub order: String,
    /// As of this day.
    pub as_of: String,
    /// How many organisations are bound.
    pub bound: u64,
    /// How many contracts are how far.
    #[schema(value_type = Object)]
    pub contracts: std::collections::BTreeMap<String, u64>,
    /// How many contracts were signed or renewed while that was frozen.
    pub breached: u64,
    /// Of how many contracts it was corrected that the order bound them, or that they were in breach.
    pub corrected: u64,
    /// How many assets were taken out of contracts that are bound, and are not proven.
    pub taken_out: u64,
    /// Each organisation that is bound; left out of a summary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisations: Option<Vec<OrganisationStatusView>>,
}

/// Where an organisation stands with an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrganisationStatusView {
    /// Which.
    pub organisation: String,
    /// What it is called.
    pub name: String,
    /// The clause that binds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_by: Option<String>,
    /// Whether it is bound and not held to the order.
    pub exempt: bool,
    /// What it may not do.
    pub frozen: Vec<String>,
    /// Why, with the source.
    pub why: String,
    /// Its contracts.
    pub contracts: Vec<ContractStatusView>,
}

/// That a contract was signed or renewed while an order froze that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BreachView {
    /// `contract.new` or `contract.renew`.
    pub what: String,
    /// On which day.
    pub signed: String,
    /// The clause that froze it.
    pub clause: String,
}

/// Where a contract stands with an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContractStatusView {
    /// Which.
    pub contract: String,
    /// With whom.
    pub provider: String,
    /// The clause that binds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_by: Option<String>,
    /// Whether it may not be renewed.
    pub frozen: bool,
    /// The last day on which it must be left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// `not-started`, `planned`, `moving`, `moved`, `proven`, `late` or `exempt`; none where it is not bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// What was signed while it was frozen, the first one first.
    pub breaches: Vec<BreachView>,
    /// On which day something else was recorded of it, where the order bound it, or it was in breach, by what was recorded before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrected: Option<String>,
    /// How many assets are kept under it.
    pub assets: u64,
    /// Of these, proven to have arrived.
    pub proven: u64,
    /// How many objects the certificates of those cover, as far as that is known.
    #[serde(default)]
    pub objects: u64,
    /// Of how many of those a named person set aside what speaks against the certificate.
    #[serde(default)]
    pub set_aside: u64,
    /// How many were recorded under it once, are recorded elsewhere now, and are not proven.
    pub taken_out: u64,
    /// Why, with the source.
    pub why: String,
}
