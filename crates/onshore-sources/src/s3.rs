//! A bucket behind an S3 endpoint, read through the SDK with every convenience of it off that could change a byte, a
//! key or a verdict: no retries (the engine owns patience), no default checksums (other clouds choke on them), no
//! decoding of keys (this room does it), no proxy.

mod beneath;
mod details;
mod errors;
mod listing;
mod network;
mod own_headers;
mod policy;
mod region;
mod removal;
mod survey;
mod versions;
mod writing;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use aws_credential_types::Credentials as SdkCredentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Config, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::EncodingType;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use futures_util::stream;
use onshore_types::ByteRange;

use crate::dialect::{Listing, Profile};
use crate::s3::errors::fault;
use crate::s3::own_headers::{Head, Listener};
use crate::source::{
    Beneath, BeneathPage, ByteStream, Coverage, Described, Details, Fetched, ListCursor, Obstacle,
    Outgoing, Page, Source, WriteProbe,
};
use crate::{Addressing, Credentials, Error, ErrorKind, S3Spec, VersionsWish};

pub(crate) use details::unquoted;
pub(crate) use listing::{etag_of_fingerprint, fingerprint};
pub use network::Network;
use network::http_client_at;
pub(crate) use network::{connector, http_client};
pub use region::{
    Broken, Brought, Chunks, OtherRegion, RegionDoor, Replica, ReplicaChecksum, ReplicaLock,
    ReplicaOrigin, ReplicaPart,
};

pub use survey::{Amount, BucketSurvey, Contents, S3Account, Setting};

/// How many keys a page names.
const PAGE_LEN: i32 = 1000;

/// How long a source may take until it answers, and how long a body may stand still.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an endpoint answers that takes virtual-host style only.
const WANTS_VIRTUAL_HOST: &[&str] = &[
    "SecondLevelDomainForbidden",
    "VirtualHostDomainRequired",
    "PathStyleDomainForbidden",
];

/// What an endpoint answers to a GET of an object that must be restored first.
const ARCHIVED: &str = "InvalidObjectState";

/// A bucket behind an S3 endpoint.
#[derive(Debug)]
pub struct S3Source {
    client: Client,
    profile: &'static Profile,
    bucket: String,
    prefix: String,
    region: String,
    coverage: Coverage,
    /// Set once the endpoint said that it knows no tags: then no object has any.
    tagless: AtomicBool,
}

impl S3Source {
    /// Opens the source: finds the addressing the endpoint takes, and sees that the bucket can be listed.
    ///
    /// # Errors
    /// [`Error::PrivateEndpoint`] when the network is [`Network::PublicOnly`] and the endpoint is none; otherwise what
    /// the first listing met.
    pub async fn open(
        spec: &S3Spec,
        credentials: Option<&Credentials>,
        network: Network,
    ) -> Result<Self, Error> {
        if let Some((host, _)) = spec.endpoint_host()? {
            network.check_host(&host)?;
        }
        let addressing = match spec.addressing {
            Addressing::Auto => spec.dialect().profile().addressing,
            named @ (Addressing::Path | Addressing::Virtual) => named,
        };
        Self::open_by(spec, credentials, &http_client(network), addressing).await
    }

    /// Opens the source as [`S3Source::open`] does, over connections to one address and no other, and returns that one: whoever
    /// judges where bytes go judges where they do go.
    ///
    /// # Errors
    /// As [`S3Source::open`]; [`Error::Unavailable`] when its name has no address.
    pub async fn open_at_one_address(
        spec: &S3Spec,
        credentials: Option<&Credentials>,
        network: Network,
    ) -> Result<(Self, IpAddr), Error> {
        let (host, port) = match spec.endpoint_host()? {
            Some(named) => named,
            None => (amazons(&region_of(spec)), 443),
        };
        network.check_host(&host)?;
        let address = network.address_of(&host, port).await?;
        let addressing = match spec.addressing {
            Addressing::Auto => spec.dialect().profile().addressing,
            named @ (Addressing::Path | Addressing::Virtual) => named,
        };
        let client = http_client_at(address);
        let source = Self::open_by(spec, credentials, &client, addressing).await?;
        Ok((source, address))
    }

