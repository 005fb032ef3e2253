//! Alarms: what somebody must be told before a day comes is found, and each is recorded once, with a leaf.

use std::collections::HashMap;
use std::sync::Arc;

use onshore_db::{Unit, View};
use onshore_journal::Leaf;
use onshore_ledger::Disclosure;
use onshore_orders::alarm::mark;
use onshore_orders::{Alarm, AlarmKind, Day, Id, Language, Said, Status};
use onshore_registry::RaisedAlarm;
use onshore_types::{Place, Timestamp};
use serde_json::json;

use crate::cases::{Case, CaseKind, Due, recorded_cases, typed_duties};
use crate::duties::is_under_the_law;
use crate::gate::{body, salt};
use crate::licensing::{RegionStatus, region_statuses};
use crate::register::filing_day;
use crate::status::{OrderStatus, StatusQuestion};
use crate::{Error, Gate};

/// So many alarms are recorded in one unit of work: everybody who writes waits for it.
const RAISED_AT_ONCE: usize = 100;

/// What there was when alarms were looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookedAt {
    mark: i64,
    hour: i64,
    /// When the next clock runs out that is told of in hours.
    clock: Option<Timestamp>,
}

impl LookedAt {
    /// Whether there can be nothing new at another look.
    fn holds(self, mark: i64, now: Timestamp) -> bool {
        self.mark == mark && self.hour == hour(now) && self.clock.is_none_or(|clock| now <= clock)
    }
}

fn hour(now: Timestamp) -> i64 {
    now.as_seconds().div_euclid(3600)
}

