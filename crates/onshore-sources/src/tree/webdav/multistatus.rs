//! An answer of WebDAV about many things, cut into what it says of each as it comes: however long it is, one of them is held.

use percent_encoding::percent_decode_str;

use crate::Error;
use crate::s3::fingerprint;
use crate::source::{ChecksumAlgorithm, ChecksumScope, SourceChecksum};
use crate::tree::names::FileState;
use crate::wire::lie;
use crate::wire::names::http_date;
use crate::wire::xml::{self, Element};

/// How long what is said of one thing may be.
const RESPONSE_BYTES_MAX: usize = 1 << 20;

/// What an answer says of one thing.
#[derive(Debug)]
pub(super) struct Member {
    /// The segments of its path.
    pub(super) path: Vec<Vec<u8>>,
    pub(super) kind: MemberKind,
    /// As it is written.
    pub(super) etag: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) checksums: Vec<SourceChecksum>,
}

#[derive(Debug)]
pub(super) enum MemberKind {
    Folder,
    File(FileState),
    /// A reference that leads elsewhere (RFC 4437).
    Link,
    /// Nothing is told of it but a status.
    Refused(u16),
}

/// Cuts an answer.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    held: Vec<u8>,
    /// How much of it is known to hold no end.
    looked: usize,
}

impl Cutter {
    /// Takes more of the answer and returns what has become whole.
    pub(super) fn feed(&mut self, chunk: &[u8]) -> Result<Vec<Member>, Error> {
        self.held.extend_from_slice(chunk);
        let (mut members, mut from) = (Vec::new(), 0);
        while let Some((at, end, name)) = closing(&self.held, self.looked) {
            if local(name) == b"response" {
                let piece = self.held.get(from..end).unwrap_or_default();
                let start = opening(piece).ok_or_else(broken)?;
                members.push(member(&xml::parse(
                    piece.get(start..).unwrap_or_default(),
                )?)?);
                from = end;
            }
            self.looked = at + 2;
        }
        self.looked = self.looked.max(from);
        self.held.drain(..from);
        self.looked -= from;
        if self.held.len() > RESPONSE_BYTES_MAX {
            return Err(lie(
                "an answer that says more of one thing than there is to say",
            ));
        }
        Ok(members)
    }

    /// Sees that the answer is whole.
    pub(super) fn finish(self) -> Result<(), Error> {
        if opening(&self.held).is_some() {
            return Err(lie("a listing that breaks off"));
        }
        let mut from = 0;
        while let Some((at, _, name)) = closing(&self.held, from) {
            if local(name) == b"multistatus" {
                return Ok(());
            }
            from = at + 2;
        }
        Err(lie("a listing that breaks off"))
    }
}

/// Finds the next closing tag: where it begins, where it ends, and its name.
fn closing(text: &[u8], from: usize) -> Option<(usize, usize, &[u8])> {
    let at = from + memchr::memmem::find(text.get(from..)?, b"</")?;
    let rest = text.get(at + 2..)?;
    let len = memchr::memchr(b'>', rest)?;
    let name = rest.get(..len)?.trim_ascii_end();
    Some((at, at + 2 + len + 1, name))
}

/// Finds where a response begins.
fn opening(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'<', text).find(|at| {
        let rest = text.get(at + 1..).unwrap_or_default();
        let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/');
        let len = rest.iter().position(ends).unwrap_or(rest.len());
        local(rest.get(..len).unwrap_or_default()) == b"response"
    })
}

/// Returns a name without its prefix.
fn local(name: &[u8]) -> &[u8] {
    match memchr::memrchr(b':', name) {
        Some(at) => name.get(at + 1..).unwrap_or_default(),
        None => name,
    }
}

fn broken() -> Error {
    lie("a listing that does not parse")
}

/// Returns the segments of a path or URL, decoded. Slashes in a row are one.
pub(super) fn segments(href: &str) -> Vec<Vec<u8>> {
    let path = match href.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => href,
    };
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| percent_decode_str(segment).collect())
        .collect()
}

