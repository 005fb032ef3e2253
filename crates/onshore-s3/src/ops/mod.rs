//! The operations: each describes its transfers, asks the gate, and only then touches the store.

pub(crate) mod acl;
pub(crate) mod allowing;
pub(crate) mod attributes;
pub(crate) mod buckets;
pub(crate) mod change;
pub(crate) mod conditions;
pub(crate) mod copy;
pub(crate) mod deletion;
pub(crate) mod description;
pub(crate) mod encryption;
pub(crate) mod inventories;
pub(crate) mod lifecycle;
mod list_both;
pub(crate) mod listing;
pub(crate) mod locks;
pub(crate) mod logging;
mod merging;
pub(crate) mod multipart;
pub(crate) mod notifications;
pub(crate) mod objects;
pub(crate) mod outgoing;
pub(crate) mod parts;
pub(crate) mod policies;
mod pulling;
pub(crate) mod range;
pub(crate) mod replica;
pub(crate) mod replication;
pub(crate) mod settings;
pub(crate) mod shown;
pub(crate) mod tagging;
pub(crate) mod versions;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use onshore_db::{CrashPoints, Database};
use onshore_gate::Gate;
use onshore_policy::{Flow, Permit, Subject, Transfer};
use onshore_registry::Registry;
use onshore_store::{
    Bucket, Described, Description, Lifecycle, Reach, Store, VersionWish, Versioning,
};
use onshore_types::{BucketName, ByteRange, Label, ObjectKey, VersionId};
use percent_encoding::utf8_percent_encode;

use crate::call::Call;
use crate::error::{Error, ReadAt, no_such_key};
use crate::fault::{Code, Fault};
use crate::front::{Audience, OtherRegion};
use crate::guard::query::ENCODED_IN_PATH;
use crate::operations;
use crate::ops::allowing::{About, CompiledPolicies, missing_bucket};
use crate::origin::{Origin, Passing};

/// How often a transfer is described and judged anew when what was judged changed meanwhile.
const ATTEMPTS_MAX: usize = 4;

/// What the operations work with.
#[derive(Clone)]
pub(crate) struct Operations {
    pub(crate) store: Store,
    pub(crate) gate: Gate,
    pub(crate) db: Database,
    pub(crate) crash: CrashPoints,
    /// What addresses begin with: `http` or `https`.
    pub(crate) scheme: &'static str,
    /// Those whom events may be told.
    pub(crate) event_targets: Arc<BTreeMap<String, Audience>>,
    /// The regions to which objects may be brought.
    pub(crate) other_regions: Arc<BTreeMap<String, OtherRegion>>,
    pub(crate) registry: Registry,
    /// Policies of buckets that were compiled.
    pub(crate) policies: Arc<CompiledPolicies>,
    /// Where what is not here yet of a bucket comes from.
    pub(crate) origin: Arc<dyn Origin>,
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operations").finish_non_exhaustive()
    }
}

/// One request on its way through an operation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) call: &'a Call,
    /// The S3 name of the operation.
    pub(crate) operation: &'static str,
}

/// An object and the bucket it is in, as described for a transfer.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) bucket: Bucket,
    pub(crate) key: ObjectKey,
    /// Which of its versions is meant.
    pub(crate) wish: VersionWish,
    pub(crate) description: Option<Description>,
    /// The delete marker that is there in the place of an object.
    pub(crate) marker: Option<Description>,
    /// The object that is not here yet and still coming.
    pub(crate) passing: Option<Arc<dyn Passing>>,
}

impl Operations {
    /// Says where a refusal of this request is read.
    pub(crate) fn read_at(&self, call: &Call) -> ReadAt {
        if self.gate.is_inside(call.place()) {
            ReadAt::Home
        } else {
            ReadAt::Abroad
        }
    }

    /// Says what the client is told of an error.
    pub(crate) fn fault(&self, call: &Call, error: impl Into<Error>) -> Fault {
        error.into().into_fault(self.read_at(call))
    }

