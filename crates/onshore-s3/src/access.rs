//! Access lines: what was asked of a bucket and how it was answered, for owners that want it kept, in the
//! [format of server access logs](https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html). Where no bucket
//! has its lines kept nothing of this is done.

use std::sync::Arc;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, HOST, REFERER, USER_AGENT};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use onshore_gate::Gate;
use onshore_store::{AccessLine, Logging, Store};
use onshore_tls::Secured;
use onshore_types::{BucketId, BucketName, Label, ObjectKey, Peer, TenantId, Timestamp};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::call::Call;
use crate::fault::Code;
use crate::guard::Guard;
use crate::guard::address::Address;
use crate::guard::query::ENCODED_IN_PATH;

/// The longest piece of a line that a client writes, as it is written: the rest is cut.
const SAID_MAX: usize = 1024;
/// The same for what was asked for: a key has up to 1,024 bytes, each of which may take three.
const TARGET_MAX: usize = 4096;
/// Parameters of a link that let whoever knows them use it.
const SECRET_IN_LINKS: [&str; 2] = ["X-Amz-Signature", "X-Amz-Security-Token"];
/// What must not stand in a quoted piece of a line as it came.
const QUOTED: &AsciiSet = &CONTROLS.add(b'"').add(b'\\');
/// The same for a piece that ends at a blank.
const BARE: &AsciiSet = &QUOTED.add(b' ');

/// A request to a bucket whose lines are kept, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    at: Timestamp,
    /// The bucket it is for, if that has its lines kept.
    bucket: Option<Logged>,
    key: Option<ObjectKey>,
    /// What is copied, if the bucket it is copied out of has its lines kept.
    copied: Option<(Logged, ObjectKey)>,
    client: String,
    method: Method,
    operation: String,
    target: String,
    referer: String,
    agent: String,
    host: String,
    signed_by: &'static str,
    tls: Option<Arc<Secured>>,
}

/// A bucket whose lines are kept.
#[derive(Debug, Clone)]
struct Logged {
    id: BucketId,
    name: BucketName,
    tenant: TenantId,
    class: Option<Label>,
    logging: Logging,
}

/// One of many keys that one request removed.
#[derive(Debug, Clone)]
pub(crate) struct RemovedOne {
    pub(crate) key: ObjectKey,
    pub(crate) version: Option<String>,
    /// Why it was not removed.
    pub(crate) code: Option<Code>,
}

/// Lines that wait for the last byte of their answer.
pub(crate) struct Pending {
    store: Store,
    gate: Gate,
    answered: Timestamp,
    heard: Heard,
    call: Option<Call>,
    request_id: String,
    status: StatusCode,
    code: Option<Code>,
    size_bytes: Option<u64>,
    version: Option<String>,
}

/// What differs between the lines of one request.
struct Told<'a> {
    logged: &'a Logged,
    operation: &'a str,
    key: Option<&'a ObjectKey>,
    status: StatusCode,
    code: Option<Code>,
    sent_bytes: u64,
    size_bytes: Option<u64>,
    version: Option<&'a str>,
}

/// How a request came.
pub(crate) struct Came<'a> {
    pub(crate) peer: Peer,
    pub(crate) tls: Option<&'a Arc<Secured>>,
    pub(crate) at: Timestamp,
}

