//! Alarms: what somebody must be told before a day comes is found, and each is recorded once, with a leaf.

use std::sync::Arc;

use onshore_db::{Unit, View};
use onshore_journal::Leaf;
use onshore_ledger::Disclosure;
use onshore_orders::alarm::mark;
use onshore_orders::{Alarm, AlarmKind, Language, Status};
use onshore_registry::RaisedAlarm;
use onshore_types::Place;
use serde_json::json;

use crate::gate::{body, salt};
use crate::licensing::{RegionStatus, region_statuses};
use crate::status::{OrderStatus, StatusQuestion};
use crate::{Error, Gate};

/// So many alarms are recorded in one unit of work: everybody who writes waits for it.
const RAISED_AT_ONCE: usize = 100;

/// What there was when alarms were looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookedAt {
    mark: i64,
    hour: i64,
}

impl Gate {
    /// Finds what somebody must be told today and was not told yet, and records each with the names of those who are to be told.
    /// Nothing is looked at where nothing was recorded in the register since the last look, within an hour.
    ///
    /// # Errors
    /// Those of the keepers.
    pub async fn raise_alarms(
        &self,
        targets: Vec<String>,
        looked: Option<LookedAt>,
    ) -> Result<(Vec<Alarm>, LookedAt), Error> {
        let gate = self.clone();
        let (due, at) = self
            .inner
            .db
            .read(move |view: &View<'_>| gate.due(view, looked))
            .await?;
        let targets = Arc::new(targets);
        for some in due.chunks(RAISED_AT_ONCE) {
            let (gate, some, targets) = (self.clone(), some.to_vec(), Arc::clone(&targets));
            self.inner
                .db
                .write(move |unit: &Unit<'_>| {
                    some.iter()
                        .try_for_each(|one| gate.raise(unit, one, &targets))
                })
                .await?;
        }
        Ok((due, at))
    }

    fn due(
        &self,
        view: &View<'_>,
        looked: Option<LookedAt>,
    ) -> Result<(Vec<Alarm>, LookedAt), Error> {
        let (now, registry) = (self.now(), &self.inner.registry);
        let at = LookedAt {
            mark: registry.register_mark(view)?,
            hour: now.as_seconds().div_euclid(3600),
        };
        if looked == Some(at) {
            return Ok((Vec::new(), at));
        }
        let regions = region_statuses(registry, view, None, (now, now), Language::En)?;
        let status = self.status_in(view, &StatusQuestion::default())?;
        let mut due = Vec::new();
        let contracts = status.orders.iter().flat_map(of_order);
        for alarm in regions.iter().filter_map(of_region).chain(contracts) {
            if !registry.is_raised(view, &alarm)? {
                due.push(alarm);
            }
        }
        Ok((due, at))
    }

    fn raise(&self, unit: &Unit<'_>, alarm: &Alarm, targets: &[String]) -> Result<(), Error> {
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
        registry.save_raised_alarm(unit, alarm, targets, leaf, now)?;
        Ok(())
    }

    /// Returns alarms that a target is to be told and was not told yet.
    ///
    /// # Errors
    /// Those of the keepers.
    pub async fn untold_alarms(&self, target: &str, limit: u32) -> Result<Vec<RaisedAlarm>, Error> {
        let (registry, target) = (self.inner.registry.clone(), target.to_owned());
        self.inner
            .db
            .read(move |view: &View<'_>| {
                Ok::<_, Error>(registry.untold_alarms(view, &target, limit)?)
            })
            .await
    }

    /// Records that a target has an alarm, and where it is.
    ///
    /// # Errors
    /// Those of the keepers.
    pub async fn note_told(
        &self,
        alarm: &RaisedAlarm,
        target: &str,
        to: Place,
    ) -> Result<(), Error> {
        let (gate, target, alarm) = (self.clone(), target.to_owned(), alarm.clone());
        self.inner
            .db
            .write(move |unit: &Unit<'_>| {
                let now = gate.now();
                let registry = &gate.inner.registry;
                if registry.save_told(unit, alarm.number, &target, now)? {
                    let rest = json!({ "alarm": alarm.leaf, "to": to.to_string() });
                    let leaf = Leaf {
                        time: now,
                        body: body("alarm.told", gate.inner.epoch(), rest),
                        disclosure: Some(Disclosure {
                            salt: salt(),
                            record: json!({ "target": target }),
                        }),
                    };
                    gate.inner.journal.record(unit, leaf)?;
                }
                Ok(())
            })
            .await
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

/// Says which contracts of an order must be left soon and are not.
fn of_order(status: &OrderStatus) -> impl Iterator<Item = Alarm> {
    let contracts = status.organisations.iter().flat_map(|one| &one.contracts);
    contracts.filter_map(|one| {
        let (due, far) = (one.finding.due?, one.finding.status?);
        if matches!(far, Status::Proven | Status::Exempt) {
            return None;
        }
        Some(Alarm {
            what: AlarmKind::ContractDue,
            of: one.contract.clone(),
            order: Some(status.order.clone()),
            duty: None,
            due,
            days_before: mark(status.as_of, due)?,
            why: one.finding.why.clone(),
        })
    })
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
        duty: None,
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
