//! Requests that are done once however often they come: a POST with the header `Idempotency-Key`, after the draft of the IETF's HTTPAPI
//! group. Whoever does not know whether his request was done sends it again with its key and gets the first answer.
//!
//! An answer may hold a secret that is handed out once. It is kept sealed under a key made of the token and the idempotency key, which stand nowhere
//! here: nobody but the asker opens it.

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use onshore_keys::{DataKey, Secret};
use onshore_registry::{Begun, RequestMark};
use onshore_types::PrincipalId;
use ring::digest::{Context, SHA256};

use crate::admit::bearer;
use crate::caller::Caller;
use crate::error::Error;
use crate::extract::{EDIT_BYTES_MAX, taken_in};
use crate::parts::ControlParts;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is one that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The longest key.
const KEY_LEN_MAX: usize = 255;
/// In which context answers are sealed.
const SEALED_AS: &[u8] = b"onshore idempotent answer";

/// Who asks with which key.
struct Asker {
    principal: PrincipalId,
    key: String,
    seal: DataKey,
}

/// Does a POST with an idempotency key once.
pub(crate) async fn once(
    State(control): State<Arc<ControlParts>>,
    request: Request,
    next: Next,
) -> Response {
    if request.method() != Method::POST || !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    match keyed(control, request, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn keyed(
    control: Arc<ControlParts>,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    let asker = Asker::of(&request)?;
    let (head, body) = request.into_parts();
    // What is too long for its route is refused there.
    let body = taken_in(body, EDIT_BYTES_MAX).await?;
    let target = head
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let kind = head.headers.get(header::CONTENT_TYPE);
    let kind = kind.map_or(&[][..], HeaderValue::as_bytes);
    let mark = RequestMark {
        id: hash(&[asker.principal.as_bytes(), asker.key.as_bytes()]),
        request: hash(&[target.as_bytes(), kind, &body]),
    };
    let (registry, now) = (control.registry.clone(), control.gate.now());
    let begun = control
        .db
        .write(move |unit| registry.begin_request(unit, mark, now))
        .await?;
    match begun {
        Begun::Other => Err(Error::KeyReused),
        Begun::UnderWay => Err(Error::KeyUnderWay),
        Begun::Answered { status, answer } => asker.replay(status, &answer),
        Begun::First => {
            let request = Request::from_parts(head, Body::from(body));
            // Whoever asked may go away: what was begun is done, and its answer kept for when he asks again.
            let done = tokio::spawn(async move {
                let response = next.run(request).await;
                keep(&control, mark, &asker, response).await
            });
            done.await.map_err(|_| Error::Stopping)?
        }
    }
}

/// Keeps an answer, and hands it on. What came to nothing for a reason that may pass is forgotten, so that it can be tried again.
async fn keep(
    control: &ControlParts,
    mark: RequestMark,
    asker: &Asker,
    response: Response,
) -> Result<Response, Error> {
    let status = response.status();
    let registry = control.registry.clone();
    let may_pass = status.is_server_error()
        || matches!(
            status,
            StatusCode::CONFLICT | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
        );
    if may_pass {
        control
            .db
            .write(move |unit| registry.forget_request(unit, mark))
            .await?;
        return Ok(response);
    }
    let (head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX)
        .await
        .map_err(|_| Error::Unwell)?;
    let sealed = asker.sealed(&head.headers, &body)?;
    control
        .db
        .write(move |unit| registry.end_request(unit, mark, status.as_u16(), &sealed))
        .await?;
    Ok(Response::from_parts(head, Body::from(body)))
}

impl Asker {
    fn of(request: &Request) -> Result<Self, Error> {
        let caller = request.extensions().get::<Caller>();
        let caller = caller.ok_or(Error::Unauthenticated)?;
        let token = bearer(request.headers()).ok_or(Error::Unauthenticated)?;
        let key = key(request.headers())?;
        let secret = hash(&[SEALED_AS, token.as_bytes(), key.as_bytes()]);
        let seal = DataKey::from_secret(Secret::new(secret.to_vec()));
        Ok(Self {
            principal: caller.id,
            key,
            seal: seal.map_err(onshore_registry::Error::from)?,
        })
    }

    /// Seals what of an answer is kept: what it is announced as, and its body.
    fn sealed(&self, headers: &HeaderMap, body: &[u8]) -> Result<Vec<u8>, Error> {
        let kind = headers.get(header::CONTENT_TYPE);
        let kind = kind.map_or(&[][..], HeaderValue::as_bytes);
        let plain = [kind, &b"\n"[..], body].concat();
        let sealed = self.seal.wrap(SEALED_AS, &plain);
        Ok(sealed.map_err(onshore_registry::Error::from)?)
    }

    /// Answers as it was answered before.
    fn replay(&self, status: u16, answer: &[u8]) -> Result<Response, Error> {
        // Under another token of the same holder it does not open, and then it is another request.
        let plain = self
            .seal
            .unwrap(SEALED_AS, answer)
            .map_err(|_| Error::KeyReused)?;
        let plain = plain.as_bytes();
        let end = plain
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or_default();
        let (kind, body) = plain.split_at(end);
        let body = Bytes::copy_from_slice(body.get(1..).unwrap_or_default());
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(status).map_err(|_| Error::Unwell)?;
        let headers = response.headers_mut();
        if let Ok(kind) = HeaderValue::from_bytes(kind) {
            headers.insert(header::CONTENT_TYPE, kind);
        }
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(response)
    }
}

/// Returns the one key that a request carries, with or without the quotes of a structured header.
fn key(headers: &HeaderMap) -> Result<String, Error> {
    let malformed = || {
        Error::Malformed(format!(
            "`Idempotency-Key` is one text of 1 to {KEY_LEN_MAX} visible characters, such as a fresh UUID"
        ))
    };
    let mut values = headers.get_all(KEY).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(malformed());
    };
    let text = value.to_str().map_err(|_| malformed())?;
    let quoted = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let text = quoted.unwrap_or(text);
    let is_key = (1..=KEY_LEN_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"');
    is_key.then(|| text.to_owned()).ok_or_else(malformed)
}

/// Hashes parts, each with its length before it.
fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::{KEY, KEY_LEN_MAX, hash, key};

    #[test]
    fn a_key_is_one_text_with_or_without_quotes() {
        let of = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(KEY, HeaderValue::from_bytes(value).expect("a header"));
            }
            key(&headers).ok()
        };
        for good in [&b"8e03978e-40d5"[..], b"\"8e03978e-40d5\""] {
            assert_eq!(of(&[good]).as_deref(), Some("8e03978e-40d5"));
        }
        let long = vec![b'k'; KEY_LEN_MAX + 1];
        for bad in [&b""[..], b"\"\"", b"a b", b"\"a", b"a\"b", b"\xFF", &long] {
            assert_eq!(of(&[bad]), None, "{bad:?}");
        }
        assert!(of(&[&long[1..]]).is_some());
        assert_eq!(of(&[b"a", b"b"]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(hash(&[b"ab", b"c"]), hash(&[b"a", b"bc"]));
    }
}
