//! Listings of keys and of uploads under way, and the words in which they are continued.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use onshore_policy::Flow;
use onshore_store::{ListPage, ListQuery, ListStart, More, Reach, UploadEntry, UploadsQuery};
use onshore_types::{BucketName, UploadId};
use percent_encoding::utf8_percent_encode;
use s3s::dto::EncodingType;

use crate::error::ReadAt;
use crate::fault::{Code, Fault};
use crate::guard::query::ENCODED_IN_PATH;
use crate::ops::{ATTEMPTS_MAX, Asked, Operations, is_stale, whole_bucket};

/// The most entries of a page.
pub(crate) const PAGE_MAX: usize = 1000;

/// How names are written in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As they are.
    Plain,
    /// Percent-encoded: XML cannot carry every key.
    Url,
}

impl Encoding {
    /// Reads what the client asks for; other words are refused before.
    pub(crate) fn of(asked: Option<&EncodingType>) -> Self {
        match asked {
            Some(_) => Self::Url,
            None => Self::Plain,
        }
    }

    /// Writes a name.
    pub(crate) fn write(self, name: &str) -> String {
        match self {
            Self::Plain => name.to_owned(),
            Self::Url => utf8_percent_encode(name, ENCODED_IN_PATH).to_string(),
        }
    }
}

/// Which uploads are listed.
#[derive(Debug, Clone, Default)]
pub(crate) struct UploadsWish {
    pub(crate) prefix: String,
    pub(crate) delimiter: Option<String>,
    pub(crate) key_marker: Option<String>,
    pub(crate) upload_marker: Option<UploadId>,
    pub(crate) limit: usize,
}

/// A page of uploads.
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    pub(crate) uploads: Vec<UploadEntry>,
    pub(crate) common_prefixes: Vec<String>,
    /// Key and upload that the page ends with, if more follow.
    pub(crate) next: Option<(String, Option<UploadId>)>,
}

impl Uploads {
    /// Whether this page or an earlier one told of a common prefix.
    fn is_told(&self, common: &String, wish: &UploadsWish) -> bool {
        let marker = wish.key_marker.as_ref();
        self.common_prefixes.last() == Some(common)
            || marker.is_some_and(|marker| marker.starts_with(common.as_str()))
    }
}

impl Operations {
    /// Lists keys.
    pub(crate) async fn list(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        query: ListQuery,
    ) -> Result<ListPage, Fault> {
        for _ in 0..ATTEMPTS_MAX {
            let bucket = self.bucket(asked, Flow::List, name).await?;
            if self.origin.reaches(bucket.id) && self.read_at(asked.call) == ReadAt::Home {
                return self.list_both(asked, &bucket, &query).await;
            }
            let label = self.list_label(asked, &bucket, Reach::Objects).await?;
            let permit = self
                .permit(asked, Flow::List, whole_bucket(&bucket, label))
                .await?;
            if self.origin.reaches(bucket.id) {
                return self.list_both(asked, &bucket, &query).await;
            }
            match self.store.list(permit, query.clone()).await {
                Ok(page) => return Ok(page),
                Err(error) if is_stale(&error) => {}
                Err(error) => return Err(self.fault(asked.call, error)),
            }
        }
        Err(self.fault(asked.call, onshore_store::Error::VersionGone))
    }

    /// Lists uploads under way.
    pub(crate) async fn list_uploads(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        wish: &UploadsWish,
    ) -> Result<Uploads, Fault> {
        let mut page = Uploads::default();
        // Where the store goes on, and where the client will: within a common prefix these differ.
        let mut scanned = wish.key_marker.clone().map(|key| (key, wish.upload_marker));
        let mut told = None;
        loop {
            let query = UploadsQuery {
                prefix: wish.prefix.clone(),
                after: scanned.clone(),
                limit: PAGE_MAX,
            };
            let (uploads, more) = self.uploads_page(asked, name, query).await?;
            for upload in uploads {
                let key = upload.key.as_str().to_owned();
                scanned = Some((key.clone(), Some(upload.upload)));
                let common = common_prefix(&key, wish);
                if let Some(common) = &common
                    && page.is_told(common, wish)
                {
                    continue;
                }
                if page.uploads.len() + page.common_prefixes.len() >= wish.limit {
                    page.next = told.filter(|_| wish.limit > 0);
                    return Ok(page);
                }
                match common {
                    Some(common) => {
                        told = Some((common.clone(), None));
                        page.common_prefixes.push(common);
                    }
                    None => {
                        told = Some((key, Some(upload.upload)));
                        page.uploads.push(upload);
                    }
                }
            }
            if more == More::End {
                return Ok(page);
            }
        }
    }

