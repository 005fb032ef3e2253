//! Copies: of an object, and of a run of its bytes into a part of an upload. A copy is a read of its source, judged by
//! where the client is, and a write. It is labelled like its source or stricter.

use onshore_gate::{Lapsed, Outflow};
use onshore_policy::Flow;
use onshore_store::{
    BodyError, BodyStream, Checks, ChecksumAlgorithm, Encryption, Layout, NewObject, ObjectHead,
    Part, VersionWish, Versioning, WriteCondition,
};
use onshore_types::{BucketName, ByteRange, Label, LeafIndex, ObjectKey, UploadId};

use crate::call::Call;
use crate::fault::{Code, Fault};
use crate::guard::address::parse_key;
use crate::guard::query::decode;
use crate::ops::conditions::{self, Conditions};
use crate::ops::description::{
    REDIRECT, check_redirect, content_headers, declared, stricter, user_metadata,
};
use crate::ops::objects::Written;
use crate::ops::outgoing::Outgoing;
use crate::ops::range::{Resolved, Wanted};
use crate::ops::tagging::{class_of, parse_tagging_header};
use crate::ops::{
    ATTEMPTS_MAX, Asked, Operations, Target, acl, described, encryption, is_stale, locks,
    parse_version, replica, shown,
};

/// The largest object that is copied in one request.
const COPY_MAX_BYTES: u64 = 5 * 1024 * 1024 * 1024;

/// What a copy is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    bucket: BucketName,
    key: ObjectKey,
    version: VersionWish,
}

/// A copy of an object, and the version of its source where that has one.
#[derive(Debug)]
pub(crate) struct Copied<T> {
    pub(crate) made: T,
    pub(crate) source_version: Option<String>,
}

/// An opened source.
struct Opened {
    target: Target,
    head: ObjectHead,
    range: ByteRange,
    body: BodyStream,
    outflow: Outflow,
}

/// Whether what is said of the source goes along, or what the request says instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Directive {
    Copy,
    Replace,
}

