//! What was found in what is stored: kinds and numbers, never a value.

use onshore_types::{Label, ObjectKey, Timestamp, VersionId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /v1/buckets/{name}/findings`: a page of what a bucket holds, version by version in the order of keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingsPage {
    /// The versions.
    pub objects: Vec<FindingsView>,
    /// To be given as `after` for what follows; none at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A version, and what was found in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingsView {
    /// The key.
    #[schema(value_type = String)]
    pub key: ObjectKey,
    /// The version.
    #[schema(value_type = String)]
    pub version: VersionId,
    /// Whether it is the newest of its key.
    pub is_latest: bool,
    /// Its size.
    pub size_bytes: u64,
    /// When it was written.
    #[schema(value_type = String)]
    pub modified: Timestamp,
    /// The label in force.
    #[schema(value_type = String)]
    pub label: Label,
    /// The label that its uploader declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub declared: Option<Label>,
    /// What it is kept for: the tag or metadata `onshore-purpose`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Until when it is kept: the tag or metadata `onshore-keep-until`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub keep_until: Option<Timestamp>,
    /// What is known of its content; none where it was written before anybody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan: Option<ScanView>,
}

/// What is known of the content of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanView {
    /// Which version of the scanner looked.
    pub scanner: u32,
    /// Which version of the legal classes was asked.
    pub tables: u32,
    /// `read`; `pending` until somebody has looked; `outdated` where nobody can look again.
    pub standing: String,
    /// What was found makes the label at least this.
    #[schema(value_type = String)]
    pub label: Label,
    /// Which kinds of identifier there are.
    pub kinds: Vec<FoundKindView>,
    /// Which kinds whole columns are of.
    pub columns: Vec<FoundColumnsView>,
    /// What says or hints that it is important data.
    pub important: Vec<FoundImportantView>,
    /// Which formats were read, from the outside in: `gzip/tar/text`.
    pub formats: Vec<String>,
    /// What could not be read, and why.
    pub unread: Vec<UnreadView>,
}

/// How many identifiers of a kind there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FoundKindView {
    /// The kind.
    pub kind: String,
    /// How many.
    pub count: u64,
    /// `named`, `checked` or `certain`.
    pub confidence: String,
}

/// How many columns are of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FoundColumnsView {
    /// The kind.
    pub kind: String,
    /// How many.
    pub columns: u64,
}

/// What says or hints that data is important.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FoundImportantView {
    /// The entry of a catalogue, the mark or the word that an authority told: by its id.
    pub entry: String,
    /// Which catalogue, law or authority names it.
    pub catalogue: String,
    /// `mark` and `told` say so; `title`, `word` and `like-mark` hint.
    pub sign: String,
    /// How often.
    pub count: u64,
}

/// How much could not be read for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnreadView {
    /// The reason.
    pub reason: String,
    /// How many members, or one for the whole.
    pub count: u64,
}

/// `GET /v1/rescan`: how far what is stored is looked through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RescanView {
    /// The version of the scanner that looks.
    pub scanner: u32,
    /// The version of the legal classes.
    pub tables: u32,
    /// How many versions were put off when they came, and wait.
    pub put_off: u64,
    /// How many versions have not been visited yet since the scanner and the classes are these.
    pub left: u64,
}
