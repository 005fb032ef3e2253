//! One object: written, read, described.

use std::sync::Arc;

use futures_util::Stream;
use http::HeaderMap;
use onshore_db::CrashPoint;
use onshore_gate::StoredFact;
use onshore_policy::{Flow, Permit};
use onshore_store::{
    BodyError, Bucket, Candidate, Checks, Checksum, ChecksumAlgorithm, ChecksumKind, Committed,
    CustomerKey, DayLength, Description, Layout, Lifecycle, NewObject, ObjectHead, Staged,
    VersionWish, Versioning, WriteCondition,
};
use onshore_types::{BucketName, ByteRange, Label, LeafIndex, ObjectKey, Timestamp};
use s3s::dto::StreamingBlob;

use crate::call::{Call, checksum_header, parse_checksum};
use crate::error::{Error, ReadAt, precondition_failed};
use crate::fault::{Code, Fault};
use crate::guard::form::FormUpload;
use crate::ops::acl;
use crate::ops::conditions::{self, Conditions, Outcome};
use crate::ops::description::new_object;
use crate::ops::encryption;
use crate::ops::locks;
use crate::ops::outgoing::Outgoing;
use crate::ops::range::{Resolved, Wanted};
use crate::ops::shown::{self, Overrides};
use crate::ops::{ATTEMPTS_MAX, Asked, Operations, Target, described, is_stale, keyed};

/// What a read or a description is asked with, besides the headers.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadWish {
    pub(crate) version: VersionWish,
    pub(crate) part_number: Option<i32>,
    pub(crate) checksums: Checksums,
    pub(crate) overrides: Overrides,
}

/// Whether the client asks for the checksums.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Checksums {
    Shown,
    #[default]
    NotShown,
}

/// The answer to a read.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) headers: HeaderMap,
    pub(crate) selection: Selection,
    pub(crate) body: Option<Outgoing>,
}

/// An object that was written, and the headers that tell of it.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) etag: String,
    pub(crate) checksums: Vec<Checksum>,
    pub(crate) modified: Timestamp,
    pub(crate) headers: HeaderMap,
}

/// Which bytes an answer is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Selection {
    pub(crate) range: ByteRange,
    pub(crate) size_bytes: u64,
    pub(crate) extent: Extent,
}

/// Whether it is all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Whole,
    Partial,
}

impl Selection {
    /// Returns the value of `Content-Range`, where there is one.
    pub(crate) fn content_range(&self) -> Option<String> {
        let Self {
            range, size_bytes, ..
        } = self;
        match self.extent {
            Extent::Whole => None,
            Extent::Partial => Some(format!(
                "bytes {}-{}/{size_bytes}",
                range.start,
                range.end().saturating_sub(1)
            )),
        }
    }
}

impl Operations {
    /// Hands out bytes.
    pub(crate) async fn get_object(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        key: &ObjectKey,
        wish: &ReadWish,
    ) -> Result<Answered, Fault> {
        let customer = encryption::of_read(asked.call)?;
        for _ in 0..ATTEMPTS_MAX {
            let target = self
                .target(asked, Flow::Read, name, key, wish.version)
                .await?;
            if let Some(passing) = &target.passing {
                return self.pass_through(asked, &target, &**passing, wish).await;
            }
            let Some(description) = &target.description else {
                return Err(self.absent(asked, Flow::Read, &target).await);
            };
            let selected = self.select(asked, &target, description, wish, customer.as_ref());
            let Some(selection) = selected.await? else {
                continue;
            };
            let subject = described(&target, description, selection.range);
            let permit = self.permit(asked, Flow::Read, subject).await?;
            let outflow = self.gate.watch(&permit);
            let read = self
                .store
                .read_with(permit, selection.range, customer.clone())
                .await;
            let (head, body) = match read {
                Ok(read) => read,
                Err(error) if is_stale(&error) => continue,
                Err(error) => return Err(self.fault(asked.call, error)),
            };
            // The receipt is for what is sent, and not for what was to be sent before somebody wrote something else.
            if let Some(leaf) = outflow.leaf() {
                asked.call.note_leaf(leaf);
            }
            return Ok(Answered {
                headers: answer_headers(
                    self.lifecycle_told(asked.call, &target.bucket).as_ref(),
                    &head,
                    wish,
                    selection.extent,
                ),
                selection,
                body: Some(Outgoing::new(body, outflow)),
            });
        }
        Err(self.fault(asked.call, onshore_store::Error::VersionGone))
    }

