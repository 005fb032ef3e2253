//! The last hand on every answer: one shape for all errors, the request's id, the receipt, and XML that every client can
//! read back.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LOCATION};
use http::{HeaderValue, Response, StatusCode};
use http_body::{Frame, SizeHint};
use percent_encoding::utf8_percent_encode;

use crate::access::Pending;
use crate::body::drain::Afterwards;
use crate::fault::Fault;
use crate::guard::form::Success;
use crate::guard::query::ENCODED_IN_PATH;
use crate::ops::objects::Written;

/// The answer's body, as the connection takes it.
pub(crate) struct AnswerBody {
    inner: s3s::Body,
    sent_bytes: u64,
    /// Who is told when the last byte is gone.
    pending: Option<Box<Pending>>,
}

impl AnswerBody {
    /// Has lines written once the last byte is gone.
    pub(crate) fn then(&mut self, pending: Pending) {
        self.pending = Some(Box::new(pending));
    }
}

impl std::fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnswerBody").finish_non_exhaustive()
    }
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = s3s::StdError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, s3s::StdError>>> {
        let next = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &next {
            self.sent_bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        Poll::Ready(next)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        metrics::counter!("onshore_s3_sent_bytes_total").increment(self.sent_bytes);
        if let Some(pending) = self.pending.take() {
            pending.end(self.sent_bytes);
        }
    }
}

/// Writes a fault down.
pub(crate) fn of_fault(fault: &Fault, request_id: &str) -> Response<s3s::Body> {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
    element(&mut text, "Code", fault.code.name());
    element(&mut text, "Message", &fault.message);
    for (name, value) in &fault.details {
        element(&mut text, name, value);
    }
    element(&mut text, "RequestId", request_id);
    element(&mut text, "HostId", &host_id(request_id));
    text.push_str("</Error>");
    let mut response = Response::new(s3s::Body::from(text));
    *response.status_mut() = fault.code.status();
    response.headers_mut().clone_from(&fault.headers);
    response.extensions_mut().insert(fault.code);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}

/// Where an object is now.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    /// Its address.
    pub(crate) location: &'a str,
    pub(crate) bucket: &'a str,
    pub(crate) key: &'a str,
}

