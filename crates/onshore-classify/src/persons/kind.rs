//! The kinds of identifier that count persons, by rank.

use super::flags::Flags;
use super::normal;

/// A kind of identifier that tells persons apart. One that stands earlier in the table ranks higher: beside it in a record,
/// what ranks lower tells of no other person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PersonKind {
    rank: u8,
}

/// What is known of a kind.
#[derive(Debug)]
struct Entry {
    /// Goes into pseudonyms and what is kept: never given twice, never changed.
    code: u8,
    /// The ids of the detectors that find it.
    detectors: &'static [&'static str],
    /// How many of them one person has at most, where that can be said: so many times fewer persons may be behind them.
    most: Option<u64>,
    residence: Residing,
    /// Brings all writings of one identifier into one. What it cannot be is none.
    normalise: fn(&str, &mut Vec<u8>) -> Option<()>,
}

/// What a kind says of where a person lives.
#[derive(Debug)]
enum Residing {
    Unknown,
    Local,
    Abroad,
    /// By the country that a number begins with.
    ByPrefix,
}

/// By rank. What identifies a person for life ranks before what is renewed, that before what is changed, and that before
/// what several may share. Plates, addresses of connections, devices and coordinates tell of things, names of nobody for
/// certain: none of them counts.
const KINDS: &[Entry] = &[
    Entry {
        code: 1,
        detectors: &["cn.resident-id", "cn.resident-id-15"],
        most: Some(1),
        residence: Residing::Local,
        normalise: normal::resident_id,
    },
    // The form of 2023 and the one before it.
    Entry {
        code: 2,
        detectors: &["cn.foreigner-residence-card"],
        most: Some(2),
        residence: Residing::Local,
        normalise: normal::word,
    },
    Entry {
        code: 3,
        detectors: &["hk.identity-card"],
        most: Some(1),
        residence: Residing::Abroad,
        normalise: normal::word,
    },
    national(4, &["de.tax-id"], 1),
    national(5, &["fr.nir"], 2),
    // A foreigner's number, and a citizen's behind it.
    national(6, &["es.dni"], 2),
    national(7, &["it.codice-fiscale"], 2),
    national(8, &["nl.bsn"], 1),
    national(9, &["pl.pesel"], 2),
    // Of residents of Hong Kong, Macau and Taiwan who live on the mainland.
    Entry {
        code: 10,
        detectors: &["cn.residence-permit"],
        most: Some(1),
        residence: Residing::Local,
        normalise: normal::resident_id,
    },
    national(11, &["tw.national-id"], 2),
    national(12, &["us.ssn"], 2),
    Entry {
        code: 16,
        detectors: &["cn.passport", "passport", "mrz"],
        most: None,
        residence: Residing::Unknown,
        normalise: normal::passport,
    },
    Entry {
        code: 17,
        detectors: &["cn.travel-permit"],
        most: None,
        residence: Residing::Unknown,
        normalise: normal::word,
    },
    // Renewed every ten years.
    Entry {
        code: 18,
        detectors: &["de.identity-card"],
        most: None,
        residence: Residing::Abroad,
        normalise: normal::word,
    },
    Entry {
        code: 32,
        detectors: &["cn.mobile", "phone"],
        // Five of each of the four carriers.
        most: Some(20),
        residence: Residing::ByPrefix,
        normalise: normal::phone,
    },
    Entry {
        code: 33,
        detectors: &["e-mail"],
        most: None,
        residence: Residing::Unknown,
        normalise: normal::mail,
    },
    Entry {
        code: 34,
        detectors: &["cn.wechat"],
        most: None,
        residence: Residing::Unknown,
        normalise: normal::mail,
    },
    Entry {
        code: 35,
        detectors: &["cn.qq"],
        most: None,
        residence: Residing::Unknown,
        normalise: normal::word,
    },
    Entry {
        code: 48,
        detectors: &["payment-card"],
        most: None,
        residence: Residing::Unknown,
        normalise: normal::word,
    },
    Entry {
        code: 49,
        detectors: &["eu.iban"],
        most: None,
        residence: Residing::Unknown,
        normalise: normal::word,
    },
];

const fn national(code: u8, detectors: &'static [&'static str], most: u64) -> Entry {
    Entry {
        code,
        detectors,
        most: Some(most),
        residence: Residing::Abroad,
        normalise: normal::word,
    }
}

impl PersonKind {
    /// Returns the kind that a detector finds, if what it finds counts persons.
    #[must_use]
    pub fn of(detector: &str) -> Option<Self> {
        Self::all().find(|kind| kind.entry().detectors.contains(&detector))
    }

    /// Returns all kinds, the highest rank first.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0_u8..).zip(KINDS).map(|(rank, _)| Self { rank })
    }

    /// Returns the kind of a code.
    pub(crate) fn of_code(code: u8) -> Option<Self> {
        Self::all().find(|kind| kind.code() == code)
    }

    /// Returns where it stands in the table: the highest rank is zero.
    pub(crate) fn rank(self) -> usize {
        self.rank.into()
    }

    /// Returns what it is called in what is kept.
    pub(crate) fn code(self) -> u8 {
        self.entry().code
    }

    /// Returns how many of them one person has at most; none where nobody knows.
    pub(crate) fn most(self) -> Option<u64> {
        self.entry().most
    }

    /// Writes an identifier in the one writing that all of it are brought into.
    pub(crate) fn normalise(self, value: &str, normal: &mut Vec<u8>) -> Option<()> {
        (self.entry().normalise)(value, normal)
    }

    /// Returns what an identifier in its one writing says of where a person lives.
    pub(crate) fn residence(self, normal: &[u8]) -> Flags {
        match self.entry().residence {
            Residing::Unknown => Flags::NONE,
            Residing::Local => Flags::LOCAL,
            Residing::Abroad => Flags::ABROAD,
            Residing::ByPrefix if normal.starts_with(b"+86") => Flags::LOCAL,
            Residing::ByPrefix => Flags::ABROAD,
        }
    }

    fn entry(self) -> &'static Entry {
        // A kind is only ever made from a place of the table.
        &KINDS[self.rank()]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::PersonKind;
    use crate::Subject;
    use crate::detectors;

    /// What tells of persons and counts none.
    const UNCOUNTED: &[&str] = &["cn.plate", "cn.name", "cn.address"];

    #[test]
    fn whether_a_detector_counts_persons_was_decided_for_each() {
        let undecided: Vec<&str> = detectors::all()
            .filter(|detector| detector.subject == Subject::Person)
            .map(|detector| detector.id)
            .filter(|id| PersonKind::of(id).is_none() && !UNCOUNTED.contains(id))
            .collect();
        assert_eq!(undecided, [""; 0]);
        let counted_things: Vec<&str> = detectors::all()
            .filter(|detector| matches!(detector.subject, Subject::Organisation | Subject::Secret))
            .map(|detector| detector.id)
            .filter(|id| PersonKind::of(id).is_some())
            .collect();
        // An account may be a person's or a company's: the upper bound reckons with a person.
        assert!(
            counted_things.iter().all(|id| *id == "eu.iban"),
            "{counted_things:?}"
        );
    }

    #[test]
    fn codes_are_given_once() {
        let codes: HashSet<u8> = PersonKind::all().map(PersonKind::code).collect();
        assert_eq!(codes.len(), PersonKind::all().count());
    }
}
