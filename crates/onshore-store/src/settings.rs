//! The settings of a bucket that the store keeps for others: documents that it does not read, but for
//! the lifecycle, the notifications, the logging and the replication.

use onshore_db::{Unit, View, params};
use onshore_policy::{Flow, Permit};
use onshore_types::BucketId;

use crate::bucket::Bucket;
use crate::commit::permitted_bucket;
use crate::{Error, Store, permits};

/// Which setting of a bucket a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Setting {
    /// Its tags.
    Tags,
    /// Which web pages may read it.
    Cors,
    /// What goes when: a [`Lifecycle`](crate::Lifecycle) in JSON, which the store reads too.
    Lifecycle,
    /// Which public access is blocked.
    PublicAccessBlock,
    /// Who owns what is written.
    OwnershipControls,
    /// How new objects are encrypted, as it was said.
    Encryption,
    /// What is told to whom: [`Notifications`](crate::Notifications) in JSON, which the store reads too.
    Notification,
    /// Where lines about what was asked of it go: a [`Logging`](crate::Logging) in JSON, which the store reads too.
    Logging,
    /// Whom it lets do what: a policy in the JSON of AWS.
    Policy,
    /// What is brought to other regions: a [`Replication`](crate::Replication) in JSON, which the store reads too.
    Replication,
}

impl Setting {
    /// Returns its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tags => "tags",
            Self::Cors => "cors",
            Self::Lifecycle => "lifecycle",
            Self::PublicAccessBlock => "public-access-block",
            Self::OwnershipControls => "ownership-controls",
            Self::Encryption => "encryption",
            Self::Notification => "notification",
            Self::Logging => "logging",
            Self::Policy => "policy",
            Self::Replication => "replication",
        }
    }
}

impl Store {
    /// Replaces a setting of the permit's bucket, or removes it.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`].
    pub fn set_setting(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        setting: Setting,
        document: Option<&str>,
    ) -> Result<(), Error> {
        permits::flow(permit, &[Flow::Change])?;
        let bucket = permitted_bucket(unit, permit)?;
        match document {
            Some(document) => unit.execute(
                "INSERT INTO bucket_settings (bucket, name, document) VALUES (?1, ?2, ?3)
                 ON CONFLICT (bucket, name) DO UPDATE SET document = ?3",
                params![bucket.id.as_bytes(), setting.as_str(), document],
            )?,
            None => unit.execute(
                "DELETE FROM bucket_settings WHERE bucket = ?1 AND name = ?2",
                params![bucket.id.as_bytes(), setting.as_str()],
            )?,
        };
        Ok(())
    }

    /// Gives a bucket that this unit has just made a setting.
    ///
    /// # Errors
    /// Those of the database.
    pub fn set_first_setting(
        &self,
        unit: &Unit<'_>,
        bucket: &Bucket,
        setting: Setting,
        document: &str,
    ) -> Result<(), Error> {
        unit.execute(
            "INSERT INTO bucket_settings (bucket, name, document) VALUES (?1, ?2, ?3)",
            params![bucket.id.as_bytes(), setting.as_str(), document],
        )?;
        Ok(())
    }

    /// Says how many bytes the settings of a bucket are.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn settings_bytes(&self, bucket: BucketId) -> Result<u64, Error> {
        let found = self
            .inner
            .db
            .read(move |view| {
                view.one(
                    "SELECT sum(length(CAST(document AS BLOB))) FROM bucket_settings WHERE bucket = ?1",
                    [bucket.as_bytes()],
                    |row| row.get::<_, Option<i64>>(0),
                )
            })
            .await;
        let found = found.map_err(|error: onshore_db::Error| error)?.flatten();
        Ok(found.map_or(0, i64::cast_unsigned))
    }

    /// Returns a setting of a bucket; none where it has none. A setting tells nothing of what is in the bucket, and
    /// who may read it is judged by whoever asks.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn setting(
        &self,
        bucket: BucketId,
        setting: Setting,
    ) -> Result<Option<String>, Error> {
        self.inner
            .db
            .read(move |view| document(view, bucket, setting))
            .await
    }
}

/// Returns a setting of a bucket.
pub(crate) fn document(
    view: &View<'_>,
    bucket: BucketId,
    setting: Setting,
) -> Result<Option<String>, Error> {
    Ok(view.one(
        "SELECT document FROM bucket_settings WHERE bucket = ?1 AND name = ?2",
        params![bucket.as_bytes(), setting.as_str()],
        |row| row.get(0),
    )?)
}
