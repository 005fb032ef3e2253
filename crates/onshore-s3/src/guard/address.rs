//! What a request is about: the service, a bucket or an object, in path style or virtual-host style. The key is taken
//! byte for byte: no segment is resolved, no slash is collapsed.

use http::HeaderMap;
use http::header::HOST;
use http::uri::{PathAndQuery, Uri};
use onshore_types::{BucketName, ObjectKey};
use percent_encoding::utf8_percent_encode;

use crate::fault::{Code, Fault};
use crate::guard::query::{ENCODED_IN_PATH, Query, decode};

/// What a request is about.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// The service as a whole.
    Service,
    /// A bucket.
    Bucket(BucketName),
    /// An object.
    Object(BucketName, ObjectKey),
}

impl Address {
    /// Reads the address from host and path.
    pub(crate) fn parse(
        headers: &HeaderMap,
        path: &str,
        domains: &[String],
    ) -> Result<Self, Fault> {
        let path = path
            .strip_prefix('/')
            .ok_or_else(|| Fault::new(Code::InvalidURI, "Couldn't parse the specified URI."))?;
        let (bucket, key) = match virtual_host(headers, domains) {
            Some(bucket) => (bucket, path),
            None if path.is_empty() => return Ok(Self::Service),
            None => {
                let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
                (decode(bucket)?, key)
            }
        };
        let bucket = BucketName::parse(bucket).map_err(|_| {
            Fault::new(
                Code::InvalidBucketName,
                "The specified bucket is not valid.",
            )
        })?;
        if key.is_empty() {
            return Ok(Self::Bucket(bucket));
        }
        Ok(Self::Object(bucket, parse_key(decode(key)?)?))
    }

    /// Writes the address in path style, encoded so that it reads back as the same address.
    pub(crate) fn path_style(&self, query: &Query) -> Result<Uri, Fault> {
        let mut text = match self {
            Self::Service => "/".to_owned(),
            Self::Bucket(bucket) => format!("/{bucket}"),
            Self::Object(bucket, key) => {
                let key = utf8_percent_encode(key.as_str(), ENCODED_IN_PATH);
                format!("/{bucket}/{key}")
            }
        };
        if let Some(query) = query.encoded() {
            text.push('?');
            text.push_str(&query);
        }
        PathAndQuery::try_from(text)
            .map(Uri::from)
            .map_err(|_| Fault::new(Code::InvalidURI, "Couldn't parse the specified URI."))
    }
}

/// Parses a key as S3 names the faults.
pub(crate) fn parse_key(key: String) -> Result<ObjectKey, Fault> {
    let length = key.len();
    ObjectKey::parse(key).map_err(|error| {
        if length > 1024 {
            Fault::new(Code::KeyTooLongError, "Your key is too long.")
                .with_detail("Size", length.to_string())
                .with_detail("MaxSizeAllowed", "1024")
        } else {
            Fault::new(Code::InvalidArgument, error.to_string())
        }
    })
}

/// Returns the bucket that the host names, where it is a label below one of our domains.
fn virtual_host(headers: &HeaderMap, domains: &[String]) -> Option<String> {
    let host = headers.get(HOST)?.to_str().ok()?;
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.to_ascii_lowercase();
    domains.iter().find_map(|domain| {
        name.strip_suffix(domain.as_str())?
            .strip_suffix('.')
            .map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    use super::Address;
    use crate::fault::Code;
    use crate::guard::query::Query;
    use http::HeaderMap;

    fn parse(host: &str, path: &str) -> Result<Address, Code> {
        let mut headers = HeaderMap::new();
        headers.insert("host", host.parse().expect("a host"));
        Address::parse(&headers, path, &["s3.localhost".to_owned()]).map_err(|fault| fault.code)
    }

    fn key_of(address: &Address) -> &str {
        match address {
            Address::Object(_, key) => key.as_str(),
            Address::Service | Address::Bucket(_) => panic!("no object"),
        }
    }

    #[test]
    fn keys_are_taken_byte_for_byte_and_read_back() {
        for (path, key) in [
            ("/bkt//", "/"),
            ("/bkt//a//b/", "/a//b/"),
            ("/bkt/../x", "../x"),
            ("/bkt/./.", "./."),
            ("/bkt/a%2Fb", "a/b"),
            ("/bkt/%2525", "%25"),
            ("/bkt/%25zz", "%zz"),
            ("/bkt/a+b%2B", "a+b+"),
            ("/bkt/%0D%0A%01", "\r\n\u{1}"),
            ("/bkt/%20a%20", " a "),
            ("/bkt/%23%3F%26", "#?&"),
            ("/bkt/e%CC%81", "e\u{301}"),
        ] {
            let address = parse("127.0.0.1:9000", path).expect(path);
            assert_eq!(key_of(&address), key, "{path}");
            let uri = address.path_style(&Query::default()).expect("a path");
            let again = parse("localhost", uri.path()).expect("an address");
            assert_eq!(key_of(&again), key, "{path}");
        }
    }

    #[test]
    fn a_virtual_host_names_the_bucket() {
        for host in [
            "bkt.s3.localhost:9000",
            "BKT.S3.localhost",
            "bkt.s3.localhost",
        ] {
            let address = parse(host, "//a").expect("an address");
            assert!(matches!(&address, Address::Object(bucket, _) if bucket.as_str() == "bkt"));
            assert_eq!(key_of(&address), "/a");
        }
        assert!(matches!(parse("s3.localhost", "/"), Ok(Address::Service)));
        assert!(matches!(
            parse("bkt.s3.localhost", "/"),
            Ok(Address::Bucket(_))
        ));
        assert!(matches!(
            parse("evils3.localhost", "/bkt"),
            Ok(Address::Bucket(_))
        ));
    }

    #[test]
    fn what_is_no_address_is_named() {
        let long = format!("/bkt/{}", "k".repeat(1025));
        for (path, code) in [
            ("/bkt/%zz", Code::InvalidURI),
            ("/bkt/%ff", Code::InvalidURI),
            ("/bkt%2Fkey", Code::InvalidBucketName),
            ("/Bad_Name/k", Code::InvalidBucketName),
            ("//k", Code::InvalidBucketName),
            ("/bkt/a%00b", Code::InvalidArgument),
            ("*", Code::InvalidURI),
            (long.as_str(), Code::KeyTooLongError),
        ] {
            assert_eq!(parse("h", path).err(), Some(code), "{path}");
        }
    }
}
