//! The layer in front of `s3s`: authenticates a request, reads it in one way only, refuses what this service does not
//! do, and hands on a plain request without a signature. It takes no byte of a body. Whatever passes it carries a
//! [`Call`]; what reaches the operations without one is refused.

pub(crate) mod address;
pub(crate) mod auth_shape;
pub(crate) mod credentials;
pub(crate) mod form;
pub(crate) mod headers;
pub(crate) mod payload;
pub(crate) mod presign;
pub(crate) mod query;
pub(crate) mod scope;
pub(crate) mod signature;
pub(crate) mod subresources;

use std::net::IpAddr;

use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use hyper::body::Incoming;
use onshore_gate::Gate;
use onshore_registry::Registry;
use onshore_types::{BucketName, Peer, Place, RegionId};

use crate::access::Came;
use crate::body::{BodyReport, RequestBody};
use crate::call::Call;
use crate::caller::{Caller, Signed, Way};
use crate::fault::{Code, Fault};
use crate::guard::address::Address;
use crate::guard::auth_shape::{Claim, Style};
use crate::guard::credentials::OpenedSessions;
use crate::guard::headers::METADATA_PREFIX;
use crate::guard::payload::{Framed, Payload};
use crate::guard::presign::SignedAt;
use crate::guard::query::Query;
use crate::guard::scope::Scope;
use crate::guard::signature::{DerivedKeys, Signed as SignedParts};

/// The longest path and query.
const TARGET_MAX_BYTES: usize = 16 * 1024;

/// Headers that the layer reads itself and `s3s` does not get to see.
const KEPT_BACK: [&str; 13] = [
    "x-amz-security-token",
    "x-amz-date",
    "x-amz-content-sha256",
    "x-amz-decoded-content-length",
    "x-amz-trailer",
    "x-amz-expected-bucket-owner",
    "x-amz-source-expected-bucket-owner",
    "x-amz-copy-source-range",
    "x-amz-copy-source-if-match",
    "x-amz-copy-source-if-none-match",
    "x-amz-copy-source-if-modified-since",
    "x-amz-copy-source-if-unmodified-since",
    "x-amz-tagging",
];

/// What the layer needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    pub(crate) gate: Gate,
    pub(crate) registry: Registry,
    pub(crate) region: RegionId,
    /// In lower case.
    pub(crate) domains: Vec<String>,
    pub(crate) derived: DerivedKeys,
    pub(crate) sessions: OpenedSessions,
}

/// Why a request was not let in, and its body, untouched.
#[derive(Debug)]
pub(crate) struct Turned {
    pub(crate) fault: Fault,
    pub(crate) rest: Incoming,
}

impl Guard {
    /// Lets a request in or turns it away.
    pub(crate) async fn admit(
        &self,
        request: Request<Incoming>,
        came: &Came<'_>,
    ) -> Result<(Call, Request<RequestBody>), Box<Turned>> {
        let (parts, incoming) = request.into_parts();
        let checked = match self.check(&parts, came).await {
            Ok(checked) => checked,
            Err(fault) => {
                return Err(Box::new(Turned {
                    fault,
                    rest: incoming,
                }));
            }
        };
        let report = checked.call.report().clone();
        let body = RequestBody::new(incoming, checked.framing, checked.len_bytes, report);
        let mut request = Request::new(body);
        *request.method_mut() = parts.method;
        *request.uri_mut() = checked.uri;
        *request.headers_mut() = checked.headers;
        request.extensions_mut().insert(checked.call.clone());
        Ok((checked.call, request))
    }

    async fn check(&self, parts: &Parts, came: &Came<'_>) -> Result<Checked, Fault> {
        headers::check_shape(&parts.headers)?;
        let target = parts
            .uri
            .path_and_query()
            .map_or(0, |target| target.as_str().len());
        if target > TARGET_MAX_BYTES {
            return Err(Fault::new(Code::InvalidURI, "The URI is too long."));
        }
        let query = Query::parse(parts.uri.query())?;
        let Some(claim) = Claim::find(&parts.headers, &query)? else {
            return self.check_anonymous(parts, query, came);
        };
        let payload = Payload::parse(claim.style, &parts.headers, &query)?;
        headers::check_signed(&claim, &parts.headers)?;
        let asked = if parts.method == Method::GET && query.has("location") {
            scope::Asked::Where
        } else {
            scope::Asked::Else
        };
        let scope = Scope::parse(&claim, &self.region, asked)?;
        let now = self.gate.wall();
        let signed_at = SignedAt::check(claim.style, &parts.headers, &query, &scope, now)?;
        let token = match parts.headers.get("x-amz-security-token") {
            Some(token) => Some(token.to_str().unwrap_or_default().to_owned()),
            None => query.get("X-Amz-Security-Token").map(str::to_owned),
        };
        let credentials = self
            .credentials(&scope.access_key, token.as_deref())
            .await?;
        let signing_key =
            self.derived
                .signing_key(credentials.secret.as_bytes(), &scope, &signed_at);
        signing_key.verify(
            &claim,
            &SignedParts {
                method: &parts.method,
                raw_path: parts.uri.path(),
                query: &query,
                headers: &parts.headers,
                payload_hash: payload.as_signed(),
            },
        )?;

        let mut headers = parts.headers.clone();
        let query = headers::hoist(&mut headers, query)?;
        headers::check_meaning(&headers)?;
        let address = Address::parse(&headers, parts.uri.path(), &self.domains)?;
        let query = subresources::check(&parts.method, &address, &headers, query)?;
        let framed = payload.frame(
            &parts.method,
            &address,
            &query,
            &headers,
            &claim,
            signing_key,
        )?;
        let signed = match claim.style {
            Style::Header => Signed::InHeader,
            Style::Presigned => Signed::InLink {
                age_ms: signed_at.age_ms(now),
            },
        };
        self.checked(
            credentials.caller(signed),
            &address,
            headers,
            query,
            framed,
            came,
        )
    }

