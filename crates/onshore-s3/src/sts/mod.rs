//! Who somebody is, and to be somebody else for a while: the operations of STS that the S3 port answers, `AssumeRole`,
//! `GetSessionToken` and `GetCallerIdentity`, as forms posted to `/` that are signed for the service `sts`. What a session
//! is travels in its token; that it was made is recorded.

mod answer;
mod parameters;

use std::collections::BTreeMap;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use onshore_policy::iam::{
    Access, Ask, Compiled, Key, Kind, Kinship, Malformed, Named, Sides, Standing, Values,
};
use onshore_registry::{Details, Identity, IdentityKind, Session, Taken, Taker};
use onshore_types::{AccessKeyId, IdentityName, PrincipalId, Timestamp};
use ring::digest;
use tokio::time::timeout;

use crate::access::Came;
use crate::body::BodyReport;
use crate::call::{Announced, Call};
use crate::caller::{Caller, Signed};
use crate::conditions_of;
use crate::front::Front;
use crate::guard::auth_shape::{Claim, Style};
use crate::guard::credentials::unavailable;
use crate::guard::headers;
use crate::guard::presign::SignedAt;
use crate::guard::query::Query;
use crate::guard::scope::{Asked, Scope};
use crate::guard::signature::{Signed as SignedParts, sha256_hex};
use crate::sts::answer::StsFault;
use crate::sts::parameters::{Parameters, SessionTags};

/// The longest form.
const FORM_MAX_BYTES: usize = 64 * 1024;
/// How long it may take to come.
const FORM_WITHIN: Duration = Duration::from_secs(60);
/// The shortest session, in seconds.
const DURATION_MIN_S: u32 = 900;
/// The longest session of a role.
const ROLE_MAX_S: u32 = 43_200;
/// The longest session of a role that does not say another, or that is taken out of a session.
const ROLE_DEFAULT_S: u32 = 3600;
/// The longest session of a user.
const USER_MAX_S: u32 = 129_600;
/// That of a user where nothing is said.
const USER_DEFAULT_S: u32 = 43_200;
/// The longest session of an administrator.
const ADMIN_MAX_S: u32 = 3600;
/// How many roles may be taken one out of another.
const CHAINED_MAX: u8 = 16;

/// Whether a request is one of STS.
pub(crate) fn is_sts(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    *method == Method::POST
        && uri.path() == "/"
        && headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|kind| kind.trim().starts_with("application/x-www-form-urlencoded"))
}

impl Front {
    /// Answers a request of STS.
    pub(crate) async fn answer_sts(
        &self,
        request: Request<Incoming>,
        came: &Came<'_>,
        request_id: &str,
    ) -> (Option<&'static str>, Response<s3s::Body>) {
        let (parts, incoming) = request.into_parts();
        let (call, parameters) = match self.admitted(&parts, incoming, came).await {
            Ok(admitted) => admitted,
            Err(fault) => return (None, answer::of_fault(&fault, request_id)),
        };
        let action = parameters.get("Action").unwrap_or_default().to_owned();
        let (operation, done) = match action.as_str() {
            "AssumeRole" => ("AssumeRole", self.assume_role(&call, &parameters).await),
            "GetSessionToken" => (
                "GetSessionToken",
                self.session_token(&call, &parameters).await,
            ),
            "GetCallerIdentity" => ("GetCallerIdentity", self.caller_identity(&call)),
            _ => {
                let fault = StsFault::invalid_action(&action);
                return (None, answer::of_fault(&fault, request_id));
            }
        };
        let response = match done {
            Ok(result) => answer::of_result(operation, &result, call.leaf(), request_id),
            Err(fault) => answer::of_fault(&fault, request_id),
        };
        (Some(operation), response)
    }

