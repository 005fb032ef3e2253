//! Another region of Onshore, into which versions are brought as they are: under the same version id, with the same part
//! layout and so the same `ETag`. It is spoken to through S3, over connections to one address that the caller has chosen
//! and judged, with two headers besides: of what a version is a replica, and how strict it is.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use aws_credential_types::Credentials as SdkCredentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Config, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    StalledStreamProtectionConfig,
};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::{ByteStream, DateTime, SdkBody};
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart, ObjectLockLegalHold,
    ObjectLockLegalHoldStatus, ObjectLockMode, ObjectLockRetention, ObjectLockRetentionMode,
    ServerSideEncryption, Tag, Tagging,
};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use futures_util::stream::poll_fn;
use http::Uri;
use http_body::Frame;
use http_body_util::StreamBody;
use onshore_types::{BucketName, Label, ObjectKey, Timestamp, VersionId};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::mpsc;

use super::errors::{code, fault, of_protocol};
use super::network::guarded;
use crate::{Credentials, Error, Purpose};

/// Of which version of another region something is a replica.
const OF: &str = "x-amz-onshore-replica-of";
/// The label it has there.
const LABEL: &str = "x-amz-onshore-replica-label";
/// What the region answers that has the version already.
const HAS_IT: &str = "ReplicaExists";

/// Another region: where it is, what opens it, who vouches for it.
#[derive(Clone)]
pub struct OtherRegion {
    url: String,
    host: String,
    port: u16,
    region: String,
    credentials: Credentials,
    /// The authorities that may say who it is, in PEM; none stands for those of the system.
    authorities: Option<Vec<u8>>,
}

/// A way into another region, over connections to one address.
#[derive(Debug, Clone)]
pub struct RegionDoor {
    client: Client,
}

/// The bytes of a version on their way, in the order they come.
pub type Chunks = mpsc::Receiver<Result<Bytes, Broken>>;

/// The bytes broke off here.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the bytes broke off")]
pub struct Broken;

/// A version as it is brought, without its bytes.
#[derive(Debug, Clone)]
pub struct Replica {
    /// Which.
    pub origin: ReplicaOrigin,
    /// Its size.
    pub size_bytes: u64,
    /// Its `ETag`, without quotes: the region must come to the same.
    pub etag: String,
    /// The headers that describe its body, by their names.
    pub headers: Vec<(&'static str, String)>,
    /// User metadata.
    pub user_metadata: BTreeMap<String, String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// The checksums of the whole.
    pub checksums: Vec<ReplicaChecksum>,
    /// The parts it came in; none where it came in one piece.
    pub parts: Vec<ReplicaPart>,
    /// Its locks.
    pub lock: ReplicaLock,
    /// The named key it is to be encrypted under, if under one.
    pub kms_key: Option<String>,
}

/// Where something is brought, and of what it is a replica.
#[derive(Debug, Clone)]
pub struct ReplicaOrigin {
    /// The bucket there.
    pub bucket: BucketName,
    /// The key.
    pub key: ObjectKey,
    /// The version.
    pub version: VersionId,
    /// Its label.
    pub label: Label,
}

/// A checksum, as S3 names and writes it.
#[derive(Debug, Clone)]
pub struct ReplicaChecksum {
    /// The algorithm: `CRC32`.
    pub algorithm: &'static str,
    /// `FULL_OBJECT` or `COMPOSITE`.
    pub kind: &'static str,
    /// The value in base64.
    pub value: String,
}

/// A part.
#[derive(Debug, Clone)]
pub struct ReplicaPart {
    /// Its number.
    pub number: u32,
    /// Its size.
    pub size_bytes: u64,
    /// Its checksums.
    pub checksums: Vec<ReplicaChecksum>,
}

/// The locks of a version, as S3 names them.
#[derive(Debug, Clone, Default)]
pub struct ReplicaLock {
    /// `ON` or `OFF`; none where nobody ever said.
    pub hold: Option<&'static str>,
    /// The mode and until when, while it is not over.
    pub retention: Option<(&'static str, Timestamp)>,
}

/// What came of bringing something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brought {
    /// The region has taken it.
    Now,
    /// It had it already.
    Before,
}

impl OtherRegion {
    /// Reads where a region is: `http://HOST[:PORT]` or `https://HOST[:PORT]`.
    ///
    /// # Errors
    /// [`Error::Spec`].
    pub fn parse(
        url: &str,
        region: String,
        credentials: Credentials,
        authorities: Option<Vec<u8>>,
    ) -> Result<Self, Error> {
        let bad = |why| Error::Spec {
            text: url.chars().take(80).collect(),
            why,
        };
        let uri: Uri = url
            .parse()
            .map_err(|_| bad("write http://HOST[:PORT] or https://HOST[:PORT]"))?;
        let port = match uri.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            _ => return Err(bad("write http://HOST[:PORT] or https://HOST[:PORT]")),
        };
        let authority = uri.authority().ok_or(bad("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(bad("a name or password does not belong in it"));
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(bad("the address of a region has no path"));
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            host,
            port: authority.port_u16().unwrap_or(port),
            region,
            credentials,
            authorities,
        })
    }

