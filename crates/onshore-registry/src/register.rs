//! The register: organisations, providers, orders, contracts and assets, each with all its revisions. Nothing is overwritten:
//! a revision is closed when the next one comes, so what was known at any instant can be read again; and each says from which day
//! on it holds. Of a day the last revision counts that had been recorded and holds from that day or an earlier one.

use std::collections::HashMap;

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_orders::{AssetTally, Day, Doubt, Id, Proof, Record, RecordKind};
use onshore_types::{JobId, PrincipalId, Timestamp};

use crate::approvals::clamped;
use crate::rows::{bytes16, count, parsed, parsed_opt, time, time_opt};
use crate::{Error, Registry};

/// One revision of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// The record.
    pub record: Record,
    /// Its number, from 1 on.
    pub number: u32,
    /// The first day on which it holds; none where that is from the beginning.
    pub from: Option<Day>,
    /// When it was recorded.
    pub recorded: Timestamp,
    /// Who recorded it.
    pub recorded_by: PrincipalId,
    /// When the next one was.
    pub superseded: Option<Timestamp>,
}

/// Which records are listed.
#[derive(Debug, Clone)]
pub struct RegisterPage {
    /// Those after this one.
    pub after: Option<Id>,
    /// Those that belong to this one.
    pub of: Option<Id>,
    /// As they were known at this instant.
    pub known_at: Timestamp,
    /// So many at most.
    pub limit: u32,
}

/// A row that is not read yet.
struct Found {
    text: String,
    number: u32,
    from: Option<Day>,
    recorded: Timestamp,
    recorded_by: PrincipalId,
    superseded: Option<Timestamp>,
}

/// Records as they hold on a day, as far as it was known at an instant.
#[derive(Debug, Clone, Copy)]
pub struct AsOf {
    /// The day.
    pub on: Day,
    /// The instant.
    pub known_at: Timestamp,
}

const COLUMNS: &str =
    "SELECT record, revision, from_day, recorded_ms, recorded_by, superseded_ms FROM register";
/// As it was known at ?2.
const KNOWN: &str =
    "kind = ?1 AND recorded_ms <= ?2 AND (superseded_ms IS NULL OR superseded_ms > ?2)";
/// As it holds on ?3, as far as it was known at ?2. Where nothing is later, nothing else is looked for.
const HELD: &str = "kind = ?1 AND recorded_ms <= ?2 AND (from_day IS NULL OR from_day <= ?3) \
     AND (superseded_ms IS NULL OR superseded_ms > ?2 OR NOT EXISTS ( \
        SELECT 1 FROM register AS later WHERE later.kind = register.kind AND later.id = register.id \
        AND later.revision > register.revision AND later.recorded_ms <= ?2 \
        AND (later.from_day IS NULL OR later.from_day <= ?3)))";
/// How many assets were recorded under something until ?2 that holds no longer on ?3, and are neither under it nor proven then.
const TAKEN_OUT: &str = "SELECT taken_from, count(DISTINCT id) AS assets, max(recorded_ms) AS last_ms \
     FROM register INDEXED BY register_taken \
     WHERE taken_from IS NOT NULL AND kind = ?1 AND recorded_ms <= ?2 AND (from_day IS NULL OR from_day <= ?3) \
     AND NOT EXISTS ( \
        SELECT 1 FROM register AS held WHERE held.kind = register.kind AND held.id = register.id \
        AND (held.holder = register.taken_from OR held.proven <= ?3) \
        AND held.revision = ( \
            SELECT max(revision) FROM register AS known WHERE known.kind = register.kind AND known.id = register.id \
            AND known.recorded_ms <= ?2 AND (known.from_day IS NULL OR known.from_day <= ?3)))";

