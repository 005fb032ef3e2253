//! ETags: what a GET under `/v1` answers has one, a hash of it; an edit with `If-Match` is done only if what it would change is still what
//! the caller saw.
//!
//! Edits through this door are done one after the other, so that nothing comes between the look and the deed.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use ring::digest::{SHA256, digest};
use tokio::sync::Mutex;

use crate::caller::Caller;
use crate::error::Error;
use crate::extract::{EDIT_BYTES_MAX, taken_in};

/// Longer answers have no ETag.
const HASHED_BYTES_MAX: u64 = 8 << 20;
/// So much of a hash is an ETag.
const SIGNS: usize = 32;

/// What it takes to compare: the routes without any of this, and a turn at editing.
#[derive(Debug)]
pub(crate) struct Etags {
    routes: Router,
    edits: Mutex<()>,
}

impl Etags {
    pub(crate) fn new(routes: Router) -> Self {
        Self {
            routes,
            edits: Mutex::default(),
        }
    }

    /// Whether a path takes a method at all: where it does not, there is nothing to be compared.
    async fn takes(&self, method: &Method, uri: Uri) -> bool {
        // No route answers this one, and so tells what it would answer.
        let mut question = Request::new(Body::empty());
        (*question.method_mut(), *question.uri_mut()) = (Method::TRACE, uri);
        let routes = TowerToHyperService::new(self.routes.clone());
        let Ok(answer) = routes.call(question).await;
        let allowed = answer.headers().get(header::ALLOW);
        let allowed = allowed.and_then(|allowed| allowed.to_str().ok());
        allowed.is_some_and(|allowed| allowed.split(',').any(|one| one.trim() == method.as_str()))
    }

    /// Returns the ETag of what is at a path now, as its caller sees it.
    async fn now(&self, uri: Uri, caller: Option<Caller>) -> Result<Option<String>, Error> {
        let mut look = Request::new(Body::empty());
        *look.uri_mut() = uri;
        if let Some(caller) = caller {
            look.extensions_mut().insert(caller);
        }
        let routes = TowerToHyperService::new(self.routes.clone());
        let Ok(answer) = routes.call(look).await;
        if answer.status() != StatusCode::OK {
            return Ok(None);
        }
        let body = to_bytes(answer.into_body(), usize::MAX);
        let body = body.await.map_err(|_| Error::Unwell)?;
        Ok(Some(etag(&body)))
    }
}

/// Gives answers their ETags, and compares what is to be edited with the one that the caller saw.
pub(crate) async fn compare(
    State(etags): State<Arc<Etags>>,
    request: Request,
    next: Next,
) -> Response {
    let method = request.method().clone();
    let answer = match method {
        Method::GET | Method::HEAD => return look(request, next).await,
        Method::PUT | Method::DELETE => edit(&etags, request, next).await,
        _ => return next.run(request).await,
    };
    answer.unwrap_or_else(IntoResponse::into_response)
}

async fn edit(etags: &Etags, request: Request, next: Next) -> Result<Response, Error> {
    let asked = listed(request.headers(), header::IF_MATCH);
    // It is taken in before it is its turn: a slow body keeps nobody waiting.
    let (head, body) = request.into_parts();
    // What is too long for its route is refused there.
    let body = taken_in(body, EDIT_BYTES_MAX).await?;
    let (uri, caller) = (head.uri.clone(), head.extensions.get::<Caller>().copied());
    let method = head.method.clone();
    let request = Request::from_parts(head, Body::from(body));
    let _turn = etags.edits.lock().await;
    if let Some(asked) = asked
        && etags.takes(&method, uri.clone()).await
    {
        let now = etags.now(uri, caller).await?;
        let is_so = |now: &String| asked.iter().any(|one| one == "*" || one == now);
        if !now.as_ref().is_some_and(is_so) {
            return Err(Error::ChangedSince { now });
        }
    }
    Ok(next.run(request).await)
}

async fn look(request: Request, next: Next) -> Response {
    let known = listed(request.headers(), header::IF_NONE_MATCH);
    let answer = next.run(request).await;
    let kind = answer.headers().get(header::CONTENT_TYPE);
    let is_json = kind.is_some_and(|kind| kind == "application/json");
    let is_short = answer
        .body()
        .size_hint()
        .exact()
        .is_some_and(|len_bytes| len_bytes <= HASHED_BYTES_MAX);
    if answer.status() != StatusCode::OK || !is_json || !is_short {
        return answer;
    }
    let (mut head, body) = answer.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return Error::Unwell.into_response();
    };
    let etag = etag(&body);
    let is_known = known.is_some_and(|known| {
        known
            .iter()
            .any(|one| one == "*" || one.trim_start_matches("W/") == etag)
    });
    if let Ok(value) = HeaderValue::from_str(&etag) {
        head.headers.insert(header::ETAG, value);
    }
    if is_known {
        head.status = StatusCode::NOT_MODIFIED;
        head.headers.remove(header::CONTENT_TYPE);
        head.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(head, Body::empty());
    }
    Response::from_parts(head, Body::from(body))
}

/// Returns the ETags that a header lists; none where it is not there.
fn listed(headers: &HeaderMap, name: header::HeaderName) -> Option<Vec<String>> {
    let mut values = headers.get_all(name).iter().peekable();
    values.peek()?;
    let texts = values.map(|value| value.to_str().unwrap_or_default().to_owned());
    let listed = texts.flat_map(|text| {
        let ones = text.split(',').map(|one| one.trim().to_owned());
        ones.collect::<Vec<_>>()
    });
    Some(listed.collect())
}

fn etag(body: &Bytes) -> String {
    let hash = digest(&SHA256, body);
    let signs: String = hash
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("\"{}\"", signs.get(..SIGNS).unwrap_or_default())
}
