//! The headers of a request: which must be signed, which may appear once only, how much there may be, and which ask for
//! something this service does not do. What changes the meaning of a request is refused, never dropped.

use http::header::{
    AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, EXPIRES,
    HOST, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE, RANGE,
    TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::call::CHECKSUM_HEADERS;
use crate::fault::{Code, Fault};
use crate::guard::auth_shape::Claim;
use crate::guard::query::Query;

/// All header names and values together.
const HEADERS_MAX_BYTES: usize = 32 * 1024;
/// User metadata of one object: names and values together.
const METADATA_MAX_BYTES: usize = 2 * 1024;
/// The prefix of user metadata.
pub(crate) const METADATA_PREFIX: &str = "x-amz-meta-";

/// Headers that say something once or not at all, besides every `x-amz-` header.
const SINGLE: [HeaderName; 15] = [
    AUTHORIZATION,
    CONTENT_DISPOSITION,
    CONTENT_LANGUAGE,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    EXPIRES,
    HOST,
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_UNMODIFIED_SINCE,
    RANGE,
    TRANSFER_ENCODING,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("expect"),
];

/// What a header may say.
enum Accepted {
    /// One of these values, in any letter case; else what the client reads.
    Only(&'static [&'static str], Code),
    /// Nothing: it asks for what is not there.
    Nothing,
}

/// Headers that change the meaning of a request. A name that ends in `-` stands for all that start so.
const MEANINGS: [(&str, Accepted); 8] = [
    (
        "x-amz-storage-class",
        Accepted::Only(&["STANDARD"], Code::InvalidStorageClass),
    ),
    ("x-amz-mfa", Accepted::Nothing),
    ("x-amz-write-offset-bytes", Accepted::Nothing),
    ("x-amz-rename-source", Accepted::Nothing),
    ("x-amz-if-match-", Accepted::Nothing),
    ("x-amz-fwd-", Accepted::Nothing),
    ("x-amz-request-route", Accepted::Nothing),
    ("x-amz-request-token", Accepted::Nothing),
];

/// Refuses headers that are too many, or one that appears twice where two could be read two ways.
pub(crate) fn check_shape(headers: &HeaderMap) -> Result<(), Fault> {
    let total: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if total > HEADERS_MAX_BYTES {
        return Err(Fault::new(
            Code::RequestHeaderSectionTooLarge,
            "Your request header section exceeds the maximum allowed size.",
        ));
    }
    for name in headers.keys() {
        let once = name.as_str().starts_with("x-amz-") || SINGLE.contains(name);
        if once && headers.get_all(name).iter().count() > 1 {
            return Err(Fault::new(
                Code::InvalidArgument,
                format!("The header {name} appears more than once."),
            ));
        }
    }
    if !headers.contains_key(HOST) {
        return Err(Fault::new(
            Code::InvalidRequest,
            "The Host header is missing.",
        ));
    }
    Ok(())
}

/// Compares what is signed with what is there: `host` and every `x-amz-` header must be signed, and every header that
/// is signed must be there.
pub(crate) fn check_signed(claim: &Claim, headers: &HeaderMap) -> Result<(), Fault> {
    let is_signed = |name: &str| claim.signed_headers.iter().any(|signed| signed == name);
    let unsigned: Vec<&str> = headers
        .keys()
        .map(HeaderName::as_str)
        .filter(|name| (*name == "host" || name.starts_with("x-amz-")) && !is_signed(name))
        .collect();
    if !unsigned.is_empty() {
        return Err(Fault::new(
            Code::AccessDenied,
            "There were headers present in the request which were not signed",
        )
        .with_detail("HeadersNotSigned", unsigned.join(", ")));
    }
    let absent: Vec<&str> = claim
        .signed_headers
        .iter()
        .map(String::as_str)
        .filter(|name| !headers.contains_key(*name))
        .collect();
    if absent.is_empty() {
        return Ok(());
    }
    Err(Fault::new(
        Code::AccessDenied,
        "There were headers signed which are not present in the request",
    )
    .with_detail("HeadersNotPresent", absent.join(", ")))
}

