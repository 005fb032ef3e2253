//! Whose data has left in a year: for each tenant and place the persons in every version that was exported there, so that
//! each is counted once however often and from however many objects (decision 0023).
//!
//! The year is that of Beijing: thresholds of the law begin anew on its first of January. What is kept of a version is kept
//! here too, since the version may go and what was exported of it does not. Versions that came to more than what was joined
//! before are joined, in the unit of work that adds the last of them.

use std::collections::{BTreeMap, BTreeSet};

use onshore_classify::persons::{ObjectPersons, PersonKey, Tally, Union};
use onshore_db::{Row, RowError, Unit, View, params};
use onshore_keys::{KeyProvider, Secret};
use onshore_types::{ApprovalId, Label, Personal, Place, TenantId, Timestamp, VersionId};

use crate::approvals::clamped;
use crate::{Error, Registry};

/// Beijing is so far ahead of UTC, all year.
const BEIJING_AHEAD_MS: i64 = 8 * 3600 * 1000;
/// So much lies unjoined at least.
const LOOSE_MIN_BYTES: i64 = 1 << 20;
/// What stands for a place where what is sensitive is counted, wherever it went.
const SENSITIVE: &str = "sensitive";
/// What left under an approval is counted in no year.
const NO_YEAR: i64 = 0;
const KEY_LEN_BYTES: usize = 32;
const KEY_CONTEXT: &[u8] = b"onshore person key 1";

/// That a version leaves.
#[derive(Debug, Clone, Copy)]
pub struct ExportedVersion {
    /// Whose it is.
    pub tenant: TenantId,
    /// Which.
    pub version: VersionId,
    /// With which label: what is sensitive is counted apart.
    pub label: Label,
    /// Where it goes.
    pub to: Place,
    /// Under which approval, where that limits persons.
    pub approval: Option<ApprovalId>,
    /// When.
    pub time: Timestamp,
}

/// Whose data has left since the first of January, in Beijing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportedPersons {
    /// Everybody, each once.
    pub all: ExportedTally,
    /// Those of whom something went to a place, each once for the place.
    pub by_place: BTreeMap<String, ExportedTally>,
}

/// How many persons' data has left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExportedTally {
    /// Those of whom it is known.
    pub persons: Tally,
    /// How many versions left of which nobody knows who is in them.
    pub unknown_versions: u64,
}

/// How many persons' data has left this year, a transfer's among them: upper bounds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExportedCounts {
    /// Persons of whom nothing sensitive has left.
    pub non_sensitive: u64,
    /// Persons of whom something sensitive has left.
    pub sensitive: u64,
    /// Whether the sets were joined for it; otherwise it may be too high, never too low.
    pub is_exact: bool,
    /// Grows whenever somebody new is counted.
    pub changes: i64,
}

impl Registry {
    /// Says how many persons' data has left this year with that of a version, without joining any set.
    ///
    /// # Errors
    /// Those of the database.
    pub fn exported_bounds(
        &self,
        view: &View<'_>,
        exported: &ExportedVersion,
        persons: Option<&ObjectPersons>,
    ) -> Result<ExportedCounts, Error> {
        let counted = bounds(view, exported.tenant, year(exported.time))?;
        with_version(view, counted, exported, persons)
    }

    /// Says how many persons' data of some tenants has left this year with that of a version: each counts once, whichever of
    /// them it left from.
    ///
    /// # Errors
    /// Those of the database.
    pub fn exported_exactly(
        &self,
        view: &View<'_>,
        tenants: &[TenantId],
        exported: &ExportedVersion,
        persons: Option<&ObjectPersons>,
    ) -> Result<ExportedCounts, Error> {
        let mut left = Left::of(view, tenants, year(exported.time))?;
        if let Some(persons) = persons {
            left.all.add(persons);
            if is_sensitive(exported.label) {
                left.sensitive.add(persons);
            }
        }
        let (non_sensitive, sensitive) = left.counts();
        Ok(ExportedCounts {
            non_sensitive,
            sensitive,
            is_exact: true,
            changes: bounds(view, exported.tenant, year(exported.time))?.changes,
        })
    }

