//! A bucket of Google Cloud Storage, by its JSON API: what is current, with its CRC32C and, where it was stored in one piece, its
//! MD5. Each read names the generation that was described. Earlier generations are not listed.

mod auth;

use std::collections::BTreeMap;

use async_trait::async_trait;
use onshore_types::ByteRange;
use serde::Deserialize;

use crate::container::gcs::auth::Auth;
use crate::container::spec::ContainerSpec;
use crate::s3::fingerprint;
use crate::source::{
    ByteStream, ChecksumAlgorithm, Coverage, Described, Details, Entry, Fetched, ListCursor,
    Obstacle, Page, Source, SourceRetention, SourceRetentionMode,
};
use crate::wire::names::{rfc_3339, whole};
use crate::wire::{Answer, Request, Wire, lie, of_status, segment};
use crate::{Credentials, Error, Network};

/// How many objects a page names.
const PAGE_LEN: &str = "1000";

/// A bucket.
#[derive(Debug)]
pub(super) struct Gcs {
    wire: Wire,
    auth: Auth,
    bucket: String,
    prefix: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listing {
    #[serde(default)]
    items: Vec<Resource>,
    next_page_token: Option<String>,
}

/// What the API says of an object. Numbers of 64 bits are texts there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    name: String,
    size: String,
    generation: String,
    metageneration: Option<String>,
    updated: Option<String>,
    time_created: Option<String>,
    content_type: Option<String>,
    cache_control: Option<String>,
    content_disposition: Option<String>,
    content_encoding: Option<String>,
    content_language: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    md5_hash: Option<String>,
    crc32c: Option<String>,
    #[serde(default)]
    temporary_hold: bool,
    #[serde(default)]
    event_based_hold: bool,
    retention_expiration_time: Option<String>,
    retention: Option<Retention>,
    customer_encryption: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Retention {
    mode: Option<String>,
    retain_until_time: Option<String>,
}

impl Gcs {
    pub(super) async fn open(
        spec: &ContainerSpec,
        credentials: Option<&Credentials>,
        network: Network,
    ) -> Result<Self, Error> {
        network.check_host(&spec.host()?.0)?;
        let source = Self {
            wire: Wire::new(&spec.endpoint, network),
            auth: Auth::new(credentials, &spec.endpoint, network)?,
            bucket: spec.container.clone(),
            prefix: spec.prefix.clone(),
        };
        source.page(None, "1").await?;
        Ok(source)
    }

    async fn send(&self, request: Request) -> Result<Answer, Error> {
        let answer = self.wire.send(&self.auth.signed(request).await?).await?;
        match answer.status {
            200 | 206 => Ok(answer),
            status => Err(of_status(status, None)),
        }
    }

    async fn page(&self, after: Option<&ListCursor>, length: &str) -> Result<Page, Error> {
        let mut request = Request::get(format!("/storage/v1/b/{}/o", segment(&self.bucket)))
            .query("maxResults", length)
            .query("projection", "noAcl")
            .query("prefix", self.prefix.as_str());
        if let Some(after) = after {
            request = request.query("pageToken", after.as_str());
        }
        let listing = self.send(request).await?.read().await?;
        let listing: Listing =
            serde_json::from_slice(&listing).map_err(|_| lie("a listing that does not parse"))?;
        read_page(&listing, &self.prefix, after)
    }

    /// An object's path: its name is one segment, so that every name is one.
    fn object(&self, key: &str) -> String {
        format!("/storage/v1/b/{}/o/{}", segment(&self.bucket), segment(key))
    }

    async fn resource(&self, key: &str) -> Result<Resource, Error> {
        let request = Request::get(self.object(key)).query("projection", "noAcl");
        let resource = self.send(request).await?.read().await?;
        serde_json::from_slice(&resource).map_err(|_| lie("an object that does not parse"))
    }
}

#[async_trait]
impl Source for Gcs {
    fn coverage(&self) -> Coverage {
        Coverage::Current
    }

    async fn list(&self, after: Option<&ListCursor>) -> Result<Page, Error> {
        self.page(after, PAGE_LEN).await
    }

