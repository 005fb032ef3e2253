//! Plans of Terraform, judged before they are carried out.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/guard`: what a plan is held against. At least one of `organisation` and `residency` is named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskGuard {
    /// Who carries the plan out: it is held against the orders that bind them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// Where data must stay: a code of ISO 3166-1, or EU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residency: Option<String>,
    /// On which day it is carried out; today, where that is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// `json` or `sarif`; what `Accept` says, where that is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

/// What is in a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JudgedPlanView {
    /// How many resources are made or changed.
    pub judged: u64,
    /// How many stay as they are, are only read, or go.
    pub passed: u64,
    /// What is wrong, in the order of the plan.
    pub findings: Vec<PlanFindingView>,
}

/// What is wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanFindingView {
    /// How it weighs.
    pub weight: PlanFindingWeight,
    /// By which rule, such as `order.prohibited` or `residency.place`.
    pub rule: String,
    /// Of which resource.
    pub address: String,
    /// What is wrong, with clause and source.
    pub message: String,
}

/// How a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlanFindingWeight {
    /// The plan must not be carried out.
    Violation,
    /// Somebody must look.
    Unknown,
}
