//! Inventories, as `s3s` hands them over.

use s3s::dto;
use s3s::{S3Request, S3Response, S3Result};

use crate::fault::{Code, Fault};
use crate::ops::inventories;
use crate::service::objects::answer;
use crate::service::{Service, asked, bucket_name, call_of};

/// How many inventories one answer lists.
const PAGE: usize = 100;

impl Service {
    pub(super) async fn show_inventory(
        &self,
        req: S3Request<dto::GetBucketInventoryConfigurationInput>,
    ) -> S3Result<S3Response<dto::GetBucketInventoryConfigurationOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let found = self.operations.inventory(asked, &name, &input.id).await?;
            Ok(S3Response::new(
                dto::GetBucketInventoryConfigurationOutput {
                    inventory_configuration: Some(inventories::show(found)),
                },
            ))
        })
    }

    pub(super) async fn take_inventory(
        &self,
        req: S3Request<dto::PutBucketInventoryConfigurationInput>,
    ) -> S3Result<S3Response<dto::PutBucketInventoryConfigurationOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let inventory = inventories::parse(&input.id, input.inventory_configuration)?;
            self.operations
                .set_inventory(asked, &name, inventory)
                .await?;
            Ok(S3Response::new(
                dto::PutBucketInventoryConfigurationOutput::default(),
            ))
        })
    }

    pub(super) async fn drop_inventory(
        &self,
        req: S3Request<dto::DeleteBucketInventoryConfigurationInput>,
    ) -> S3Result<S3Response<dto::DeleteBucketInventoryConfigurationOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            self.operations
                .remove_inventory(asked, &name, &input.id)
                .await?;
            Ok(S3Response::new(
                dto::DeleteBucketInventoryConfigurationOutput::default(),
            ))
        })
    }

    pub(super) async fn list_inventories(
        &self,
        req: S3Request<dto::ListBucketInventoryConfigurationsInput>,
    ) -> S3Result<S3Response<dto::ListBucketInventoryConfigurationsOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            // Names hold nothing that a query would change: a token is the name that a page ended with.
            let after = input.continuation_token.clone();
            if after.as_ref().is_some_and(String::is_empty) {
                return Err(Fault::new(
                    Code::InvalidArgument,
                    "The continuation token provided is incorrect",
                ));
            }
            let mut found = self.operations.inventories(asked, &name).await?;
            found.retain(|known| after.as_ref().is_none_or(|after| known.id > *after));
            let is_truncated = found.len() > PAGE;
            found.truncate(PAGE);
            let last = found.last().map(|last| last.id.clone());
            let shown: Vec<_> = found.into_iter().map(inventories::show).collect();
            Ok(S3Response::new(
                dto::ListBucketInventoryConfigurationsOutput {
                    continuation_token: after,
                    inventory_configuration_list: (!shown.is_empty()).then_some(shown),
                    is_truncated: Some(is_truncated),
                    next_continuation_token: last.filter(|_| is_truncated),
                },
            ))
        })
    }
}
