//! Signature Version 4: what is signed, and whether the signature is right. The request is verified here, in the layer
//! in front, and nowhere else: `s3s` never sees a signature or a secret.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use http::{HeaderMap, Method};
use onshore_types::{AccessKeyId, RegionId};
use ring::{digest, hmac};

use crate::fault::{Code, Fault};
use crate::guard::auth_shape::{ALGORITHM, Claim};
use crate::guard::presign::SignedAt;
use crate::guard::query::{ENCODED_IN_PATH, Query, decode};
use crate::guard::scope::{Scope, Service};

/// The SHA-256 of nothing, in hexadecimal.
pub(crate) const EMPTY_SHA256: &str =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What of a request is signed.
#[derive(Debug)]
pub(crate) struct Signed<'a> {
    pub(crate) method: &'a Method,
    pub(crate) raw_path: &'a str,
    pub(crate) query: &'a Query,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) payload_hash: &'a str,
}

/// The key a day's requests are signed with, and the scope it counts for. Chunks of a body are signed with it too.
#[derive(Clone)]
pub(crate) struct SigningKey {
    key: hmac::Key,
    scope: String,
    signed_at: String,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").finish_non_exhaustive()
    }
}

/// Keys that were derived, by access key, day, region and service: the same serves a day's requests, as long as the secret
/// of the access key is the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct DerivedKeys(Arc<RwLock<HashMap<DerivedFor, Derived>>>);

/// The access key, the day, the region and the service that a key is derived for.
type DerivedFor = (AccessKeyId, String, RegionId, Service);

/// A key, and the digest of the secret that it was derived from.
#[derive(Debug, Clone)]
struct Derived {
    of: [u8; 32],
    key: hmac::Key,
}

/// How many are remembered; a signature may be a week old, so a few days' are in use.
const DERIVED_MAX: usize = 4096;

impl DerivedKeys {
    /// Returns the key of a day's requests.
    pub(crate) fn signing_key(
        &self,
        secret: &[u8],
        scope: &Scope,
        signed_at: &SignedAt,
    ) -> SigningKey {
        let of = (
            scope.access_key.clone(),
            scope.date.clone(),
            scope.region.clone(),
            scope.service,
        );
        let mut digest = [0; 32];
        digest.copy_from_slice(digest::digest(&digest::SHA256, secret).as_ref());
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let derived = known.get(&of).filter(|derived| derived.of == digest);
        let derived = derived.map(|derived| derived.key.clone());
        drop(known);
        let key = derived.unwrap_or_else(|| {
            let key = SigningKey::derive(secret, scope);
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= DERIVED_MAX {
                known.clear();
            }
            known.insert(
                of,
                Derived {
                    of: digest,
                    key: key.clone(),
                },
            );
            key
        });
        SigningKey {
            key,
            scope: scope.text(),
            signed_at: signed_at.as_str().to_owned(),
        }
    }
}

impl SigningKey {
    /// Derives the key from the secret.
    fn derive(secret: &[u8], scope: &Scope) -> hmac::Key {
        let mut seed = b"AWS4".to_vec();
        seed.extend_from_slice(secret);
        let day = mac(&seed, scope.date.as_bytes());
        seed.fill(0);
        let region = mac(day.as_ref(), scope.region.as_str().as_bytes());
        let service = mac(region.as_ref(), scope.service.as_str().as_bytes());
        let key = mac(service.as_ref(), b"aws4_request");
        hmac::Key::new(hmac::HMAC_SHA256, key.as_ref())
    }

    /// Compares the signature of a request, in constant time.
    pub(crate) fn verify(&self, claim: &Claim, signed: &Signed<'_>) -> Result<(), Fault> {
        let decoded = decode(signed.raw_path)?;
        let encoded = percent_encoding::utf8_percent_encode(&decoded, ENCODED_IN_PATH).to_string();
        if self.matches(claim, signed, &encoded) {
            return Ok(());
        }
        // Some clients sign the path as they sent it, with characters left bare or escaped that S3 would write the
        // other way. It decodes to the same key, so it says the same.
        if encoded != signed.raw_path && self.matches(claim, signed, signed.raw_path) {
            return Ok(());
        }
        Err(mismatch())
    }

    fn matches(&self, claim: &Claim, signed: &Signed<'_>, path: &str) -> bool {
        let canonical = canonical_request(claim, signed, path);
        let text = self.string_to_sign(ALGORITHM, &[&sha256_hex(&canonical)]);
        self.is_signature(text.as_bytes(), &claim.signature)
    }

    /// Compares the signature of a chunk of the body, given the one before it.
    pub(crate) fn is_chunk_signature(&self, previous: &str, sha256: &str, signature: &str) -> bool {
        let text = self.string_to_sign(
            "AWS4-HMAC-SHA256-PAYLOAD",
            &[previous, EMPTY_SHA256, sha256],
        );
        self.is_signature(text.as_bytes(), signature)
    }

    /// Compares the signature of the policy of a form.
    pub(crate) fn is_policy_signature(&self, policy: &str, signature: &str) -> bool {
        self.is_signature(policy.as_bytes(), signature)
    }

    /// Compares the signature of the trailing headers, given that of the last chunk.
    pub(crate) fn is_trailer_signature(
        &self,
        previous: &str,
        trailers: &[u8],
        signature: &str,
    ) -> bool {
        let text = self.string_to_sign(
            "AWS4-HMAC-SHA256-TRAILER",
            &[previous, &sha256_hex(trailers)],
        );
        self.is_signature(text.as_bytes(), signature)
    }

