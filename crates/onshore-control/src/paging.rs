//! Pages of lists: every answer that is a plain list comes in pages of `limit` (1,000 unless said), and `Link` (RFC 8288) names the next. A page begins behind
//! the one that `after` names.
//!
//! Which answers those are the OpenAPI document says; lists that are too long to be made whole page by themselves.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, Query, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::Value;

use crate::error::Error;
use crate::openapi;

/// So many a page holds at most, and unless fewer are asked for.
const PAGE_MAX: usize = 1000;
/// By which member the things in a list are told apart, the first that they have.
const NAMED_BY: [&str; 9] = [
    "case",
    "revision",
    "id",
    "access_key",
    "principal",
    "region",
    "name",
    "leaf",
    "contract",
];

/// The paths whose answers are plain lists, each with what else may be asked of it.
#[derive(Debug)]
pub(crate) struct Lists(HashMap<String, HashSet<String>>);

impl Lists {
    pub(crate) fn of_document() -> Self {
        Self(openapi::lists().collect())
    }
}

/// Which page, and what else is asked.
#[derive(Debug, Default)]
struct Which {
    limit: Option<usize>,
    after: Option<String>,
    /// The rest of the query, as it goes to the handler.
    rest: String,
}

/// Cuts lists into pages.
pub(crate) async fn page(
    State(lists): State<Arc<Lists>>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.extensions().get::<MatchedPath>();
    let own = path.and_then(|path| lists.0.get(path.as_str()));
    let (Some(own), Method::GET) = (own, request.method().clone()) else {
        return next.run(request).await;
    };
    let answer = match asked(request.uri(), own) {
        Err(error) => Err(error),
        Ok(which) => match without_page(request.uri(), &which.rest) {
            Err(error) => Err(error),
            Ok(uri) => {
                *request.uri_mut() = uri;
                cut(which, next.run(request).await).await
            }
        },
    };
    answer.unwrap_or_else(IntoResponse::into_response)
}

fn asked(uri: &Uri, own: &HashSet<String>) -> Result<Which, Error> {
    let malformed = |what: String| Error::Malformed(format!("the query does not read: {what}"));
    let query = Query::<Vec<(String, String)>>::try_from_uri(uri);
    let Query(pairs) = query.map_err(|rejection| malformed(rejection.body_text()))?;
    let mut which = Which::default();
    for (name, value) in pairs {
        match name.as_str() {
            "limit" if which.limit.is_none() => which.limit = Some(limit(&value)?),
            "after" if which.after.is_none() => which.after = Some(value),
            "limit" | "after" => return Err(malformed(format!("`{name}` stands there twice"))),
            other if own.contains(other) => {
                let value = utf8_percent_encode(&value, NON_ALPHANUMERIC);
                which.rest.push_str(&format!("{name}={value}&"));
            }
            _ => return Err(malformed(format!("nothing here is asked by `{name}`"))),
        }
    }
    Ok(which)
}

fn limit(value: &str) -> Result<usize, Error> {
    let limit = value.parse().ok();
    limit
        .filter(|limit| (1..=PAGE_MAX).contains(limit))
        .ok_or_else(|| {
            Error::Malformed(format!("`limit` is how many a page holds: 1 to {PAGE_MAX}"))
        })
}

/// Returns the URI without what the page is asked by.
fn without_page(uri: &Uri, rest: &str) -> Result<Uri, Error> {
    let path = uri.path();
    let without = match rest.strip_suffix('&') {
        None => path.to_owned(),
        Some(rest) => format!("{path}?{rest}"),
    };
    without.parse().map_err(|_| Error::NoSuchRoute)
}

async fn cut(which: Which, answer: Response) -> Result<Response, Error> {
    if answer.status() != StatusCode::OK {
        return Ok(answer);
    }
    let (mut head, body) = answer.into_parts();
    let body = to_bytes(body, usize::MAX)
        .await
        .map_err(|_| Error::Unwell)?;
    let Ok(Value::Array(mut list)) = serde_json::from_slice(&body) else {
        return Ok(Response::from_parts(head, Body::from(body)));
    };
    let limit = which.limit.unwrap_or(PAGE_MAX);
    if let Some(after) = which.after {
        let is_it = |one: &Value| named(one).as_ref() == Some(&after);
        let place = list.iter().position(is_it).ok_or_else(|| {
            Error::Malformed(
                "`after` names nothing that is in the list now; begin again without it".to_owned(),
            )
        })?;
        list.drain(..=place);
    }
    if list.len() > limit {
        list.truncate(limit);
        if let Some(last) = list.last().and_then(named)
            && let Some(link) = link(&which.rest, limit, &last)
        {
            head.headers.insert(header::LINK, link);
        }
    }
    let body = serde_json::to_vec(&list).map_err(|_| Error::Unwell)?;
    head.headers.remove(header::CONTENT_LENGTH);
    Ok(Response::from_parts(head, Body::from(body)))
}

/// Answers with a page of a list that is cut by itself: it was asked for one more than a page holds, so that it is known whether more
/// follows. `rest` is what else was asked, each with an ampersand behind it.
pub(crate) fn linked<T: Serialize>(
    mut list: Vec<T>,
    limit: usize,
    rest: &str,
    name_of: impl Fn(&T) -> String,
) -> Response {
    let goes_on = list.len() > limit;
    list.truncate(limit);
    let next = list.last().filter(|_| goes_on).map(name_of);
    let next = next.and_then(|last| link(rest, limit, &last));
    let mut answer = Json(list).into_response();
    if let Some(next) = next {
        answer.headers_mut().insert(header::LINK, next);
    }
    answer
}

fn link(rest: &str, limit: usize, last: &str) -> Option<HeaderValue> {
    let last = utf8_percent_encode(last, NON_ALPHANUMERIC);
    HeaderValue::from_str(&format!(
        "<?{rest}limit={limit}&after={last}>; rel=\"next\""
    ))
    .ok()
}

/// Returns what something in a list is told apart by.
fn named(one: &Value) -> Option<String> {
    let member = NAMED_BY.iter().find_map(|name| one.get(name));
    member.map(|member| match member {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}
