//! What of a bucket is brought to other regions, as `s3s` hands it over.

use s3s::dto;
use s3s::{S3Request, S3Response, S3Result};

use crate::ops::replication;
use crate::service::objects::answer;
use crate::service::{Service, asked, bucket_name, call_of};

impl Service {
    pub(super) async fn show_replication(
        &self,
        req: S3Request<dto::GetBucketReplicationInput>,
    ) -> S3Result<S3Response<dto::GetBucketReplicationOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let found = self.operations.replication(asked, &name).await?;
            Ok(S3Response::new(dto::GetBucketReplicationOutput {
                replication_configuration: Some(replication::show(found)),
            }))
        })
    }

    pub(super) async fn take_replication(
        &self,
        req: S3Request<dto::PutBucketReplicationInput>,
    ) -> S3Result<S3Response<dto::PutBucketReplicationOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            self.operations
                .set_replication(asked, &name, Some(input.replication_configuration))
                .await?;
            Ok(S3Response::new(dto::PutBucketReplicationOutput::default()))
        })
    }

    pub(super) async fn drop_replication(
        &self,
        req: S3Request<dto::DeleteBucketReplicationInput>,
    ) -> S3Result<S3Response<dto::DeleteBucketReplicationOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            self.operations.set_replication(asked, &name, None).await?;
            Ok(S3Response::new(
                dto::DeleteBucketReplicationOutput::default(),
            ))
        })
    }
}
