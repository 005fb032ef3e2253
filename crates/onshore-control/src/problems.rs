//! The one table that says which HTTP status and which word a fault becomes, and what of it the caller reads: a problem in the
//! form of RFC 9457.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use onshore_api::Problem;
use onshore_orders::Language;

use crate::error::Error;
use crate::language::InChinese;

/// A line of the table.
struct Line {
    status: StatusCode,
    code: &'static str,
}

const fn line(status: StatusCode, code: &'static str) -> Line {
    Line { status, code }
}

const BAD_REQUEST: Line = line(StatusCode::BAD_REQUEST, "bad-request");
const FORBIDDEN: Line = line(StatusCode::FORBIDDEN, "forbidden");
const NOT_FOUND: Line = line(StatusCode::NOT_FOUND, "not-found");
const CONFLICT: Line = line(StatusCode::CONFLICT, "conflict");
const RETRY: Line = line(StatusCode::CONFLICT, "changed-meanwhile");
const STORAGE_FULL: Line = line(StatusCode::INSUFFICIENT_STORAGE, "storage-full");
const DAMAGED: Line = line(StatusCode::INTERNAL_SERVER_ERROR, "damaged");
const UNAVAILABLE: Line = line(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
const INTERNAL: Line = line(StatusCode::INTERNAL_SERVER_ERROR, "internal");

fn of(error: &Error) -> Line {
    match error {
        Error::Unauthenticated => line(StatusCode::UNAUTHORIZED, "unauthenticated"),
        Error::Abroad { .. } => line(StatusCode::FORBIDDEN, "border.control"),
        Error::Support(refusal) => line(StatusCode::FORBIDDEN, refusal.rule()),
        Error::NoSuchRoute | Error::Missing(_) => NOT_FOUND,
        Error::NoSuchMethod => line(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed"),
        Error::Malformed(_) | Error::Record(_) | Error::NoRoots => BAD_REQUEST,
        Error::NotJson => line(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json"),
        Error::BodyTooLong | Error::PlanTooLong => {
            line(StatusCode::PAYLOAD_TOO_LARGE, "body-too-long")
        }
        Error::BodyTooSlow => line(StatusCode::REQUEST_TIMEOUT, "body-too-slow"),
        Error::OtherTenant { .. } => FORBIDDEN,
        Error::TooManyRequests { .. } => line(StatusCode::TOO_MANY_REQUESTS, "too-many-requests"),
        Error::Lease(refusal) => of_lease(refusal),
        Error::KeyReused => line(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused"),
        Error::KeyUnderWay => line(StatusCode::CONFLICT, "idempotency-key-under-way"),
        Error::ChangedSince { .. } => line(StatusCode::PRECONDITION_FAILED, "changed-since"),
        Error::NeedsPrecondition => {
            line(StatusCode::PRECONDITION_REQUIRED, "precondition-required")
        }
        Error::OtherClass { .. } | Error::NotAllowed(_) => CONFLICT,
        Error::File(_) => DAMAGED,
        Error::Unwell | Error::Stopping => UNAVAILABLE,
        Error::Gate(error) => of_gate(error),
        Error::Store(error) => of_store(error),
        Error::Registry(error) => of_registry(error),
        Error::Journal(error) => of_journal(error),
        Error::Ledger(_) => INTERNAL,
        Error::Db(error) => of_db(error),
        Error::Source(error) => of_source(error),
    }
}

fn of_gate(error: &onshore_gate::Error) -> Line {
    use onshore_gate::Error as Gate;
    match error {
        Gate::Refused(_) => line(StatusCode::FORBIDDEN, "refused"),
        Gate::RoleForbids { .. } => FORBIDDEN,
        Gate::EpochChanged => RETRY,
        Gate::Handover(onshore_gate::HandoverRefusal::NoSuchTranche(_)) => NOT_FOUND,
        Gate::Handover(onshore_gate::HandoverRefusal::Signed(_)) => CONFLICT,
        Gate::Handover(onshore_gate::HandoverRefusal::NotNamed { .. }) => FORBIDDEN,
        Gate::ListingBlocked(_) => line(StatusCode::FORBIDDEN, "listing-blocked"),
        Gate::Locked { .. } => CONFLICT,
        Gate::Unlicensed(_) => line(StatusCode::FORBIDDEN, "unlicensed"),
        Gate::Frozen(_) => line(StatusCode::FORBIDDEN, "frozen"),
        Gate::Imported { .. } | Gate::Record(_) | Gate::Information(_) => BAD_REQUEST,
        Gate::TooLarge { .. }
        | Gate::Past { .. }
        | Gate::Uncoverable
        | Gate::NotAbroad { .. }
        | Gate::Pack(_)
        | Gate::PackNotHere { .. }
        | Gate::PackIncomplete { .. }
        | Gate::PackCases { .. }
        | Gate::PackUntried { .. }
        | Gate::PackPast { .. }
        | Gate::NoSuchInstrument { .. }
        | Gate::SupportTime { .. }
        | Gate::SessionTime
        | Gate::NotAnEngineer(_) => BAD_REQUEST,
        Gate::ForRegulator { .. } => FORBIDDEN,
        Gate::Unnamed => line(StatusCode::FORBIDDEN, "unnamed"),
        Gate::SamePerson => line(StatusCode::FORBIDDEN, "same-person"),
        Gate::NothingToApprove | Gate::NoReviewToApprove | Gate::NoPackToApprove => CONFLICT,
        Gate::NotComplete { .. } => line(StatusCode::CONFLICT, "not-complete"),
        Gate::SupportState { .. }
        | Gate::LooseningState { .. }
        | Gate::NotDecommissionable { .. }
        | Gate::NoWayBack { .. }
        | Gate::NotOfAsset { .. }
        | Gate::ToldOtherwise { .. }
        | Gate::SupportUnderWay { .. } => CONFLICT,
        Gate::Update(error) => of_update(error),
        Gate::Quarantine(onshore_registry::QuarantineError::TooLong { .. }) => {
            line(StatusCode::PAYLOAD_TOO_LARGE, "body-too-long")
        }
        Gate::Quarantine(onshore_registry::QuarantineError::Io(error))
            if error.kind() == std::io::ErrorKind::StorageFull =>
        {
            STORAGE_FULL
        }
        Gate::Quarantine(_) => DAMAGED,
        Gate::Registry(error) => of_registry(error),
        Gate::Journal(error) => of_journal(error),
        Gate::Db(error) => of_db(error),
        Gate::Ledger(_) | Gate::Persons(_) | Gate::ToldBeside(_) | Gate::Classify(_) => INTERNAL,
    }
}

fn of_lease(refusal: &onshore_api::LeaseRefusal) -> Line {
    use onshore_api::LeaseRefusal as Refusal;
    match refusal {
        Refusal::NoSuchJob(_) | Refusal::NoSuchObject => NOT_FOUND,
        Refusal::NotShared(_) => line(StatusCode::CONFLICT, "not-shared"),
        Refusal::Gone(_) => line(StatusCode::CONFLICT, "lease-gone"),
        Refusal::Busy | Refusal::OutOfTurn | Refusal::OtherWay { .. } | Refusal::NoRuns => CONFLICT,
        Refusal::Differs(_) => line(StatusCode::BAD_REQUEST, "bytes-differ"),
        Refusal::BrokeOff => line(StatusCode::BAD_REQUEST, "broke-off"),
        Refusal::Standstill => line(StatusCode::CONFLICT, "standstill"),
    }
}

fn of_update(error: &onshore_gate::UpdateRefusal) -> Line {
    use onshore_gate::UpdateRefusal as Refusal;
    match error {
        Refusal::Bundle(_) => BAD_REQUEST,
        Refusal::NoKey
        | Refusal::OtherPlatform { .. }
        | Refusal::Older { .. }
        | Refusal::Full
        | Refusal::NotApproved { .. }
        | Refusal::Rejected(_)
        | Refusal::Gone(_)
        | Refusal::Swapped(_) => CONFLICT,
    }
}

fn of_store(error: &onshore_store::Error) -> Line {
    use onshore_store::ErrorKind;
    match error.kind() {
        ErrorKind::Refused => CONFLICT,
        ErrorKind::Missing => NOT_FOUND,
        ErrorKind::Conflict => RETRY,
        ErrorKind::BadBody => BAD_REQUEST,
        ErrorKind::StorageFull => STORAGE_FULL,
        ErrorKind::Corrupt => DAMAGED,
        ErrorKind::Unavailable => UNAVAILABLE,
        ErrorKind::Bug => INTERNAL,
    }
}

fn of_registry(error: &onshore_registry::Error) -> Line {
    use onshore_registry::Error as Registry;
    match error {
        Registry::Db(error) => of_db(error),
        Registry::Key(_) => UNAVAILABLE,
        Registry::Unreadable { .. } => DAMAGED,
        Registry::TenantTaken(_) | Registry::AccessKeyTaken(_) | Registry::IdentityTaken { .. } => {
            CONFLICT
        }
        Registry::Policy(_) => line(StatusCode::BAD_REQUEST, "malformed-policy"),
        Registry::AlreadyRevoked(_)
        | Registry::JobEnded(_)
        | Registry::CutoverUnderWay { .. }
        | Registry::MigrationUnderWay(_)
        | Registry::DrillEnded(_)
        | Registry::DrillUnderWay(_)
        | Registry::Exhausted { .. }
        | Registry::TooManyTerms
        | Registry::RecordTaken { .. } => CONFLICT,
        Registry::RecordChanged { .. } => RETRY,
        Registry::Record(_) | Registry::NoSuchReference { .. } => BAD_REQUEST,
        Registry::NoSuchTenant(_)
        | Registry::NoSuchKey(_)
        | Registry::NoSuchIdentity { .. }
        | Registry::NoSuchPolicy(_)
        | Registry::NoSuchToken(_)
        | Registry::NoSuchApproval(_)
        | Registry::NoSuchSupportSession(_)
        | Registry::NoSuchLoosening(_)
        | Registry::NoSuchJob(_)
        | Registry::NoSuchCutover
        | Registry::NoSuchRecord { .. }
        | Registry::NoSuchUpdate(_)
        | Registry::NoSuchDrill(_) => NOT_FOUND,
    }
}

fn of_journal(error: &onshore_journal::Error) -> Line {
    use onshore_journal::Error as Journal;
    match error {
        Journal::Db(error) => of_db(error),
        Journal::NoSuchLeaf { .. } | Journal::NoSuchRead { .. } => NOT_FOUND,
        Journal::Rewritten { .. } => DAMAGED,
        Journal::Key(_) | Journal::File { .. } | Journal::Interrupted => UNAVAILABLE,
        Journal::Ledger(_) | Journal::NotAnObject => INTERNAL,
    }
}

fn of_db(error: &onshore_db::Error) -> Line {
    use onshore_db::ErrorKind;
    match error.kind() {
        ErrorKind::StorageFull => STORAGE_FULL,
        ErrorKind::Corrupt => DAMAGED,
        ErrorKind::Unavailable => UNAVAILABLE,
        ErrorKind::Bug => INTERNAL,
    }
}

fn of_source(error: &onshore_sources::Error) -> Line {
    use onshore_sources::Error as Source;
    match error {
        Source::Spec { .. } | Source::Elsewhere { .. } | Source::OutsideRoots => BAD_REQUEST,
        Source::PrivateEndpoint { .. } | Source::LedInside { .. } | Source::Forbidden { .. } => {
            FORBIDDEN
        }
        Source::Gone { .. } => NOT_FOUND,
        Source::Unavailable { .. } => UNAVAILABLE,
        Source::Changed
        | Source::Credentials { .. }
        | Source::Unsupported { .. }
        | Source::Protocol { .. }
        | Source::Environment { .. } => INTERNAL,
    }
}

/// What to do about it, where the keeper's own words do not say.
fn remedy(error: &Error) -> &'static str {
    use onshore_store::Error as Store;
    let Error::Store(error) = error else {
        return "";
    };
    match error {
        Store::WouldLoosen { .. } => {
            "; one person only ever tightens a class: name one that is at least as strict in both level and personal; two people loosen it with `onshore label loosen`"
        }
        Store::BucketTaken { .. } => "; names are unique in a region: choose another",
        Store::VersionGone | Store::LabelChanged { .. } => "; ask again",
        _ => "",
    }
}

/// A problem as it is answered.
pub(crate) fn told(status: StatusCode, problem: Problem) -> impl IntoResponse {
    let kind = HeaderValue::from_static(Problem::MEDIA_TYPE);
    (status, [(header::CONTENT_TYPE, kind)], Json(problem))
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let Line { status, code } = of(&self);
        if status.is_server_error() {
            tracing::error!(error = %Chain(&self), code, "a control request failed");
        }
        let detail = if code == INTERNAL.code {
            "this is a mistake in Onshore, not in the request; the server's log says more"
                .to_owned()
        } else {
            format!("{self}{}", remedy(&self))
        };
        let leaf = match &self {
            Self::Gate(onshore_gate::Error::Refused(refused)) => Some(refused.leaf),
            Self::Gate(onshore_gate::Error::Frozen(refused)) => Some(refused.leaf),
            Self::Gate(onshore_gate::Error::Unlicensed(refused)) => Some(refused.leaf),
            Self::Gate(onshore_gate::Error::ListingBlocked(refused)) => Some(refused.leaf),
            _ => None,
        };
        let retry_after_s = match &self {
            Self::TooManyRequests { retry_after_s } => Some(*retry_after_s),
            _ => None,
        };
        let problem = Problem::new(code, status.as_u16(), detail, leaf);
        let mut response = told(status, problem).into_response();
        if let Self::Gate(error) = &self
            && let Some(detail) = error.refusal_in(Language::Zh)
        {
            let problem = Problem::new(code, status.as_u16(), detail, leaf);
            response.extensions_mut().insert(InChinese(problem));
        }
        if let Some(seconds) = retry_after_s {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// An error with everything that caused it, for the log.
struct Chain<'a>(&'a Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = std::error::Error::source(self.0);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
