//! Answers of STS, in its XML.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use onshore_types::{LeafIndex, Timestamp};

use crate::answer::element;
use crate::fault::{Code, Fault};
use crate::sts::written;

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Why a request of STS is not carried out.
#[derive(Debug)]
pub(crate) struct StsFault {
    code: &'static str,
    status: StatusCode,
    message: String,
}

/// Temporary credentials, told once.
pub(crate) struct Credentials {
    pub(crate) access_key: String,
    pub(crate) secret: String,
    pub(crate) token: String,
    pub(crate) until: Timestamp,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key", &self.access_key)
            .finish_non_exhaustive()
    }
}

impl StsFault {
    fn new(code: &'static str, status: StatusCode, message: &str) -> Self {
        Self {
            code,
            status,
            message: message.to_owned(),
        }
    }

    pub(crate) fn validation(message: &str) -> Self {
        Self::new("ValidationError", StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn malformed_policy(message: &str) -> Self {
        Self::new("MalformedPolicyDocument", StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn access_denied(message: &str) -> Self {
        Self::new("AccessDenied", StatusCode::FORBIDDEN, message)
    }

    pub(crate) fn not_signed() -> Self {
        Self::new(
            "MissingAuthenticationToken",
            StatusCode::FORBIDDEN,
            "Request is missing Authentication Token",
        )
    }

    pub(crate) fn invalid_action(action: &str) -> Self {
        let shown: String = action.chars().take(64).collect();
        Self::new(
            "InvalidAction",
            StatusCode::BAD_REQUEST,
            &format!(
                "Could not find operation {shown}: this service answers AssumeRole, GetSessionToken and GetCallerIdentity"
            ),
        )
    }
}

impl From<Fault> for StsFault {
    fn from(fault: Fault) -> Self {
        let code = match fault.code {
            Code::InvalidAccessKeyId | Code::InvalidToken => "InvalidClientTokenId",
            Code::ExpiredToken => "ExpiredTokenException",
            Code::SignatureDoesNotMatch | Code::RequestTimeTooSkewed => "SignatureDoesNotMatch",
            Code::ServiceUnavailable => "ServiceUnavailable",
            Code::InternalError => "InternalFailure",
            Code::AccessDenied => "AccessDenied",
            Code::AuthorizationHeaderMalformed => "IncompleteSignature",
            _ => "ValidationError",
        };
        let status = match fault.code {
            Code::InvalidToken | Code::ExpiredToken | Code::RequestTimeTooSkewed => {
                StatusCode::FORBIDDEN
            }
            code => code.status(),
        };
        Self::new(code, status, &fault.message)
    }
}

/// Writes a fault.
pub(crate) fn of_fault(fault: &StsFault, request_id: &str) -> Response<s3s::Body> {
    let kind = if fault.status.is_server_error() {
        "Receiver"
    } else {
        "Sender"
    };
    let mut text = format!("<ErrorResponse xmlns=\"{NAMESPACE}\"><Error>");
    element(&mut text, "Type", kind);
    element(&mut text, "Code", fault.code);
    element(&mut text, "Message", &fault.message);
    text.push_str("</Error>");
    element(&mut text, "RequestId", request_id);
    text.push_str("</ErrorResponse>");
    response(fault.status, text)
}

/// Writes the answer of an operation around its result.
pub(crate) fn of_result(
    operation: &str,
    result: &str,
    leaf: Option<LeafIndex>,
    request_id: &str,
) -> Response<s3s::Body> {
    let mut text = format!(
        "<{operation}Response xmlns=\"{NAMESPACE}\"><{operation}Result>{result}</{operation}Result><ResponseMetadata>"
    );
    element(&mut text, "RequestId", request_id);
    text.push_str(&format!("</ResponseMetadata></{operation}Response>"));
    let mut response = response(StatusCode::OK, text);
    if let Some(leaf) = leaf {
        response.headers_mut().insert("x-onshore-leaf", leaf.into());
    }
    response
}

/// Writes who asks.
pub(crate) fn caller_identity(arn: &str, id: &str, account: &str) -> String {
    let mut text = String::new();
    element(&mut text, "Arn", arn);
    element(&mut text, "UserId", id);
    element(&mut text, "Account", account);
    text
}

/// Writes the credentials of a session.
pub(crate) fn session_token(credentials: &Credentials) -> String {
    let mut text = String::from("<Credentials>");
    element(&mut text, "AccessKeyId", &credentials.access_key);
    element(&mut text, "SecretAccessKey", &credentials.secret);
    element(&mut text, "SessionToken", &credentials.token);
    element(&mut text, "Expiration", &written(credentials.until));
    text.push_str("</Credentials>");
    text
}

/// Writes the credentials of somebody in a role, and who he is now.
pub(crate) fn assumed_role(credentials: &Credentials, id: &str, arn: &str) -> String {
    let mut text = session_token(credentials);
    text.push_str("<AssumedRoleUser>");
    element(&mut text, "AssumedRoleId", id);
    element(&mut text, "Arn", arn);
    text.push_str("</AssumedRoleUser>");
    element(&mut text, "PackedPolicySize", "0");
    text
}

fn response(status: StatusCode, text: String) -> Response<s3s::Body> {
    let mut response = Response::new(s3s::Body::from(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    response
}
