//! Buckets as they were read, remembered until something is committed: every request needs its bucket, and few change
//! one. What is remembered may be a commit older than the rest of a read, though none that anybody was told of: it goes
//! into transfers that are judged, and under the permit the bucket is read anew.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use onshore_db::{Database, View};
use onshore_types::BucketName;

use crate::Error;
use crate::bucket::{self, Bucket};

/// The buckets that are remembered.
#[derive(Debug, Default)]
pub(crate) struct RememberedBuckets(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    /// How many commits there were when they were read.
    commits: u64,
    by_name: HashMap<BucketName, Arc<Bucket>>,
}

/// A look at buckets that was begun before the read that it is used in: what it remembers of that read is never older
/// than the commits that were counted.
pub(crate) struct Look<'a> {
    buckets: &'a RememberedBuckets,
    commits: u64,
}

impl RememberedBuckets {
    /// Begins a look. Call it before the read.
    pub(crate) fn begin(&self, db: &Database) -> Look<'_> {
        Look {
            buckets: self,
            commits: db.commit_count(),
        }
    }
}

impl Look<'_> {
    /// Returns the bucket of this name.
    pub(crate) fn by_name(
        &self,
        view: &View<'_>,
        name: &BucketName,
    ) -> Result<Option<Bucket>, Error> {
        if let Some(known) = self.recall(name) {
            return Ok(Some(known));
        }
        let found = bucket::by_name(view, name)?;
        self.remember(found.as_ref());
        Ok(found)
    }

    fn recall(&self, name: &BucketName) -> Option<Bucket> {
        let known = self
            .buckets
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        if known.commits != self.commits {
            return None;
        }
        known.by_name.get(name).map(|bucket| Bucket::clone(bucket))
    }

    fn remember(&self, found: Option<&Bucket>) {
        let Some(found) = found else {
            return;
        };
        let mut known = self
            .buckets
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if known.commits > self.commits {
            return;
        }
        if known.commits < self.commits {
            *known = Known {
                commits: self.commits,
                ..Known::default()
            };
        }
        known
            .by_name
            .insert(found.name.clone(), Arc::new(found.clone()));
    }
}