impl Heard {
    /// Notes a request, if the bucket it is for has its lines kept.
    pub(crate) async fn of(
        guard: &Guard,
        store: &Store,
        request: &Request<Incoming>,
        came: &Came<'_>,
    ) -> Option<Box<Self>> {
        if !store.keeps_access_lines() {
            return None;
        }
        let headers = request.headers();
        let (bucket, key) = match guard.address_of(headers, request.uri().path())? {
            Address::Service => return None,
            Address::Bucket(bucket) => (bucket, None),
            Address::Object(bucket, key) => (bucket, Some(key)),
        };
        let copied = match source_of(headers) {
            Some((name, key)) => Logged::of(store, &name).await.map(|logged| (logged, key)),
            None => None,
        };
        let bucket = Logged::of(store, &bucket).await;
        if bucket.is_none() && copied.is_none() {
            return None;
        }
        let text = |name| {
            let value = headers.get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let query = request.uri().query().unwrap_or_default();
        let authorization = text(AUTHORIZATION).unwrap_or_default();
        Some(Box::new(Self {
            at: came.at,
            client: guard
                .client_of(headers, came.peer)
                .map_or("-".to_owned(), |address| address.to_string()),
            method: request.method().clone(),
            operation: operation(
                request.method(),
                key.is_some(),
                query,
                request.method() == Method::PUT && headers.contains_key("x-amz-copy-source"),
            ),
            target: request_line(request),
            // A page that was opened by a link is named with the link's signature.
            referer: text(REFERER).map_or("-".to_owned(), |said| quoted(&masked(&said), SAID_MAX)),
            agent: text(USER_AGENT).map_or("-".to_owned(), |said| quoted(&said, SAID_MAX)),
            host: text(HOST).map_or("-".to_owned(), |said| bare(&said)),
            signed_by: if authorization.starts_with("AWS4-HMAC-SHA256") {
                "AuthHeader"
            } else if query.contains("X-Amz-Algorithm=") {
                "QueryString"
            } else {
                "-"
            },
            tls: came.tls.cloned(),
            bucket,
            key,
            copied,
        }))
    }

    /// Notes how it was answered.
    pub(crate) fn answered<B>(
        self: Box<Self>,
        store: &Store,
        gate: &Gate,
        call: Option<Call>,
        request_id: &str,
        response: &Response<B>,
    ) -> Pending {
        let headers = response.headers();
        let written = call.as_ref().and_then(|call| call.announced().len_bytes);
        let size_bytes = match self.method {
            Method::GET | Method::HEAD if self.operation.ends_with(".OBJECT") => size_of(headers),
            Method::PUT if self.operation.ends_with(".OBJECT") => written,
            Method::PUT if self.operation.ends_with(".PART") => written,
            _ => None,
        };
        Pending {
            store: store.clone(),
            gate: gate.clone(),
            answered: gate.wall(),
            request_id: request_id.to_owned(),
            status: response.status(),
            code: response.extensions().get::<Code>().copied(),
            size_bytes: size_bytes.filter(|_| response.status().is_success()),
            version: headers
                .get("x-amz-version-id")
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned),
            heard: *self,
            call,
        }
    }
}

impl Logged {
    async fn of(store: &Store, name: &BucketName) -> Option<Self> {
        let found = async {
            let Some(bucket) = store.bucket(name).await? else {
                return Ok(None);
            };
            let logging = store.logging(bucket.id).await?;
            Ok::<_, onshore_store::Error>(logging.map(|logging| (bucket, logging)))
        };
        let (bucket, logging) = found
            .await
            .inspect_err(
                |error| tracing::error!(%error, "where the lines of a bucket go cannot be read"),
            )
            .ok()??;
        Some(Self {
            id: bucket.id,
            name: bucket.name,
            tenant: bucket.tenant,
            class: bucket.class,
            logging,
        })
    }
}

impl Pending {
    /// Writes the lines: the last byte of the answer is gone, or nobody takes it any more.
    pub(crate) fn end(self, sent_bytes: u64) {
        let heard = &self.heard;
        if let Some(logged) = &heard.bucket {
            self.note(&Told {
                logged,
                operation: &heard.operation,
                key: heard.key.as_ref(),
                status: self.status,
                code: self.code,
                sent_bytes,
                size_bytes: self.size_bytes,
                version: self.version.as_deref(),
            });
            self.note_removed(logged);
        }
        if let Some((source, key)) = heard
            .copied
            .as_ref()
            .filter(|(source, _)| self.read(source))
        {
            let operation = if heard.operation.ends_with("PART") {
                "REST.COPY.PART_GET"
            } else {
                "REST.COPY.OBJECT_GET"
            };
            self.note(&Told {
                logged: source,
                operation,
                key: Some(key),
                status: self.status,
                code: self.code,
                sent_bytes: 0,
                size_bytes: None,
                version: None,
            });
        }
    }

