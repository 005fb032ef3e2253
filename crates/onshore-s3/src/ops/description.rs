//! What a writer says of an object: the headers that describe the body, user metadata, tags, and the label it declares.

use std::collections::BTreeMap;

use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, EXPIRES,
    HeaderName,
};
use onshore_store::{ContentHeaders, NewObject};
use onshore_types::Label;

use crate::call::Call;
use crate::fault::{Code, Fault};
use crate::guard::headers::METADATA_PREFIX;
use crate::ops::replica;
use crate::ops::tagging::{check_persons, class_of, parse_tagging_header};

/// The user metadata by which an uploader declares a label.
const CLASS: &str = "onshore-class";
/// Where a web page is to look instead.
pub(crate) const REDIRECT: &str = "x-amz-website-redirect-location";

/// Reads everything a writer says.
pub(crate) fn new_object(call: &Call) -> Result<NewObject, Fault> {
    check_redirect(call)?;
    let user_metadata = user_metadata(call);
    let tags = parse_tagging_header(call)?;
    check_persons(&user_metadata, Code::InvalidArgument)?;
    check_persons(&tags, Code::InvalidTag)?;
    let mut object = NewObject {
        content: content_headers(call),
        declared: stricter(declared(&user_metadata)?, class_of(&tags)?),
        tags,
        user_metadata,
        ..NewObject::default()
    };
    replica::note(call, &mut object)?;
    Ok(object)
}

/// Reads the headers that describe the body, `aws-chunked` taken off.
pub(crate) fn content_headers(call: &Call) -> ContentHeaders {
    let text = |name: HeaderName| {
        call.header(name.as_str())
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
    };
    ContentHeaders {
        content_type: text(CONTENT_TYPE),
        cache_control: text(CACHE_CONTROL),
        content_disposition: text(CONTENT_DISPOSITION),
        content_encoding: content_encoding(call),
        content_language: text(CONTENT_LANGUAGE),
        expires: text(EXPIRES),
        website_redirect: text(HeaderName::from_static(REDIRECT)),
    }
}

/// Reads how the body is encoded, as it was said, but for `aws-chunked`, which is of the request alone.
fn content_encoding(call: &Call) -> Option<String> {
    let said: Vec<&str> = call
        .headers()
        .get_all(CONTENT_ENCODING)
        .iter()
        .filter_map(|value| std::str::from_utf8(value.as_bytes()).ok())
        .collect();
    let said = said.join(",");
    let is_of_request = |coding: &&str| coding.trim().eq_ignore_ascii_case("aws-chunked");
    let codings: Vec<&str> = said
        .split(',')
        .filter(|coding| !is_of_request(coding))
        .collect();
    let codings = codings.join(",");
    let codings = codings.trim();
    (!codings.is_empty()).then(|| codings.to_owned())
}

/// Reads user metadata as it was sent.
pub(crate) fn user_metadata(call: &Call) -> BTreeMap<String, String> {
    call.headers()
        .iter()
        .filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix(METADATA_PREFIX)?;
            let value = std::str::from_utf8(value.as_bytes()).ok()?;
            Some((name.to_owned(), value.to_owned()))
        })
        .filter(|(name, _)| !name.is_empty())
        .collect()
}

/// Refuses an address to redirect to that cannot be one.
pub(crate) fn check_redirect(call: &Call) -> Result<(), Fault> {
    let starts = ["/", "http://", "https://"];
    match call.header(REDIRECT) {
        Some(address) if !starts.iter().any(|start| address.starts_with(start)) => Err(Fault::new(
            Code::InvalidRedirectLocation,
            "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
        )),
        Some(_) | None => Ok(()),
    }
}

/// Returns the stricter of two declarations.
pub(crate) fn stricter(one: Option<Label>, other: Option<Label>) -> Option<Label> {
    one.into_iter().chain(other).reduce(Label::join)
}

/// Reads the label that user metadata declares.
pub(crate) fn declared(user_metadata: &BTreeMap<String, String>) -> Result<Option<Label>, Fault> {
    user_metadata
        .get(CLASS)
        .map(|text| Label::parse_declaration(text))
        .transpose()
        .map_err(|error| {
            Fault::new(
                Code::InvalidArgument,
                format!("The header {METADATA_PREFIX}{CLASS} declares no class: {error}."),
            )
            .with_detail("ArgumentName", format!("{METADATA_PREFIX}{CLASS}"))
        })
}
