//! A client of our own: it signs what it is told to, rightly or wrongly, and sends bytes as they are.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use onshore_gate::Clock as _;
use onshore_types::TenantId;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use ring::{digest, hmac};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::world::Hand;

const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
const PATH: &AsciiSet = &QUERY.remove(b'/');
pub(crate) const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) clock: Arc<Hand>,
    pub(crate) access_key: String,
    pub(crate) secret: String,
    pub(crate) region: String,
    pub(crate) tenant: TenantId,
    pub(crate) from: IpAddr,
}

/// How a body is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Plain,
    Unsigned,
    SignedChunks,
    SignedChunksWithTrailer,
    UnsignedChunksWithTrailer,
}

pub(crate) struct Request {
    client: Client,
    pub(crate) method: String,
    /// As it is sent.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) unsigned: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    framing: Framing,
    trailer: Option<(String, String)>,
    scope: Option<String>,
    also_signed: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    /// Whether the connection ended before the announced length.
    pub(crate) is_cut: bool,
}

impl Client {
    pub(crate) fn new(
        address: SocketAddr,
        clock: Arc<Hand>,
        access_key: &str,
        secret: &str,
        tenant: TenantId,
    ) -> Self {
        Self {
            address,
            clock,
            access_key: access_key.to_owned(),
            secret: secret.to_owned(),
            region: "cn-north-1".to_owned(),
            tenant,
            from: IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }

    /// Returns the same client as seen from abroad.
    pub(crate) fn abroad(&self) -> Self {
        Self {
            from: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 66)),
            ..self.clone()
        }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let query = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
                (decode(name), decode(value))
            });
        Request {
            client: self.clone(),
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.collect(),
            headers: Vec::new(),
            unsigned: Vec::new(),
            body: Vec::new(),
            framing: Framing::Plain,
            trailer: None,
            scope: None,
            also_signed: Vec::new(),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Request {
        self.request("GET", path)
    }

    pub(crate) fn head(&self, path: &str) -> Request {
        self.request("HEAD", path)
    }

    pub(crate) fn put(&self, path: &str) -> Request {
        self.request("PUT", path)
    }

    pub(crate) fn post(&self, path: &str) -> Request {
        self.request("POST", path)
    }

    pub(crate) fn delete(&self, path: &str) -> Request {
        self.request("DELETE", path)
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::new(self.from, 0)).expect("bound");
        socket.connect(self.address).await.expect("connected")
    }

    /// Sends bytes as they are and reads what comes back until the connection ends.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect().await;
        // The server may answer and close before everything was sent.
        let _ = stream.write_all(bytes).await;
        let mut text = Vec::new();
        let _ = stream.read_to_end(&mut text).await;
        Answer::parse(&text)
    }

    fn date(&self) -> String {
        // 2026-05-05T12:00:00.000Z
        let text = self.clock.now().to_string();
        format!(
            "{}Z",
            text.split('.')
                .next()
                .unwrap_or_default()
                .replace(['-', ':'], "")
        )
    }

    fn sign(&self, scope: &str, text: &str) -> String {
        let mac = |key: &[u8], text: &str| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
        };
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for piece in scope.split('/') {
            key = mac(&key, piece).as_ref().to_vec();
        }
        hex::encode(mac(&key, text))
    }
}

