//! Disconnect drills: when each began, until when it was to last, how it ended, and what was found.

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_types::{DrillId, PrincipalId, Timestamp};

use crate::rows::{bytes16, time, time_opt};
use crate::{Error, Registry};

/// A drill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drill {
    /// Which.
    pub id: DrillId,
    /// When it began.
    pub began: Timestamp,
    /// Until when it was to last.
    pub until: Timestamp,
    /// Who began it.
    pub began_by: PrincipalId,
    /// How it ended; none while it is under way.
    pub end: Option<DrillEnd>,
}

/// The end of a drill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrillEnd {
    /// When.
    pub at: Timestamp,
    /// How.
    pub how: DrillEnding,
    /// What was found, as a JSON document; none where it was broken off.
    pub report: Option<String>,
}

/// How a drill ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrillEnding {
    /// Its time was over.
    Time,
    /// Somebody ended it.
    Early,
    /// The server was stopped or killed in the middle of it.
    BrokenOff,
}

impl DrillEnding {
    /// Returns the word that stands for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Early => "early",
            Self::BrokenOff => "broken-off",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Time, Self::Early, Self::BrokenOff]
            .into_iter()
            .find(|ending| ending.word() == word)
    }
}

const COLUMNS: &str =
    "SELECT id, began_ms, until_ms, began_by, ended_ms, ended_how, report FROM drills";

impl Registry {
    /// Saves that a drill begins.
    ///
    /// # Errors
    /// [`Error::DrillUnderWay`].
    pub fn save_drill(&self, unit: &Unit<'_>, drill: &Drill) -> Result<(), Error> {
        if let Some(other) = self.drill_under_way(unit)? {
            return Err(Error::DrillUnderWay(other.id));
        }
        unit.execute(
            "INSERT INTO drills (id, began_ms, until_ms, began_by) VALUES (?1, ?2, ?3, ?4)",
            params![
                drill.id.as_bytes(),
                drill.began.as_millis(),
                drill.until.as_millis(),
                drill.began_by.as_bytes()
            ],
        )?;
        Ok(())
    }

    /// Saves how a drill ended.
    ///
    /// # Errors
    /// [`Error::DrillEnded`] where it had; [`Error::NoSuchDrill`].
    pub fn end_drill(&self, unit: &Unit<'_>, id: DrillId, end: &DrillEnd) -> Result<(), Error> {
        if self.drill(unit, id)?.end.is_some() {
            return Err(Error::DrillEnded(id));
        }
        unit.execute(
            "UPDATE drills SET ended_ms = ?2, ended_how = ?3, report = ?4 WHERE id = ?1",
            params![
                id.as_bytes(),
                end.at.as_millis(),
                end.how.word(),
                end.report
            ],
        )?;
        Ok(())
    }

    /// Returns the drill that is under way, if one is.
    ///
    /// # Errors
    /// Those of the database.
    pub fn drill_under_way(&self, view: &View<'_>) -> Result<Option<Drill>, Error> {
        let found = view.one(&format!("{COLUMNS} WHERE ended_ms IS NULL"), [], drill)?;
        found.map(readable).transpose()
    }

    /// Looks a drill up.
    ///
    /// # Errors
    /// [`Error::NoSuchDrill`].
    pub fn drill(&self, view: &View<'_>, id: DrillId) -> Result<Drill, Error> {
        view.one(&format!("{COLUMNS} WHERE id = ?1"), [id.as_bytes()], drill)?
            .map_or(Err(Error::NoSuchDrill(id)), readable)
    }

    /// Returns all drills, the latest first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn drills(&self, view: &View<'_>) -> Result<Vec<Drill>, Error> {
        view.all(&format!("{COLUMNS} ORDER BY began_ms DESC, id"), [], drill)?
            .into_iter()
            .map(readable)
            .collect()
    }
}

/// A drill, and the word for how it ended.
type Found = (Drill, Option<String>);

fn readable((mut drill, how): Found) -> Result<Drill, Error> {
    if let Some(end) = &mut drill.end {
        end.how = how
            .as_deref()
            .and_then(DrillEnding::parse)
            .ok_or(Error::Unreadable {
                what: "end of a drill",
            })?;
    }
    Ok(drill)
}

fn drill(row: &Row<'_>) -> Result<Found, RowError> {
    let report: Option<String> = row.get("report")?;
    let end = time_opt(row, "ended_ms")?.map(|at| DrillEnd {
        at,
        how: DrillEnding::BrokenOff,
        report,
    });
    let drill = Drill {
        id: DrillId::from_bytes(bytes16(row, "id")?),
        began: time(row, "began_ms")?,
        until: time(row, "until_ms")?,
        began_by: PrincipalId::from_bytes(bytes16(row, "began_by")?),
        end,
    };
    Ok((drill, row.get("ended_how")?))
}
