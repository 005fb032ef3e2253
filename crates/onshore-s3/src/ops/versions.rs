//! Versioning of a bucket, and listings of its versions.

use onshore_policy::Flow;
use onshore_store::{Reach, Versioning, VersionsPage, VersionsQuery};
use onshore_types::BucketName;
use serde_json::json;

use crate::fault::Fault;
use crate::ops::{ATTEMPTS_MAX, Asked, Operations, is_stale, whole_bucket};

impl Operations {
    /// Enables or suspends versioning.
    pub(crate) async fn set_versioning(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        versioning: Versioning,
    ) -> Result<(), Fault> {
        self.change_bucket(asked, name, move |store, unit, permit, _| {
            let bucket = store.set_versioning(unit, permit, versioning)?;
            let is_enabled = bucket.versioning == Versioning::Enabled;
            Ok(json!({ "change": "bucket.versioning", "bucket": bucket.id, "enabled": is_enabled }))
        })
        .await
    }

    /// Lists versions.
    pub(crate) async fn list_versions(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        query: VersionsQuery,
    ) -> Result<VersionsPage, Fault> {
        for _ in 0..ATTEMPTS_MAX {
            let bucket = self.bucket(asked, Flow::List, name).await?;
            let label = self
                .store
                .list_label(&bucket, &query.prefix, Reach::Versions)
                .await
                .map_err(|error| self.fault(asked.call, error))?;
            let permit = self
                .permit(asked, Flow::List, whole_bucket(&bucket, label))
                .await?;
            match self.store.list_versions(permit, query.clone()).await {
                Ok(page) => return Ok(page),
                Err(error) if is_stale(&error) => {}
                Err(error) => return Err(self.fault(asked.call, error)),
            }
        }
        Err(self.fault(asked.call, onshore_store::Error::VersionGone))
    }
}
