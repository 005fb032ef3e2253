//! Duties that begin with a number of persons. What an export asks for by its numbers is the rule pack's.

use crate::records::Organisation;

/// A duty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duty {
    /// What it is called.
    pub what: &'static str,
    /// What it asks for.
    pub text: &'static str,
    /// Where that is known from.
    pub source: &'static str,
    /// The fewest persons with which it begins.
    pub from: u64,
}

/// All duties, with the fewest persons first.
pub const DUTIES: &[Duty] = &[
    Duty {
        what: "storage-at-home",
        text: "store personal data in the country",
        source: "PIPL article 40",
        from: 1_000_000,
    },
    Duty {
        what: "protection-officer",
        text: "name an officer for personal data and report that within 30 working days",
        source: "PIPL article 52",
        from: 1_000_000,
    },
    Duty {
        what: "listing-review",
        text: "file for a review before listing abroad",
        source: "Cybersecurity Review Measures article 7",
        from: 1_000_001,
    },
    Duty {
        what: "audit",
        text: "have the handling of personal data audited every two years",
        source: "Measures for personal data audits",
        from: 10_000_001,
    },
    Duty {
        what: "important-data-duties",
        text: "fulfil the duties of whoever handles important data, with a yearly risk assessment",
        source: "Network Data Regulations article 28",
        from: 10_000_001,
    },
];

/// Returns the duties that an organisation has by how many persons' data it has.
pub fn duties(organisation: &Organisation) -> impl Iterator<Item = &'static Duty> {
    let users = organisation.users.unwrap_or_default();
    DUTIES.iter().filter(move |duty| users >= duty.from)
}
