//! A whole account behind an S3 endpoint: which buckets there are, what is in each by a listing of our own, and how each is set.
//! What these credentials may not see is told as that, and never as nothing.

mod settings;

use std::collections::BTreeMap;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{Bucket, EncodingType, ObjectStorageClass, ObjectVersionStorageClass};
use serde::Serialize;

use crate::s3::errors::fault;
use crate::s3::{Network, PAGE_LEN, S3Source, http_client, versions};
use crate::{Addressing, Credentials, Error, ErrorKind, S3Spec};

pub use settings::Setting;

/// What a listing means where it names no class of storage.
const STANDARD: &str = "STANDARD";

/// An account behind an S3 endpoint.
#[derive(Debug)]
pub struct S3Account {
    spec: S3Spec,
    credentials: Option<Credentials>,
    network: Network,
    client: Client,
}

/// What was found out about a bucket.
#[derive(Debug, Serialize)]
pub struct BucketSurvey {
    /// Its name.
    pub bucket: String,
    /// Where it lies, as far as the cloud tells.
    pub region: Option<String>,
    /// The endpoint at which it is read, where one is named.
    pub endpoint: Option<String>,
    /// The region that requests are signed for, where one is named.
    pub signed_for: Option<String>,
    /// What is in it.
    pub contents: Contents,
    /// How it is set, by the name of each setting.
    pub settings: BTreeMap<&'static str, Setting>,
}

/// What is in a bucket.
#[derive(Debug, Default, Serialize)]
pub struct Contents {
    /// Where the figures are from: `listed by Onshore`, or nowhere where there are none.
    pub counted: Option<&'static str>,
    /// What could not be counted, and why.
    pub unknown: Option<String>,
    /// What is current.
    pub current: Amount,
    /// What is current, by class of storage.
    pub classes: BTreeMap<String, Amount>,
    /// Earlier versions.
    pub earlier: Amount,
    /// Delete markers.
    pub delete_markers: u64,
}

/// So many objects of so many bytes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// Objects, or versions.
    pub objects: u64,
    /// Bytes.
    pub bytes: u64,
}

impl BucketSurvey {
    /// Whether anything of it could not be told.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        let mut settings = self.settings.values();
        self.region.is_none()
            || self.contents.unknown.is_some()
            || settings.any(|setting| matches!(setting, Setting::Unknown { .. }))
    }
}

impl Amount {
    fn add(&mut self, size: Option<i64>) {
        let bytes = size.and_then(|size| u64::try_from(size).ok());
        self.objects += 1;
        self.bytes = self.bytes.saturating_add(bytes.unwrap_or_default());
    }
}

impl S3Account {
    /// Takes an account, as [`S3Spec::of_account`] names it.
    ///
    /// # Errors
    /// [`Error::PrivateEndpoint`] when the network is [`Network::PublicOnly`] and the endpoint is none.
    pub fn open(
        spec: S3Spec,
        credentials: Option<Credentials>,
        network: Network,
    ) -> Result<Self, Error> {
        if let Some((host, _)) = spec.endpoint_host()? {
            network.check_host(&host)?;
        }
        Ok(Self {
            client: client(&spec, credentials.as_ref(), network),
            spec,
            credentials,
            network,
        })
    }

    /// Lists the buckets of the account.
    ///
    /// # Errors
    /// What the listing met.
    pub async fn buckets(&self) -> Result<Vec<String>, Error> {
        let mut buckets = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let answer = self
                .client
                .list_buckets()
                .set_continuation_token(token.clone())
                .send()
                .await
                .map_err(|error| fault(&error))?;
            let named = answer.buckets().iter().filter_map(Bucket::name);
            buckets.extend(named.map(str::to_owned));
            match answer.continuation_token() {
                None | Some("") => return Ok(buckets),
                again if again == token.as_deref() => {
                    return Err(Error::Protocol {
                        what: "a listing of buckets that goes in a circle".to_owned(),
                    });
                }
                Some(next) => token = Some(next.to_owned()),
            }
        }
    }

    /// Finds out what is in a bucket and how it is set. Each thing that cannot be told says why.
    pub async fn survey(&self, bucket: &str) -> BucketSurvey {
        let region = self.region_of(bucket).await;
        let spec = self.spec_of(bucket, region.as_deref());
        let client = client(&spec, self.credentials.as_ref(), self.network);
        let mut contents = Contents::default();
        match count(&client, bucket, &mut contents).await {
            Ok(()) => contents.counted = Some("listed by Onshore"),
            Err(error) => {
                contents = Contents {
                    unknown: Some(error.to_string()),
                    ..Contents::default()
                };
            }
        }
        BucketSurvey {
            bucket: bucket.to_owned(),
            region,
            endpoint: spec.endpoint,
            signed_for: spec.region,
            contents,
            settings: settings::read(&client, bucket).await,
        }
    }

    /// Returns where a bucket lies, as far as the cloud tells.
    pub async fn region_of(&self, bucket: &str) -> Option<String> {
        let answer = self
            .client
            .get_bucket_location()
            .bucket(bucket)
            .send()
            .await;
        let told = answer
            .ok()?
            .location_constraint()
            .map(|at| at.as_str().to_owned());
        match told.as_deref() {
            // The protocol's own way of saying it.
            None | Some("") => Some("us-east-1".to_owned()),
            Some("EU") => Some("eu-west-1".to_owned()),
            Some(_) => told,
        }
    }

    /// Returns where a bucket is read that lies in a region.
    fn spec_of(&self, bucket: &str, region: Option<&str>) -> S3Spec {
        let mut spec = self.spec.clone();
        bucket.clone_into(&mut spec.bucket);
        if let Some(region) = region {
            // Elsewhere what a server calls its region says nothing of where else it could be asked.
            let dialect = spec.dialect();
            let host = spec.endpoint_host().ok().flatten();
            if dialect.is_regional_at(host.as_ref().map(|(host, _)| host.as_str())) {
                if let Ok(endpoint) = dialect.endpoint(Some(region), None) {
                    spec.endpoint = endpoint;
                }
                spec.region = Some(region.to_owned());
            }
        }
        spec
    }
}

