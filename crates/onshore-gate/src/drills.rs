//! Disconnect drills: that one began, and how it ended, are leaves. What shuts the way out is not here.

use onshore_db::{Unit, View};
use onshore_journal::Leaf;
use onshore_ledger::Hash;
use onshore_policy::{Principal, Role};
use onshore_registry::{Drill, DrillEnd, DrillEnding};
use onshore_types::{DrillId, LeafIndex, Timestamp};
use serde_json::{Value, json};

use crate::acts::{Act, require};
use crate::gate::{Inner, body};
use crate::{Error, Gate};

/// How long a drill may last: a day.
pub const DRILL_SECONDS_MAX: u32 = 24 * 3600;

/// What was found in a drill.
#[derive(Debug, Clone)]
pub struct DrillReport {
    /// The document.
    pub text: String,
    /// Whether all that was tried held.
    pub held: bool,
}

impl Gate {
    /// Records that a drill begins.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; [`Error::TooLarge`]; one that is under way; those of the keepers.
    pub async fn begin_drill(
        &self,
        by: Principal,
        seconds: u32,
    ) -> Result<(Drill, LeafIndex), Error> {
        require(by, &[Role::Operator])?;
        if !(1..=DRILL_SECONDS_MAX).contains(&seconds) {
            return Err(Error::TooLarge {
                what: "the seconds of a drill, at least 1,",
                max: DRILL_SECONDS_MAX.into(),
            });
        }
        self.act(by, move |registry, unit, now| {
            let drill = Drill {
                id: DrillId::from_bytes(onshore_keys::random()),
                began: now,
                until: now.plus_millis(i64::from(seconds) * 1000),
                began_by: by.id,
                end: None,
            };
            registry.save_drill(unit, &drill)?;
            let body = json!({ "drill": drill.id, "until": drill.until });
            let act = Act {
                kind: "drill.began",
                record: body.clone(),
                body,
            };
            Ok((act, drill))
        })
        .await
    }

    /// Records that a drill is over, with the digest of what was found; `by` is whoever ended it early.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; one that has ended; those of the keepers.
    pub async fn end_drill(
        &self,
        by: Option<Principal>,
        id: DrillId,
        report: DrillReport,
    ) -> Result<LeafIndex, Error> {
        by.map_or(Ok(()), |by| require(by, &[Role::Operator]))?;
        let gate = self.clone();
        self.inner
            .db
            .write(move |unit| {
                let now = gate.now();
                let rest = json!({
                    "held": report.held,
                    "report_sha256": Hash::of(report.text.as_bytes()),
                    "by": by.map(|by| by.id),
                });
                let how = by.map_or(DrillEnding::Time, |_| DrillEnding::Early);
                let end = DrillEnd {
                    at: now,
                    how,
                    report: Some(report.text),
                };
                gate.inner.settle_drill(unit, id, &end, rest, now)
            })
            .await
    }

    /// Records that a drill is over that a server was in the middle of when it ended. It blocks.
    ///
    /// # Errors
    /// Those of the keepers.
    pub fn break_off_drill(&self) -> Result<(), Error> {
        let gate = self.clone();
        self.inner.db.write_blocking(move |unit| {
            let Some(drill) = gate.inner.registry.drill_under_way(unit)? else {
                return Ok(());
            };
            let now = gate.now();
            let end = DrillEnd {
                at: now,
                how: DrillEnding::BrokenOff,
                report: None,
            };
            let rest = json!({ "held": false });
            gate.inner.settle_drill(unit, drill.id, &end, rest, now)?;
            Ok(())
        })
    }

    /// Looks a drill up.
    ///
    /// # Errors
    /// Those of the registry.
    pub async fn drill(&self, id: DrillId) -> Result<Drill, Error> {
        let registry = self.inner.registry.clone();
        self.inner
            .db
            .read(move |view: &View<'_>| Ok::<_, Error>(registry.drill(view, id)?))
            .await
    }

    /// Returns all drills, the latest first.
    ///
    /// # Errors
    /// Those of the registry.
    pub async fn drills(&self) -> Result<Vec<Drill>, Error> {
        let registry = self.inner.registry.clone();
        self.inner
            .db
            .read(move |view: &View<'_>| Ok::<_, Error>(registry.drills(view)?))
            .await
    }
}

impl Inner {
    fn settle_drill(
        &self,
        unit: &Unit<'_>,
        id: DrillId,
        end: &DrillEnd,
        rest: Value,
        now: Timestamp,
    ) -> Result<LeafIndex, Error> {
        self.registry.end_drill(unit, id, end)?;
        let mut told = json!({ "drill": id, "how": end.how.word() });
        if let (Value::Object(told), Value::Object(rest)) = (&mut told, rest) {
            told.extend(rest);
        }
        let leaf = Leaf {
            time: now,
            body: body("drill.ended", self.epoch(), told),
            disclosure: None,
        };
        Ok(self.journal.record(unit, leaf)?)
    }
}