impl Request {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a header that is not signed.
    pub(crate) fn unsigned_header(mut self, name: &str, value: &str) -> Self {
        self.unsigned.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Names a header as signed that is not there.
    pub(crate) fn claim_signed(mut self, name: &str) -> Self {
        self.also_signed.push(name.to_owned());
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn framing(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    pub(crate) fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailer = Some((name.to_owned(), value.to_owned()));
        self
    }

    /// Signs for another scope than the right one: `DATE/REGION/SERVICE/aws4_request`.
    pub(crate) fn scope(mut self, scope: &str) -> Self {
        self.scope = Some(scope.to_owned());
        self
    }

    pub(crate) async fn send(self) -> Answer {
        let client = self.client.clone();
        let bytes = self.bytes();
        client.raw(&bytes).await
    }

    fn host(&self) -> String {
        self.headers
            .iter()
            .find(|(name, _)| name == "host")
            .map_or_else(
                || self.client.address.to_string(),
                |(_, value)| value.clone(),
            )
    }

    fn canonical_query(&self) -> String {
        let encode = |text: &str| utf8_percent_encode(text, QUERY).to_string();
        let mut pairs: Vec<(String, String)> = self
            .query
            .iter()
            .map(|(name, value)| (encode(name), encode(value)))
            .collect();
        pairs.sort();
        let pairs: Vec<String> = pairs
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("&")
    }

    fn canonical_path(&self) -> String {
        let decoded = percent_decode_str(&self.path)
            .decode_utf8_lossy()
            .into_owned();
        utf8_percent_encode(&decoded, PATH).to_string()
    }

    fn string_to_sign(
        &self,
        date: &str,
        scope: &str,
        headers: &[(String, String)],
        names: &str,
        hash: &str,
    ) -> String {
        let mut lines = String::new();
        for (name, value) in headers {
            let value: Vec<&str> = value.split_whitespace().collect();
            lines.push_str(&format!("{name}:{}\n", value.join(" ")));
        }
        let canonical = format!(
            "{}\n{}\n{}\n{lines}\n{names}\n{hash}",
            self.method,
            self.canonical_path(),
            self.canonical_query()
        );
        format!(
            "AWS4-HMAC-SHA256\n{date}\n{scope}\n{}",
            sha256(canonical.as_bytes())
        )
    }

    /// Writes the request down, signed in a header.
    pub(crate) fn bytes(mut self) -> Vec<u8> {
        let date = self.client.date();
        let scope = self
            .scope
            .clone()
            .unwrap_or_else(|| format!("{}/{}/s3/aws4_request", &date[..8], self.client.region));
        let hash = match self.framing {
            Framing::Plain => sha256(&self.body),
            Framing::Unsigned => "UNSIGNED-PAYLOAD".to_owned(),
            Framing::SignedChunks => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD".to_owned(),
            Framing::SignedChunksWithTrailer => {
                "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER".to_owned()
            }
            Framing::UnsignedChunksWithTrailer => "STREAMING-UNSIGNED-PAYLOAD-TRAILER".to_owned(),
        };
        let mut signed: Vec<(String, String)> = self
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
            .filter(|(name, _)| name != "content-length")
            .collect();
        let mut add = |name: &str, value: String| {
            if !signed.iter().any(|(known, _)| known == name) {
                signed.push((name.to_owned(), value));
            }
        };
        add("host", self.host());
        add("x-amz-date", date.clone());
        add("x-amz-content-sha256", hash.clone());
        if !matches!(self.framing, Framing::Plain | Framing::Unsigned) {
            add("x-amz-decoded-content-length", self.body.len().to_string());
            add("content-encoding", "aws-chunked".to_owned());
        }
        if let Some((name, _)) = &self.trailer {
            add("x-amz-trailer", name.clone());
        }
        signed.sort();
        let mut names: Vec<String> = signed.iter().map(|(name, _)| name.clone()).collect();
        names.extend(self.also_signed.clone());
        names.sort();
        let names = names.join(";");
        let hash = signed
            .iter()
            .find(|(name, _)| name == "x-amz-content-sha256")
            .map_or(hash, |(_, value)| value.clone());
        let text = self.string_to_sign(&date, &scope, &signed, &names, &hash);
        let signature = self.client.sign(&scope, &text);
        let body = self.framed_body(&date, &scope, &signature);
        signed.push((
            "authorization".to_owned(),
            format!(
                "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
                self.client.access_key
            ),
        ));
        self.headers.retain(|(name, _)| name == "content-length");
        if self.headers.is_empty()
            && !self
                .unsigned
                .iter()
                .any(|(name, _)| name == "transfer-encoding")
        {
            self.headers
                .push(("content-length".to_owned(), body.len().to_string()));
        }
        let headers = signed
            .into_iter()
            .chain(self.headers.clone())
            .chain(self.unsigned.clone());
        written(&self.method, &self.target(), headers, &body)
    }

    /// Writes the request down as a presigned link.
    pub(crate) fn presigned(mut self, expires: &str) -> Vec<u8> {
        let date = self.client.date();
        let scope = self
            .scope
            .clone()
            .unwrap_or_else(|| format!("{}/{}/s3/aws4_request", &date[..8], self.client.region));
        let mut signed: Vec<(String, String)> = self.headers.clone();
        if !signed.iter().any(|(name, _)| name == "host") {
            signed.push(("host".to_owned(), self.host()));
        }
        signed.sort();
        let names: Vec<String> = signed.iter().map(|(name, _)| name.clone()).collect();
        let names = names.join(";");
        let credential = format!("{}/{scope}", self.client.access_key);
        for (name, value) in [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", &credential),
            ("X-Amz-Date", &date),
            ("X-Amz-Expires", expires),
            ("X-Amz-SignedHeaders", &names),
        ] {
            self.query.push((name.to_owned(), value.to_owned()));
        }
        let text = self.string_to_sign(&date, &scope, &signed, &names, "UNSIGNED-PAYLOAD");
        let signature = self.client.sign(&scope, &text);
        self.query.push(("X-Amz-Signature".to_owned(), signature));
        let length = ("content-length".to_owned(), self.body.len().to_string());
        let headers = signed
            .into_iter()
            .chain([length])
            .chain(self.unsigned.clone());
        written(&self.method, &self.target(), headers, &self.body)
    }

    fn target(&self) -> String {
        let query = self.canonical_query();
        if query.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{query}", self.path)
        }
    }

    fn framed_body(&self, date: &str, scope: &str, seed: &str) -> Vec<u8> {
        let is_signed = match self.framing {
            Framing::Plain | Framing::Unsigned => return self.body.clone(),
            Framing::SignedChunks | Framing::SignedChunksWithTrailer => true,
            Framing::UnsignedChunksWithTrailer => false,
        };
        let mut previous = seed.to_owned();
        let mut framed = Vec::new();
        for chunk in self.body.chunks(64 * 1024).chain([&[][..]]) {
            framed.extend_from_slice(format!("{:x}", chunk.len()).as_bytes());
            if is_signed {
                let text = format!(
                    "AWS4-HMAC-SHA256-PAYLOAD\n{date}\n{scope}\n{previous}\n{EMPTY}\n{}",
                    sha256(chunk)
                );
                previous = self.client.sign(scope, &text);
                framed.extend_from_slice(format!(";chunk-signature={previous}").as_bytes());
            }
            framed.extend_from_slice(b"\r\n");
            framed.extend_from_slice(chunk);
            if !chunk.is_empty() {
                framed.extend_from_slice(b"\r\n");
            }
        }
        if let Some((name, value)) = &self.trailer {
            framed.extend_from_slice(format!("{name}:{value}\r\n").as_bytes());
            if is_signed {
                let text = format!(
                    "AWS4-HMAC-SHA256-TRAILER\n{date}\n{scope}\n{previous}\n{}",
                    sha256(format!("{name}:{value}\n").as_bytes())
                );
                let signature = self.client.sign(scope, &text);
                framed.extend_from_slice(
                    format!("x-amz-trailer-signature:{signature}\r\n").as_bytes(),
                );
            }
        }
        framed.extend_from_slice(b"\r\n");
        framed
    }
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status: u16 = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .and_then(|code| code.parse().ok())
            .expect("a status");
        if status == 100 {
            return Self::parse(&bytes[end + 4..]);
        }
        let headers: BTreeMap<String, String> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let body = bytes[end + 4..].to_vec();
        let announced = headers
            .get("content-length")
            .and_then(|len| len.parse::<usize>().ok());
        Self {
            status,
            is_cut: announced.is_some_and(|announced| body.len() < announced),
            headers,
            body,
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns what stands in the first element of this name.
    pub(crate) fn element(&self, name: &str) -> Option<String> {
        let text = self.text();
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        let (inner, _) = rest.split_once(&format!("</{name}>"))?;
        Some(inner.to_owned())
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    #[track_caller]
    pub(crate) fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:?}\n{}", self.headers, self.text());
        assert!(
            !self.header("x-amz-request-id").is_empty(),
            "every answer names its request"
        );
        self
    }

    #[track_caller]
    pub(crate) fn expect_code(self, status: u16, code: &str) -> Self {
        let this = self.expect_status(status);
        assert_eq!(
            this.element("Code").as_deref(),
            Some(code),
            "{}",
            this.text()
        );
        assert_eq!(
            this.element("RequestId").as_deref(),
            Some(this.header("x-amz-request-id"))
        );
        this
    }
}

/// Writes a request down.
pub(crate) fn written(
    method: &str,
    target: &str,
    headers: impl IntoIterator<Item = (String, String)>,
    body: &[u8],
) -> Vec<u8> {
    let mut text = format!("{method} {target} HTTP/1.1\r\n").into_bytes();
    for (name, value) in headers {
        text.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    text.extend_from_slice(b"connection: close\r\n\r\n");
    text.extend_from_slice(body);
    text
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

pub(crate) fn encoded(key: &str) -> String {
    utf8_percent_encode(key, PATH).to_string()
}
