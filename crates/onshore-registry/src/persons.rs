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
use ring::digest;

use crate::approvals::clamped;
use crate::{Error, Registry};

/// Beijing is so far ahead of UTC, all year.
const BEIJING_AHEAD_MS: i64 = 8 * 3600 * 1000;
/// So much lies unjoined at least.
const LOOSE_MIN_BYTES: i64 = 1 << 20;
/// What stands for a place where what is sensitive is counted, wherever it went.
const SENSITIVE: &str = "sensitive";
/// What stands for a place where what is personal and not sensitive is counted, wherever it went. What left before that was
/// told apart stands behind it place by place, all of it: nobody knows any more what of it was not sensitive.
const NON_SENSITIVE: &str = "non-sensitive";
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
    /// How many count as persons of whom something that is not sensitive left: what rules about volumes go by.
    pub non_sensitive: u64,
    /// How many count as persons of whom something sensitive left. Whoever is told of in both counts in both.
    pub sensitive: u64,
}

/// How a version stands to what was counted of it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountedBefore {
    /// It was not counted.
    Never,
    /// It was, and not with exactly those who are told of in it now: tags may have come.
    Otherwise,
    /// It was, with all who are told of in it.
    Alike,
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
    /// Persons of whom something has left that is not sensitive, whatever else has.
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
            left.add(exported.label, persons);
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
    /// whom something has that is not sensitive, and those of whom something sensitive has.
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

    /// Says whether a version has left under an approval, with those who are told of in it.
    ///
    /// # Errors
    /// Those of the database.
    pub fn left_under(
        &self,
        view: &View<'_>,
        (tenant, approval): (TenantId, ApprovalId),
        version: VersionId,
        persons: Option<&ObjectPersons>,
    ) -> Result<CountedBefore, Error> {
        Of::under(tenant, approval).counted(view, version, persons)
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

    /// Whether everybody in a version is counted among those whose data went to this place this year, and among those whose
    /// data of its class did.
    ///
    /// # Errors
    /// Those of the database.
    pub fn is_export_counted(
        &self,
        view: &View<'_>,
        exported: &ExportedVersion,
        persons: Option<&ObjectPersons>,
    ) -> Result<bool, Error> {
        // It may have become sensitive, or tell of others, since it left first.
        for place in [exported.to.to_string(), class_of(exported.label).to_owned()] {
            let of = Of {
                year: year(exported.time),
                tenant: exported.tenant,
                place,
            };
            if of.counted(view, exported.version, persons)? != CountedBefore::Alike {
                return Ok(false);
            }
        }
        Ok(true)
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
        of(class_of(exported.label).to_owned()).count(unit, exported.version, persons)?;
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
    /// Those who stand in something that is labelled as personal and not as sensitive.
    non_sensitive: Union,
    /// Those who stood in something that left before that was told apart.
    untold: Union,
    /// Those who stand in something that is labelled so.
    sensitive: Union,
}

impl Left {
    fn of(view: &View<'_>, tenants: &[TenantId], year: i64) -> Result<Self, Error> {
        let mut left = Self {
            all: Union::new(),
            non_sensitive: Union::new(),
            untold: Union::new(),
            sensitive: Union::new(),
        };
        for tenant in tenants {
            for place in places(view, *tenant, year)? {
                let union = match place.as_str() {
                    SENSITIVE => &mut left.sensitive,
                    NON_SENSITIVE => &mut left.non_sensitive,
                    place if place.starts_with(NON_SENSITIVE) => &mut left.untold,
                    _ => &mut left.all,
                };
                let of = Of {
                    year,
                    tenant: *tenant,
                    place,
                };
                of.each_kept(view, |persons| union.add(persons))?;
            }
        }
        Ok(left)
    }

    fn add(&mut self, label: Label, persons: &ObjectPersons) {
        self.all.add(persons);
        if is_sensitive(label) {
            self.sensitive.add(persons);
        } else {
            self.non_sensitive.add(persons);
        }
    }

    /// Returns of how many of them something left that is not sensitive, and of how many something that is: upper bounds.
    /// Whoever is told of in both counts in both.
    fn counts(mut self) -> (u64, u64) {
        // What was found to be sensitive in something whose label two people loosened.
        let beside = self.non_sensitive.tally().sensitive.upper;
        let of_label = self.sensitive.tally().persons.upper;
        self.non_sensitive.add(&self.untold.joined());
        (
            self.non_sensitive.tally().persons.upper,
            self.all
                .tally()
                .sensitive
                .upper
                .max(of_label.saturating_add(beside)),
        )
    }
}

/// What is counted together: the exports of a tenant to a place in a year.
struct Of {
    year: i64,
    tenant: TenantId,
    place: String,
}

/// A version as it was counted.
struct CountedRow {
    /// Whom, where it was not joined with others.
    loose: Option<ObjectPersons>,
    is_known: bool,
    /// Tells exactly whom; none where it was counted before that was kept.
    digest: Option<Vec<u8>>,
}

impl CountedRow {
    fn is_of(&self, persons: &ObjectPersons) -> bool {
        let known = self.digest.as_deref().filter(|_| self.is_known);
        known == Some(digest_of(persons).as_slice())
    }
}

impl Of {
    fn under(tenant: TenantId, approval: ApprovalId) -> Self {
        Self {
            year: NO_YEAR,
            tenant,
            place: approval.to_string(),
        }
    }

    fn counted(
        &self,
        view: &View<'_>,
        version: VersionId,
        persons: Option<&ObjectPersons>,
    ) -> Result<CountedBefore, Error> {
        Ok(match (self.row(view, version)?, persons) {
            (None, _) => CountedBefore::Never,
            (Some(row), None) if row.is_known => CountedBefore::Alike,
            (Some(row), Some(persons)) if row.is_of(persons) => CountedBefore::Alike,
            (Some(_), _) => CountedBefore::Otherwise,
        })
    }

    fn row(&self, view: &View<'_>, version: VersionId) -> Result<Option<CountedRow>, Error> {
        Ok(view.one(
            "SELECT kept, is_known, digest FROM exported_persons
             WHERE year = ?1 AND tenant = ?2 AND place = ?3 AND version = ?4",
            params![
                self.year,
                self.tenant.as_bytes(),
                self.place,
                version.as_bytes()
            ],
            |row| {
                let has_kept = row.get::<_, Option<Vec<u8>>>(0)?.is_some();
                Ok(CountedRow {
                    loose: has_kept.then(|| persons_of(row)).transpose()?,
                    is_known: row.get(1)?,
                    digest: row.get(2)?,
                })
            },
        )?)
    }

    /// Counts a version here, once; again where others are told of in it by now.
    fn count(
        &self,
        unit: &Unit<'_>,
        version: VersionId,
        persons: Option<&ObjectPersons>,
    ) -> Result<(), Error> {
        let before = self.row(unit, version)?;
        let kept = match (&before, persons) {
            // Whoever has forgotten takes nothing back.
            (Some(_), None) => return Ok(()),
            (Some(row), Some(persons)) if row.is_of(persons) => return Ok(()),
            (None, None) => None,
            // Who was told of when it left stays counted, also when it tells of him no more.
            (
                Some(CountedRow {
                    loose: Some(loose), ..
                }),
                Some(persons),
            ) => {
                let mut union = Union::new();
                union.add(loose);
                union.add(persons);
                Some(union.joined().bytes().to_vec())
            }
            (None | Some(CountedRow { loose: None, .. }), Some(persons)) => {
                Some(persons.bytes().to_vec())
            }
        };
        unit.execute(
            "INSERT INTO exported_persons (year, tenant, place, version, is_known, kept, digest)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (year, tenant, place, version)
             DO UPDATE SET is_known = excluded.is_known, kept = excluded.kept, digest = excluded.digest",
            params![
                self.year,
                self.tenant.as_bytes(),
                self.place,
                version.as_bytes(),
                kept.is_some(),
                kept,
                persons.map(digest_of)
            ],
        )?;
        let Some(kept) = kept else {
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
             WHERE year = ?1 AND tenant = ?2 AND place <> ?3 AND substr(place, 1, length(?4)) <> ?4 GROUP BY place",
            params![year, tenant.as_bytes(), SENSITIVE, NON_SENSITIVE],
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
    // Of the same numbers as the gate goes by: what is labelled as sensitive is, whatever was found in it.
    let tenants: Vec<TenantId> = tenants.iter().copied().collect();
    let mut left = Left::of(view, &tenants, year)?;
    let of_label = left.sensitive.tally().persons.lower;
    (found.non_sensitive, found.sensitive) = left.counts();
    let sensitive = &mut found.all.persons.sensitive;
    sensitive.lower = sensitive.lower.max(of_label);
    sensitive.upper = found.sensitive;
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
    let is_sensitive = is_sensitive(exported.label);
    let of_class = Of {
        year: year(exported.time),
        tenant: exported.tenant,
        place: class_of(exported.label).to_owned(),
    };
    if of_class.counted(view, exported.version, Some(persons))? == CountedBefore::Alike {
        return Ok(counts);
    }
    let mut union = Union::new();
    union.add(persons);
    let tally = union.tally();
    let before = counts;
    if is_sensitive {
        counts.sensitive = counts.sensitive.saturating_add(tally.persons.upper);
    } else {
        counts.non_sensitive = counts.non_sensitive.saturating_add(tally.persons.upper);
        counts.sensitive = counts.sensitive.saturating_add(tally.sensitive.upper);
    }
    let is_first = |before: u64, now: u64| before == 0 || before == now;
    counts.is_exact &= is_first(before.non_sensitive, counts.non_sensitive)
        && is_first(before.sensitive, counts.sensitive);
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

/// Returns what stands for the place where what has such a label is counted.
fn class_of(label: Label) -> &'static str {
    if is_sensitive(label) {
        SENSITIVE
    } else {
        NON_SENSITIVE
    }
}

/// Returns what tells persons from others, however many they are.
#[must_use]
pub fn digest_of(persons: &ObjectPersons) -> [u8; 32] {
    let mut of = [0; 32];
    of.copy_from_slice(digest::digest(&digest::SHA256, persons.bytes()).as_ref());
    of
}

fn persons_of(row: &Row<'_>) -> Result<ObjectPersons, RowError> {
    ObjectPersons::parse(row.get(0)?).map_err(|error| onshore_db::unreadable(Box::new(error)))
}

pub(crate) fn year(time: Timestamp) -> i64 {
    let there = time.plus_millis(BEIJING_AHEAD_MS).written_as("%Y");
    // Written by us: digits, and a sign in years that nobody sees.
    there.parse().unwrap_or_default()
}
