//! Whether access policies let the caller do what he asks for: those of the bucket, of the caller and his groups, and of his
//! session, each compiled once. It is asked before the gate is; what it lets in is still judged by where it goes. Where no
//! policy can say anything, the administrator in a bucket of his own tenant without one, nothing is asked.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use onshore_policy::iam::{Access, Ask, Compiled, Key, Kind, Kinship, Sides, Values};
use onshore_policy::{Flow, Principal, Role, Subject, Transfer};
use onshore_store::{Bucket, Description, VersionWish};
use onshore_types::{BucketId, BucketName, ByteRange, Label, ObjectKey, PrincipalId, TenantId};
use s3s::dto::PublicAccessBlockConfiguration;

use crate::actions::{self, Need, Side};
use crate::conditions_of;
use crate::error::no_such_bucket;
use crate::fault::{Code, Fault};
use crate::ops::{Asked, Operations, settings, whole_bucket};

/// How many compiled policies are remembered; then the memory begins anew.
const COMPILED_MAX: usize = 4096;
/// Under this id the service looks at tags that a policy speaks of.
const SERVICE: [u8; 16] = [0xff; 16];

/// Policies of buckets that were compiled, and the documents they are of.
#[derive(Debug, Default)]
pub(crate) struct CompiledPolicies(RwLock<HashMap<BucketId, Arc<Guarded>>>);

/// What a bucket says of who may do what.
#[derive(Debug)]
pub(crate) struct Guarded {
    document: Arc<str>,
    block: Option<Arc<str>>,
    policy: Compiled,
    /// Whether a public policy lets in those of the bucket's tenant alone.
    restricted: bool,
}

/// What a question is about.
#[derive(Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) bucket: &'a Bucket,
    /// The object, or the key that one is to have; none for the bucket itself.
    pub(crate) key: Option<&'a ObjectKey>,
    /// Whether a version is named.
    pub(crate) wish: VersionWish,
    /// The object, where it is there.
    pub(crate) description: Option<&'a Description>,
}

impl Operations {
    /// Makes sure that policies let the caller do what he asks for. Whatever is of another tenant is refused by the gate, on
    /// record, as it is where no policy is.
    pub(crate) async fn allow(
        &self,
        asked: Asked<'_>,
        flow: Flow,
        about: About<'_>,
    ) -> Result<(), Fault> {
        let (call, bucket) = (asked.call, about.bucket);
        let is_source = is_source(asked.operation, flow);
        call.check_expected_owner(bucket.tenant, is_source)?;
        let caller = call.caller();
        let is_own = bucket.tenant == caller.tenant;
        if is_own && bucket.policy.is_none() && caller.is_plain_admin() {
            return Ok(());
        }
        let Some(needs) = actions::needs(asked.operation) else {
            return Err(Fault::access_denied());
        };
        let needs: Vec<&Need> = needs
            .iter()
            .filter(|need| (need.side == Side::Source) == is_source)
            .collect();
        let names_version = about.wish != VersionWish::Current;
        let mut access = Access::NotAllowed;
        for need in needs {
            let Some(action) = need.action(call.headers(), names_version) else {
                continue;
            };
            let resource = match (need.side, about.key) {
                (Side::Service, _) => "s3:::*".to_owned(),
                (Side::Bucket, _) => format!("s3:::{}", bucket.name),
                (Side::Object | Side::Source, Some(key)) => {
                    format!("s3:::{}/{key}", bucket.name)
                }
                (Side::Object | Side::Source, None) => {
                    tracing::error!(
                        operation = asked.operation,
                        "an object was asked for without its key"
                    );
                    return Err(Fault::internal());
                }
            };
            access = self.judge(asked, about, action, &resource).await?;
            if access != Access::Allowed {
                break;
            }
        }
        if access == Access::Allowed {
            if !is_own {
                call.note_admitted(bucket.id, bucket.tenant);
            }
            return Ok(());
        }
        Err(self.not_allowed(asked, flow, about, access).await)
    }

