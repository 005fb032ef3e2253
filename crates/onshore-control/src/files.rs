//! Files that other rooms wrote and this one hands out: ledger tiles and certificates. Their names are
//! made here from parsed values, never from a path that somebody sent.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use onshore_keys::FileSeal;
use tokio_util::io::ReaderStream;

use crate::error::Error;

/// How much is read at once.
const CHUNK_BYTES: usize = 1 << 16;

/// Streams a file as it is; none when it is not there.
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

/// Streams what a file holds that may be sealed; none when it is not there.
pub(crate) async fn unseal(
    path: &Path,
    seal: &FileSeal,
    content_type: &'static str,
) -> Result<Option<Response>, Error> {
    let (path, seal) = (path.to_owned(), seal.clone());
    let opened = blocking(move || {
        #[expect(
            clippy::disallowed_methods,
            reason = "hands out what an engine wrote; the name holds nothing that a caller chose"
        )]
        let file = File::open(path)?;
        seal.reader(file)
    });
    let reader = match opened.await {
        Ok(reader) => reader,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::File(error)),
    };
    let len_bytes = reader.len_bytes();
    let chunks = futures_util::stream::try_unfold(reader, |mut reader| {
        blocking(move || {
            let mut chunk = vec![0; CHUNK_BYTES];
            let len = reader.read(&mut chunk)?;
            chunk.truncate(len);
            Ok((len > 0).then_some((chunk, reader)))
        })
    });
    let mut response = Body::from_stream(chunks).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(len_bytes));
    Ok(Some(response))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(io::Error::other("a read was broken off")))
}