    /// Describes an object.
    pub(crate) async fn head_object(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        key: &ObjectKey,
        wish: &ReadWish,
    ) -> Result<Answered, Fault> {
        let customer = encryption::of_read(asked.call)?;
        for _ in 0..ATTEMPTS_MAX {
            let target = self
                .target(asked, Flow::Inspect, name, key, wish.version)
                .await?;
            if let Some(passing) = &target.passing {
                return self
                    .describe_passing(asked, &target, &**passing, wish)
                    .await;
            }
            let Some(description) = &target.description else {
                return Err(self.absent(asked, Flow::Inspect, &target).await);
            };
            let Some(head) = self.inspect(asked, &target, description).await? else {
                continue;
            };
            head.encryption
                .check(customer.as_ref())
                .map_err(|error| self.fault(asked.call, error))?;
            check_conditions(asked.call, &head)?;
            let selection = select_of(asked.call, &head, wish)?;
            return Ok(Answered {
                headers: answer_headers(
                    self.lifecycle_told(asked.call, &target.bucket).as_ref(),
                    &head,
                    wish,
                    selection.extent,
                ),
                selection,
                body: None,
            });
        }
        Err(self.fault(asked.call, onshore_store::Error::VersionGone))
    }

    /// Returns what is known of an object besides its bytes; nothing when it changed meanwhile.
    pub(crate) async fn inspect(
        &self,
        asked: Asked<'_>,
        target: &Target,
        description: &Description,
    ) -> Result<Option<ObjectHead>, Fault> {
        if self.read_at(asked.call) == ReadAt::Abroad && !description.label.is_free() {
            return self.inspect_from_abroad(asked, target, description).await;
        }
        let subject = described(target, description, ByteRange::whole(0));
        let permit = self.permit(asked, Flow::Inspect, subject).await?;
        match self.store.head(permit).await {
            Ok(head) => Ok(Some(head)),
            Err(error) if is_stale(&error) => Ok(None),
            Err(error) => Err(self.fault(asked.call, error)),
        }
    }

    /// Does the same for whoever is abroad. What is said of the object leaves as its bytes do: it is paid for before it is
    /// told, and what was said of it while it was read is judged anew.
    async fn inspect_from_abroad(
        &self,
        asked: Asked<'_>,
        target: &Target,
        description: &Description,
    ) -> Result<Option<ObjectHead>, Fault> {
        let said = self
            .store
            .said_bytes(target.bucket.id, description.version)
            .await;
        let said_bytes = match said {
            Ok(said_bytes) => said_bytes,
            Err(error) if is_stale(&error) => return Ok(None),
            Err(error) => return Err(self.fault(asked.call, error)),
        };
        let subject = described(target, description, ByteRange::whole(said_bytes));
        let permit = self.permit(asked, Flow::Inspect, subject).await?;
        let (judged, basis) = (permit.transfer().clone(), permit.basis());
        let head = match self.store.head(permit).await {
            Ok(head) => head,
            Err(error) if is_stale(&error) => return Ok(None),
            Err(error) => return Err(self.fault(asked.call, error)),
        };
        let is_counted = self.gate.is_counted(judged, basis).await;
        let is_counted = is_counted.map_err(|error| self.fault(asked.call, error))?;
        Ok((is_counted && head.said_bytes() <= said_bytes).then_some(head))
    }

    /// Decides which bytes go out. Where that needs more than the size, or comes to an answer without bytes, the
    /// object is inspected first, under a permit of its own.
    async fn select(
        &self,
        asked: Asked<'_>,
        target: &Target,
        description: &Description,
        wish: &ReadWish,
        customer: Option<&CustomerKey>,
    ) -> Result<Option<Selection>, Fault> {
        let size_bytes = description.size_bytes;
        let resolved = Wanted::parse(asked.call.header("range")).resolve(size_bytes);
        let is_plain = wish.part_number.is_none()
            && Conditions::of_read(asked.call).is_none()
            && asked.call.header("if-range").is_none()
            && !self.tells_abroad(asked, target, description).await?;
        match resolved {
            Resolved::Whole if is_plain => Ok(Some(whole(size_bytes))),
            Resolved::Run(range) if is_plain => Ok(Some(partial(range, size_bytes))),
            Resolved::Whole | Resolved::Run(_) | Resolved::Unsatisfiable => {
                let Some(head) = self.inspect(asked, target, description).await? else {
                    return Ok(None);
                };
                head.encryption
                    .check(customer)
                    .map_err(|error| self.fault(asked.call, error))?;
                check_conditions(asked.call, &head)?;
                select_of(asked.call, &head, wish).map(Some)
            }
        }
    }