    /// Makes sure that the caller may take tags along with a copy: read them where they are, and set them where they come to.
    pub(crate) async fn allow_tags_along(
        &self,
        asked: Asked<'_>,
        source: About<'_>,
        target: About<'_>,
    ) -> Result<(), Fault> {
        let read = match source.wish {
            VersionWish::Current => "s3:GetObjectTagging",
            VersionWish::Null | VersionWish::Id(_) => "s3:GetObjectVersionTagging",
        };
        let sides = [
            (source, Flow::Read, read),
            (target, Flow::Store, "s3:PutObjectTagging"),
        ];
        for (about, flow, action) in sides {
            let key = about.key.map_or("", ObjectKey::as_str);
            let resource = format!("s3:::{}/{key}", about.bucket.name);
            let access = self.judge(asked, about, action, &resource).await?;
            if access != Access::Allowed {
                return Err(self.not_allowed(asked, flow, about, access).await);
            }
        }
        Ok(())
    }

    /// Whether the caller may learn that a key of a bucket is not there: who may list it may.
    pub(crate) async fn may_list(&self, asked: Asked<'_>, bucket: &Bucket) -> Result<bool, Fault> {
        let caller = asked.call.caller();
        if bucket.tenant == caller.tenant && bucket.policy.is_none() && caller.is_plain_admin() {
            return Ok(true);
        }
        let about = About {
            bucket,
            key: None,
            wish: VersionWish::Current,
            description: None,
        };
        let resource = format!("s3:::{}", bucket.name);
        let access = self.judge(asked, about, "s3:ListBucket", &resource).await?;
        Ok(access == Access::Allowed)
    }

    /// Makes sure that the caller may do what is asked of no bucket that is there: list those of his tenant, or make one.
    pub(crate) async fn allow_unbound(
        &self,
        asked: Asked<'_>,
        name: Option<&BucketName>,
    ) -> Result<(), Fault> {
        let caller = asked.call.caller();
        if caller.is_plain_admin() {
            return Ok(());
        }
        let resource = name.map_or_else(|| "s3:::*".to_owned(), |name| format!("s3:::{name}"));
        for need in actions::needs(asked.operation).unwrap_or_default() {
            let Some(action) = need.action(asked.call.headers(), false) else {
                continue;
            };
            let session = caller.session.as_ref();
            let keys = keys_of(
                &caller.bearer.policies,
                session.and_then(|session| session.policy.as_ref()),
                None,
            );
            let values = self.values(asked, &keys, None, &BTreeMap::new());
            let access = self.sides(asked, None, Kinship::Own).judge(&Ask {
                who: caller.asker(),
                action,
                resource: &resource,
                values: &values,
            });
            if access != Access::Allowed {
                let subject = Subject {
                    bucket: None,
                    owner: Some(caller.tenant),
                    key: None,
                    version: None,
                    label: Label::Unclassified,
                    range: ByteRange::whole(0),
                };
                return Err(self.refused(asked, Flow::Change, subject, access).await);
            }
        }
        if caller.is_anonymous() {
            return Err(Fault::access_denied());
        }
        Ok(())
    }

    async fn judge(
        &self,
        asked: Asked<'_>,
        about: About<'_>,
        action: &'static str,
        resource: &str,
    ) -> Result<Access, Fault> {
        let (caller, bucket) = (asked.call.caller(), about.bucket);
        let is_own = bucket.tenant == caller.tenant;
        // Whoever locked himself out can still take the policy away.
        if is_own && caller.is_plain_admin() && is_of_policy(action) {
            return Ok(Access::Allowed);
        }
        let guarded = self.guarded(bucket)?;
        let session = caller.session.as_ref();
        let keys = keys_of(
            &caller.bearer.policies,
            session.and_then(|session| session.policy.as_ref()),
            guarded.as_ref().map(|guarded| &guarded.policy),
        );
        let wants_tags = keys
            .iter()
            .any(|key| key.parts().0 == "s3:existingobjecttag");
        let tags = match about.description {
            Some(description) if wants_tags => self.tags_of(asked, about, description).await?,
            Some(_) | None => BTreeMap::new(),
        };
        let values = self.values(asked, &keys, Some(bucket.tenant), &tags);
        let kinship = if is_own { Kinship::Own } else { Kinship::Other };
        let sides = self.sides(asked, guarded.as_deref(), kinship);
        Ok(sides.judge(&Ask {
            who: caller.asker(),
            action,
            resource,
            values: &values,
        }))
    }

