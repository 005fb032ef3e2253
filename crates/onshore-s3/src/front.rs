//! One request from end to end: let in or turned away, answered, its body cleared up, counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::header::{CONTENT_LENGTH, EXPECT, HOST, ORIGIN};
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use onshore_db::{CrashPoints, Database};
use onshore_gate::Gate;
use onshore_registry::Registry;
use onshore_store::Store;
use onshore_tls::{Introduction, Secured, Transport};
use onshore_types::{BucketName, Peer, TenantName, Timestamp};
use s3s::dto::CORSConfiguration;
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use crate::access::{Came, Heard};
use crate::answer::{self, AnswerBody, Place};
use crate::body::BodyReport;
use crate::body::drain::{Afterwards, Waiting, drain};
use crate::call::Call;
use crate::cors;
use crate::error::Error;
use crate::fault::Fault;
use crate::guard::credentials::OpenedSessions;
use crate::guard::signature::DerivedKeys;
use crate::guard::{Guard, form};
use crate::ops::{Asked, Operations};
use crate::origin::Origin;
use crate::sts;
use crate::wire::{S3sWire, Wire};

/// What the front is made of.
#[derive(Debug, Clone)]
pub struct FrontParts {
    /// Buckets and objects.
    pub store: Store,
    /// Who permits and records.
    pub gate: Gate,
    /// Where units of work are done.
    pub db: Database,
    /// Whose access keys are known.
    pub registry: Registry,
    /// The domains below which a host names a bucket.
    pub domains: Vec<String>,
    /// Those whom events of buckets may be told, by name, and who may name them.
    pub event_targets: BTreeMap<String, Audience>,
    /// The other regions to which objects may be brought, by the names that the configuration has for them.
    pub other_regions: BTreeMap<String, OtherRegion>,
    /// How it is learnt whom connections are from.
    pub introduction: Introduction,
    /// How connections cross the network.
    pub transport: Transport,
    /// How many connections are held at once; others wait to be accepted.
    pub connections_max: usize,
    /// Where what is not here yet of a bucket comes from.
    pub origin: Arc<dyn Origin>,
    /// Where tests let the process die.
    pub crash: CrashPoints,
}

/// Whose buckets may tell a target of their events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// Everybody's.
    Everybody,
    /// Those of these tenants.
    Tenants(BTreeSet<TenantName>),
}

impl Audience {
    /// Whether it has this tenant.
    pub(crate) fn has(&self, tenant: &TenantName) -> bool {
        match self {
            Self::Everybody => true,
            Self::Tenants(tenants) => tenants.contains(tenant),
        }
    }
}

/// Another region, as far as the owner of a bucket names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherRegion {
    /// What it is called.
    pub region: String,
    /// Whose buckets may name it: what opens it belongs to this tenant there too.
    pub tenant: TenantName,
}

/// S3 over HTTP. Clones share it.
#[derive(Clone)]
pub struct Front {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) gate: Gate,
    pub(crate) introduction: Introduction,
    pub(crate) transport: Transport,
    guard: Guard,
    operations: Operations,
    wire: Box<dyn Wire>,
    /// A place for each connection that may be held.
    pub(crate) room: Arc<Semaphore>,
    started: Timestamp,
    served: AtomicU64,
}

impl Inner {
    /// Returns the database that all keepers share.
    pub(crate) fn db(&self) -> &Database {
        &self.operations.db
    }
}

impl std::fmt::Debug for Front {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Front").finish_non_exhaustive()
    }
}