/// Writes what a presigned link says in its query in the place of headers into the headers, as S3 does, so that it is
/// neither lost nor read past the checks. A checksum is left out, as S3 leaves it out: whoever made the link did not know
/// the body, and the AWS SDK for JavaScript writes that of an empty one into every link.
pub(crate) fn hoist(headers: &mut HeaderMap, query: Query) -> Result<Query, Fault> {
    let is_hoisted = |name: &str| {
        name.get(..6)
            .is_some_and(|head| head.eq_ignore_ascii_case("x-amz-"))
            && !is_auth(name)
    };
    let hoisted: Vec<String> = query
        .names()
        .filter(|name| is_hoisted(name) && !is_of_unknown_body(name))
        .map(str::to_owned)
        .collect();
    for name in hoisted {
        let header = HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes());
        let value = query
            .get(&name)
            .map(|value| HeaderValue::from_bytes(value.as_bytes()));
        let (Ok(header), Some(Ok(value))) = (header, value) else {
            return Err(Fault::new(
                Code::InvalidArgument,
                "A query parameter that stands for a header cannot be one.",
            ));
        };
        if headers.get(&header).is_some_and(|other| *other != value) {
            return Err(Fault::new(
                Code::InvalidArgument,
                format!("The header {header} is also a query parameter and says something else."),
            ));
        }
        headers.insert(header, value);
    }
    Ok(query.without(|name| is_hoisted(name) || is_auth(name)))
}

/// Whether a parameter speaks of a body that was not there when the link was made.
fn is_of_unknown_body(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    CHECKSUM_HEADERS.contains(&name.as_str()) || name == "x-amz-sdk-checksum-algorithm"
}

fn is_auth(name: &str) -> bool {
    matches!(
        name,
        "X-Amz-Algorithm"
            | "X-Amz-Credential"
            | "X-Amz-Date"
            | "X-Amz-Expires"
            | "X-Amz-SignedHeaders"
            | "X-Amz-Signature"
            | "X-Amz-Content-Sha256"
    )
}

/// Refuses headers that ask for what this service does not do.
pub(crate) fn check_meaning(headers: &HeaderMap) -> Result<(), Fault> {
    for (name, value) in headers {
        let name = name.as_str();
        if is_unknown_checksum(name) {
            return Err(Fault::not_implemented(&format!(
                "The checksum of the header {name}"
            )));
        }
        let accepted = MEANINGS.iter().find(|(known, _)| {
            *known == name || (known.ends_with('-') && name.starts_with(*known))
        });
        match accepted {
            None => {}
            Some((_, Accepted::Nothing)) => {
                return Err(Fault::not_implemented(&format!(
                    "What the header {name} asks for"
                )));
            }
            Some((_, Accepted::Only(values, code))) => {
                let fits = values
                    .iter()
                    .any(|known| value.as_bytes().eq_ignore_ascii_case(known.as_bytes()));
                if !fits {
                    let values = values.join(", ");
                    return Err(Fault::new(
                        *code,
                        format!(
                            "This value of the header {name} is not implemented by this service; it takes: {values}."
                        ),
                    ));
                }
            }
        }
    }
    check_metadata(headers)
}

/// A checksum that cannot be compared must not pass for one that was.
fn is_unknown_checksum(name: &str) -> bool {
    name.strip_prefix("x-amz-checksum-").is_some_and(|kind| {
        !CHECKSUM_HEADERS.contains(&name) && !matches!(kind, "algorithm" | "type" | "mode")
    })
}

