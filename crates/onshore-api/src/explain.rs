//! Asking for a verdict without asking for the transfer.

use std::net::IpAddr;

use onshore_types::{ApprovalId, BucketName, ObjectKey};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the transfer would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AskedOperation {
    /// Read the whole object.
    #[default]
    Get,
    /// Read what is known of it.
    Head,
    /// List the keys beneath this one taken as a prefix.
    List,
    /// Write it.
    Put,
}

/// `POST /v1/explain`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Which bucket.
    #[schema(value_type = String)]
    pub bucket: BucketName,
    /// Which object, or for a list which prefix; none lists the whole bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub key: Option<ObjectKey>,
    /// From which address.
    #[schema(value_type = String)]
    pub from_address: IpAddr,
    /// To do what.
    #[serde(default)]
    pub operation: AskedOperation,
}

/// The verdict that a transfer would get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplanationView {
    /// `allowed` or `refused`.
    pub verdict: String,
    /// The rule that decides.
    pub rule: String,
    /// Why.
    pub cause: String,
    /// The smallest change that would allow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The approval that carries it, or came nearest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub approval: Option<ApprovalId>,
    /// The object's label at present; none when there is no such object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Where the data is.
    pub from: String,
    /// Where the address is.
    pub to: String,
}