    async fn uploads_page(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        query: UploadsQuery,
    ) -> Result<(Vec<UploadEntry>, More), Fault> {
        for _ in 0..ATTEMPTS_MAX {
            let bucket = self.bucket(asked, Flow::List, name).await?;
            let label = self.list_label(asked, &bucket, Reach::Objects).await?;
            let permit = self
                .permit(asked, Flow::List, whole_bucket(&bucket, label))
                .await?;
            match self.store.list_uploads(permit, query.clone()).await {
                Ok(page) => return Ok((page.uploads, page.more)),
                Err(error) if is_stale(&error) => {}
                Err(error) => return Err(self.fault(asked.call, error)),
            }
        }
        Err(self.fault(asked.call, onshore_store::Error::VersionGone))
    }
}

fn common_prefix(key: &str, wish: &UploadsWish) -> Option<String> {
    let delimiter = wish
        .delimiter
        .as_deref()
        .filter(|delimiter| !delimiter.is_empty())?;
    let rest = key.strip_prefix(wish.prefix.as_str())?;
    let at = rest.find(delimiter)?;
    key.get(..wish.prefix.len() + at + delimiter.len())
        .map(str::to_owned)
}

/// Reads how many entries are wanted.
pub(crate) fn limit(asked: Option<i32>, name: &'static str) -> Result<usize, Fault> {
    match asked {
        None => Ok(PAGE_MAX),
        Some(number) => usize::try_from(number)
            .map(|number| number.min(PAGE_MAX))
            .map_err(|_| {
                Fault::new(
                    Code::InvalidArgument,
                    format!("Argument {name} must be an integer between 0 and 2147483647"),
                )
            }),
    }
}

/// Writes where the next page begins in a word that says nothing to the client.
pub(crate) fn write_token(next: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("1{next}"))
}

/// Reads such a word.
pub(crate) fn read_token(token: &str) -> Result<ListStart, Fault> {
    URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| text.strip_prefix('1').map(str::to_owned))
        .map(ListStart::Beyond)
        .ok_or_else(|| {
            Fault::new(
                Code::InvalidArgument,
                "The continuation token provided is incorrect",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::{Encoding, limit, read_token, write_token};
    use onshore_store::ListStart;

    #[test]
    fn a_continuation_reads_back_and_others_are_refused() {
        for next in ["a", "", "dir/", "\r\n\u{1}文", "1"] {
            let token = write_token(next);
            assert_eq!(
                read_token(&token).expect("ours"),
                ListStart::Beyond(next.to_owned())
            );
        }
        for bad in ["", "a", "!!", "AAAA", "MmE"] {
            assert!(read_token(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_written_as_s3_writes_them() {
        assert_eq!(
            Encoding::Url.write("a/b c+%\r文"),
            "a/b%20c%2B%25%0D%E6%96%87"
        );
        assert_eq!(Encoding::Plain.write("a b"), "a b");
    }

    #[test]
    fn a_page_has_at_most_a_thousand_entries() {
        assert_eq!(limit(None, "max-keys").expect("default"), 1000);
        assert_eq!(limit(Some(0), "max-keys").expect("none"), 0);
        assert_eq!(limit(Some(5000), "max-keys").expect("cut"), 1000);
        assert!(limit(Some(-1), "max-keys").is_err());
    }
}
