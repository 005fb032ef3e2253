//! What is said of bytes beside them, a name or a header, as whoever wrote it may have meant it: with octets in percent signs
//! (URLs), with the encoded words of mail (RFC 2047), and with underscores between words.

use crate::formats::mail::decoded;

/// Returns how else it may be meant; none where there is only one way.
pub(crate) fn meant(said: &str) -> Option<String> {
    let is_plain = !said.contains(['_', '%']) && !said.contains("=?");
    if is_plain {
        return None;
    }
    let meant = said.lines().map(|line| {
        let line = decoded(&percent_decoded(line));
        // What parts words and joins no digits.
        line.replace('_', "/") + "\n"
    });
    Some(meant.collect())
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, later @ ..] = rest {
        let octet = match (first, later.get(..2)) {
            (b'%', Some(digits)) => std::str::from_utf8(digits)
                .ok()
                .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
                .and_then(|digits| u8::from_str_radix(digits, 16).ok()),
            _ => None,
        };
        out.push(octet.unwrap_or(*first));
        rest = if octet.is_some() {
            later.get(2..).unwrap_or_default()
        } else {
            later
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::meant;

    #[test]
    fn names_are_read_as_they_may_be_meant() {
        assert_eq!(meant("plain/name.txt"), None);
        let all = "%E5%BC%A0%20_3\nx: =?utf-8?B?5byg5LiJ?=\n%zz%4";
        assert_eq!(meant(all).as_deref(), Some("张 /3\nx: 张三\n%zz%4\n"));
    }
}
