//! Listings, as `s3s` hands them over.

use http::{HeaderMap, HeaderValue};
use onshore_store::{Bucket, ListEntry, ListQuery, ListStart};
use s3s::dto;
use s3s::{S3Request, S3Response, S3Result};

use crate::call::Call;
use crate::fault::{Code, Fault};
use crate::ops::listing::{Encoding, limit, read_token, write_token};
use crate::ops::shown;
use crate::service::objects::answer;
use crate::service::{Service, asked, bucket_name, call_of};

impl Service {
    pub(super) async fn show_list_buckets(
        &self,
        req: S3Request<dto::ListBucketsInput>,
    ) -> S3Result<S3Response<dto::ListBucketsOutput>> {
        answer!(req, |call, asked, input| {
            if input
                .max_buckets
                .is_some_and(|number| !(1..=10_000).contains(&number))
            {
                return Err(Fault::new(
                    Code::InvalidArgument,
                    "Argument max-buckets must be an integer between 1 and 10000",
                ));
            }
            let limit = usize::try_from(input.max_buckets.unwrap_or(10_000)).unwrap_or_default();
            let after = match input
                .continuation_token
                .as_deref()
                .map(read_token)
                .transpose()?
            {
                Some(ListStart::Beyond(name)) => Some(name),
                Some(ListStart::First | ListStart::After(_)) | None => None,
            };
            // Told to whoever asks with any parameter, as at AWS.
            let region = self.region();
            let tells_region = input.max_buckets.is_some()
                || input.continuation_token.is_some()
                || input.prefix.is_some()
                || input.bucket_region.is_some();
            let is_here = input
                .bucket_region
                .is_none_or(|wanted| wanted.is_empty() || wanted == region);
            let prefix = input.prefix.unwrap_or_default();
            let mut buckets: Vec<Bucket> = self.operations.list_buckets(asked).await?;
            buckets.retain(|bucket| {
                let name = bucket.name.as_str();
                is_here
                    && name.starts_with(&prefix)
                    && after.as_deref().is_none_or(|after| name > after)
            });
            let is_cut = buckets.len() > limit;
            if is_cut {
                buckets.truncate(limit);
            }
            let last = buckets
                .last()
                .map(|bucket| write_token(bucket.name.as_str()));
            let shown = buckets.into_iter().map(|bucket| dto::Bucket {
                name: Some(bucket.name.to_string()),
                creation_date: Some(shown::time(bucket.created)),
                bucket_region: tells_region.then(|| region.clone()),
            });
            Ok(S3Response::new(dto::ListBucketsOutput {
                buckets: Some(shown.collect()),
                continuation_token: last.filter(|_| is_cut),
                owner: Some(owner(&call)),
                prefix: (!prefix.is_empty()).then_some(prefix),
            }))
        })
    }