    async fn open_by(
        spec: &S3Spec,
        credentials: Option<&Credentials>,
        client: &SharedHttpClient,
        addressing: Addressing,
    ) -> Result<Self, Error> {
        let mut source = Self::new(spec, credentials, client, addressing);
        match source.probe().await {
            Ok(()) => {}
            Err(Probe::WantsVirtualHost) if spec.addressing == Addressing::Auto => {
                source = Self::new(spec, credentials, client, Addressing::Virtual);
                source.probe().await.map_err(Probe::into_error)?;
            }
            Err(other) => return Err(other.into_error()),
        }
        source.coverage = source.coverage_wished(spec.versions).await?;
        Ok(source)
    }

    /// Finds out what is to be listed. Where nobody said so, a source that does not tell whether it keeps versions keeps none
    /// that these credentials could have.
    async fn coverage_wished(&self, wish: VersionsWish) -> Result<Coverage, Error> {
        match wish {
            VersionsWish::All => Ok(Coverage::Versions),
            VersionsWish::Current => Ok(Coverage::Current),
            VersionsWish::Auto if !self.profile.keeps_versions => Ok(Coverage::Current),
            VersionsWish::Auto => match versions::are_kept(&self.client, &self.bucket).await {
                Ok(true) => Ok(Coverage::Versions),
                Ok(false) => Ok(Coverage::Current),
                Err(error) if error.kind() == ErrorKind::Retry => Err(error),
                Err(_) => Ok(Coverage::Current),
            },
        }
    }

    fn new(
        spec: &S3Spec,
        credentials: Option<&Credentials>,
        http: &SharedHttpClient,
        addressing: Addressing,
    ) -> Self {
        Self {
            client: Self::client(spec, credentials, http, addressing),
            profile: spec.dialect().profile(),
            bucket: spec.bucket.clone(),
            prefix: spec.prefix.clone(),
            region: region_of(spec),
            coverage: Coverage::Current,
            tagless: AtomicBool::new(false),
        }
    }

    /// Returns a client for what a spec names.
    fn client(
        spec: &S3Spec,
        credentials: Option<&Credentials>,
        http: &SharedHttpClient,
        addressing: Addressing,
    ) -> Client {
        let mut config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http.clone())
            .region(Region::new(region_of(spec)))
            .force_path_style(addressing == Addressing::Path)
            .disable_s3_express_session_auth(true)
            .disable_multi_region_access_points(true)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(10))
                    .read_timeout(PATIENCE)
                    .build(),
            )
            .stalled_stream_protection(
                StalledStreamProtectionConfig::enabled()
                    .upload_enabled(false)
                    .grace_period(PATIENCE)
                    .build(),
            );
        if let Some(endpoint) = &spec.endpoint {
            config = config.endpoint_url(endpoint.trim_end_matches('/'));
        }
        config = match credentials {
            Some(credentials) => config.credentials_provider(SdkCredentials::new(
                credentials.access_key(),
                credentials.secret_key(),
                credentials.session_token().map(str::to_owned),
                None,
                "onshore-job",
            )),
            None => config.allow_no_auth(),
        };
        Client::from_conf(config.build())
    }

    async fn probe(&self) -> Result<(), Probe> {
        self.listed(None, 1).await.map(|_| ())
    }

    /// Asks for a page of what is current.
    async fn listed(
        &self,
        after: Option<&ListCursor>,
        length: i32,
    ) -> Result<ListObjectsV2Output, Probe> {
        let at = after.map(|cursor| cursor.as_str().to_owned());
        match self.profile.listing {
            Listing::Token => self
                .client
                .list_objects_v2()
                .bucket(&self.bucket)
                .prefix(&self.prefix)
                .encoding_type(EncodingType::Url)
                .max_keys(length)
                .set_continuation_token(at)
                .send()
                .await
                .map_err(|error| Probe::of(&error)),
            Listing::Marker => self
                .client
                .list_objects()
                .bucket(&self.bucket)
                .prefix(&self.prefix)
                .encoding_type(EncodingType::Url)
                .max_keys(length)
                .set_marker(at)
                .send()
                .await
                .map(listing::with_token)
                .map_err(|error| Probe::of(&error)),
        }
    }
}

/// Returns the region that requests are signed for.
fn region_of(spec: &S3Spec) -> String {
    let named = spec.region.clone();
    named.unwrap_or_else(|| spec.dialect().profile().region.to_owned())
}

/// Returns the host at which Amazon has the buckets of a region.
fn amazons(region: &str) -> String {
    let suffix = match policy::partition(region) {
        "aws-cn" => ".com.cn",
        _ => ".com",
    };
    format!("s3.{region}.amazonaws{suffix}")
}

enum Probe {
    WantsVirtualHost,
    Failed(Error),
}