    /// Returns the address at which the client reaches an object, as it reached us.
    pub(crate) fn address(&self, call: &Call, bucket: &BucketName, key: &ObjectKey) -> String {
        format!(
            "{}://{}/{bucket}/{}",
            self.scheme,
            call.header("host").unwrap_or_default(),
            utf8_percent_encode(key.as_str(), ENCODED_IN_PATH)
        )
    }

    /// Returns the lifecycle of a bucket, for whoever is told of it: abroad nobody is. One that does not read is reported
    /// and told to nobody.
    pub(crate) fn lifecycle_told(&self, call: &Call, bucket: &Bucket) -> Option<Lifecycle> {
        let document = bucket.lifecycle.as_ref()?;
        if self.read_at(call) == ReadAt::Abroad {
            return None;
        }
        document
            .read()
            .inspect_err(
                |error| tracing::error!(bucket = %bucket.id, %error, "a lifecycle is damaged"),
            )
            .ok()
    }

    /// Makes sure that the caller may learn what is so of a bucket, before it learns that from how its change of it
    /// ends. Inside everybody may; a change that comes from abroad is an inspection of all that is in it besides.
    pub(crate) async fn tellable_bucket(
        &self,
        asked: Asked<'_>,
        bucket: &Bucket,
    ) -> Result<(), Fault> {
        if self.read_at(asked.call) == ReadAt::Home {
            return Ok(());
        }
        let label = self.list_label(asked, bucket, Reach::Versions).await?;
        self.permit(asked, Flow::Inspect, whole_bucket(bucket, label))
            .await
            .map(|_| ())
    }

    /// Asks the gate. A flow that the table does not list for the operation is a mistake of ours and ends it.
    pub(crate) async fn permit(
        &self,
        asked: Asked<'_>,
        flow: Flow,
        subject: Subject,
    ) -> Result<Permit, Fault> {
        if !operations::allows(asked.operation, flow) {
            tracing::error!(
                operation = asked.operation,
                ?flow,
                "an operation asked for a flow that is not its own"
            );
            return Err(Fault::internal());
        }
        if let Some(bucket) = subject.bucket
            && self.store.keeps_access_lines()
        {
            asked.call.note_label(bucket, subject.label);
        }
        self.gate
            .permit(self.transfer(asked, flow, subject))
            .await
            .map_err(|error| self.fault(asked.call, error))
    }

    /// Describes what the caller asks for, as the gate judges it.
    pub(crate) fn transfer(&self, asked: Asked<'_>, flow: Flow, subject: Subject) -> Transfer {
        let (from, to) = match flow {
            Flow::Read | Flow::Inspect | Flow::List => (self.gate.home(), asked.call.place()),
            Flow::Store | Flow::Change => (asked.call.place(), self.gate.home()),
        };
        Transfer {
            principal: asked.call.principal_for(subject.bucket),
            operation: asked.operation,
            flow,
            subject,
            from,
            to,
        }
    }

    /// Finds a bucket that the caller may do to what he asks for. Another tenant's that does not let him in is refused, by
    /// the gate and on record, before anything in it is looked at.
    pub(crate) async fn bucket(
        &self,
        asked: Asked<'_>,
        flow: Flow,
        name: &BucketName,
    ) -> Result<Bucket, Fault> {
        self.bucket_of(asked, flow, name, None).await
    }

    /// Finds a bucket that the caller may do to what he asks for of a key in it.
    pub(crate) async fn bucket_of(
        &self,
        asked: Asked<'_>,
        flow: Flow,
        name: &BucketName,
        key: Option<&ObjectKey>,
    ) -> Result<Bucket, Fault> {
        let bucket = self.found(asked, name).await?;
        let about = About {
            bucket: &bucket,
            key,
            wish: VersionWish::Current,
            description: None,
        };
        self.allow(asked, flow, about).await?;
        Ok(bucket)
    }

