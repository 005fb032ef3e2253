//! The query of a request, decoded once and strictly: what cannot be read one way only is refused.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::fault::{Code, Fault};

/// What Signature Version 4 leaves as it is, besides letters and digits.
pub(crate) const ENCODED_IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
/// The same for a path, whose slashes stay.
pub(crate) const ENCODED_IN_PATH: &AsciiSet = &ENCODED_IN_QUERY.remove(b'/');

/// The decoded parameters in the order they were sent; no name appears twice.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Decodes the query.
    pub(crate) fn parse(query: Option<&str>) -> Result<Self, Fault> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for piece in query.unwrap_or_default().split('&') {
            if piece.is_empty() {
                continue;
            }
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            let name = decode(&name.replace('+', " "))?;
            let value = decode(&value.replace('+', " "))?;
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(Fault::new(
                    Code::InvalidArgument,
                    "A query parameter appears more than once.",
                ));
            }
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// Returns the value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether the parameter is there, with or without a value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Returns every name.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|(name, _)| name.as_str())
    }

    /// Drops the parameters that the predicate names.
    pub(crate) fn without(mut self, drop: impl Fn(&str) -> bool) -> Self {
        self.pairs.retain(|(name, _)| !drop(name));
        self
    }

    /// Writes the canonical query of Signature Version 4, without the parameter that carries the signature.
    pub(crate) fn canonical(&self) -> String {
        let mut encoded: Vec<(String, String)> = self
            .pairs
            .iter()
            .filter(|(name, _)| name != "X-Amz-Signature")
            .map(|(name, value)| (encode(name), encode(value)))
            .collect();
        encoded.sort();
        join(&encoded)
    }

    /// Writes the query for whoever parses it next; nothing when it is empty.
    pub(crate) fn encoded(&self) -> Option<String> {
        let encoded: Vec<(String, String)> = self
            .pairs
            .iter()
            .map(|(name, value)| (encode(name), encode(value)))
            .collect();
        (!encoded.is_empty()).then(|| join(&encoded))
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED_IN_QUERY).to_string()
}

fn join(pairs: &[(String, String)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

/// Decodes percent-encoding; a percent sign that starts no escape and bytes that are no UTF-8 are refused.
pub(crate) fn decode(text: &str) -> Result<String, Fault> {
    let bytes = text.as_bytes();
    let broken = bytes.iter().enumerate().any(|(at, byte)| {
        *byte == b'%'
            && !bytes
                .get(at + 1..at + 3)
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if broken {
        return Err(invalid_uri());
    }
    percent_decode_str(text)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| invalid_uri())
}

fn invalid_uri() -> Fault {
    Fault::new(Code::InvalidURI, "Couldn't parse the specified URI.")
}

#[cfg(test)]
mod tests {
    use super::{Query, decode};

    #[test]
    fn what_can_be_read_two_ways_is_refused() {
        for bad in [
            "a=1&a=2",
            "acl&acl=",
            "a=%zz",
            "a=%e",
            "a=%ff",
            "%",
            "prefix=a&%70refix=b",
        ] {
            assert!(Query::parse(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_canonical_query_is_sorted_and_encoded_anew() {
        let query = Query::parse(Some("b=%e6%96%87&a=x+y&X-Amz-Signature=0&uploads&A=~%2F"))
            .expect("a query");
        assert_eq!(query.canonical(), "A=~%2F&a=x%20y&b=%E6%96%87&uploads=");
        assert_eq!(query.get("a"), Some("x y"));
        assert!(query.has("uploads"));
    }

    #[test]
    fn escapes_decode_once() {
        assert_eq!(decode("%2525zz").expect("good"), "%25zz");
        assert!(decode("%2").is_err());
    }
}
