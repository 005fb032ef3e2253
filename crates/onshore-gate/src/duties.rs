//! The watch over thresholds: how many persons there are in what is held and in what left is counted for each organisation, group
//! and tenant, and a duty that begins with such a number is recorded once, with its leaf and an alarm. It does not end by itself: that
//! there are fewer again is for people to judge.

use std::collections::{BTreeMap, HashMap};

use onshore_db::{Unit, View};
use onshore_journal::Leaf;
use onshore_ledger::Disclosure;
use onshore_orders::duty::{Counts, Duty, begun};
use onshore_orders::{Alarm, AlarmKind, Id, Language, Organisation, Record, RecordKind, Said};
use onshore_registry::{BegunDuty, Counted, CountedKind, Tenant, counting_year};
use onshore_types::{Place, TenantId, Timestamp};
use serde_json::json;

use crate::gate::{body, salt};
use crate::register::filing_day;
use crate::{Error, Gate};

/// Whose law the duties are.
const LAW_OF: &str = "CN";

/// Tenants whose persons are counted together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// As what.
    pub of: Counted,
    /// Which.
    pub tenants: Vec<TenantId>,
    /// Whether one of them, or the organisation that names them, operates critical information infrastructure.
    pub is_critical: bool,
}

impl Gate {
    /// Returns whose persons are to be counted: of each organisation that names tenants, of each group, and of each tenant that is
    /// of neither. None where the region is not under the law that knows the duties.
    ///
    /// # Errors
    /// Those of the keepers.
    pub async fn watched(&self) -> Result<Vec<Watched>, Error> {
        if !is_under_the_law(self.home()) {
            return Ok(Vec::new());
        }
        let tenants = self.inner.registry.tenants().await?;
        let (registry, now) = (self.inner.registry.clone(), self.now());
        let organisations = self
            .inner
            .db
            .read(move |view: &View<'_>| {
                let mut all: Vec<Organisation> = Vec::new();
                registry.each_record(view, RecordKind::Organisation, None, now, |record| {
                    if let Record::Organisation(one) = record
                        && !one.tenants.is_empty()
                    {
                        all.push(one);
                    }
                })?;
                Ok::<_, Error>(all)
            })
            .await?;
        watched(&tenants, &organisations)
    }

    /// Says how many persons' data of some tenants has left since the first of January before an instant: those of whom nothing sensitive has, and
    /// those of whom something has.
    ///
    /// # Errors
    /// Those of the keepers.
    pub async fn exported_so_far(
        &self,
        tenants: Vec<TenantId>,
        at: Timestamp,
    ) -> Result<(u64, u64), Error> {
        Ok(self.inner.registry.exported_so_far(tenants, at).await?)
    }

    /// Records each duty that begins with so many persons, as counted at an instant, and had not begun before, with an alarm for those
    /// who are to be told.
    ///
    /// # Errors
    /// Those of the keepers.
    pub async fn begin_duties(
        &self,
        of: &Counted,
        (counts, at): (Counts, Timestamp),
        targets: &[String],
    ) -> Result<Vec<Alarm>, Error> {
        let (gate, counted) = (self.clone(), of.clone());
        let new = self
            .inner
            .db
            .read(move |view: &View<'_>| gate.not_begun(view, &counted, (counts, at)))
            .await?;
        if new.is_empty() {
            return Ok(Vec::new());
        }
        let (gate, of, targets) = (self.clone(), of.clone(), targets.to_vec());
        self.inner
            .db
            .write(move |unit: &Unit<'_>| {
                gate.not_begun(unit, &of, (counts, at))?
                    .into_iter()
                    .map(|duty| gate.begin_duty(unit, &of, duty, (counts, at), &targets))
                    .collect()
            })
            .await
    }

    fn not_begun(
        &self,
        view: &View<'_>,
        of: &Counted,
        (counts, at): (Counts, Timestamp),
    ) -> Result<Vec<&'static Duty>, Error> {
        let mut new = Vec::new();
        for duty in begun(counts) {
            if !self
                .inner
                .registry
                .has_begun(view, of, duty.what, year_of(duty, at))?
            {
                new.push(duty);
            }
        }
        Ok(new)
    }

    fn begin_duty(
        &self,
        unit: &Unit<'_>,
        of: &Counted,
        duty: &Duty,
        (counts, at): (Counts, Timestamp),
        targets: &[String],
    ) -> Result<Alarm, Error> {
        let (now, registry) = (self.now(), &self.inner.registry);
        let persons = counts.of(duty.of);
        let alarm = Alarm {
            what: AlarmKind::DutyBegins,
            of: told_as(of)?,
            order: None,
            duty: Some(duty.what.parse::<Id>().map_err(Error::Record)?),
            tranche: None,
            due: filing_day(registry, unit, now)?,
            days_before: 0,
            why: Said::of(|language| {
                let (text, source, from) =
                    (duty.text_in(language), duty.source_in(language), duty.from);
                let (kind, name) = (kind_word(of.kind, language), &of.name);
                match language {
                    Language::En => format!(
                        "{} of {kind} `{name}`: {text} ({source}), from {from} on.",
                        of_persons(duty, persons)
                    ),
                    Language::Zh => format!(
                        "“{name}”（{kind}）{}已达 {persons} 人：{text}（{source}），自 {from} 人起。",
                        duty.of.words_in(language)
                    ),
                }
            }),
        };
        let rest = json!({ "what": alarm.what, "duty": duty.what, "days_before": 0 });
        let record = json!({
            "what": alarm.what,
            "of": { "kind": of.kind.word(), "name": of.name },
            "duty": duty.what,
            "persons": persons,
            "due": alarm.due,
            "why": alarm.why.to_string(),
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
        let begun = BegunDuty {
            of: of.clone(),
            duty: duty.what.to_owned(),
            year: year_of(duty, at),
            persons,
            began: now,
            leaf,
        };
        registry.save_begun_duty(unit, &begun)?;
        if !registry.is_raised(unit, &alarm)? {
            registry.save_raised_alarm(unit, &alarm, targets, leaf, now)?;
        }
        Ok(alarm)
    }
}

/// Returns by what name alarms and reports tell of whoever is counted: of a group or a tenant with what it is before it, since an
/// organisation may be called alike.
pub(crate) fn told_as(of: &Counted) -> Result<Id, Error> {
    match of.kind {
        CountedKind::Organisation => Ok(of.name.clone()),
        CountedKind::Group | CountedKind::Tenant => format!("{}.{}", of.kind.word(), of.name)
            .parse()
            .map_err(Error::Record),
    }
}

/// Says how many persons there are, and of what.
pub(crate) fn of_persons(duty: &Duty, persons: u64) -> String {
    format!("{persons} {}", duty.of.words())
}

fn year_of(duty: &Duty, at: Timestamp) -> Option<i64> {
    duty.of.is_yearly().then(|| counting_year(at))
}

pub(crate) fn is_under_the_law(home: Place) -> bool {
    match home {
        Place::In(jurisdiction) => jurisdiction.as_str() == LAW_OF,
        Place::Unknown => false,
    }
}

/// Sorts tenants by what they are counted with. A tenant may be named by several organisations: it counts for each.
fn watched(tenants: &[Tenant], organisations: &[Organisation]) -> Result<Vec<Watched>, Error> {
    let by_name: HashMap<&str, &Tenant> = tenants
        .iter()
        .map(|tenant| (tenant.name.as_str(), tenant))
        .collect();
    let mut all: Vec<Watched> = Vec::new();
    let mut named: Vec<TenantId> = Vec::new();
    for organisation in organisations {
        let found = organisation.tenants.iter();
        let found: Vec<&Tenant> = found
            .filter_map(|name| by_name.get(name.as_str()).copied())
            .collect();
        let is_critical = organisation.critical_infrastructure || found.iter().any(is_critical);
        let found: Vec<TenantId> = found.iter().map(|tenant| tenant.id).collect();
        named.extend(&found);
        if !found.is_empty() {
            let of = Counted {
                kind: CountedKind::Organisation,
                name: organisation.id.clone(),
            };
            all.push(Watched {
                of,
                tenants: found,
                is_critical,
            });
        }
    }
    let mut groups: BTreeMap<&str, Vec<&Tenant>> = BTreeMap::new();
    for tenant in tenants {
        match &tenant.group {
            Some(group) => groups.entry(group.as_str()).or_default().push(tenant),
            None if named.contains(&tenant.id) => {}
            None => all.push(Watched {
                of: counted(CountedKind::Tenant, tenant.name.as_str())?,
                tenants: vec![tenant.id],
                is_critical: is_critical(&tenant),
            }),
        }
    }
    for (group, tenants) in groups {
        all.push(Watched {
            of: counted(CountedKind::Group, group)?,
            is_critical: tenants.iter().any(is_critical),
            tenants: tenants.iter().map(|tenant| tenant.id).collect(),
        });
    }
    Ok(all)
}

fn is_critical(tenant: &&Tenant) -> bool {
    tenant.standing.critical_infrastructure
}

fn counted(kind: CountedKind, name: &str) -> Result<Counted, Error> {
    let name = name.parse::<Id>().map_err(Error::Record)?;
    Ok(Counted { kind, name })
}

/// Returns what somebody who is counted is, in a language.
fn kind_word(kind: CountedKind, language: Language) -> &'static str {
    match (language, kind) {
        (Language::En, _) => kind.word(),
        (Language::Zh, CountedKind::Organisation) => "单位",
        (Language::Zh, CountedKind::Group) => "集团",
        (Language::Zh, CountedKind::Tenant) => "租户",
    }
}
