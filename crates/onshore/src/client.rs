//! A client of the control API.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use onshore_api::Problem;
use onshore_tls::{Trust, trusting};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::exit::usage;

/// A client of one server's control API.
pub(crate) struct Client {
    server: String,
    token: String,
    http: Http<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Client {
    /// Makes a client, which trusts the authorities in the file, or those of the system. Nothing is sent yet.
    pub(crate) fn new(server: &str, token: &str, authorities: Option<&Path>) -> Result<Self> {
        let server = if server.starts_with("http://") || server.starts_with("https://") {
            server.to_owned()
        } else {
            format!("http://{server}")
        };
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(usage(
                "the control token is not one: it is printable and has no blanks",
            ));
        }
        let connector = connector(&server, authorities)
            .map_err(|error| usage(format!("{:#}", anyhow::Error::new(error))))?;
        Ok(Self {
            server: server.trim_end_matches('/').to_owned(),
            token: token.to_owned(),
            http: Http::builder(TokioExecutor::new()).build(connector),
        })
    }

    /// Asks and reads the answer as JSON.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        parse(&self.call(Method::GET, path, Bytes::new()).await?)
    }

    /// Asks and returns the answer as it is.
    pub(crate) async fn get_bytes(&self, path: &str) -> Result<Bytes> {
        self.call(Method::GET, path, Bytes::new()).await
    }

    /// Sends a question with the method and reads the answer as JSON.
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        parse(
            &self
                .call(method, path, Bytes::from(serde_json::to_vec(body)?))
                .await?,
        )
    }

    /// Sends a question and returns the answer as it is.
    pub(crate) async fn post_bytes(&self, path: &str, body: &impl Serialize) -> Result<Bytes> {
        self.call(Method::POST, path, Bytes::from(serde_json::to_vec(body)?))
            .await
    }

    /// Deletes and reads the answer as JSON.
    pub(crate) async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        parse(&self.call(Method::DELETE, path, Bytes::new()).await?)
    }

    async fn call(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|_| usage(format!("`{}` is not the address of a server", self.server)))?;
        let answer = self.http.request(request).await.with_context(|| {
            if self.server.starts_with("https://") {
                format!(
                    "no server that can be trusted answers at {}; name it with --server as its certificate does, and \
                     the authority that signed that with --ca",
                    self.server
                )
            } else {
                format!(
                    "no server answers at {}; start one with `onshore serve --data DIR`, or name it with --server",
                    self.server
                )
            }
        })?;
        let status = answer.status();
        let body = answer
            .into_body()
            .collect()
            .await
            .context("the server cut its answer short")?
            .to_bytes();
        if status.is_success() {
            Ok(body)
        } else {
            bail!("{}", told(status, &body))
        }
    }
}

fn connector(
    server: &str,
    authorities: Option<&Path>,
) -> Result<HttpsConnector<HttpConnector>, onshore_tls::Error> {
    let trust = match authorities {
        Some(path) => Trust::File(path),
        None if server.starts_with("https://") => Trust::System,
        None => Trust::Nobody,
    };
    Ok(HttpsConnectorBuilder::new()
        .with_tls_config(trusting(trust)?)
        .https_or_http()
        .enable_http1()
        .build())
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).context("the server's answer is not what this version understands")
}

fn told(status: StatusCode, body: &[u8]) -> String {
    match serde_json::from_slice::<Problem>(body) {
        Ok(Problem {
            message,
            leaf: Some(leaf),
            ..
        }) => format!("{message} (leaf {leaf})"),
        Ok(Problem {
            message,
            leaf: None,
            ..
        }) => message,
        Err(_) => format!("the server answered {status}"),
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}