    /// Reads the form and finds its signature right.
    async fn admitted(
        &self,
        parts: &Parts,
        incoming: Incoming,
        came: &Came<'_>,
    ) -> Result<(Call, Parameters), StsFault> {
        let guard = self.guard();
        headers::check_shape(&parts.headers)?;
        let query = Query::parse(parts.uri.query())?;
        let claim = Claim::find(&parts.headers, &query)?
            .filter(|claim| claim.style == Style::Header)
            .ok_or_else(StsFault::not_signed)?;
        headers::check_signed(&claim, &parts.headers)?;
        let scope = Scope::parse(&claim, &guard.region, Asked::Identity)?;
        let now = self.inner.gate.wall();
        let signed_at = SignedAt::check(claim.style, &parts.headers, &query, &scope, now)?;
        let token = parts
            .headers
            .get("x-amz-security-token")
            .map(|token| token.to_str().unwrap_or_default());
        let credentials = guard.credentials(&scope.access_key, token).await?;
        let body = timeout(
            FORM_WITHIN,
            Limited::new(incoming, FORM_MAX_BYTES).collect(),
        )
        .await
        .map_err(|_| StsFault::validation("the form did not come in time"))?
        .map_err(|_| StsFault::validation("the form is too long, or broke off"))?
        .to_bytes();
        let key = guard
            .derived
            .signing_key(credentials.secret.as_bytes(), &scope, &signed_at);
        key.verify(
            &claim,
            &SignedParts {
                method: &parts.method,
                raw_path: parts.uri.path(),
                query: &query,
                headers: &parts.headers,
                payload_hash: &sha256_hex(&body),
            },
        )?;
        let parameters = Parameters::parse(&body)?;
        let caller = credentials.caller(Signed::InHeader);
        let place = guard.place_of_caller(&caller, &parts.headers, came.peer);
        let call = Call::new(
            caller,
            guard.way(&parts.headers, came),
            place,
            query,
            parts.headers.clone(),
            Announced::default(),
            BodyReport::default(),
        );
        Ok((call, parameters))
    }

    /// Says who asks. Whoever has credentials may know whose they are.
    fn caller_identity(&self, call: &Call) -> Result<String, StsFault> {
        let caller = call.caller();
        let arn = caller.named().arn(&self.inner.gate.region().partition);
        Ok(answer::caller_identity(
            &arn.unwrap_or_default(),
            &caller.user_id().unwrap_or_default(),
            &caller.tenant.to_string(),
        ))
    }

    /// Lets somebody be in a role.
    async fn assume_role(&self, call: &Call, asked: &Parameters) -> Result<String, StsFault> {
        let partition = &self.inner.gate.region().partition;
        let arn = asked.require("RoleArn")?;
        let Named::Role(tenant, name) =
            Named::parse(arn, partition).map_err(|why| StsFault::validation(&why))?
        else {
            return Err(StsFault::validation("RoleArn names no role"));
        };
        let session_name = asked.session_name()?;
        let tags = asked.tags()?;
        let inherited = inherited(call.caller(), &tags)?;
        let policy = asked.policy()?;
        if let Some(policy) = policy {
            Compiled::parse(policy, &Kind::Session, partition)
                .map_err(|fault| malformed(&fault))?;
        }
        let registry = self.registry();
        let found = self
            .inner
            .db()
            .read({
                let (registry, name) = (registry.clone(), name.clone());
                move |view| registry.identity(view, tenant, IdentityKind::Role, &name)
            })
            .await;
        let role = match found {
            Ok(role) => role,
            // Whether another tenant has such a role is nothing for whoever asks.
            Err(onshore_registry::Error::NoSuchIdentity { .. }) => {
                return Err(self.not_trusted(call, arn));
            }
            Err(error) => return Err(unavailable(&error).into()),
        };
        self.check_trust(call, &role, &session_name, &tags, asked, arn)?;
        let chained = call
            .caller()
            .session
            .as_ref()
            .map_or(0, |session| session.session.chained + 1);
        if chained > CHAINED_MAX {
            return Err(StsFault::validation(
                "too many roles were taken one out of another",
            ));
        }
        let duration_s = duration_of_role(asked, &role.details, chained)?;
        let of_session = call.caller().session.as_ref();
        let made_with = match of_session.and_then(|session| session.session.made_with.clone()) {
            Some(made_with) => made_with,
            None => signed_with(call)?,
        };
        let now = self.inner.gate.now();
        let mut all_tags = inherited.tags;
        all_tags.extend(tags.tags.clone());
        let mut transitive = inherited.transitive;
        transitive.extend(tags.transitive.iter().cloned());
        let session = Session {
            access_key: draw_access_key(),
            partition: partition.clone(),
            tenant,
            principal: principal_of(&role, &session_name),
            identity: Some(role.id),
            made_with: Some(made_with),
            name: Some(session_name.clone()),
            tags: all_tags,
            transitive,
            policy: policy.map(str::to_owned),
            issued: now,
            until: now.plus_millis(i64::from(duration_s) * 1000),
            chained,
            taken: Some(taken(call.caller())),
        };
        let of_session = Named::Session(tenant, name, session_name.clone());
        let credentials = self.sealed(call, session).await?;
        Ok(answer::assumed_role(
            &credentials,
            &format!("{}:{session_name}", role.id),
            &of_session.arn(partition).unwrap_or_default(),
        ))
    }