impl Source {
    /// Reads the header `x-amz-copy-source`.
    pub(crate) fn of(call: &Call) -> Result<Self, Fault> {
        let invalid = |message: &'static str| Fault::new(Code::InvalidArgument, message);
        let text = call.header("x-amz-copy-source").ok_or_else(|| {
            invalid("Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
        })?;
        let (path, version) = match text.split_once("?versionId=") {
            Some((path, version)) => (path, Some(version)),
            None => (text, None),
        };
        let version = parse_version(version)?;
        if path.starts_with("arn:") {
            return Err(Fault::not_implemented("A copy from an access point"));
        }
        // As in a form: some clients write a space as a plus sign.
        let path = decode(&path.replace('+', " "))?;
        let path = path.strip_prefix('/').unwrap_or(&path);
        let (bucket, key) = path
            .split_once('/')
            .filter(|(_, key)| !key.is_empty())
            .ok_or_else(|| {
                invalid(
                    "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
                )
            })?;
        Ok(Self {
            bucket: BucketName::parse(bucket)
                .map_err(|_| invalid("Invalid copy source bucket name"))?,
            key: parse_key(key.to_owned())?,
            version,
        })
    }
}

impl Opened {
    /// Names the version that was opened, where its bucket is or was versioned.
    fn name(&self) -> Option<String> {
        match self.head.versioning {
            Versioning::Off => None,
            Versioning::Enabled | Versioning::Suspended => {
                Some(shown::version_name(self.head.naming, self.head.version))
            }
        }
    }
}

impl Directive {
    fn of(call: &Call, header: &'static str) -> Result<Self, Fault> {
        match call.header(header) {
            None | Some("" | "COPY") => Ok(Self::Copy),
            Some("REPLACE") => Ok(Self::Replace),
            Some(_) => Err(Fault::new(
                Code::InvalidArgument,
                format!("Unknown directive in {header}: it takes COPY or REPLACE."),
            )),
        }
    }
}

impl Operations {
    /// Copies an object.
    pub(crate) async fn copy_object(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        key: &ObjectKey,
    ) -> Result<Copied<Written>, Fault> {
        let call = asked.call;
        replica::refuse(call)?;
        check_redirect(call)?;
        let source = Source::of(call)?;
        let metadata = Directive::of(call, "x-amz-metadata-directive")?;
        let tagging = Directive::of(call, "x-amz-tagging-directive")?;
        let is_itself =
            source.bucket == *name && source.key == *key && source.version == VersionWish::Current;
        let changes_nothing = metadata == Directive::Copy
            && ![
                "x-amz-server-side-encryption",
                "x-amz-server-side-encryption-customer-key",
                "x-amz-storage-class",
                REDIRECT,
            ]
            .iter()
            .any(|name| call.headers().contains_key(*name));
        if is_itself && changes_nothing {
            return Err(Fault::new(
                Code::InvalidRequest,
                "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
            ));
        }
        let condition = conditions::of_write(call)?;
        let target = self.target_of_write(asked, name, key, &condition).await?;
        self.check_access(asked, &target.bucket, acl::of_headers(call)?)
            .await?;
        let encrypted = self.encrypted(asked, &target.bucket)?;
        if locks::are_named(call) {
            self.tellable_bucket(asked, &target.bucket).await?;
        }
        let lock = locks::of_write(call, &target.bucket, self.gate.wall())?;
        if condition != WriteCondition::Always {
            self.tellable(asked, &target).await?;
        }
        let opened = self.open(asked, &source, Wanted::Whole).await?;
        if tagging == Directive::Copy && !opened.head.tags.is_empty() {
            let from = opened.target.about();
            self.allow_tags_along(asked, from, target.about()).await?;
        }
        let mut object = match metadata {
            Directive::Copy => NewObject {
                content: opened.head.content.clone(),
                user_metadata: opened.head.user_metadata.clone(),
                lock,
                encryption: encrypted.encryption,
                ..NewObject::default()
            },
            Directive::Replace => NewObject {
                content: content_headers(call),
                user_metadata: user_metadata(call),
                lock,
                encryption: encrypted.encryption,
                ..NewObject::default()
            },
        };
        // It belongs to one address: no copy has it by itself.
        object.content.website_redirect = call.header(REDIRECT).map(str::to_owned);
        // Never looser than the source, whatever the directive; an unclassified source stays so.
        let (tags, by_tags) = match tagging {
            Directive::Copy => (opened.head.tags.clone(), None),
            Directive::Replace => {
                let tags = parse_tagging_header(call)?;
                let class = class_of(&tags)?;
                (tags, class)
            }
        };
        object.tags = tags;
        let said = stricter(declared(&object.user_metadata)?, by_tags);
        object.declared = stricter(said, Some(opened.head.label));
        let checks = Checks {
            len_bytes: Some(opened.range.len_bytes),
            wanted: wanted_checksums(call, &opened.head)?,
            layout: Layout::Whole,
            ..Checks::default()
        };
        let label = Label::of_declarations([object.declared, target.bucket.class]);
        let permit = self
            .permit_store(asked, &target.bucket, key, label, checks.len_bytes)
            .await?;
        let source_version = opened.name();
        let body = outgoing(opened);
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
            .map_err(|error| self.fault(call, error))?;
        if let Some(customer) = &encrypted.customer {
            staged
                .lock_with(customer)
                .map_err(|error| self.fault(call, error))?;
        }
        let made = self
            .commit(asked, target.bucket, key, permit, staged, object, condition)
            .await?;
        Ok(Copied {
            made,
            source_version,
        })
    }

