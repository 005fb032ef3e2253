//! What the S3 front asks of the migration engine about buckets that are cut over: the two are neighbours and do not know each
//! other.

use async_trait::async_trait;
use futures_util::TryStreamExt;
use onshore_migrate::{Coming, Pull, PullError, PullThrough};
use onshore_s3::{
    Brought, NotBrought, Origin, OriginEntry, OriginPage, OriginQuery, OriginSilent, Passing,
    PassingBytes,
};
use onshore_sources::{Beneath, BeneathEntry};
use onshore_store::ObjectHead;
use onshore_types::{BucketId, ByteRange, ObjectKey};

/// The sources of buckets that are cut over.
#[derive(Debug)]
pub(crate) struct CutOverFrom(pub(crate) PullThrough);

/// An object that is still coming.
#[derive(Debug)]
struct ComingFrom(Box<Coming>);

#[async_trait]
impl Origin for CutOverFrom {
    fn reaches(&self, bucket: BucketId) -> bool {
        self.0.reaches(bucket)
    }

    fn ended(&self) -> u64 {
        self.0.ended()
    }

    async fn bring(&self, bucket: BucketId, key: &ObjectKey) -> Result<Brought, NotBrought> {
        match self.0.pull(bucket, key).await {
            Ok(Pull::Settled) => Ok(Brought::Settled),
            Ok(Pull::Nowhere) => Ok(Brought::Nowhere),
            Ok(Pull::Coming(coming)) => Ok(Brought::OnItsWay(Box::new(ComingFrom(coming)))),
            Err(PullError::Refused(why)) => Err(NotBrought::Refused(why)),
            Err(PullError::Unreadable(why)) => Err(NotBrought::Unreadable(why)),
            Err(PullError::Silent(why)) => Err(OriginSilent(why).into()),
        }
    }

    async fn list(
        &self,
        bucket: BucketId,
        wanted: OriginQuery,
    ) -> Result<OriginPage, OriginSilent> {
        let wanted = Beneath {
            prefix: wanted.prefix,
            delimiter: wanted.delimiter,
            after: wanted.after,
            limit: wanted.limit,
        };
        let page = self
            .0
            .list(bucket, &wanted)
            .await
            .map_err(|error| silent(&error))?;
        Ok(OriginPage {
            entries: page.entries.into_iter().filter_map(entry).collect(),
            common_prefixes: page.common_prefixes,
            until: page.until,
        })
    }
}

#[async_trait]
impl Passing for ComingFrom {
    fn head(&self) -> &ObjectHead {
        self.0.head()
    }

    async fn open(&self, range: ByteRange) -> Result<PassingBytes, OriginSilent> {
        let body = self.0.open(range).await.map_err(|error| silent(&error))?;
        Ok(Box::pin(body.map_err(|error| silent(&error))))
    }
}

fn silent(error: &PullError) -> OriginSilent {
    OriginSilent(error.to_string())
}

/// Text that is no key by our rules cannot come here, and is told by the job.
fn entry(entry: BeneathEntry) -> Option<OriginEntry> {
    Some(OriginEntry {
        key: ObjectKey::parse(entry.key).ok()?,
        size_bytes: entry.size_bytes,
        etag: entry.etag,
        modified: entry.modified,
    })
}
