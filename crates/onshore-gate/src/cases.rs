//! Cases: reviews, incidents and requests with their dates, and duties that begin with a number of persons.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use onshore_db::View;
use onshore_orders::duty::{Duty, duties, duty};
use onshore_orders::handover::Tranche;
use onshore_orders::request::RequestOnRecord;
use onshore_orders::{
    Alarm, AlarmKind, Asset, Day, Handover, HeldFor, Id, Incident, Language, Organisation, Record,
    RecordKind, Request, Review, Said, Timeline, Told, UtcOffset,
};
use onshore_registry::{Counted, CountedKind, Registry, counting_year};
use onshore_types::Timestamp;

use crate::departures::contradicting;
use crate::duties::{of_persons, told_as};
use crate::register::{filing_day, organisation};
use crate::timelines::timelines;
use crate::{Error, Gate};

/// A case, or a duty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What it is.
    pub kind: CaseKind,
    /// Its id; of a duty, what it is called; of a tranche, that of its plan before it.
    pub id: String,
    /// Whose it is.
    pub organisation: Id,
    /// By when it must be done, where there is such a day or instant.
    pub due: Option<Due>,
    /// Whether that is over.
    pub is_late: bool,
    /// What it is about, with the source.
    pub why: Said,
}

/// What a case is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseKind {
    /// A duty that begins with a number of persons.
    Duty,
    /// Something that is kept longer than was said.
    Retention,
    /// A tranche of a hand-over that waits for its signatures.
    Tranche,
    /// A review before a listing.
    Review,
    /// The report of an incident.
    Incident,
    /// The summary of an incident.
    Summary,
    /// A person's request.
    Request,
    /// An impact assessment whose report is not filed.
    Assessment,
    /// A contract that is closed, of which the provider said afterwards that it has more than has arrived.
    Inventory,
}

/// By when something must be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// On this day at the latest.
    Day(Day),
    /// By this instant.
    At(Timestamp),
}

impl CaseKind {
    /// Returns the word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Duty => "duty",
            Self::Retention => "retention",
            Self::Tranche => "tranche",
            Self::Review => "review",
            Self::Incident => "incident",
            Self::Summary => "incident.summary",
            Self::Request => "request",
            Self::Assessment => "assessment",
            Self::Inventory => "inventory",
        }
    }
}

impl Due {
    /// Returns the day that it is; of an instant, in UTC.
    pub(crate) fn day(self) -> Day {
        match self {
            Self::Day(day) => day,
            Self::At(instant) => Day::at(instant, UtcOffset::UTC),
        }
    }
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => day.fmt(f),
            Self::At(instant) => instant.fmt(f),
        }
    }
}

impl Gate {
    /// Returns the cases that are open and the duties that hold, now and as far as it was known at an instant.
    ///
    /// # Errors
    /// Those of the keepers.
    pub async fn cases(&self, known_at: Option<Timestamp>) -> Result<Vec<Case>, Error> {
        let (registry, now) = (self.inner.registry.clone(), self.now());
        let at = known_at.unwrap_or(now);
        self.inner
            .db
            .read(move |view: &View<'_>| cases(&registry, view, at))
            .await
    }
}

/// Organisations, and what each was on every day.
type Lines = BTreeMap<Id, Timeline<Organisation>>;

fn cases(registry: &Registry, view: &View<'_>, at: Timestamp) -> Result<Vec<Case>, Error> {
    let today = filing_day(registry, view, at)?;
    let organisations = organisations(registry, view, at)?;
    let mut all = of_duties(registry, view, &organisations, (at, today))?;
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
            all.extend(of_asset(&asset, organisation, today));
        }
    })?;
    all.extend(of_records(registry, view, &organisations, (at, today))?);
    all.extend(unfiled(registry, view, at)?);
    all.extend(contradicting(registry, view, at)?);
    Ok(all)
}