impl Gate {
    /// Finds what somebody must be told today and was not told yet, and records each with the names of those who are to be told.
    /// Nothing is looked at where nothing was recorded in the register since the last look, within an hour in which no clock ran out.
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
        let mark = registry.register_mark(view)?;
        if let Some(at) = looked
            && at.holds(mark, now)
        {
            return Ok((Vec::new(), at));
        }
        let regions = |language| region_statuses(registry, view, None, (now, now), language);
        let (english, chinese) = (regions(Language::En)?, regions(Language::Zh)?);
        let of_regions = english.iter().zip(&chinese).filter_map(of_region);
        let cases = recorded_cases(registry, view, now)?;
        let clocks = cases.iter().filter_map(|case| match (case.kind, case.due) {
            (CaseKind::Incident, Some(Due::At(clock))) => Some(clock),
            _ => None,
        });
        let at = LookedAt {
            mark,
            hour: hour(now),
            clock: clocks.filter(|clock| *clock >= now).min(),
        };
        let today = filing_day(registry, view, now)?;
        let of_cases = cases.iter().filter_map(|case| of_case(case, today));
        let mut due = Vec::new();
        let typed = if is_under_the_law(self.home()) {
            typed_duties(registry, view, now)?
        } else {
            Vec::new()
        };
        for alarm in of_regions.chain(of_cases).chain(typed) {
            if !registry.is_raised(view, &alarm)? {
                due.push(alarm);
            }
        }
        due.extend(self.contracts_due(view)?);
        Ok((due, at))
    }

    /// Finds the contracts of which somebody must be told. The reasons are made in Chinese where there are any.
    fn contracts_due(&self, view: &View<'_>) -> Result<Vec<Alarm>, Error> {
        let status = self.status_in(view, &StatusQuestion::default())?;
        let mut due = Vec::new();
        for alarm in status.orders.iter().flat_map(of_order) {
            if !self.inner.registry.is_raised(view, &alarm)? {
                due.push(alarm);
            }
        }
        if due.is_empty() {
            return Ok(due);
        }
        let asked = StatusQuestion {
            language: Language::Zh,
            ..StatusQuestion::default()
        };
        let status = self.status_in(view, &asked)?;
        let in_chinese = status.orders.iter().flat_map(of_order);
        let mut in_chinese: HashMap<(Option<Id>, Id), String> = in_chinese
            .map(|one| ((one.order, one.of), one.why.to_string()))
            .collect();
        for alarm in &mut due {
            let key = (alarm.order.clone(), alarm.of.clone());
            let chinese = in_chinese.remove(&key).unwrap_or_default();
            alarm.why = Said::kept(alarm.why.to_string(), chinese);
        }
        Ok(due)
    }

    fn raise(&self, unit: &Unit<'_>, alarm: &Alarm, targets: &[String]) -> Result<(), Error> {
        let (now, registry) = (self.now(), &self.inner.registry);
        if registry.is_raised(unit, alarm)? {
            return Ok(());
        }
        let rest = json!({ "what": alarm.what, "days_before": alarm.days_before });
        let mut record = json!({
            "what": alarm.what,
            "of": alarm.of,
            "order": alarm.order,
            "tranche": alarm.tranche,
            "due": alarm.due,
            "days_before": alarm.days_before,
            "why": alarm.why.to_string(),
        });
        if let Some(duty) = &alarm.duty {
            record["duty"] = json!(duty);
        }
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

/// Says which contracts of an order must be left soon and are not, and of which the day is over.
fn of_order(status: &OrderStatus) -> impl Iterator<Item = Alarm> {
    let contracts = status.organisations.iter().flat_map(|one| &one.contracts);
    contracts.filter_map(|one| {
        let (due, far) = (one.finding.due?, one.finding.status?);
        if matches!(far, Status::Proven | Status::Exempt) {
            return None;
        }
        let kinds = (AlarmKind::ContractDue, AlarmKind::ContractLate);
        let (what, days_before) = reached(kinds, status.as_of, due)?;
        let why = &one.finding.why;
        Some(Alarm {
            what,
            of: one.contract.clone(),
            order: Some(status.order.clone()),
            duty: None,
            tranche: None,
            due,
            days_before,
            why: Said::kept(why.clone(), String::new()),
        })
    })
}

/// Returns the first kind at each mark before a day, and the second once it is over.
fn reached(kinds: (AlarmKind, AlarmKind), today: Day, due: Day) -> Option<(AlarmKind, i32)> {
    let (near, late) = kinds;
    if due < today {
        return Some((late, 0));
    }
    mark(today, due).map(|days| (near, days))
}

/// Says of which case somebody must be told: before its day and once that is over, and of a clock of hours as soon as it runs.
fn of_case(case: &Case, today: Day) -> Option<Alarm> {
    let due = case.due?;
    let late = |kind| case.is_late.then_some((kind, 0));
    let (what, days_before) = match case.kind {
        CaseKind::Tranche => {
            let kinds = (AlarmKind::TrancheDue, AlarmKind::TrancheLate);
            reached(kinds, today, due.day())
        }
        CaseKind::Request => {
            let kinds = (AlarmKind::RequestDue, AlarmKind::RequestLate);
            reached(kinds, today, due.day())
        }
        CaseKind::Incident => late(AlarmKind::IncidentLate).or(Some((AlarmKind::IncidentDue, 0))),
        CaseKind::Summary => late(AlarmKind::SummaryLate)
            .or_else(|| Some((AlarmKind::SummaryDue, mark(today, due.day())?))),
        CaseKind::Duty
        | CaseKind::Retention
        | CaseKind::Review
        | CaseKind::Assessment
        | CaseKind::Inventory => None,
    }?;
    let (of, tranche) = match case.id.split_once('/') {
        Some((plan, tranche)) => (plan, Some(tranche)),
        None => (case.id.as_str(), None),
    };
    Some(Alarm {
        what,
        of: of.parse().ok()?,
        order: None,
        duty: None,
        tranche: tranche.map(str::parse).transpose().ok()?,
        due: due.day(),
        days_before,
        why: case.why.clone().and(|language| match language {
            Language::En => format!(", by {due}."),
            Language::Zh => format!("，期限 {due}。"),
        }),
    })
}

/// Says what of a region somebody must be told: that no licence of whoever runs it holds, or that the last one ends soon.
fn of_region((status, in_chinese): (&RegionStatus, &RegionStatus)) -> Option<Alarm> {
    let RegionStatus {
        region,
        as_of,
        standing,
        ..
    } = status;
    let why = Said::kept(standing.why.clone(), in_chinese.standing.why.clone());
    let alarm = |what, due, days_before, why| Alarm {
        what,
        of: region.id.clone(),
        order: None,
        duty: None,
        tranche: None,
        due,
        days_before,
        why,
    };
    if !standing.is_open {
        let why = why.and(|language| match language {
            Language::En => " No tenant can come.".to_owned(),
            Language::Zh => "不得接纳新租户。".to_owned(),
        });
        return Some(alarm(AlarmKind::LicenceLapsed, standing.lapses?, 0, why));
    }
    let lapses = standing.lapses?;
    let days = mark(*as_of, lapses)?;
    Some(alarm(AlarmKind::LicenceEnds, lapses, days, why))
}