impl Front {
    /// Puts the front together.
    ///
    /// # Errors
    /// [`Error::Domain`] for a domain that cannot be one.
    pub fn new(parts: FrontParts) -> Result<Self, Error> {
        let domains = parts
            .domains
            .iter()
            .map(|domain| parse_domain(domain))
            .collect::<Result<Vec<_>, _>>()?;
        let guard = Guard {
            gate: parts.gate.clone(),
            registry: parts.registry.clone(),
            region: parts.gate.region().id.clone(),
            domains,
            derived: DerivedKeys::default(),
            sessions: OpenedSessions::default(),
        };
        let operations = Operations {
            store: parts.store,
            gate: parts.gate.clone(),
            db: parts.db,
            crash: parts.crash,
            scheme: parts.transport.scheme(),
            event_targets: Arc::new(parts.event_targets),
            other_regions: Arc::new(parts.other_regions),
            registry: parts.registry,
            policies: Arc::default(),
            origin: parts.origin,
        };
        Ok(Self {
            inner: Arc::new(Inner {
                room: Arc::new(Semaphore::new(
                    parts.connections_max.min(Semaphore::MAX_PERMITS),
                )),
                started: parts.gate.now(),
                gate: parts.gate,
                introduction: parts.introduction,
                transport: parts.transport,
                guard,
                wire: Box::new(S3sWire::new(operations.clone())),
                operations,
                served: AtomicU64::new(0),
            }),
        })
    }

