//! What a request says of its body before a byte of it is read: how it is hashed, signed, framed and how long it is.

use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method};

use crate::body::Framing;
use crate::body::chunked::{Unframer, Vouched};
use crate::body::document::{ChecksumsSpeakOf, DocumentCheck};
use crate::call::{Announced, CHECKSUM_HEADERS};
use crate::fault::{Code, Fault};
use crate::guard::address::Address;
use crate::guard::auth_shape::{Claim, Style};
use crate::guard::query::Query;
use crate::guard::signature::SigningKey;

/// The largest object of one request.
const OBJECT_MAX_BYTES: u64 = 5 * 1024 * 1024 * 1024;

/// What stands in `x-amz-content-sha256`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Payload {
    /// The SHA-256 of the body in hexadecimal.
    Sha256(String),
    /// Nothing is said.
    Unsigned,
    /// In signed chunks.
    SignedChunks,
    /// In signed chunks with signed trailing headers.
    SignedChunksWithTrailer,
    /// In unsigned chunks with trailing headers.
    UnsignedChunksWithTrailer,
}

/// A body's framing and what was announced of it.
#[derive(Debug)]
pub(crate) struct Framed {
    pub(crate) framing: Framing,
    pub(crate) len_bytes: Option<u64>,
    pub(crate) announced: Announced,
}

impl Payload {
    /// Reads what is said of the body.
    pub(crate) fn parse(style: Style, headers: &HeaderMap, query: &Query) -> Result<Self, Fault> {
        let bad = || {
            Fault::new(
                Code::InvalidArgument,
                "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-UNSIGNED-PAYLOAD-TRAILER, or a valid sha256 value.",
            )
        };
        let header = match headers.get("x-amz-content-sha256") {
            Some(value) => Some(value.to_str().map_err(|_| bad())?),
            None => None,
        };
        let said = match (style, header.or_else(|| query.get("X-Amz-Content-Sha256"))) {
            (_, Some(said)) => said,
            (Style::Presigned, None) => return Ok(Self::Unsigned),
            (Style::Header, None) => {
                return Err(Fault::new(
                    Code::InvalidRequest,
                    "Missing required header for this request: x-amz-content-sha256",
                ));
            }
        };
        match said {
            "UNSIGNED-PAYLOAD" => Ok(Self::Unsigned),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Ok(Self::SignedChunks),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Ok(Self::SignedChunksWithTrailer),
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Ok(Self::UnsignedChunksWithTrailer),
            other if other.starts_with("STREAMING-AWS4-ECDSA-P256-SHA256") => Err(Fault::new(
                Code::NotImplemented,
                "Signature Version 4A (AWS4-ECDSA-P256-SHA256) is not implemented by this service. Please sign with AWS4-HMAC-SHA256.",
            )),
            other if is_sha256(other) => Ok(Self::Sha256(other.to_owned())),
            _ => Err(bad()),
        }
    }

