//! What a page of `ListObjectsV2` says that was asked for behind a key, for whoever puts it beside a listing of its own: it
//! must be in the order of the keys' bytes, and say where it ends.

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::{EncodingType, Object};

use crate::Error;
use crate::s3::details::unquoted;
use crate::s3::listing::{decode, instant, lie};
use crate::source::{BeneathEntry, BeneathPage};

/// Reads a page that was asked for with a prefix and behind a key.
pub(super) fn page(
    answer: &ListObjectsV2Output,
    prefix: &str,
    after: Option<&str>,
) -> Result<BeneathPage, Error> {
    let is_encoded = answer.encoding_type() == Some(&EncodingType::Url);
    let read = |written: &str| {
        let decoded = if is_encoded {
            // What is no text can be no key here.
            decode(written).ok()
        } else {
            Some(written.to_owned())
        };
        match decoded {
            Some(name) if !name.starts_with(prefix) => {
                Err(lie("a key outside the prefix that was asked for"))
            }
            decoded => Ok(decoded),
        }
    };
    let mut page = BeneathPage::default();
    for object in answer.contents() {
        let written = object.key().ok_or_else(|| lie("an object without a key"))?;
        if let Some(key) = read(written)? {
            page.entries.push(entry(key, object)?);
        }
    }
    for common in answer.common_prefixes() {
        let written = common
            .prefix()
            .ok_or_else(|| lie("a common prefix that is none"))?;
        page.common_prefixes.extend(read(written)?);
    }
    let in_order = page.entries.is_sorted_by(|one, next| one.key < next.key)
        && page.common_prefixes.is_sorted_by(|one, next| one < next);
    if !in_order {
        return Err(lie("a listing that is not in the order of its keys"));
    }
    if answer.is_truncated() == Some(true) {
        let last_key = page.entries.last().map(|entry| entry.key.as_str());
        let last_common = page.common_prefixes.last().map(String::as_str);
        let last = last_key.max(last_common);
        if last.is_none()
            || last
                .is_some_and(|last| after.is_some_and(|after| last <= after) && last_key.is_some())
        {
            return Err(lie("a listing that is cut off and does not go on"));
        }
        page.until = last.map(str::to_owned);
    }
    Ok(page)
}

fn entry(key: String, object: &Object) -> Result<BeneathEntry, Error> {
    let size_bytes = object
        .size()
        .and_then(|size| u64::try_from(size).ok())
        .ok_or_else(|| lie("an object without a size"))?;
    let modified = object
        .last_modified()
        .and_then(instant)
        .ok_or_else(|| lie("an object without a time"))?;
    Ok(BeneathEntry {
        key,
        size_bytes,
        etag: object.e_tag().map(unquoted).unwrap_or_default(),
        modified,
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
    use aws_sdk_s3::primitives::DateTime;
    use aws_sdk_s3::types::{CommonPrefix, EncodingType, Object};

    use super::page;

    fn answer(keys: &[&str], commons: &[&str], is_cut: bool) -> ListObjectsV2Output {
        let object = |key: &&str| {
            Object::builder()
                .key(*key)
                .size(1)
                .e_tag("\"x\"")
                .last_modified(DateTime::from_secs(1))
                .build()
        };
        let common = |name: &&str| CommonPrefix::builder().prefix(*name).build();
        ListObjectsV2Output::builder()
            .encoding_type(EncodingType::Url)
            .set_contents(Some(keys.iter().map(object).collect()))
            .set_common_prefixes(Some(commons.iter().map(common).collect()))
            .is_truncated(is_cut)
            .build()
    }

    #[test]
    fn a_page_ends_where_its_last_name_does() {
        let read = page(&answer(&["a%20b", "c"], &["b/", "d/"], true), "", None).expect("a page");
        assert_eq!(read.until.as_deref(), Some("d/"));
        let read = page(&answer(&["a", "e"], &["b/"], true), "", None).expect("a page");
        assert_eq!(read.until.as_deref(), Some("e"));
        assert_eq!(
            page(&answer(&["a"], &[], false), "", None)
                .expect("a page")
                .until,
            None
        );
    }

    #[test]
    fn what_cannot_be_put_beside_another_listing_is_refused() {
        for (keys, commons, prefix, after) in [
            (vec!["b", "a"], vec![], "", None),
            (vec!["a", "a"], vec![], "", None),
            (vec![], vec!["d/", "b/"], "", None),
            (vec!["x"], vec![], "dir/", None),
            (vec![], vec![], "", None),
            (vec!["a"], vec![], "", Some("b")),
        ] {
            assert!(
                page(&answer(&keys, &commons, true), prefix, after).is_err(),
                "{keys:?} {commons:?}"
            );
        }
    }
}