    /// Takes a request that nobody signed: a read, which a policy may allow to everybody.
    fn check_anonymous(
        &self,
        parts: &Parts,
        query: Query,
        came: &Came<'_>,
    ) -> Result<Checked, Fault> {
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            return Err(Fault::access_denied());
        }
        let mut headers = parts.headers.clone();
        let query = headers::hoist(&mut headers, query)?;
        headers::check_meaning(&headers)?;
        let address = Address::parse(&headers, parts.uri.path(), &self.domains)?;
        let query = subresources::check(&parts.method, &address, &headers, query)?;
        let framed = Payload::Unsigned.frame_whole(&parts.method, &address, &query, &headers)?;
        self.checked(Caller::anonymous(), &address, headers, query, framed, came)
    }

    fn checked(
        &self,
        caller: Caller,
        address: &Address,
        headers: HeaderMap,
        query: Query,
        framed: Framed,
        came: &Came<'_>,
    ) -> Result<Checked, Fault> {
        let place = self.place_of_caller(&caller, &headers, came.peer);
        let uri = address.path_style(&query)?;
        let passed_on = passed_on(&headers, framed.len_bytes);
        let way = self.way(&headers, came);
        Ok(Checked {
            uri,
            headers: passed_on,
            framing: framed.framing,
            len_bytes: framed.len_bytes,
            call: Call::new(
                caller,
                way,
                place,
                query,
                headers,
                framed.announced,
                BodyReport::default(),
            ),
        })
    }

    /// Says how a request came, as policies speak of it.
    pub(crate) fn way(&self, headers: &HeaderMap, came: &Came<'_>) -> Way {
        Way {
            client: self.client_of(headers, came.peer),
            tls: came
                .tls
                .map(|tls| tls.version.strip_prefix("TLSv").unwrap_or(tls.version)),
            at: came.at,
        }
    }

    /// Says where what the caller is sent goes: the most foreign of the network that he asks from and the organisations that
    /// he acts for.
    pub(crate) fn place_of_caller(
        &self,
        caller: &Caller,
        headers: &HeaderMap,
        peer: Peer,
    ) -> Place {
        let network = self.place_of(headers, peer);
        let organisations = caller.organisations.iter();
        organisations.fold(network, |place, organisation| {
            self.gate.more_foreign(place, Place::In(*organisation))
        })
    }

    /// Says where a request comes from.
    pub(crate) fn place_of(&self, headers: &HeaderMap, peer: Peer) -> Place {
        self.gate.place_of(peer, &forwarded_for(headers))
    }

    /// Returns the address that a request comes from, where it is known.
    pub(crate) fn client_of(&self, headers: &HeaderMap, peer: Peer) -> Option<IpAddr> {
        self.gate.client_address(peer, &forwarded_for(headers))
    }

    /// Returns what a request is about, whoever sends it.
    pub(crate) fn address_of(&self, headers: &HeaderMap, path: &str) -> Option<Address> {
        Address::parse(headers, path, &self.domains).ok()
    }

    /// Returns the bucket that a request names, whoever sends it.
    pub(crate) fn bucket_of(&self, headers: &HeaderMap, path: &str) -> Option<BucketName> {
        match self.address_of(headers, path)? {
            Address::Service => None,
            Address::Bucket(bucket) | Address::Object(bucket, _) => Some(bucket),
        }
    }
}

fn forwarded_for(headers: &HeaderMap) -> Vec<&str> {
    headers
        .get_all("x-forwarded-for")
        .iter()
        .map(|value| value.to_str().unwrap_or("unreadable"))
        .collect()
}

struct Checked {
    uri: http::Uri,
    headers: HeaderMap,
    framing: crate::body::Framing,
    len_bytes: Option<u64>,
    call: Call,
}

/// Returns the headers that `s3s` reads. Conditions, ranges, metadata and what describes the body are not among them:
/// `s3s` refuses values of them that S3 takes.
fn passed_on(headers: &HeaderMap, len_bytes: Option<u64>) -> HeaderMap {
    let mut passed: HeaderMap = headers
        .iter()
        .filter(|(name, _)| {
            let name = name.as_str();
            name.starts_with("x-amz-")
                && !name.starts_with(METADATA_PREFIX)
                && !KEPT_BACK.contains(&name)
        })
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if let Some(len_bytes) = len_bytes {
        passed.insert(CONTENT_LENGTH, HeaderValue::from(len_bytes));
    }
    // It routes by this header; its value is parsed by the operation, from the call.
    let copy_source = HeaderName::from_static("x-amz-copy-source");
    if passed.contains_key(&copy_source) {
        passed.insert(copy_source, HeaderValue::from_static("bucket/key"));
    }
    // It wants one of them; which are meant is read from the call.
    let attributes = HeaderName::from_static("x-amz-object-attributes");
    if passed.contains_key(&attributes) {
        passed.insert(attributes, HeaderValue::from_static("ETag"));
    }
    passed
}
