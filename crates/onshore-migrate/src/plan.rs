//! What is to be done about an object: decided from what was listed, what an earlier job recorded, and which version
//! the destination has now. No I/O and no surprises.

use onshore_registry::{EntryOutcome, EntryState, JobEntry};
use onshore_types::{Label, VersionId};

/// What is to be done about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Bring it.
    Copy(Why),
    /// This job brought it before it was interrupted: read back what is stored.
    ReadBack(VersionId),
    /// It is there as an earlier job left it, and the source still has what that job brought.
    Keep(EntryOutcome),
}

/// Why an object is brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The destination has nothing of this key.
    New,
    /// The source or the destination has changed, or nobody can tell.
    Changed,
    /// What is there bears a looser class than this job declares.
    ClassTightened,
}

/// Plans one object: `known` is what an earlier job of the same source and bucket recorded of the key, `current` the
/// version that the destination has now, `declared` the class this job declares.
#[must_use]
pub fn plan(
    entry: &JobEntry,
    known: Option<&JobEntry>,
    current: Option<VersionId>,
    declared: Option<Label>,
) -> Step {
    let Some(current) = current else {
        return Step::Copy(Why::New);
    };
    if entry.outcome.state == EntryState::Listed && entry.outcome.destination == Some(current) {
        return Step::ReadBack(current);
    }
    let Some(known) = known.filter(|known| arrived(known, current) && same_source(entry, known))
    else {
        return Step::Copy(Why::Changed);
    };
    let covered = match (known.outcome.label, declared) {
        (Some(label), Some(declared)) => label.join(declared) == label,
        (_, None) => true,
        (None, Some(_)) => false,
    };
    if covered {
        Step::Keep(EntryOutcome {
            state: EntryState::Unchanged,
            ..known.outcome.clone()
        })
    } else {
        Step::Copy(Why::ClassTightened)
    }
}

/// Whether the earlier job verified what is at the destination now.
fn arrived(known: &JobEntry, current: VersionId) -> bool {
    let verified = match known.outcome.state {
        EntryState::Copied | EntryState::Unchanged => true,
        EntryState::Listed | EntryState::Exception => false,
    };
    verified && known.outcome.sha256.is_some() && known.outcome.destination == Some(current)
}

/// Whether the source has what the earlier job saw. A source that gives no fingerprint proves nothing.
fn same_source(entry: &JobEntry, known: &JobEntry) -> bool {
    entry.listed.source_version.is_some()
        && entry.listed.source_version == known.listed.source_version
        && entry.listed.size_bytes == known.listed.size_bytes
}

#[cfg(test)]
mod tests {
    use onshore_registry::{EntryKind, EntryOutcome, EntryState, JobEntry, ListedEntry, Sighting};
    use onshore_types::{Label, VersionId};
    use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};

    use super::{Step, Why, plan};

    fn version() -> impl Strategy<Value = Option<VersionId>> {
        prop_oneof![
            Just(None),
            (0..3_u8).prop_map(|n| Some(VersionId::from_bytes([n; 16])))
        ]
    }

    fn label() -> impl Strategy<Value = Option<Label>> {
        let words = [
            "general",
            "important",
            "personal",
            "core,sensitive-personal",
            "unclassified",
        ];
        (0..=words.len()).prop_map(move |n| words.get(n).map(|word| word.parse().expect("a label")))
    }

    fn state() -> impl Strategy<Value = EntryState> {
        prop_oneof![
            Just(EntryState::Listed),
            Just(EntryState::Copied),
            Just(EntryState::Unchanged),
            Just(EntryState::Exception)
        ]
    }

    fn entry() -> impl Strategy<Value = JobEntry> {
        let listed = (0..2_u64, any::<Option<bool>>());
        (listed, state(), any::<bool>(), version(), label()).prop_map(
            |((size_bytes, mark), state, hashed, destination, label)| JobEntry {
                listed: ListedEntry {
                    key: "k".into(),
                    version: None,
                    newer: 0,
                    kind: EntryKind::Object,
                    size_bytes,
                    source_version: mark.map(|mark| mark.to_string()),
                    modified: None,
                },
                outcome: EntryOutcome {
                    state,
                    sha256: hashed.then_some([1; 32]),
                    method: Some("md5-etag".into()),
                    destination,
                    label,
                    detail: None,
                    leaf: None,
                },
                brought: destination,
                seen: Sighting {
                    round: 0,
                    page: None,
                },
            },
        )
    }

    proptest! {
        /// Nothing is kept unless an earlier job verified exactly this state of the source as exactly what the
        /// destination has now, under a class at least as strict.
        #[test]
        fn nothing_is_kept_without_proof(
            entry in entry(), known in proptest::option::of(entry()), current in version(), declared in label(),
        ) {
            match plan(&entry, known.as_ref(), current, declared) {
                Step::Keep(outcome) => {
                    let known = known.expect("knowledge");
                    assert_eq!(outcome.state, EntryState::Unchanged);
                    assert_eq!(outcome.destination, current);
                    assert!(current.is_some() && outcome.sha256.is_some());
                    assert!(matches!(known.outcome.state, EntryState::Copied | EntryState::Unchanged));
                    assert!(entry.listed.source_version.is_some());
                    assert_eq!(entry.listed, known.listed);
                    let label = outcome.label.unwrap_or(Label::Unclassified);
                    assert_eq!(declared.map_or(label, |declared| label.join(declared)), label);
                }
                Step::ReadBack(version) => {
                    assert_eq!(Some(version), current);
                    assert_eq!(entry.outcome.destination, current);
                    assert_eq!(entry.outcome.state, EntryState::Listed);
                }
                Step::Copy(Why::New) => assert_eq!(current, None),
                Step::Copy(Why::Changed | Why::ClassTightened) => assert!(current.is_some()),
            }
        }
    }
}
