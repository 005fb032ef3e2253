//! A container of OpenStack Swift: what is current, with the MD5 that is the ETag of what was stored in one piece. The ETag of a
//! large object is one of its manifest: it tells states apart and says nothing of the bytes. Earlier versions are not listed.

mod auth;
mod spec;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use onshore_types::{ByteRange, Timestamp};
use serde::Deserialize;

use crate::container::swift::auth::{Auth, Granted};
use crate::s3::{fingerprint, unquoted};
use crate::source::{
    ByteStream, Coverage, Described, Details, Entry, EtagMeaning, Fetched, ListCursor, Oddity,
    OddityKind, Page, Source,
};
use crate::wire::names::{http_date, rfc_3339};
use crate::wire::{Answer, Request, lie, of_status, path, segment, unavailable};
use crate::{Credentials, Error, Network};

pub use spec::{KeystoneScope, SwiftAccount, SwiftAuth, SwiftSpec};

/// How many objects a page names.
const PAGE_LEN: &str = "1000";

/// How many that are listed as empty are asked for at once.
const EMPTY_AT_ONCE: usize = 16;

/// A container.
#[derive(Debug)]
pub(super) struct Swift {
    auth: Auth,
    container: String,
    prefix: String,
}

/// What a listing tells of an object.
#[derive(Deserialize)]
struct Listed {
    name: String,
    bytes: u64,
    hash: Option<String>,
    last_modified: Option<String>,
    /// Where the object is a link.
    symlink_path: Option<String>,
}

impl Swift {
    pub(super) async fn open(
        spec: &SwiftSpec,
        credentials: Option<&Credentials>,
        network: Network,
    ) -> Result<Self, Error> {
        network.check_host(&spec.host()?.0)?;
        let source = Self {
            auth: Auth::new(&spec.account, credentials, network)?,
            container: spec.container.clone(),
            prefix: spec.prefix.clone(),
        };
        source.page(None, "1").await?;
        Ok(source)
    }

    /// Sends a request to the account. A token that is refused has ended, and is asked for anew once.
    async fn send(&self, request: &Request) -> Result<Answer, Error> {
        let granted = self.auth.granted(None).await?;
        let answer = send_with(&granted, request).await?;
        if answer.status != 401 || granted.token.is_none() {
            return Ok(answer);
        }
        let granted = self.auth.granted(Some(&granted)).await?;
        send_with(&granted, request).await
    }

    async fn page(&self, after: Option<&ListCursor>, length: &'static str) -> Result<Page, Error> {
        let mut request = Request::get(format!("/{}", segment(&self.container)))
            .query("format", "json")
            .query("limit", length)
            .query("prefix", self.prefix.as_str());
        if let Some(after) = after {
            request = request.query("marker", after.as_str());
        }
        let answer = self.send(&request).await?;
        let listing: Vec<Listed> = match answer.status {
            204 => Vec::new(),
            200 => serde_json::from_slice(&answer.read().await?)
                .map_err(|_| lie("a listing that does not parse"))?,
            status => return Err(fault(status)),
        };
        read_page(listing, &self.prefix, after)
    }

