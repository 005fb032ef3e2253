//! An impact assessment (PIPL articles 55 and 56): made before what it is about, and kept as it was made for three years at least.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::record::{RecordKind, Registered};
use crate::records::{Id, is_sha256, texts};
use crate::{Day, Error};

/// So many months an assessment is kept at least.
const KEPT_MONTHS: i32 = 36;

/// An impact assessment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Assessment {
    /// What it is called here.
    pub id: Id,
    /// Whose it is.
    pub organisation: Id,
    /// What it is about, in words.
    pub subject: String,
    /// Why it had to be made.
    pub triggers: Vec<Trigger>,
    /// On which day it was made.
    pub made: Day,
    /// SHA-256 of the report.
    pub report_sha256: String,
    /// The last day on which it is kept as it was made.
    pub kept_until: Day,
}

/// Why an assessment has to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// Sensitive personal data.
    Sensitive,
    /// Decisions made by programs.
    AutomatedDecision,
    /// Personal data is entrusted, provided or published.
    Disclosure,
    /// Personal data leaves the country.
    Export,
    /// Anything else that matters much to the persons.
    MajorImpact,
}

impl Assessment {
    /// Returns the last day on which it is kept as it is: the one that it names, and three years from when it was recorded at least.
    #[must_use]
    pub fn locked_until(&self, recorded: Day) -> Day {
        let least = recorded.plus_months(KEPT_MONTHS);
        least.map_or(self.kept_until, |least| self.kept_until.max(least))
    }
}

impl Registered for Assessment {
    fn id(&self) -> &Id {
        &self.id
    }

    fn check(&self) -> Result<(), Error> {
        texts(&[("subject", Some(&self.subject))])?;
        if self.triggers.is_empty() {
            return Err(Error::contradiction("an assessment says why it was made"));
        }
        if !is_sha256(&self.report_sha256) {
            return Err(Error::contradiction(
                "report_sha256 is 64 small hexadecimal digits",
            ));
        }
        match self.made.plus_months(KEPT_MONTHS) {
            Some(least) if self.kept_until >= least => Ok(()),
            Some(least) => Err(Error::contradiction(format!(
                "an assessment of {} is kept until {least} at least: three years (PIPL article 56)",
                self.made
            ))),
            None => Err(Error::contradiction("the day is beyond all calendars")),
        }
    }

    fn holder(&self) -> Option<&Id> {
        Some(&self.organisation)
    }

    fn references(&self) -> Vec<(RecordKind, &Id)> {
        vec![(RecordKind::Organisation, &self.organisation)]
    }
}
