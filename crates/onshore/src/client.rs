//! A client of the control API.

use std::fmt;
use std::io;
use std::path::Path;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt as _};
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use onshore_api::Problem;
use onshore_orders::Language;
use onshore_tls::{Trust, trusting};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncWriteExt as _;
use tokio_util::io::ReaderStream;

use crate::exit::usage;

/// A client of one server's control API.
pub(crate) struct Client {
    server: String,
    token: String,
    language: Language,
    http: Http<HttpsConnector<HttpConnector>, Sent>,
}

/// What is sent: a question, or a file as it is read.
type Sent = UnsyncBoxBody<Bytes, io::Error>;

impl Client {
    /// Makes a client, which trusts the authorities in the file, or those of the system, and reads refusals in a language. Nothing is sent yet.
    pub(crate) fn new(
        server: &str,
        token: &str,
        authorities: Option<&Path>,
        language: Language,
    ) -> Result<Self> {
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
            language,
            http: Http::builder(TokioExecutor::new()).build(connector),
        })
    }

    /// Returns a client of the same server for somebody else.
    pub(crate) fn as_holder_of(&self, token: &str) -> Self {
        Self {
            server: self.server.clone(),
            token: token.to_owned(),
            language: self.language,
            http: self.http.clone(),
        }
    }

    /// Asks and reads the answer as JSON.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        parse(&self.call(Method::GET, path, Bytes::new()).await?)
    }

    /// Asks for a list, page by page.
    pub(crate) async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>> {
        let mut all = Vec::new();
        let whole_path = path.split('?').next().unwrap_or_default();
        let mut asked = path.to_owned();
        loop {
            let body = Full::new(Bytes::new())
                .map_err(|never| match never {})
                .boxed_unsync();
            let answer = self.request(Method::GET, &asked, [], body).await?;
            let next = next_page(answer.headers());
            all.extend(parse::<Vec<T>>(&whole(answer).await?)?);
            match next {
                None => return Ok(all),
                Some(next) => asked = format!("{whole_path}{next}"),
            }
        }
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

    /// Sends bytes as they are and reads the answer as JSON.
    pub(crate) async fn send_bytes<T: DeserializeOwned>(
        &self,
        path: &str,
        bytes: Vec<u8>,
    ) -> Result<T> {
        let kind = [
            (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
            (header::CONTENT_LENGTH, bytes.len().to_string()),
        ];
        let body = Full::new(Bytes::from(bytes))
            .map_err(|never| match never {})
            .boxed_unsync();
        let answer = self.request(Method::POST, path, kind, body).await?;
        parse(&whole(answer).await?)
    }

    /// Sends a file as it is and reads the answer as JSON.
    pub(crate) async fn send_file<T: DeserializeOwned>(
        &self,
        path: &str,
        file: std::fs::File,
    ) -> Result<T> {
        let len = file.metadata().context("the file cannot be read")?.len();
        let pieces = ReaderStream::new(tokio::fs::File::from_std(file)).map_ok(Frame::data);
        let body = StreamBody::new(pieces).boxed_unsync();
        let kind = [
            (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
            (header::CONTENT_LENGTH, len.to_string()),
        ];
        let answer = self.request(Method::POST, path, kind, body).await?;
        parse(&whole(answer).await?)
    }

    /// Asks a question whose refusal the caller tells apart; the error is that there is no answer.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        question: &impl Serialize,
    ) -> Result<Result<T, Problem>> {
        let body = Full::new(Bytes::from(serde_json::to_vec(question)?))
            .map_err(|never| match never {})
            .boxed_unsync();
        let kind = [(header::CONTENT_TYPE, "application/json".to_owned())];
        judged(self.request(Method::POST, path, kind, body).await?).await
    }

    /// Sends bytes as they come, so many in all.
    pub(crate) async fn stream<T: DeserializeOwned>(
        &self,
        path: &str,
        bytes: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
        len_bytes: u64,
    ) -> Result<Result<T, Problem>> {
        let body = StreamBody::new(bytes.map_ok(Frame::data)).boxed_unsync();
        let kind = [
            (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
            (header::CONTENT_LENGTH, len_bytes.to_string()),
        ];
        judged(self.request(Method::POST, path, kind, body).await?).await
    }

    /// Asks for an answer that may be long, and writes it to a file.
    pub(crate) async fn post_into(&self, path: &str, file: &mut tokio::fs::File) -> Result<()> {
        let body = Full::new(Bytes::new())
            .map_err(|never| match never {})
            .boxed_unsync();
        let kind = [(header::CONTENT_TYPE, "application/json".to_owned())];
        let answer = self.request(Method::POST, path, kind, body).await?;
        if !answer.status().is_success() {
            whole(answer).await?;
            bail!("the server's answer is not what this version understands");
        }
        let mut body = answer.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.context("the server cut its answer short")?;
            if let Some(bytes) = frame.data_ref() {
                file.write_all(bytes)
                    .await
                    .context("the answer cannot be written")?;
            }
        }
        file.flush().await.context("the answer cannot be written")
    }

    async fn call(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes> {
        let body = Full::new(body)
            .map_err(|never| match never {})
            .boxed_unsync();
        let kind = [(header::CONTENT_TYPE, "application/json".to_owned())];
        whole(self.request(method, path, kind, body).await?).await
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        headers: impl IntoIterator<Item = (header::HeaderName, String)>,
        body: Sent,
    ) -> Result<Response<Incoming>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::ACCEPT_LANGUAGE, self.language.to_string());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request
            .body(body)
            .map_err(|_| usage(format!("`{}` is not the address of a server", self.server)))?;
        self.http.request(request).await.with_context(|| {
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
        })
    }
}

/// Reads an answer to its end; one that is no success is an error in the server's words.
async fn whole(answer: Response<Incoming>) -> Result<Bytes> {
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

/// Reads an answer, or the problem that it tells.
async fn judged<T: DeserializeOwned>(answer: Response<Incoming>) -> Result<Result<T, Problem>> {
    let status = answer.status();
    let body = answer
        .into_body()
        .collect()
        .await
        .context("the server cut its answer short")?
        .to_bytes();
    if status.is_success() {
        return parse(&body).map(Ok);
    }
    let problem =
        serde_json::from_slice(&body).with_context(|| format!("the server answered {status}"))?;
    Ok(Err(problem))
}

pub(crate) fn connector(
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

/// Returns the query of the next page of a list, which a `Link` names (RFC 8288).
fn next_page(headers: &HeaderMap) -> Option<String> {
    let link = headers.get(header::LINK)?.to_str().ok()?;
    let (query, rest) = link.strip_prefix('<')?.split_once('>')?;
    rest.contains("rel=\"next\"").then(|| query.to_owned())
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).context("the server's answer is not what this version understands")
}

fn told(status: StatusCode, body: &[u8]) -> String {
    match serde_json::from_slice::<Problem>(body) {
        Ok(Problem {
            detail,
            leaf: Some(leaf),
            ..
        }) => format!("{detail} (leaf {leaf})"),
        Ok(Problem {
            detail, leaf: None, ..
        }) => detail,
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