    /// Says how many persons' data of some tenants has left since the first of January before an instant, each once: those of
    /// whom nothing sensitive has, and those of whom something has.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn exported_so_far(
        &self,
        tenants: Vec<TenantId>,
        now: Timestamp,
    ) -> Result<(u64, u64), Error> {
        self.db
            .read(move |view| Ok(Left::of(view, &tenants, year(now))?.counts()))
            .await
    }

    /// Says how many persons' data has left under an approval, and how many it is with a version's: each counts once.
    ///
    /// # Errors
    /// Those of the database.
    pub fn persons_under(
        &self,
        view: &View<'_>,
        (tenant, approval): (TenantId, ApprovalId),
        persons: &ObjectPersons,
    ) -> Result<(u64, u64), Error> {
        let mut union = Union::new();
        let of = Of::under(tenant, approval);
        of.each_kept(view, |persons| union.add(persons))?;
        let before = union.tally().persons.upper;
        union.add(persons);
        Ok((before, union.tally().persons.upper))
    }

    /// Whether a version has left under an approval.
    ///
    /// # Errors
    /// Those of the database.
    pub fn has_left_under(
        &self,
        view: &View<'_>,
        (tenant, approval): (TenantId, ApprovalId),
        version: VersionId,
    ) -> Result<bool, Error> {
        Of::under(tenant, approval).counts(view, version)
    }

    /// Notes what was joined for a decision, so that the next need not.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_exported_bounds(
        &self,
        unit: &Unit<'_>,
        (tenant, time): (TenantId, Timestamp),
        counts: ExportedCounts,
    ) -> Result<(), Error> {
        unit.execute(
            "INSERT INTO exported_bounds (year, tenant, non_sensitive, sensitive, changes, is_exact)
             VALUES (?1, ?2, ?3, ?4, 1, ?5)
             ON CONFLICT (year, tenant) DO UPDATE SET non_sensitive = excluded.non_sensitive,
                sensitive = excluded.sensitive, changes = changes + 1, is_exact = excluded.is_exact",
            params![
                year(time),
                tenant.as_bytes(),
                clamped(counts.non_sensitive),
                clamped(counts.sensitive),
                counts.is_exact
            ],
        )?;
        Ok(())
    }

    /// Returns the key that makes pseudonyms in this region, which is made when it is asked for first. One key serves all
    /// tenants, so that persons can be counted once over tenants of one group; a pseudonym is shown to nobody. It blocks:
    /// call it outside asynchronous code.
    ///
    /// # Errors
    /// Those of the database and the key provider.
    pub fn person_key(&self) -> Result<PersonKey, Error> {
        let keys = std::sync::Arc::clone(&self.keys);
        let secret = self
            .db
            .write_blocking(move |unit| -> Result<Secret, Error> {
                if let Some(sealed) = sealed_key(unit)? {
                    return Ok(keys.unwrap(KEY_CONTEXT, &sealed)?);
                }
                let secret = Secret::random::<KEY_LEN_BYTES>();
                unit.execute(
                    "INSERT INTO person_key (one, sealed) VALUES (1, ?1)",
                    [keys.wrap(KEY_CONTEXT, secret.as_bytes())?],
                )?;
                Ok(secret)
            })?;
        let bytes = secret.as_bytes().try_into();
        bytes
            .map(PersonKey::new)
            .map_err(|_| Error::Unreadable { what: "person key" })
    }

    /// Whether everybody in a version is counted among those whose data went to this place this year.
    ///
    /// # Errors
    /// Those of the database.
    pub fn is_export_counted(
        &self,
        view: &View<'_>,
        exported: &ExportedVersion,
    ) -> Result<bool, Error> {
        let found = view.one(
            "SELECT 1 FROM exported_persons
             WHERE year = ?1 AND tenant = ?2 AND place = ?3 AND version = ?4 AND is_known = 1",
            params![
                year(exported.time),
                exported.tenant.as_bytes(),
                exported.to.to_string(),
                exported.version.as_bytes()
            ],
            |_| Ok(()),
        )?;
        if found.is_none() || !is_sensitive(exported.label) {
            return Ok(found.is_some());
        }
        // It may have become sensitive since it left first.
        let sensitive = Of {
            year: year(exported.time),
            tenant: exported.tenant,
            place: SENSITIVE.to_owned(),
        };
        sensitive.counts(view, exported.version)
    }

    /// Counts everybody in a version among those whose data went to this place this year: in the unit of work of the leaf
    /// that tells of it. None: nobody knows who is in it.
    ///
    /// # Errors
    /// Those of the database.
    pub fn count_exported(
        &self,
        unit: &Unit<'_>,
        exported: &ExportedVersion,
        persons: Option<&ObjectPersons>,
    ) -> Result<(), Error> {
        let of = |place: String| Of {
            year: year(exported.time),
            tenant: exported.tenant,
            place,
        };
        of(exported.to.to_string()).count(unit, exported.version, persons)?;
        if is_sensitive(exported.label) {
            of(SENSITIVE.to_owned()).count(unit, exported.version, persons)?;
        }
        match exported.approval {
            Some(approval) => {
                Of::under(exported.tenant, approval).count(unit, exported.version, persons)
            }
            None => Ok(()),
        }
    }

    /// Says whose data of some tenants has left since the first of January before an instant: of a group each once.
    ///
    /// # Errors
    /// Those of the database; [`Error::Unreadable`].
    pub async fn exported_persons(
        &self,
        tenants: impl IntoIterator<Item = TenantId>,
        now: Timestamp,
    ) -> Result<ExportedPersons, Error> {
        let tenants: BTreeSet<TenantId> = tenants.into_iter().collect();
        self.db
            .read(move |view| exported_persons(view, &tenants, year(now)))
            .await
    }
}

