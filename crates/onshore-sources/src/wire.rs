//! Requests of our own to a cloud, over the connector that the S3 sources use: asked for leave each time, to addresses that the
//! network allows, and following no redirection.

pub(crate) mod clock;
pub(crate) mod names;
pub(crate) mod xml;

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use aws_sdk_s3::primitives::{ByteStream as SdkStream, SdkBody};
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::http::Headers;
use futures_util::TryStreamExt;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::timeout;

use crate::reach::Span;
use crate::s3::{Network, connector, stream_of};
use crate::source::ByteStream;
use crate::spec::host_of_url;
use crate::{Error, Purpose, outward};

/// How long a cloud may take until it answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long an answer that is read whole may be.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// What of a path's segments goes as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// What of a path goes as it is.
const PATH: &AsciiSet = &SEGMENT.remove(b'/');

/// A request: its path is encoded already, its query is not.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) query: Vec<(Cow<'static, str>, String)>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Headers,
    body: ByteStream,
}

/// A cloud's endpoint.
#[derive(Debug)]
pub(crate) struct Wire {
    connector: SharedHttpConnector,
    endpoint: String,
    network: Network,
}

impl Request {
    pub(crate) fn get(path: String) -> Self {
        Self {
            method: "GET",
            path,
            query: Vec::new(),
            headers: Vec::new(),
            body: String::new(),
        }
    }

    pub(crate) fn head(path: String) -> Self {
        Self {
            method: "HEAD",
            ..Self::get(path)
        }
    }

    pub(crate) fn query(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Asks for a run of bytes.
    pub(crate) fn range(self, range: onshore_types::ByteRange) -> Self {
        let last = range.end().saturating_sub(1);
        self.header("range", format!("bytes={}-{last}", range.start))
    }
}

impl Wire {
    /// An endpoint is a URL without a slash at its end.
    pub(crate) fn new(endpoint: &str, network: Network) -> Self {
        Self {
            connector: connector(network.into()),
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            network,
        }
    }

    /// Returns the endpoint that this one leads to. What it leads to lies no further inside than it does itself, and is not without
    /// TLS if it has some.
    ///
    /// # Errors
    /// [`Error::LedInside`], [`Error::Protocol`] for what is no endpoint, [`Error::Unavailable`] for a name without addresses.
    pub(crate) async fn onward(&self, endpoint: &str) -> Result<Self, Error> {
        if self.endpoint.starts_with("https://") && !endpoint.starts_with("https://") {
            return Err(lie("it leads on to where there is no TLS"));
        }
        let (host, port) =
            host_of_url(endpoint).map_err(|_| lie("it leads on to what is no address"))?;
        let own = host_of_url(&self.endpoint)?;
        let span = Span::onward(self.network, &addresses(&own.0, own.1).await?);
        let mut led_to = addresses(&host, port).await?.into_iter();
        if let Some(address) = led_to.find(|address| !span.admits(*address)) {
            return Err(Error::LedInside { address });
        }
        Ok(Self {
            connector: connector(span),
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            network: self.network,
        })
    }

    /// Returns the path of the endpoint itself, which every path begins with.
    pub(crate) fn base_path(&self) -> &str {
        let behind_scheme = self.endpoint.split_once("://").map_or("", |(_, rest)| rest);
        behind_scheme
            .find('/')
            .and_then(|at| behind_scheme.get(at..))
            .unwrap_or_default()
    }