    async fn fetch(&self, key: &str, version: Option<&str>) -> Result<Fetched, Error> {
        let described = self.describe(key, version).await?;
        let body = match described.obstacle {
            Some(obstacle) => Err(obstacle),
            None => {
                let whole = ByteRange::whole(described.details.size_bytes);
                Ok(self.open(key, &described.details, whole).await?)
            }
        };
        Ok(Fetched {
            details: described.details,
            body,
        })
    }

    async fn describe(&self, key: &str, _version: Option<&str>) -> Result<Described, Error> {
        let resource = self.resource(key).await?;
        let obstacle = resource
            .customer_encryption
            .as_ref()
            .map(|_| Obstacle::CustomerKey);
        Ok(Described {
            details: details(resource)?,
            obstacle,
        })
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
        // Asked so, what was stored compressed is not unpacked on the way.
        let mut request = Request::get(self.object(key))
            .query("alt", "media")
            .header("accept-encoding", "gzip");
        if let Some(generation) = &details.version {
            request = request.query("generation", generation.as_str());
        }
        if !is_whole {
            request = request.range(range);
        }
        let answer = match self.send(request).await {
            Ok(answer) => answer,
            // That generation is no more; whether there is another is asked for anew.
            Err(Error::Gone { .. }) => return Err(Error::Changed),
            Err(other) => return Err(other),
        };
        let sent = answer.header("x-goog-generation");
        if sent.is_some() && sent != details.version.as_deref() {
            return Err(Error::Changed);
        }
        if !is_whole && answer.status != 206 {
            return Err(Error::Unsupported {
                what: "ranges of an object".to_owned(),
            });
        }
        let sent = answer
            .header("content-length")
            .and_then(|len| len.parse().ok());
        if sent.is_some_and(|sent: u64| sent != range.len_bytes) {
            return Err(Error::Changed);
        }
        Ok(answer.stream())
    }
}

fn read_page(listing: &Listing, prefix: &str, after: Option<&ListCursor>) -> Result<Page, Error> {
    let mut page = Page::default();
    for resource in &listing.items {
        if resource.name.is_empty() || !resource.name.starts_with(prefix) {
            return Err(lie("a key outside the prefix that was asked for"));
        }
        let modified = resource.modified();
        page.entries.push(Entry {
            key: resource.name.clone(),
            size_bytes: resource.size_bytes()?,
            fingerprint: resource.fingerprint(),
            modified,
            place: None,
        });
    }
    page.next = match listing.next_page_token.as_deref() {
        None | Some("") => None,
        Some(token) if after.is_some_and(|after| after.as_str() == token) => {
            return Err(lie("a listing that goes in a circle"));
        }
        Some(token) => Some(ListCursor(token.to_owned())),
    };
    Ok(page)
}

impl Resource {
    fn size_bytes(&self) -> Result<u64, Error> {
        self.size
            .parse()
            .map_err(|_| lie("an object without a size"))
    }

    /// When its bytes were written; `updated` is also when somebody last changed its metadata.
    fn modified(&self) -> Option<onshore_types::Timestamp> {
        self.time_created
            .as_deref()
            .or(self.updated.as_deref())
            .and_then(rfc_3339)
    }