    /// Whether the headers of a read tell something of a protected object abroad: it is paid for beside its bytes.
    async fn tells_abroad(
        &self,
        asked: Asked<'_>,
        target: &Target,
        description: &Description,
    ) -> Result<bool, Fault> {
        if self.read_at(asked.call) == ReadAt::Home || description.label.is_free() {
            return Ok(false);
        }
        let (bucket, version) = (target.bucket.id, description.version);
        match self.store.tells_beside(bucket, version).await {
            // The look that follows finds it gone.
            Err(error) if is_stale(&error) => Ok(true),
            told => told.map_err(|error| self.fault(asked.call, error)),
        }
    }

    /// Takes an object in.
    pub(crate) async fn put_object(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        key: &ObjectKey,
        body: Option<StreamingBlob>,
    ) -> Result<Written, Fault> {
        let checks = checks_of(asked.call)?;
        self.take_in(asked, name, key, incoming(body), checks).await
    }

    /// Takes the file of a form in.
    pub(crate) async fn post_object(
        &self,
        asked: Asked<'_>,
        form: FormUpload,
    ) -> Result<Written, Fault> {
        let (name, key) = (form.bucket.clone(), form.key.clone());
        // How long a file is shows only at its end.
        let checks = Checks {
            claims: asked.call.announced().checksums.clone(),
            ..Checks::default()
        };
        self.take_in(asked, &name, &key, form.into_body(), checks)
            .await
    }

    async fn take_in(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        key: &ObjectKey,
        body: impl Stream<Item = Result<bytes::Bytes, BodyError>> + Send,
        checks: Checks,
    ) -> Result<Written, Fault> {
        let mut object = new_object(asked.call)?;
        let condition = conditions::of_write(asked.call)?;
        let target = self.target_of_write(asked, name, key, &condition).await?;
        self.check_access(asked, &target.bucket, acl::of_headers(asked.call)?)
            .await?;
        let encrypted = self.encrypted(asked, &target.bucket)?;
        object.encryption = encrypted.encryption;
        if locks::are_named(asked.call) {
            self.tellable_bucket(asked, &target.bucket).await?;
        }
        object.lock = locks::of_write(asked.call, &target.bucket, self.gate.wall())?;
        if condition != WriteCondition::Always {
            self.tellable(asked, &target).await?;
        }
        self.check_replica(asked, &target.bucket, key, &object)
            .await?;
        let said = Label::of_declarations([object.declared, target.bucket.class]);
        let permit = self
            .permit_store(asked, &target.bucket, key, said, checks.len_bytes)
            .await?;
        let mut staged = self
            .store
            .stage(
                &permit,
                &object,
                body,
                &checks,
                self.gate.scanner(target.bucket.tenant),
            )
            .await
            .map_err(|error| self.fault(asked.call, error))?;
        self.verify_trailer(asked.call, &staged)?;
        if let Some(customer) = &encrypted.customer {
            staged
                .lock_with(customer)
                .map_err(|error| self.fault(asked.call, error))?;
        }
        self.commit(asked, target.bucket, key, permit, staged, object, condition)
            .await
    }

    /// Asks whether something may be stored under this key.
    pub(crate) async fn permit_store(
        &self,
        asked: Asked<'_>,
        bucket: &Bucket,
        key: &ObjectKey,
        label: Label,
        len_bytes: Option<u64>,
    ) -> Result<Permit, Fault> {
        let subject = keyed(bucket, key, None, label, len_bytes.unwrap_or(0));
        self.permit(asked, Flow::Store, subject).await
    }

