//! Versioning of a bucket, and listings of its versions.

use onshore_policy::Flow;
use onshore_store::{Bucket, ListQuery, ListStart, Reach, Versioning, VersionsPage, VersionsQuery};
use onshore_types::BucketName;
use serde_json::json;

use crate::error::ReadAt;
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
        self.change_bucket(asked, name, "", move |store, unit, permit, _| {
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
            if self.origin.reaches(bucket.id)
                && self.read_at(asked.call) == ReadAt::Home
                && bucket.versioning == Versioning::Off
            {
                return self.list_single_versions(asked, &bucket, query).await;
            }
            let label = self.list_label(asked, &bucket, Reach::Versions).await?;
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

    /// Lists what a bucket has that is here in part and keeps no versions: each key has one, and that is `null`.
    async fn list_single_versions(
        &self,
        asked: Asked<'_>,
        bucket: &Bucket,
        query: VersionsQuery,
    ) -> Result<VersionsPage, Fault> {
        let keys = ListQuery {
            prefix: query.prefix,
            delimiter: query.delimiter,
            start: query
                .after
                .map_or(ListStart::First, |(name, _)| ListStart::Beyond(name)),
            limit: query.limit,
        };
        let page = self.list_both(asked, bucket, &keys).await?;
        Ok(VersionsPage::of_single(page))
    }
}