impl Registry {
    /// Saves the first revision of a record.
    ///
    /// # Errors
    /// [`Error::RecordTaken`]; [`Error::NoSuchReference`].
    pub fn add_record(
        &self,
        unit: &Unit<'_>,
        record: &Record,
        by: PrincipalId,
        now: Timestamp,
    ) -> Result<Revision, Error> {
        self.insert_record(unit, record, by, now)?;
        self.check_references(unit, record)?;
        Ok(Revision {
            record: record.clone(),
            number: 1,
            from: None,
            recorded: now,
            recorded_by: by,
            superseded: None,
        })
    }

    /// Saves first revisions of many records, which may refer to each other. The first that cannot be saved is told by its
    /// place among them.
    ///
    /// # Errors
    /// Those of [`Registry::add_record`].
    pub fn add_records<'a>(
        &self,
        unit: &Unit<'_>,
        records: impl Iterator<Item = &'a Record> + Clone,
        by: PrincipalId,
        now: Timestamp,
    ) -> Result<(), (usize, Error)> {
        for (place, record) in records.clone().enumerate() {
            self.insert_record(unit, record, by, now)
                .map_err(|error| (place, error))?;
        }
        for (place, record) in records.enumerate() {
            self.check_references(unit, record)
                .map_err(|error| (place, error))?;
        }
        Ok(())
    }

    /// Saves the next revision of a record, in place of the newest, since whenever that holds. `expected` is the revision that it was
    /// made of.
    ///
    /// # Errors
    /// [`Error::NoSuchRecord`]; [`Error::RecordChanged`] where it is not the newest; [`Error::NoSuchReference`].
    pub fn amend_record(
        &self,
        unit: &Unit<'_>,
        record: &Record,
        expected: u32,
        by: PrincipalId,
        now: Timestamp,
    ) -> Result<Revision, Error> {
        self.amend_record_from(unit, record, (expected, None), by, now)
    }

    /// Saves the next revision of a record, which holds from a day on; in place of the newest where none is given.
    ///
    /// # Errors
    /// Those of [`Registry::amend_record`].
    pub fn amend_record_from(
        &self,
        unit: &Unit<'_>,
        record: &Record,
        (expected, from): (u32, Option<Day>),
        by: PrincipalId,
        now: Timestamp,
    ) -> Result<Revision, Error> {
        let (kind, id) = (record.kind(), record.id());
        let newest = self.record(unit, kind, id)?;
        if newest.number != expected {
            return Err(Error::RecordChanged {
                kind,
                id: id.clone(),
                newest: newest.number,
            });
        }
        let number = expected.saturating_add(1);
        unit.execute(
            "UPDATE register SET superseded_ms = ?3 WHERE kind = ?1 AND id = ?2 AND superseded_ms IS NULL",
            params![kind.word(), id.as_str(), now.as_millis()],
        )?;
        let from = from.or(newest.from);
        insert(unit, record, (number, from), by, now)?;
        if kind == RecordKind::Asset && newest.record.holder() != record.holder() {
            unit.execute(
                "UPDATE register SET taken_from = ?4 WHERE kind = ?1 AND id = ?2 AND revision = ?3",
                params![
                    kind.word(),
                    id.as_str(),
                    number,
                    newest.record.holder().map(Id::as_str)
                ],
            )?;
        }
        self.check_references(unit, record)?;
        Ok(Revision {
            record: record.clone(),
            number,
            from,
            recorded: now,
            recorded_by: by,
            superseded: None,
        })
    }

    /// Looks the newest revision of a record up.
    ///
    /// # Errors
    /// [`Error::NoSuchRecord`].
    pub fn record(&self, view: &View<'_>, kind: RecordKind, id: &Id) -> Result<Revision, Error> {
        view.one(
            &format!("{COLUMNS} WHERE kind = ?1 AND id = ?2 AND superseded_ms IS NULL"),
            params![kind.word(), id.as_str()],
            found,
        )?
        .map_or_else(
            || {
                Err(Error::NoSuchRecord {
                    kind,
                    id: id.clone(),
                })
            },
            |found| revision(kind, &found),
        )
    }

    /// Returns all revisions of a record, the first one first.
    ///
    /// # Errors
    /// [`Error::NoSuchRecord`].
    pub fn record_history(
        &self,
        view: &View<'_>,
        kind: RecordKind,
        id: &Id,
    ) -> Result<Vec<Revision>, Error> {
        let all = view.all(
            &format!("{COLUMNS} WHERE kind = ?1 AND id = ?2 ORDER BY revision"),
            params![kind.word(), id.as_str()],
            found,
        )?;
        if all.is_empty() {
            return Err(Error::NoSuchRecord {
                kind,
                id: id.clone(),
            });
        }
        all.iter().map(|found| revision(kind, found)).collect()
    }

    /// Returns records of a kind by their ids, as they were known at an instant.
    ///
    /// # Errors
    /// Those of the database.
    pub fn records(
        &self,
        view: &View<'_>,
        kind: RecordKind,
        page: &RegisterPage,
    ) -> Result<Vec<Revision>, Error> {
        let after = page.after.as_ref().map_or("", Id::as_str);
        let known = page.known_at.as_millis();
        let all = match &page.of {
            Some(of) => view.all(
                &format!(
                    "{COLUMNS} WHERE {KNOWN} AND id > ?3 AND holder = ?5 ORDER BY id LIMIT ?4"
                ),
                params![kind.word(), known, after, page.limit, of.as_str()],
                found,
            ),
            None => view.all(
                &format!("{COLUMNS} WHERE {KNOWN} AND id > ?3 ORDER BY id LIMIT ?4"),
                params![kind.word(), known, after, page.limit],
                found,
            ),
        }?;
        all.iter().map(|found| revision(kind, found)).collect()
    }

    /// Hands over every record of a kind by its id, in the newest revision that was known at an instant; those that belong to `of`
    /// alone, if given.
    ///
    /// # Errors
    /// Those of the database.
    pub fn each_record(
        &self,
        view: &View<'_>,
        kind: RecordKind,
        of: Option<&Id>,
        known_at: Timestamp,
        mut each: impl FnMut(Record),
    ) -> Result<(), Error> {
        let known = known_at.as_millis();
        let newest = |revision: Revision| each(revision.record);
        reading(kind, newest, |take| match of {
            Some(of) => view.each(
                &format!("{COLUMNS} WHERE {KNOWN} AND holder = ?3 ORDER BY id"),
                params![kind.word(), known, of.as_str()],
                take,
            ),
            None => view.each(
                &format!("{COLUMNS} WHERE {KNOWN} ORDER BY id"),
                params![kind.word(), known],
                take,
            ),
        })
    }

    /// Hands over every record of a kind by its id, as it holds on a day.
    ///
    /// # Errors
    /// Those of the database.
    pub fn each_record_as_of(
        &self,
        view: &View<'_>,
        kind: RecordKind,
        as_of: AsOf,
        mut each: impl FnMut(Record),
    ) -> Result<(), Error> {
        let (known, on) = (as_of.known_at.as_millis(), as_of.on.to_string());
        let held = |revision: Revision| each(revision.record);
        reading(kind, held, |take| {
            view.each(
                &format!("{COLUMNS} WHERE {HELD} ORDER BY id"),
                params![kind.word(), known, on],
                take,
            )
        })
    }

    /// Hands over every revision of every record of a kind that was known at an instant, by ids and numbers; those of records that
    /// ever belonged to `of` alone, if given.
    ///
    /// # Errors
    /// Those of the database.
    pub fn each_revision(
        &self,
        view: &View<'_>,
        kind: RecordKind,
        of: Option<&Id>,
        known_at: Timestamp,
        each: impl FnMut(Revision),
    ) -> Result<(), Error> {
        let known = known_at.as_millis();
        reading(kind, each, |take| match of {
            Some(of) => view.each(
                &format!(
                    "{COLUMNS} WHERE kind = ?1 AND recorded_ms <= ?2 AND id IN ( \
                     SELECT id FROM register WHERE kind = ?1 AND holder = ?3) ORDER BY id, revision"
                ),
                params![kind.word(), known, of.as_str()],
                take,
            ),
            None => view.each(
                &format!("{COLUMNS} WHERE kind = ?1 AND recorded_ms <= ?2 ORDER BY id, revision"),
                params![kind.word(), known],
                take,
            ),
        })
    }

    /// Counts the assets of each contract as they are on a day, as far as it was known at an instant, and those that were its own
    /// once; of one contract, if given.
    ///
    /// # Errors
    /// Those of the database.
    pub fn asset_tallies(
        &self,
        view: &View<'_>,
        of: Option<&Id>,
        AsOf { on, known_at }: AsOf,
    ) -> Result<HashMap<String, AssetTally>, Error> {
        let against = Doubt::ALL.map(|doubt| {
            let bit = doubt.bit();
            format!("count(*) FILTER (WHERE proven <= ?3 AND set_aside & {bit}) AS against_{bit}")
        });
        let sums = format!(
            "SELECT holder, count(*) AS assets, \
             count(*) FILTER (WHERE planned <= ?3) AS planned, count(*) FILTER (WHERE moving <= ?3) AS moving, \
             count(*) FILTER (WHERE moved <= ?3) AS moved, count(*) FILTER (WHERE proven <= ?3) AS proven, \
             coalesce(sum(objects) FILTER (WHERE proven <= ?3), 0) AS objects, \
             count(*) FILTER (WHERE proven <= ?3 AND set_aside > 0) AS set_aside, {} FROM register",
            against.join(", ")
        );
        let mut tallies = HashMap::new();
        let mut take = |row: &Row<'_>| {
            let mut against = [0; Doubt::ALL.len()];
            for (number, doubt) in against.iter_mut().zip(Doubt::ALL) {
                *number = count(row, &format!("against_{}", doubt.bit()))?;
            }
            let tally = AssetTally {
                assets: count(row, "assets")?,
                planned: count(row, "planned")?,
                moving: count(row, "moving")?,
                moved: count(row, "moved")?,
                proven: count(row, "proven")?,
                objects: count(row, "objects")?,
                set_aside: count(row, "set_aside")?,
                against,
                ..AssetTally::default()
            };
            tallies.insert(row.get("holder")?, tally);
            Ok(())
        };
        let (kind, known, on) = (
            RecordKind::Asset.word(),
            known_at.as_millis(),
            on.to_string(),
        );
        match of {
            Some(of) => view.each(
                &format!("{sums} WHERE {HELD} AND holder = ?4 GROUP BY holder"),
                params![kind, known, on, of.as_str()],
                &mut take,
            ),
            None => view.each(
                &format!("{sums} WHERE {HELD} AND holder IS NOT NULL GROUP BY holder"),
                params![kind, known, on],
                &mut take,
            ),
        }?;
        let mut take = |row: &Row<'_>| {
            let tally = tallies.entry(row.get("taken_from")?).or_default();
            tally.taken_out = count(row, "assets")?;
            tally.last_taken_out = time_opt(row, "last_ms")?;
            Ok(())
        };
        match of {
            Some(of) => view.each(
                &format!("{TAKEN_OUT} AND taken_from = ?4 GROUP BY taken_from"),
                params![kind, known, on, of.as_str()],
                &mut take,
            ),
            None => view.each(
                &format!("{TAKEN_OUT} GROUP BY taken_from"),
                params![kind, known, on],
                &mut take,
            ),
        }?;
        Ok(tallies)
    }

    /// Returns the assets that a job proves.
    ///
    /// # Errors
    /// Those of the database.
    pub fn proven_by(&self, view: &View<'_>, job: JobId) -> Result<Vec<Id>, Error> {
        Ok(view.all(
            "SELECT id FROM register WHERE proven_by = ?1 AND superseded_ms IS NULL ORDER BY id",
            [job.to_string()],
            |row| parsed(row, "id"),
        )?)
    }

    fn insert_record(
        &self,
        unit: &Unit<'_>,
        record: &Record,
        by: PrincipalId,
        now: Timestamp,
    ) -> Result<(), Error> {
        if has(unit, record.kind(), record.id())? {
            return Err(Error::RecordTaken {
                kind: record.kind(),
                id: record.id().clone(),
            });
        }
        insert(unit, record, (1, None), by, now)
    }

    fn check_references(&self, view: &View<'_>, record: &Record) -> Result<(), Error> {
        for (kind, id) in record.references() {
            if !has(view, kind, id)? {
                return Err(Error::NoSuchReference {
                    of: record.id().clone(),
                    kind,
                    id: id.clone(),
                });
            }
        }
        Ok(())
    }
}

