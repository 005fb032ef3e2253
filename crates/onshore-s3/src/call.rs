//! A request that the layer in front has let in: who asks, from where, with which headers, and what was announced of
//! its body. It travels in the request's extensions; an operation that finds none refuses.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use http::HeaderMap;
use onshore_policy::Principal;
use onshore_store::{Checksum, ChecksumAlgorithm, ChecksumKind, Tags};
use onshore_types::{BucketId, Label, LeafIndex, Place, TenantId};

use crate::access::RemovedOne;
use crate::body::BodyReport;
use crate::body::document::{invalid_md5, of_base64};
use crate::caller::{Caller, Way};
use crate::fault::{Code, Fault};
use crate::guard::query::Query;
use crate::ops::tagging::parse_tagging_header;

/// The headers that carry a checksum, one for each algorithm.
pub(crate) const CHECKSUM_HEADERS: [&str; 5] = [
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
];

/// A request that was let in.
#[derive(Clone)]
pub(crate) struct Call {
    inner: Arc<Inner>,
}

struct Inner {
    caller: Caller,
    way: Way,
    place: Place,
    query: Query,
    headers: HeaderMap,
    announced: Announced,
    report: BodyReport,
    operation: OnceLock<&'static str>,
    leaf: OnceLock<LeafIndex>,
    fault: OnceLock<Fault>,
    document: OnceLock<Vec<u8>>,
    /// The labels of what was judged, by bucket; noted only where lines are kept.
    labels: Mutex<Vec<(BucketId, Label)>>,
    /// The keys that a request for many removed; noted only where lines are kept.
    removed: OnceLock<Vec<RemovedOne>>,
    /// What the body says that policies speak of.
    said: Mutex<BTreeMap<&'static str, String>>,
    said_tags: OnceLock<BTreeMap<String, String>>,
    /// Buckets of other tenants whose policies let the caller in, and whose they are.
    admitted: Mutex<Vec<(BucketId, TenantId)>>,
}

/// What was announced of a body that becomes an object or a part of one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Announced {
    pub(crate) len_bytes: Option<u64>,
    pub(crate) md5: Option<[u8; 16]>,
    pub(crate) sha256: Option<[u8; 32]>,
    pub(crate) checksums: Vec<Checksum>,
    /// The checksum that comes behind the body.
    pub(crate) trailing: Option<ChecksumAlgorithm>,
}

impl Announced {
    /// Reads the headers.
    pub(crate) fn parse(
        headers: &HeaderMap,
        sha256: Option<&str>,
        trailers: &[String],
        len_bytes: Option<u64>,
    ) -> Result<Self, Fault> {
        let md5 = headers
            .get("content-md5")
            .map(|value| {
                of_base64(value.as_bytes(), 16)
                    .and_then(|bytes| bytes.try_into().ok())
                    .ok_or_else(invalid_md5)
            })
            .transpose()?;
        let mut checksums = Vec::new();
        for name in CHECKSUM_HEADERS {
            if let Some(value) = headers.get(name) {
                checksums.push(parse_checksum(name, value.as_bytes())?);
            }
        }
        let trailing = trailers.first().and_then(|name| algorithm_of(name));
        if checksums.len() + usize::from(trailing.is_some()) > 1 {
            return Err(Fault::new(
                Code::InvalidRequest,
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
            ));
        }
        let said = headers.get("x-amz-sdk-checksum-algorithm");
        let carried = checksums
            .first()
            .map(|checksum| checksum.algorithm)
            .or(trailing);
        if let Some(said) = said
            && carried.is_none_or(|algorithm| {
                !said
                    .as_bytes()
                    .eq_ignore_ascii_case(algorithm.as_str().as_bytes())
            })
            && len_bytes.is_some_and(|len_bytes| len_bytes > 0)
        {
            return Err(Fault::new(
                Code::InvalidRequest,
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.",
            ));
        }
        Ok(Self {
            len_bytes,
            md5,
            sha256: sha256
                .and_then(|hex| hex::decode(hex).ok())
                .and_then(|bytes| bytes.try_into().ok()),
            checksums,
            trailing,
        })
    }
}

