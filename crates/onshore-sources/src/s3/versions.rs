//! What a page of `ListObjectVersions` says: versions and delete markers in the order in which they became. The SDK hands
//! them over in two lists, so the order between the two is read from the answer's own bytes.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsOutput;
use aws_sdk_s3::types::{DeleteMarkerEntry, EncodingType, ObjectVersion};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use memchr::memmem;
use onshore_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::s3::PAGE_LEN;
use crate::s3::details::unquoted;
use crate::s3::errors::fault;
use crate::s3::listing::{decode, fingerprint, instant, lie, not_utf8};
use crate::source::{Entry, ListCursor, Oddity, Page, Turn, TurnKind};
use crate::{Error, ErrorKind};

/// What a version is called that was written while its bucket was not versioned.
const NULL: &str = "null";

/// Where a listing of versions goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    /// Behind this key, as the source writes it.
    key: String,
    /// Behind this version of it.
    version: Option<String>,
    /// The last key that was listed,
    last: String,
    /// and how many of its versions were.
    listed: u32,
}

/// Whether a bucket keeps or kept versions. One that does not let itself be asked is asked for a page of them.
pub(super) async fn are_kept(client: &Client, bucket: &str) -> Result<bool, Error> {
    match status(client, bucket).await {
        Ok(status) => Ok(status.is_some()),
        Err(error) if error.kind() == ErrorKind::Retry => Err(error),
        Err(_) => any_are_listed(client, bucket).await,
    }
}

/// Says whether a bucket keeps versions, or once did; none where it never has.
pub(super) async fn status(client: &Client, bucket: &str) -> Result<Option<&'static str>, Error> {
    let body = Body::default();
    let answer = client
        .get_bucket_versioning()
        .bucket(bucket)
        .customize()
        .interceptor(body.clone())
        .send()
        .await;
    // Some servers give the answer another root than its schema has, which the SDK does not read.
    let seen = body.taken();
    let has = |status: &str| {
        let element = format!("<Status>{status}<");
        memmem::find(&seen, element.as_bytes()).is_some()
    };
    if let Some(status) = ["Enabled", "Suspended"].into_iter().find(|s| has(s)) {
        return Ok(Some(status));
    }
    match answer {
        Ok(_) => Ok(None),
        Err(error) if is_hollow(&seen) && error.raw_response().is_some_and(is_success) => Ok(None),
        Err(error) => Err(fault(&error)),
    }
}

fn is_success(answer: &HttpResponse) -> bool {
    answer.status().is_success()
}

/// Whether a document has nothing in its outermost element.
pub(super) fn is_hollow(document: &[u8]) -> bool {
    let begun = memchr::memchr_iter(b'<', document)
        .filter(|at| !matches!(document.get(at + 1), Some(b'/' | b'?' | b'!') | None));
    begun.count() == 1
}

async fn any_are_listed(client: &Client, bucket: &str) -> Result<bool, Error> {
    let answer = client
        .list_object_versions()
        .bucket(bucket)
        .max_keys(PAGE_LEN)
        .send()
        .await
        .map_err(|error| fault(&error));
    match answer {
        Ok(answer) => {
            let has_own_name = |version: &ObjectVersion| version.version_id() != Some(NULL);
            Ok(!answer.delete_markers().is_empty() || answer.versions().iter().any(has_own_name))
        }
        Err(error) if error.kind() == ErrorKind::Retry => Err(error),
        Err(_) => Ok(false),
    }
}

/// Asks for the page behind a position.
pub(super) async fn list(
    client: &Client,
    bucket: &str,
    prefix: &str,
    after: Option<&ListCursor>,
) -> Result<Page, Error> {
    let position = match after {
        None => Position::default(),
        Some(cursor) => serde_json::from_str(cursor.as_str())
            .map_err(|_| lie("a place in the listing that was not kept by this version"))?,
    };
    let body = Body::default();
    let answer = client
        .list_object_versions()
        .bucket(bucket)
        .prefix(prefix)
        .encoding_type(EncodingType::Url)
        .max_keys(PAGE_LEN)
        .set_key_marker(after.map(|_| position.key.clone()))
        .set_version_id_marker(position.version.clone())
        .customize()
        .interceptor(body.clone())
        .send()
        .await
        .map_err(|error| fault(&error))?;
    let order = order_of(&body.taken());
    let mut told = read(&answer, &order, prefix)?;
    if !is_interleaved(&order) {
        in_order(&mut told.listed);
        for key in undecided(&told.listed) {
            let turns = one_by_one(client, bucket, &key).await?;
            told.put_in_turn(&key, &turns);
        }
    }
    page(told, &answer, &position)
}