    /// Answers a request.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        peer: Peer,
        tls: Option<&Arc<Secured>>,
    ) -> Response<AnswerBody> {
        let number = self.inner.served.fetch_add(1, Ordering::Relaxed);
        let request_id = format!("{:012X}{number:08X}", self.inner.started.as_millis());
        let span = tracing::debug_span!(
            "s3",
            request = %request_id,
            operation = tracing::field::Empty,
            tenant = tracing::field::Empty,
        );
        self.served(request, peer, tls, &request_id)
            .instrument(span)
            .await
    }

    async fn served(
        &self,
        request: Request<Incoming>,
        peer: Peer,
        tls: Option<&Arc<Secured>>,
        request_id: &str,
    ) -> Response<AnswerBody> {
        let begun = self.inner.gate.wall();
        let (store, gate) = (&self.inner.operations.store, &self.inner.gate);
        let came = Came {
            peer,
            tls,
            at: begun,
        };
        let heard = Heard::of(&self.inner.guard, store, &request, &came).await;
        let page = Page::of(&request, peer);
        let waiting = if request.headers().contains_key(EXPECT) {
            Waiting::ForContinue
        } else {
            Waiting::No
        };
        let handled = self.handled(request, &came, request_id).await;
        let afterwards = match (handled.rest, waiting) {
            // A client that waits and is answered at once may lose its place on the connection: botocore does.
            (_, Waiting::ForContinue) if !handled.was_asked_for => Afterwards::Close,
            (Some(rest), _) => drain(rest, waiting).await,
            (None, _) => Afterwards::KeepAlive,
        };
        let mut response = answer::finish(handled.response, request_id, afterwards);
        if let Some(page) = page {
            self.show_to(&page, &mut response).await;
        }
        if let Some(heard) = heard {
            let pending = heard.answered(store, gate, handled.call, request_id, &response);
            response.body_mut().then(pending);
        }
        self.count(handled.operation, &response, begun);
        response
    }

    /// Lets a request in or turns it away, and carries it out.
    async fn handled(
        &self,
        request: Request<Incoming>,
        came: &Came<'_>,
        request_id: &str,
    ) -> Handled {
        if request.method() == Method::OPTIONS {
            let answered = self.preflight(&request, came.peer).await;
            let response = answered.unwrap_or_else(|fault| answer::of_fault(&fault, request_id));
            return Handled {
                operation: None,
                response,
                rest: Some(request.into_body()),
                was_asked_for: false,
                call: None,
            };
        }
        if sts::is_sts(request.method(), request.uri(), request.headers()) {
            let (operation, response) = self.answer_sts(request, came, request_id).await;
            return Handled {
                operation,
                response,
                rest: None,
                was_asked_for: true,
                call: None,
            };
        }
        if form::is_form(request.method(), request.uri(), request.headers()) {
            let report = BodyReport::default();
            let (response, call) = match self.take_form(request, came, &report).await {
                Ok((response, call)) => (response, Some(call)),
                Err(fault) => (answer::of_fault(&fault, request_id), None),
            };
            return Handled {
                operation: Some("PostObject"),
                response,
                was_asked_for: report.was_asked_for(),
                rest: report.take_rest(),
                call,
            };
        }
        match self.inner.guard.admit(request, came).await {
            Err(turned) => Handled {
                operation: None,
                response: answer::of_fault(&turned.fault, request_id),
                rest: Some(turned.rest),
                was_asked_for: false,
                call: None,
            },
            Ok((call, request)) => {
                let response = self.carried_out(&call, request, request_id).await;
                let report = call.report();
                Handled {
                    operation: call.operation(),
                    response,
                    rest: report.take_rest(),
                    was_asked_for: report.was_asked_for(),
                    call: Some(call),
                }
            }
        }
    }

    /// Answers a page that asks whether it may send a request.
    async fn preflight(
        &self,
        request: &Request<Incoming>,
        peer: Peer,
    ) -> Result<Response<s3s::Body>, Fault> {
        let wish = cors::Wish::of_preflight(request.headers())?;
        let guard = &self.inner.guard;
        let bucket = guard.bucket_of(request.headers(), request.uri().path());
        let place = guard.place_of(request.headers(), peer);
        let configuration = match bucket {
            Some(bucket) if self.inner.gate.is_inside(place) => self.cors_of(&bucket).await,
            Some(_) | None => None,
        };
        let configuration = configuration.ok_or_else(cors::not_enabled)?;
        let rule = wish.rule(&configuration).ok_or_else(cors::not_allowed)?;
        let mut response = Response::new(s3s::Body::empty());
        wish.allow(rule, response.headers_mut());
        Ok(response)
    }

    /// Lets a page read an answer, if a rule of the bucket allows it.
    async fn show_to(&self, page: &Page, response: &mut Response<AnswerBody>) {
        let guard = &self.inner.guard;
        let place = guard.place_of(&page.headers, page.peer);
        let Some(bucket) = guard.bucket_of(&page.headers, &page.path) else {
            return;
        };
        if !self.inner.gate.is_inside(place) {
            return;
        }
        let Some(configuration) = self.cors_of(&bucket).await else {
            return;
        };
        let wish = cors::Wish {
            origin: &page.origin,
            method: page.method.as_str(),
            headers: None,
        };
        if let Some(rule) = wish.rule(&configuration) {
            wish.allow(rule, response.headers_mut());
        }
    }

    async fn cors_of(&self, bucket: &BucketName) -> Option<CORSConfiguration> {
        self.inner
            .operations
            .cors_of(bucket)
            .await
            .unwrap_or_else(|error| {
                tracing::error!(%error, "a bucket's CORS setting cannot be read");
                None
            })
    }

    /// Takes an upload by a form.
    async fn take_form(
        &self,
        request: Request<Incoming>,
        came: &Came<'_>,
        report: &BodyReport,
    ) -> Result<(Response<s3s::Body>, Call), Fault> {
        let (parts, incoming) = request.into_parts();
        let guard = &self.inner.guard;
        let form = guard.admit_form(&parts, incoming, came, report).await?;
        let (call, success) = (form.call.clone(), form.success.clone());
        let (bucket, key) = (form.bucket.clone(), form.key.clone());
        call.note_operation("PostObject");
        let asked = Asked {
            call: &call,
            operation: "PostObject",
        };
        let written = self.inner.operations.post_object(asked, form).await?;
        let location = self.inner.operations.address(&call, &bucket, &key);
        let place = Place {
            location: &location,
            bucket: bucket.as_str(),
            key: key.as_str(),
        };
        let mut response = answer::of_form(&success, &place, written);
        if let Some(leaf) = call.leaf() {
            response.headers_mut().insert("x-onshore-leaf", leaf.into());
        }
        Ok((response, call))
    }

    /// Returns the layer in front.
    pub(crate) fn guard(&self) -> &Guard {
        &self.inner.guard
    }

    /// Returns governance records.
    pub(crate) fn registry(&self) -> &Registry {
        &self.inner.guard.registry
    }

    async fn carried_out(
        &self,
        call: &Call,
        request: Request<crate::body::RequestBody>,
        request_id: &str,
    ) -> Response<s3s::Body> {
        let answered = self.inner.wire.answer(request).await;
        let span = tracing::Span::current();
        span.record("operation", call.operation());
        span.record("tenant", tracing::field::display(call.tenant()));
        let mut response = match (answered, call.fault()) {
            (Ok(response), Some(fault)) if !response.status().is_success() => {
                answer::of_fault(&fault, request_id)
            }
            (Ok(mut response), _) => {
                if let Some(document) = call.document() {
                    *response.body_mut() = s3s::Body::from(document.to_vec());
                    response.headers_mut().remove(CONTENT_LENGTH);
                }
                // `s3s` answers 200 to all that sets something; S3 has two exceptions.
                if matches!(
                    call.operation(),
                    Some("PutBucketTagging" | "PutBucketPolicy")
                ) && response.status() == StatusCode::OK
                {
                    *response.status_mut() = StatusCode::NO_CONTENT;
                }
                response
            }
            (Err(fault), _) => answer::of_fault(&fault, request_id),
        };
        if let Some(leaf) = call.leaf()
            && !response.headers().contains_key("x-onshore-leaf")
        {
            response.headers_mut().insert("x-onshore-leaf", leaf.into());
        }
        response
    }

    fn count(
        &self,
        operation: Option<&'static str>,
        response: &Response<AnswerBody>,
        begun: Timestamp,
    ) {
        let operation = operation.unwrap_or("none");
        let status = response.status().as_str().to_owned();
        let took_ms = self.inner.gate.wall().as_millis() - begun.as_millis();
        metrics::counter!("onshore_s3_requests_total", "operation" => operation, "status" => status.clone())
            .increment(1);
        metrics::histogram!("onshore_s3_request_duration_seconds", "operation" => operation)
            .record(f64::from(u32::try_from(took_ms.max(0)).unwrap_or(u32::MAX)) / 1000.0);
        tracing::debug!(operation, status, took_ms, "answered");
    }
}

