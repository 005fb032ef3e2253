//! The door for the technology provider's staff. A support engineer's token opens nothing by itself: in a session that two of the
//! operator's people opened it opens the views listed here, and each request is recorded before it is answered (decision
//! 0034). What goes abroad passes the gate as an export.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, Method, Response as HttpResponse, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use onshore_gate::{Outflow, SupportAnswer, SupportRecorded, SupportWatch};
use onshore_policy::{Flow, Principal, Role, Subject, Transfer};
use onshore_registry::TokenHolder;
use onshore_types::{ByteRange, Label, LeafIndex, Level, Personal, Place, TenantId};

use crate::caller::Caller;
use crate::error::{Error, SupportRefusal};
use crate::parts::ControlParts;

/// The longest answer: it is whole before the first byte of it goes out, so that its length is recorded and reserved.
const ANSWER_BYTES_MAX: usize = 8 << 20;
/// How much goes out between two looks at whether the session is in force.
const CHUNK_BYTES: usize = 64 << 10;
/// How much of a path and query is recorded.
const TARGET_CHARS: usize = 4096;
/// What permits and leaves call an answer that leaves.
const OPERATION: &str = "SupportView";

/// What an answer tells at least: how a region is run that bears the data of others. Handlers may say that theirs is stricter.
const VIEWS: Label = Label::Known {
    level: Level::Important,
    personal: Personal::None,
};

/// How strict an answer is, as its handler knows. It goes to the door among the extensions of the answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnswerLabel(pub(crate) Label);

/// Whose a view is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    /// Of the region, and of no tenant.
    Region,
    /// Of the tenant that the session names.
    Tenant,
}

/// What a session opens. Everything else is shut, and so is every method but GET.
const OPENED: &[(&str, Of)] = &[
    ("/metrics", Of::Region),
    ("/openapi.json", Of::Region),
    ("/v1/whoami", Of::Region),
    ("/v1/ledger/key", Of::Region),
    ("/v1/ledger/status", Of::Region),
    ("/v1/packs/activations", Of::Region),
    ("/v1/rescan", Of::Region),
    ("/v1/buckets", Of::Tenant),
    ("/v1/buckets/{name}/findings", Of::Tenant),
    ("/v1/buckets/{name}/quota", Of::Tenant),
    ("/v1/cutovers", Of::Tenant),
    ("/v1/cutovers/{bucket}", Of::Tenant),
    ("/v1/jobs", Of::Tenant),
    ("/v1/jobs/{id}", Of::Tenant),
    ("/v1/tenants/{name}/quota", Of::Tenant),
];

/// A request on its way to being recorded.
struct Asked {
    holder: TokenHolder,
    watch: Option<SupportWatch>,
    operation: String,
    target: String,
    place: Place,
}

/// An answer that may go out once it is recorded.
struct Ready {
    status: StatusCode,
    content_type: Option<HeaderValue>,
    /// Where a list goes on.
    link: Option<HeaderValue>,
    bytes: Bytes,
    refused_by: Option<String>,
    outflow: Option<Outflow>,
}

/// Answers a request of a support engineer, and records it.
pub(crate) async fn serve(
    control: &Arc<ControlParts>,
    holder: TokenHolder,
    place: Place,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    let watch = control.gate.watch_support(holder.principal).await?;
    // An answer goes to whoever he works for as well.
    let place = match &watch {
        None => place,
        Some(watch) => {
            let organisation = Place::In(watch.session().organisation);
            control.gate.more_foreign(place, organisation)
        }
    };
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unlisted", MatchedPath::as_str)
        .to_owned();
    let asked = Asked {
        holder,
        watch,
        operation: format!("{} {route}", method_word(request.method())),
        target: target_of(&request),
        place,
    };
    let ready = match opened(&asked, request.method(), &route) {
        Err(refusal) => refused(Error::Support(refusal)).await?,
        Ok(tenant) => answer(control, &asked, tenant, request, next).await?,
    };
    settle(control, asked, ready).await
}

/// Says for which tenant, if any, a request may be handled.
fn opened(asked: &Asked, method: &Method, route: &str) -> Result<Option<TenantId>, SupportRefusal> {
    let watch = asked.watch.as_ref().ok_or(SupportRefusal::NoSession)?;
    let view = OPENED.iter().find(|(path, _)| *path == route);
    let Some((_, of)) = view.filter(|_| *method == Method::GET) else {
        return Err(SupportRefusal::NotAView);
    };
    let tenant = watch.session().tenant;
    match of {
        Of::Region => Ok(tenant),
        Of::Tenant if tenant.is_some() => Ok(tenant),
        Of::Tenant => Err(SupportRefusal::NoTenant),
    }
}