    /// Gives a user, or an administrator, credentials that end by themselves.
    async fn session_token(&self, call: &Call, asked: &Parameters) -> Result<String, StsFault> {
        let caller = call.caller();
        if caller.session.is_some() {
            return Err(StsFault::access_denied(
                "Cannot call GetSessionToken with session credentials",
            ));
        }
        asked.refuse(&["SerialNumber", "TokenCode"])?;
        let (max_s, default_s) = match caller.bearer.standing {
            Standing::Admin => (ADMIN_MAX_S, ADMIN_MAX_S),
            Standing::Identity | Standing::Anonymous => (USER_MAX_S, USER_DEFAULT_S),
        };
        let duration_s = asked
            .duration_s(DURATION_MIN_S, USER_MAX_S, default_s)?
            .min(max_s);
        let made_with = signed_with(call)?;
        let now = self.inner.gate.now();
        let session = Session {
            access_key: draw_access_key(),
            partition: self.inner.gate.region().partition.clone(),
            tenant: caller.tenant,
            principal: caller.principal.id,
            identity: match caller.bearer.standing {
                Standing::Identity => Some(caller.principal.id),
                Standing::Admin | Standing::Anonymous => None,
            },
            made_with: Some(made_with),
            name: None,
            tags: BTreeMap::new(),
            transitive: Vec::new(),
            policy: None,
            issued: now,
            until: now.plus_millis(i64::from(duration_s) * 1000),
            chained: 0,
            taken: None,
        };
        let credentials = self.sealed(call, session).await?;
        Ok(answer::session_token(&credentials))
    }

    /// Makes the credentials of a session and records that it was made.
    async fn sealed(&self, call: &Call, session: Session) -> Result<answer::Credentials, StsFault> {
        let leaf = self
            .inner
            .gate
            .open_session(call.caller().principal, &session)
            .await
            .map_err(|error| {
                crate::error::Error::from(error).into_fault(crate::error::ReadAt::Home)
            })?;
        call.note_leaf(leaf);
        let (access_key, until) = (session.access_key.clone(), session.until);
        let sealed = self
            .registry()
            .seal_session(session)
            .await
            .map_err(|error| unavailable(&error))?;
        Ok(answer::Credentials {
            access_key: access_key.to_string(),
            secret: String::from_utf8_lossy(sealed.secret.as_bytes()).into_owned(),
            token: sealed.token,
            until,
        })
    }

    /// Makes sure that a role trusts whoever asks, and that his own policies let him.
    fn check_trust(
        &self,
        call: &Call,
        role: &Identity,
        session_name: &IdentityName,
        tags: &SessionTags,
        asked: &Parameters,
        arn: &str,
    ) -> Result<(), StsFault> {
        let region = self.inner.gate.region();
        let caller = call.caller();
        let document = role.details.trust.as_deref().unwrap_or_default();
        let trust = Compiled::parse(document, &Kind::Trust, &region.partition)
            .map_err(|_| self.not_trusted(call, arn))?;
        call.say("sts:rolesessionname", session_name.to_string());
        if let Some(id) = asked.get("ExternalId") {
            call.say("sts:externalid", id.to_owned());
        }
        let session = caller.session.as_ref();
        let sides = Sides {
            standing: caller.bearer.standing,
            identity: &caller.bearer.policies,
            session: session.and_then(|session| session.policy.as_ref()),
            resource: Some(&trust),
            kinship: if role.tenant == caller.tenant {
                Kinship::Own
            } else {
                Kinship::Other
            },
            restricted: false,
        };
        let keys = caller
            .bearer
            .policies
            .iter()
            .map(AsRef::as_ref)
            .chain(sides.session)
            .chain([&trust])
            .flat_map(|policy| policy.keys().iter().cloned());
        let values: BTreeMap<Key, Values> = keys
            .filter_map(|key| {
                let value = tags.value(&key).or_else(|| {
                    conditions_of::value(&key, call, region, Some(role.tenant), &BTreeMap::new())
                })?;
                Some((key, value))
            })
            .collect();
        let resource = format!("iam::{}:role/{}", role.tenant, role.name);
        let mut actions = vec!["sts:AssumeRole"];
        if !tags.tags.is_empty() {
            actions.push("sts:TagSession");
        }
        for action in actions {
            let access = sides.judge_trust(&Ask {
                who: caller.asker(),
                action,
                resource: &resource,
                values: &values,
            });
            if access != Access::Allowed {
                return Err(self.not_trusted(call, arn));
            }
        }
        Ok(())
    }

