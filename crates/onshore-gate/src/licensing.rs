//! Who may run a region: its operator of record must hold a licence for it. Without one nobody becomes operator, and no tenant
//! comes to the region of this server; what is refused has a leaf.

use onshore_db::View;
use onshore_orders::{
    Day, Language, Licence, Operating, Partnership, Record, RecordKind, Region, RegionStanding,
    Said,
};
use onshore_policy::Principal;
use onshore_registry::{AsOf, Registry};
use onshore_types::{LeafIndex, Timestamp};
use serde_json::json;

use crate::acts::Act;
use crate::{Error, Gate};

/// That something needs a licence that nobody holds, and the leaf that tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnlicensedRefusal {
    /// Why, in one sentence.
    pub why: Said,
    /// The leaf that tells of it.
    pub leaf: LeafIndex,
}

/// A region, whether whoever runs it may, and whose technology it runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionStatus {
    /// The region.
    pub region: Region,
    /// The day it was asked of.
    pub as_of: Day,
    /// Whether whoever runs it may.
    pub standing: RegionStanding,
    /// Partnerships in force.
    pub partnerships: Vec<Partnership>,
}

/// Hands over all records of a kind as they hold on a day, or, where none is given, in their newest revisions.
fn each(
    registry: &Registry,
    view: &View<'_>,
    kind: RecordKind,
    (on, known_at): (Option<Day>, Timestamp),
    take: impl FnMut(Record),
) -> Result<(), Error> {
    match on {
        Some(on) => registry.each_record_as_of(view, kind, AsOf { on, known_at }, take),
        None => registry.each_record(view, kind, None, known_at, take),
    }?;
    Ok(())
}

/// All licences as they hold on a day, as far as it was known at an instant.
fn licences(
    registry: &Registry,
    view: &View<'_>,
    at: (Option<Day>, Timestamp),
) -> Result<Vec<Licence>, Error> {
    let mut all = Vec::new();
    each(registry, view, RecordKind::Licence, at, |record| {
        if let Record::Licence(one) = record {
            all.push(*one);
        }
    })?;
    Ok(all)
}

/// Returns every region as it stands on a day, of today where it is if none is given.
pub(crate) fn region_statuses(
    registry: &Registry,
    view: &View<'_>,
    as_of: Option<Day>,
    (known_at, now): (Timestamp, Timestamp),
    language: Language,
) -> Result<Vec<RegionStatus>, Error> {
    let at = (as_of, known_at);
    let licences = licences(registry, view, at)?;
    let mut partnerships = Vec::new();
    each(registry, view, RecordKind::Partnership, at, |record| {
        if let Record::Partnership(one) = record {
            partnerships.push(*one);
        }
    })?;
    let mut all = Vec::new();
    each(registry, view, RecordKind::Region, at, |record| {
        if let Record::Region(region) = record {
            let as_of = as_of.unwrap_or_else(|| Day::at(now, region.offset));
            all.push(RegionStatus {
                standing: region.standing(&licences, as_of, language),
                partnerships: partnerships
                    .iter()
                    .filter(|one| one.region == region.id && one.is_in_force(as_of))
                    .cloned()
                    .collect(),
                as_of,
                region: *region,
            });
        }
    })?;
    Ok(all)
}

/// Says why a region cannot be recorded: somebody who is new as its operator of record holds no licence for it, or, where it asks for
/// another class of licence or is elsewhere than before, somebody who is or will be operator does not.
pub(crate) fn operator_refused(
    registry: &Registry,
    view: &View<'_>,
    region: &Region,
    before: Option<&Region>,
    now: Timestamp,
) -> Result<Option<Said>, Error> {
    if let (Some(class), None) = (
        before.and_then(|before| before.licence_class.as_ref()),
        &region.licence_class,
    ) {
        let id = &region.id;
        return Ok(Some(Said::of(|language| match language {
            Language::En => format!(
                "`{id}` asks for a licence of the class {class}: what a region asks for may be another class, and not nothing"
            ),
            Language::Zh => {
                format!("`{id}` 要求持有 {class} 类许可：所要求的许可类别可以更换，不能取消")
            }
        })));
    }
    let licences = licences(registry, view, (None, now))?;
    let is_known = |one| before.is_some_and(|before| before.operators.contains(one));
    let asks_otherwise = before.is_some_and(|before| {
        before.licence_class != region.licence_class || before.place != region.place
    });
    let today = Day::at(now, region.offset);
    let asked = region
        .operators
        .iter()
        .filter_map(|one| match is_known(one) {
            false => Some(one.clone()),
            // What was asked of whoever ran it before is over.
            true if !asks_otherwise || one.until.is_some_and(|until| until <= today) => None,
            true => Some(Operating {
                from: one.from.max(today),
                ..one.clone()
            }),
        });
    let asked: Vec<Operating> = asked.collect();
    Ok(asked.iter().find_map(|one| region.refuses(one, &licences)))
}

/// Says why no tenant can come to the region of this server now; nothing where one can, or where the region is in no register.
pub(crate) fn tenant_refused(
    registry: &Registry,
    view: &View<'_>,
    own: &str,
    now: Timestamp,
) -> Result<Option<Said>, Error> {
    let Ok(id) = own.parse() else {
        return Ok(None);
    };
    let region = match registry.record(view, RecordKind::Region, &id) {
        Ok(revision) => revision.record,
        Err(onshore_registry::Error::NoSuchRecord { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let Record::Region(region) = region else {
        return Ok(None);
    };
    let today = Day::at(now, region.offset);
    let licences = licences(registry, view, (None, now))?;
    let standing = |language| region.standing(&licences, today, language);
    let is_open = standing(Language::En).is_open;
    Ok((!is_open).then(|| Said::of(|language| standing(language).why)))
}

pub(crate) fn refused(kind: &'static str, why: &Said) -> Act {
    Act {
        kind,
        body: json!({}),
        record: json!({ "why": why.to_string() }),
    }
}

impl Gate {
    /// Says of every region whether whoever runs it may, as of a day and as far as it was known at an instant.
    ///
    /// # Errors
    /// Those of the keepers.
    pub async fn region_statuses(
        &self,
        as_of: Option<Day>,
        known_at: Option<Timestamp>,
        language: Language,
    ) -> Result<Vec<RegionStatus>, Error> {
        let (registry, now) = (self.inner.registry.clone(), self.now());
        self.inner
            .db
            .read(move |view: &View<'_>| {
                region_statuses(
                    &registry,
                    view,
                    as_of,
                    (known_at.unwrap_or(now), now),
                    language,
                )
            })
            .await
    }

    /// Does an act that a licence is needed for; where there is none, the refusal is recorded instead.
    pub(crate) async fn act_licensed<T, F>(
        &self,
        by: Principal,
        deed: F,
    ) -> Result<(T, LeafIndex), Error>
    where
        T: Send + 'static,
        F: FnOnce(
                &Registry,
                &onshore_db::Unit<'_>,
                Timestamp,
            ) -> Result<(Act, Result<T, Said>), Error>
            + Send
            + 'static,
    {
        match self.act(by, deed).await? {
            (Ok(value), leaf) => Ok((value, leaf)),
            (Err(why), leaf) => Err(Error::Unlicensed(Box::new(UnlicensedRefusal { why, leaf }))),
        }
    }
}