/// Impact assessments of which only the digest is here.
fn unfiled(registry: &Registry, view: &View<'_>, at: Timestamp) -> Result<Vec<Case>, Error> {
    let mut assessments = Vec::new();
    registry.each_record(view, RecordKind::Assessment, None, at, |record| {
        if let Record::Assessment(one) = record {
            assessments.push(*one);
        }
    })?;
    let mut all = Vec::new();
    for one in assessments {
        if registry.has_assessment_report(view, &one.id, &one.report_sha256)? {
            continue;
        }
        all.push(Case {
            kind: CaseKind::Assessment,
            id: one.id.to_string(),
            organisation: one.organisation,
            due: None,
            is_late: false,
            why: Said::of(|language| match language {
                Language::En => format!(
                    "the report of \"{}\" is not filed: `onshore assessment file` keeps it (PIPL article 56)",
                    one.subject
                ),
                Language::Zh => format!(
                    "“{}”的评估报告尚未归档：请用 `onshore assessment file` 归档（《个人信息保护法》第五十六条）",
                    one.subject
                ),
            }),
        });
    }
    Ok(all)
}

/// Returns the cases of records that are cases themselves: hand-overs, reviews, incidents and requests.
pub(crate) fn recorded_cases(
    registry: &Registry,
    view: &View<'_>,
    at: Timestamp,
) -> Result<Vec<Case>, Error> {
    let today = filing_day(registry, view, at)?;
    let organisations = organisations(registry, view, at)?;
    of_records(registry, view, &organisations, (at, today))
}

fn organisations(registry: &Registry, view: &View<'_>, at: Timestamp) -> Result<Lines, Error> {
    let of = (RecordKind::Organisation, None);
    let lines = timelines(registry, view, of, at, organisation)?;
    let named = lines.into_iter().filter_map(|line| {
        let id = line.revisions().first()?.record.id.clone();
        Some((id, line))
    });
    Ok(named.collect())
}

fn of_duties(
    registry: &Registry,
    view: &View<'_>,
    organisations: &Lines,
    (at, today): (Timestamp, Day),
) -> Result<Vec<Case>, Error> {
    let mut all = Vec::new();
    let most = |line: &Timeline<Organisation>| line.with_most(today, |told| is_of_year(told, at));
    for (organisation, lowered) in organisations.values().filter_map(most) {
        all.extend(duties(&organisation).map(|duty| Case {
            kind: CaseKind::Duty,
            id: duty.what.to_owned(),
            organisation: organisation.id.clone(),
            due: None,
            is_late: false,
            why: Said::of(|language| {
                let begins = begins(duty, language);
                let users = organisation.users.unwrap_or_default();
                let day = lowered.map(|at| Day::at(at, UtcOffset::UTC));
                match (language, day) {
                    (_, None) => begins,
                    (Language::En, Some(day)) => format!(
                        "{begins}; {users} were on record until {day}, and the highest number of the year counts"
                    ),
                    (Language::Zh, Some(day)) => format!(
                        "{begins}；{day} 前登记为 {users} 人，以当年登记的最高人数为准"
                    ),
                }
            }),
        }));
    }
    for begun in registry.begun_duties(view, at)? {
        let Some(duty) = duty(&begun.duty) else {
            continue;
        };
        let is_told = |case: &Case| case.id == begun.duty && case.organisation == begun.of.name;
        if begun.of.kind == CountedKind::Organisation && all.iter().any(is_told) {
            continue;
        }
        let (kind, persons, began) = (begun.of.kind.word(), begun.persons, begun.began);
        all.push(Case {
            kind: CaseKind::Duty,
            id: begun.duty,
            organisation: told_as(&begun.of)?,
            due: None,
            is_late: false,
            why: Said::of(|language| {
                let begins = begins(duty, language);
                match language {
                    Language::En => format!(
                        "{begins}; {} of this {kind} were counted on {began}",
                        of_persons(duty, persons)
                    ),
                    Language::Zh => format!(
                        "{begins}；{began} 统计：{} {persons} 人",
                        duty.of.words_in(language)
                    ),
                }
            }),
        });
    }
    Ok(all)
}

