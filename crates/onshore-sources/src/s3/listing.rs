//! What a page of `ListObjectsV2` says. Keys come percent-encoded, because XML cannot carry every character, and are
//! decoded here and nowhere else. A page that would lose an object silently is an error.

use aws_sdk_s3::operation::list_objects::ListObjectsOutput;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::{EncodingType, Object};
use onshore_types::Timestamp;
use percent_encoding::percent_decode_str;

use crate::Error;
use crate::s3::details::unquoted;
use crate::source::{Entry, ListCursor, Oddity, OddityKind, Page};

/// Reads a page of `ListObjects` as one of `ListObjectsV2`, whose token is the key behind which the listing goes on.
pub(super) fn with_token(answer: ListObjectsOutput) -> ListObjectsV2Output {
    let encoded = answer.encoding_type() == Some(&EncodingType::Url);
    let last = answer.contents().last().and_then(Object::key);
    let marker = answer.next_marker().filter(|marker| !marker.is_empty());
    let token = marker.or(last).and_then(|written| match encoded {
        true => decode(written).ok(),
        false => Some(written.to_owned()),
    });
    ListObjectsV2Output::builder()
        .set_is_truncated(answer.is_truncated())
        .set_next_continuation_token(token)
        .set_encoding_type(answer.encoding_type)
        .set_contents(answer.contents)
        .set_common_prefixes(answer.common_prefixes)
        .build()
}

/// Reads a page that was asked for with a prefix and behind a cursor.
pub(super) fn page(
    answer: &ListObjectsV2Output,
    prefix: &str,
    after: Option<&ListCursor>,
) -> Result<Page, Error> {
    let encoded = answer.encoding_type() == Some(&EncodingType::Url);
    let mut page = Page::default();
    for object in answer.contents() {
        let written = object.key().ok_or_else(|| lie("an object without a key"))?;
        let decoded = if encoded {
            decode(written)
        } else {
            Ok(written.to_owned())
        };
        match decoded {
            Ok(key) if key.starts_with(prefix) => page.entries.push(entry(key, object)?),
            Ok(_) => return Err(lie("a key outside the prefix that was asked for")),
            Err(bytes) => page.oddities.push(not_utf8(&bytes)),
        }
    }
    page.next = next(answer, after)?;
    Ok(page)
}

/// Names something whose name is no text.
pub(super) fn not_utf8(bytes: &[u8]) -> Oddity {
    Oddity {
        name: format!(
            "{} (bytes {})",
            String::from_utf8_lossy(bytes),
            hex::encode(bytes)
        ),
        why: OddityKind::NameNotUtf8,
    }
}

/// Returns where the listing goes on. A listing that says it is cut off and does not say where would end early.
fn next(
    answer: &ListObjectsV2Output,
    after: Option<&ListCursor>,
) -> Result<Option<ListCursor>, Error> {
    if answer.is_truncated() != Some(true) {
        return Ok(None);
    }
    match answer.next_continuation_token() {
        None | Some("") => Err(lie(
            "a listing that is cut off without saying where it goes on",
        )),
        Some(token) if after.is_some_and(|after| after.as_str() == token) => {
            Err(lie("a listing that goes in a circle"))
        }
        Some(token) => Ok(Some(ListCursor(token.to_owned()))),
    }
}

fn entry(key: String, object: &Object) -> Result<Entry, Error> {
    let size_bytes = object
        .size()
        .and_then(|size| u64::try_from(size).ok())
        .ok_or_else(|| lie("an object without a size"))?;
    let modified = object.last_modified().and_then(instant);
    let fingerprint = fingerprint(object.e_tag().map(unquoted).as_deref(), modified);
    Ok(Entry {
        key,
        size_bytes,
        fingerprint,
        modified,
        place: None,
    })
}

/// Tells one state of an object from another by ETag and second of modification: an object that was written again with
/// the same bytes may have other metadata. A listing knows milliseconds and HEAD does not.
pub(crate) fn fingerprint(etag: Option<&str>, modified: Option<Timestamp>) -> String {
    let seconds = modified.map_or(0, Timestamp::as_seconds);
    format!("{} {seconds}", etag.unwrap_or_default())
}

/// Returns the ETag of a fingerprint.
pub(crate) fn etag_of_fingerprint(fingerprint: &str) -> Option<&str> {
    let (etag, _) = fingerprint.rsplit_once(' ')?;
    (!etag.is_empty()).then_some(etag)
}

