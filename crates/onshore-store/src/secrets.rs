//! What opens a version, apart from the version: a backup holds everything but this, and this is kept, and destroyed,
//! elsewhere (decision 0018). Of a version these are its facts, its wrapped data keys and its tags; of an upload under
//! way its facts, and those of its parts.
//!
//! A copy of the database keeps a mark in their place, as long as what it stands for, so that nothing else moves.

use std::collections::HashSet;

use onshore_db::{Unit, View, params};

use crate::{Error, columns};

/// Whose something is: a version's or an upload's id.
pub type SecretOwner = [u8; 16];

/// How long a mark is; nothing that is sealed is shorter.
const MARK_LEN_BYTES: usize = 16;
/// What stands in place of something that was withheld.
pub type Mark = [u8; MARK_LEN_BYTES];

/// How many rows are taken up at once.
const PAGE: u32 = 1000;

/// What something belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OwnerKind {
    /// A version.
    Version,
    /// An upload under way.
    Upload,
}

/// Something that was withheld from a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// Whose it is.
    pub owner: SecretOwner,
    /// What that is.
    pub kind: OwnerKind,
    /// What stands in its place.
    pub mark: Mark,
    /// What it is: sealed, as everything in the database that matters.
    pub content: Vec<u8>,
}

/// A table with something to withhold.
struct Place {
    kind: OwnerKind,
    /// The owner, what tells rows of one owner apart, and the columns.
    select: &'static str,
    /// Takes the owner, what tells rows apart, and new contents.
    update: &'static str,
    columns: usize,
}

const PLACES: [Place; 3] = [
    Place {
        kind: OwnerKind::Version,
        select: "SELECT id, 0, facts, wrapped, tags FROM versions WHERE id > ?1 ORDER BY id LIMIT ?3",
        update: "UPDATE versions SET facts = ?3, wrapped = ?4, tags = ?5 WHERE id = ?1",
        columns: 3,
    },
    Place {
        kind: OwnerKind::Upload,
        select: "SELECT id, 0, facts FROM uploads WHERE id > ?1 ORDER BY id LIMIT ?3",
        update: "UPDATE uploads SET facts = ?3 WHERE id = ?1",
        columns: 1,
    },
    Place {
        kind: OwnerKind::Upload,
        select: "SELECT upload, number, facts FROM parts WHERE (upload, number) > (?1, ?2) ORDER BY upload, number LIMIT ?3",
        update: "UPDATE parts SET facts = ?3 WHERE upload = ?1 AND number = ?2",
        columns: 1,
    },
];

struct Row {
    owner: SecretOwner,
    number: i64,
    contents: Vec<Vec<u8>>,
}

/// Takes what opens versions and uploads out of a copy of the database, and hands it over in portions.
///
/// # Errors
/// Those of the database and of `keep`.
pub fn withhold<E: From<onshore_db::Error>>(
    unit: &Unit<'_>,
    mark: impl Fn(&SecretOwner, &[u8]) -> Mark,
    mut keep: impl FnMut(Vec<Withheld>) -> Result<(), E>,
) -> Result<(), E> {
    each_row(unit, |place, rows| {
        let mut portion = Vec::new();
        for row in rows {
            let marked = row.contents.iter().map(|content| {
                let mark = mark(&row.owner, content);
                let mut marked = mark.to_vec();
                marked.resize(content.len().max(MARK_LEN_BYTES), 0);
                (mark, marked)
            });
            let (marks, marked): (Vec<Mark>, Vec<Vec<u8>>) = marked.unzip();
            replace(unit, place, row.owner, row.number, &marked)?;
            let owner = row.owner;
            portion.extend(
                marks
                    .into_iter()
                    .zip(row.contents)
                    .map(|(mark, content)| Withheld {
                        owner,
                        kind: place.kind,
                        mark,
                        content,
                    }),
            );
        }
        keep(portion)
    })
}

/// Puts what was withheld back into its place. `find` returns it, or none where it was destroyed; whose it was is
/// returned, and what that is; their rows stay closed.
///
/// # Errors
/// Those of the database and of `find`; [`Error::CorruptRecord`] for a row without a mark.
pub fn give_back<E: From<onshore_db::Error> + From<Error>>(
    unit: &Unit<'_>,
    mut find: impl FnMut(&SecretOwner, &Mark) -> Result<Option<Vec<u8>>, E>,
) -> Result<HashSet<(SecretOwner, OwnerKind)>, E> {
    let mut destroyed = HashSet::new();
    each_row(unit, |place, rows| {
        for row in rows {
            let found = row
                .contents
                .iter()
                .map(|marked| {
                    let mark = marked
                        .first_chunk()
                        .ok_or(Error::CorruptRecord("a mark in a backup"))?;
                    find(&row.owner, mark)
                })
                .collect::<Result<Option<Vec<_>>, E>>()?;
            match found {
                Some(contents) => replace(unit, place, row.owner, row.number, &contents)?,
                None => {
                    destroyed.insert((row.owner, place.kind));
                }
            }
        }
        Ok::<(), E>(())
    })?;
    Ok(destroyed)
}

/// Says what it is that has this id, if it is there.
///
/// # Errors
/// Those of the database.
pub fn owner_kind(
    view: &View<'_>,
    owner: &SecretOwner,
) -> Result<Option<OwnerKind>, onshore_db::Error> {
    for (kind, sql) in [
        (OwnerKind::Version, "SELECT 1 FROM versions WHERE id = ?1"),
        (OwnerKind::Upload, "SELECT 1 FROM uploads WHERE id = ?1"),
    ] {
        if view.one(sql, params![owner], |_| Ok(()))?.is_some() {
            return Ok(Some(kind));
        }
    }
    Ok(None)
}

fn each_row<E: From<onshore_db::Error>>(
    unit: &Unit<'_>,
    mut take: impl FnMut(&Place, Vec<Row>) -> Result<(), E>,
) -> Result<(), E> {
    for place in &PLACES {
        let mut after = (Vec::new(), 0);
        loop {
            let rows = unit.all(place.select, params![after.0, after.1, PAGE], |row| {
                Ok(Row {
                    owner: columns::bytes16(row, 0)?,
                    number: row.get(1)?,
                    contents: (2..2 + place.columns)
                        .map(|column| row.get(column))
                        .collect::<Result<_, _>>()?,
                })
            })?;
            let Some(last) = rows.last() else {
                break;
            };
            after = (last.owner.to_vec(), last.number);
            take(place, rows)?;
        }
    }
    Ok(())
}

fn replace(
    unit: &Unit<'_>,
    place: &Place,
    owner: SecretOwner,
    number: i64,
    contents: &[Vec<u8>],
) -> Result<(), onshore_db::Error> {
    match contents {
        [facts] => unit.execute(place.update, params![owner, number, facts]),
        [facts, wrapped, tags] => {
            unit.execute(place.update, params![owner, number, facts, wrapped, tags])
        }
        _ => Ok(0),
    }
    .map(drop)
}