    /// Finds a bucket that lets the caller in, and describes an object in it. One that is not here yet is brought first, but
    /// for those who write in its place.
    pub(crate) async fn target(
        &self,
        asked: Asked<'_>,
        flow: Flow,
        name: &BucketName,
        key: &ObjectKey,
        wish: VersionWish,
    ) -> Result<Target, Fault> {
        let target = self.target_here(asked, flow, name, key, wish).await?;
        match flow {
            Flow::Read | Flow::Inspect | Flow::Change => self.brought(asked, flow, target).await,
            Flow::Store | Flow::List => Ok(target),
        }
    }

    /// Describes what is here of a key.
    pub(crate) async fn target_here(
        &self,
        asked: Asked<'_>,
        flow: Flow,
        name: &BucketName,
        key: &ObjectKey,
        wish: VersionWish,
    ) -> Result<Target, Fault> {
        let (bucket, described) = loop {
            let ended = self.origin.ended();
            let found = self.store.look(name, key, wish).await;
            let found = found.map_err(|error| self.fault(asked.call, error))?;
            let (bucket, described) = found.ok_or_else(|| missing_bucket(asked, name))?;
            // It may have come, and its bucket have been switched, since it was looked for.
            let was_switched = self.origin.ended() != ended && !self.origin.reaches(bucket.id);
            if !was_switched || !matches!(described, Described::Absent) {
                break (bucket, described);
            }
        };
        let (description, marker) = match described {
            Described::Absent => (None, None),
            Described::Marker(marker) => (None, Some(marker)),
            Described::Object(description) => (Some(description), None),
        };
        let about = About {
            bucket: &bucket,
            key: Some(key),
            wish,
            description: description.as_ref(),
        };
        self.allow(asked, flow, about).await?;
        Ok(Target {
            bucket,
            key: key.clone(),
            wish,
            description,
            marker,
            passing: None,
        })
    }

    /// Answers for a key that is not there. Abroad only he may learn that who may list the whole bucket; everybody
    /// else is told what he would be told of an object that he may not read.
    pub(crate) async fn absent(&self, asked: Asked<'_>, flow: Flow, target: &Target) -> Fault {
        if target.passing.is_some() {
            return pulling::still_coming();
        }
        match self.may_list(asked, &target.bucket).await {
            Ok(true) => {}
            Ok(false) => return Fault::access_denied(),
            Err(fault) => return fault,
        }
        if self.read_at(asked.call) == ReadAt::Home {
            return target.missing();
        }
        match self.is_all_free(asked, target).await {
            Ok(true) => return target.missing(),
            Ok(false) => {}
            Err(fault) => return fault,
        }
        let subject = Subject {
            key: Some(target.key.clone()),
            ..whole_bucket(&target.bucket, Label::Unclassified)
        };
        match self.permit(asked, flow, subject).await {
            Ok(_) => Fault::access_denied(),
            Err(fault) => fault,
        }
    }

    /// Whether everything in a bucket is free, as far as anybody has looked since its owner's newest notice.
    async fn is_all_free(&self, asked: Asked<'_>, target: &Target) -> Result<bool, Fault> {
        // What is elsewhere nobody has looked at.
        if self.gate.has_open_notice(target.bucket.tenant) || self.origin.reaches(target.bucket.id)
        {
            return Ok(false);
        }
        self.store
            .is_all_free(&target.bucket, "", target.reach())
            .await
            .map_err(|error| self.fault(asked.call, error))
    }

    /// Makes sure that the caller may learn whether an object is there, before it learns that from how its change of
    /// it ends. Inside everybody may; a change that comes from abroad is an inspection besides.
    pub(crate) async fn tellable(&self, asked: Asked<'_>, target: &Target) -> Result<(), Fault> {
        if self.read_at(asked.call) == ReadAt::Home {
            return Ok(());
        }
        match &target.description {
            Some(description) => {
                let subject = described(target, description, ByteRange::whole(0));
                self.permit(asked, Flow::Inspect, subject).await.map(|_| ())
            }
            None if self.is_all_free(asked, target).await? => Ok(()),
            None => Err(self.absent(asked, Flow::Inspect, target).await),
        }
    }
}

