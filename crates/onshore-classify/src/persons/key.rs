//! Pseudonyms: what stands for an identifier where the identifier itself must not stand.
//!
//! HMAC-SHA-256 over one byte of version, one byte for the kind, and the identifier in its one writing; the first 64 bits
//! count. The kind is part of it, so that a telephone number never equals an account by chance. Of ten million identifiers
//! two are alike once in 370,000 tries.

use std::fmt;

use ring::hmac;

use super::flags::Flags;
use super::kind::PersonKind;
use super::normal;

/// Says how a pseudonym is made. Another number makes all of them anew.
const VERSION: u8 = 1;
/// Nothing longer is an identifier.
const VALUE_MAX: usize = 512;

/// The key that makes pseudonyms. Whoever has it can try out identifiers: it never leaves the region.
#[derive(Clone)]
pub struct PersonKey(hmac::Key);

/// What stands for an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pseudonym(pub u64);

impl PersonKey {
    /// Takes a key of 32 random bytes.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// Returns the pseudonym of an identifier, however it is written; none where the bytes cannot be one.
    #[must_use]
    pub fn pseudonym(&self, kind: PersonKind, value: &[u8]) -> Option<Pseudonym> {
        Some(self.look_at(kind, value)?.0)
    }

    /// Returns the pseudonyms that something has as an identifier of each kind that it can be.
    #[must_use]
    pub fn pseudonyms(&self, value: &[u8]) -> Vec<(PersonKind, Pseudonym)> {
        PersonKind::all()
            .filter_map(|kind| Some((kind, self.pseudonym(kind, value)?)))
            .collect()
    }

    /// Returns its pseudonym and what it says of where the person lives.
    pub(crate) fn look_at(&self, kind: PersonKind, value: &[u8]) -> Option<(Pseudonym, Flags)> {
        if value.len() > VALUE_MAX {
            return None;
        }
        let value = normal::narrow(str::from_utf8(value).ok()?);
        let mut message = Vec::with_capacity(2 + value.len() + normal::LONGER_BY);
        message.extend([VERSION, kind.code()]);
        kind.normalise(&value, &mut message)?;
        let normal = message.get(2..).filter(|normal| !normal.is_empty())?;
        let tag = hmac::sign(&self.0, &message);
        let first = tag.as_ref().first_chunk()?;
        Some((
            Pseudonym(u64::from_be_bytes(*first)),
            kind.residence(normal),
        ))
    }
}

impl fmt::Debug for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{PersonKey, Pseudonym};
    use crate::persons::PersonKind;

    fn pseudonym(detector: &str, value: &str) -> Option<Pseudonym> {
        let kind = PersonKind::of(detector)?;
        PersonKey::new(&[7; 32]).pseudonym(kind, value.as_bytes())
    }

    #[test]
    fn all_writings_of_an_identifier_are_one() {
        for (detector, first, second, other) in [
            (
                "cn.resident-id",
                "11010519491231002X",
                "cn.resident-id-15",
                "110105491231002",
            ),
            (
                "cn.resident-id",
                "110105-19491231-002x",
                "cn.resident-id",
                "１１０１０５１９４９１２３１００２Ｘ",
            ),
            ("cn.mobile", "13800138000", "phone", "+86 138 0013 8000"),
            ("cn.mobile", "008613800138000", "cn.mobile", "138-0013-8000"),
            ("phone", "+49 (30) 901820", "phone", "+4930901820"),
            ("e-mail", "Ann@Example.COM", "e-mail", " ann@example.com "),
            ("cn.passport", "ea1234567", "cn.passport", "EA 1234567"),
            (
                "cn.passport",
                "E12345678",
                "mrz",
                "E123456780CHN7408122F1204159<<<<<<<<<<<<<<04",
            ),
            (
                "hk.identity-card",
                "A123456(3)",
                "hk.identity-card",
                "a1234563",
            ),
            (
                "payment-card",
                "4111 1111 1111 1111",
                "payment-card",
                "4111-1111-1111-1111",
            ),
        ] {
            let one = pseudonym(detector, first);
            assert!(one.is_some(), "{first}");
            assert_eq!(one, pseudonym(second, other), "{first} and {other}");
        }
    }

    #[test]
    fn kinds_and_persons_are_told_apart() {
        assert_ne!(
            pseudonym("cn.qq", "13800138000"),
            pseudonym("cn.mobile", "13800138000")
        );
        assert_ne!(
            pseudonym("phone", "+13800138000"),
            pseudonym("cn.mobile", "13800138000")
        );
        assert_ne!(
            pseudonym("mrz", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"),
            pseudonym("mrz", "L898902C36DEU7408122F1204159ZE184226B<<<<<10")
        );
    }

    #[test]
    fn the_format_is_the_one_that_is_kept() {
        // python3 -c "import hmac;print(hmac.new(bytes([7])*32,b'\1\1'+b'11010519491231002X','sha256').hexdigest()[:16])"
        let expected = 0xeac1_f568_8d50_2390;
        assert_eq!(
            pseudonym("cn.resident-id", "11010519491231002X"),
            Some(Pseudonym(expected))
        );
    }

    #[test]
    fn what_is_no_identifier_has_no_pseudonym() {
        assert_eq!(pseudonym("cn.resident-id", ""), None);
        assert_eq!(pseudonym("cn.mobile", "--"), None);
        assert_eq!(pseudonym("e-mail", &"a".repeat(513)), None);
        let kind = PersonKind::of("e-mail").expect("it counts");
        assert_eq!(PersonKey::new(&[7; 32]).pseudonym(kind, b"\xFF@b.cn"), None);
    }
}