    /// Generation and metageneration tell bytes and metadata of an object from any others.
    fn fingerprint(&self) -> String {
        let meta = self.metageneration.as_deref().unwrap_or("1");
        fingerprint(
            Some(&format!("{}.{meta}", self.generation)),
            self.modified(),
        )
    }
}

fn details(resource: Resource) -> Result<Details, Error> {
    let (size_bytes, fingerprint) = (resource.size_bytes()?, resource.fingerprint());
    let of_object = resource.retention.as_ref().and_then(|retention| {
        let until = retention.retain_until_time.as_deref().and_then(rfc_3339)?;
        let mode = match retention.mode.as_deref() {
            Some("Unlocked") => SourceRetentionMode::Governance,
            _ => SourceRetentionMode::Compliance,
        };
        Some(SourceRetention { mode, until })
    });
    let of_bucket = resource
        .retention_expiration_time
        .as_deref()
        .and_then(rfc_3339)
        .map(|until| SourceRetention {
            mode: SourceRetentionMode::Compliance,
            until,
        });
    let checksums = [
        whole(ChecksumAlgorithm::Md5, resource.md5_hash.as_deref()),
        whole(ChecksumAlgorithm::Crc32c, resource.crc32c.as_deref()),
    ];
    Ok(Details {
        fingerprint,
        modified: resource.modified(),
        version: Some(resource.generation),
        size_bytes,
        content_type: resource.content_type,
        cache_control: resource.cache_control,
        content_disposition: resource.content_disposition,
        content_encoding: resource.content_encoding,
        content_language: resource.content_language,
        user_metadata: resource
            .metadata
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect(),
        is_held: resource.temporary_hold || resource.event_based_hold,
        retention: of_object.or(of_bucket),
        checksums: checksums.into_iter().flatten().collect(),
        ..Details::default()
    })
}

#[cfg(test)]
mod tests {
    use super::{Listing, details, read_page};
    use crate::source::{ChecksumAlgorithm, ListCursor};

    fn listing(json: &str) -> Listing {
        serde_json::from_str(json).expect("JSON")
    }

    const OBJECT: &str = r#"{"name":"a//b","size":"5","generation":"1628668800000000","metageneration":"2",
        "timeCreated":"2021-08-11T08:00:00.123Z","updated":"2022-01-01T00:00:00Z","md5Hash":"XUFAKrxLKna5cZ2REBfFkg==",
        "crc32c":"mnG7TA==","metadata":{"Onshore-Class":"core"},"contentEncoding":"gzip"}"#;

    #[test]
    fn an_object_is_told_by_its_generations() {
        let page = read_page(
            &listing(&format!(r#"{{"items":[{OBJECT}],"nextPageToken":"x"}}"#)),
            "a/",
            None,
        )
        .expect("a page");
        assert_eq!(page.entries[0].fingerprint, "1628668800000000.2 1628668800");
        let details = details(serde_json::from_str(OBJECT).expect("JSON")).expect("details");
        assert_eq!(details.fingerprint, page.entries[0].fingerprint);
        let algorithms: Vec<_> = details.checksums.iter().map(|one| one.algorithm).collect();
        assert_eq!(
            algorithms,
            [ChecksumAlgorithm::Md5, ChecksumAlgorithm::Crc32c]
        );
        assert_eq!(
            details
                .user_metadata
                .get("onshore-class")
                .map(String::as_str),
            Some("core")
        );
        assert!(details.retention.is_none() && !details.is_held);
    }

    #[test]
    fn locks_are_told() {
        let of = |more: &str| {
            let json = format!("{},{more}}}", OBJECT.trim_end_matches('}'));
            details(serde_json::from_str(&json).expect("JSON")).expect("details")
        };
        assert!(of("\"temporaryHold\":true").is_held);
        assert!(of("\"eventBasedHold\":true").is_held);
        let until = of("\"retentionExpirationTime\":\"2030-01-01T00:00:00Z\"");
        assert!(until.retention.is_some());
        let own = of(
            "\"retention\":{\"mode\":\"Unlocked\",\"retainUntilTime\":\"2030-01-01T00:00:00Z\"}",
        );
        assert!(own.retention.is_some());
    }

    #[test]
    fn a_page_that_would_lose_objects_is_an_error() {
        let here = ListCursor::from_kept("x".to_owned());
        let circle = listing(r#"{"nextPageToken":"x"}"#);
        assert!(read_page(&circle, "", Some(&here)).is_err());
        assert!(read_page(&circle, "", None).is_ok());
        let outside = listing(&format!(r#"{{"items":[{OBJECT}]}}"#));
        assert!(read_page(&outside, "b", None).is_err());
        let sizeless = OBJECT.replace("\"5\"", "\"-5\"");
        assert!(read_page(&listing(&format!(r#"{{"items":[{sizeless}]}}"#)), "", None).is_err());
    }
}
