//! Tags of an object: read, replaced, removed, and how they are written in a header.

use std::collections::BTreeMap;

use http::HeaderMap;
use onshore_gate::ScannedFact;
use onshore_policy::{Flow, Subject};
use onshore_store::{
    CLASS_TAG, Looked, PERSONS_TAG, Rescanned, Tags, VersionWish, declared_persons,
};
use onshore_types::{BucketName, ByteRange, Label, ObjectKey, VersionId};
use s3s::dto::Tag;
use serde_json::json;

use crate::call::Call;
use crate::error::Error;
use crate::fault::{Code, Fault};
use crate::guard::query::decode;
use crate::ops::change::name_of;
use crate::ops::{ATTEMPTS_MAX, Asked, Operations, described, is_stale};

/// The most tags of an object.
const TAGS_MAX: usize = 10;
/// The most tags of a bucket.
const BUCKET_TAGS_MAX: usize = 50;
/// The longest key, in characters.
const KEY_MAX: usize = 128;
/// The longest value, in characters.
const VALUE_MAX: usize = 256;
/// What a client reads that names a tag twice.
const TWICE: &str = "Cannot provide multiple Tags with the same key";

impl Operations {
    /// Tells the tags of an object.
    pub(crate) async fn get_object_tagging(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        key: &ObjectKey,
        wish: VersionWish,
    ) -> Result<(Tags, HeaderMap), Fault> {
        for _ in 0..ATTEMPTS_MAX {
            let target = self.target(asked, Flow::Inspect, name, key, wish).await?;
            let Some(description) = &target.description else {
                return Err(self.absent(asked, Flow::Inspect, &target).await);
            };
            if let Some(head) = self.inspect(asked, &target, description).await? {
                return Ok((head.tags, name_of(description)));
            }
        }
        Err(self.fault(asked.call, onshore_store::Error::VersionGone))
    }

    /// Replaces the tags of an object; none removes them.
    pub(crate) async fn set_object_tagging(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        key: &ObjectKey,
        wish: VersionWish,
        tags: Tags,
    ) -> Result<HeaderMap, Fault> {
        // What it becomes may be stricter than what it is and what is found: tags may end a loosening.
        let mut becomes = Label::GENERAL;
        for _ in 0..ATTEMPTS_MAX {
            let target = self.target(asked, Flow::Change, name, key, wish).await?;
            // How this ends tells whether there is such an object.
            self.tellable(asked, &target).await?;
            let Some(description) = &target.description else {
                return Err(self.absent(asked, Flow::Inspect, &target).await);
            };
            let looked = Looked::at_tags(self.gate.scanner(target.bucket.tenant), &tags)
                .map_err(|error| self.fault(asked.call, error))?;
            let subject = Subject {
                label: looked.label(description.label).join(becomes),
                ..described(&target, description, ByteRange::whole(0))
            };
            let permit = self.permit(asked, Flow::Change, subject).await?;
            let (operations, tags, key) = (self.clone(), tags.clone(), key.clone());
            let result = self
                .db
                .write(move |unit| {
                    let (store, gate) = (&operations.store, &operations.gate);
                    let retagged = store.set_tags(unit, &permit, &tags, &looked, gate.now())?;
                    if let Some(found) = retagged.found.as_ref().filter(|found| found.changes()) {
                        gate.settle_scanned(unit, &scanned(retagged.version, found))?;
                    }
                    // Not which: a record stays, and what is erased would stay in it.
                    let record = json!({ "change": "tags", "key": key, "version": retagged.version, "count": tags.len() });
                    Ok::<_, Error>((gate.settle_changed(unit, &permit, record)?, retagged.found))
                })
                .await;
            match result {
                Ok((leaf, found)) => {
                    asked.call.note_leaf(leaf);
                    if found.is_some_and(|found| found.changes()) {
                        // What flows out was judged by the label of before.
                        self.gate.judge_anew(target.bucket.id);
                    }
                    return Ok(name_of(description));
                }
                Err(Error::Store(onshore_store::Error::LabelChanged { now })) => becomes = now,
                Err(Error::Store(error)) if is_stale(&error) => {}
                Err(error) => return Err(self.fault(asked.call, error)),
            }
        }
        Err(self.fault(asked.call, onshore_store::Error::VersionGone))
    }
}

fn scanned(version: VersionId, found: &Rescanned) -> ScannedFact {
    ScannedFact {
        tenant: found.tenant,
        bucket: found.bucket,
        version,
        before: found.before,
        now: found.now,
        record: found.record.clone(),
    }
}

/// Reads the header `x-amz-tagging`: `key=value&key=value`, percent-encoded.
pub(crate) fn parse_tagging_header(call: &Call) -> Result<Tags, Fault> {
    let Some(text) = call.header("x-amz-tagging") else {
        return Ok(Tags::new());
    };
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let read = |text: &str| decode(&text.replace('+', " ")).map_err(|_| bad_header());
        Ok((read(key)?, read(value)?))
    });
    collect(pairs, TAGS_MAX).map_err(|fault| match fault.message == TWICE {
        true => bad_header(),
        false => fault,
    })
}