    /// Compares the checksum that came behind the body.
    pub(crate) fn verify_trailer(&self, call: &Call, staged: &Staged) -> Result<(), Fault> {
        let Some(algorithm) = call.announced().trailing else {
            return Ok(());
        };
        let name = checksum_header(algorithm);
        let value = call.report().trailer(name).ok_or_else(|| {
            Fault::new(
                Code::MalformedTrailerError,
                "The announced trailing header is missing.",
            )
        })?;
        let claim = parse_checksum(name, value.as_bytes())?;
        staged
            .verify(std::slice::from_ref(&claim))
            .map_err(|error| self.fault(call, error))
    }

    /// Makes a staged body an object, in one unit of work with its leaf. When what was found in it, or its bucket meanwhile,
    /// is stricter than what was judged, it is judged once more.
    #[expect(
        clippy::too_many_arguments,
        reason = "what was judged, what was staged and what was said belong together here alone"
    )]
    pub(crate) async fn commit(
        &self,
        asked: Asked<'_>,
        mut bucket: Bucket,
        key: &ObjectKey,
        mut permit: Permit,
        staged: Staged,
        object: NewObject,
        condition: WriteCondition,
    ) -> Result<Written, Fault> {
        let (staged, object) = (Arc::new(staged), Arc::new(object));
        let label_in =
            |bucket: &Bucket| staged.label(Label::of_declarations([object.declared, bucket.class]));
        let len_bytes = Some(staged.size_bytes());
        let mut label = label_in(&bucket);
        if label != permit.label() {
            permit = self
                .permit_store(asked, &bucket, key, label, len_bytes)
                .await?;
        }
        for _ in 0..ATTEMPTS_MAX {
            let work = (
                self.clone(),
                Arc::clone(&staged),
                Arc::clone(&object),
                condition.clone(),
            );
            let result = self
                .db
                .write(move |unit| {
                    let (operations, staged, object, condition) = work;
                    let now = operations.gate.now();
                    let committed = operations
                        .store
                        .commit(unit, &permit, &staged, &object, &condition, now)?;
                    let leaf = operations.settle_stored(unit, &permit, &committed)?;
                    Ok::<_, Error>((committed, leaf))
                })
                .await;
            match result {
                Ok((committed, leaf)) => {
                    asked.call.note_leaf(leaf);
                    self.crash.reach(CrashPoint::Answer);
                    let lifecycle = self.lifecycle_told(asked.call, &bucket);
                    return Ok(Written::new(lifecycle.as_ref(), key, committed));
                }
                Err(Error::Store(onshore_store::Error::LabelChanged { now })) => {
                    bucket = self
                        .bucket_of(asked, Flow::Store, &bucket.name, Some(key))
                        .await?;
                    label = label.join(label_in(&bucket)).join(now);
                    permit = self
                        .permit_store(asked, &bucket, key, label, len_bytes)
                        .await?;
                }
                Err(error) => return Err(self.of_failed_write(asked, &bucket, key, error).await),
            }
        }
        Err(self.fault(asked.call, onshore_store::Error::VersionGone))
    }

    /// Records a stored version in the unit of work that commits it.
    pub(crate) fn settle_stored(
        &self,
        unit: &onshore_db::Unit<'_>,
        permit: &Permit,
        committed: &Committed,
    ) -> Result<LeafIndex, Error> {
        let bucket = permit
            .bucket()
            .ok_or(onshore_store::Error::PermitMismatch("bucket"))?;
        let stored = StoredFact {
            tenant: permit.tenant(),
            bucket,
            version: committed.version,
            label: committed.label,
            size_bytes: committed.size_bytes,
            replaced: committed.replaced,
            record: committed.record.clone(),
            salt: committed.salt,
        };
        Ok(self.gate.settle_stored(unit, permit, &stored)?)
    }

    /// Answers for a write that was not carried out. That its condition failed tells of the object that is there: from
    /// abroad it is told only where that object may be inspected.
    pub(crate) async fn of_failed_write(
        &self,
        asked: Asked<'_>,
        bucket: &Bucket,
        key: &ObjectKey,
        error: Error,
    ) -> Fault {
        let is_condition = matches!(
            error,
            Error::Store(
                onshore_store::Error::ConditionFailed { .. } | onshore_store::Error::NoSuchKey
            )
        );
        if is_condition && self.read_at(asked.call) == ReadAt::Abroad {
            let target = self
                .target(
                    asked,
                    Flow::Inspect,
                    &bucket.name,
                    key,
                    VersionWish::Current,
                )
                .await;
            let target = match target {
                Ok(target) => target,
                Err(fault) => return fault,
            };
            if let Err(fault) = self.tellable(asked, &target).await {
                return fault;
            }
        }
        self.fault(asked.call, error)
    }
}