    pub(super) async fn show_list_objects(
        &self,
        req: S3Request<dto::ListObjectsInput>,
    ) -> S3Result<S3Response<dto::ListObjectsOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let encoding = Encoding::of(input.encoding_type.as_ref());
            let limit = limit(input.max_keys, "max-keys")?;
            let marker = input.marker.unwrap_or_default();
            let prefix = input.prefix.unwrap_or_default();
            let delimiter = input.delimiter.filter(|text| !text.is_empty());
            let query = ListQuery {
                prefix: prefix.clone(),
                delimiter: delimiter.clone(),
                start: if marker.is_empty() {
                    ListStart::First
                } else {
                    ListStart::Beyond(marker.clone())
                },
                limit,
            };
            let page = self.operations.list(asked, &name, query).await?;
            let owner = owner(&call);
            let output = dto::ListObjectsOutput {
                name: Some(name.to_string()),
                prefix: Some(encoding.write(&prefix)),
                marker: Some(encoding.write(&marker)),
                max_keys: Some(i32::try_from(limit).unwrap_or(i32::MAX)),
                is_truncated: Some(page.next.is_some()),
                next_marker: page
                    .next
                    .filter(|_| delimiter.is_some())
                    .map(|next| encoding.write(&next)),
                contents: Some(objects(page.entries, encoding, Some(&owner))),
                common_prefixes: Some(common_prefixes(&page.common_prefixes, encoding)),
                delimiter: delimiter.map(|delimiter| encoding.write(&delimiter)),
                encoding_type: input.encoding_type,
                request_charged: None,
            };
            Ok(S3Response::with_headers(output, self.region_told()))
        })
    }

    pub(super) async fn show_list_objects_v2(
        &self,
        req: S3Request<dto::ListObjectsV2Input>,
    ) -> S3Result<S3Response<dto::ListObjectsV2Output>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let encoding = Encoding::of(input.encoding_type.as_ref());
            let limit = limit(input.max_keys, "max-keys")?;
            let prefix = input.prefix.unwrap_or_default();
            let delimiter = input.delimiter.filter(|text| !text.is_empty());
            let start = match (&input.continuation_token, &input.start_after) {
                (Some(token), _) => read_token(token)?,
                (None, Some(key)) if !key.is_empty() => ListStart::After(key.clone()),
                (None, _) => ListStart::First,
            };
            let query = ListQuery {
                prefix: prefix.clone(),
                delimiter: delimiter.clone(),
                start,
                limit,
            };
            let page = self.operations.list(asked, &name, query).await?;
            let owner = owner(&call);
            let owner = input.fetch_owner.unwrap_or(false).then_some(&owner);
            let count = page.entries.len() + page.common_prefixes.len();
            let output = dto::ListObjectsV2Output {
                name: Some(name.to_string()),
                prefix: Some(encoding.write(&prefix)),
                max_keys: Some(i32::try_from(limit).unwrap_or(i32::MAX)),
                key_count: Some(i32::try_from(count).unwrap_or(i32::MAX)),
                continuation_token: input.continuation_token,
                is_truncated: Some(page.next.is_some()),
                next_continuation_token: page.next.as_deref().map(write_token),
                contents: Some(objects(page.entries, encoding, owner)),
                common_prefixes: Some(common_prefixes(&page.common_prefixes, encoding)),
                delimiter: delimiter.map(|delimiter| encoding.write(&delimiter)),
                encoding_type: input.encoding_type,
                start_after: input.start_after.map(|key| encoding.write(&key)),
                request_charged: None,
            };
            Ok(S3Response::with_headers(output, self.region_told()))
        })
    }
}

impl Service {
    /// Returns the header by which clients learn where a bucket is.
    fn region_told(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Ok(region) = HeaderValue::from_str(&self.region()) {
            headers.insert("x-amz-bucket-region", region);
        }
        headers
    }
}

/// Shows who owns what a tenant lists: the tenant.
pub(super) fn owner(call: &Call) -> dto::Owner {
    dto::Owner {
        id: Some(call.tenant().to_string()),
        display_name: Some(call.tenant().to_string()),
    }
}

pub(super) fn common_prefixes(prefixes: &[String], encoding: Encoding) -> Vec<dto::CommonPrefix> {
    prefixes
        .iter()
        .map(|prefix| dto::CommonPrefix {
            prefix: Some(encoding.write(prefix)),
        })
        .collect()
}

fn objects(
    entries: Vec<ListEntry>,
    encoding: Encoding,
    owner: Option<&dto::Owner>,
) -> Vec<dto::Object> {
    entries
        .into_iter()
        .map(|entry| {
            let algorithms = entry
                .checksums
                .iter()
                .map(|(algorithm, _)| dto::ChecksumAlgorithm::from_static(algorithm.as_str()))
                .collect::<Vec<_>>();
            let kind = entry
                .checksums
                .first()
                .map(|(_, kind)| dto::ChecksumType::from_static(kind.as_str()));
            dto::Object {
                key: Some(encoding.write(entry.key.as_str())),
                last_modified: Some(shown::time(entry.modified)),
                e_tag: Some(shown::etag(&entry.etag)),
                size: Some(shown::size(entry.size_bytes)),
                storage_class: Some(dto::ObjectStorageClass::from_static(
                    dto::ObjectStorageClass::STANDARD,
                )),
                owner: owner.cloned(),
                checksum_algorithm: (!algorithms.is_empty()).then_some(algorithms),
                checksum_type: kind,
                restore_status: None,
            }
        })
        .collect()
}
