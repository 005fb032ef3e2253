//! Checks an XML document on its way to `s3s`: its length, the digests that were announced, and that it holds no
//! markup declaration. `s3s` compares none of them, and would skip a CDATA section without a word.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use md5::{Digest as _, Md5};
use ring::digest;

use crate::body::incomplete;
use crate::fault::{Code, Fault};

/// The longest document: what completes an upload of ten thousand parts, each with a checksum, fits.
pub(crate) const DOCUMENT_MAX_BYTES: u64 = 4 * 1024 * 1024;

/// The digests announced for a document.
pub(crate) struct DocumentCheck {
    expected_bytes: Option<u64>,
    got_bytes: u64,
    last: Option<u8>,
    digests: Vec<(Running, Vec<u8>, Code)>,
}

enum Running {
    Md5(Md5),
    Hash(digest::Context),
    Crc(crc_fast::CrcAlgorithm, Box<crc_fast::Digest>),
}

impl std::fmt::Debug for DocumentCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DocumentCheck").finish_non_exhaustive()
    }
}

/// Whether an `x-amz-checksum-` header speaks of the document itself, or of the object that it completes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChecksumsSpeakOf {
    /// Of the document.
    Document,
    /// Of the object.
    Object,
}

impl DocumentCheck {
    /// Reads what is announced. `signed_sha256` is the signed hash of the body, if it was signed.
    pub(crate) fn announced(
        headers: &HeaderMap,
        signed_sha256: Option<&str>,
        speak_of: ChecksumsSpeakOf,
        expected_bytes: Option<u64>,
    ) -> Result<Self, Fault> {
        if expected_bytes.is_some_and(|expected| expected > DOCUMENT_MAX_BYTES) {
            return Err(too_long());
        }
        let mut digests = Vec::new();
        if let Some(value) = headers.get("content-md5") {
            let value = of_base64(value.as_bytes(), 16).ok_or_else(invalid_md5)?;
            digests.push((Running::Md5(Md5::new()), value, Code::BadDigest));
        }
        if let Some(value) = signed_sha256.and_then(|hex| hex::decode(hex).ok()) {
            let hash = digest::Context::new(&digest::SHA256);
            digests.push((Running::Hash(hash), value, Code::XAmzContentSHA256Mismatch));
        }
        if speak_of == ChecksumsSpeakOf::Document {
            for (name, len_bytes, start) in CHECKSUMS {
                let Some(value) = headers.get(name) else {
                    continue;
                };
                let value = of_base64(value.as_bytes(), len_bytes).ok_or_else(|| {
                    Fault::new(
                        Code::InvalidRequest,
                        format!("Value for {name} header is invalid."),
                    )
                })?;
                digests.push((start(), value, Code::BadDigest));
            }
        }
        Ok(Self {
            expected_bytes,
            got_bytes: 0,
            last: None,
            digests,
        })
    }

    /// Takes the next bytes in.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.got_bytes += bytes.len() as u64;
        if self.got_bytes > DOCUMENT_MAX_BYTES {
            return Err(too_long());
        }
        for byte in bytes {
            if *byte == b'!' && self.last == Some(b'<') {
                return Err(Fault::new(
                    Code::MalformedXML,
                    "The XML you provided was not well-formed or did not validate against our published schema: comments, CDATA sections and document types are not taken.",
                ));
            }
            self.last = Some(*byte);
        }
        for (running, ..) in &mut self.digests {
            match running {
                Running::Md5(md5) => md5.update(bytes),
                Running::Hash(hash) => hash.update(bytes),
                Running::Crc(_, crc) => crc.update(bytes),
            }
        }
        Ok(())
    }

    /// Compares the digests.
    pub(crate) fn finish(&mut self) -> Result<(), Fault> {
        if self
            .expected_bytes
            .is_some_and(|expected| expected != self.got_bytes)
        {
            return Err(incomplete());
        }
        for (running, expected, code) in self.digests.drain(..) {
            let got = match running {
                Running::Md5(md5) => md5.finalize().to_vec(),
                Running::Hash(hash) => hash.finish().as_ref().to_vec(),
                Running::Crc(crc_fast::CrcAlgorithm::Crc64Nvme, crc) => {
                    crc.finalize().to_be_bytes().to_vec()
                }
                Running::Crc(_, crc) => crc.finalize().to_be_bytes().split_at(4).1.to_vec(),
            };
            if got != expected {
                return Err(Fault::new(
                    code,
                    "The digest you specified did not match what we received.",
                ));
            }
        }
        Ok(())
    }
}