impl Written {
    /// Puts together what is told of what was written.
    pub(crate) fn new(
        lifecycle: Option<&Lifecycle>,
        key: &ObjectKey,
        committed: Committed,
    ) -> Self {
        let mut headers = shown::of_committed(&committed);
        if let Some(lifecycle) = lifecycle {
            let candidate = Candidate {
                key,
                tags: &committed.tags,
                size_bytes: committed.size_bytes,
            };
            shown::insert_expiry(
                &mut headers,
                lifecycle.expiry(candidate, committed.version.time(), DayLength::CIVIL),
            );
        }
        Self {
            etag: committed.etag,
            checksums: committed.checksums,
            modified: committed.modified,
            headers,
        }
    }
}

impl Written {
    /// Puts together what is told once more of what was written before.
    pub(crate) fn again(lifecycle: Option<&Lifecycle>, head: ObjectHead) -> Self {
        let mut headers = HeaderMap::new();
        shown::insert_encryption(&mut headers, &head.encryption);
        if head.versioning == Versioning::Enabled {
            shown::insert_version(&mut headers, head.versioning, head.naming, head.version);
        }
        if let Some(lifecycle) = lifecycle {
            let candidate = Candidate {
                key: &head.key,
                tags: &head.tags,
                size_bytes: head.size_bytes,
            };
            let expiry = lifecycle.expiry(candidate, head.version.time(), DayLength::CIVIL);
            shown::insert_expiry(&mut headers, expiry);
        }
        Self {
            etag: head.etag,
            checksums: head.checksums,
            modified: head.modified,
            headers,
        }
    }
}

fn whole(size_bytes: u64) -> Selection {
    Selection {
        range: ByteRange::whole(size_bytes),
        size_bytes,
        extent: Extent::Whole,
    }
}

fn partial(range: ByteRange, size_bytes: u64) -> Selection {
    Selection {
        range,
        size_bytes,
        extent: Extent::Partial,
    }
}

pub(crate) fn check_conditions(call: &Call, head: &ObjectHead) -> Result<(), Fault> {
    match Conditions::of_read(call).evaluate(head) {
        Outcome::Holds => Ok(()),
        Outcome::Failed(name) => Err(precondition_failed(name)),
        Outcome::NotModified => {
            let mut fault = Fault::new(Code::NotModified, "Not Modified");
            fault.headers = shown::headers(head, &Overrides::default());
            for name in ["content-type", "content-encoding", "content-language"] {
                fault.headers.remove(name);
            }
            Err(fault)
        }
    }
}

pub(crate) fn select_of(
    call: &Call,
    head: &ObjectHead,
    wish: &ReadWish,
) -> Result<Selection, Fault> {
    let size_bytes = head.size_bytes;
    if let Some(number) = wish.part_number {
        if call.header("range").is_some() {
            return Err(Fault::new(
                Code::InvalidRequest,
                "Cannot specify both Range header and partNumber query parameter",
            ));
        }
        return part_of(head, number);
    }
    let wanted = if conditions::range_counts(call, head) {
        Wanted::parse(call.header("range"))
    } else {
        Wanted::Whole
    };
    match wanted.resolve(size_bytes) {
        Resolved::Whole => Ok(whole(size_bytes)),
        Resolved::Run(range) => Ok(partial(range, size_bytes)),
        Resolved::Unsatisfiable => Err(Fault::new(
            Code::InvalidRange,
            "The requested range is not satisfiable",
        )
        .with_detail("RangeRequested", call.header("range").unwrap_or_default())
        .with_detail("ActualObjectSize", size_bytes.to_string())
        .with_header("content-range", &format!("bytes */{size_bytes}"))),
    }
}