fn of_records(
    registry: &Registry,
    view: &View<'_>,
    organisations: &Lines,
    (at, today): (Timestamp, Day),
) -> Result<Vec<Case>, Error> {
    let mut all = Vec::new();
    for kind in [RecordKind::Handover, RecordKind::Review] {
        registry.each_record(view, kind, None, at, |record| match record {
            Record::Handover(one) => all.extend(of_handover(&one, today)),
            Record::Review(one) => all.extend(of_review(&one, today)),
            _ => {}
        })?;
    }
    let wanted = |record| match record {
        Record::Incident(one) => Some(*one),
        _ => None,
    };
    for line in timelines(registry, view, (RecordKind::Incident, None), at, wanted)? {
        let named = line
            .revisions()
            .iter()
            .map(|told| &told.record.organisation);
        let known = named.filter_map(|id| organisations.get(id));
        let Some((one, amended)) = Incident::on_record(&line) else {
            continue;
        };
        let due = known.filter_map(|organisation| report_due(&one, organisation, at));
        if let Some(due) = due.min() {
            all.extend(of_incident(&one, amended, due, at));
        }
    }
    let wanted = |record| match record {
        Record::Request(one) => Some(*one),
        _ => None,
    };
    let lines = timelines(registry, view, (RecordKind::Request, None), at, wanted)?;
    let requests = lines.iter().filter_map(Request::on_record);
    all.extend(requests.filter_map(|one| of_request(&one, today)));
    Ok(all)
}

/// Says that what counts was recorded otherwise since.
fn amended_on(amended: Option<Timestamp>, language: Language) -> String {
    let day = amended.map(|at| Day::at(at, UtcOffset::UTC));
    day.map_or_else(String::new, |day| match language {
        Language::En => format!("; corrected on {day}, and counted by what was recorded before"),
        Language::Zh => format!("；{day} 曾更正登记，仍按更正前的登记计算"),
    })
}

/// Finds the duties that begin by the numbers that are on record, as alarms of the days on which those were recorded first; what began by
/// a count has an alarm of its own.
pub(crate) fn typed_duties(
    registry: &Registry,
    view: &View<'_>,
    at: Timestamp,
) -> Result<Vec<Alarm>, Error> {
    let today = filing_day(registry, view, at)?;
    let mut all = Vec::new();
    for line in organisations(registry, view, at)?.values() {
        let Some((organisation, _)) = line.with_most(today, |told| is_of_year(told, at)) else {
            continue;
        };
        for duty in duties(&organisation) {
            let has =
                |told: &&Told<Organisation>| duties(&told.record).any(|one| one.what == duty.what);
            let counted = Counted {
                kind: CountedKind::Organisation,
                name: organisation.id.clone(),
            };
            let Some(first) = line.revisions().iter().find(has) else {
                continue;
            };
            if registry.has_begun(view, &counted, duty.what, None)? {
                continue;
            }
            let (name, users) = (&organisation.id, organisation.users.unwrap_or_default());
            all.push(Alarm {
                what: AlarmKind::DutyBegins,
                of: name.clone(),
                order: None,
                duty: Some(duty.what.parse().map_err(Error::Record)?),
                tranche: None,
                due: Day::at(first.recorded, UtcOffset::UTC),
                days_before: 0,
                why: Said::of(|language| {
                    let begins = begins(duty, language);
                    match language {
                        Language::En => {
                            format!("{users} users of `{name}` are on record: {begins}.")
                        }
                        Language::Zh => format!("“{name}”登记的用户数为 {users} 人：{begins}。"),
                    }
                }),
            });
        }
    }
    Ok(all)
}

/// Whether something was replaced in the year of an instant or later, or not at all.
pub(crate) fn is_of_year(replaced: Option<Timestamp>, at: Timestamp) -> bool {
    replaced.is_none_or(|replaced| counting_year(replaced) >= counting_year(at))
}

/// Says what a duty asks for, by which rule, and from how many persons on.
fn begins(duty: &Duty, language: Language) -> String {
    let (text, source, from) = (duty.text_in(language), duty.source_in(language), duty.from);
    match language {
        Language::En => format!("{text} ({source}), from {from} persons on"),
        Language::Zh => format!("{text}（{source}），自 {from} 人起"),
    }
}

/// What an asset keeps longer than was said.
fn of_asset(asset: &Asset, organisation: &Id, today: Day) -> Vec<Case> {
    let is_over = |held: &&HeldFor| held.keep_until.is_some_and(|until| until < today);
    let over = asset.held_for.iter().filter(is_over);
    over.map(|held| Case {
        kind: CaseKind::Retention,
        id: asset.id.to_string(),
        organisation: organisation.clone(),
        due: held.keep_until.map(Due::Day),
        is_late: true,
        why: Said::of(|language| match language {
            Language::En => format!(
                "what is held for \"{}\" is to be deleted (PIPL articles 19 and 47)",
                held.purpose
            ),
            Language::Zh => format!(
                "为“{}”而保存的信息应予删除（《个人信息保护法》第十九条、第四十七条）",
                held.purpose
            ),
        }),
    })
    .collect()
}