/// Seals the key of pseudonyms anew, under another root key.
pub(crate) fn seal_anew(
    unit: &Unit<'_>,
    from: &dyn KeyProvider,
    to: &dyn KeyProvider,
) -> Result<(), Error> {
    if let Some(sealed) = sealed_key(unit)? {
        let secret = from.unwrap(KEY_CONTEXT, &sealed)?;
        unit.execute(
            "UPDATE person_key SET sealed = ?1",
            [to.wrap(KEY_CONTEXT, secret.as_bytes())?],
        )?;
    }
    Ok(())
}

fn sealed_key(view: &View<'_>) -> Result<Option<Vec<u8>>, Error> {
    let sealed = view.one("SELECT sealed FROM person_key", [], |row| row.get(0))?;
    Ok(sealed)
}

/// Everybody whose data has left in a year, from whichever of some tenants.
struct Left {
    all: Union,
    /// Those who stand in something that is labelled so.
    sensitive: Union,
}

impl Left {
    fn of(view: &View<'_>, tenants: &[TenantId], year: i64) -> Result<Self, Error> {
        let (mut all, mut sensitive) = (Union::new(), Union::new());
        for tenant in tenants {
            for place in places(view, *tenant, year)? {
                let union = if place == SENSITIVE {
                    &mut sensitive
                } else {
                    &mut all
                };
                let of = Of {
                    year,
                    tenant: *tenant,
                    place,
                };
                of.each_kept(view, |persons| union.add(persons))?;
            }
        }
        Ok(Self { all, sensitive })
    }

    /// Returns how many of them nothing sensitive has left of, and how many something has: upper bounds.
    fn counts(mut self) -> (u64, u64) {
        let (all, sensitive) = (self.all.tally(), self.sensitive.tally().persons);
        let surely = sensitive.lower.max(all.sensitive.lower);
        (
            all.persons.upper.saturating_sub(surely),
            sensitive.upper.max(all.sensitive.upper),
        )
    }
}

/// What is counted together: the exports of a tenant to a place in a year.
struct Of {
    year: i64,
    tenant: TenantId,
    place: String,
}

impl Of {
    fn under(tenant: TenantId, approval: ApprovalId) -> Self {
        Self {
            year: NO_YEAR,
            tenant,
            place: approval.to_string(),
        }
    }