    /// Returns where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns its name.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Returns the host and the port at which it is.
    #[must_use]
    pub fn endpoint(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// Returns a way into it over connections to this address and no other.
    ///
    /// # Errors
    /// [`Error::Environment`] when its authorities cannot be used.
    pub fn at(&self, address: IpAddr) -> Result<RegionDoor, Error> {
        let trusted = match &self.authorities {
            Some(pem) => TrustStore::empty().with_pem_certificate(pem.clone()),
            None => TrustStore::default(),
        };
        let context = TlsContext::builder().with_trust_store(trusted).build();
        let context = context.map_err(|_| Error::Environment {
            what: "the authorities of a region".to_owned(),
        })?;
        let http_client = Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(context)
            .build_with_resolver(Only(address));
        let http_client = guarded(http_client, Purpose::Replication);
        let credentials = &self.credentials;
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http_client)
            .endpoint_url(&self.url)
            .region(Region::new(self.region.clone()))
            .credentials_provider(SdkCredentials::new(
                credentials.access_key(),
                credentials.secret_key(),
                credentials.session_token().map(str::to_owned),
                None,
                "onshore-region",
            ))
            .force_path_style(true)
            .disable_s3_express_session_auth(true)
            .disable_multi_region_access_points(true)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .retry_config(RetryConfig::disabled())
            // How long an answer may take is the caller's to say: a body takes as long as it moves.
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(10))
                    .build(),
            )
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        Ok(RegionDoor {
            client: Client::from_conf(config.build()),
        })
    }
}

impl fmt::Debug for OtherRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtherRegion")
            .field("url", &self.url)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// Resolves every name to the one address that was judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Only(pub(super) IpAddr);

impl ResolveDns for Only {
    fn resolve_dns<'a>(&'a self, _name: &'a str) -> DnsFuture<'a> {
        DnsFuture::ready(Ok(vec![self.0]))
    }
}

impl RegionDoor {
    /// Asks whether the region is there and takes the key.
    ///
    /// # Errors
    /// What the region answers.
    pub async fn probe(&self) -> Result<(), Error> {
        self.client
            .list_buckets()
            .send()
            .await
            .map(drop)
            .map_err(|error| fault(&error))
    }

    /// Brings a version that came in one piece.
    ///
    /// # Errors
    /// What the region answers; [`Error::Protocol`] when it came to another `ETag`.
    pub async fn put(&self, replica: &Replica, body: Chunks) -> Result<Brought, Error> {
        let headers = replica_headers(replica, Whole::Here);
        let lock = &replica.lock;
        let answer = self
            .client
            .put_object()
            .bucket(replica.origin.bucket.as_str())
            .key(replica.origin.key.as_str())
            .content_length(size(replica.size_bytes))
            .set_metadata(metadata(&replica.user_metadata))
            .set_tagging(tagging(&replica.tags))
            .set_object_lock_legal_hold_status(lock.hold.map(ObjectLockLegalHoldStatus::from))
            .set_object_lock_mode(lock.retention.map(|(mode, _)| ObjectLockMode::from(mode)))
            .set_object_lock_retain_until_date(lock.retention.map(|(_, until)| date(until)))
            .set_server_side_encryption(kms(replica))
            .set_ssekms_key_id(replica.kms_key.clone())
            .body(streaming(body))
            .customize()
            .mutate_request(move |request| insert(request, &headers))
            .send()
            .await;
        match answer {
            Ok(answer) => same_etag(replica, answer.e_tag()),
            Err(error) => already(&error),
        }
    }

    /// Begins to bring a version in the parts it came in, and returns the upload; none where the region has it.
    ///
    /// # Errors
    /// What the region answers.
    pub async fn begin(&self, replica: &Replica) -> Result<Option<String>, Error> {
        let headers = replica_headers(replica, Whole::InParts);
        let lock = &replica.lock;
        // Where none is named this is the one that there is.
        let is_named = |checksum: &&ReplicaChecksum| checksum.algorithm != "CRC64NVME";
        let checksum = replica.checksums.iter().find(is_named);
        let answer = self
            .client
            .create_multipart_upload()
            .bucket(replica.origin.bucket.as_str())
            .key(replica.origin.key.as_str())
            .set_metadata(metadata(&replica.user_metadata))
            .set_tagging(tagging(&replica.tags))
            .set_object_lock_legal_hold_status(lock.hold.map(ObjectLockLegalHoldStatus::from))
            .set_object_lock_mode(lock.retention.map(|(mode, _)| ObjectLockMode::from(mode)))
            .set_object_lock_retain_until_date(lock.retention.map(|(_, until)| date(until)))
            .set_server_side_encryption(kms(replica))
            .set_ssekms_key_id(replica.kms_key.clone())
            .set_checksum_algorithm(
                checksum.map(|checksum| ChecksumAlgorithm::from(checksum.algorithm)),
            )
            .set_checksum_type(checksum.map(|checksum| ChecksumType::from(checksum.kind)))
            .customize()
            .mutate_request(move |request| insert(request, &headers))
            .send()
            .await;
        match answer {
            Ok(answer) => answer
                .upload_id
                .map(Some)
                .ok_or_else(|| of_protocol("an upload without an id")),
            Err(error) => already(&error).map(|_| None),
        }
    }

