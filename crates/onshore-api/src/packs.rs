//! Rule packs: what the law of a place asks beyond the border.

use std::collections::BTreeMap;

use onshore_types::{Label, PackName, TenantName, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which rules are meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum PackChoice {
    /// A pack that Onshore ships with.
    Shipped(String),
    /// A pack by its files: their names and texts.
    Files(BTreeMap<String, String>),
    /// None: the rules of the border stand alone.
    None,
}

/// `POST /v1/packs/activations`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActivatePack {
    /// Which.
    pub pack: PackChoice,
    /// From when on; left out, from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub as_of: Option<Timestamp>,
}

/// That a rule pack is in force from an instant on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActivationView {
    /// Its number.
    pub id: u64,
    /// Which pack; absent where the rules of the border stand alone from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub pack: Option<PackName>,
    /// Which version of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// From when on.
    #[schema(value_type = String)]
    pub as_of: Timestamp,
    /// When it was recorded.
    #[schema(value_type = String)]
    pub recorded: Timestamp,
    /// `in-force`, `to-come` or `past`; `proposed` where it waits for a second person, `lapsed` where it did for too long.
    pub state: String,
    /// The leaf that tells of the act, in the answer to the act alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<u64>,
}

/// `POST /v1/packs/comparison`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ComparePack {
    /// Which rules to compare with those in force.
    pub pack: PackChoice,
    /// Over the decisions of how many days.
    pub days: u32,
}

/// What other rules would have decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ComparisonView {
    /// How many recorded decisions were looked at. Equal refusals of a minute are one.
    pub looked_at: u64,
    /// How many could not be judged again.
    pub unreadable: u64,
    /// How many would be decided otherwise.
    pub otherwise: u64,
    /// The first of those.
    pub differences: Vec<DifferenceView>,
}

/// A decision that would be another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DifferenceView {
    /// The leaf that tells of the decision.
    pub leaf: u64,
    /// When it was.
    #[schema(value_type = String)]
    pub time: Timestamp,
    /// Whose data it is about.
    #[schema(value_type = String)]
    pub tenant: TenantName,
    /// Where to: a code, or `unknown`.
    pub to: String,
    /// With which label.
    #[schema(value_type = String)]
    pub class: Label,
    /// What the rules in force say: `allow`, or the rule that refuses.
    pub now: String,
    /// What the proposed rules say.
    pub then: String,
}
