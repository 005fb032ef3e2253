//! Reviews before a listing abroad (docs/decisions/0066): asking whether somebody may be listed opens what is missing, consents of a
//! trade are derived, and what a review said is taken back by two people alone.

use onshore_db::{Unit, View};
use onshore_orders::lister::Member;
use onshore_orders::ownership::Organisations;
use onshore_orders::review::{Changed, REVIEWED_OVER, ReviewResult, listing_refused};
use onshore_orders::{
    Day, Id, Language, Lister, Organisation, Record, RecordKind, Registered as _, Review, Said,
    Share, Signature, Timeline,
};
use onshore_policy::{Principal, Role};
use onshore_registry::{BegunDuty, CountedKind, Registry, Revision};
use onshore_types::{Jurisdiction, LeafIndex, Timestamp};
use serde_json::json;

use crate::acts::{Act, require};
use crate::cases::is_of_year;
use crate::people::{person, second, signature, vouch};
use crate::register::{filing_day, organisation, told};
use crate::timelines::timelines;
use crate::{Error, Gate};

/// So much of an organisation's id is in that of a review which is opened for it.
const OPENED_ID_MAX: usize = 32;

/// That somebody may not be listed, and the leaf that tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListingRefusal {
    /// Why, in one sentence, and which review was opened for it.
    pub why: Said,
    /// The leaf that tells of it.
    pub leaf: LeafIndex,
}

impl Gate {
    /// Says whether an organisation may be listed somewhere now. What is refused is recorded; where a review is missing, whoever may
    /// record one opens it by asking, and whoever only reads hears that it is missing.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; [`Error::ListingBlocked`]; an organisation that is not there; those of the keepers.
    pub async fn check_listing(
        &self,
        by: Principal,
        id: Id,
        place: Jurisdiction,
    ) -> Result<(), Error> {
        require(by, &[Role::Operator, Role::Regulator, Role::Auditor])?;
        let gate = self.clone();
        let refusal = self
            .inner
            .db
            .write(move |unit: &Unit<'_>| {
                let registry = &gate.inner.registry;
                let now = gate.now();
                let lister = lister(registry, unit, &id, now)?;
                let reviews = reviews(registry, unit, &id, now)?;
                let today = filing_day(registry, unit, now)?;
                let Some(block) = listing_refused(&lister, place, &reviews, today) else {
                    return Ok::<_, Error>(None);
                };
                let mut why = block.why;
                let mut opened = None;
                if block.opens && by.role != Role::Auditor {
                    let review = opening(registry, unit, &lister, place, today)?;
                    let record = Record::Review(Box::new(review));
                    let revision = registry.add_record(unit, &record, by.id, now)?;
                    let act = told("register.added", &revision)?;
                    gate.inner.record_act(unit, by, act, now)?;
                    let id = record.id().clone();
                    why = why.and(|language| match language {
                        Language::En => format!(
                            " The review `{id}` is open from now on: `onshore review amend` says how it goes."
                        ),
                        Language::Zh => format!(
                            "审查“{id}”即日起开始：请用 `onshore review amend` 登记其进展。"
                        ),
                    });
                    opened = Some(id);
                } else if block.opens {
                    why = why.and(|language| match language {
                        Language::En => " `onshore review add` opens one.".to_owned(),
                        Language::Zh => "请用 `onshore review add` 登记审查。".to_owned(),
                    });
                }
                let act = Act {
                    kind: "listing.refused",
                    body: json!({ "place": place.to_string() }),
                    record: json!({ "organisation": id, "why": why.to_string(), "opened": opened }),
                };
                let leaf = gate.inner.record_act(unit, by, act, now)?;
                Ok(Some(ListingRefusal { why, leaf }))
            })
            .await?;
        refusal.map_or(Ok(()), |refusal| {
            Err(Error::ListingBlocked(Box::new(refusal)))
        })
    }

    /// Gives the second word for what somebody else took back or decided anew in a review, in the revision that is looked at.
    ///
    /// # Errors
    /// [`Error::RoleForbids`], [`Error::Unnamed`], [`Error::SamePerson`], [`Error::NothingToApprove`]; a review that is not there or
    /// was changed meanwhile; those of the keepers.
    pub async fn approve_review(
        &self,
        by: Principal,
        id: Id,
        expected: u32,
    ) -> Result<(Revision, LeafIndex), Error> {
        require(by, &[Role::Operator, Role::Regulator])?;
        self.act(by, move |registry, unit, now| {
            let before = registry.record(unit, RecordKind::Review, &id)?.record;
            let Record::Review(mut review) = before else {
                return Err(Error::NoReviewToApprove);
            };
            let changed = match review.changed.take() {
                Some(changed) if changed.approved.is_none() => changed,
                _ => return Err(Error::NoReviewToApprove),
            };
            let word = second(registry, unit, by, &person(&changed.proposed), now)?;
            review.changed = Some(Changed {
                approved: Some(signature(word)),
                ..changed
            });
            let revision =
                registry.amend_record(unit, &Record::Review(review), expected, by.id, now)?;
            Ok((told("review.approved", &revision)?, revision))
        })
        .await
    }
}

