//! A container of Azure Blob Storage, by its REST API: what is current, as it is called, with the MD5 that was kept with it.
//! Snapshots and earlier versions are not listed.

mod auth;

use std::collections::BTreeMap;

use async_trait::async_trait;
use onshore_types::ByteRange;
use percent_encoding::percent_decode_str;

use crate::container::azblob::auth::Auth;
use crate::container::spec::ContainerSpec;
use crate::s3::{fingerprint, unquoted};
use crate::source::{
    ByteStream, ChecksumAlgorithm, Coverage, Described, Details, Entry, Fetched, ListCursor,
    Obstacle, Oddity, OddityKind, Page, Source, SourceRetention, SourceRetentionMode,
};
use crate::wire::names::{http_date, whole};
use crate::wire::xml::{self, Element};
use crate::wire::{Answer, Request, Wire, lie, of_status, path, segment};
use crate::{Credentials, Error, Network};

/// The version of the API that is spoken.
const API_VERSION: &str = "2021-12-02";

/// How many blobs a page names.
const PAGE_LEN: &str = "1000";

/// Codes that say: these credentials open nothing (any longer).
const CREDENTIALS: &[&str] = &["AuthenticationFailed", "InvalidAuthenticationInfo"];

/// A container.
#[derive(Debug)]
pub(super) struct AzBlob {
    wire: Wire,
    auth: Auth,
    container: String,
    prefix: String,
}

impl AzBlob {
    pub(super) async fn open(
        spec: &ContainerSpec,
        credentials: Option<&Credentials>,
        network: Network,
    ) -> Result<Self, Error> {
        network.check_host(&spec.host()?.0)?;
        let source = Self {
            wire: Wire::new(&spec.endpoint, network),
            auth: Auth::new(credentials)?,
            container: spec.container.clone(),
            prefix: spec.prefix.clone(),
        };
        source.page(None, "1").await?;
        Ok(source)
    }

    async fn send(&self, request: Request) -> Result<Answer, Error> {
        let request = request.header("x-ms-version", API_VERSION);
        let signed = self.auth.signed(request, self.wire.base_path())?;
        self.wire.send(&signed).await
    }

    async fn page(&self, after: Option<&ListCursor>, length: &str) -> Result<Page, Error> {
        let mut request = Request::get(format!("/{}", segment(&self.container)))
            .query("restype", "container")
            .query("comp", "list")
            .query("maxresults", length)
            .query("prefix", self.prefix.as_str());
        if let Some(after) = after {
            request = request.query("marker", after.as_str());
        }
        let answer = self.send(request).await?;
        if answer.status != 200 {
            return Err(fault(&answer));
        }
        read_page(&xml::parse(&answer.read().await?)?, &self.prefix, after)
    }

    /// A blob's path. The service reads dot segments as a path's own, and no blob can have them.
    fn blob(&self, key: &str) -> String {
        format!("/{}/{}", segment(&self.container), path(key))
    }

    async fn tags(
        &self,
        key: &str,
        version: Option<&str>,
    ) -> Result<BTreeMap<String, String>, Error> {
        let mut request = Request::get(self.blob(key)).query("comp", "tags");
        if let Some(version) = version {
            request = request.query("versionid", version);
        }
        let answer = self.send(request).await?;
        match answer.status {
            200 => {}
            403 => {
                return Err(Error::Forbidden {
                    what: "403 to Get Blob Tags: allow it, or the tags would be lost".to_owned(),
                });
            }
            _ => return Err(fault(&answer)),
        }
        let root = xml::parse(&answer.read().await?)?;
        let set = root
            .child("TagSet")
            .ok_or_else(|| lie("tags without a set"))?;
        set.all("Tag")
            .map(|tag| {
                let key = tag
                    .text_of("Key")
                    .ok_or_else(|| lie("a tag without a key"))?;
                let value = tag.text_of("Value").unwrap_or_default();
                Ok((key.to_owned(), value.to_owned()))
            })
            .collect()
    }

    /// Gathers what belongs to a blob besides its headers.
    async fn with_tags(&self, key: &str, told: Told) -> Result<Described, Error> {
        let mut described = told.described;
        if told.has_tags && described.obstacle.is_none() {
            let version = described.details.version.clone();
            described.details.tags = self.tags(key, version.as_deref()).await?;
        }
        Ok(described)
    }
}

#[async_trait]
impl Source for AzBlob {
    fn coverage(&self) -> Coverage {
        Coverage::Current
    }

    async fn list(&self, after: Option<&ListCursor>) -> Result<Page, Error> {
        self.page(after, PAGE_LEN).await
    }

