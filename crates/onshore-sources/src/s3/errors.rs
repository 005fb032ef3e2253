//! What an error of the SDK means. Only the status and the error code are passed on: the message is the source's own
//! text and may name keys and access keys.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::Error;

/// Codes that say: these credentials open nothing (any longer).
const CREDENTIALS: &[&str] = &[
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
];

/// Codes that ask for patience, whatever their status.
const PATIENCE: &[&str] = &[
    "InternalError",
    "OperationAborted",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "TooManyRequests",
    "RequestLimitExceeded",
];

/// Codes that say: it is there, and cannot be had like this.
const UNSUPPORTED: &[&str] = &[
    "InvalidObjectState",
    "MethodNotAllowed",
    "NotImplemented",
    "NotSupported",
    "OperationNotSupported",
];

/// Codes that say: ask another region or endpoint.
const ELSEWHERE: &[&str] = &[
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "PermanentRedirect",
    "TemporaryRedirect",
];

/// Returns the error code the source gave.
pub(super) fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<String> {
    let code = error.as_service_error()?.code()?;
    let clean = code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric());
    clean.then(|| code.to_owned())
}

/// Says what to do about an error.
pub(super) fn fault<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Error {
    match error {
        SdkError::TimeoutError(_) => Error::Unavailable {
            what: "timeout".to_owned(),
        },
        SdkError::DispatchFailure(failure) => Error::Unavailable {
            what: if failure.is_timeout() {
                "timeout".to_owned()
            } else {
                "no connection".to_owned()
            },
        },
        SdkError::ConstructionFailure(_) => Error::Protocol {
            what: "a request that the SDK does not build".to_owned(),
        },
        SdkError::ResponseError(_) => Error::Unavailable {
            what: "an answer that does not parse".to_owned(),
        },
        SdkError::ServiceError(service) => {
            of_status(service.raw().status().as_u16(), code(error).as_deref())
        }
        _ => Error::Protocol {
            what: "an error of a kind the SDK did not have".to_owned(),
        },
    }
}

fn of_status(status: u16, code: Option<&str>) -> Error {
    let known = code.unwrap_or_default();
    let what = match code {
        Some(code) => format!("{status} {code}"),
        None => status.to_string(),
    };
    if CREDENTIALS.contains(&known) {
        return Error::Credentials { what };
    }
    if PATIENCE.contains(&known) {
        return Error::Unavailable { what };
    }
    if UNSUPPORTED.contains(&known) {
        return Error::Unsupported { what };
    }
    if ELSEWHERE.contains(&known) {
        return Error::Elsewhere { what };
    }
    match status {
        301 | 302 | 307 | 308 => Error::Elsewhere { what },
        404 => Error::Gone { what },
        409 | 412 | 416 => Error::Changed,
        401 | 403 => Error::Forbidden { what },
        405 | 501 => Error::Unsupported { what },
        408 | 425 | 429 | 500 | 502..=599 => Error::Unavailable { what },
        _ => Error::Protocol { what },
    }
}

/// The source did not keep to the protocol: what it should have said, or done.
pub(super) fn of_protocol(what: &str) -> Error {
    Error::Protocol {
        what: what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::of_status;
    use crate::ErrorKind;

    #[test]
    fn each_answer_has_one_meaning() {
        for (status, code, kind) in [
            (503, "SlowDown", ErrorKind::Retry),
            (500, "", ErrorKind::Retry),
            (400, "RequestTimeout", ErrorKind::Retry),
            (412, "PreconditionFailed", ErrorKind::Changed),
            (416, "InvalidRange", ErrorKind::Changed),
            (404, "NoSuchKey", ErrorKind::Gone),
            (403, "AccessDenied", ErrorKind::Forbidden),
            (403, "InvalidObjectState", ErrorKind::Unsupported),
            (403, "InvalidAccessKeyId", ErrorKind::Credentials),
            (400, "ExpiredToken", ErrorKind::Credentials),
            (501, "NotImplemented", ErrorKind::Unsupported),
            (400, "", ErrorKind::Bug),
            (301, "PermanentRedirect", ErrorKind::Bug),
        ] {
            let code = (!code.is_empty()).then_some(code);
            assert_eq!(of_status(status, code).kind(), kind, "{status}");
        }
    }
}