    /// Sends a request and returns the answer, whatever its status.
    pub(crate) async fn send(&self, request: &Request) -> Result<Answer, Error> {
        let mut url = format!("{}{}", self.endpoint, request.path);
        for (index, (name, value)) in request.query.iter().enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            url.push_str(&segment(value));
        }
        let mut sent = http::Request::builder().method(request.method).uri(url);
        for (name, value) in &request.headers {
            sent = sent.header(*name, value);
        }
        let body = SdkBody::from(request.body.clone());
        let unbuildable = || Error::Unsupported {
            what: "a name that no request can carry".to_owned(),
        };
        let sent = sent.body(body).map_err(|_| unbuildable())?;
        let sent = HttpRequest::try_from(sent).map_err(|_| unbuildable())?;
        let answered = timeout(PATIENCE, self.connector.call(sent)).await;
        let mut answer = answered
            .map_err(|_| unavailable("timeout"))?
            .map_err(|_| unavailable("no connection"))?;
        Ok(Answer {
            status: answer.status().as_u16(),
            headers: std::mem::take(answer.headers_mut()),
            body: stream_of(SdkStream::new(answer.into_body())),
        })
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    pub(crate) fn owned(&self, name: &str) -> Option<String> {
        self.header(name).map(str::to_owned)
    }

    /// Returns every header that begins so, without what it begins with.
    pub(crate) fn headers_below(&self, prefix: &str) -> Vec<(String, String)> {
        self.headers
            .iter()
            .filter_map(|(name, value)| {
                let rest = name.strip_prefix(prefix)?;
                Some((rest.to_owned(), value.to_owned()))
            })
            .collect()
    }

    /// Whether it says nothing, or the right thing, of the run of bytes that it brings.
    pub(crate) fn is_of(&self, range: onshore_types::ByteRange) -> bool {
        let length = self.header("content-length");
        let length = length.and_then(|len| len.parse::<u64>().ok());
        let start = self
            .header("content-range")
            .and_then(|said| said.strip_prefix("bytes "))
            .and_then(|said| said.split('-').next())
            .and_then(|start| start.trim().parse::<u64>().ok());
        length.is_none_or(|length| length == range.len_bytes)
            && (self.status != 206 || start.is_none_or(|start| start == range.start))
    }

    /// Returns the bytes as they come, none of which may stay away for long.
    pub(crate) fn stream(self) -> ByteStream {
        Box::pin(futures_util::stream::try_unfold(
            self.body,
            |mut body| async move {
                match timeout(PATIENCE, body.try_next()).await {
                    Ok(next) => Ok(next?.map(|chunk| (chunk, body))),
                    Err(_) => Err(unavailable("the body stands still")),
                }
            },
        ))
    }

    /// Reads the whole answer.
    pub(crate) async fn read(self) -> Result<Vec<u8>, Error> {
        let mut body = self.stream();
        let mut read = Vec::new();
        while let Some(chunk) = body.try_next().await? {
            if read.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(lie("an answer without an end"));
            }
            read.extend_from_slice(&chunk);
        }
        Ok(read)
    }
}

/// Returns the addresses of a host.
async fn addresses(host: &str, port: u16) -> Result<Vec<IpAddr>, Error> {
    let found = outward().addresses(Purpose::Migration, host, port).await;
    let found = found.map_err(|_| unavailable("a name without an address"))?;
    Ok(found.into_iter().map(|socket| socket.ip()).collect())
}

/// Encodes a name as one segment of a path, or a value of a query.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// Encodes a name as a path, with its slashes.
pub(crate) fn path(text: &str) -> String {
    utf8_percent_encode(text, PATH).to_string()
}

pub(crate) fn unavailable(what: &str) -> Error {
    Error::Unavailable {
        what: what.to_owned(),
    }
}

pub(crate) fn lie(what: &str) -> Error {
    Error::Protocol {
        what: what.to_owned(),
    }
}

/// Says what a status means where no code of the cloud's own says more.
pub(crate) fn of_status(status: u16, code: Option<&str>) -> Error {
    let clean = |code: &&str| code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric());
    let what = match code.filter(clean) {
        Some(code) => format!("{status} {code}"),
        None => status.to_string(),
    };
    match status {
        300..=399 => Error::Elsewhere { what },
        401 => Error::Credentials { what },
        403 => Error::Forbidden { what },
        404 | 410 => Error::Gone { what },
        409 | 412 | 416 => Error::Changed,
        405 | 501 => Error::Unsupported { what },
        408 | 423 | 425 | 429 | 500 | 502..=599 => Error::Unavailable { what },
        _ => Error::Protocol { what },
    }
}
