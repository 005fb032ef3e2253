//! Runs of keys in the order of their bytes, and the labels that occur in one.

use onshore_db::{View, params};
use onshore_types::{BucketId, Label, Level, ObjectKey, Personal};

use crate::Error;
use crate::describe::Reach;

/// The keys from one byte string (included) until another (excluded).
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) from: Vec<u8>,
    pub(crate) until: Vec<u8>,
}

impl Keys {
    /// Returns the run of all keys that begin with the prefix.
    pub(crate) fn beneath(prefix: &str) -> Self {
        Self {
            from: prefix.as_bytes().to_vec(),
            until: successor(prefix.as_bytes()),
        }
    }

    /// Returns the run that holds this key alone.
    pub(crate) fn only(key: &ObjectKey) -> Self {
        let from = key.as_str().as_bytes().to_vec();
        let until = [from.as_slice(), &[0]].concat();
        Self { from, until }
    }
}

/// Returns the first byte string behind all that begin with this one. No byte of UTF-8 is 0xFF, so the last byte can
/// always be raised; behind the empty one lies 0xFF, with which no key begins.
pub(crate) fn successor(prefix: &[u8]) -> Vec<u8> {
    let mut next = prefix.to_vec();
    match next.last_mut() {
        Some(last) => *last = last.saturating_add(1),
        None => next.push(0xFF),
    }
    next
}

/// Returns the labels other than general that occur in a run of keys: of objects, of uploads, of earlier versions if
/// those are told too.
pub(crate) fn bound_labels(
    view: &View<'_>,
    bucket: BucketId,
    keys: &Keys,
    reach: Reach,
) -> Result<Vec<Label>, Error> {
    let mut found = Vec::new();
    for label in bound() {
        let here = view.one(
            "SELECT 1 WHERE EXISTS (
                 SELECT 1 FROM objects
                 WHERE bucket = ?1 AND label = ?2 AND label <> 'general' AND key >= ?3 AND key < ?4)
             OR EXISTS (
                 SELECT 1 FROM uploads
                 WHERE bucket = ?1 AND label = ?2 AND label <> 'general' AND key >= ?3 AND key < ?4)
             OR (?5 AND EXISTS (
                 SELECT 1 FROM history
                 WHERE bucket = ?1 AND label = ?2 AND label <> 'general' AND key >= ?3 AND key < ?4))",
            params![
                bucket.as_bytes(),
                label.to_string(),
                keys.from,
                keys.until,
                reach == Reach::Versions
            ],
            |_| Ok(()),
        )?;
        if here.is_some() {
            found.push(label);
        }
    }
    Ok(found)
}

/// Every label but general.
fn bound() -> impl Iterator<Item = Label> {
    let levels = [Level::General, Level::Important, Level::Core];
    let personal = [Personal::None, Personal::Personal, Personal::Sensitive];
    levels
        .into_iter()
        .flat_map(move |level| personal.map(|personal| Label::Known { level, personal }))
        .filter(|label| !label.is_free())
        .chain([Label::Unclassified])
}

#[cfg(test)]
mod tests {
    use super::{bound, successor};

    #[test]
    fn a_successor_lies_behind_everything_with_the_prefix() {
        for prefix in ["", "a", "a/", "\u{7f}", "é", "\u{10FFFF}", "\u{7FF}"] {
            let next = successor(prefix.as_bytes());
            for tail in ["", "\u{1}", "zz", "\u{10FFFF}\u{10FFFF}"] {
                assert!(format!("{prefix}{tail}").as_bytes() < next.as_slice());
            }
        }
        assert_eq!(successor(b"a/"), b"a0");
    }

    #[test]
    fn every_label_but_one_is_bound() {
        assert_eq!(bound().count(), 9);
    }
}