/// Returns a review as it is recorded: with the consents that the trade asks for, and with the word of whoever takes back what it or
/// another said of the same listing.
pub(crate) fn recorded(
    registry: &Registry,
    view: &View<'_>,
    by: Principal,
    review: Review,
    before: Option<&Review>,
    now: Timestamp,
) -> Result<Record, Error> {
    let lister = lister(registry, view, &review.organisation, now)?;
    let result = review.outcome.as_ref().map(|outcome| outcome.result);
    let is_new = before.is_none_or(|before| before.outcome != review.outcome);
    if result == Some(ReviewResult::NotNeeded)
        && is_new
        && let Some(why) = lister.needs_review()
    {
        return Err(contradiction(format!(
            "a review cannot end with that none is needed: {why}"
        )));
    }
    let mut review = review.with_consents(&lister);
    review.check().map_err(Error::Record)?;
    let is_taken_back = match before {
        Some(before) => before.is_taken_back(&review).map_err(Error::Record)?,
        None => false,
    };
    // What one review refused, another does not allow by the word of one.
    let is_for_it = result.is_some_and(|result| result != ReviewResult::MayNotList);
    let is_overruled = is_for_it && is_new && {
        let others = reviews(registry, view, &review.organisation, now)?;
        others
            .iter()
            .any(|other| other.id != review.id && other.place == review.place && other.is_against())
    };
    review.changed = match before.and_then(|before| before.changed.clone()) {
        _ if is_taken_back || is_overruled => Some(word(registry, view, by, now)?),
        // Whoever amends what waits proposes all of it.
        Some(changed) if changed.approved.is_none() => Some(word(registry, view, by, now)?),
        known => known,
    };
    Ok(Record::Review(Box::new(review)))
}

fn word(
    registry: &Registry,
    view: &View<'_>,
    by: Principal,
    now: Timestamp,
) -> Result<Changed, Error> {
    let proposed: Signature = signature(vouch(registry, view, by, now)?);
    Ok(Changed {
        proposed,
        approved: None,
    })
}

/// Returns a review to open for a listing, with an id that is free.
fn opening(
    registry: &Registry,
    view: &View<'_>,
    lister: &Lister,
    place: Jurisdiction,
    today: Day,
) -> Result<Review, Error> {
    let whose: String = lister.id().as_str().chars().take(OPENED_ID_MAX).collect();
    let stem = format!("{whose}-{}-{today}", place.as_str().to_ascii_lowercase());
    let mut id: Id = stem.parse().map_err(Error::Record)?;
    let mut turn = 1_u32;
    while is_taken(registry, view, &id)? {
        turn += 1;
        id = format!("{stem}-{turn}").parse().map_err(Error::Record)?;
    }
    let review = Review {
        id,
        organisation: lister.id().clone(),
        place: place.to_string(),
        opened: today,
        consents: Vec::new(),
        outcome: None,
        changed: None,
    };
    Ok(review.with_consents(lister))
}

fn is_taken(registry: &Registry, view: &View<'_>, id: &Id) -> Result<bool, Error> {
    match registry.record(view, RecordKind::Review, id) {
        Ok(_) => Ok(true),
        Err(onshore_registry::Error::NoSuchRecord { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn reviews(
    registry: &Registry,
    view: &View<'_>,
    of: &Id,
    now: Timestamp,
) -> Result<Vec<Review>, Error> {
    let mut all = Vec::new();
    registry.each_record(view, RecordKind::Review, Some(of), now, |record| {
        if let Record::Review(one) = record {
            all.push(*one);
        }
    })?;
    Ok(all)
}

/// Returns who is to be listed: an organisation with all whom it controls today, by the strictest that is on record of each in the year.
fn lister(registry: &Registry, view: &View<'_>, id: &Id, now: Timestamp) -> Result<Lister, Error> {
    registry.record(view, RecordKind::Organisation, id)?;
    let of = (RecordKind::Organisation, None);
    let lines = timelines(registry, view, of, now, organisation)?;
    let today = filing_day(registry, view, now)?;
    let begun = registry.begun_duties(view, now)?;
    let known = lines.iter().filter_map(|line| line.organisation(today));
    let all: Vec<Organisation> = known.map(|(one, _)| one).collect();
    let organisations = Organisations::new(&all).map_err(Error::Record)?;
    let control = organisations.controlled(|one| one.id == *id, Share::HALF, today);
    let (mut own, mut controlled) = (None, Vec::new());
    for line in &lines {
        let Some(member) = member(line, &begun, (today, now)) else {
            continue;
        };
        let one = &member.organisation.id;
        if one == id {
            own = Some(member);
        } else if organisations.chain(&control, one).is_some() {
            controlled.push(member);
        }
    }
    let own = own.ok_or_else(|| contradiction(format!("`{id}` is no organisation")))?;
    Ok(Lister { own, controlled })
}

/// Returns an organisation with the larger of the highest number of persons on record in the year, and the one that was counted in its
/// tenants when the last duty began that is about what is held, and with all its trades of the year.
fn member(
    line: &Timeline<Organisation>,
    begun: &[BegunDuty],
    (today, now): (Day, Timestamp),
) -> Option<Member> {
    let counts = |replaced| is_of_year(replaced, now);
    let (mut organisation, _) = line.with_most(today, counts)?;
    let of_it = begun.iter().filter(|begun| {
        begun.of.kind == CountedKind::Organisation
            && begun.of.name == organisation.id
            && begun.year.is_none()
    });
    let counted = of_it.map(|begun| begun.persons).max();
    organisation.users = match (organisation.users, counted) {
        (Some(said), counted) => Some(said.max(counted.unwrap_or_default())),
        // What is counted here may be a part of what there is: it tells that there are many, never that there are few.
        (None, Some(counted)) if counted > REVIEWED_OVER => Some(counted),
        (None, _) => None,
    };
    let trades = line.trades(counts);
    Some(Member {
        organisation,
        trades,
    })
}

fn contradiction(why: String) -> Error {
    Error::Record(onshore_orders::Error::Contradiction(why))
}
