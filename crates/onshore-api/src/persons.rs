//! How many persons are told of in what is held and in what left, and where one is told of.

use std::collections::BTreeMap;

use onshore_types::{BucketName, ObjectKey, VersionId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /v1/report/persons?tenants=a,b` or `?group=g`: of one tenant, or of several as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PersonsReport {
    /// Whose data it is.
    pub tenants: Vec<String>,
    /// Distinct persons in what is held.
    pub held: PersonsView,
    /// Distinct persons in what left since the first of January, Beijing time. Sensitive is what is labelled so and what was found
    /// to be.
    pub exported: ExportedView,
    /// The same by country, each person once for the country; sensitive is what was found to be.
    pub exported_to: BTreeMap<String, ExportedView>,
    /// What rules about volumes go by.
    pub volumes: VolumesView,
}

/// How many persons rules about volumes count: upper bounds. Whoever is told of in both counts in both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VolumesView {
    /// Persons of whom something left that is not sensitive.
    pub non_sensitive: u64,
    /// Persons of whom something sensitive left.
    pub sensitive: u64,
}

/// `GET /v1/report/persons/estimate?tenants=a,b` or `?group=g`: for what is shown often and decides nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PersonsEstimate {
    /// Whose data it is.
    pub tenants: Vec<String>,
    /// About so many distinct persons are told of in what is held: off by more than five of a hundred once in a thousand times.
    pub held_about: u64,
}

/// How many distinct persons there are. The law's lines are crossed by the upper bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PersonsView {
    /// Not fewer.
    pub lower: u64,
    /// Not more.
    pub upper: u64,
    /// Not fewer of whom something sensitive is told.
    pub sensitive_lower: u64,
    /// Not more of whom something sensitive is told.
    pub sensitive_upper: u64,
    /// Of the upper bound: those who live in the country by all that is known.
    pub local: u64,
    /// Of the upper bound: those who live abroad by all that is known.
    pub abroad: u64,
    /// Of the upper bound: the others.
    pub residence_unknown: u64,
}

/// How many persons' data left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExportedView {
    /// Distinct persons.
    pub persons: PersonsView,
    /// Versions that left of which nobody knows who is told of in them.
    pub unknown_versions: u64,
}

/// `PUT /v1/tenants/{name}/subject-finding`: whether a tenant's persons may be looked for by an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetSubjectFinding {
    /// Whether they may.
    pub on: bool,
}

/// `POST /v1/tenants/{name}/subjects`: where somebody is told of. The identifier is not kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FindSubject {
    /// An identifier, however it is written: an identity number, a telephone number, an address of mail.
    pub identifier: String,
}

/// Where somebody is told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubjectView {
    /// The versions.
    pub versions: Vec<ToldInView>,
    /// The leaf that tells that somebody was looked for; it does not say who.
    pub leaf: u64,
}

/// A version that tells of somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ToldInView {
    /// The bucket.
    #[schema(value_type = String)]
    pub bucket: BucketName,
    /// The key.
    #[schema(value_type = String)]
    pub key: ObjectKey,
    /// The version.
    #[schema(value_type = String)]
    pub version: VersionId,
}

/// The leaf that tells of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recorded {
    /// The leaf.
    pub leaf: u64,
}

/// What came of taking a word back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TakenBackView {
    /// `proposed`, until somebody else takes it back too; `taken-back`.
    pub state: String,
    /// The leaf.
    pub leaf: u64,
}

/// `PUT /v1/tenants/{name}/important/{id}`: a word that an authority told the tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TellImportant {
    /// The word, as it stands in data.
    pub word: String,
    /// `important` or `core`.
    pub level: String,
    /// `economic`, `scientific` or `technological`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// `national-security` or `public-interest`.
    pub ground: String,
    /// Which authority, and in which notice.
    pub authority: String,
}

impl std::fmt::Debug for FindSubject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FindSubject").finish_non_exhaustive()
    }
}
