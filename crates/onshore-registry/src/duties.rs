//! Duties that began with a number of persons that was counted here: each once, and for good, in its year.

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_orders::Id;
use onshore_types::{LeafIndex, Timestamp};

use crate::rows::{count, parsed, time};
use crate::{Error, Registry};

/// Whose persons are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Counted {
    /// What it is.
    pub kind: CountedKind,
    /// Its name.
    pub name: Id,
}

/// What counts its persons together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CountedKind {
    /// An organisation, with the tenants that its record names.
    Organisation,
    /// A group of tenants.
    Group,
    /// A tenant that is of neither.
    Tenant,
}

/// That a duty began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BegunDuty {
    /// Whose it is.
    pub of: Counted,
    /// What it is called.
    pub duty: String,
    /// In which year of Beijing it was counted; none where it is not counted anew.
    pub year: Option<i64>,
    /// How many persons that were.
    pub persons: u64,
    /// When it began.
    pub began: Timestamp,
    /// The leaf that tells of it.
    pub leaf: LeafIndex,
}

impl CountedKind {
    /// Returns the word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Organisation => "organisation",
            Self::Group => "group",
            Self::Tenant => "tenant",
        }
    }
}

impl std::str::FromStr for CountedKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        [Self::Organisation, Self::Group, Self::Tenant]
            .into_iter()
            .find(|kind| kind.word() == text)
            .ok_or(Error::Unreadable { what: "duty" })
    }
}

/// Returns the year in which somebody who leaves at this instant is counted: that of Beijing.
#[must_use]
pub fn counting_year(time: Timestamp) -> i64 {
    crate::persons::year(time)
}

impl Registry {
    /// Whether a duty began before, in the same year where it is counted by years.
    ///
    /// # Errors
    /// Those of the database.
    pub fn has_begun(
        &self,
        view: &View<'_>,
        of: &Counted,
        duty: &str,
        year: Option<i64>,
    ) -> Result<bool, Error> {
        let found = view.one(
            "SELECT 1 FROM duties WHERE subject_kind = ?1 AND subject = ?2 AND duty = ?3 AND year = ?4",
            params![of.kind.word(), of.name.as_str(), duty, year.unwrap_or(0)],
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    /// Saves that a duty began.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_begun_duty(&self, unit: &Unit<'_>, begun: &BegunDuty) -> Result<(), Error> {
        unit.execute(
            "INSERT INTO duties (subject_kind, subject, duty, year, persons, began_ms, leaf) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                begun.of.kind.word(),
                begun.of.name.as_str(),
                begun.duty,
                begun.year.unwrap_or(0),
                begun.persons.cast_signed(),
                begun.began.as_millis(),
                begun.leaf.cast_signed()
            ],
        )?;
        Ok(())
    }

    /// Returns the duties that had begun at an instant, and of those that are counted by years the ones of its year.
    ///
    /// # Errors
    /// Those of the database; [`Error::Unreadable`].
    pub fn begun_duties(&self, view: &View<'_>, at: Timestamp) -> Result<Vec<BegunDuty>, Error> {
        Ok(view.all(
            "SELECT subject_kind, subject, duty, year, persons, began_ms, leaf FROM duties
             WHERE began_ms <= ?1 AND year IN (0, ?2) ORDER BY subject_kind, subject, began_ms, duty",
            params![at.as_millis(), counting_year(at)],
            begun,
        )?)
    }
}

fn begun(row: &Row<'_>) -> Result<BegunDuty, RowError> {
    let year: i64 = row.get("year")?;
    Ok(BegunDuty {
        of: Counted {
            kind: parsed(row, "subject_kind")?,
            name: parsed(row, "subject")?,
        },
        duty: row.get("duty")?,
        year: (year != 0).then_some(year),
        persons: count(row, "persons")?,
        began: time(row, "began_ms")?,
        leaf: count(row, "leaf")?,
    })
}