    fn sides<'a>(
        &self,
        asked: Asked<'a>,
        guarded: Option<&'a Guarded>,
        kinship: Kinship,
    ) -> Sides<'a> {
        let caller = asked.call.caller();
        Sides {
            standing: caller.bearer.standing,
            identity: &caller.bearer.policies,
            session: caller
                .session
                .as_ref()
                .and_then(|session| session.policy.as_ref()),
            resource: guarded.map(|guarded| &guarded.policy),
            kinship,
            restricted: guarded.is_some_and(|guarded| guarded.restricted),
        }
    }

    /// Returns the compiled policy of a bucket.
    fn guarded(&self, bucket: &Bucket) -> Result<Option<Arc<Guarded>>, Fault> {
        let Some(document) = &bucket.policy else {
            return Ok(None);
        };
        let known = self
            .policies
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&bucket.id)
            .cloned();
        if let Some(known) = known
            && known.document == *document
            && known.block == bucket.public_access_block
        {
            return Ok(Some(known));
        }
        let kind = Kind::Bucket { name: &bucket.name };
        let policy = Compiled::parse(document, &kind, &self.gate.region().partition).map_err(
            |error| {
                tracing::error!(bucket = %bucket.id, %error, "a policy does not compile any more: nobody gets in");
                Fault::access_denied()
            },
        )?;
        let block = block_of(bucket)?;
        let guarded = Arc::new(Guarded {
            document: Arc::clone(document),
            block: bucket.public_access_block.clone(),
            policy,
            restricted: block.restrict_public_buckets.unwrap_or(false),
        });
        let mut known = self
            .policies
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if known.len() >= COMPILED_MAX {
            known.clear();
        }
        known.insert(bucket.id, Arc::clone(&guarded));
        Ok(Some(guarded))
    }

    /// Returns the tags of an object that policies speak of. They go nowhere: the service looks at them where they are.
    async fn tags_of(
        &self,
        asked: Asked<'_>,
        about: About<'_>,
        description: &Description,
    ) -> Result<BTreeMap<String, String>, Fault> {
        let transfer = Transfer {
            principal: Principal {
                id: PrincipalId::from_bytes(SERVICE),
                tenant: Some(about.bucket.tenant),
                role: Role::Operator,
            },
            operation: asked.operation,
            flow: Flow::Inspect,
            subject: Subject {
                key: about.key.cloned(),
                version: Some(description.version),
                ..whole_bucket(about.bucket, description.label)
            },
            from: self.gate.home(),
            to: self.gate.home(),
        };
        let permit = self.gate.permit(transfer).await;
        let permit = permit.map_err(|error| self.fault(asked.call, error))?;
        match self.store.head(permit).await {
            Ok(head) => Ok(head.tags.into_iter().collect()),
            Err(error) => Err(self.fault(asked.call, error)),
        }
    }

    fn values(
        &self,
        asked: Asked<'_>,
        keys: &BTreeSet<Key>,
        owner: Option<TenantId>,
        tags: &BTreeMap<String, String>,
    ) -> BTreeMap<Key, Values> {
        let region = self.gate.region();
        keys.iter()
            .filter_map(|key| {
                let value = conditions_of::value(key, asked.call, region, owner, tags)?;
                Some((key.clone(), value))
            })
            .collect()
    }

    /// Says that something is not allowed, on record. Of what is another tenant's the gate says what it says where no policy
    /// is.
    async fn not_allowed(
        &self,
        asked: Asked<'_>,
        flow: Flow,
        about: About<'_>,
        access: Access,
    ) -> Fault {
        let caller = asked.call.caller();
        if caller.is_anonymous() {
            return Fault::access_denied();
        }
        let subject = whole_bucket(about.bucket, Label::Unclassified);
        if about.bucket.tenant == caller.tenant {
            return self.refused(asked, flow, subject, access).await;
        }
        match self.permit(asked, flow, subject).await {
            Ok(_) => Fault::access_denied(),
            Err(fault) => fault,
        }
    }

    /// Says that a bucket of another tenant lets nobody in.
    pub(crate) async fn bucket_refused(
        &self,
        asked: Asked<'_>,
        flow: Flow,
        bucket: &Bucket,
    ) -> Fault {
        let about = About {
            bucket,
            key: None,
            wish: VersionWish::Current,
            description: None,
        };
        self.not_allowed(asked, flow, about, Access::NotAllowed)
            .await
    }

    async fn refused(
        &self,
        asked: Asked<'_>,
        flow: Flow,
        subject: Subject,
        access: Access,
    ) -> Fault {
        if asked.call.caller().is_anonymous() {
            return Fault::access_denied();
        }
        let rule = match access {
            Access::Denied => "access.denied",
            Access::NotAllowed | Access::Allowed => "access.not-allowed",
        };
        let transfer = self.transfer(asked, flow, subject);
        match self.gate.refuse(&transfer, rule).await {
            Ok(leaf) => {
                asked.call.note_leaf(leaf);
                let remedy = match access {
                    Access::Denied => "a policy denies it explicitly; change that policy",
                    Access::NotAllowed | Access::Allowed => {
                        "no policy allows it; let the tenant's administrator add one"
                    }
                };
                Fault::new(
                    Code::AccessDenied,
                    format!("Access Denied: refused by rule {rule}. Remedy: {remedy}."),
                )
                .with_header("x-onshore-refusal", &format!("{rule}; remedy: {remedy}"))
                .with_header("x-onshore-leaf", &leaf.to_string())
            }
            Err(error) => self.fault(asked.call, error),
        }
    }

    /// Finds a bucket by its name, whoever asks.
    pub(crate) async fn found(&self, asked: Asked<'_>, name: &BucketName) -> Result<Bucket, Fault> {
        let found = self.store.bucket(name).await;
        found
            .map_err(|error| self.fault(asked.call, error))?
            .ok_or_else(|| missing_bucket(asked, name))
    }
}

