//! Where something is, and what lies inside what.
//!
//! A jurisdiction is an ISO 3166-1 alpha-2 code or a union of such. Members of a union are a dated table: whether an
//! address in a country lies inside a union depends on the day. Hong Kong, Macau and Taiwan have codes of their own
//! and are not inside `CN`. `ZZ`, which ISO leaves to users, stands for a region whose place nobody has configured.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A country or a union of countries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Jurisdiction([u8; 2]);

/// Where a transfer starts or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// In this jurisdiction.
    In(Jurisdiction),
    /// Nobody knows; counts as abroad.
    Unknown,
}

/// Why a text is not a jurisdiction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a jurisdiction: write an ISO 3166-1 alpha-2 code in capitals, such as CN, or EU"
)]
pub struct JurisdictionError {
    text: String,
}

/// The officially assigned codes of ISO 3166-1 alpha-2 as of 2026, one run of letter pairs.
const COUNTRIES: &str = "ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICKCLCMCNCOCRCUCVCWCXCYCZ\
DEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISITJEJMJOJPKEKGKHKIKMKNKPKRKWKYKZ\
LALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORSRURW\
SASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUMUSUYUZVAVCVEVGVIVNVUWFWSYEYTZAZMZW";

/// Unions that a region may name as its jurisdiction.
const UNIONS: [[u8; 2]; 1] = [*b"EU"];

/// A membership: union, country, first instant inside, first instant no longer inside, in milliseconds. Sources: the
/// accession treaties; for the United Kingdom the withdrawal agreement, article 185 (2020-01-31T23:00:00Z).
struct Membership {
    union: [u8; 2],
    members: &'static str,
    from_ms: i64,
    until_ms: i64,
}

const FOREVER: i64 = i64::MAX;
const BEFORE_1970: i64 = i64::MIN;

const MEMBERSHIPS: [Membership; 9] = [
    Membership {
        union: *b"EU",
        members: "BEDEFRITLUNL",
        from_ms: BEFORE_1970,
        until_ms: FOREVER,
    },
    Membership {
        union: *b"EU",
        members: "DKIE",
        from_ms: 94_694_400_000,
        until_ms: FOREVER,
    },
    Membership {
        union: *b"EU",
        members: "GB",
        from_ms: 94_694_400_000,
        until_ms: 1_580_511_600_000,
    },
    Membership {
        union: *b"EU",
        members: "GR",
        from_ms: 347_155_200_000,
        until_ms: FOREVER,
    },
    Membership {
        union: *b"EU",
        members: "ESPT",
        from_ms: 504_921_600_000,
        until_ms: FOREVER,
    },
    Membership {
        union: *b"EU",
        members: "ATFISE",
        from_ms: 788_918_400_000,
        until_ms: FOREVER,
    },
    Membership {
        union: *b"EU",
        members: "CYCZEEHULTLVMTPLSISK",
        from_ms: 1_083_369_600_000,
        until_ms: FOREVER,
    },
    Membership {
        union: *b"EU",
        members: "BGRO",
        from_ms: 1_167_609_600_000,
        until_ms: FOREVER,
    },
    Membership {
        union: *b"EU",
        members: "HR",
        from_ms: 1_372_636_800_000,
        until_ms: FOREVER,
    },
];

impl Jurisdiction {
    /// The user-assigned code that stands for a place nobody has configured.
    pub const UNCONFIGURED: Self = Self(*b"ZZ");

    /// Parses a code in capitals.
    ///
    /// # Errors
    /// [`JurisdictionError`] when it is neither an assigned country, a known union nor `ZZ`.
    pub fn parse(text: &str) -> Result<Self, JurisdictionError> {
        let code = <[u8; 2]>::try_from(text.as_bytes()).ok();
        code.filter(|code| code == b"ZZ" || UNIONS.contains(code) || lists(COUNTRIES, *code))
            .map(Self)
            .ok_or_else(|| JurisdictionError {
                text: text.chars().take(16).collect(),
            })
    }

    /// Returns the two letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a jurisdiction is made of two ASCII letters")
    }

    /// Whether what is in `place` at this instant is inside this jurisdiction. The unknown never is.
    #[must_use]
    pub fn contains(self, place: Place, now: Timestamp) -> bool {
        let Place::In(other) = place else {
            return false;
        };
        self == other
            || MEMBERSHIPS.iter().any(|row| {
                row.union == self.0
                    && lists(row.members, other.0)
                    && (row.from_ms..row.until_ms).contains(&now.as_millis())
            })
    }
}

fn lists(codes: &str, code: [u8; 2]) -> bool {
    codes.as_bytes().chunks_exact(2).any(|pair| pair == code)
}

impl fmt::Display for Jurisdiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Jurisdiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Jurisdiction {
    type Err = JurisdictionError;

    fn from_str(text: &str) -> Result<Self, JurisdictionError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Jurisdiction {
    type Error = JurisdictionError;

    fn try_from(text: String) -> Result<Self, JurisdictionError> {
        Self::parse(&text)
    }
}

impl From<Jurisdiction> for String {
    fn from(jurisdiction: Jurisdiction) -> Self {
        jurisdiction.to_string()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::In(jurisdiction) => jurisdiction.fmt(f),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Jurisdiction, Place};
    use crate::Timestamp;

    fn code(text: &str) -> Jurisdiction {
        Jurisdiction::parse(text).expect("a code")
    }

    #[test]
    fn codes_are_checked() {
        for good in ["CN", "US", "HK", "MO", "TW", "EU", "ZZ", "DE", "GB"] {
            assert_eq!(code(good).as_str(), good);
        }
        for bad in ["", "cn", "UK", "XX", "CHN", "C", "DA", "中", "E U"] {
            assert!(Jurisdiction::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn hong_kong_macau_and_taiwan_are_not_inside_the_mainland() {
        let now = Timestamp::from_millis(1_790_000_000_000);
        for other in ["HK", "MO", "TW", "US", "ZZ"] {
            assert!(!code("CN").contains(Place::In(code(other)), now), "{other}");
        }
        assert!(code("CN").contains(Place::In(code("CN")), now));
        assert!(!code("CN").contains(Place::Unknown, now));
        assert!(!code("ZZ").contains(Place::Unknown, now));
    }

    #[test]
    fn a_union_has_the_members_of_the_day() {
        let inside = |country: &str, day: &str| {
            code("EU").contains(Place::In(code(country)), day.parse().expect("a day"))
        };
        assert!(inside("DE", "2026-11-22") && inside("EU", "2026-11-22"));
        assert!(inside("GB", "2020-01-31T22:59:59Z") && !inside("GB", "2020-01-31T23:00:00Z"));
        assert!(!inside("HR", "2013-06-30T23:59:59Z") && inside("HR", "2013-07-01"));
        assert!(!inside("CH", "2026-11-22") && !inside("NO", "2026-11-22"));
        assert!(!code("DE").contains(Place::In(code("EU")), "2026-11-22".parse().expect("a day")));
    }
}