    async fn fetch(&self, key: &str, version: Option<&str>) -> Result<Fetched, Error> {
        let answer = self.send(Request::get(self.blob(key))).await?;
        if answer.status == 200 {
            let told = Told::by(&answer)?;
            let described = self.with_tags(key, told).await?;
            return Ok(Fetched {
                details: described.details,
                body: match described.obstacle {
                    Some(obstacle) => Err(obstacle),
                    None => Ok(answer.stream()),
                },
            });
        }
        // Some blobs are there and cannot be read as they are.
        let refused = fault(&answer);
        let known = refusal(&answer);
        if known.is_none() {
            return Err(refused);
        }
        let described = self.describe(key, version).await?;
        match described.obstacle.or(known) {
            Some(obstacle) => Ok(Fetched {
                details: described.details,
                body: Err(obstacle),
            }),
            None => Err(refused),
        }
    }

    async fn describe(&self, key: &str, _version: Option<&str>) -> Result<Described, Error> {
        let answer = self.send(Request::head(self.blob(key))).await?;
        if answer.status != 200 {
            return Err(fault(&answer));
        }
        let told = Told::by(&answer)?;
        self.with_tags(key, told).await
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
        let mut request = Request::get(self.blob(key));
        if let Some(etag) = &details.etag {
            request = request.header("if-match", format!("\"{etag}\""));
        }
        if !is_whole {
            request = request.range(range);
        }
        let answer = self.send(request).await?;
        if !matches!(answer.status, 200 | 206) {
            return Err(fault(&answer));
        }
        if answer.header("etag").map(unquoted) != details.etag {
            return Err(Error::Changed);
        }
        if !is_whole && answer.status != 206 {
            return Err(Error::Unsupported {
                what: "ranges of a blob".to_owned(),
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

/// What headers tell of a blob.
struct Told {
    described: Described,
    has_tags: bool,
}

impl Told {
    fn by(answer: &Answer) -> Result<Self, Error> {
        Ok(Self {
            described: Described {
                details: details(answer)?,
                obstacle: obstacle(answer),
            },
            has_tags: answer
                .header("x-ms-tag-count")
                .is_some_and(|count| count != "0"),
        })
    }
}

fn read_page(root: &Element, prefix: &str, after: Option<&ListCursor>) -> Result<Page, Error> {
    let mut page = Page::default();
    let blobs = root
        .child("Blobs")
        .ok_or_else(|| lie("a listing without blobs"))?;
    for blob in blobs.all("Blob") {
        let name = blob
            .child("Name")
            .ok_or_else(|| lie("a blob without a name"))?;
        let properties = blob
            .child("Properties")
            .ok_or_else(|| lie("a blob without properties"))?;
        // A folder of a hierarchical namespace is no object and makes none.
        if properties.text_of("ResourceType") == Some("directory") {
            continue;
        }
        let key = if name.has("Encoded", "true") {
            let bytes: Vec<u8> = percent_decode_str(&name.text).collect();
            match String::from_utf8(bytes) {
                Ok(key) => key,
                Err(_) => {
                    page.oddities.push(Oddity {
                        name: name.text.clone(),
                        why: OddityKind::NameNotUtf8,
                    });
                    continue;
                }
            }
        } else {
            name.text.clone()
        };
        if key.is_empty() || !key.starts_with(prefix) {
            return Err(lie("a key outside the prefix that was asked for"));
        }
        page.entries.push(entry(key, properties)?);
    }
    page.next = match root.text_of("NextMarker") {
        None => None,
        Some(marker) if after.is_some_and(|after| after.as_str() == marker) => {
            return Err(lie("a listing that goes in a circle"));
        }
        Some(marker) => Some(ListCursor(marker.to_owned())),
    };
    Ok(page)
}

fn entry(key: String, properties: &Element) -> Result<Entry, Error> {
    let size_bytes = properties
        .text_of("Content-Length")
        .and_then(|length| length.parse().ok())
        .ok_or_else(|| lie("a blob without a length"))?;
    let modified = properties.text_of("Last-Modified").and_then(http_date);
    let etag = properties.text_of("Etag").map(unquoted);
    Ok(Entry {
        key,
        size_bytes,
        fingerprint: fingerprint(etag.as_deref(), modified),
        modified,
        place: None,
    })
}

fn details(answer: &Answer) -> Result<Details, Error> {
    let size_bytes = answer
        .header("content-length")
        .and_then(|length| length.parse().ok())
        .ok_or_else(|| lie("a blob without a length"))?;
    let etag = answer.header("etag").map(unquoted);
    let modified = answer.header("last-modified").and_then(http_date);
    let retention = answer
        .header("x-ms-immutability-policy-until-date")
        .and_then(http_date)
        .map(|until| SourceRetention {
            mode: match answer.header("x-ms-immutability-policy-mode") {
                Some(mode) if mode.eq_ignore_ascii_case("unlocked") => {
                    SourceRetentionMode::Governance
                }
                _ => SourceRetentionMode::Compliance,
            },
            until,
        });
    Ok(Details {
        fingerprint: fingerprint(etag.as_deref(), modified),
        etag,
        version: answer.owned("x-ms-version-id"),
        size_bytes,
        modified,
        content_type: answer.owned("content-type"),
        cache_control: answer.owned("cache-control"),
        content_disposition: answer.owned("content-disposition"),
        content_encoding: answer.owned("content-encoding"),
        content_language: answer.owned("content-language"),
        user_metadata: answer.headers_below("x-ms-meta-").into_iter().collect(),
        is_held: answer.header("x-ms-legal-hold") == Some("true"),
        retention,
        checksums: whole(ChecksumAlgorithm::Md5, answer.header("content-md5"))
            .into_iter()
            .collect(),
        ..Details::default()
    })
}

/// Says from its headers why a blob cannot be read as it is.
fn obstacle(answer: &Answer) -> Option<Obstacle> {
    if answer.header("x-ms-encryption-key-sha256").is_some() {
        Some(Obstacle::CustomerKey)
    } else if answer.header("x-ms-access-tier") == Some("Archive") {
        Some(Obstacle::Archived)
    } else {
        None
    }
}

/// Says from the code of a refusal why a blob cannot be read as it is.
fn refusal(answer: &Answer) -> Option<Obstacle> {
    match answer.header("x-ms-error-code")? {
        "BlobArchived" | "BlobBeingRehydrated" => Some(Obstacle::Archived),
        "BlobUsesCustomerSpecifiedEncryption" => Some(Obstacle::CustomerKey),
        _ => None,
    }
}

fn fault(answer: &Answer) -> Error {
    let code = answer.header("x-ms-error-code");
    match code {
        Some(known) if CREDENTIALS.contains(&known) => Error::Credentials {
            what: format!("{} {known}", answer.status),
        },
        _ => of_status(answer.status, code),
    }
}

#[cfg(test)]
mod tests {
    use super::read_page;
    use crate::source::ListCursor;
    use crate::wire::xml::parse;

    fn listing(blobs: &str, marker: &str) -> String {
        format!(
            "<EnumerationResults><Blobs>{blobs}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>"
        )
    }

    fn blob(name: &str, more: &str) -> String {
        format!(
            "<Blob>{name}<Properties><Last-Modified>Wed, 11 Aug 2021 08:00:00 GMT</Last-Modified><Etag>0x8D</Etag><Content-Length>5</Content-Length>{more}</Properties></Blob>"
        )
    }

    #[test]
    fn names_arrive_as_they_are() {
        let xml = listing(
            &[
                blob("<Name>a//b &amp; c</Name>", ""),
                blob("<Name Encoded=\"true\">a%01%2F</Name>", ""),
                blob(
                    "<Name>a-folder</Name>",
                    "<ResourceType>directory</ResourceType>",
                ),
                blob("<Name Encoded=\"true\">a%FF</Name>", ""),
            ]
            .concat(),
            "more",
        );
        let page = read_page(&parse(xml.as_bytes()).expect("XML"), "a", None).expect("a page");
        let keys: Vec<_> = page
            .entries
            .iter()
            .map(|entry| entry.key.as_str())
            .collect();
        assert_eq!(keys, ["a//b & c", "a\u{1}/"]);
        assert_eq!(page.entries[0].fingerprint, "0x8D 1628668800");
        assert_eq!(page.oddities.len(), 1);
        assert_eq!(page.next.expect("more").as_str(), "more");
    }

    #[test]
    fn a_page_that_would_lose_blobs_is_an_error() {
        let here = ListCursor::from_kept("more".to_owned());
        for xml in [
            "<EnumerationResults/>".to_owned(),
            listing(&blob("", ""), ""),
            listing(&blob("<Name>b</Name>", ""), ""),
            listing("<Blob><Name>a</Name></Blob>", ""),
            listing("<Blob><Name>a</Name><Properties/></Blob>", ""),
            listing("", "more"),
        ] {
            let root = parse(xml.as_bytes()).expect("XML");
            assert!(read_page(&root, "a", Some(&here)).is_err(), "{xml}");
        }
    }
}