fn member(response: &Element) -> Result<Member, Error> {
    let href = response
        .text_of("href")
        .ok_or_else(|| lie("something without a path"))?
        .trim();
    if href.contains(['?', '#']) {
        return Err(lie("a path with a query"));
    }
    let mut member = Member {
        path: segments(href),
        kind: MemberKind::Folder,
        etag: None,
        content_type: None,
        content_language: None,
        checksums: Vec::new(),
    };
    if let Some(status) = response.text_of("status").map(status_of)
        && status != Some(200)
    {
        member.kind = MemberKind::Refused(status.ok_or_else(broken)?);
        return Ok(member);
    }
    let told: Vec<&Element> = response
        .all("propstat")
        .filter(|stat| stat.text_of("status").and_then(status_of) == Some(200))
        .filter_map(|stat| stat.child("prop"))
        .collect();
    let property = |name: &str| told.iter().find_map(|prop| prop.child(name));
    let text = |name: &str| {
        let text = property(name)?.text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let kind = property("resourcetype");
    if kind.is_some_and(|kind| kind.child("collection").is_some()) {
        return Ok(member);
    }
    if kind.is_some_and(|kind| kind.child("redirectref").is_some()) {
        member.kind = MemberKind::Link;
        return Ok(member);
    }
    let Some(length) = text("getcontentlength") else {
        // Neither a folder nor anything with a length: whether it is a file, the server does not say.
        member.kind = MemberKind::Refused(403);
        return Ok(member);
    };
    let size_bytes = length
        .parse()
        .map_err(|_| lie("a file whose length is no number"))?;
    let modified = text("getlastmodified").as_deref().and_then(http_date);
    member.etag = text("getetag");
    let fingerprint = match &member.etag {
        Some(etag) => fingerprint(Some(&crate::s3::unquoted(etag)), modified),
        None => format!(" {size_bytes}-{}", fingerprint(None, modified).trim_start()),
    };
    member.kind = MemberKind::File(FileState {
        size_bytes,
        fingerprint,
        modified,
    });
    member.content_type = text("getcontenttype");
    member.content_language = text("getcontentlanguage");
    member.checksums = property("checksums")
        .map(|all| {
            all.all("checksum")
                .flat_map(|one| checksums(&one.text))
                .collect()
        })
        .unwrap_or_default();
    Ok(member)
}

/// Reads the status of a line such as `HTTP/1.1 200 OK`.
fn status_of(line: &str) -> Option<u16> {
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Reads checksums as ownCloud and Nextcloud tell them: `SHA1:… MD5:…`.
fn checksums(text: &str) -> Vec<SourceChecksum> {
    text.split_ascii_whitespace()
        .filter_map(|word| {
            let (name, value) = word.split_once(':')?;
            let algorithm = match name.to_ascii_uppercase().as_str() {
                "SHA256" => ChecksumAlgorithm::Sha256,
                "SHA1" => ChecksumAlgorithm::Sha1,
                "MD5" => ChecksumAlgorithm::Md5,
                _ => return None,
            };
            let value = hex::decode(value).ok()?;
            (value.len() == algorithm.len_bytes()).then_some(SourceChecksum {
                algorithm,
                scope: ChecksumScope::Whole,
                value,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Cutter, Member, MemberKind, RESPONSE_BYTES_MAX, segments};
    use crate::Error;

    const ANSWER: &str = r#"<?xml version="1.0"?><D:multistatus xmlns:D="DAV:" xmlns:oc="http://owncloud.org/ns">
<D:response><D:href>/dav/</D:href><D:propstat><D:prop><D:resourcetype><D:collection/></D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>
<D:propstat><D:prop><D:getcontentlength/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response>
<D:response xml:lang="en"><D:href>http://host/dav/a%20b%FF%2F&amp;</D:href><D:propstat><D:prop><D:resourcetype/><D:getcontentlength>5</D:getcontentlength>
<D:getetag>"e"</D:getetag><D:getlastmodified>Wed, 11 Aug 2021 08:00:00 GMT</D:getlastmodified><D:getcontenttype>text/plain</D:getcontenttype>
<oc:checksums><oc:checksum>SHA1:aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d MD5:zz ADLER32:062c0215</oc:checksum></oc:checksums></D:prop>
<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response >
<D:response><D:href>/dav/x</D:href><D:status>HTTP/1.1 403 Forbidden</D:status></D:response>
<D:response><D:href>/dav/y</D:href><D:propstat><D:prop><D:resourcetype/><D:getcontentlength>7</D:getcontentlength></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>
</D:multistatus>"#;

    fn cut(text: &str, step: usize) -> Result<Vec<Member>, Error> {
        let mut cutter = Cutter::default();
        let mut members = Vec::new();
        for chunk in text.as_bytes().chunks(step) {
            members.extend(cutter.feed(chunk)?);
        }
        cutter.finish()?;
        Ok(members)
    }

    #[test]
    fn an_answer_is_cut_wherever_its_bytes_break() {
        for step in [1, 2, 7, 100, 100_000] {
            let members = cut(ANSWER, step).expect("members");
            assert_eq!(members.len(), 4);
            assert!(matches!(members[0].kind, MemberKind::Folder));
            assert_eq!(members[1].path[1], b"a b\xff/&");
            let MemberKind::File(state) = &members[1].kind else {
                panic!("a file");
            };
            assert_eq!(
                (state.size_bytes, state.fingerprint.as_str()),
                (5, "e 1628668800")
            );
            assert_eq!(members[1].content_type.as_deref(), Some("text/plain"));
            assert_eq!(members[1].checksums.len(), 1);
            assert!(matches!(members[2].kind, MemberKind::Refused(403)));
            let MemberKind::File(state) = &members[3].kind else {
                panic!("a file");
            };
            assert_eq!(state.fingerprint, " 7-0");
        }
    }

    #[test]
    fn what_breaks_off_or_says_too_much_is_an_error() {
        for end in [ANSWER.len() - 1, ANSWER.len() - 20, 900, 200, 0] {
            assert!(cut(&ANSWER[..end], 64).is_err(), "{end}");
        }
        let long = ANSWER.replace("text/plain", &"x".repeat(2 * RESPONSE_BYTES_MAX));
        assert!(cut(&long, 4096).is_err());
        for (part, with) in [
            ("<D:getcontentlength>5<", "<D:getcontentlength>-5<"),
            ("/dav/x<", "/dav/x?y<"),
            ("<D:href>/dav/x</D:href>", ""),
            ("HTTP/1.1 403 Forbidden", "what"),
            ("</D:response>\n</D:multistatus>", "</D:multistatus>"),
            ("&amp;", "&other;"),
        ] {
            assert!(cut(&ANSWER.replace(part, with), 4096).is_err(), "{with}");
        }
    }

    #[test]
    fn paths_are_told_apart_by_their_segments() {
        assert_eq!(segments("/a//b/"), segments("https://host:1/a/b"));
        assert_eq!(segments("https://host"), Vec::<Vec<u8>>::new());
        assert_ne!(segments("/a%2Fb"), segments("/a/b"));
    }
}