impl Probe {
    fn of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Self {
        let wants_virtual =
            errors::code(error).is_some_and(|code| WANTS_VIRTUAL_HOST.contains(&code.as_str()));
        if wants_virtual {
            Self::WantsVirtualHost
        } else {
            Self::Failed(fault(error))
        }
    }

    fn into_error(self) -> Error {
        match self {
            Self::WantsVirtualHost => Error::Unsupported {
                what: "the endpoint wants virtual-host addressing".to_owned(),
            },
            Self::Failed(error) => error,
        }
    }
}

#[async_trait]
impl Source for S3Source {
    fn coverage(&self) -> Coverage {
        self.coverage
    }

    async fn list(&self, after: Option<&ListCursor>) -> Result<Page, Error> {
        if self.coverage == Coverage::Versions {
            return versions::list(&self.client, &self.bucket, &self.prefix, after).await;
        }
        let answer = self
            .listed(after, PAGE_LEN)
            .await
            .map_err(Probe::into_error)?;
        listing::page(&answer, &self.prefix, after)
    }

    async fn list_beneath(&self, wanted: &Beneath) -> Result<BeneathPage, Error> {
        let Some(prefix) = common_of(&self.prefix, &wanted.prefix) else {
            return Ok(BeneathPage::default());
        };
        // What is rolled up behind a shorter prefix than ours, is rolled up by whoever asks.
        let delimiter = wanted
            .delimiter
            .clone()
            .filter(|delimiter| !delimiter.is_empty() && prefix == wanted.prefix);
        let after = wanted.after.clone().filter(|after| !after.is_empty());
        let length = i32::try_from(wanted.limit).map_or(PAGE_LEN, |limit| limit.clamp(1, PAGE_LEN));
        let answer = match self.profile.listing {
            Listing::Token => self
                .client
                .list_objects_v2()
                .bucket(&self.bucket)
                .prefix(prefix)
                .set_delimiter(delimiter)
                .set_start_after(after)
                .encoding_type(EncodingType::Url)
                .max_keys(length)
                .send()
                .await
                .map_err(|error| fault(&error))?,
            Listing::Marker => self
                .client
                .list_objects()
                .bucket(&self.bucket)
                .prefix(prefix)
                .set_delimiter(delimiter)
                .set_marker(after)
                .encoding_type(EncodingType::Url)
                .max_keys(length)
                .send()
                .await
                .map(listing::with_token)
                .map_err(|error| fault(&error))?,
        };
        beneath::page(&answer, prefix, wanted.after.as_deref())
    }

    async fn policy(&self) -> Result<Option<String>, Error> {
        policy::read(&self.client, &self.bucket).await
    }

    async fn set_policy(&self, policy: Option<&str>) -> Result<(), Error> {
        policy::set(&self.client, &self.bucket, policy).await
    }

    fn arn(&self) -> String {
        let partition = policy::partition(self.region.as_str());
        format!("arn:{partition}:s3:::{}/{}", self.bucket, self.prefix)
    }

    async fn probe_write(&self) -> Result<WriteProbe, Error> {
        policy::probe_write(&self.client, &self.bucket, &self.prefix).await
    }

    async fn fetch(&self, key: &str, version: Option<&str>) -> Result<Fetched, Error> {
        // One request for headers and bytes. The header is put in by hand, or the SDK would compare the checksum too.
        let listener = Listener::new(self.profile);
        let mode = details::checksum_mode(self.profile);
        let answer = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .set_version_id(version.map(str::to_owned))
            .customize()
            .interceptor(listener.clone())
            .mutate_request(move |request| {
                if let Some(mode) = &mode {
                    let mode = mode.as_str().to_owned();
                    request.headers_mut().insert("x-amz-checksum-mode", mode);
                }
            })
            .send()
            .await
            .map_err(|error| fault(&error));
        let answer = match answer {
            Ok(answer) => answer,
            Err(error @ (Error::Unsupported { .. } | Error::Protocol { .. })) => {
                return self.why_not(key, version, error).await;
            }
            Err(other) => return Err(other),
        };
        let head = Head {
            typed: details::head_of(&answer),
            own: listener.heard(),
        };
        let described = self.described(key, version, &head).await?;
        Ok(Fetched {
            details: described.details,
            body: match described.obstacle {
                Some(obstacle) => Err(obstacle),
                None => Ok(stream_of(answer.body)),
            },
        })
    }

    async fn describe(&self, key: &str, version: Option<&str>) -> Result<Described, Error> {
        let head = details::head(&self.client, self.profile, &self.bucket, key, version).await?;
        self.described(key, version, &head).await
    }

