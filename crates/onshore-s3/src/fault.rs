//! What a client is told when a request is not carried out: one table of S3 error codes with their statuses, and the
//! one value that carries a code, a message and details to the answer.

use std::borrow::Cow;
use std::ops::{Deref, DerefMut};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use s3s::{S3Error, S3ErrorCode};

macro_rules! codes {
    ($($name:ident = $status:ident,)*) => {
        /// An S3 error code that this front answers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Code {
            $(#[doc = concat!("`", stringify!($name), "`")] $name,)*
        }

        impl Code {
            /// Returns the name that goes into the answer.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$name => spelt(stringify!($name)),)* }
            }

            /// Returns the HTTP status that goes with it.
            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }
        }
    };
}

/// Spells a code that is not named as it is spelt: one has a dot in it, one says twice that it is an error.
fn spelt(name: &'static str) -> &'static str {
    match name {
        "KmsNotFound" => "KMS.NotFoundException",
        "KmsDisabled" => "KMS.DisabledException",
        "MaxPostPreDataLengthExceeded" => "MaxPostPreDataLengthExceededError",
        other => other,
    }
}

codes! {
    AccessControlListNotSupported = BAD_REQUEST,
    AccessDenied = FORBIDDEN,
    AccessForbidden = FORBIDDEN,
    AuthorizationHeaderMalformed = BAD_REQUEST,
    AuthorizationQueryParametersError = BAD_REQUEST,
    BadDigest = BAD_REQUEST,
    BadRequest = BAD_REQUEST,
    BucketAlreadyExists = CONFLICT,
    BucketAlreadyOwnedByYou = CONFLICT,
    BucketNotEmpty = CONFLICT,
    EntityTooLarge = BAD_REQUEST,
    EntityTooSmall = BAD_REQUEST,
    IllegalLocationConstraintException = BAD_REQUEST,
    ExpiredToken = BAD_REQUEST,
    IncompleteBody = BAD_REQUEST,
    InsufficientStorage = INSUFFICIENT_STORAGE,
    InternalError = INTERNAL_SERVER_ERROR,
    InvalidAccessKeyId = FORBIDDEN,
    InvalidArgument = BAD_REQUEST,
    InvalidBucketAclWithObjectOwnership = BAD_REQUEST,
    InvalidBucketName = BAD_REQUEST,
    InvalidBucketState = CONFLICT,
    InvalidDigest = BAD_REQUEST,
    InvalidEncryptionAlgorithmError = BAD_REQUEST,
    InvalidLocationConstraint = BAD_REQUEST,
    InvalidObjectState = FORBIDDEN,
    InvalidPart = BAD_REQUEST,
    InvalidPolicyDocument = BAD_REQUEST,
    InvalidPartNumber = RANGE_NOT_SATISFIABLE,
    InvalidPartOrder = BAD_REQUEST,
    InvalidRange = RANGE_NOT_SATISFIABLE,
    InvalidRedirectLocation = BAD_REQUEST,
    InvalidRequest = BAD_REQUEST,
    InvalidRetentionPeriod = BAD_REQUEST,
    InvalidStorageClass = BAD_REQUEST,
    InvalidS3DestinationBucket = BAD_REQUEST,
    InvalidTag = BAD_REQUEST,
    InvalidTargetBucketForLogging = BAD_REQUEST,
    InvalidToken = BAD_REQUEST,
    InvalidURI = BAD_REQUEST,
    KeyTooLongError = BAD_REQUEST,
    KmsDisabled = BAD_REQUEST,
    KmsNotFound = BAD_REQUEST,
    MalformedACLError = BAD_REQUEST,
    MalformedPOSTRequest = BAD_REQUEST,
    MalformedPolicy = BAD_REQUEST,
    MalformedTrailerError = BAD_REQUEST,
    MalformedXML = BAD_REQUEST,
    MaxMessageLengthExceeded = BAD_REQUEST,
    MaxPostPreDataLengthExceeded = BAD_REQUEST,
    MetadataTooLarge = BAD_REQUEST,
    MethodNotAllowed = METHOD_NOT_ALLOWED,
    MissingSecurityHeader = BAD_REQUEST,
    MissingContentLength = LENGTH_REQUIRED,
    NoSuchBucket = NOT_FOUND,
    NoSuchBucketPolicy = NOT_FOUND,
    NoSuchConfiguration = NOT_FOUND,
    NoSuchCORSConfiguration = NOT_FOUND,
    NoSuchKey = NOT_FOUND,
    NoSuchLifecycleConfiguration = NOT_FOUND,
    NoSuchObjectLockConfiguration = NOT_FOUND,
    NoSuchPublicAccessBlockConfiguration = NOT_FOUND,
    NoSuchTagSet = NOT_FOUND,
    NoSuchUpload = NOT_FOUND,
    NoSuchVersion = NOT_FOUND,
    NoSuchWebsiteConfiguration = NOT_FOUND,
    NotImplemented = NOT_IMPLEMENTED,
    NotModified = NOT_MODIFIED,
    ObjectLockConfigurationNotFoundError = NOT_FOUND,
    OperationAborted = CONFLICT,
    OwnershipControlsNotFoundError = NOT_FOUND,
    PreconditionFailed = PRECONDITION_FAILED,
    QuotaExceeded = FORBIDDEN,
    ReplicaExists = CONFLICT,
    ReplicationConfigurationNotFoundError = NOT_FOUND,
    RequestHeaderSectionTooLarge = BAD_REQUEST,
    RequestTimeTooSkewed = FORBIDDEN,
    RequestTimeout = BAD_REQUEST,
    ServiceUnavailable = SERVICE_UNAVAILABLE,
    SignatureDoesNotMatch = FORBIDDEN,
    SlowDown = SERVICE_UNAVAILABLE,
    TooManyConfigurations = BAD_REQUEST,
    XAmzContentSHA256Mismatch = BAD_REQUEST,
}

/// Why a request is not carried out, in the client's words.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {}", .0.code.name(), .0.message)]
pub(crate) struct Fault(Box<Told>);

/// What is told.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) code: Code,
    pub(crate) message: Cow<'static, str>,
    /// Further elements of the error document, such as the right region.
    pub(crate) details: Vec<(&'static str, String)>,
    /// Further headers of the answer.
    pub(crate) headers: HeaderMap,
}

impl Fault {
    /// Makes a fault with a message that a client can act on.
    pub(crate) fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Told {
            code,
            message: message.into(),
            details: Vec::new(),
            headers: HeaderMap::new(),
        }))
    }

    /// What a client reads whose document is not what S3 takes.
    pub(crate) fn malformed() -> Self {
        Self::new(
            Code::MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema",
        )
    }

    /// Adds an element to the error document.
    pub(crate) fn with_detail(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    /// Adds a header to the answer; a value that no header can carry is left out.
    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// Says that the service does not do what was asked.
    pub(crate) fn not_implemented(what: &str) -> Self {
        Self::new(
            Code::NotImplemented,
            format!("{what} is not implemented by this service."),
        )
    }

    /// The one text for everybody who may not, whatever is or is not there.
    pub(crate) fn access_denied() -> Self {
        Self::new(Code::AccessDenied, "Access Denied")
    }

    /// The text for a fault of our own; its cause goes to the log alone.
    pub(crate) fn internal() -> Self {
        Self::new(
            Code::InternalError,
            "We encountered an internal error. Please try again.",
        )
    }
}

