//! When a signature counts: its time against ours, its day against its scope, and how long a presigned link lives.

use http::HeaderMap;
use onshore_types::Timestamp;

use s3s::dto;

use crate::fault::{Code, Fault};
use crate::guard::auth_shape::Style;
use crate::guard::query::Query;
use crate::guard::scope::Scope;
use crate::ops::conditions::timestamp;

/// How far a client's clock may be off.
const SKEW_MAX_MS: i64 = 15 * 60 * 1000;
/// The longest life of a presigned link, in seconds: one week.
const EXPIRES_MAX: i64 = 604_800;

/// The time a request was signed, as it is written in the string to sign: `YYYYMMDDTHHMMSSZ`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignedAt {
    text: String,
    at: Timestamp,
}

impl SignedAt {
    /// Finds the time and holds it against the clock, the scope's day and the life of the link.
    pub(crate) fn check(
        style: Style,
        headers: &HeaderMap,
        query: &Query,
        scope: &Scope,
        now: Timestamp,
    ) -> Result<Self, Fault> {
        let signed = match style {
            Style::Header => Self::of_header(headers)?,
            Style::Presigned => Self::of_query(query)?,
        };
        if !signed.text.starts_with(&scope.date) {
            return Err(match style {
                Style::Header => Fault::new(
                    Code::AuthorizationHeaderMalformed,
                    "The authorization header is malformed; the date of the Credential is not that of X-Amz-Date.",
                ),
                Style::Presigned => Fault::new(
                    Code::AuthorizationQueryParametersError,
                    "Invalid credential date: it is not that of X-Amz-Date.",
                ),
            });
        }
        let age_ms = now.as_millis().saturating_sub(signed.at.as_millis());
        match style {
            Style::Header if age_ms.abs() > SKEW_MAX_MS => Err(too_skewed(now)),
            Style::Presigned if age_ms < -SKEW_MAX_MS => {
                Err(Fault::new(Code::AccessDenied, "Request is not yet valid"))
            }
            Style::Presigned if age_ms > lifetime_ms(query)? => {
                Err(Fault::new(Code::AccessDenied, "Request has expired")
                    .with_detail("ServerTime", now.to_string()))
            }
            Style::Header | Style::Presigned => Ok(signed),
        }
    }

    /// Returns how long ago it was signed, in milliseconds.
    pub(crate) fn age_ms(&self, now: Timestamp) -> i64 {
        now.as_millis().saturating_sub(self.at.as_millis())
    }

    /// Returns the time as it is signed.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Finds the time in a form, whose life its policy says.
    pub(crate) fn of_form(text: &str, scope: &Scope) -> Result<Self, Fault> {
        Self::parse(text)
            .filter(|signed| signed.text.starts_with(&scope.date))
            .ok_or_else(|| {
                Fault::new(
                    Code::InvalidArgument,
                    "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\", and its day that of the credential",
                )
            })
    }

    fn of_header(headers: &HeaderMap) -> Result<Self, Fault> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        // `Date` stands in where the other is missing.
        text("x-amz-date")
            .map_or_else(
                || text("date").and_then(|date| Self::parse(date).or_else(|| Self::of_http(date))),
                Self::parse,
            )
            .ok_or_else(|| {
                Fault::new(
                    Code::AccessDenied,
                    "AWS authentication requires a valid X-Amz-Date header (YYYYMMDDTHHMMSSZ)",
                )
            })
    }

    fn of_http(date: &str) -> Option<Self> {
        let date = dto::Timestamp::parse(dto::TimestampFormat::HttpDate, date).ok()?;
        Self::parse(&timestamp(&date)?.written_as("%Y%m%dT%H%M%SZ"))
    }

    fn of_query(query: &Query) -> Result<Self, Fault> {
        query
            .get("X-Amz-Date")
            .and_then(Self::parse)
            .ok_or_else(|| {
                Fault::new(
                    Code::AuthorizationQueryParametersError,
                    "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"",
                )
            })
    }

    fn parse(text: &str) -> Option<Self> {
        let shaped = text.len() == 16
            && text.bytes().enumerate().all(|(at, byte)| match at {
                8 => byte == b'T',
                15 => byte == b'Z',
                _ => byte.is_ascii_digit(),
            });
        if !shaped {
            return None;
        }
        let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        let at = format!(
            "{}-{}-{}T{}:{}:{}Z",
            part(0, 4),
            part(4, 6),
            part(6, 8),
            part(9, 11),
            part(11, 13),
            part(13, 15)
        )
        .parse()
        .ok()?;
        Some(Self {
            text: text.to_owned(),
            at,
        })
    }
}

