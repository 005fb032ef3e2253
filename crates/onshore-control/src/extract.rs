//! What handlers take out of a request: a JSON body, a query, a segment of the path. What does not parse is told in
//! words, and never by repeating a value that might be a secret.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use crate::error::Error;

/// The longest body, where a route does not take longer ones.
pub(crate) const BODY_BYTES_MAX: usize = 1 << 20;
/// The longest body of an edit, or of a request with a key, on any route.
pub(crate) const EDIT_BYTES_MAX: usize = 32 << 20;
/// How long a body may take.
const BODY_PATIENCE: Duration = Duration::from_secs(30);

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        if !is_json(request.headers()) {
            return Err(Error::NotJson);
        }
        let bytes = tokio::time::timeout(BODY_PATIENCE, Bytes::from_request(request, state))
            .await
            .map_err(|_| Error::BodyTooSlow)?
            .map_err(|rejection| match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => Error::BodyTooLong,
                _ => Error::Malformed("the body broke off".to_owned()),
            })?;
        // A list would be taken for the members of an object, in their order.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(Error::Malformed(
                "the body does not read: expected a JSON object".to_owned(),
            ));
        }
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| Error::Malformed(format!("the body does not read: {}", told(&error))))
    }
}

/// Takes a body in, as long and as slow as one may be.
pub(crate) async fn taken_in(body: axum::body::Body, bytes_max: usize) -> Result<Bytes, Error> {
    let taken = axum::body::to_bytes(body, bytes_max);
    let taken = tokio::time::timeout(BODY_PATIENCE, taken).await;
    taken
        .map_err(|_| Error::BodyTooSlow)?
        .map_err(|_| Error::BodyTooLong)
}

pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    kind.split(';')
        .next()
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// Leaves out the value that has the wrong type: it may be a secret in the wrong place.
fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let repeats = ["invalid type: ", "invalid value: ", "invalid length "];
    match text.rsplit_once(", expected ") {
        Some((_, expected)) if repeats.iter().any(|start| text.starts_with(start)) => {
            format!("a member has another type, expected {expected}")
        }
        _ => text,
    }
}

/// The query, every member of which is known.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        Query::from_request_parts(parts, state)
            .await
            .map(|Query(query)| Self(query))
            .map_err(|rejection| {
                Error::Malformed(format!(
                    "the query does not read: {}",
                    rejection.body_text()
                ))
            })
    }
}

/// The one variable part of the path.
pub(crate) struct Segment<T>(pub(crate) T);

impl<T, S> FromRequestParts<S> for Segment<T>
where
    T: FromStr<Err: Display>,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| Error::NoSuchRoute)?;
        of_path(&text).map(Self)
    }
}

/// Two segments of the path, read as what they are.
#[derive(Debug)]
pub(crate) struct Segments<T, U>(pub(crate) T, pub(crate) U);

impl<T, U, S> FromRequestParts<S> for Segments<T, U>
where
    T: FromStr<Err: Display>,
    U: FromStr<Err: Display>,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Path((first, second)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|_| Error::NoSuchRoute)?;
        Ok(Self(of_path(&first)?, of_path(&second)?))
    }
}

/// Several segments of the path, read as what they are.
#[derive(Debug)]
pub(crate) struct PathOf<T>(pub(crate) T);

macro_rules! paths {
    ($(($($kind:ident $name:ident),+) of $text:ty;)*) => {$(
        impl<$($kind,)+ S> FromRequestParts<S> for PathOf<($($kind,)+)>
        where
            $($kind: FromStr<Err: Display>,)+
            S: Send + Sync,
        {
            type Rejection = Error;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
                let Path(($($name,)+)) = Path::<$text>::from_request_parts(parts, state)
                    .await
                    .map_err(|_| Error::NoSuchRoute)?;
                Ok(Self(($(of_path::<$kind>(&$name)?,)+)))
            }
        }
    )*};
}

paths! {
    (A a, B b, C c) of (String, String, String);
    (A a, B b, C c, D d) of (String, String, String, String);
}

fn of_path<T: FromStr<Err: Display>>(text: &str) -> Result<T, Error> {
    text.parse()
        .map_err(|error| Error::Malformed(format!("the path does not read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::told;
    use onshore_api::{CreateKey, OrderMigration};

    #[test]
    fn a_secret_in_the_wrong_place_is_not_repeated() {
        let order = |credentials: &str| {
            format!(
                r#"{{"source":{{"kind":"folder","path":"/x"}},"bucket":"abc","tenant":"t","credentials":{credentials}}}"#
            )
        };
        for body in [
            order(r#""wJalrXUtnFEMI""#),
            order(r#"["wJalrXUtnFEMI"]"#),
            order(r#"{"access_key":["wJalrXUtnFEMI"],"secret_key":"x"}"#),
            order(r#"{"access_key":"a","secret_key":{"wJalrXUtnFEMI":1}}"#),
        ] {
            let error = serde_json::from_str::<OrderMigration>(&body).expect_err("refused");
            assert!(!told(&error).contains("wJalrXUtnFEMI"), "{}", told(&error));
        }
        let error =
            serde_json::from_str::<CreateKey>(r#"{"secret_key":20211122}"#).expect_err("refused");
        assert!(!told(&error).contains("20211122"), "{}", told(&error));
        assert!(
            told(&error).contains("expected a string"),
            "{}",
            told(&error)
        );
    }
}