    /// Asks for what is listed as empty: it may be the manifest of a dynamic large object, of whose segments no listing tells.
    async fn look_behind(&self, entry: &mut Entry) -> Result<(), Error> {
        match self.describe(&entry.key, None).await {
            Ok(Described { details, .. }) if details.size_bytes > 0 => {
                entry.size_bytes = details.size_bytes;
                entry.fingerprint = details.fingerprint;
                entry.modified = details.modified;
                Ok(())
            }
            // Whoever brings it meets what is to be said of it.
            Ok(_)
            | Err(Error::Gone { .. } | Error::Forbidden { .. } | Error::Unsupported { .. }) => {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn object(&self, key: &str) -> String {
        format!("/{}/{}", segment(&self.container), path(key))
    }
}

async fn send_with(granted: &Granted, request: &Request) -> Result<Answer, Error> {
    let mut request = request.clone();
    if let Some(token) = &granted.token {
        request = request.header("x-auth-token", token.as_str());
    }
    granted.storage.send(&request).await
}

#[async_trait]
impl Source for Swift {
    fn coverage(&self) -> Coverage {
        Coverage::Current
    }

    async fn list(&self, after: Option<&ListCursor>) -> Result<Page, Error> {
        let mut page = self.page(after, PAGE_LEN).await?;
        let mut empty: Vec<&mut Entry> = page
            .entries
            .iter_mut()
            .filter(|entry| entry.size_bytes == 0)
            .collect();
        for some in empty.chunks_mut(EMPTY_AT_ONCE) {
            try_join_all(some.iter_mut().map(|entry| self.look_behind(entry))).await?;
        }
        Ok(page)
    }

    async fn fetch(&self, key: &str, _version: Option<&str>) -> Result<Fetched, Error> {
        let answer = self.send(&Request::get(self.object(key))).await?;
        if answer.status != 200 {
            return Err(fault_of_read(answer.status));
        }
        Ok(Fetched {
            details: details(&answer)?,
            body: Ok(answer.stream()),
        })
    }

    async fn describe(&self, key: &str, _version: Option<&str>) -> Result<Described, Error> {
        let answer = self.send(&Request::head(self.object(key))).await?;
        if !matches!(answer.status, 200 | 204) {
            return Err(fault_of_read(answer.status));
        }
        Ok(Described {
            details: details(&answer)?,
            obstacle: None,
        })
    }

    async fn open(
        &self,
        key: &str,
        wanted: &Details,
        range: ByteRange,
    ) -> Result<ByteStream, Error> {
        let is_whole = range == ByteRange::whole(wanted.size_bytes);
        if range.end() > wanted.size_bytes {
            return Err(Error::Changed);
        }
        let mut request = Request::get(self.object(key));
        if let Some(etag) = &wanted.etag {
            request = request.header("if-match", format!("\"{etag}\""));
        }
        if !is_whole {
            request = request.range(range);
        }
        let answer = self.send(&request).await?;
        match answer.status {
            206 if !is_whole => {}
            200 if is_whole => {}
            200 => {
                return Err(Error::Unsupported {
                    what: "ranges of an object".to_owned(),
                });
            }
            status => return Err(fault_of_read(status)),
        }
        // Not every version holds a large object to the condition.
        if answer.header("etag").map(unquoted) != wanted.etag || !answer.is_of(range) {
            return Err(Error::Changed);
        }
        Ok(answer.stream())
    }
}

fn read_page(
    listing: Vec<Listed>,
    prefix: &str,
    after: Option<&ListCursor>,
) -> Result<Page, Error> {
    let mut page = Page::default();
    let mut last = after.map(|after| after.as_str().to_owned());
    for listed in listing {
        if listed.name.is_empty() || !listed.name.starts_with(prefix) {
            return Err(lie("a key outside the prefix that was asked for"));
        }
        if last.as_ref().is_some_and(|last| listed.name <= *last) {
            return Err(lie("a listing that does not go on"));
        }
        last = Some(listed.name.clone());
        if listed.symlink_path.is_some() {
            page.oddities.push(Oddity {
                name: listed.name,
                why: OddityKind::SymbolicLink,
            });
            continue;
        }
        let modified = listed.last_modified.as_deref().and_then(instant);
        page.entries.push(Entry {
            key: listed.name,
            size_bytes: listed.bytes,
            fingerprint: fingerprint(listed.hash.as_deref(), modified),
            modified,
            place: None,
        });
    }
    // However few a page names, only an empty one says that there are no more.
    if !page.entries.is_empty() || !page.oddities.is_empty() {
        page.next = last.map(ListCursor);
    }
    Ok(page)
}

/// Reads a date of a listing, which is of UTC and may not say so.
fn instant(text: &str) -> Option<Timestamp> {
    rfc_3339(text).or_else(|| rfc_3339(&format!("{text}Z")))
}

fn details(answer: &Answer) -> Result<Details, Error> {
    let size_bytes = answer
        .header("content-length")
        .and_then(|length| length.parse().ok())
        .ok_or_else(|| Error::Unsupported {
            what: "a large object whose length is not told".to_owned(),
        })?;
    let etag = answer.header("etag").map(unquoted);
    let is_large = answer.header("x-object-manifest").is_some()
        || answer
            .header("x-static-large-object")
            .is_some_and(|word| word.eq_ignore_ascii_case("true"));
    // A listing tells a static large object by its manifest, and when it was stored to the second below.
    let state = answer.owned("x-manifest-etag").or_else(|| etag.clone());
    let modified = answer
        .header("x-timestamp")
        .and_then(seconds)
        .or_else(|| answer.header("last-modified").and_then(http_date));
    let md5 = etag
        .as_deref()
        .filter(|_| !is_large)
        .and_then(|etag| hex::decode(etag).ok()?.try_into().ok());
    Ok(Details {
        fingerprint: fingerprint(state.as_deref(), modified),
        size_bytes,
        modified,
        content_type: answer.owned("content-type"),
        cache_control: answer.owned("cache-control"),
        content_disposition: answer.owned("content-disposition"),
        content_encoding: answer.owned("content-encoding"),
        content_language: answer.owned("content-language"),
        expires: answer.owned("expires"),
        user_metadata: answer.headers_below("x-object-meta-").into_iter().collect(),
        etag_meaning: md5.map_or(EtagMeaning::Opaque, EtagMeaning::Md5),
        etag,
        ..Details::default()
    })
}

/// Reads a time in seconds with a fraction.
fn seconds(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let millis: String = fraction.chars().chain("000".chars()).take(3).collect();
    let whole: i64 = whole.parse().ok()?;
    let millis: i64 = millis.parse().ok()?;
    Some(Timestamp::from_millis(
        whole.checked_mul(1000)?.checked_add(millis)?,
    ))
}

fn fault(status: u16) -> Error {
    match status {
        // Too many requests, in Swift's own words.
        498 => unavailable("498"),
        status => of_status(status, None),
    }
}

fn fault_of_read(status: u16) -> Error {
    match status {
        409 => Error::Unsupported {
            what: "409: a segment of the large object is not the one that its manifest names"
                .to_owned(),
        },
        status => fault(status),
    }
}

#[cfg(test)]
mod tests {
    use super::{Listed, instant, read_page, seconds};
    use crate::source::ListCursor;

    fn listing(json: &str) -> Vec<Listed> {
        serde_json::from_str(json).expect("JSON")
    }

    #[test]
    fn a_page_goes_on_until_one_is_empty() {
        let json = r#"[{"name":"a//b","bytes":5,"hash":"x","last_modified":"2021-08-11T08:00:00.390270","content_type":"t"},
            {"name":"link","bytes":0,"hash":"y","last_modified":"2021-08-11T08:00:00","symlink_path":"/v1/AUTH_x/c/o"}]"#;
        let page = read_page(listing(json), "", None).expect("a page");
        assert_eq!(page.entries[0].fingerprint, "x 1628668800");
        assert_eq!(page.oddities.len(), 1);
        assert_eq!(page.next.expect("more").as_str(), "link");
        let last = read_page(Vec::new(), "", None).expect("a page");
        assert!(last.next.is_none());
    }

    #[test]
    fn a_page_that_would_lose_objects_is_an_error() {
        let here = ListCursor::from_kept("b".to_owned());
        let named = |name: &str| listing(&format!(r#"[{{"name":"{name}","bytes":1}}]"#));
        assert!(read_page(named("b"), "", Some(&here)).is_err());
        assert!(read_page(named("a"), "", Some(&here)).is_err());
        assert!(read_page(named("c"), "d", Some(&here)).is_err());
        assert!(read_page(named("c"), "", Some(&here)).is_ok());
        assert!(serde_json::from_str::<Vec<Listed>>(r#"[{"name":"a","bytes":-1}]"#).is_err());
        assert!(serde_json::from_str::<Vec<Listed>>(r#"[{"subdir":"a/"}]"#).is_err());
    }

    #[test]
    fn both_ways_of_telling_a_time_are_read() {
        let one = instant("2021-08-11T08:00:00.390270").expect("a time");
        assert_eq!(Some(one), instant("2021-08-11T08:00:00.390Z"));
        assert_eq!(Some(one), seconds("1628668800.39027"));
        assert_eq!(seconds("x"), None);
    }
}