/// Lets the handler answer, and asks the gate where that would leave the jurisdiction.
async fn answer(
    control: &Arc<ControlParts>,
    asked: &Asked,
    tenant: Option<TenantId>,
    mut request: Request,
    next: Next,
) -> Result<Ready, Error> {
    let caller = Caller {
        id: asked.holder.principal,
        role: Role::SupportEngineer,
        place: asked.place,
        tenant,
    };
    request.extensions_mut().insert(caller);
    let (mut ready, label) = match whole(next.run(request).await).await {
        Ok(whole) => whole,
        Err(refusal) => return refused(refusal.into()).await,
    };
    if ready.status == StatusCode::FORBIDDEN {
        ready.refused_by = Some("support.handler".to_owned());
        return Ok(ready);
    }
    if control.gate.is_inside(asked.place) {
        return Ok(ready);
    }
    let transfer = Transfer {
        principal: Principal {
            id: asked.holder.principal,
            tenant,
            role: Role::SupportEngineer,
        },
        operation: OPERATION,
        flow: Flow::Read,
        subject: Subject {
            bucket: None,
            owner: tenant,
            key: None,
            version: None,
            label,
            range: ByteRange::whole(u64::try_from(ready.bytes.len()).unwrap_or(u64::MAX)),
        },
        from: control.gate.home(),
        to: asked.place,
    };
    match control.gate.permit(transfer).await {
        Ok(permit) => {
            ready.outflow = Some(control.gate.watch(&permit));
            Ok(ready)
        }
        Err(error @ onshore_gate::Error::Refused(_)) => refused(error.into()).await,
        Err(error) => Err(error.into()),
    }
}

/// Records what goes out, then lets it go.
async fn settle(control: &ControlParts, asked: Asked, ready: Ready) -> Result<Response, Error> {
    let answer = SupportAnswer {
        engineer: asked.holder.principal,
        session: asked.watch.as_ref().map(|watch| watch.session().id),
        operation: asked.operation,
        target: asked.target,
        place: asked.place.to_string(),
        refused_by: ready.refused_by.clone(),
        status: ready.status.as_u16(),
        len_bytes: u64::try_from(ready.bytes.len()).unwrap_or(u64::MAX),
        export: ready.outflow.as_ref().and_then(Outflow::leaf),
    };
    match control.gate.record_support(answer).await? {
        SupportRecorded::AsAnswered(leaf) => Ok(ready.go(asked.watch, leaf)),
        SupportRecorded::Over(leaf) => {
            let mut response = Error::Support(SupportRefusal::NoSession).into_response();
            receipt(&mut response, leaf);
            Ok(response)
        }
    }
}

impl Ready {
    fn go(self, watch: Option<SupportWatch>, leaf: LeafIndex) -> Response {
        let len_bytes = self.bytes.len();
        // A refusal holds nothing that a session opens.
        let body = match watch.filter(|_| self.refused_by.is_none()) {
            None => Body::from(self.bytes),
            Some(watch) => Body::from_stream(Watched {
                watch,
                outflow: self.outflow,
                rest: self.bytes,
            }),
        };
        let mut response = HttpResponse::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(len_bytes));
        if let Some(content_type) = self.content_type {
            headers.insert(header::CONTENT_TYPE, content_type);
        }
        if let Some(link) = self.link {
            headers.insert(header::LINK, link);
        }
        receipt(&mut response, leaf);
        response
    }
}

/// An answer on its way out: it breaks off in the instant in which the session ends, or the approval that carries it.
struct Watched {
    watch: SupportWatch,
    outflow: Option<Outflow>,
    rest: Bytes,
}

/// Why an answer broke off.
#[derive(Debug, thiserror::Error)]
#[error(
    "the support session, or the approval that carries its answers, ended while this one went out"
)]
struct BrokenOff;

impl Stream for Watched {
    type Item = Result<Bytes, BrokenOff>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let may_flow = self
            .outflow
            .as_ref()
            .is_none_or(|flow| flow.check().is_ok());
        if !self.watch.is_in_force() || !may_flow {
            self.rest = Bytes::new();
            return Poll::Ready(Some(Err(BrokenOff)));
        }
        let len = self.rest.len().min(CHUNK_BYTES);
        let chunk = self.rest.split_to(len);
        if let Some(outflow) = &self.outflow {
            outflow.sent(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        }
        Poll::Ready(Some(Ok(chunk)))
    }
}

/// Takes an answer whole, and how strict it is.
async fn whole(response: Response) -> Result<(Ready, Label), SupportRefusal> {
    let (head, body) = response.into_parts();
    let label = head
        .extensions
        .get::<AnswerLabel>()
        .map_or(VIEWS, |told| told.0.join(VIEWS));
    let bytes = to_bytes(body, ANSWER_BYTES_MAX)
        .await
        .map_err(|_| SupportRefusal::TooLong)?;
    let ready = Ready {
        status: head.status,
        content_type: head.headers.get(header::CONTENT_TYPE).cloned(),
        link: head.headers.get(header::LINK).cloned(),
        bytes,
        refused_by: None,
        outflow: None,
    };
    Ok((ready, label))
}

/// Makes the answer to what is refused.
async fn refused(error: Error) -> Result<Ready, Error> {
    let cause = match &error {
        Error::Support(refusal) => refusal.rule().to_owned(),
        Error::Gate(onshore_gate::Error::Refused(refused)) => refused.refusal.rule().to_owned(),
        _ => "support.handler".to_owned(),
    };
    let (ready, _) = whole(error.into_response()).await?;
    Ok(Ready {
        refused_by: Some(cause),
        ..ready
    })
}

fn receipt(response: &mut Response, leaf: LeafIndex) {
    response
        .headers_mut()
        .insert("x-onshore-leaf", HeaderValue::from(leaf));
}

/// Methods that nobody knows are not written into leaves as they come.
fn method_word(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "PATCH" => "PATCH",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}

fn target_of(request: &Request) -> String {
    request
        .uri()
        .path_and_query()
        .map_or("", |target| target.as_str())
        .chars()
        .take(TARGET_CHARS)
        .collect()
}