    /// Whether the source of a copy was asked for, by the tenant whose it is. What others tried is in the ledger: their
    /// names are nothing for this log.
    fn read(&self, source: &Logged) -> bool {
        self.call.as_ref().is_some_and(|call| {
            matches!(call.operation(), Some("CopyObject" | "UploadPartCopy"))
                && call.tenant() == source.tenant
                && call.label_of(source.id).is_some()
        })
    }

    /// Writes a line for each key that a request for many removed.
    fn note_removed(&self, logged: &Logged) {
        for removed in self.call.iter().flat_map(Call::removed) {
            self.note(&Told {
                logged,
                operation: "BATCH.DELETE.OBJECT",
                key: Some(&removed.key),
                status: removed.code.map_or(StatusCode::NO_CONTENT, Code::status),
                code: removed.code,
                sent_bytes: 0,
                size_bytes: None,
                version: removed.version.as_deref(),
            });
        }
    }

    fn note(&self, told: &Told<'_>) {
        let heard = &self.heard;
        // The address of a client is personal data, and a line tells of the object besides.
        let judged = self
            .call
            .as_ref()
            .and_then(|call| call.label_of(told.logged.id));
        let label = Label::of_declarations([told.logged.class, judged]);
        self.store.note_access(AccessLine {
            source: told.logged.name.clone(),
            tenant: told.logged.tenant,
            logging: told.logged.logging.clone(),
            label: label.join(Label::PERSONAL),
            at: heard.at,
            text: self.line(told),
        });
    }

    /// Writes one line, field by field as the format has them.
    fn line(&self, told: &Told<'_>) -> String {
        let heard = &self.heard;
        let ended = self.gate.wall();
        let millis = |from: Timestamp, to: Timestamp| (to.as_millis() - from.as_millis()).max(0);
        let or_none = |count: u64| match count {
            0 => "-".to_owned(),
            count => count.to_string(),
        };
        let key = told.key.map_or("-".to_owned(), |key| encoded(key.as_str()));
        let requester = self
            .call
            .as_ref()
            .map_or("-".to_owned(), |call| call.tenant().to_string());
        let (signature, signed_by) = match heard.signed_by {
            "-" => ("-", "-"),
            by => ("SigV4", by),
        };
        let (cipher, tls) = match &heard.tls {
            Some(tls) => (tls.cipher.as_str(), tls.version),
            None => ("-", "-"),
        };
        [
            told.logged.tenant.to_string(),
            told.logged.name.to_string(),
            format!("[{}]", heard.at.written_as("%d/%b/%Y:%H:%M:%S +0000")),
            heard.client.clone(),
            requester,
            self.request_id.clone(),
            told.operation.to_owned(),
            key,
            heard.target.clone(),
            told.status.as_str().to_owned(),
            told.code.map_or("-", Code::name).to_owned(),
            or_none(told.sent_bytes),
            told.size_bytes
                .map_or("-".to_owned(), |size_bytes| size_bytes.to_string()),
            millis(heard.at, ended).to_string(),
            millis(heard.at, self.answered).to_string(),
            heard.referer.clone(),
            heard.agent.clone(),
            told.version.unwrap_or("-").to_owned(),
            // No host id, no access point, no ACL that anything depended on.
            "-".to_owned(),
            signature.to_owned(),
            cipher.to_owned(),
            signed_by.to_owned(),
            heard.host.clone(),
            tls.to_owned(),
            "-".to_owned(),
            "-".to_owned(),
        ]
        .join(" ")
            + "\n"
    }
}

