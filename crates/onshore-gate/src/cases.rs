//! Cases: reviews, incidents and requests with their dates, and duties that begin with a number of persons.

use std::collections::HashMap;

use onshore_db::View;
use onshore_orders::duty::{Duty, duties, duty};
use onshore_orders::handover::Tranche;
use onshore_orders::{
    Asset, Day, Handover, HeldFor, Id, Incident, Language, Organisation, Record, RecordKind,
    Request, Review, Timeline, UtcOffset,
};
use onshore_registry::{CountedKind, Registry};
use onshore_types::Timestamp;

use crate::duties::{of_persons, told_as};
use crate::register::{filing_day, organisation};
use crate::timelines::timelines;
use crate::{Error, Gate};

/// A case, or a duty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What it is: `duty`, `retention`, `tranche`, `review`, `incident`, `incident.summary` or `request`.
    pub kind: &'static str,
    /// Its id; of a duty, what it is called.
    pub id: String,
    /// Whose it is.
    pub organisation: Id,
    /// By when it must be done, where there is such a day or instant.
    pub due: Option<String>,
    /// Whether that is over.
    pub is_late: bool,
    /// What it is about, with the source.
    pub why: String,
}

impl Gate {
    /// Returns the cases that are open and the duties that hold, now and as far as it was known at an instant, and why in a language.
    ///
    /// # Errors
    /// Those of the keepers.
    pub async fn cases(
        &self,
        known_at: Option<Timestamp>,
        language: Language,
    ) -> Result<Vec<Case>, Error> {
        let (registry, now) = (self.inner.registry.clone(), self.now());
        let at = known_at.unwrap_or(now);
        self.inner
            .db
            .read(move |view: &View<'_>| cases(&registry, view, at, language))
            .await
    }
}

fn cases(
    registry: &Registry,
    view: &View<'_>,
    at: Timestamp,
    language: Language,
) -> Result<Vec<Case>, Error> {
    let today = filing_day(registry, view, at)?;
    let mut organisations: HashMap<Id, Timeline<Organisation>> = HashMap::new();
    let mut all = Vec::new();
    let of = (RecordKind::Organisation, None);
    for line in timelines(registry, view, of, at, organisation)? {
        let Some(told) = line.on(today) else { continue };
        let one = &told.record;
        all.extend(duties(one).map(|duty| Case {
            kind: "duty",
            id: duty.what.to_owned(),
            organisation: one.id.clone(),
            due: None,
            is_late: false,
            why: begins(duty, language),
        }));
        organisations.insert(one.id.clone(), line);
    }
    for begun in registry.begun_duties(view, at)? {
        let Some(duty) = duty(&begun.duty) else {
            continue;
        };
        let is_told = |case: &Case| case.id == begun.duty && case.organisation == begun.of.name;
        if begun.of.kind == CountedKind::Organisation && all.iter().any(is_told) {
            continue;
        }
        all.push(Case {
            kind: "duty",
            id: begun.duty,
            organisation: told_as(&begun.of)?,
            due: None,
            is_late: false,
            why: match language {
                Language::En => format!(
                    "{}; {} of this {} were counted on {}",
                    begins(duty, language),
                    of_persons(duty, begun.persons),
                    begun.of.kind.word(),
                    begun.began
                ),
                Language::Zh => format!(
                    "{}；{} 统计：{} {} 人",
                    begins(duty, language),
                    begun.began,
                    duty.of.words_in(language),
                    begun.persons
                ),
            },
        });
    }
    let mut owners: HashMap<Id, Id> = HashMap::new();
    registry.each_record(view, RecordKind::Contract, None, at, |record| {
        if let Record::Contract(one) = record
            && one.deletion.is_none()
        {
            owners.insert(one.id, one.organisation);
        }
    })?;
    registry.each_record(view, RecordKind::Asset, None, at, |record| {
        if let Record::Asset(asset) = record
            && let Some(organisation) = owners.get(&asset.contract)
        {
            all.extend(of_asset(&asset, organisation, today, language));
        }
    })?;
    for kind in [
        RecordKind::Handover,
        RecordKind::Review,
        RecordKind::Incident,
        RecordKind::Request,
    ] {
        registry.each_record(view, kind, None, at, |record| match record {
            Record::Handover(one) => all.extend(of_handover(&one, today, language)),
            Record::Review(one) => all.extend(of_review(&one, today, language)),
            Record::Incident(one) => {
                if let Some(organisation) = organisations.get(&one.organisation)
                    && let Some(due) = report_due(&one, organisation, at)
                {
                    all.extend(of_incident(&one, due, at, language));
                }
            }
            Record::Request(one) => all.extend(of_request(&one, today, language)),
            _ => {}
        })?;
    }
    Ok(all)
}

/// Says what a duty asks for, by which rule, and from how many persons on.
fn begins(duty: &Duty, language: Language) -> String {
    let (text, source, from) = (duty.text_in(language), duty.source, duty.from);
    match language {
        Language::En => format!("{text} ({source}), from {from} persons on"),
        Language::Zh => format!("{text}（{source}），自 {from} 人起"),
    }
}

/// What an asset keeps longer than was said.
fn of_asset(asset: &Asset, organisation: &Id, today: Day, language: Language) -> Vec<Case> {
    let is_over = |held: &&HeldFor| held.keep_until.is_some_and(|until| until < today);
    let over = asset.held_for.iter().filter(is_over);
    over.map(|held| Case {
        kind: "retention",
        id: asset.id.to_string(),
        organisation: organisation.clone(),
        due: held.keep_until.map(|until| until.to_string()),
        is_late: true,
        why: match language {
            Language::En => format!(
                "what is held for \"{}\" is to be deleted (PIPL articles 19 and 47)",
                held.purpose
            ),
            Language::Zh => format!(
                "为“{}”而保存的信息应予删除（《个人信息保护法》第十九条、第四十七条）",
                held.purpose
            ),
        },
    })
    .collect()
}

/// What of a hand-over has a day and is not accepted.
fn of_handover(plan: &Handover, today: Day, language: Language) -> Vec<Case> {
    let is_open = |one: &&Tranche| !one.is_accepted() && one.due.is_some();
    let open = plan.tranches.iter().filter(is_open);
    open.map(|tranche| Case {
        kind: "tranche",
        id: format!("{}/{}", plan.id, tranche.id),
        organisation: plan.buyer.clone(),
        due: tranche.due.map(|due| due.to_string()),
        is_late: tranche.is_late(today),
        why: match language {
            Language::En => format!(
                "\"{}\" of the hand-over of {} waits for its signatures",
                tranche.text, plan.seller
            ),
            Language::Zh => format!("{} 移交的“{}”尚待双方签署", plan.seller, tranche.text),
        },
    })
    .collect()
}

fn of_review(review: &Review, today: Day, language: Language) -> Option<Case> {
    let place = &review.place;
    let why = match (review.is_waiting(), review.is_open(today), language) {
        (true, _, Language::En) => format!(
            "what was said of a listing in {place} was changed, and waits for a second person"
        ),
        (true, _, Language::Zh) => format!("关于在 {place} 上市的结论已被更改，尚待第二人批准"),
        (false, true, Language::En) => format!("a listing in {place} waits for its outcome"),
        (false, true, Language::Zh) => format!("在 {place} 上市的审查尚无结论"),
        (false, false, _) => return None,
    };
    Some(Case {
        kind: "review",
        id: review.id.to_string(),
        organisation: review.organisation.clone(),
        due: None,
        is_late: false,
        why,
    })
}

/// By when an incident is reported: by what its organisation was on the day on which it was noticed, and by whatever was recorded of
/// that day while the clock ran. What is recorded afterwards makes nothing late be in time.
fn report_due(
    incident: &Incident,
    organisation: &Timeline<Organisation>,
    at: Timestamp,
) -> Option<Timestamp> {
    let day = Day::at(incident.noticed, UtcOffset::UTC);
    let (begun, done) = (incident.noticed, incident.reported.unwrap_or(at));
    let then = organisation.known_of(day, begun, done).into_iter();
    let known = then.chain(organisation.on(day));
    known.map(|told| incident.report_due(&told.record)).min()
}

/// An incident that was not reported is open, and one that is over and not summed up. What was done too late is late for good.
fn of_incident(
    incident: &Incident,
    due: Timestamp,
    at: Timestamp,
    language: Language,
) -> Vec<Case> {
    let gravity = incident.gravity().word_in(language);
    let case = |kind, due: Timestamp, done: Option<Timestamp>, (en, zh): (&str, &str)| Case {
        kind,
        id: incident.id.to_string(),
        organisation: incident.organisation.clone(),
        due: Some(due.to_string()),
        is_late: done.unwrap_or(at) > due,
        why: match language {
            Language::En => format!(
                "{en}: {}, {gravity} by its number of persons",
                incident.what
            ),
            Language::Zh => format!("{zh}：{}，按人数为{gravity}事件", incident.what),
        },
    };
    let report = case(
        "incident",
        due,
        incident.reported,
        ("an incident is reported", "事件报告"),
    );
    let summary = incident.summary_due().map(|due| {
        case(
            "incident.summary",
            due,
            incident.summarised,
            ("an incident is summed up", "事件总结"),
        )
    });
    let is_told = |case: &Case, done: Option<Timestamp>| done.is_none() || case.is_late;
    let mut all = Vec::new();
    if is_told(&report, incident.reported) {
        all.push(report);
    }
    all.extend(summary.filter(|case| is_told(case, incident.summarised)));
    all
}

fn of_request(request: &Request, today: Day, language: Language) -> Option<Case> {
    request.is_open(today).then(|| Case {
        kind: "request",
        id: request.id.to_string(),
        organisation: request.organisation.clone(),
        due: Some(request.due().to_string()),
        is_late: request.due() < today,
        why: match language {
            Language::En => format!(
                "somebody asks for: {} (PIPL articles 44 to 50; {})",
                request.asks.word(),
                request.asks.answered_by()
            ),
            Language::Zh => format!(
                "个人请求：{}（《个人信息保护法》第四十四条至第五十条；{}）",
                request.asks.word_in(language),
                request.asks.answered_by_in(language)
            ),
        },
    })
}