/// What of a hand-over has a day and is not accepted.
fn of_handover(plan: &Handover, today: Day) -> Vec<Case> {
    let is_open = |one: &&Tranche| !one.is_accepted() && one.due.is_some();
    let open = plan.tranches.iter().filter(is_open);
    open.map(|tranche| Case {
        kind: CaseKind::Tranche,
        id: format!("{}/{}", plan.id, tranche.id),
        organisation: plan.buyer.clone(),
        due: tranche.due.map(Due::Day),
        is_late: tranche.is_late(today),
        why: Said::of(|language| match language {
            Language::En => format!(
                "\"{}\" of the hand-over of {} waits for its signatures",
                tranche.text, plan.seller
            ),
            Language::Zh => format!("{} 移交的“{}”尚待双方签署", plan.seller, tranche.text),
        }),
    })
    .collect()
}

fn of_review(review: &Review, today: Day) -> Option<Case> {
    let (is_waiting, place) = (review.is_waiting(), &review.place);
    (is_waiting || review.is_open(today)).then(|| Case {
        kind: CaseKind::Review,
        id: review.id.to_string(),
        organisation: review.organisation.clone(),
        due: None,
        is_late: false,
        why: Said::of(|language| match (is_waiting, language) {
            (true, Language::En) => format!(
                "what was said of a listing in {place} was changed, and waits for a second person"
            ),
            (true, Language::Zh) => format!("关于在 {place} 上市的结论已被更改，尚待第二人批准"),
            (false, Language::En) => format!("a listing in {place} waits for its outcome"),
            (false, Language::Zh) => format!("在 {place} 上市的审查尚无结论"),
        }),
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
    amended: Option<Timestamp>,
    due: Timestamp,
    at: Timestamp,
) -> Vec<Case> {
    let case = |kind, due: Timestamp, done: Option<Timestamp>, (en, zh): (&str, &str)| Case {
        kind,
        id: incident.id.to_string(),
        organisation: incident.organisation.clone(),
        due: Some(Due::At(due)),
        is_late: done.unwrap_or(at) > due,
        why: Said::of(|language| {
            let (what, gravity) = (&incident.what, incident.gravity().word_in(language));
            let amended = amended_on(amended, language);
            match language {
                Language::En => {
                    format!("{en}: {what}, {gravity} by its number of persons{amended}")
                }
                Language::Zh => format!("{zh}：{what}，按人数为{gravity}事件{amended}"),
            }
        }),
    };
    let report = case(
        CaseKind::Incident,
        due,
        incident.reported,
        ("an incident is reported", "事件报告"),
    );
    let summary = incident.summary_due().map(|due| {
        case(
            CaseKind::Summary,
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

/// A request is open until it was answered for good; one that was answered too late is late for good.
fn of_request(one: &RequestOnRecord, today: Day) -> Option<Case> {
    let (request, is_late) = (&one.request, one.is_late(today));
    (request.is_open(today) || is_late).then(|| Case {
        kind: CaseKind::Request,
        id: request.id.to_string(),
        organisation: one.organisation.clone(),
        due: Some(Due::Day(one.due)),
        is_late,
        why: Said::of(|language| {
            let answered = one.answered.map(|on| match language {
                Language::En => format!("; answered on {on}"),
                Language::Zh => format!("；已于 {on} 答复"),
            });
            let more = answered.unwrap_or_default() + &amended_on(one.amended, language);
            match language {
                Language::En => format!(
                    "somebody asks for: {} (PIPL articles 44 to 50; {}){more}",
                    request.asks.word(),
                    request.asks.answered_by()
                ),
                Language::Zh => format!(
                    "个人请求：{}（《个人信息保护法》第四十四条至第五十条；{}）{more}",
                    request.asks.word_in(language),
                    request.asks.answered_by_in(language)
                ),
            }
        }),
    })
}
