//! A webhook: each event is a POST, over a connection that is kept.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderValue, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use onshore_tls::Connection;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::target::{EventTarget, TargetError};

/// How much of an answer is read: nobody looks at it, but the connection goes on behind it.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// How long its body may take.
const ANSWER_MAX: Duration = Duration::from_secs(1);

pub(super) struct Webhook {
    sender: SendRequest<Full<Bytes>>,
    path: String,
    host: HeaderValue,
    authorization: Option<HeaderValue>,
    /// What drives the connection.
    driver: AbortHandle,
    is_over: bool,
}

impl Webhook {
    pub(super) async fn open(
        stream: Connection,
        target: &EventTarget,
        path: &str,
    ) -> Result<Self, TargetError> {
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(async move { drop(connection.await) }).abort_handle();
        let host = target.authority();
        let authorization = target.token.as_ref().map(|token| format!("Bearer {token}"));
        let header = |text: String| HeaderValue::from_str(&text).map_err(|_| TargetError::Token);
        Ok(Self {
            sender,
            path: path.to_owned(),
            host: header(host)?,
            authorization: authorization.map(header).transpose()?,
            driver,
            is_over: false,
        })
    }

    pub(super) async fn send(
        &mut self,
        head: &[(&'static str, String)],
        message: Vec<u8>,
    ) -> Result<(), TargetError> {
        let mut request = Request::post(&self.path)
            .header(HOST, &self.host)
            .header(USER_AGENT, "onshore")
            .header(CONTENT_TYPE, "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        for (name, value) in head {
            request = request.header(*name, value);
        }
        let request = request
            .body(Full::new(Bytes::from(message)))
            .map_err(|_| TargetError::Address)?;
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status();
        // The status is the answer. Its body is read for the sake of the connection alone, and not for long.
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect();
        if !matches!(timeout(ANSWER_MAX, body).await, Ok(Ok(_))) {
            self.driver.abort();
            self.is_over = true;
        }
        if status.is_success() {
            Ok(())
        } else {
            Err(TargetError::Status(status.as_u16()))
        }
    }

    /// Whether the connection goes on behind the last answer.
    pub(super) fn is_usable(&self) -> bool {
        !self.is_over && !self.sender.is_closed()
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