/// Says that there is no such bucket, to whom that may be said: whoever signs nothing learns not even which names are taken.
pub(crate) fn missing_bucket(asked: Asked<'_>, name: &BucketName) -> Fault {
    if asked.call.caller().is_anonymous() {
        Fault::access_denied()
    } else {
        no_such_bucket(name)
    }
}

/// Returns which public access a bucket blocks: all of it, where nothing was said.
pub(crate) fn block_of(bucket: &Bucket) -> Result<PublicAccessBlockConfiguration, Fault> {
    match &bucket.public_access_block {
        None => Ok(settings::block_of_new_buckets()),
        Some(document) => settings::read(document),
    }
}

/// Whether a request looks at what it copies, not at where it puts it.
fn is_source(operation: &str, flow: Flow) -> bool {
    matches!(operation, "CopyObject" | "UploadPartCopy") && flow == Flow::Read
}

fn is_of_policy(action: &str) -> bool {
    matches!(
        action,
        "s3:GetBucketPolicy" | "s3:PutBucketPolicy" | "s3:DeleteBucketPolicy"
    )
}

fn keys_of(
    identity: &[Arc<Compiled>],
    session: Option<&Compiled>,
    resource: Option<&Compiled>,
) -> BTreeSet<Key> {
    identity
        .iter()
        .map(AsRef::as_ref)
        .chain(session)
        .chain(resource)
        .flat_map(|policy| policy.keys().iter().cloned())
        .collect()
}