/// A request that was answered.
struct Handled {
    operation: Option<&'static str>,
    response: Response<s3s::Body>,
    /// What was not read of its body.
    rest: Option<Incoming>,
    was_asked_for: bool,
    /// What was let in, where it was.
    call: Option<Call>,
}

/// What is kept of a request that a web page makes, to let the page read the answer.
struct Page {
    origin: String,
    method: Method,
    path: String,
    headers: HeaderMap,
    peer: Peer,
}

impl Page {
    fn of(request: &Request<Incoming>, peer: Peer) -> Option<Self> {
        let origin = request.headers().get(ORIGIN)?.to_str().ok()?;
        if request.method() == Method::OPTIONS {
            return None;
        }
        let mut headers = HeaderMap::new();
        for name in [HOST, HeaderName::from_static("x-forwarded-for")] {
            for value in request.headers().get_all(&name) {
                headers.append(name.clone(), value.clone());
            }
        }
        Some(Self {
            origin: origin.to_owned(),
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            headers,
            peer,
        })
    }
}

fn parse_domain(domain: &str) -> Result<String, Error> {
    let good = !domain.is_empty()
        && domain.split('.').all(|label| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        });
    if good {
        Ok(domain.to_ascii_lowercase())
    } else {
        Err(Error::Domain(domain.chars().take(64).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::parse_domain;

    #[test]
    fn domains_are_names_without_a_port() {
        assert_eq!(
            parse_domain("S3.Localhost").expect("a domain"),
            "s3.localhost"
        );
        for bad in ["", ".", "s3.", "s3..x", "s3.localhost:9000", "s3 x", "*.x"] {
            assert!(parse_domain(bad).is_err(), "{bad}");
        }
    }
}