pub(super) fn instant(time: &aws_smithy_types::DateTime) -> Option<Timestamp> {
    time.to_millis().ok().map(Timestamp::from_millis)
}

/// Decodes a key as S3 encodes it: a plus is a blank, and a plus itself comes as `%2B`.
pub(super) fn decode(written: &str) -> Result<String, Vec<u8>> {
    let blanks = written.replace('+', " ");
    let bytes: Vec<u8> = percent_decode_str(&blanks).collect();
    String::from_utf8(bytes).map_err(std::string::FromUtf8Error::into_bytes)
}

pub(super) fn lie(what: &str) -> Error {
    Error::Protocol {
        what: what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::operation::list_objects::ListObjectsOutput;
    use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
    use aws_sdk_s3::types::{EncodingType, Object};
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::{any, proptest};

    use super::{decode, page, with_token};
    use crate::source::ListCursor;

    fn object(key: &str) -> Object {
        Object::builder().key(key).size(1).e_tag("\"x\"").build()
    }

    proptest! {
        #[test]
        fn every_key_survives_the_encoding(key in any::<String>()) {
            let written = utf8_percent_encode(&key, NON_ALPHANUMERIC).to_string();
            assert_eq!(decode(&written), Ok(key.clone()));
            assert_eq!(decode(&written.replace("%20", "+")), Ok(key));
        }
    }

    #[test]
    fn keys_are_decoded_only_when_they_are_encoded() {
        let list = |encoding: Option<EncodingType>| {
            let answer = ListObjectsV2Output::builder()
                .contents(object("a+%2B%0A%25zz"))
                .set_encoding_type(encoding)
                .build();
            let page = page(&answer, "a", None).expect("a page");
            page.entries
                .into_iter()
                .map(|entry| entry.key)
                .collect::<Vec<_>>()
        };
        assert_eq!(list(Some(EncodingType::Url)), ["a +\n%zz"]);
        assert_eq!(list(None), ["a+%2B%0A%25zz"]);
    }

    #[test]
    fn a_key_that_is_no_text_is_named() {
        let answer = ListObjectsV2Output::builder()
            .contents(object("caf%E9"))
            .encoding_type(EncodingType::Url)
            .build();
        let page = page(&answer, "", None).expect("a page");
        assert_eq!((page.entries.len(), page.oddities.len()), (0, 1));
    }

    #[test]
    fn a_listing_by_keys_goes_on_behind_the_last_one() {
        let cut = |key: &str| {
            ListObjectsOutput::builder()
                .contents(object(key))
                .encoding_type(EncodingType::Url)
                .is_truncated(true)
        };
        let next = |answer: ListObjectsOutput, after: &str| {
            let after = ListCursor::from_kept(after.to_owned());
            let page = page(&with_token(answer), "", Some(&after));
            page.map(|page| page.next.map(|next| next.as_str().to_owned()))
        };
        let on = next(cut("a%2Bb").build(), "a").expect("a page");
        assert_eq!(on.as_deref(), Some("a+b"));
        let named = cut("a").next_marker("c%20").build();
        assert_eq!(next(named, "a").expect("a page").as_deref(), Some("c "));
        assert!(next(cut("a%2Bb").build(), "a+b").is_err());
        let whole = cut("a").is_truncated(false).build();
        assert_eq!(next(whole, "").expect("a page"), None);
        let nothing = ListObjectsOutput::builder().is_truncated(true).build();
        assert!(next(nothing, "").is_err());
    }

    #[test]
    fn a_page_that_would_lose_objects_is_an_error() {
        let cut = || ListObjectsV2Output::builder().is_truncated(true);
        let here = ListCursor::from_kept("here".into());
        assert!(page(&cut().build(), "", None).is_err());
        assert!(page(&cut().next_continuation_token("").build(), "", None).is_err());
        assert!(
            page(
                &cut().next_continuation_token("here").build(),
                "",
                Some(&here)
            )
            .is_err()
        );
        assert!(
            page(
                &cut().next_continuation_token("there").build(),
                "",
                Some(&here)
            )
            .is_ok()
        );
        for odd in [
            Object::builder().size(1).build(),
            Object::builder().key("k").build(),
            object("b"),
        ] {
            let answer = ListObjectsV2Output::builder().contents(odd).build();
            assert!(page(&answer, "a", None).is_err());
        }
    }
}