/// Runs a query whose rows are revisions, each of which is handed over.
fn reading(
    kind: RecordKind,
    mut each: impl FnMut(Revision),
    run: impl FnOnce(&mut dyn FnMut(&Row<'_>) -> Result<(), RowError>) -> Result<(), onshore_db::Error>,
) -> Result<(), Error> {
    let mut fault = None;
    run(&mut |row| {
        if fault.is_none() {
            match revision(kind, &found(row)?) {
                Ok(revision) => each(revision),
                Err(error) => fault = Some(error),
            }
        }
        Ok(())
    })?;
    fault.map_or(Ok(()), Err)
}

fn has(view: &View<'_>, kind: RecordKind, id: &Id) -> Result<bool, Error> {
    Ok(view
        .one(
            "SELECT 1 FROM register WHERE kind = ?1 AND id = ?2",
            params![kind.word(), id.as_str()],
            |_| Ok(()),
        )?
        .is_some())
}

fn insert(
    unit: &Unit<'_>,
    record: &Record,
    (number, from): (u32, Option<Day>),
    by: PrincipalId,
    now: Timestamp,
) -> Result<(), Error> {
    let text = record.to_json().map_err(Error::Record)?;
    let [planned, moving, moved, proven] = record.steps().map(|day| day.map(String::from));
    let proof = record.proof();
    unit.execute(
        "INSERT INTO register (kind, id, revision, holder, recorded_ms, recorded_by, planned, moving, moved, proven, record, from_day,
                               proven_by, objects, set_aside)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        params![
            record.kind().word(),
            record.id().as_str(),
            number,
            record.holder().map(Id::as_str),
            now.as_millis(),
            by.as_bytes(),
            planned,
            moving,
            moved,
            proven,
            text,
            from.map(String::from),
            proof.map(|proof| proof.job.as_str()),
            proof.and_then(|proof| proof.objects).map(clamped),
            proof.map(Proof::set_aside_bits).filter(|bits| *bits != 0),
        ],
    )?;
    Ok(())
}

fn found(row: &Row<'_>) -> Result<Found, RowError> {
    Ok(Found {
        text: row.get("record")?,
        number: row.get("revision")?,
        from: parsed_opt(row, "from_day")?,
        recorded: time(row, "recorded_ms")?,
        recorded_by: PrincipalId::from_bytes(bytes16(row, "recorded_by")?),
        superseded: time_opt(row, "superseded_ms")?,
    })
}

fn revision(kind: RecordKind, found: &Found) -> Result<Revision, Error> {
    let unreadable = Error::Unreadable {
        what: "record of the register",
    };
    let record = Record::from_json(kind, &found.text).map_err(|_| unreadable)?;
    Ok(Revision {
        record,
        number: found.number,
        from: found.from,
        recorded: found.recorded,
        recorded_by: found.recorded_by,
        superseded: found.superseded,
    })
}