    fn not_trusted(&self, call: &Call, arn: &str) -> StsFault {
        let who = call
            .caller()
            .named()
            .arn(&self.inner.gate.region().partition);
        let shown: String = arn.chars().take(256).collect();
        StsFault::access_denied(&format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {shown}",
            who.unwrap_or_default()
        ))
    }
}

/// What a session that takes a role hands on.
struct Inherited {
    tags: BTreeMap<String, String>,
    transitive: Vec<String>,
}

fn inherited(caller: &Caller, tags: &SessionTags) -> Result<Inherited, StsFault> {
    let Some(session) = &caller.session else {
        return Ok(Inherited {
            tags: BTreeMap::new(),
            transitive: Vec::new(),
        });
    };
    let session = &session.session;
    let handed: BTreeMap<String, String> = session
        .tags
        .iter()
        .filter(|(key, _)| session.transitive.contains(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let is_handed = |key: &String| {
        handed
            .keys()
            .any(|known| known.to_lowercase() == key.to_lowercase())
    };
    if let Some(key) = tags.tags.keys().find(|key| is_handed(key)) {
        return Err(StsFault::validation(&format!(
            "the tag `{key}` is handed on by the session that takes the role, and cannot be another"
        )));
    }
    Ok(Inherited {
        transitive: handed.keys().cloned().collect(),
        tags: handed,
    })
}

/// Returns the access key with which a call is signed.
fn signed_with(call: &Call) -> Result<AccessKeyId, StsFault> {
    call.header("authorization")
        .and_then(|text| text.split_once("Credential="))
        .and_then(|(_, rest)| rest.split('/').next())
        .and_then(|key| AccessKeyId::parse(key).ok())
        .ok_or_else(StsFault::not_signed)
}

/// Says on whose behalf a role is taken: of whoever asks, and of those before him where he is in a role himself.
fn taken(caller: &Caller) -> Taken {
    let session = caller.session.as_ref();
    let before = session.and_then(|session| session.session.taken.as_ref());
    let by = before.map_or_else(Vec::new, |taken| taken.by.clone());
    let this = Taker {
        tenant: caller.tenant,
        identity: caller.identity(),
    };
    Taken {
        by: by.into_iter().chain([this]).collect(),
        organisations: caller.organisations.clone(),
    }
}

fn duration_of_role(asked: &Parameters, details: &Details, chained: u8) -> Result<u32, StsFault> {
    let of_role = details.session_max_s.unwrap_or(ROLE_DEFAULT_S);
    let duration_s = asked.duration_s(DURATION_MIN_S, ROLE_MAX_S, ROLE_DEFAULT_S.min(of_role))?;
    let max_s = if chained > 0 {
        of_role.min(ROLE_DEFAULT_S)
    } else {
        of_role
    };
    if duration_s > max_s {
        return Err(StsFault::validation(&format!(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role, which is {max_s} here"
        )));
    }
    Ok(duration_s)
}

/// The same role under the same name is the same somebody, whenever it is taken.
fn principal_of(role: &Identity, name: &IdentityName) -> PrincipalId {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(role.id.as_bytes());
    context.update(name.as_str().as_bytes());
    let mut id = [0; 16];
    for (byte, drawn) in id.iter_mut().zip(context.finish().as_ref()) {
        *byte = *drawn;
    }
    PrincipalId::from_bytes(id)
}

fn draw_access_key() -> AccessKeyId {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut key = String::from("ONST");
    key.extend(
        onshore_keys::random::<16>()
            .iter()
            .filter_map(|byte| LETTERS.get(usize::from(byte % 32)))
            .map(|letter| char::from(*letter)),
    );
    AccessKeyId::parse(key).expect("twenty capitals and digits are an access key")
}

fn malformed(fault: &Malformed) -> StsFault {
    StsFault::malformed_policy(&fault.to_string())
}

/// Writes an instant as STS does.
pub(crate) fn written(at: Timestamp) -> String {
    at.written_as("%Y-%m-%dT%H:%M:%SZ")
}