    fn counts(&self, view: &View<'_>, version: VersionId) -> Result<bool, Error> {
        let found = view.one(
            "SELECT 1 FROM exported_persons WHERE year = ?1 AND tenant = ?2 AND place = ?3 AND version = ?4",
            params![
                self.year,
                self.tenant.as_bytes(),
                self.place,
                version.as_bytes()
            ],
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    /// Counts a version here, once.
    fn count(
        &self,
        unit: &Unit<'_>,
        version: VersionId,
        persons: Option<&ObjectPersons>,
    ) -> Result<(), Error> {
        let kept = persons.map(ObjectPersons::bytes);
        let added = unit.execute(
            "INSERT INTO exported_persons (year, tenant, place, version, is_known, kept)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (year, tenant, place, version)
             DO UPDATE SET is_known = 1, kept = excluded.kept WHERE is_known = 0 AND excluded.is_known = 1",
            params![
                self.year,
                self.tenant.as_bytes(),
                self.place,
                version.as_bytes(),
                kept.is_some(),
                kept
            ],
        )?;
        let Some(kept) = kept.filter(|_| added == 1) else {
            return Ok(());
        };
        let sizes = unit.one(
            "INSERT INTO exported_joined (year, tenant, place, loose_bytes, kept)
             VALUES (?1, ?2, ?3, ?4, NULL)
             ON CONFLICT (year, tenant, place) DO UPDATE SET loose_bytes = loose_bytes + excluded.loose_bytes
             RETURNING loose_bytes, coalesce(length(kept), 0)",
            params![
                self.year,
                self.tenant.as_bytes(),
                self.place,
                i64::try_from(kept.len()).unwrap_or(i64::MAX)
            ],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
        )?;
        if sizes.is_some_and(|(loose, joined)| loose > joined.max(LOOSE_MIN_BYTES)) {
            self.join(unit)?;
        }
        Ok(())
    }

    /// Joins what lies loose with what was joined before.
    fn join(&self, unit: &Unit<'_>) -> Result<(), Error> {
        let mut union = Union::new();
        self.each_kept(unit, |persons| union.add(persons))?;
        unit.execute(
            "UPDATE exported_joined SET kept = ?4, loose_bytes = 0 WHERE year = ?1 AND tenant = ?2 AND place = ?3",
            params![self.year, self.tenant.as_bytes(), self.place, union.joined().bytes()],
        )?;
        unit.execute(
            "UPDATE exported_persons SET kept = NULL
             WHERE year = ?1 AND tenant = ?2 AND place = ?3 AND kept IS NOT NULL",
            params![self.year, self.tenant.as_bytes(), self.place],
        )?;
        Ok(())
    }

    fn each_kept(
        &self,
        view: &View<'_>,
        mut each: impl FnMut(&ObjectPersons),
    ) -> Result<(), Error> {
        let of = params![self.year, self.tenant.as_bytes(), self.place];
        for sql in [
            "SELECT kept FROM exported_joined WHERE year = ?1 AND tenant = ?2 AND place = ?3 AND kept IS NOT NULL",
            "SELECT kept FROM exported_persons WHERE year = ?1 AND tenant = ?2 AND place = ?3 AND kept IS NOT NULL",
        ] {
            view.each(sql, of, |row| {
                each(&persons_of(row)?);
                Ok(())
            })?;
        }
        Ok(())
    }
}

fn exported_persons(
    view: &View<'_>,
    tenants: &BTreeSet<TenantId>,
    year: i64,
) -> Result<ExportedPersons, Error> {
    let mut all = Union::new();
    let mut by_place: BTreeMap<String, (Union, u64)> = BTreeMap::new();
    for tenant in tenants {
        let places = view.all(
            "SELECT place, count(*) FILTER (WHERE is_known = 0) FROM exported_persons
             WHERE year = ?1 AND tenant = ?2 AND place <> ?3 GROUP BY place",
            params![year, tenant.as_bytes(), SENSITIVE],
            |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)),
        )?;
        for (place, unknown) in places {
            let of = Of {
                year,
                tenant: *tenant,
                place,
            };
            let (union, unknown_versions) = by_place
                .entry(of.place.clone())
                .or_insert_with(|| (Union::new(), 0));
            of.each_kept(view, |persons| {
                union.add(persons);
                all.add(persons);
            })?;
            *unknown_versions += u64::try_from(unknown).unwrap_or_default();
        }
    }
    let mut found = ExportedPersons::default();
    for (place, (mut union, unknown_versions)) in by_place {
        found.all.unknown_versions += unknown_versions;
        let tally = ExportedTally {
            persons: union.tally(),
            unknown_versions,
        };
        found.by_place.insert(place, tally);
    }
    found.all.persons = all.tally();
    Ok(found)
}