/// Reads the tags of an object from a document.
pub(crate) fn parse_tag_set(tag_set: Vec<Tag>) -> Result<Tags, Fault> {
    let tags = parse_tags(tag_set, TAGS_MAX)?;
    class_of(&tags)?;
    check_persons(&tags, Code::InvalidTag)?;
    Ok(tags)
}

/// Reads the class that tags declare: the strictest of tag, metadata, bucket and content holds.
pub(crate) fn class_of(tags: &Tags) -> Result<Option<Label>, Fault> {
    tags.get(CLASS_TAG)
        .map(|text| Label::parse_declaration(text))
        .transpose()
        .map_err(|error| {
            Fault::new(
                Code::InvalidTag,
                format!("The tag {CLASS_TAG} declares no class: {error}."),
            )
        })
}

/// Checks that what declares how many persons an object tells of is a number.
pub(crate) fn check_persons(said: &BTreeMap<String, String>, code: Code) -> Result<(), Fault> {
    match declared_persons(said) {
        None | Some(Ok(_)) => Ok(()),
        Some(Err(error)) => Err(Fault::new(
            code,
            format!("{PERSONS_TAG} declares no number of persons: {error}."),
        )),
    }
}

/// Reads the tags of a bucket from a document.
pub(crate) fn parse_bucket_tags(tag_set: Vec<Tag>) -> Result<Tags, Fault> {
    parse_tags(tag_set, BUCKET_TAGS_MAX)
}

fn parse_tags(tag_set: Vec<Tag>, tags_max: usize) -> Result<Tags, Fault> {
    let pairs = tag_set.into_iter().map(|tag| match (tag.key, tag.value) {
        (Some(key), Some(value)) => Ok((key, value)),
        _ => Err(Fault::new(
            Code::MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema",
        )),
    });
    collect(pairs, tags_max)
}

/// Shows tags in a document.
pub(crate) fn tag_set(tags: Tags) -> Vec<Tag> {
    tags.into_iter()
        .map(|(key, value)| Tag {
            key: Some(key),
            value: Some(value),
        })
        .collect()
}

fn bad_header() -> Fault {
    Fault::new(
        Code::InvalidArgument,
        "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
    )
}

/// Whether a tag may have it: letters, digits, spaces and `_ . : / = + - @` ("Categorizing your objects using tags").
fn is_of_tags(character: char) -> bool {
    character.is_alphanumeric()
        || (character.is_whitespace() && !character.is_control())
        || "_.:/=+-@".contains(character)
}

fn collect(
    pairs: impl Iterator<Item = Result<(String, String), Fault>>,
    tags_max: usize,
) -> Result<Tags, Fault> {
    let invalid = |message: &'static str| Fault::new(Code::InvalidTag, message);
    let mut tags = Tags::new();
    for pair in pairs {
        let (key, value) = pair?;
        if key.is_empty()
            || key.chars().count() > KEY_MAX
            || key.starts_with("aws:")
            || !key.chars().all(is_of_tags)
        {
            return Err(invalid("The TagKey you have provided is invalid"));
        }
        if value.chars().count() > VALUE_MAX || !value.chars().all(is_of_tags) {
            return Err(invalid("The TagValue you have provided is invalid"));
        }
        if tags.insert(key, value).is_some() {
            return Err(invalid(TWICE));
        }
        if tags.len() > tags_max {
            return Err(Fault::new(
                Code::BadRequest,
                format!("Object tags cannot be greater than {tags_max}"),
            ));
        }
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::{collect, parse_tag_set};
    use s3s::dto::Tag;

    fn tag(key: &str, value: &str) -> Tag {
        Tag {
            key: Some(key.to_owned()),
            value: Some(value.to_owned()),
        }
    }

    #[test]
    fn tags_have_limits_on_both_sides() {
        let numbered = |count: usize| {
            (0..count)
                .map(|n| tag(&n.to_string(), "v"))
                .collect::<Vec<_>>()
        };
        assert!(parse_tag_set(numbered(10)).is_ok());
        assert!(parse_tag_set(numbered(11)).is_err());
        assert!(parse_tag_set(vec![tag(&"文".repeat(128), &"文".repeat(256))]).is_ok());
        assert!(parse_tag_set(vec![tag(&"k".repeat(129), "")]).is_err());
        assert!(parse_tag_set(vec![tag("k", &"v".repeat(257))]).is_err());
        assert!(parse_tag_set(vec![tag("k", "1"), tag("k", "2")]).is_err());
        assert!(parse_tag_set(vec![tag("", "1")]).is_err());
        assert!(parse_tag_set(vec![tag("aws:x", "1")]).is_err());
        assert!(
            parse_tag_set(vec![Tag {
                key: Some("k".to_owned()),
                value: None
            }])
            .is_err()
        );
        assert!(collect(std::iter::empty(), 1).expect("none").is_empty());
    }
}
