//! The door: only callers inside the jurisdiction who hold a control token get in; support engineers have a door of their own
//! behind it ([`crate::engineer`]). It also writes the request log,
//! which never holds a query, a header or a body.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use onshore_policy::Role;
use onshore_registry::TokenHolder;
use onshore_types::{Peer, Place};

use crate::caller::{self, Caller};
use crate::engineer;
use crate::error::Error;
use crate::parts::ControlParts;
use crate::rates::Rates;

/// How much of a path the log shows.
const PATH_SHOWN_CHARS: usize = 200;

/// What the door needs.
#[derive(Debug)]
pub(crate) struct Door {
    control: Arc<ControlParts>,
    rates: Rates,
}

impl Door {
    pub(crate) fn new(control: Arc<ControlParts>) -> Self {
        let rates = Rates::new(control.rate);
        Self { control, rates }
    }

    /// Says who asks, if he may come in now.
    async fn recognise(&self, place: Place, headers: &HeaderMap) -> Result<Admitted, Error> {
        let admitted = recognise(&self.control, place, headers).await?;
        let caller = match &admitted {
            // What a worker asks is measured by the bytes that it brings, and those by the pace of the job.
            Admitted::Caller(caller) if caller.role == Role::Worker => return Ok(admitted),
            Admitted::Caller(caller) => caller.id,
            Admitted::Engineer(holder) => holder.principal,
        };
        self.rates.take(caller, self.control.gate.now())?;
        Ok(admitted)
    }
}

/// Lets a request in, or answers it at the door.
pub(crate) async fn admit(
    State(door): State<Arc<Door>>,
    mut request: Request,
    next: Next,
) -> Response {
    let control = &door.control;
    let method = request.method().clone();
    let path: String = request
        .uri()
        .path()
        .chars()
        .take(PATH_SHOWN_CHARS)
        .collect();
    let mut role = "none";
    let place = place_of(control, &request);
    let mut response = match door.recognise(place, request.headers()).await {
        Ok(Admitted::Caller(caller)) => {
            role = caller::word(caller.role);
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Ok(Admitted::Engineer(holder)) => {
            role = caller::word(holder.role);
            engineer::serve(control, holder, place, request, next)
                .await
                .unwrap_or_else(IntoResponse::into_response)
        }
        Err(error) => error.into_response(),
    };
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    let status = response.status().as_u16();
    metrics::counter!("onshore_control_requests_total", "status" => status.to_string())
        .increment(1);
    // Polling must not drown the log.
    if response.status().is_success() && matches!(method, Method::GET | Method::HEAD) {
        tracing::debug!(%method, path, status, role, "control request");
    } else {
        tracing::info!(%method, path, status, role, "control request");
    }
    response
}

/// Somebody who is let in.
enum Admitted {
    /// Inside, with a token.
    Caller(Caller),
    /// Anywhere, with the token of a support engineer: what a session opens for him passes the border by itself.
    Engineer(TokenHolder),
}

async fn recognise(
    control: &ControlParts,
    place: Place,
    headers: &HeaderMap,
) -> Result<Admitted, Error> {
    let holder = match bearer(headers) {
        Some(token) => {
            control
                .registry
                .token_holder(token, control.gate.now())
                .await?
        }
        None => None,
    };
    match holder {
        Some(holder) if holder.role == Role::SupportEngineer => Ok(Admitted::Engineer(holder)),
        // Whoever is abroad does not learn whether his token is known.
        Some(_) | None if !control.gate.is_inside(place) => Err(Error::Abroad {
            region: control.gate.region().jurisdiction,
            place,
        }),
        None => Err(Error::Unauthenticated),
        Some(holder) => Ok(Admitted::Caller(Caller {
            id: holder.principal,
            role: holder.role,
            tenant: holder.tenant,
            place,
        })),
    }
}

fn place_of(control: &ControlParts, request: &Request) -> Place {
    let Some(peer) = request.extensions().get::<Peer>() else {
        return Place::Unknown;
    };
    // A value that is no text must spoil the chain, not shorten it: what stands for it is no address.
    let forwarded_for: Vec<&str> = request
        .headers()
        .get_all("x-forwarded-for")
        .iter()
        .map(|value| value.to_str().unwrap_or("?"))
        .collect();
    control.gate.place_of(*peer, &forwarded_for)
}

/// Returns the one bearer token that a request carries.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::bearer;
    use axum::http::{HeaderMap, HeaderValue, header};

    fn of(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(
                header::AUTHORIZATION,
                HeaderValue::from_str(value).expect("a header"),
            );
        }
        bearer(&headers).map(str::to_owned)
    }

    #[test]
    fn exactly_one_bearer_token_is_taken() {
        for good in ["Bearer abc", "bearer abc", "BEARER  abc "] {
            assert_eq!(of(&[good]).as_deref(), Some("abc"), "{good}");
        }
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            "Basic abc",
            "abc",
            "Bearerabc",
            "AWS4-HMAC-SHA256 Credential=a/b",
        ] {
            assert_eq!(of(&[bad]), None, "{bad}");
        }
        assert_eq!(of(&["Bearer a", "Bearer b"]), None);
        assert_eq!(of(&[]), None);
    }
}