    async fn open(
        &self,
        key: &str,
        details: &Details,
        range: ByteRange,
    ) -> Result<ByteStream, Error> {
        let is_whole = range == ByteRange::whole(details.size_bytes);
        if range.end() > details.size_bytes {
            return Err(Error::Changed);
        }
        let wanted = format!("bytes={}-{}", range.start, range.end().saturating_sub(1));
        let answer = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .set_if_match(details.etag.as_deref().map(|etag| format!("\"{etag}\"")))
            .set_version_id(details.version.clone())
            .set_range((!is_whole).then_some(wanted))
            .send()
            .await
            .map_err(|error| fault(&error))?;
        // A source that takes no notice of If-Match still says what it sends.
        let sent = answer.e_tag().map(unquoted);
        if sent.is_some() && sent != details.etag {
            return Err(Error::Changed);
        }
        if !is_whole && answer.content_range().is_none() {
            return Err(Error::Unsupported {
                what: "ranges of an object".to_owned(),
            });
        }
        if answer
            .content_length()
            .is_some_and(|length| u64::try_from(length) != Ok(range.len_bytes))
        {
            return Err(Error::Changed);
        }
        Ok(stream_of(answer.body))
    }

    async fn remove(
        &self,
        key: &str,
        version: Option<&str>,
        details: Option<&Details>,
    ) -> Result<(), Error> {
        removal::remove(&self.client, &self.bucket, key, version, details).await
    }

    async fn write(&self, object: &Outgoing, body: Chunks) -> Result<(), Error> {
        writing::write(&self.client, &self.bucket, object, body).await
    }
}

impl S3Source {
    /// Gathers what belongs to an object besides its headers.
    async fn described(
        &self,
        key: &str,
        version: Option<&str>,
        head: &Head,
    ) -> Result<Described, Error> {
        let mut details = details::of_head(head, self.profile)?;
        if let Some(version) = version {
            // One of before the bucket was versioned is told without its name.
            details.version.get_or_insert_with(|| version.to_owned());
            if details.version.as_deref() != Some(version) {
                return Err(Error::Changed);
            }
        }
        if let Some(obstacle) = details::obstacle(head, self.profile) {
            return Ok(Described {
                details,
                obstacle: Some(obstacle),
            });
        }
        if details::needs_part_sizes(&details) {
            details.part_sizes =
                details::part_sizes(&self.client, &self.bucket, key, &details).await?;
        }
        if head.typed.tag_count().is_none_or(|count| count > 0)
            && !self.tagless.load(Ordering::Relaxed)
        {
            let version = details.version.as_deref();
            match details::tags(&self.client, &self.bucket, key, version).await {
                Ok(tags) => details.tags = tags,
                Err(Error::Unsupported { .. }) => self.tagless.store(true, Ordering::Relaxed),
                Err(other) => return Err(other),
            }
        }
        Ok(Described {
            details,
            obstacle: None,
        })
    }

    /// Asks HEAD why GET was refused: some objects are there and cannot be read as they are.
    async fn why_not(
        &self,
        key: &str,
        version: Option<&str>,
        refused: Error,
    ) -> Result<Fetched, Error> {
        let head = details::head(&self.client, self.profile, &self.bucket, key, version).await?;
        // Whatever its tier is called there.
        let is_archived =
            matches!(&refused, Error::Unsupported { what } if what.ends_with(ARCHIVED));
        let archived = is_archived.then_some(Obstacle::Archived);
        match details::obstacle(&head, self.profile).or(archived) {
            Some(obstacle) => Ok(Fetched {
                details: details::of_head(&head, self.profile)?,
                body: Err(obstacle),
            }),
            None => Err(refused),
        }
    }
}

/// Returns the longer of two prefixes, if the one begins with the other: nothing lies beneath both otherwise.
fn common_of<'a>(one: &'a str, other: &'a str) -> Option<&'a str> {
    if one.starts_with(other) {
        Some(one)
    } else {
        other.starts_with(one).then_some(other)
    }
}

pub(crate) fn stream_of(body: aws_sdk_s3::primitives::ByteStream) -> ByteStream {
    let mut body = Box::pin(body);
    Box::pin(stream::poll_fn(move |context| {
        body.as_mut().poll_next(context).map(|chunk| {
            chunk.map(|chunk| {
                chunk.map_err(|_| Error::Unavailable {
                    what: "the body broke off".to_owned(),
                })
            })
        })
    }))
}