/// Reads what is copied, as far as a line tells it.
fn source_of(headers: &HeaderMap) -> Option<(BucketName, ObjectKey)> {
    let text = headers.get("x-amz-copy-source")?.to_str().ok()?;
    let path = text.split_once('?').map_or(text, |(path, _)| path);
    let path = percent_encoding::percent_decode_str(path)
        .decode_utf8()
        .ok()?;
    let (bucket, key) = path.trim_start_matches('/').split_once('/')?;
    Some((BucketName::parse(bucket).ok()?, ObjectKey::parse(key).ok()?))
}

/// Returns the name of an operation as these lines have it: `REST`, the method, what it is done to.
fn operation(method: &Method, on_object: bool, query: &str, copies: bool) -> String {
    let names: Vec<&str> = query
        .split('&')
        .map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name))
        .collect();
    let has = |name: &str| names.contains(&name);
    let verb = if copies { "COPY" } else { method.as_str() };
    let noun = if *method == Method::OPTIONS {
        "PREFLIGHT"
    } else if has("partNumber") && has("uploadId") {
        "PART"
    } else if has("uploadId") {
        "UPLOAD"
    } else if on_object && has("tagging") {
        "OBJECT_TAGGING"
    } else {
        NOUNS
            .iter()
            .find(|(name, _)| has(name))
            .map_or(if on_object { "OBJECT" } else { "BUCKET" }, |(_, noun)| {
                noun
            })
    };
    format!("REST.{verb}.{noun}")
}

/// What the parameters that choose an operation are called in lines.
const NOUNS: [(&str, &str); 23] = [
    ("acl", "ACL"),
    ("accelerate", "ACCELERATE"),
    ("attributes", "OBJECT_ATTRIBUTES"),
    ("cors", "CORS"),
    ("delete", "MULTI_OBJECT_DELETE"),
    ("encryption", "ENCRYPTION"),
    ("inventory", "INVENTORY"),
    ("legal-hold", "OBJECT_LOCK_LEGALHOLD"),
    ("lifecycle", "LIFECYCLE"),
    ("location", "LOCATION"),
    ("logging", "LOGGING_STATUS"),
    ("notification", "NOTIFICATION"),
    ("object-lock", "OBJECT_LOCK_CONFIGURATION"),
    ("ownershipControls", "OWNERSHIP_CONTROLS"),
    ("policy", "BUCKETPOLICY"),
    ("policyStatus", "POLICY_STATUS"),
    ("publicAccessBlock", "PUBLIC_ACCESS_BLOCK"),
    ("retention", "OBJECT_LOCK_RETENTION"),
    ("tagging", "TAGGING"),
    ("uploads", "UPLOADS"),
    ("versioning", "VERSIONING"),
    ("versions", "BUCKETVERSIONS"),
    ("website", "WEBSITE"),
];

/// Returns the size of the whole object that an answer tells of.
fn size_of(headers: &HeaderMap) -> Option<u64> {
    let text = |name| headers.get(name)?.to_str().ok();
    match text(CONTENT_RANGE) {
        Some(range) => range.rsplit_once('/')?.1.parse().ok(),
        None => text(CONTENT_LENGTH)?.parse().ok(),
    }
}

/// Returns the first line of a request, without what would let whoever reads the log use a link.
fn request_line(request: &Request<Incoming>) -> String {
    let target = request.uri().to_string();
    let target = utf8_percent_encode(&masked(&target), QUOTED).to_string();
    format!(
        "\"{} {} {:?}\"",
        request.method(),
        cut(&target, TARGET_MAX),
        request.version()
    )
}