fn client(spec: &S3Spec, credentials: Option<&Credentials>, network: Network) -> Client {
    let addressing = match spec.addressing {
        Addressing::Auto => spec.dialect().profile().addressing,
        named @ (Addressing::Path | Addressing::Virtual) => named,
    };
    S3Source::client(spec, credentials, &http_client(network), addressing)
}

/// Counts what is in a bucket, with its versions where it keeps some. Versions that may not be listed are not taken for none.
async fn count(client: &Client, bucket: &str, contents: &mut Contents) -> Result<(), Error> {
    if let Ok(None) = versions::status(client, bucket).await {
        return count_current(client, bucket, contents).await;
    }
    let mut all = Contents::default();
    match count_versions(client, bucket, &mut all).await {
        Ok(()) => *contents = all,
        Err(error) => {
            count_current(client, bucket, contents).await?;
            if error.kind() != ErrorKind::Unsupported {
                contents.unknown = Some(format!("earlier versions and delete markers: {error}"));
            }
        }
    }
    Ok(())
}

async fn count_current(
    client: &Client,
    bucket: &str,
    contents: &mut Contents,
) -> Result<(), Error> {
    let mut token: Option<String> = None;
    loop {
        let answer = client
            .list_objects_v2()
            .bucket(bucket)
            .max_keys(PAGE_LEN)
            .encoding_type(EncodingType::Url)
            .set_continuation_token(token.clone())
            .send()
            .await
            .map_err(|error| fault(&error))?;
        for object in answer.contents() {
            let class = object.storage_class().map(ObjectStorageClass::as_str);
            contents.add_current(class, object.size());
        }
        if answer.is_truncated() != Some(true) {
            return Ok(());
        }
        match answer.next_continuation_token() {
            Some(next) if token.as_deref() != Some(next) => token = Some(next.to_owned()),
            Some(_) | None => return Err(cut_off()),
        }
    }
}

async fn count_versions(
    client: &Client,
    bucket: &str,
    contents: &mut Contents,
) -> Result<(), Error> {
    let mut at: (Option<String>, Option<String>) = (None, None);
    loop {
        let answer = client
            .list_object_versions()
            .bucket(bucket)
            .max_keys(PAGE_LEN)
            .set_key_marker(at.0.clone())
            .set_version_id_marker(at.1.clone())
            .send()
            .await
            .map_err(|error| fault(&error))?;
        for version in answer.versions() {
            let class = version
                .storage_class()
                .map(ObjectVersionStorageClass::as_str);
            if version.is_latest() == Some(true) {
                contents.add_current(class, version.size());
            } else {
                contents.earlier.add(version.size());
            }
        }
        contents.delete_markers += answer.delete_markers().len() as u64;
        if answer.is_truncated() != Some(true) {
            return Ok(());
        }
        let next = (
            answer.next_key_marker().map(str::to_owned),
            answer.next_version_id_marker().map(str::to_owned),
        );
        if next.0.is_none() || next == at {
            return Err(cut_off());
        }
        at = next;
    }
}

impl Contents {
    fn add_current(&mut self, class: Option<&str>, size: Option<i64>) {
        self.current.add(size);
        let class = class.unwrap_or(STANDARD).to_owned();
        self.classes.entry(class).or_default().add(size);
    }
}

fn cut_off() -> Error {
    Error::Protocol {
        what: "a listing that is cut off without saying where it goes on".to_owned(),
    }
}