/// Answers for the file of a form, as its client wants it answered.
pub(crate) fn of_form(
    success: &Success,
    place: &Place<'_>,
    written: Written,
) -> Response<s3s::Body> {
    let Place {
        location,
        bucket,
        key,
    } = *place;
    let etag = format!("\"{}\"", written.etag);
    let mut headers = written.headers;
    let mut insert = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    insert(ETAG, &etag);
    let (status, body) = match success {
        Success::Bare(status) => {
            insert(LOCATION, location);
            (*status, s3s::Body::empty())
        }
        Success::Created => {
            insert(LOCATION, location);
            insert(CONTENT_TYPE, "application/xml");
            let mut text =
                String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse>");
            element(&mut text, "Location", location);
            element(&mut text, "Bucket", bucket);
            element(&mut text, "Key", key);
            element(&mut text, "ETag", &etag);
            text.push_str("</PostResponse>");
            (StatusCode::CREATED, s3s::Body::from(text))
        }
        Success::Redirect(address) => {
            let encode = |text: &str| {
                utf8_percent_encode(text, ENCODED_IN_PATH)
                    .to_string()
                    .replace('/', "%2F")
            };
            let joint = if address.contains('?') { '&' } else { '?' };
            let query = format!(
                "bucket={}&key={}&etag={}",
                encode(bucket),
                encode(key),
                encode(&etag)
            );
            insert(LOCATION, &format!("{address}{joint}{query}"));
            (StatusCode::SEE_OTHER, s3s::Body::empty())
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Puts the last hand on an answer.
pub(crate) fn finish(
    mut response: Response<s3s::Body>,
    request_id: &str,
    afterwards: Afterwards,
) -> Response<AnswerBody> {
    if response.status() == StatusCode::NOT_MODIFIED {
        *response.body_mut() = s3s::Body::empty();
        response.headers_mut().remove(CONTENT_TYPE);
        response.headers_mut().remove(CONTENT_LENGTH);
    } else if let Some(document) = response.body().bytes().filter(|_| is_xml(&response)) {
        let document = readable(&document, response.status(), request_id);
        response.headers_mut().remove(CONTENT_LENGTH);
        *response.body_mut() = s3s::Body::from(document);
    }
    // The description of a part of an object too is a 206, as that of S3 is.
    if response.status() == StatusCode::OK && response.headers().contains_key(CONTENT_RANGE) {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert("x-amz-request-id", value);
    }
    if let Ok(value) = HeaderValue::from_str(&host_id(request_id)) {
        headers.insert("x-amz-id-2", value);
    }
    headers.insert("server", HeaderValue::from_static("Onshore"));
    if afterwards == Afterwards::Close {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response.map(|inner| AnswerBody {
        inner,
        sent_bytes: 0,
        pending: None,
    })
}

fn is_xml(response: &Response<s3s::Body>) -> bool {
    response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value == "application/xml")
        && !response.headers().contains_key("etag")
}

/// Writes control characters as references: a bare carriage return reads back as a line feed, and keys may hold any.
fn readable(document: &[u8], status: StatusCode, request_id: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(document.len() + 64);
    for byte in document {
        match byte {
            b'\n' | b'\t' | 0x20.. => out.push(*byte),
            control => out.extend_from_slice(format!("&#x{control:X};").as_bytes()),
        }
    }
    let end = b"</Error>";
    let has_id = out.windows(11).any(|window| window == b"<RequestId>");
    if !status.is_success() && out.ends_with(end) && !has_id {
        out.truncate(out.len() - end.len());
        let host_id = host_id(request_id);
        let ids = format!("<RequestId>{request_id}</RequestId><HostId>{host_id}</HostId></Error>");
        out.extend_from_slice(ids.as_bytes());
    }
    out
}

/// Returns the second name that S3 gives a request. Nothing is behind it here but the first.
fn host_id(request_id: &str) -> String {
    STANDARD.encode(request_id)
}

pub(crate) fn element(text: &mut String, name: &str, value: &str) {
    text.push('<');
    text.push_str(name);
    text.push('>');
    for character in value.chars() {
        match character {
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '&' => text.push_str("&amp;"),
            other => text.push(other),
        }
    }
    text.push_str("</");
    text.push_str(name);
    text.push('>');
}

#[cfg(test)]
mod tests {
    use super::{finish, of_fault, readable};
    use crate::body::drain::Afterwards;
    use crate::fault::{Code, Fault};
    use http::StatusCode;

    #[test]
    fn an_error_names_code_message_details_and_request() {
        let fault = Fault::new(Code::AuthorizationHeaderMalformed, "a < b & \"c\"")
            .with_detail("Region", "cn-north-1")
            .with_header("x-onshore-leaf", "7");
        let response = finish(of_fault(&fault, "ID"), "ID", Afterwards::Close);
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let headers = response.headers();
        assert_eq!(headers["x-amz-request-id"], "ID");
        assert_eq!(headers["x-onshore-leaf"], "7");
        assert_eq!(headers["connection"], "close");
        let text = response.body().inner.bytes().expect("in memory");
        assert_eq!(
            text,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AuthorizationHeaderMalformed</Code><Message>a &lt; b &amp; \"c\"</Message><Region>cn-north-1</Region><RequestId>ID</RequestId><HostId>SUQ=</HostId></Error>"
        );
    }

    #[test]
    fn control_characters_read_back_and_a_foreign_error_gets_the_id() {
        let text = readable(b"<Key>a\rb\n\x01</Key>", StatusCode::OK, "ID");
        assert_eq!(text, b"<Key>a&#xD;b\n&#x1;</Key>");
        let text = readable(
            b"<Error><Code>C</Code></Error>",
            StatusCode::BAD_REQUEST,
            "ID",
        );
        assert_eq!(
            text,
            b"<Error><Code>C</Code><RequestId>ID</RequestId><HostId>SUQ=</HostId></Error>"
        );
    }

    #[test]
    fn a_304_has_no_body() {
        let response = of_fault(
            &Fault::new(Code::NotModified, "m").with_header("etag", "\"e\""),
            "ID",
        );
        let response = finish(response, "ID", Afterwards::KeepAlive);
        assert!(
            response
                .body()
                .inner
                .bytes()
                .is_some_and(|bytes| bytes.is_empty())
        );
        assert!(!response.headers().contains_key("content-type"));
        assert!(response.headers().contains_key("etag"));
    }
}
