//! Files that other rooms wrote and this one hands out as they are: ledger tiles and certificates. Their names are
//! made here from parsed values, never from a path that somebody sent.

use std::io;
use std::path::Path;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use tokio_util::io::ReaderStream;

use crate::error::Error;

/// Streams a file; none when it is not there.
pub(crate) async fn stream(
    path: &Path,
    content_type: &'static str,
) -> Result<Option<Response>, Error> {
    #[expect(
        clippy::disallowed_methods,
        reason = "hands out what a keeper or an engine wrote; the name holds nothing that a caller chose"
    )]
    let file = match tokio::fs::File::open(path).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::File(error)),
    };
    let metadata = file.metadata().await.map_err(Error::File)?;
    if !metadata.is_file() {
        return Ok(None);
    }
    let mut response = Body::from_stream(ReaderStream::new(file)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(metadata.len()));
    Ok(Some(response))
}