type Start = fn() -> Running;

const CHECKSUMS: [(&str, usize, Start); 5] = [
    ("x-amz-checksum-crc32", 4, || {
        crc(crc_fast::CrcAlgorithm::Crc32IsoHdlc)
    }),
    ("x-amz-checksum-crc32c", 4, || {
        crc(crc_fast::CrcAlgorithm::Crc32Iscsi)
    }),
    ("x-amz-checksum-crc64nvme", 8, || {
        crc(crc_fast::CrcAlgorithm::Crc64Nvme)
    }),
    ("x-amz-checksum-sha1", 20, || {
        Running::Hash(digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY))
    }),
    ("x-amz-checksum-sha256", 32, || {
        Running::Hash(digest::Context::new(&digest::SHA256))
    }),
];

fn crc(algorithm: crc_fast::CrcAlgorithm) -> Running {
    Running::Crc(algorithm, Box::new(crc_fast::Digest::new(algorithm)))
}

/// Reads base64 of so many bytes.
pub(crate) fn of_base64(text: &[u8], len_bytes: usize) -> Option<Vec<u8>> {
    STANDARD
        .decode(text)
        .ok()
        .filter(|bytes| bytes.len() == len_bytes)
}

/// What a client reads whose `Content-MD5` is none.
pub(crate) fn invalid_md5() -> Fault {
    Fault::new(
        Code::InvalidDigest,
        "The Content-MD5 you specified was invalid.",
    )
}

fn too_long() -> Fault {
    Fault::new(Code::MaxMessageLengthExceeded, "Your request was too big.")
        .with_detail("MaxMessageLengthBytes", DOCUMENT_MAX_BYTES.to_string())
}

#[cfg(test)]
mod tests {
    use super::{ChecksumsSpeakOf, DOCUMENT_MAX_BYTES, DocumentCheck};
    use crate::fault::{Code, Fault};
    use http::{HeaderMap, HeaderName};

    fn check(
        headers: &[(&'static str, &str)],
        sha256: Option<&str>,
        body: &[u8],
    ) -> Result<(), Fault> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(
                HeaderName::from_static(name),
                value.parse().expect("a value"),
            );
        }
        for step in [1, 3, body.len().max(1)] {
            let mut check = DocumentCheck::announced(
                &map,
                sha256,
                ChecksumsSpeakOf::Document,
                Some(body.len() as u64),
            )?;
            body.chunks(step).try_for_each(|piece| check.push(piece))?;
            check.finish()?;
        }
        Ok(())
    }

    #[test]
    fn announced_digests_are_compared() {
        // The digests of `123456789`, from the catalogue of parametrised CRC algorithms and RFC 1321, 3174, 6234.
        let body = b"123456789";
        let sha256 = "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225";
        for (name, value) in [
            ("x-amz-checksum-crc32", "y/Q5Jg=="),
            ("x-amz-checksum-crc32c", "4waSgw=="),
            ("x-amz-checksum-crc64nvme", "rosUhgp5mIg="),
            ("x-amz-checksum-sha1", "98O8HYCOBHMq32eZZczDTKeuNEE="),
            (
                "x-amz-checksum-sha256",
                "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
            ),
            ("content-md5", "JfnnlDI7RTiF9RgfG2JNCw=="),
        ] {
            check(&[(name, value)], Some(sha256), body).expect(name);
            let fault = check(&[(name, value)], None, b"12345678X").expect_err(name);
            assert_eq!(fault.code, Code::BadDigest, "{name}");
            assert!(check(&[(name, "AAAA")], None, body).is_err(), "{name}");
        }
        let fault = check(&[], Some(sha256), b"12345678X").expect_err("another body");
        assert_eq!(fault.code, Code::XAmzContentSHA256Mismatch);
    }

    #[test]
    fn markup_declarations_and_long_documents_are_refused() {
        for bad in [
            "<Delete><Object><Key><![CDATA[a]]></Key></Object></Delete>",
            "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
            "<a><!-- --></a>",
        ] {
            let fault = check(&[], None, bad.as_bytes()).expect_err(bad);
            assert_eq!(fault.code, Code::MalformedXML, "{bad}");
        }
        let long = vec![b'a'; usize::try_from(DOCUMENT_MAX_BYTES).expect("small") + 1];
        assert!(check(&[], None, &long).is_err());
        let mut unknown =
            DocumentCheck::announced(&HeaderMap::new(), None, ChecksumsSpeakOf::Document, None)
                .expect("nothing announced");
        assert!(unknown.push(&long).is_err());
    }
}