/// Asks for the versions of a key one by one, the newest first: how a server that lists them kind by kind, with times of whole
/// seconds, is made to tell their order.
async fn one_by_one(client: &Client, bucket: &str, key: &str) -> Result<Vec<String>, Error> {
    let mut turns: Vec<String> = Vec::new();
    let mut at: Option<(String, String)> = None;
    loop {
        let answer = client
            .list_object_versions()
            .bucket(bucket)
            .prefix(key)
            .max_keys(1)
            .set_key_marker(at.as_ref().map(|(key, _)| key.clone()))
            .set_version_id_marker(at.as_ref().map(|(_, version)| version.clone()))
            .send()
            .await
            .map_err(|error| fault(&error))?;
        let version = answer
            .versions()
            .iter()
            .map(|version| (version.key(), version.version_id()))
            .chain(
                answer
                    .delete_markers()
                    .iter()
                    .map(|marker| (marker.key(), marker.version_id())),
            )
            .find(|(of, _)| *of == Some(key));
        let Some((_, version)) = version else {
            return Ok(turns);
        };
        let version = version.unwrap_or(NULL).to_owned();
        if turns.contains(&version) {
            return Err(lie("a listing that goes in a circle"));
        }
        turns.push(version);
        if answer.is_truncated() != Some(true) {
            return Ok(turns);
        }
        let next = (answer.next_key_marker(), answer.next_version_id_marker());
        let (Some(next_key), Some(next_version)) = next else {
            return Err(lie(
                "a listing that is cut off without saying where it goes on",
            ));
        };
        at = Some((next_key.to_owned(), next_version.to_owned()));
    }
}

