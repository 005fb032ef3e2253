//! What becomes of an object, in the words that the job's entry and the certificate share.

use onshore_registry::{EntryOutcome, EntryState};
use onshore_types::{Label, VersionId};

/// Why an object is an exception: one word, and the reason in full, neither with a key in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exception {
    pub(crate) reason: &'static str,
    pub(crate) detail: String,
}

impl Exception {
    pub(crate) fn new(reason: &'static str, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }

    pub(crate) fn outcome(&self) -> EntryOutcome {
        EntryOutcome {
            state: EntryState::Exception,
            sha256: None,
            method: None,
            destination: None,
            label: None,
            detail: Some(format!("{}: {}", self.reason, self.detail)),
            leaf: None,
        }
    }
}

/// Takes the detail of an exception apart again.
pub(crate) fn reason_and_detail(detail: Option<&str>) -> (String, String) {
    let (reason, detail) = detail
        .and_then(|detail| detail.split_once(": "))
        .unwrap_or((
            "not-brought",
            "the job ended before this object was brought",
        ));
    (reason.to_owned(), detail.to_owned())
}

/// An object that is stored and not read back yet: it still counts as waiting.
pub(crate) fn stored(
    sha256: [u8; 32],
    method: &str,
    destination: VersionId,
    label: Label,
    note: Option<String>,
) -> EntryOutcome {
    EntryOutcome {
        state: EntryState::Listed,
        sha256: Some(sha256),
        method: Some(method.to_owned()),
        destination: Some(destination),
        label: Some(label),
        detail: note,
        leaf: None,
    }
}