/// What is counted so far, without a set being joined.
fn bounds(view: &View<'_>, tenant: TenantId, year: i64) -> Result<ExportedCounts, Error> {
    let found = view.one(
        "SELECT non_sensitive, sensitive, changes, is_exact FROM exported_bounds WHERE year = ?1 AND tenant = ?2",
        params![year, tenant.as_bytes()],
        |row| {
            Ok(ExportedCounts {
                non_sensitive: row.get::<_, i64>(0)?.cast_unsigned(),
                sensitive: row.get::<_, i64>(1)?.cast_unsigned(),
                changes: row.get(2)?,
                is_exact: row.get(3)?,
            })
        },
    )?;
    if let Some(found) = found {
        return Ok(found);
    }
    // What left before there were bounds is in the sets alone: nothing is known to be so low.
    let is_empty = places(view, tenant, year)?.is_empty();
    let unknown = if is_empty { 0 } else { u64::from(u32::MAX) };
    Ok(ExportedCounts {
        non_sensitive: unknown,
        sensitive: unknown,
        changes: 0,
        is_exact: is_empty,
    })
}

/// Adds what a version adds at most.
fn with_version(
    view: &View<'_>,
    mut counts: ExportedCounts,
    exported: &ExportedVersion,
    persons: Option<&ObjectPersons>,
) -> Result<ExportedCounts, Error> {
    let Some(persons) = persons.filter(|persons| !persons.is_empty()) else {
        return Ok(counts);
    };
    let year = year(exported.time);
    let has_left = view
        .one(
            "SELECT 1 FROM exported_persons
             WHERE year = ?1 AND tenant = ?2 AND version = ?3 AND is_known = 1 LIMIT 1",
            params![
                year,
                exported.tenant.as_bytes(),
                exported.version.as_bytes()
            ],
            |_| Ok(()),
        )?
        .is_some();
    let is_sensitive = is_sensitive(exported.label);
    let sensitive = Of {
        year,
        tenant: exported.tenant,
        place: SENSITIVE.to_owned(),
    };
    if has_left && (!is_sensitive || sensitive.counts(view, exported.version)?) {
        return Ok(counts);
    }
    let mut union = Union::new();
    union.add(persons);
    let tally = union.tally().persons;
    if is_sensitive {
        counts.sensitive = counts.sensitive.saturating_add(tally.upper);
        counts.non_sensitive = counts
            .non_sensitive
            .saturating_add(tally.upper - tally.lower);
    } else {
        counts.non_sensitive = counts.non_sensitive.saturating_add(tally.upper);
    }
    counts.is_exact &= counts.sensitive + counts.non_sensitive == tally.upper;
    Ok(counts)
}

fn places(view: &View<'_>, tenant: TenantId, year: i64) -> Result<Vec<String>, Error> {
    Ok(view.all(
        "SELECT DISTINCT place FROM exported_persons WHERE year = ?1 AND tenant = ?2",
        params![year, tenant.as_bytes()],
        |row| row.get(0),
    )?)
}

fn is_sensitive(label: Label) -> bool {
    match label {
        Label::Known { personal, .. } => personal == Personal::Sensitive,
        Label::Unclassified => true,
    }
}

fn persons_of(row: &Row<'_>) -> Result<ObjectPersons, RowError> {
    ObjectPersons::parse(row.get(0)?).map_err(|error| onshore_db::unreadable(Box::new(error)))
}

pub(crate) fn year(time: Timestamp) -> i64 {
    let there = time.plus_millis(BEIJING_AHEAD_MS).written_as("%Y");
    // Written by us: digits, and a sign in years that nobody sees.
    there.parse().unwrap_or_default()
}