    /// Brings a part, and returns its `ETag`.
    ///
    /// # Errors
    /// What the region answers.
    pub async fn put_part(
        &self,
        replica: &Replica,
        upload: &str,
        part: &ReplicaPart,
        body: Chunks,
    ) -> Result<String, Error> {
        let headers = checksum_headers(&part.checksums);
        let answer = self
            .client
            .upload_part()
            .bucket(replica.origin.bucket.as_str())
            .key(replica.origin.key.as_str())
            .upload_id(upload)
            .part_number(number(part)?)
            .content_length(size(part.size_bytes))
            .body(streaming(body))
            .customize()
            .mutate_request(move |request| insert(request, &headers))
            .send()
            .await
            .map_err(|error| fault(&error))?;
        answer
            .e_tag
            .ok_or_else(|| of_protocol("a part without an ETag"))
    }

    /// Ends bringing a version in parts.
    ///
    /// # Errors
    /// What the region answers; [`Error::Protocol`] when it came to another `ETag`.
    pub async fn complete(
        &self,
        replica: &Replica,
        upload: &str,
        etags: Vec<String>,
    ) -> Result<Brought, Error> {
        let parts = replica
            .parts
            .iter()
            .zip(etags)
            .map(|(part, etag)| {
                let of = |algorithm| {
                    let mut checksums = part.checksums.iter();
                    let found = checksums.find(|checksum| checksum.algorithm == algorithm);
                    found.map(|checksum| checksum.value.clone())
                };
                Ok(CompletedPart::builder()
                    .part_number(number(part)?)
                    .e_tag(etag)
                    .set_checksum_crc32(of("CRC32"))
                    .set_checksum_crc32_c(of("CRC32C"))
                    .set_checksum_crc64_nvme(of("CRC64NVME"))
                    .set_checksum_sha1(of("SHA1"))
                    .set_checksum_sha256(of("SHA256"))
                    .build())
            })
            .collect::<Result<_, Error>>()?;
        let answer = self
            .client
            .complete_multipart_upload()
            .bucket(replica.origin.bucket.as_str())
            .key(replica.origin.key.as_str())
            .upload_id(upload)
            .multipart_upload(
                CompletedMultipartUpload::builder()
                    .set_parts(Some(parts))
                    .build(),
            )
            .send()
            .await;
        match answer {
            Ok(answer) => same_etag(replica, answer.e_tag()),
            Err(error) => already(&error),
        }
    }

    /// Gives up an upload.
    ///
    /// # Errors
    /// What the region answers.
    pub async fn abort(&self, replica: &Replica, upload: &str) -> Result<(), Error> {
        self.client
            .abort_multipart_upload()
            .bucket(replica.origin.bucket.as_str())
            .key(replica.origin.key.as_str())
            .upload_id(upload)
            .send()
            .await
            .map(drop)
            .map_err(|error| fault(&error))
    }