    /// Copies a run of bytes into a part of an upload.
    pub(crate) async fn upload_part_copy(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        key: &ObjectKey,
        upload: UploadId,
        number: u32,
    ) -> Result<(Copied<(Part, onshore_types::Timestamp)>, Encryption), Fault> {
        replica::refuse(asked.call)?;
        let source = Source::of(asked.call)?;
        let wanted = match asked.call.header("x-amz-copy-source-range") {
            None => Wanted::Whole,
            Some(text) => match Wanted::parse(Some(text)) {
                wanted @ Wanted::From { last: Some(_), .. } => wanted,
                _ => {
                    return Err(Fault::new(
                        Code::InvalidArgument,
                        "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
                    ));
                }
            },
        };
        let (bucket, description) = self.upload(asked, Flow::Store, name, key, upload).await?;
        let customer = encryption::of_part(asked.call)?;
        self.check_key_of_part(asked, &description, customer.as_ref())?;
        self.check_encryption(asked, bucket.tenant, &description.encryption)?;
        let opened = self.open(asked, &source, wanted).await?;
        // What is copied makes the upload as strict as it is itself.
        let of_source = opened.head.label;
        let label = description.label.join(of_source);
        let checks = Checks {
            len_bytes: Some(opened.range.len_bytes),
            wanted: vec![description.algorithm()],
            ..Checks::default()
        };
        let permit = self
            .permit_part(asked, &bucket, key, label, checks.len_bytes)
            .await?;
        let source_version = opened.name();
        let body = outgoing(opened);
        let mut staged = self
            .store
            .stage_part(&permit, number, body, &checks)
            .await
            .map_err(|error| self.fault(asked.call, error))?;
        if let Some(customer) = &customer {
            staged
                .lock_with(customer)
                .map_err(|error| self.fault(asked.call, error))?;
        }
        let made = self
            .commit_part(asked, name, key, upload, permit, Some(of_source), staged)
            .await?;
        let copied = Copied {
            made,
            source_version,
        };
        Ok((copied, description.encryption))
    }