fn check_metadata(headers: &HeaderMap) -> Result<(), Fault> {
    let mut total = 0;
    for (name, value) in headers {
        let Some(name) = name.as_str().strip_prefix(METADATA_PREFIX) else {
            continue;
        };
        if std::str::from_utf8(value.as_bytes()).is_err() {
            return Err(Fault::new(
                Code::InvalidArgument,
                "User metadata must be UTF-8.",
            ));
        }
        total += name.len() + value.len();
    }
    if total > METADATA_MAX_BYTES {
        return Err(Fault::new(
            Code::MetadataTooLarge,
            "Your metadata headers exceed the maximum allowed metadata size.",
        )
        .with_detail("Size", total.to_string())
        .with_detail("MaxSizeAllowed", METADATA_MAX_BYTES.to_string()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{check_meaning, check_shape, check_signed, hoist};
    use crate::fault::Code;
    use crate::guard::auth_shape::{Claim, Style};
    use crate::guard::query::Query;
    use http::{HeaderMap, HeaderName};

    fn map(list: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            headers.append(name, value.parse().expect("a value"));
        }
        headers
    }

    fn claim(names: &[&str]) -> Claim {
        Claim {
            style: Style::Header,
            credential: String::new(),
            signed_headers: names.iter().map(|name| (*name).to_owned()).collect(),
            signature: String::new(),
        }
    }

    #[test]
    fn host_and_every_amz_header_must_be_signed_and_what_is_signed_be_there() {
        let headers = map(&[("host", "h"), ("x-amz-date", "d"), ("user-agent", "u")]);
        assert!(check_signed(&claim(&["host", "x-amz-date"]), &headers).is_ok());
        for names in [
            &["x-amz-date"][..],
            &["host"],
            &["host", "x-amz-date", "x-amz-acl"],
            &["host", "x-amz-date", "content-type"],
            &[""],
            &["host", "x-amz-date", ""],
        ] {
            let fault = check_signed(&claim(names), &headers).expect_err("refused");
            assert_eq!(fault.code, Code::AccessDenied, "{names:?}");
        }
        let smuggled = map(&[("host", "h"), ("x-amz-meta-onshore-class", "general")]);
        let fault = check_signed(&claim(&["host"]), &smuggled).expect_err("refused");
        assert_eq!(
            fault.details,
            [("HeadersNotSigned", "x-amz-meta-onshore-class".to_owned())]
        );
    }

    #[test]
    fn doubled_headers_are_refused() {
        for name in [
            "authorization",
            "x-amz-date",
            "host",
            "x-amz-content-sha256",
            "x-amz-meta-onshore-class",
            "if-none-match",
            "range",
            "content-md5",
        ] {
            let headers = map(&[("host", "h"), (name, "a"), (name, "a")]);
            assert!(check_shape(&headers).is_err(), "{name}");
        }
        let fine = map(&[
            ("host", "h"),
            ("accept", "a"),
            ("accept", "b"),
            ("via", "1"),
            ("via", "2"),
        ]);
        assert!(check_shape(&fine).is_ok());
        assert!(check_shape(&map(&[("accept", "a")])).is_err(), "no host");
    }

    #[test]
    fn headers_have_a_limit() {
        let long = "a".repeat(33 * 1024);
        let fault = check_shape(&map(&[("host", "h"), ("cookie", &long)])).expect_err("refused");
        assert_eq!(fault.code, Code::RequestHeaderSectionTooLarge);
        let metadata = |len: usize| map(&[("x-amz-meta-a", &"v".repeat(len))]);
        assert!(check_meaning(&metadata(2047)).is_ok());
        let fault = check_meaning(&metadata(2048)).expect_err("refused");
        assert_eq!(fault.code, Code::MetadataTooLarge);
    }

    #[test]
    fn what_is_not_done_is_refused_and_never_dropped() {
        for (name, value, code) in [
            ("x-amz-storage-class", "GLACIER", Code::InvalidStorageClass),
            ("x-amz-if-match-size", "1", Code::NotImplemented),
            ("x-amz-checksum-md7", "AAAA", Code::NotImplemented),
        ] {
            let fault = check_meaning(&map(&[(name, value)])).expect_err(name);
            assert_eq!(fault.code, code, "{name}");
        }
        for (name, value) in [
            ("x-amz-server-side-encryption", "AES256"),
            ("x-amz-acl", "private"),
            ("x-amz-storage-class", "STANDARD"),
            ("x-amz-meta-a", "b"),
            ("x-amz-user-agent", "aws-sdk-js"),
            ("x-amz-checksum-crc32", "AAAAAA=="),
            ("x-amz-checksum-mode", "ENABLED"),
        ] {
            assert!(check_meaning(&map(&[(name, value)])).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_link_carries_headers_in_its_query_and_none_is_lost() {
        let mut headers = map(&[("host", "h")]);
        let query = Query::parse(Some(
            "X-Amz-Signature=s&X-Amz-Date=d&x-amz-acl=public-read&X-Amz-Meta-Onshore-Class=core&prefix=p",
        ))
        .expect("a query");
        let rest = hoist(&mut headers, query).expect("hoisted");
        assert_eq!(rest.names().collect::<Vec<_>>(), ["prefix"]);
        assert_eq!(
            headers.get("x-amz-meta-onshore-class").expect("there"),
            "core"
        );
        assert_eq!(headers.get("x-amz-acl").expect("there"), "public-read");
        let unknown = "x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32";
        let query = Query::parse(Some(unknown)).expect("a query");
        let rest = hoist(&mut headers, query).expect("hoisted");
        assert_eq!(rest.names().count(), 0);
        assert!(!headers.contains_key("x-amz-checksum-crc32"));
        let twice = Query::parse(Some("x-amz-meta-onshore-class=general")).expect("a query");
        assert!(hoist(&mut headers, twice).is_err());
    }
}