    /// Hides a key behind the replica of a delete marker.
    ///
    /// # Errors
    /// What the region answers.
    pub async fn hide(&self, origin: &ReplicaOrigin) -> Result<Brought, Error> {
        let headers = origin_headers(origin);
        let answer = self
            .client
            .delete_object()
            .bucket(origin.bucket.as_str())
            .key(origin.key.as_str())
            .customize()
            .mutate_request(move |request| insert(request, &headers))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Brought::Now),
            Err(error) => already(&error),
        }
    }

    /// Sets the tags of a version.
    ///
    /// # Errors
    /// What the region answers.
    pub async fn tag(
        &self,
        origin: &ReplicaOrigin,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let set = tags
            .iter()
            .map(|(name, value)| Tag::builder().key(name).value(value).build())
            .collect::<Result<_, _>>()
            .map_err(|_| of_protocol("tags that the SDK does not build"))?;
        let tagging = Tagging::builder()
            .set_tag_set(Some(set))
            .build()
            .map_err(|_| of_protocol("tags that the SDK does not build"))?;
        self.client
            .put_object_tagging()
            .bucket(origin.bucket.as_str())
            .key(origin.key.as_str())
            .version_id(origin.version.to_string())
            .tagging(tagging)
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .send()
            .await
            .map(drop)
            .map_err(|error| fault(&error))
    }

    /// Holds a version, or lets it go.
    ///
    /// # Errors
    /// What the region answers.
    pub async fn hold(&self, origin: &ReplicaOrigin, hold: &str) -> Result<(), Error> {
        let status = ObjectLockLegalHoldStatus::from(hold);
        self.client
            .put_object_legal_hold()
            .bucket(origin.bucket.as_str())
            .key(origin.key.as_str())
            .version_id(origin.version.to_string())
            .legal_hold(ObjectLockLegalHold::builder().status(status).build())
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .send()
            .await
            .map(drop)
            .map_err(|error| fault(&error))
    }

    /// Sets the retention of a version, or lifts it where it has been lifted.
    ///
    /// # Errors
    /// What the region answers.
    pub async fn retain(
        &self,
        origin: &ReplicaOrigin,
        retention: Option<(&'static str, Timestamp)>,
    ) -> Result<(), Error> {
        let retention = ObjectLockRetention::builder()
            .set_mode(retention.map(|(mode, _)| ObjectLockRetentionMode::from(mode)))
            .set_retain_until_date(retention.map(|(_, until)| date(until)))
            .build();
        self.client
            .put_object_retention()
            .bucket(origin.bucket.as_str())
            .key(origin.key.as_str())
            .version_id(origin.version.to_string())
            .retention(retention)
            .bypass_governance_retention(true)
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .send()
            .await
            .map(drop)
            .map_err(|error| fault(&error))
    }
}

/// Whether the checksums of the whole go along.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whole {
    Here,
    InParts,
}

fn origin_headers(origin: &ReplicaOrigin) -> Vec<(String, String)> {
    vec![
        (OF.to_owned(), origin.version.to_string()),
        (LABEL.to_owned(), origin.label.to_string()),
    ]
}

fn replica_headers(replica: &Replica, whole: Whole) -> Vec<(String, String)> {
    let mut headers = origin_headers(&replica.origin);
    let described = replica.headers.iter();
    headers.extend(described.map(|(name, value)| ((*name).to_owned(), value.clone())));
    if whole == Whole::Here {
        headers.extend(checksum_headers(&replica.checksums));
    }
    headers
}

fn checksum_headers(checksums: &[ReplicaChecksum]) -> Vec<(String, String)> {
    let header = |checksum: &ReplicaChecksum| {
        let name = checksum.algorithm.to_ascii_lowercase();
        (format!("x-amz-checksum-{name}"), checksum.value.clone())
    };
    checksums.iter().map(header).collect()
}

pub(super) fn insert(request: &mut HttpRequest, headers: &[(String, String)]) {
    for (name, value) in headers {
        // What cannot be a header was none when it came.
        let _unless_it_cannot = request
            .headers_mut()
            .try_insert(name.clone(), value.clone());
    }
}

pub(super) fn metadata(
    pairs: &BTreeMap<String, String>,
) -> Option<std::collections::HashMap<String, String>> {
    let metadata: std::collections::HashMap<_, _> = pairs
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    (!metadata.is_empty()).then_some(metadata)
}

pub(super) fn tagging(tags: &BTreeMap<String, String>) -> Option<String> {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> = tags
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    (!pairs.is_empty()).then(|| pairs.join("&"))
}

fn kms(replica: &Replica) -> Option<ServerSideEncryption> {
    replica
        .kms_key
        .as_ref()
        .map(|_| ServerSideEncryption::AwsKms)
}

pub(super) fn streaming(mut body: Chunks) -> ByteStream {
    let frames = poll_fn(move |context| body.poll_recv(context)).map_ok(Frame::data);
    ByteStream::new(SdkBody::from_body_1_x(StreamBody::new(frames)))
}

fn same_etag(replica: &Replica, found: Option<&str>) -> Result<Brought, Error> {
    if found.map(|etag| etag.trim_matches('"')) == Some(replica.etag.as_str()) {
        Ok(Brought::Now)
    } else {
        Err(of_protocol("the ETag there is another"))
    }
}

fn already<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Result<Brought, Error> {
    if code(error).as_deref() == Some(HAS_IT) {
        Ok(Brought::Before)
    } else {
        Err(fault(error))
    }
}

fn number(part: &ReplicaPart) -> Result<i32, Error> {
    i32::try_from(part.number).map_err(|_| of_protocol("a part's number"))
}

pub(super) fn size(size_bytes: u64) -> i64 {
    i64::try_from(size_bytes).unwrap_or(i64::MAX)
}

fn date(at: Timestamp) -> DateTime {
    DateTime::from_millis(at.as_millis())
}