/// Returns the bytes of a part, counted from 1 in the order of the parts. An object of one piece has one part.
fn part_of(head: &ObjectHead, number: i32) -> Result<Selection, Fault> {
    let index = usize::try_from(number)
        .ok()
        .and_then(|number| number.checked_sub(1))
        .filter(|index| *index < 10_000)
        .ok_or_else(|| {
            Fault::new(
                Code::InvalidArgument,
                "Part number must be an integer between 1 and 10000, inclusive",
            )
        })?;
    if head.parts.is_empty() && index == 0 {
        return Ok(Selection {
            extent: if head.size_bytes == 0 {
                Extent::Whole
            } else {
                Extent::Partial
            },
            ..whole(head.size_bytes)
        });
    }
    let part = head.parts.get(index).ok_or_else(|| {
        Fault::new(
            Code::InvalidPartNumber,
            "The requested partnumber is not satisfiable",
        )
        .with_detail("ActualPartCount", head.parts.len().max(1).to_string())
    })?;
    let start = head
        .parts
        .iter()
        .take(index)
        .map(|part| part.size_bytes)
        .sum();
    Ok(Selection {
        range: ByteRange {
            start,
            len_bytes: part.size_bytes,
        },
        size_bytes: head.size_bytes,
        extent: if part.size_bytes == 0 {
            Extent::Whole
        } else {
            Extent::Partial
        },
    })
}

pub(crate) fn answer_headers(
    lifecycle: Option<&Lifecycle>,
    head: &ObjectHead,
    wish: &ReadWish,
    extent: Extent,
) -> HeaderMap {
    let mut headers = shown::headers(head, &wish.overrides);
    if let (Some(lifecycle), VersionWish::Current) = (lifecycle, wish.version) {
        let candidate = Candidate {
            key: &head.key,
            tags: &head.tags,
            size_bytes: head.size_bytes,
        };
        let expiry = lifecycle.expiry(candidate, head.version.time(), DayLength::CIVIL);
        shown::insert_expiry(&mut headers, expiry);
    }
    if wish.part_number.is_some() && !head.parts.is_empty() {
        headers.insert("x-amz-mp-parts-count", head.parts.len().into());
    }
    if wish.checksums == Checksums::Shown {
        match (extent, wish.part_number) {
            (Extent::Whole, _) => {
                shown::insert_checksums(&mut headers, &head.checksums, head.parts.len());
            }
            (Extent::Partial, Some(number)) => {
                shown::insert_checksums(&mut headers, &checksums_of_part(head, number), 0);
            }
            (Extent::Partial, None) => {}
        }
    }
    headers
}

/// Returns the checksums of one part of an object whose own are made of those of its parts.
fn checksums_of_part(head: &ObjectHead, number: i32) -> Vec<Checksum> {
    let is_composite = |algorithm: ChecksumAlgorithm| {
        head.checksums.iter().any(|checksum| {
            checksum.algorithm == algorithm && checksum.kind == ChecksumKind::Composite
        })
    };
    usize::try_from(number)
        .ok()
        .and_then(|number| head.parts.get(number.checked_sub(1)?))
        .map(|part| {
            let of_whole = part.checksums.iter();
            of_whole
                .filter(|checksum| is_composite(checksum.algorithm))
                .cloned()
                .collect()
        })
        .unwrap_or_default()
}

/// Returns what the store compares a body with.
pub(crate) fn checks_of(call: &Call) -> Result<Checks, Fault> {
    let announced = call.announced();
    if announced.len_bytes.is_none() {
        return Err(Fault::new(
            Code::MissingContentLength,
            "You must provide the Content-Length HTTP header.",
        ));
    }
    Ok(Checks {
        len_bytes: announced.len_bytes,
        md5: announced.md5,
        sha256: announced.sha256,
        crc64_ecma: None,
        claims: announced.checksums.clone(),
        wanted: wanted_of(call),
        layout: Layout::Whole,
    })
}

/// Returns which checksums are computed besides those that are announced with their values: the one that comes behind the
/// body; where none comes at all, the one that S3 computes by itself.
fn wanted_of(call: &Call) -> Vec<ChecksumAlgorithm> {
    let announced = call.announced();
    match announced.trailing {
        Some(trailing) => vec![trailing],
        None if announced.checksums.is_empty() => vec![ChecksumAlgorithm::Crc64Nvme],
        None => Vec::new(),
    }
}

/// Turns a request's body into what the store takes in.
pub(crate) fn incoming(
    body: Option<StreamingBlob>,
) -> impl Stream<Item = Result<bytes::Bytes, BodyError>> + Send {
    use futures_util::StreamExt as _;
    futures_util::stream::iter(body)
        .flatten()
        .map(|chunk| chunk.map_err(BodyError::new))
}
