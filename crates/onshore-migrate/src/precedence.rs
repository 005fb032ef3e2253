//! Who has precedence over a key while its bucket is cut over: whoever wrote or removed it here. Nothing that was changed here
//! is replaced by what the source has, and nothing that was removed here comes back. It is looked at in the unit of work that
//! would do so.

use onshore_db::{Unit, View};
use onshore_store::KeyStanding;
use onshore_types::{BucketId, ObjectKey};

use crate::Error;
use crate::engine::Parts;
use crate::outcome::Exception;

/// Whether what is here goes before what the source has.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Precedence {
    /// The bucket becomes as the source is.
    Source,
    /// It is cut over from the source that jobs of this fingerprint read: what was changed here stays.
    Here([u8; 32]),
}

/// Why what the source has of a key does not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangedHere {
    /// It was written here since.
    Written,
    /// It was removed here since.
    Removed,
    /// It was here before, and no migration of this source brought it.
    Differs,
    /// The cut-over has ended.
    Over,
}

impl Precedence {
    /// Makes sure that what the source has of a key may come.
    pub(crate) fn check(
        self,
        parts: &Parts,
        view: &View<'_>,
        bucket: BucketId,
        key: &ObjectKey,
    ) -> Result<(), Error> {
        let Self::Here(fingerprint) = self else {
            return Ok(());
        };
        let changed = match parts.store.key_standing(view, bucket, key)? {
            KeyStanding::Unknown => return Ok(()),
            KeyStanding::Here(version) => {
                if parts
                    .registry
                    .is_brought(view, &fingerprint, key.as_str(), version)?
                {
                    return Ok(());
                }
                ChangedHere::Differs
            }
            KeyStanding::Written(_) => ChangedHere::Written,
            KeyStanding::Removed => ChangedHere::Removed,
            KeyStanding::Over => ChangedHere::Over,
        };
        Err(Error::ChangedHere(changed))
    }

    /// Notes that a key is now as the source has it.
    pub(crate) fn note(
        self,
        parts: &Parts,
        unit: &Unit<'_>,
        bucket: BucketId,
        key: &ObjectKey,
    ) -> Result<(), Error> {
        match self {
            Self::Source => Ok(()),
            Self::Here(_) => Ok(parts.store.note_arrival(unit, bucket, key)?),
        }
    }
}

impl ChangedHere {
    /// Returns what becomes of the object.
    pub(crate) fn exception(self) -> Exception {
        match self {
            Self::Written => Exception::new(
                "superseded-here",
                "it was written here since the cut-over began, and that stays",
            ),
            Self::Removed => Exception::new(
                "removed-here",
                "it was removed here since the cut-over began, and does not come back",
            ),
            Self::Differs => Exception::new(
                "differs-here",
                "another object of this key was here before the cut-over, which no migration of this source brought: remove \
                 one of the two",
            ),
            Self::Over => Exception::new("cutover-over", "the cut-over has ended"),
        }
    }
}