/// Reads the value of a checksum header or trailer.
pub(crate) fn parse_checksum(name: &str, value: &[u8]) -> Result<Checksum, Fault> {
    let invalid = || {
        Fault::new(
            Code::InvalidRequest,
            format!("Value for {name} header is invalid."),
        )
    };
    let algorithm = algorithm_of(name).ok_or_else(invalid)?;
    Ok(Checksum {
        algorithm,
        kind: ChecksumKind::FullObject,
        value: of_base64(value, algorithm.len_bytes()).ok_or_else(invalid)?,
    })
}

/// Returns the header that carries a checksum of this algorithm.
pub(crate) fn checksum_header(algorithm: ChecksumAlgorithm) -> &'static str {
    match algorithm {
        ChecksumAlgorithm::Crc32 => "x-amz-checksum-crc32",
        ChecksumAlgorithm::Crc32c => "x-amz-checksum-crc32c",
        ChecksumAlgorithm::Crc64Nvme => "x-amz-checksum-crc64nvme",
        ChecksumAlgorithm::Sha1 => "x-amz-checksum-sha1",
        ChecksumAlgorithm::Sha256 => "x-amz-checksum-sha256",
    }
}

fn algorithm_of(name: &str) -> Option<ChecksumAlgorithm> {
    ChecksumAlgorithm::ALL
        .into_iter()
        .find(|algorithm| checksum_header(*algorithm) == name)
}