impl Deref for Fault {
    type Target = Told;

    fn deref(&self) -> &Told {
        &self.0
    }
}

impl DerefMut for Fault {
    fn deref_mut(&mut self) -> &mut Told {
        &mut self.0
    }
}

/// Hands a fault through `s3s` to the answer; faults with details are answered before `s3s` is reached.
impl From<Fault> for S3Error {
    fn from(fault: Fault) -> Self {
        let fault = *fault.0;
        let code = S3ErrorCode::from_bytes(fault.code.name().as_bytes())
            .unwrap_or(S3ErrorCode::InternalError);
        let mut error = Self::with_message(code, fault.message);
        error.set_status_code(fault.code.status());
        if !fault.headers.is_empty() {
            error.set_headers(fault.headers);
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, Fault};
    use s3s::S3Error;

    #[test]
    fn a_fault_keeps_its_code_status_and_headers_through_s3s() {
        for code in [
            Code::InsufficientStorage,
            Code::NoSuchKey,
            Code::MalformedTrailerError,
        ] {
            let error: S3Error = Fault::new(code, "m")
                .with_header("x-onshore-leaf", "7")
                .into();
            assert_eq!(error.code().as_str(), code.name());
            assert_eq!(error.status_code(), Some(code.status()));
            assert!(
                error
                    .headers()
                    .is_some_and(|h| h.contains_key("x-onshore-leaf"))
            );
        }
    }

    #[test]
    fn a_value_no_header_can_carry_is_left_out() {
        assert!(
            Fault::access_denied()
                .with_header("x-onshore-refusal", "a\nb")
                .headers
                .is_empty()
        );
    }
}
