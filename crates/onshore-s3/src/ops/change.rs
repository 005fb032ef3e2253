//! Changes that store no bytes: of a version and of a bucket. Each is judged, made and recorded in the same steps.

use http::HeaderMap;
use onshore_db::Unit;
use onshore_policy::{Flow, Permit};
use onshore_store::{Bucket, Description, Looked, Store, VersionWish};
use onshore_types::{BucketName, ByteRange, Label, ObjectKey, Timestamp};
use serde_json::Value;

use crate::error::{Error, ReadAt};
use crate::fault::{Code, Fault};
use crate::ops::{ATTEMPTS_MAX, Asked, Operations, described, is_stale, shown, whole_bucket};

/// What a change does in its unit of work: it returns the record that the leaf commits to.
pub(crate) trait Change:
    Fn(&Store, &Unit<'_>, &Permit, Timestamp) -> Result<Value, onshore_store::Error>
    + Clone
    + Send
    + 'static
{
}

impl<F> Change for F where
    F: Fn(&Store, &Unit<'_>, &Permit, Timestamp) -> Result<Value, onshore_store::Error>
        + Clone
        + Send
        + 'static
{
}

impl Operations {
    /// Changes what is said of a version, and returns the header that names it.
    pub(crate) async fn change_version(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        key: &ObjectKey,
        wish: VersionWish,
        change: impl Change,
    ) -> Result<HeaderMap, Fault> {
        for _ in 0..ATTEMPTS_MAX {
            let target = self.target(asked, Flow::Change, name, key, wish).await?;
            // How this ends tells whether there is such an object.
            self.tellable(asked, &target).await?;
            let Some(description) = &target.description else {
                return Err(self.absent(asked, Flow::Inspect, &target).await);
            };
            let subject = described(&target, description, ByteRange::whole(0));
            let permit = self.permit(asked, Flow::Change, subject).await?;
            match self.changed(asked, permit, change.clone()).await {
                Ok(()) => return Ok(name_of(description)),
                Err(Error::Store(error)) if is_stale(&error) => {}
                Err(error) => return Err(self.fault(asked.call, error)),
            }
        }
        Err(self.fault(asked.call, onshore_store::Error::VersionGone))
    }

    /// Changes what is said of a bucket. Words of the client's own that are kept and shown are looked through: they leave as the
    /// bucket's class says, so that class must cover what is in them (decision 0076).
    pub(crate) async fn change_bucket(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        said: &str,
        change: impl Change,
    ) -> Result<(), Fault> {
        let bucket = self.bucket(asked, Flow::Change, name).await?;
        // How it ends tells what is set already.
        self.tellable_bucket(asked, &bucket).await?;
        let permit = self
            .permit(asked, Flow::Change, subject_of(&bucket))
            .await?;
        self.check_said(asked, &bucket, said)?;
        self.changed(asked, permit, change)
            .await
            .map_err(|error| self.fault(asked.call, error))
    }

    fn check_said(&self, asked: Asked<'_>, bucket: &Bucket, said: &str) -> Result<(), Fault> {
        if said.is_empty() {
            return Ok(());
        }
        let looked = Looked::at_setting(self.gate.scanner(bucket.tenant), said)
            .map_err(|error| self.fault(asked.call, error))?;
        // Whoever gives a bucket a class later gives it to what is set already.
        let label = match subject_of(bucket).label {
            Label::Unclassified => Label::GENERAL,
            known @ Label::Known { .. } => known,
        };
        let needed = looked.label(label);
        if needed == label {
            return Ok(());
        }
        Err(Fault::new(
            Code::InvalidRequest,
            format!(
                "What is set of the bucket holds {needed} data (an identifier, or a word that an authority told), and the bucket's class is {label}: leave it out, or give the bucket a class that covers it."
            ),
        ))
    }

    /// Finds a bucket whose settings the caller may read where it is.
    pub(crate) async fn readable_bucket(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
    ) -> Result<Bucket, Fault> {
        let bucket = self.bucket(asked, Flow::Inspect, name).await?;
        let mut subject = subject_of(&bucket);
        if self.read_at(asked.call) == ReadAt::Abroad && !subject.label.is_free() {
            // Whichever is asked for: they leave as bytes do.
            let settings_bytes = self.store.settings_bytes(bucket.id).await;
            let settings_bytes = settings_bytes.map_err(|error| self.fault(asked.call, error))?;
            subject.range = ByteRange::whole(settings_bytes);
        }
        self.permit(asked, Flow::Inspect, subject)
            .await
            .map(|_| bucket)
    }

    /// Finds a version of a bucket that the caller may inspect, and returns the header that names it.
    pub(crate) async fn known_version(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        key: &ObjectKey,
        wish: VersionWish,
    ) -> Result<(Bucket, HeaderMap), Fault> {
        let target = self.target(asked, Flow::Inspect, name, key, wish).await?;
        let Some(description) = &target.description else {
            return Err(self.absent(asked, Flow::Inspect, &target).await);
        };
        let subject = described(&target, description, ByteRange::whole(0));
        let _seen = self.permit(asked, Flow::Inspect, subject).await?;
        let headers = name_of(description);
        Ok((target.bucket, headers))
    }

    async fn changed(
        &self,
        asked: Asked<'_>,
        permit: Permit,
        change: impl Change,
    ) -> Result<(), Error> {
        let operations = self.clone();
        let leaf = self
            .db
            .write(move |unit| {
                let now = operations.gate.now();
                let record = change(&operations.store, unit, &permit, now)?;
                Ok::<_, Error>(operations.gate.settle_changed(unit, &permit, record)?)
            })
            .await?;
        asked.call.note_leaf(leaf);
        Ok(())
    }
}

fn subject_of(bucket: &Bucket) -> onshore_policy::Subject {
    whole_bucket(bucket, bucket.class.unwrap_or(Label::Unclassified))
}

/// Returns the header that names a version.
pub(crate) fn name_of(description: &Description) -> HeaderMap {
    let mut headers = HeaderMap::new();
    shown::insert_version(
        &mut headers,
        description.bucket.versioning,
        description.naming,
        description.version,
    );
    headers
}