impl Target {
    /// Returns what policies are asked of it.
    pub(crate) fn about(&self) -> About<'_> {
        About {
            bucket: &self.bucket,
            key: Some(&self.key),
            wish: self.wish,
            description: self.description.as_ref(),
        }
    }

    /// Returns whose labels say whether it may be told that there is nothing.
    fn reach(&self) -> Reach {
        match self.bucket.versioning {
            Versioning::Off => Reach::Objects,
            Versioning::Enabled | Versioning::Suspended => Reach::Versions,
        }
    }

    /// Says that there is no such object, as whoever may know is told.
    fn missing(&self) -> Fault {
        let fault = match (self.wish, &self.marker) {
            (VersionWish::Current, _) => no_such_key(&self.key),
            (VersionWish::Null | VersionWish::Id(_), None) => {
                Fault::new(Code::NoSuchVersion, "The specified version does not exist.")
                    .with_detail("Key", self.key.as_str())
            }
            (VersionWish::Null | VersionWish::Id(_), Some(marker)) => {
                let made = shown::http_date(&shown::time(marker.version.time()));
                Fault::new(
                    Code::MethodNotAllowed,
                    "The specified method is not allowed against this resource.",
                )
                .with_detail("Method", "GET")
                .with_detail("ResourceType", "DeleteMarker")
                .with_header("allow", "DELETE")
                .with_header("last-modified", &made.unwrap_or_default())
            }
        };
        match &self.marker {
            None => fault,
            Some(marker) => fault
                .with_header("x-amz-delete-marker", "true")
                .with_header(
                    "x-amz-version-id",
                    &shown::version_name(marker.naming, marker.version),
                ),
        }
    }
}

/// Reads which version of a key is meant.
pub(crate) fn parse_version(text: Option<&str>) -> Result<VersionWish, Fault> {
    match text {
        None => Ok(VersionWish::Current),
        Some("null") => Ok(VersionWish::Null),
        Some(text) => text.parse().map(VersionWish::Id).map_err(|_| {
            Fault::new(Code::InvalidArgument, "Invalid version id specified")
                .with_detail("ArgumentName", "versionId")
                .with_detail("ArgumentValue", text.chars().take(64).collect::<String>())
        }),
    }
}

/// Returns the subject of a transfer about a bucket as a whole.
pub(crate) fn whole_bucket(bucket: &Bucket, label: Label) -> Subject {
    Subject {
        bucket: Some(bucket.id),
        owner: Some(bucket.tenant),
        key: None,
        version: None,
        label,
        range: ByteRange::whole(0),
    }
}

/// Returns the subject of a transfer of what was described.
pub(crate) fn described(target: &Target, description: &Description, range: ByteRange) -> Subject {
    Subject {
        bucket: Some(target.bucket.id),
        owner: Some(target.bucket.tenant),
        key: Some(target.key.clone()),
        version: Some(description.version),
        label: description.label,
        range,
    }
}

/// Returns the subject of a transfer that makes or changes something of a key.
pub(crate) fn keyed(
    bucket: &Bucket,
    key: &ObjectKey,
    version: Option<VersionId>,
    label: Label,
    len_bytes: u64,
) -> Subject {
    Subject {
        bucket: Some(bucket.id),
        owner: Some(bucket.tenant),
        key: Some(key.clone()),
        version,
        label,
        range: ByteRange::whole(len_bytes),
    }
}

/// Whether what was judged changed before it was used: describe and judge again.
pub(crate) fn is_stale(error: &onshore_store::Error) -> bool {
    matches!(
        error,
        onshore_store::Error::VersionGone | onshore_store::Error::LabelChanged { .. }
    )
}