    /// Opens the source of a copy: an inspection for its conditions and size, then a read.
    async fn open(
        &self,
        asked: Asked<'_>,
        source: &Source,
        wanted: Wanted,
    ) -> Result<Opened, Fault> {
        let customer = encryption::of_copy_source(asked.call)?;
        for _ in 0..ATTEMPTS_MAX {
            let target = self
                .target(
                    asked,
                    Flow::Read,
                    &source.bucket,
                    &source.key,
                    source.version,
                )
                .await?;
            let Some(description) = &target.description else {
                let fault = self.absent(asked, Flow::Read, &target).await;
                return Err(match fault.code {
                    Code::MethodNotAllowed => Fault::new(
                        Code::InvalidRequest,
                        "The source of a copy request may not specifically refer to a delete marker by version id.",
                    ),
                    _ => fault,
                });
            };
            let Some(head) = self.inspect(asked, &target, description).await? else {
                continue;
            };
            Conditions::of_copy_source(asked.call).check_copy_source(&head)?;
            let range = copied(wanted, head.size_bytes)?;
            let subject = described(&target, description, range);
            let permit = self.permit(asked, Flow::Read, subject).await?;
            let outflow = self.gate.watch(&permit);
            match self.store.read_with(permit, range, customer.clone()).await {
                Ok((head, body)) => {
                    return Ok(Opened {
                        target,
                        head,
                        range,
                        body,
                        outflow,
                    });
                }
                Err(error) if is_stale(&error) => {}
                Err(error) => return Err(self.fault(asked.call, error)),
            }
        }
        Err(self.fault(asked.call, onshore_store::Error::VersionGone))
    }
}

fn copied(wanted: Wanted, size_bytes: u64) -> Result<ByteRange, Fault> {
    let range = match (wanted, wanted.resolve(size_bytes)) {
        (_, Resolved::Whole) => ByteRange::whole(size_bytes),
        (
            Wanted::From {
                last: Some(last), ..
            },
            Resolved::Run(range),
        ) if last < size_bytes => range,
        _ => {
            return Err(Fault::new(
                Code::InvalidArgument,
                format!("Range specified is not valid for source object of size: {size_bytes}"),
            ));
        }
    };
    if range.len_bytes > COPY_MAX_BYTES {
        return Err(Fault::new(
            Code::InvalidRequest,
            "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120",
        ));
    }
    Ok(range)
}

/// Says that a copy across the border was stopped on its way, with the leaf that tells how it began.
fn cut(lapsed: Lapsed, leaf: Option<LeafIndex>) -> Fault {
    let fault = Fault::new(
        Code::AccessDenied,
        format!("Refused by rule border.outward: {lapsed}. Remedy: ask again; what is in force then judges it."),
    )
    .with_header("x-onshore-refusal", "border.outward; remedy: ask again");
    match leaf {
        Some(leaf) => fault.with_header("x-onshore-leaf", &leaf.to_string()),
        None => fault,
    }
}

/// Returns the source's bytes as what is taken in. A source that fails ends the copy with the source's error.
fn outgoing(
    opened: Opened,
) -> impl futures_util::Stream<Item = Result<bytes::Bytes, BodyError>> + Send {
    use futures_util::StreamExt as _;
    let leaf = opened.outflow.leaf();
    Outgoing::new(opened.body, opened.outflow).map(move |chunk| {
        chunk.map_err(|stopped| match stopped {
            crate::ops::outgoing::Stopped::Store(error) => BodyError::new(error),
            crate::ops::outgoing::Stopped::Lapsed(lapsed) => BodyError::new(cut(lapsed, leaf)),
            crate::ops::outgoing::Stopped::Origin(silent) => {
                BodyError::new(crate::ops::pulling::of_silent(&silent))
            }
        })
    })
}

/// Returns the checksums a copy is to have: the one that is asked for, or those of its source.
fn wanted_checksums(call: &Call, head: &ObjectHead) -> Result<Vec<ChecksumAlgorithm>, Fault> {
    match call.header("x-amz-checksum-algorithm") {
        Some(name) => name.parse().map(|algorithm| vec![algorithm]).map_err(|_| {
            Fault::new(
                Code::InvalidRequest,
                "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
            )
        }),
        // S3 computes one by itself where the source has none.
        None if head.checksums.is_empty() => Ok(vec![ChecksumAlgorithm::Crc64Nvme]),
        None => Ok(head.checksums.iter().map(|checksum| checksum.algorithm).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Source, copied};
    use crate::call::{Announced, Call};
    use crate::ops::range::Wanted;
    use http::HeaderMap;
    use onshore_types::Place;

    fn source(text: &str) -> Option<(String, String)> {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-copy-source", text.parse().expect("a value"));
        let call = Call::new(
            crate::caller::Caller::anonymous(),
            crate::caller::Way::default(),
            Place::Unknown,
            crate::guard::query::Query::default(),
            headers,
            Announced::default(),
            crate::body::BodyReport::default(),
        );
        let source = Source::of(&call).ok()?;
        Some((source.bucket.to_string(), source.key.to_string()))
    }

    #[test]
    fn sources_are_read_with_every_key() {
        for (text, key) in [
            ("/bkt/a", "a"),
            ("bkt/a", "a"),
            ("bkt//a", "/a"),
            ("bkt/a%2Fb%20c%2B+d", "a/b c+ d"),
            ("bkt/%25zz", "%zz"),
            ("bkt/..%2F", "../"),
            ("bkt/a?versionId=null", "a"),
            ("bkt/%3FversionId=x", "?versionId=x"),
        ] {
            assert_eq!(
                source(text),
                Some(("bkt".to_owned(), key.to_owned())),
                "{text}"
            );
        }
        for bad in [
            "",
            "/",
            "bkt",
            "bkt/",
            "B_/k",
            "bkt/a?versionId=abc",
            "bkt/%zz",
            "arn:aws:s3:::bkt/a",
        ] {
            assert_eq!(source(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_copied_run_lies_inside_its_source() {
        let run = |first, last| Wanted::From {
            first,
            last: Some(last),
        };
        assert!(copied(run(0, 9), 10).is_ok());
        assert!(copied(run(0, 10), 10).is_err(), "S3 does not cut it");
        assert!(copied(run(10, 10), 10).is_err());
        assert!(copied(Wanted::Whole, 5 * 1024 * 1024 * 1024).is_ok());
        assert!(copied(Wanted::Whole, 5 * 1024 * 1024 * 1024 + 1).is_err());
    }
}
