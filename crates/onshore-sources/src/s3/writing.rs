//! Writing at the source, which only a way back does: what was changed here goes where the bucket came from, with its headers, its
//! metadata and tags, and in the parts it has here. The MD5 of each body goes along, so that the source takes no other bytes.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::Error;
use crate::s3::errors::{fault, of_protocol};
use crate::s3::region::{Broken, Chunks, insert, metadata, size, streaming, tagging};
use crate::source::{Outgoing, OutgoingPart};

/// How many chunks of a part wait for the wire.
const CHUNKS_AHEAD: usize = 4;

/// Writes an object, whatever is there by its key.
pub(super) async fn write(
    client: &Client,
    bucket: &str,
    object: &Outgoing,
    body: Chunks,
) -> Result<(), Error> {
    if !object.parts.is_empty() {
        return write_parts(client, bucket, object, body).await;
    }
    let headers = object.headers.clone();
    client
        .put_object()
        .bucket(bucket)
        .key(&object.key)
        .content_length(size(object.size_bytes))
        .set_content_md5(object.md5.clone())
        .set_metadata(metadata(&object.user_metadata))
        .set_tagging(tagging(&object.tags))
        .body(streaming(body))
        .customize()
        .mutate_request(move |request| insert(request, &headers))
        .send()
        .await
        .map(drop)
        .map_err(|error| fault(&error))
}

async fn write_parts(
    client: &Client,
    bucket: &str,
    object: &Outgoing,
    mut body: Chunks,
) -> Result<(), Error> {
    let headers = object.headers.clone();
    let upload = client
        .create_multipart_upload()
        .bucket(bucket)
        .key(&object.key)
        .set_metadata(metadata(&object.user_metadata))
        .set_tagging(tagging(&object.tags))
        .customize()
        .mutate_request(move |request| insert(request, &headers))
        .send()
        .await
        .map_err(|error| fault(&error))?
        .upload_id
        .ok_or_else(|| of_protocol("an upload without an id"))?;
    let at = At {
        client,
        bucket,
        key: &object.key,
        upload: &upload,
    };
    let written = at.write_each(&object.parts, &mut body).await;
    if written.is_err() {
        // What cannot be given up now is left to the source's own lifecycle.
        let _or_left = client
            .abort_multipart_upload()
            .bucket(bucket)
            .key(&object.key)
            .upload_id(&upload)
            .send()
            .await;
    }
    written
}

/// An upload in parts at the source.
struct At<'a> {
    client: &'a Client,
    bucket: &'a str,
    key: &'a str,
    upload: &'a str,
}

impl At<'_> {
    async fn write_each(&self, parts: &[OutgoingPart], body: &mut Chunks) -> Result<(), Error> {
        let (mut done, mut rest) = (Vec::with_capacity(parts.len()), Bytes::new());
        for (number, part) in (1_i32..).zip(parts) {
            let (chunks, on_the_way) = mpsc::channel(CHUNKS_AHEAD);
            let sending = self
                .client
                .upload_part()
                .bucket(self.bucket)
                .key(self.key)
                .upload_id(self.upload)
                .part_number(number)
                .content_length(size(part.size_bytes))
                .set_content_md5(part.md5.clone())
                .body(streaming(on_the_way))
                .send();
            let cutting = cut(part.size_bytes, body, &mut rest, chunks);
            let (answer, ()) = tokio::join!(sending, cutting);
            let etag = answer
                .map_err(|error| fault(&error))?
                .e_tag
                .ok_or_else(|| of_protocol("a part without an ETag"))?;
            let part = CompletedPart::builder().part_number(number).e_tag(etag);
            done.push(part.build());
        }
        let parts = CompletedMultipartUpload::builder().set_parts(Some(done));
        self.client
            .complete_multipart_upload()
            .bucket(self.bucket)
            .key(self.key)
            .upload_id(self.upload)
            .multipart_upload(parts.build())
            .send()
            .await
            .map(drop)
            .map_err(|error| fault(&error))
    }
}

/// Hands on as many of the bytes as a part has, and keeps what was read beyond it. Who takes no more has answered already.
async fn cut(
    len_bytes: u64,
    body: &mut Chunks,
    rest: &mut Bytes,
    chunks: mpsc::Sender<Result<Bytes, Broken>>,
) {
    let mut left = len_bytes;
    while left > 0 {
        let mut chunk = if rest.is_empty() {
            match body.recv().await {
                Some(Ok(chunk)) => chunk,
                Some(Err(Broken)) | None => {
                    let _or_gone = chunks.send(Err(Broken)).await;
                    return;
                }
            }
        } else {
            std::mem::take(rest)
        };
        if chunk.len() as u64 > left {
            *rest = chunk.split_off(usize::try_from(left).unwrap_or(usize::MAX));
        }
        left -= chunk.len() as u64;
        if chunks.send(Ok(chunk)).await.is_err() {
            return;
        }
    }
}
