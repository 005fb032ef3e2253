//! Buckets: made, found, listed, removed.

use onshore_policy::{Flow, Subject};
use onshore_store::{Bucket, BucketLock, NewBucket, Setting};
use onshore_types::{BucketName, ByteRange, Label};
use s3s::dto::OwnershipControls;
use serde_json::json;

use crate::error::Error;
use crate::fault::{Code, Fault};
use crate::ops::{Asked, Operations, settings, whole_bucket};

/// Whether a word has the shape of a region's name, `cn-north-1`.
fn is_region(text: &str) -> bool {
    let words: Vec<&str> = text.split('-').collect();
    let [country, between @ .., number] = words.as_slice() else {
        return false;
    };
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    country.len() == 2
        && is_word(country)
        && !between.is_empty()
        && between.iter().all(|word| is_word(word))
        && number.bytes().all(|b| b.is_ascii_digit())
        || text == "EU"
}

impl Operations {
    /// Makes a bucket.
    pub(crate) async fn create_bucket(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        location: Option<&str>,
        lock: Option<BucketLock>,
        ownership: &OwnershipControls,
    ) -> Result<(), Fault> {
        let region = self.gate.region().id.as_str();
        if let Some(location) = location
            && location != region
        {
            if !is_region(location) {
                return Err(Fault::new(
                    Code::InvalidLocationConstraint,
                    "The specified location-constraint is not valid",
                )
                .with_detail(
                    "LocationConstraint",
                    location.chars().take(64).collect::<String>(),
                ));
            }
            return Err(Fault::new(
                Code::IllegalLocationConstraintException,
                format!(
                    "The location constraint is incompatible for the region specific endpoint this request was sent to; expecting '{region}'."
                ),
            ));
        }
        self.allow_unbound(asked, Some(name)).await?;
        let tenant = asked.call.tenant();
        let subject = Subject {
            bucket: None,
            owner: Some(tenant),
            key: None,
            version: None,
            label: Label::Unclassified,
            range: ByteRange::whole(0),
        };
        let permit = self.permit(asked, Flow::Change, subject).await?;
        let new = NewBucket { class: None, lock };
        let ownership = settings::write(ownership)?;
        let (operations, name) = (self.clone(), name.clone());
        let leaf = self
            .db
            .write(move |unit| {
                let now = operations.gate.now();
                let bucket = operations
                    .store
                    .create_bucket(unit, &permit, &name, tenant, new, now)?;
                operations.store.set_first_setting(
                    unit,
                    &bucket,
                    Setting::OwnershipControls,
                    &ownership,
                )?;
                let record =
                    json!({ "change": "bucket.created", "bucket": bucket.id, "name": bucket.name });
                Ok::<_, Error>(operations.gate.settle_changed(unit, &permit, record)?)
            })
            .await
            .map_err(|error| self.fault(asked.call, error))?;
        asked.call.note_leaf(leaf);
        Ok(())
    }

    /// Finds a bucket. That it is there is no secret to the one whose it is.
    pub(crate) async fn head_bucket(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
    ) -> Result<Bucket, Fault> {
        let bucket = self.bucket(asked, Flow::Change, name).await?;
        let subject = whole_bucket(&bucket, bucket.class.unwrap_or(Label::Unclassified));
        self.permit(asked, Flow::Change, subject)
            .await
            .map(|_| bucket)
    }

    /// Removes an empty bucket.
    pub(crate) async fn delete_bucket(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
    ) -> Result<(), Fault> {
        let bucket = self.bucket(asked, Flow::Change, name).await?;
        // How it ends tells whether anything is in it.
        self.tellable_bucket(asked, &bucket).await?;
        let subject = whole_bucket(&bucket, bucket.class.unwrap_or(Label::Unclassified));
        let permit = self.permit(asked, Flow::Change, subject).await?;
        let operations = self.clone();
        let leaf = self
            .db
            .write(move |unit| {
                let removed = operations.store.remove_bucket(unit, &permit, bucket.id)?;
                let record = json!({ "change": "bucket.removed", "bucket": removed.id, "name": removed.name });
                Ok::<_, Error>(operations.gate.settle_changed(unit, &permit, record)?)
            })
            .await
            .map_err(|error| self.fault(asked.call, error))?;
        asked.call.note_leaf(leaf);
        Ok(())
    }

    /// Lists the tenant's buckets. Their names go abroad only if all of them are free.
    pub(crate) async fn list_buckets(&self, asked: Asked<'_>) -> Result<Vec<Bucket>, Fault> {
        self.allow_unbound(asked, None).await?;
        let tenant = asked.call.tenant();
        let buckets = self
            .store
            .buckets(Some(tenant))
            .await
            .map_err(|error| self.fault(asked.call, error))?;
        let label = buckets
            .iter()
            .map(|bucket| bucket.class.unwrap_or(Label::Unclassified))
            .fold(Label::GENERAL, Label::join);
        let subject = Subject {
            bucket: None,
            owner: Some(tenant),
            key: None,
            version: None,
            label,
            range: ByteRange::whole(0),
        };
        self.permit(asked, Flow::List, subject)
            .await
            .map(|_| buckets)
    }
}