/// Takes the signature and the token of a link out of an address, however their names are written.
fn masked(address: &str) -> String {
    let Some((path, query)) = address.split_once('?') else {
        return address.to_owned();
    };
    let pairs: Vec<String> = query
        .split('&')
        .map(|pair| {
            let name = pair.split_once('=').map_or(pair, |(name, _)| name);
            let decoded = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
            let is_secret = SECRET_IN_LINKS
                .iter()
                .any(|secret| decoded.eq_ignore_ascii_case(secret));
            if is_secret {
                format!("{name}=-")
            } else {
                pair.to_owned()
            }
        })
        .collect();
    format!("{path}?{}", pairs.join("&"))
}

/// Writes what a client said between quotes; what would end them or the line is encoded.
fn quoted(said: &str, bytes_max: usize) -> String {
    let written = utf8_percent_encode(said, QUOTED).to_string();
    format!("\"{}\"", cut(&written, bytes_max))
}

/// Writes what a client said where a blank ends it.
fn bare(said: &str) -> String {
    let written = utf8_percent_encode(said, BARE).to_string();
    cut(&written, SAID_MAX).to_owned()
}

/// Cuts what is written, which is ASCII.
fn cut(written: &str, bytes_max: usize) -> &str {
    written.get(..bytes_max).unwrap_or(written)
}

fn encoded(key: &str) -> String {
    utf8_percent_encode(key, ENCODED_IN_PATH).to_string()
}

#[cfg(test)]
mod tests {
    use super::{SAID_MAX, bare, masked, operation, quoted};
    use http::Method;

    #[test]
    fn operations_are_named_as_logs_name_them() {
        let name = |method, on_object, query, copies| operation(&method, on_object, query, copies);
        for (told, said) in [
            (name(Method::GET, true, "", false), "REST.GET.OBJECT"),
            (
                name(Method::GET, true, "versionId=x", false),
                "REST.GET.OBJECT",
            ),
            (
                name(Method::GET, false, "list-type=2", false),
                "REST.GET.BUCKET",
            ),
            (name(Method::PUT, true, "", true), "REST.COPY.OBJECT"),
            (
                name(Method::PUT, true, "partNumber=1&uploadId=u", false),
                "REST.PUT.PART",
            ),
            (
                name(Method::PUT, true, "partNumber=1&uploadId=u", true),
                "REST.COPY.PART",
            ),
            (
                name(Method::POST, true, "uploads", false),
                "REST.POST.UPLOADS",
            ),
            (
                name(Method::POST, true, "uploadId=u", false),
                "REST.POST.UPLOAD",
            ),
            (
                name(Method::POST, false, "delete=", false),
                "REST.POST.MULTI_OBJECT_DELETE",
            ),
            (
                name(Method::PUT, true, "tagging", false),
                "REST.PUT.OBJECT_TAGGING",
            ),
            (
                name(Method::PUT, false, "tagging", false),
                "REST.PUT.TAGGING",
            ),
            (
                name(Method::GET, false, "versions", false),
                "REST.GET.BUCKETVERSIONS",
            ),
        ] {
            assert_eq!(told, said);
        }
    }

    #[test]
    fn nothing_that_is_said_ends_a_field_or_a_line() {
        assert_eq!(quoted("a\"\n[x] \\ b", 99), "\"a%22%0A[x] %5C b\"");
        assert_eq!(bare("h x\r\n"), "h%20x%0D%0A");
        assert_eq!(quoted(&"ä".repeat(5000), SAID_MAX).len(), 2 + SAID_MAX);
    }

    #[test]
    fn nobody_can_use_a_link_that_he_reads_in_a_log() {
        for (address, told) in [
            ("/b/k", "/b/k"),
            (
                "/b/k?a=1&X-Amz-Signature=ab&c",
                "/b/k?a=1&X-Amz-Signature=-&c",
            ),
            (
                "https://h/b?X-Amz-Signatur%65=ab",
                "https://h/b?X-Amz-Signatur%65=-",
            ),
            (
                "/?x-amz-security-token=t&y=2",
                "/?x-amz-security-token=-&y=2",
            ),
        ] {
            assert_eq!(masked(address), told);
        }
    }
}
