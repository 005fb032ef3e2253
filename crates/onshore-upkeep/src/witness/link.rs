//! One request to a witness.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderValue, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use onshore_sources::{Purpose, outward};
use tokio::net::TcpStream;

use crate::notify::{EventTarget, TargetError, secured};

/// How much of an answer is read: a few signature lines.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// What a witness answered.
pub(super) struct Asked {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

/// Posts a request to `add-checkpoint` below the witness's submission prefix. No redirection is followed.
pub(super) async fn ask(target: &EventTarget, request: String) -> Result<Asked, TargetError> {
    let stream = connect_to(target).await?;
    let stream = secured(target, stream).await?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(async move { drop(connection.await) });
    let path = format!("{}/add-checkpoint", target.path().trim_end_matches('/'));
    let host = HeaderValue::from_str(&target.authority()).map_err(|_| TargetError::Address)?;
    let request = Request::post(path)
        .header(HOST, host)
        .header(USER_AGENT, "onshore")
        .header(CONTENT_TYPE, "text/plain; charset=utf-8")
        .body(Full::new(Bytes::from(request)))
        .map_err(|_| TargetError::Address)?;
    let answer = sender.send_request(request).await?;
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
        .collect()
        .await
        .map_err(|_| TargetError::Protocol("the answer is too long, or cut short"))?
        .to_bytes();
    driver.abort();
    Ok(Asked { status, body })
}

/// Connects to the first of the witness's addresses that answers.
async fn connect_to(target: &EventTarget) -> Result<TcpStream, TargetError> {
    let host = target.host.as_str();
    let addresses = outward()
        .addresses(Purpose::Witness, host, target.port)
        .await?;
    let mut failed = TargetError::NoAddress;
    for address in addresses {
        match outward().connect(Purpose::Witness, host, address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error.into(),
        }
    }
    Err(failed)
}