fn lifetime_ms(query: &Query) -> Result<i64, Fault> {
    let bad = |message: &'static str| Fault::new(Code::AuthorizationQueryParametersError, message);
    let text = query
        .get("X-Amz-Expires")
        .ok_or_else(|| bad("X-Amz-Expires is missing"))?;
    if text.starts_with('-') {
        return Err(bad("X-Amz-Expires must be non-negative"));
    }
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad("X-Amz-Expires should be a number"));
    }
    match text.parse::<i64>() {
        Ok(1..=EXPIRES_MAX) => text
            .parse::<i64>()
            .map(|seconds| seconds * 1000)
            .map_err(|_| bad("X-Amz-Expires should be a number")),
        // It was over when it was made.
        Ok(0) => Err(Fault::new(Code::AccessDenied, "Request has expired")),
        Ok(_) | Err(_) => Err(bad(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds",
        )),
    }
}

fn too_skewed(now: Timestamp) -> Fault {
    Fault::new(
        Code::RequestTimeTooSkewed,
        "The difference between the request time and the current time is too large.",
    )
    .with_detail("ServerTime", now.to_string())
    .with_detail("MaxAllowedSkewMilliseconds", SKEW_MAX_MS.to_string())
}

#[cfg(test)]
mod tests {
    use super::SignedAt;
    use crate::fault::Code;
    use crate::guard::auth_shape::Style;
    use crate::guard::query::Query;
    use crate::guard::scope::{Scope, Service};
    use http::HeaderMap;
    use onshore_types::{AccessKeyId, RegionId, Timestamp};

    fn scope(date: &str) -> Scope {
        Scope {
            access_key: AccessKeyId::parse("KEY").expect("a key"),
            date: date.to_owned(),
            region: RegionId::parse("r").expect("a region"),
            service: Service::S3,
        }
    }

    fn now(seconds: i64) -> Timestamp {
        let noon: Timestamp = "2026-05-05T12:00:00Z".parse().expect("a time");
        noon.plus_millis(seconds * 1000)
    }

    fn header(date: &str, scope_date: &str, seconds: i64) -> Option<Code> {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-date", date.parse().expect("a value"));
        SignedAt::check(
            Style::Header,
            &headers,
            &Query::default(),
            &scope(scope_date),
            now(seconds),
        )
        .err()
        .map(|fault| fault.code)
    }

    fn link(expires: &str, seconds: i64) -> Option<Code> {
        let query =
            Query::parse(Some(&format!("X-Amz-Date=20260505T120000Z&{expires}"))).expect("a query");
        SignedAt::check(
            Style::Presigned,
            &HeaderMap::new(),
            &query,
            &scope("20260505"),
            now(seconds),
        )
        .err()
        .map(|fault| fault.code)
    }

    #[test]
    fn a_signed_time_counts_for_a_quarter_of_an_hour_either_way() {
        for (seconds, code) in [
            (-901, Some(Code::RequestTimeTooSkewed)),
            (-900, None),
            (0, None),
            (900, None),
            (901, Some(Code::RequestTimeTooSkewed)),
        ] {
            assert_eq!(
                header("20260505T120000Z", "20260505", seconds),
                code,
                "{seconds}"
            );
        }
    }

    #[test]
    fn the_day_of_the_scope_is_that_of_the_time() {
        assert_eq!(
            header("20260505T120000Z", "20260504", 0),
            Some(Code::AuthorizationHeaderMalformed)
        );
        for bad in [
            "",
            "20260505",
            "20260505T120000",
            "2026-05-05T12:00Z",
            "20261305T120000Z",
            "20260505 120000Z",
        ] {
            assert_eq!(
                header(bad, "20260505", 0),
                Some(Code::AccessDenied),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_link_lives_from_one_second_to_a_week() {
        for (expires, code) in [
            ("X-Amz-Expires=1", None),
            ("X-Amz-Expires=604800", None),
            (
                "X-Amz-Expires=604801",
                Some(Code::AuthorizationQueryParametersError),
            ),
            ("X-Amz-Expires=0", Some(Code::AccessDenied)),
            (
                "X-Amz-Expires=-1",
                Some(Code::AuthorizationQueryParametersError),
            ),
            (
                "X-Amz-Expires=%2B5",
                Some(Code::AuthorizationQueryParametersError),
            ),
            (
                "X-Amz-Expires=1e3",
                Some(Code::AuthorizationQueryParametersError),
            ),
            (
                "X-Amz-Expires=99999999999999999999",
                Some(Code::AuthorizationQueryParametersError),
            ),
            (
                "X-Amz-Expires=",
                Some(Code::AuthorizationQueryParametersError),
            ),
            ("a=b", Some(Code::AuthorizationQueryParametersError)),
        ] {
            assert_eq!(link(expires, 0), code, "{expires}");
        }
        assert_eq!(link("X-Amz-Expires=60", 60), None);
        assert_eq!(link("X-Amz-Expires=60", 61), Some(Code::AccessDenied));
        assert_eq!(link("X-Amz-Expires=60", -901), Some(Code::AccessDenied));
    }
}
