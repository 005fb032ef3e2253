//! Alarms: what somebody must be told before a day comes is found, and each is recorded once, with a leaf.

use onshore_db::{Unit, View};
use onshore_journal::Leaf;
use onshore_ledger::Disclosure;
use onshore_orders::alarm::mark;
use onshore_orders::{Alarm, AlarmKind};
use onshore_registry::RaisedAlarm;
use serde_json::json;

use crate::gate::{body, salt};
use crate::licensing::{RegionStatus, region_statuses};
use crate::{Error, Gate};

/// So many alarms are recorded in one unit of work: everybody who writes waits for it.
const RAISED_AT_ONCE: usize = 100;

impl Gate {
    /// Finds what somebody must be told today and was not told yet, and records each.
    ///
    /// # Errors
    /// Those of the keepers.
    pub async fn raise_alarms(&self) -> Result<Vec<Alarm>, Error> {
        let (gate, now) = (self.clone(), self.now());
        let due = self
            .inner
            .db
            .read(move |view: &View<'_>| {
                let registry = &gate.inner.registry;
                let regions = region_statuses(registry, view, None, (now, now))?;
                let mut due = Vec::new();
                for alarm in regions.iter().filter_map(of_region) {
                    if !registry.is_raised(view, &alarm)? {
                        due.push(alarm);
                    }
                }
                Ok::<_, Error>(due)
            })
            .await?;
        for some in due.chunks(RAISED_AT_ONCE) {
            let (gate, some) = (self.clone(), some.to_vec());
            self.inner
                .db
                .write(move |unit: &Unit<'_>| some.iter().try_for_each(|one| gate.raise(unit, one)))
                .await?;
        }
        Ok(due)
    }

    fn raise(&self, unit: &Unit<'_>, alarm: &Alarm) -> Result<(), Error> {
        let (now, registry) = (self.now(), &self.inner.registry);
        if registry.is_raised(unit, alarm)? {
            return Ok(());
        }
        let rest = json!({ "what": alarm.what, "days_before": alarm.days_before });
        let record = json!({
            "what": alarm.what,
            "of": alarm.of,
            "order": alarm.order,
            "due": alarm.due,
            "days_before": alarm.days_before,
            "why": alarm.why,
        });
        let leaf = Leaf {
            time: now,
            body: body("alarm.raised", self.inner.epoch(), rest),
            disclosure: Some(Disclosure {
                salt: salt(),
                record,
            }),
        };
        let leaf = self.inner.journal.record(unit, leaf)?;
        registry.save_raised_alarm(unit, alarm, leaf, now)?;
        Ok(())
    }

    /// Returns alarms in the order in which they were raised, those after a number.
    ///
    /// # Errors
    /// Those of the keepers.
    pub async fn alarms(&self, after: i64, limit: u32) -> Result<Vec<RaisedAlarm>, Error> {
        let registry = self.inner.registry.clone();
        self.inner
            .db
            .read(move |view: &View<'_>| Ok::<_, Error>(registry.alarms(view, after, limit)?))
            .await
    }
}

/// Says what of a region somebody must be told: that no licence of whoever runs it holds, or that the last one ends soon.
fn of_region(status: &RegionStatus) -> Option<Alarm> {
    let RegionStatus {
        region,
        as_of,
        standing,
        ..
    } = status;
    let alarm = |what, due, days_before, why: String| Alarm {
        what,
        of: region.id.clone(),
        order: None,
        due,
        days_before,
        why,
    };
    if !standing.is_open {
        let why = format!("{} No tenant can come.", standing.why);
        return Some(alarm(AlarmKind::LicenceLapsed, standing.lapses?, 0, why));
    }
    let lapses = standing.lapses?;
    let days = mark(*as_of, lapses)?;
    Some(alarm(
        AlarmKind::LicenceEnds,
        lapses,
        days,
        standing.why.clone(),
    ))
}