impl Call {
    /// Puts together what the layer found out.
    pub(crate) fn new(
        caller: Caller,
        way: Way,
        place: Place,
        query: Query,
        headers: HeaderMap,
        announced: Announced,
        report: BodyReport,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                caller,
                way,
                place,
                query,
                headers,
                announced,
                report,
                operation: OnceLock::new(),
                leaf: OnceLock::new(),
                fault: OnceLock::new(),
                document: OnceLock::new(),
                labels: Mutex::default(),
                removed: OnceLock::new(),
                said: Mutex::default(),
                said_tags: OnceLock::new(),
                admitted: Mutex::default(),
            }),
        }
    }

    /// Returns who asks.
    pub(crate) fn caller(&self) -> &Caller {
        &self.inner.caller
    }

    /// Returns how the request came.
    pub(crate) fn way(&self) -> &Way {
        &self.inner.way
    }

    /// Returns who asks as the gate judges it: of another tenant's bucket that lets him in he acts for that tenant.
    pub(crate) fn principal_for(&self, bucket: Option<BucketId>) -> Principal {
        let admitted = bucket.and_then(|bucket| {
            let admitted = self
                .inner
                .admitted
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            admitted
                .iter()
                .find(|(known, _)| *known == bucket)
                .map(|(_, owner)| *owner)
        });
        Principal {
            tenant: admitted.or(self.inner.caller.principal.tenant),
            ..self.inner.caller.principal
        }
    }

    /// Notes that policies let the caller into a bucket of another tenant.
    pub(crate) fn note_admitted(&self, bucket: BucketId, owner: TenantId) {
        let mut admitted = self
            .inner
            .admitted
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !admitted.contains(&(bucket, owner)) {
            admitted.push((bucket, owner));
        }
    }

    /// Returns the tenant that asks.
    pub(crate) fn tenant(&self) -> TenantId {
        self.inner.caller.tenant
    }

    /// Returns the value of a parameter of the query.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        self.inner.query.get(name).map(str::to_owned)
    }

    /// Notes what the body says for a condition key, named in small letters.
    pub(crate) fn say(&self, key: &'static str, value: String) {
        let mut said = self
            .inner
            .said
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        said.insert(key, value);
    }

    /// Returns what the body says for a condition key.
    pub(crate) fn said(&self, key: &str) -> Option<String> {
        let said = self
            .inner
            .said
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        said.get(key).cloned()
    }

    /// Notes the tags that the body gives an object.
    pub(crate) fn say_tags(&self, tags: &Tags) {
        let tags = tags.iter().map(|(key, value)| (key.clone(), value.clone()));
        let _ = self.inner.said_tags.set(tags.collect());
    }

    /// Returns the tags that the request gives an object; none where it gives none.
    pub(crate) fn said_tags(&self) -> Option<BTreeMap<String, String>> {
        if let Some(tags) = self.inner.said_tags.get() {
            return Some(tags.clone());
        }
        let tags = parse_tagging_header(self).ok()?;
        (!tags.is_empty()).then(|| tags.into_iter().collect())
    }

    /// Compares the owner that the client expects a bucket to have.
    pub(crate) fn check_expected_owner(
        &self,
        owner: TenantId,
        is_source: bool,
    ) -> Result<(), Fault> {
        let name = if is_source {
            "x-amz-source-expected-bucket-owner"
        } else {
            "x-amz-expected-bucket-owner"
        };
        match self.inner.headers.get(name) {
            Some(expected) if expected.as_bytes() != owner.to_string().as_bytes() => {
                Err(Fault::access_denied())
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Returns where the request came from.
    pub(crate) fn place(&self) -> Place {
        self.inner.place
    }

    /// Returns the headers as they were signed, with those that a link carried in its query.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.inner.headers
    }

    /// Returns the text of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let value = self.inner.headers.get(name)?;
        std::str::from_utf8(value.as_bytes()).ok()
    }

    /// Returns what was announced of the body.
    pub(crate) fn announced(&self) -> &Announced {
        &self.inner.announced
    }

    /// Returns what is told of the body besides its bytes.
    pub(crate) fn report(&self) -> &BodyReport {
        &self.inner.report
    }

    /// Notes which operation it is, for the record of what was served.
    pub(crate) fn note_operation(&self, operation: &'static str) {
        let _ = self.inner.operation.set(operation);
    }

    /// Returns which operation it is, once that is known.
    pub(crate) fn operation(&self) -> Option<&'static str> {
        self.inner.operation.get().copied()
    }

    /// Notes why the request is not carried out, in full, and hands it to `s3s` as far as that can carry it.
    pub(crate) fn raise(&self, fault: Fault) -> s3s::S3Error {
        let _ = self.inner.fault.set(fault.clone());
        fault.into()
    }

    /// Returns why the request is not carried out. What was wrong with the body comes first: whatever else failed
    /// failed for that.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.inner
            .report
            .fault()
            .or_else(|| self.inner.fault.get().cloned())
    }

    /// Notes the document of the answer, where `s3s` cannot write it as S3 does.
    pub(crate) fn note_document(&self, document: Vec<u8>) {
        let _ = self.inner.document.set(document);
    }

    /// Returns the document of the answer, where it was noted.
    pub(crate) fn document(&self) -> Option<&[u8]> {
        self.inner.document.get().map(Vec::as_slice)
    }

    /// Notes the label of what is judged of a bucket, for lines that tell of it.
    pub(crate) fn note_label(&self, bucket: BucketId, label: Label) {
        let mut labels = self.labels();
        if !labels.contains(&(bucket, label)) {
            labels.push((bucket, label));
        }
    }

    /// Returns the strictest label of what was judged of a bucket.
    pub(crate) fn label_of(&self, bucket: BucketId) -> Option<Label> {
        let labels = self.labels();
        let of_bucket = labels.iter().filter(|(of, _)| *of == bucket);
        of_bucket.map(|(_, label)| *label).reduce(Label::join)
    }

    fn labels(&self) -> MutexGuard<'_, Vec<(BucketId, Label)>> {
        self.inner
            .labels
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what a request for many keys removed, and what not.
    pub(crate) fn note_removed(&self, removed: Vec<RemovedOne>) {
        let _ = self.inner.removed.set(removed);
    }

    /// Returns what a request for many keys removed, and what not.
    pub(crate) fn removed(&self) -> &[RemovedOne] {
        self.inner.removed.get().map_or(&[], Vec::as_slice)
    }

    /// Notes the leaf that is this request's receipt; the first one stays.
    pub(crate) fn note_leaf(&self, leaf: LeafIndex) {
        let _ = self.inner.leaf.set(leaf);
    }

    /// Returns the receipt.
    pub(crate) fn leaf(&self) -> Option<LeafIndex> {
        self.inner.leaf.get().copied()
    }
}

/// Leaves the headers out: they carry names that are personal data.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("principal", &self.inner.caller.principal)
            .field("place", &self.inner.place)
            .finish_non_exhaustive()
    }
}