    fn string_to_sign(&self, algorithm: &str, rest: &[&str]) -> String {
        let (signed_at, scope) = (&self.signed_at, &self.scope);
        let rest = rest.join("\n");
        format!("{algorithm}\n{signed_at}\n{scope}\n{rest}")
    }

    fn is_signature(&self, text: &[u8], signature: &str) -> bool {
        let lowercase = signature
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        lowercase
            && hex::decode(signature)
                .is_ok_and(|signature| hmac::verify(&self.key, text, &signature).is_ok())
    }
}

/// What a client reads whose signature is wrong.
pub(crate) fn mismatch() -> Fault {
    Fault::new(
        Code::SignatureDoesNotMatch,
        "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    )
}

/// Returns the SHA-256 in hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

fn canonical_request(claim: &Claim, signed: &Signed<'_>, path: &str) -> Vec<u8> {
    let mut names: Vec<&str> = claim.signed_headers.iter().map(String::as_str).collect();
    names.sort_unstable();
    let mut text = Vec::with_capacity(512);
    for piece in [signed.method.as_str(), path, &signed.query.canonical()] {
        text.extend_from_slice(piece.as_bytes());
        text.push(b'\n');
    }
    for name in &names {
        text.extend_from_slice(name.as_bytes());
        text.push(b':');
        for (at, value) in signed.headers.get_all(*name).iter().enumerate() {
            if at > 0 {
                text.push(b',');
            }
            push_collapsed(&mut text, value.as_bytes());
        }
        text.push(b'\n');
    }
    text.push(b'\n');
    text.extend_from_slice(names.join(";").as_bytes());
    text.push(b'\n');
    text.extend_from_slice(signed.payload_hash.as_bytes());
    text
}

/// Trims a value and makes each run of blanks one blank.
fn push_collapsed(text: &mut Vec<u8>, value: &[u8]) {
    let words = value
        .split(|b| matches!(b, b' ' | b'\t'))
        .filter(|word| !word.is_empty());
    for (at, word) in words.enumerate() {
        if at > 0 {
            text.push(b' ');
        }
        text.extend_from_slice(word);
    }
}

fn mac(key: &[u8], text: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text)
}

#[cfg(test)]
mod tests {
    use super::{DerivedKeys, Signed};
    use crate::guard::auth_shape::Claim;
    use crate::guard::presign::SignedAt;
    use crate::guard::query::Query;
    use crate::guard::scope::{Asked, Scope};
    use http::{HeaderMap, Method};
    use onshore_types::RegionId;

    const SECRET: &[u8] = b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(*name, value.parse().expect("a value"));
        }
        headers
    }

    fn verify(
        method: &Method,
        path: &str,
        query: &str,
        headers: &HeaderMap,
        payload_hash: &str,
    ) -> Result<(), crate::fault::Fault> {
        let query = Query::parse(Some(query)).expect("a query");
        let claim = Claim::find(headers, &query)?.expect("it is signed");
        let region = RegionId::parse("us-east-1").expect("a region");
        let scope = Scope::parse(&claim, &region, Asked::Else)?;
        let now = "2013-05-24T00:00:01Z".parse().expect("a time");
        let at = SignedAt::check(claim.style, headers, &query, &scope, now)?;
        let signed = Signed {
            method,
            raw_path: path,
            query: &query,
            headers,
            payload_hash,
        };
        DerivedKeys::default()
            .signing_key(SECRET, &scope, &at)
            .verify(&claim, &signed)
    }

    /// The example "GET Object" of the Signature Version 4 documentation of Amazon S3.
    #[test]
    fn the_documented_get_verifies_and_every_change_breaks_it() {
        let good = [
            ("host", "examplebucket.s3.amazonaws.com"),
            ("range", "bytes=0-9"),
            (
                "x-amz-content-sha256",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            ("x-amz-date", "20130524T000000Z"),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            ),
        ];
        let map = headers(&good);
        let get = Method::GET;
        verify(&get, "/test.txt", "", &map, super::EMPTY_SHA256).expect("the signature is right");
        assert!(verify(&get, "/test.tx", "", &map, super::EMPTY_SHA256).is_err());
        assert!(verify(&Method::PUT, "/test.txt", "", &map, super::EMPTY_SHA256).is_err());
        assert!(verify(&get, "/test.txt", "acl", &map, super::EMPTY_SHA256).is_err());
        assert!(verify(&get, "/test.txt", "", &map, "UNSIGNED-PAYLOAD").is_err());
        let mut changed = good;
        changed[1] = ("range", "bytes=0-8");
        assert!(
            verify(
                &get,
                "/test.txt",
                "",
                &headers(&changed),
                super::EMPTY_SHA256
            )
            .is_err()
        );
        let mut absent = map.clone();
        absent.remove("range");
        assert!(verify(&get, "/test.txt", "", &absent, super::EMPTY_SHA256).is_err());
    }

    /// The example of a presigned URL of the same documentation.
    #[test]
    fn the_documented_link_verifies() {
        let map = headers(&[("host", "examplebucket.s3.amazonaws.com")]);
        let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
        verify(&Method::GET, "/test.txt", query, &map, "UNSIGNED-PAYLOAD")
            .expect("the signature is right");
        let upper = query.replace("aeeed9bb", "AEEED9BB");
        assert!(verify(&Method::GET, "/test.txt", &upper, &map, "UNSIGNED-PAYLOAD").is_err());
    }
}