/// Keeps the bytes of an answer that the SDK reads.
#[derive(Debug, Clone, Default)]
struct Body {
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Body {
    fn taken(&self) -> Vec<u8> {
        std::mem::take(&mut *self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Intercept for Body {
    fn name(&self) -> &'static str {
        "bytes of an answer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().unwrap_or_default();
        *self.bytes.lock().unwrap_or_else(PoisonError::into_inner) = body.to_vec();
        Ok(())
    }
}

/// Reads the order of the elements: text cannot hold the sign that begins one.
fn order_of(body: &[u8]) -> Vec<TurnKind> {
    memchr::memchr_iter(b'<', body)
        .filter_map(|at| {
            let rest = body.get(at + 1..)?;
            let kinds = [
                (b"Version".as_slice(), TurnKind::Object),
                (b"DeleteMarker".as_slice(), TurnKind::Marker),
            ];
            kinds.into_iter().find_map(|(name, kind)| {
                let behind = rest.strip_prefix(name)?.first()?;
                matches!(behind, b'>' | b' ' | b'\t' | b'\r' | b'\n').then_some(kind)
            })
        })
        .collect()
}

/// An element of a page, before its place in the order of its key is counted.
struct Listed {
    key: String,
    version: String,
    kind: TurnKind,
    is_latest: bool,
    modified: Option<Timestamp>,
    size_bytes: u64,
    etag: Option<String>,
}

/// What an answer tells of.
struct Told {
    listed: Vec<Listed>,
    oddities: Vec<Oddity>,
}

impl Told {
    /// Puts the versions of a key into the order of their turns.
    fn put_in_turn(&mut self, key: &str, turns: &[String]) {
        let turn = |one: &Listed| turns.iter().position(|version| *version == one.version);
        self.listed
            .sort_by_key(|one| (one.key.clone(), turn(one).filter(|_| one.key == key)));
    }
}

/// Reads an answer in the order of its elements.
fn read(
    answer: &ListObjectVersionsOutput,
    order: &[TurnKind],
    prefix: &str,
) -> Result<Told, Error> {
    let encoded = answer.encoding_type() == Some(&EncodingType::Url);
    let mut told = Told {
        listed: Vec::new(),
        oddities: Vec::new(),
    };
    let (mut versions, mut markers) = (answer.versions().iter(), answer.delete_markers().iter());
    let count = |kind| order.iter().filter(|seen| **seen == kind).count();
    if (versions.len(), markers.len()) != (count(TurnKind::Object), count(TurnKind::Marker)) {
        return Err(lie(
            "a listing of versions that names some of them twice or not",
        ));
    }
    for kind in order {
        let (written, one) = match kind {
            TurnKind::Object => {
                let Some(version) = versions.next() else {
                    break;
                };
                (version.key(), of_version(version)?)
            }
            TurnKind::Marker => {
                let Some(marker) = markers.next() else { break };
                (marker.key(), of_marker(marker))
            }
        };
        let written = written.ok_or_else(|| lie("a version without a key"))?;
        let decoded = if encoded {
            decode(written)
        } else {
            Ok(written.to_owned())
        };
        match decoded {
            Ok(key) if key.starts_with(prefix) => told.listed.push(Listed { key, ..one }),
            Ok(_) => return Err(lie("a key outside the prefix that was asked for")),
            Err(bytes) => told.oddities.push(not_utf8(&bytes)),
        }
    }
    Ok(told)
}

/// Counts the place of each version in the order of its key.
fn page(told: Told, answer: &ListObjectVersionsOutput, position: &Position) -> Result<Page, Error> {
    let mut page = Page {
        oddities: told.oddities,
        ..Page::default()
    };
    let (mut last, mut newer) = (position.last.clone(), position.listed);
    for one in told.listed {
        if one.key != last {
            (last, newer) = (one.key.clone(), 0);
        }
        page.entries.push(one.entry(newer));
        newer = newer.saturating_add(1);
    }
    page.next = next(answer, position, last, newer)?;
    Ok(page)
}

/// Returns the keys of which neither the order of the listing nor the times tell whether a version or a marker came first.
fn undecided(listed: &[Listed]) -> Vec<String> {
    let mut keys: Vec<String> = listed
        .windows(2)
        .filter_map(|pair| match pair {
            [one, two]
                if one.key == two.key && one.kind != two.kind && one.modified == two.modified =>
            {
                Some(one.key.clone())
            }
            _ => None,
        })
        .collect();
    keys.dedup();
    keys
}

/// Whether the answer can have listed versions and markers in the order in which they became. Some servers list all
/// versions first and then all markers.
fn is_interleaved(order: &[TurnKind]) -> bool {
    let first_marker = order.iter().position(|kind| *kind == TurnKind::Marker);
    let last_version = order.iter().rposition(|kind| *kind == TurnKind::Object);
    match (first_marker, last_version) {
        (Some(marker), Some(version)) => marker < version,
        _ => true,
    }
}

/// Puts what was listed kind by kind into the order of its keys, and within a key from the latest to the oldest.
fn in_order(listed: &mut [Listed]) {
    listed.sort_by(|one, two| {
        (&one.key, !one.is_latest, Reverse(one.modified)).cmp(&(
            &two.key,
            !two.is_latest,
            Reverse(two.modified),
        ))
    });
}

fn of_version(version: &ObjectVersion) -> Result<Listed, Error> {
    let size_bytes = version
        .size()
        .and_then(|size| u64::try_from(size).ok())
        .ok_or_else(|| lie("a version without a size"))?;
    Ok(Listed {
        key: String::new(),
        version: version.version_id().unwrap_or(NULL).to_owned(),
        kind: TurnKind::Object,
        is_latest: version.is_latest() == Some(true),
        modified: version.last_modified().and_then(instant),
        size_bytes,
        etag: version.e_tag().map(unquoted),
    })
}

fn of_marker(marker: &DeleteMarkerEntry) -> Listed {
    Listed {
        key: String::new(),
        version: marker.version_id().unwrap_or(NULL).to_owned(),
        kind: TurnKind::Marker,
        is_latest: marker.is_latest() == Some(true),
        modified: marker.last_modified().and_then(instant),
        size_bytes: 0,
        etag: None,
    }
}

impl Listed {
    fn entry(self, newer: u32) -> Entry {
        Entry {
            fingerprint: fingerprint(self.etag.as_deref(), self.modified),
            key: self.key,
            size_bytes: self.size_bytes,
            modified: self.modified,
            place: Some(Turn {
                version: self.version,
                newer,
                kind: self.kind,
            }),
        }
    }
}

/// Returns where the listing goes on. A listing that says it is cut off and does not say where would end early.
fn next(
    answer: &ListObjectVersionsOutput,
    position: &Position,
    last: String,
    listed: u32,
) -> Result<Option<ListCursor>, Error> {
    if answer.is_truncated() != Some(true) {
        return Ok(None);
    }
    let written = answer.next_key_marker().unwrap_or_default();
    let key = if answer.encoding_type() == Some(&EncodingType::Url) {
        decode(written).map_err(|_| lie("a place in the listing that is no text"))?
    } else {
        written.to_owned()
    };
    let version = answer
        .next_version_id_marker()
        .filter(|version| !version.is_empty());
    if key.is_empty() {
        return Err(lie(
            "a listing that is cut off without saying where it goes on",
        ));
    }
    let next = Position {
        key,
        version: version.map(str::to_owned),
        last,
        listed,
    };
    if (&next.key, &next.version) == (&position.key, &position.version) {
        return Err(lie("a listing that goes in a circle"));
    }
    let text = serde_json::to_string(&next).expect("texts and a number always serialize");
    Ok(Some(ListCursor(text)))
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsOutput;
    use aws_sdk_s3::types::{DeleteMarkerEntry, EncodingType, ObjectVersion};
    use aws_smithy_types::DateTime;

    use super::{Position, in_order, is_hollow, is_interleaved, order_of, read, undecided};
    use crate::Error;
    use crate::source::TurnKind::{Marker, Object};
    use crate::source::{ListCursor, Page, TurnKind};

    fn version(key: &str, id: &str, second: i64) -> ObjectVersion {
        ObjectVersion::builder()
            .key(key)
            .version_id(id)
            .size(1)
            .e_tag("\"x\"")
            .last_modified(DateTime::from_secs(second))
            .build()
    }

    fn marker(key: &str, id: &str, second: i64, is_latest: bool) -> DeleteMarkerEntry {
        DeleteMarkerEntry::builder()
            .key(key)
            .version_id(id)
            .is_latest(is_latest)
            .last_modified(DateTime::from_secs(second))
            .build()
    }

    fn page(
        answer: &ListObjectVersionsOutput,
        order: &[TurnKind],
        prefix: &str,
        position: &Position,
    ) -> Result<Page, Error> {
        let mut told = read(answer, order, prefix)?;
        if !is_interleaved(order) {
            in_order(&mut told.listed);
        }
        super::page(told, answer, position)
    }

    fn turns(page: &Page) -> Vec<(&str, &str, u32, TurnKind)> {
        page.entries
            .iter()
            .map(|entry| {
                let place = entry.place.as_ref().expect("a version");
                (
                    entry.key.as_str(),
                    place.version.as_str(),
                    place.newer,
                    place.kind,
                )
            })
            .collect()
    }

    #[test]
    fn the_order_of_an_answer_is_read_from_its_bytes() {
        let body = b"<ListVersionsResult><VersionIdMarker/><DeleteMarker ><Key>&lt;Version></Key><VersionId>a</VersionId></DeleteMarker><Version>\
            <Key>k</Key></Version><Version\n></Version><DeleteMarker></DeleteMarker><NextVersionIdMarker>x</NextVersionIdMarker>";
        assert_eq!(order_of(body), [Marker, Object, Object, Marker]);
    }

    #[test]
    fn versions_of_a_second_stay_in_the_order_of_the_answer() {
        let answer = ListObjectVersionsOutput::builder()
            .versions(version("k", "v3", 5))
            .versions(version("k", "v1", 5))
            .delete_markers(marker("k", "v2", 5, false))
            .delete_markers(marker("l", "m", 5, true))
            .build();
        let order = [Object, Marker, Object, Marker];
        let page = page(&answer, &order, "", &Position::default()).expect("a page");
        assert_eq!(
            turns(&page),
            [
                ("k", "v3", 0, Object),
                ("k", "v2", 1, Marker),
                ("k", "v1", 2, Object),
                ("l", "m", 0, Marker)
            ]
        );
    }

    #[test]
    fn what_is_listed_kind_by_kind_is_put_in_order() {
        let answer = ListObjectVersionsOutput::builder()
            .versions(version("a", "a2", 7))
            .versions(version("a", "a0", 3))
            .versions(version("b", "b0", 3))
            .delete_markers(marker("a", "a1", 5, false))
            .delete_markers(marker("b", "b1", 3, true))
            .build();
        let order = [Object, Object, Object, Marker, Marker];
        let page = page(&answer, &order, "", &Position::default()).expect("a page");
        assert_eq!(
            turns(&page),
            [
                ("a", "a2", 0, Object),
                ("a", "a1", 1, Marker),
                ("a", "a0", 2, Object),
                ("b", "b1", 0, Marker),
                ("b", "b0", 1, Object)
            ]
        );
    }

    #[test]
    fn what_a_second_leaves_open_is_asked_for() {
        let answer = ListObjectVersionsOutput::builder()
            .versions(version("a", "a2", 7))
            .versions(version("a", "a0", 7))
            .versions(version("b", "b0", 3))
            .delete_markers(marker("a", "a1", 7, false))
            .delete_markers(marker("b", "b1", 4, true))
            .build();
        let mut told = read(&answer, &[Object, Object, Object, Marker, Marker], "").expect("told");
        in_order(&mut told.listed);
        assert_eq!(undecided(&told.listed), ["a"]);
        told.put_in_turn("a", &["a2".into(), "a1".into(), "a0".into()]);
        let versions: Vec<&str> = told.listed.iter().map(|one| one.version.as_str()).collect();
        assert_eq!(versions, ["a2", "a1", "a0", "b1", "b0"]);
    }

    #[test]
    fn a_key_that_two_pages_share_is_counted_on() {
        let answer = ListObjectVersionsOutput::builder()
            .versions(version("a%2B", "v9", 7))
            .versions(version("a%2B", "v8", 6))
            .encoding_type(EncodingType::Url)
            .is_truncated(true)
            .next_key_marker("a%2B")
            .next_version_id_marker("v8")
            .build();
        let first = page(&answer, &[Object, Object], "", &Position::default()).expect("a page");
        let cursor: ListCursor = first.next.expect("more");
        let position: Position = serde_json::from_str(cursor.as_str()).expect("reads back");
        assert_eq!(
            (position.key.as_str(), position.version.as_deref()),
            ("a+", Some("v8"))
        );
        let answer = ListObjectVersionsOutput::builder()
            .versions(version("a+", "v7", 5))
            .versions(version("b", "w", 5))
            .build();
        let second = page(&answer, &[Object, Object], "", &position).expect("a page");
        assert_eq!(
            turns(&second),
            [("a+", "v7", 2, Object), ("b", "w", 0, Object)]
        );
    }

    #[test]
    fn a_document_with_nothing_in_it_is_hollow() {
        for hollow in [
            "<a/>",
            "<?xml version=\"1.0\"?>\n<a xmlns=\"b\"></a>",
            "<a> </a>",
        ] {
            assert!(is_hollow(hollow.as_bytes()), "{hollow}");
        }
        for other in ["", "x", "<a><b/></a>", "<?xml?>"] {
            assert!(!is_hollow(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn a_page_that_would_lose_versions_is_an_error() {
        let one = || ListObjectVersionsOutput::builder().versions(version("k", "v", 1));
        let at = Position {
            key: "k".into(),
            version: Some("v".into()),
            ..Position::default()
        };
        let read =
            |answer: ListObjectVersionsOutput, order: &[TurnKind]| page(&answer, order, "", &at);
        assert!(read(one().build(), &[]).is_err());
        assert!(read(one().build(), &[Object, Marker]).is_err());
        assert!(read(one().is_truncated(true).build(), &[Object]).is_err());
        let circle = one()
            .is_truncated(true)
            .next_key_marker("k")
            .next_version_id_marker("v");
        assert!(read(circle.build(), &[Object]).is_err());
        let on = one()
            .is_truncated(true)
            .next_key_marker("k")
            .next_version_id_marker("u");
        assert!(read(on.build(), &[Object]).is_ok());
    }
}