    /// Returns what stands in the canonical request.
    pub(crate) fn as_signed(&self) -> &str {
        match self {
            Self::Sha256(hex) => hex,
            Self::Unsigned => "UNSIGNED-PAYLOAD",
            Self::SignedChunks => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            Self::SignedChunksWithTrailer => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
            Self::UnsignedChunksWithTrailer => "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        }
    }

    /// Decides how the body is unframed and checked.
    pub(crate) fn frame(
        self,
        method: &Method,
        address: &Address,
        query: &Query,
        headers: &HeaderMap,
        claim: &Claim,
        key: SigningKey,
    ) -> Result<Framed, Fault> {
        let has_trailer = match self {
            Self::SignedChunksWithTrailer | Self::UnsignedChunksWithTrailer => true,
            Self::Sha256(_) | Self::Unsigned | Self::SignedChunks => false,
        };
        let trailers = announced_trailers(headers, has_trailer)?;
        let vouched = match &self {
            Self::Sha256(_) | Self::Unsigned => {
                return self.frame_whole(method, address, query, headers);
            }
            Self::UnsignedChunksWithTrailer => Vouched::Unsigned,
            Self::SignedChunks | Self::SignedChunksWithTrailer => Vouched::Signed {
                key: Box::new(key),
                previous: claim.signature.clone(),
            },
        };
        if document_of(method, address, query).is_some() {
            return Err(Fault::new(
                Code::InvalidRequest,
                "A document is not sent in aws-chunked encoding.",
            ));
        }
        let len_bytes = decoded_length(headers)?;
        check_object_length(len_bytes)?;
        let unframer = Unframer::new(vouched, has_trailer.then(|| trailers.clone()), len_bytes);
        Ok(Framed {
            framing: Framing::Chunked(Box::new(unframer)),
            len_bytes: Some(len_bytes),
            announced: Announced::parse(headers, None, &trailers, Some(len_bytes))?,
        })
    }

    pub(crate) fn frame_whole(
        self,
        method: &Method,
        address: &Address,
        query: &Query,
        headers: &HeaderMap,
    ) -> Result<Framed, Fault> {
        let sha256 = match &self {
            Self::Sha256(hex) => Some(hex.as_str()),
            _ => None,
        };
        let len_bytes = content_length(headers)?;
        if let Some(speak_of) = document_of(method, address, query) {
            let check = DocumentCheck::announced(headers, sha256, speak_of, len_bytes)?;
            return Ok(Framed {
                framing: Framing::Document(Box::new(check)),
                len_bytes,
                announced: Announced::default(),
            });
        }
        check_object_length(len_bytes.unwrap_or(0))?;
        Ok(Framed {
            framing: Framing::Plain,
            len_bytes,
            announced: Announced::parse(headers, sha256, &[], len_bytes)?,
        })
    }
}

/// Returns whether the body of the request is an XML document, and what checksums beside it speak of.
fn document_of(method: &Method, address: &Address, query: &Query) -> Option<ChecksumsSpeakOf> {
    match address {
        Address::Service => None,
        Address::Bucket(_) => {
            (*method == Method::PUT || query.has("delete")).then_some(ChecksumsSpeakOf::Document)
        }
        Address::Object(..)
            if *method == Method::PUT
                && ["tagging", "retention", "legal-hold", "acl"]
                    .iter()
                    .any(|name| query.has(name)) =>
        {
            Some(ChecksumsSpeakOf::Document)
        }
        Address::Object(..) if *method == Method::POST && query.has("uploadId") => {
            Some(ChecksumsSpeakOf::Object)
        }
        Address::Object(..) => None,
    }
}

fn announced_trailers(headers: &HeaderMap, has_trailer: bool) -> Result<Vec<String>, Fault> {
    let bad = |message: &'static str| Fault::new(Code::InvalidRequest, message);
    let Some(value) = headers.get("x-amz-trailer") else {
        return if has_trailer {
            Err(bad("The header x-amz-trailer is missing."))
        } else {
            Ok(Vec::new())
        };
    };
    if !has_trailer {
        return Err(bad(
            "The header x-amz-trailer announces trailing headers, and x-amz-content-sha256 says there are none.",
        ));
    }
    let names: Vec<String> = value
        .to_str()
        .map_err(|_| bad("The value specified in the x-amz-trailer header is not supported"))?
        .split(',')
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    if names.len() == 1
        && names
            .iter()
            .all(|name| CHECKSUM_HEADERS.contains(&name.as_str()))
    {
        Ok(names)
    } else {
        Err(bad(
            "The value specified in the x-amz-trailer header is not supported",
        ))
    }
}

fn decoded_length(headers: &HeaderMap) -> Result<u64, Fault> {
    headers
        .get("x-amz-decoded-content-length")
        .ok_or_else(|| {
            Fault::new(
                Code::MissingContentLength,
                "You must provide the x-amz-decoded-content-length HTTP header.",
            )
        })
        .and_then(|value| parse_length(value.as_bytes()))
}

fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Fault> {
    headers
        .get(CONTENT_LENGTH)
        .map(|value| parse_length(value.as_bytes()))
        .transpose()
}

fn parse_length(digits: &[u8]) -> Result<u64, Fault> {
    std::str::from_utf8(digits)
        .ok()
        .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| Fault::new(Code::InvalidArgument, "A length is no number."))
}

fn check_object_length(len_bytes: u64) -> Result<(), Fault> {
    if len_bytes <= OBJECT_MAX_BYTES {
        return Ok(());
    }
    Err(Fault::new(
        Code::EntityTooLarge,
        "Your proposed upload exceeds the maximum allowed size",
    )
    .with_detail("ProposedSize", len_bytes.to_string())
    .with_detail("MaxSizeAllowed", OBJECT_MAX_BYTES.to_string()))
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}
