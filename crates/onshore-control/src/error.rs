//! Why a request was not done.

use onshore_types::{BucketName, JobId, Jurisdiction, Place, TenantName};

/// Why a request was not done. Its text is for the caller, unless the table in `problems` withholds it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No token, or one that nobody holds.
    #[error(
        "this needs a control token that is known here: send `Authorization: Bearer TOKEN` (the command line takes it \
         from --token, ONSHORE_TOKEN, or credentials.toml below --data); an S3 key opens nothing here"
    )]
    Unauthenticated,
    /// The caller is not inside the region's jurisdiction.
    #[error(
        "Refused by rule border.control: the control API of a region governed by {region} answers inside {region} alone, \
         and this request comes from {}. Remedy: call from inside, or name the network of the address in [networks] \
         and, when a proxy stands before it, the proxy in [proxies].",
        place_words(*.place)
    )]
    Abroad {
        /// What governs the region.
        region: Jurisdiction,
        /// Where the caller is.
        place: Place,
    },
    /// A support engineer asks for what no session opens.
    #[error(transparent)]
    Support(#[from] SupportRefusal),
    /// There is nothing at this path.
    #[error("there is nothing at this path; GET /openapi.json lists what there is")]
    NoSuchRoute,
    /// The path is there, but not for this method.
    #[error("this path does not take this method; GET /openapi.json lists what it takes")]
    NoSuchMethod,
    /// The request is not one that could be meant.
    #[error("{0}")]
    Malformed(String),
    /// A record of the register does not hold.
    #[error(transparent)]
    Record(onshore_orders::Error),
    /// The body is announced as something else.
    #[error("send the body as JSON, with `Content-Type: application/json`")]
    NotJson,
    /// The body is too long.
    #[error("the body is too long: up to 1 MiB is taken, of tables and inventories up to 32 MiB")]
    BodyTooLong,
    /// The plan is too long.
    #[error(
        "the plan is longer than 32 MiB: plan a part of it (`terraform plan -target`), or judge it where it is with `onshore guard`"
    )]
    PlanTooLong,
    /// The body does not arrive.
    #[error("the body did not arrive in time")]
    BodyTooSlow,
    /// What is asked for is not there.
    #[error("{0}")]
    Missing(String),
    /// What is asked for was not allowed by whoever may allow it.
    #[error("{0}")]
    NotAllowed(String),
    /// The bucket belongs to somebody else than the order says.
    #[error(
        "the bucket `{bucket}` is not one of tenant `{tenant}`; choose another bucket, or name its tenant"
    )]
    OtherTenant {
        /// Which bucket.
        bucket: BucketName,
        /// Who does not have it.
        tenant: TenantName,
    },
    /// The same source and bucket are under way with another class.
    #[error(
        "{job} brings the same source to the same bucket under another class; wait for its end or cancel it first"
    )]
    OtherClass {
        /// Which job.
        job: JobId,
    },
    /// The caller asks faster than he may.
    #[error(
        "too many requests with this token: ask again in {retry_after_s} s; the operator sets how many there may be ([control] requests_per_s)"
    )]
    TooManyRequests {
        /// When he may ask again.
        retry_after_s: u64,
    },
    /// An idempotency key came before with another request.
    #[error(
        "this Idempotency-Key came before with another request; a key is for one request and its repetitions, so send another"
    )]
    KeyReused,
    /// The first request with this key has no answer.
    #[error(
        "the first request with this Idempotency-Key has no answer yet, or was interrupted: ask again in a moment; if it stays so, look \
         whether it was done, and send another key"
    )]
    KeyUnderWay,
    /// Something about a lease.
    #[error("{0}")]
    Lease(onshore_api::LeaseRefusal),
    /// What is edited is not what the caller saw.
    #[error(
        "what is there is not what `If-Match` names; ask for it again (GET), and send the ETag of that{}",
        .now.as_ref().map_or_else(String::new, |now| format!(", which is {now} now"))
    )]
    ChangedSince {
        /// The ETag of what is there, if there is something.
        now: Option<String>,
    },
    /// An edit says of nothing what it was made of.
    #[error(
        "say what this edit was made of: the `revision` of the record, or `If-Match` with the ETag that a GET answered"
    )]
    NeedsPrecondition,
    /// No folder may be a source.
    #[error(
        "no folder of the server may be read: list the folders below which sources may lie in `[migrate] roots` of the \
         server's configuration and start it again, or migrate from an S3 endpoint"
    )]
    NoRoots,
    /// A file that should be handed out cannot be read.
    #[error("a file of the server cannot be read")]
    File(#[source] std::io::Error),
    /// The database takes no work. Anybody may read this, so it says no more.
    #[error(
        "the database takes no work at present; the operator finds the cause in the server's log"
    )]
    Unwell,
    /// The work was given up because the server ends.
    #[error("the server is stopping; ask again once it is back")]
    Stopping,
    /// The gate refused or failed.
    #[error(transparent)]
    Gate(#[from] onshore_gate::Error),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] onshore_store::Error),
    /// The registry refused or failed.
    #[error(transparent)]
    Registry(#[from] onshore_registry::Error),
    /// The journal refused or failed.
    #[error(transparent)]
    Journal(#[from] onshore_journal::Error),
    /// The ledger's rules refused a value.
    #[error(transparent)]
    Ledger(#[from] onshore_ledger::Error),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] onshore_db::Error),
    /// The source of a migration cannot be one.
    #[error(transparent)]
    Source(#[from] onshore_sources::Error),
}

/// Why a support engineer is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SupportRefusal {
    /// No session is in force.
    #[error(
        "a support engineer's token opens nothing by itself, and no support session of yours is in force: ask the operator for one; \
         one of his people opens it with `onshore support open`, another approves it with `onshore support approve`"
    )]
    NoSession,
    /// It is none of the views that a session opens.
    #[error(
        "a support session opens views of how the region is doing, and nothing else: no change, no object, no record; docs/decisions/0034 \
         lists them"
    )]
    NotAView,
    /// It is a tenant's, and the session names none.
    #[error(
        "this is a view of a tenant's, and the support session names none: ask the operator for one with `--tenant`"
    )]
    NoTenant,
    /// The answer is longer than one may be.
    #[error("in a support session an answer is at most 8 MiB long; ask for less")]
    TooLong,
}

impl SupportRefusal {
    /// Returns the word under which it is recorded.
    pub(crate) const fn rule(self) -> &'static str {
        match self {
            Self::NoSession => "support.no-session",
            Self::NotAView => "support.not-a-view",
            Self::NoTenant => "support.no-tenant",
            Self::TooLong => "support.too-long",
        }
    }
}

fn place_words(place: Place) -> String {
    match place {
        Place::In(jurisdiction) => jurisdiction.to_string(),
        Place::Unknown => "a place that the configuration does not know".to_owned(),
    }
}
