//! The round that visits everything once: every version in the order of ids, every row that tells of one, every part of
//! an upload under way. Where it stands is kept, so that a store too large for one run is gone through all the same.

use onshore_db::{Unit, View, params};
use onshore_types::{BucketId, ObjectKey, UploadId, VersionId};
use serde::{Deserialize, Serialize};

use crate::damage::Damage;
use crate::examination::Examined;
use crate::{Error, Store, columns};

/// What is said of a row whose version is not there.
pub(crate) const FACTS_MISSING: &str = "its facts are missing";

/// Where a round stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RoundMarker {
    place: Place,
}

/// Behind what a round stands, leg by leg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Place {
    Versions(Option<VersionId>),
    Objects(Option<(BucketId, ObjectKey)>),
    History(Option<VersionId>),
    Parts(Option<(UploadId, u32)>),
}

/// What a round comes to next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoundPage {
    /// To be examined, each with its bucket.
    pub examine: Vec<(Examined, BucketId)>,
    /// Damaged without a closer look: a row tells of a version that is not there.
    pub damaged: Vec<Damage>,
    /// Where the round stands then; none when it is over.
    pub next: Option<RoundMarker>,
}

impl RoundMarker {
    /// Returns where a round stands that has examined this.
    #[must_use]
    pub fn behind(examined: Examined) -> Self {
        let place = match examined {
            Examined::Version(version) => Place::Versions(Some(version)),
            Examined::Part { upload, number } => Place::Parts(Some((upload, number))),
        };
        Self { place }
    }
}

impl Place {
    /// Returns where the leg behind this one begins.
    fn next_leg(&self) -> Option<Self> {
        match self {
            Self::Versions(_) => Some(Self::Objects(None)),
            Self::Objects(_) => Some(Self::History(None)),
            Self::History(_) => Some(Self::Parts(None)),
            Self::Parts(_) => None,
        }
    }
}

impl Store {
    /// Returns what a round comes to behind this, so many rows at most. One page is one read.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn to_examine(
        &self,
        after: Option<RoundMarker>,
        rows_max: usize,
    ) -> Result<RoundPage, Error> {
        let place = after.map_or(Place::Versions(None), |marker| marker.place);
        self.inner
            .db
            .read(move |view| page(view, &place, rows_max))
            .await
    }

    /// Returns where the round stands that an earlier run began; none where it stands at the start.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn round(&self) -> Result<Option<RoundMarker>, Error> {
        let text = self
            .inner
            .db
            .read(|view| {
                Ok::<_, Error>(view.one("SELECT marker FROM scrub", params![], |row| {
                    row.get::<_, String>(0)
                })?)
            })
            .await?;
        // A marker that does not read costs a round from its start, nothing else.
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Keeps where the round stands.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_round(&self, unit: &Unit<'_>, marker: Option<&RoundMarker>) -> Result<(), Error> {
        match marker {
            None => unit.execute("DELETE FROM scrub", params![])?,
            Some(marker) => {
                let text = serde_json::to_string(marker)
                    .map_err(|_| Error::CorruptRecord("where a round stands"))?;
                unit.execute(
                    "INSERT INTO scrub (one, marker) VALUES (1, ?1)
                     ON CONFLICT (one) DO UPDATE SET marker = ?1",
                    params![text],
                )?
            }
        };
        Ok(())
    }
}

fn page(view: &View<'_>, place: &Place, rows_max: usize) -> Result<RoundPage, Error> {
    let limit = i64::try_from(rows_max).unwrap_or(i64::MAX);
    let mut page = RoundPage::default();
    let last = match place {
        Place::Versions(after) => versions(view, *after, limit, &mut page)?,
        Place::Objects(after) => objects(view, after.as_ref(), limit, &mut page)?,
        Place::History(after) => history(view, *after, limit, &mut page)?,
        Place::Parts(after) => parts(view, *after, limit, &mut page)?,
    };
    page.next = last
        .or_else(|| place.next_leg())
        .map(|place| RoundMarker { place });
    Ok(page)
}

/// Each leg returns where it stands, and none once it is over.
fn versions(
    view: &View<'_>,
    after: Option<VersionId>,
    limit: i64,
    page: &mut RoundPage,
) -> Result<Option<Place>, Error> {
    let rows = view.all(
        "SELECT id, bucket FROM versions WHERE id > ?1 ORDER BY id LIMIT ?2",
        params![from(after), limit],
        |row| {
            Ok((
                VersionId::from_bytes(columns::bytes16(row, 0)?),
                BucketId::from_bytes(columns::bytes16(row, 1)?),
            ))
        },
    )?;
    let last = rows.last().map(|(version, _)| *version);
    page.examine = rows
        .into_iter()
        .map(|(version, bucket)| (Examined::Version(version), bucket))
        .collect();
    Ok(last.map(|version| Place::Versions(Some(version))))
}

fn objects(
    view: &View<'_>,
    after: Option<&(BucketId, ObjectKey)>,
    limit: i64,
    page: &mut RoundPage,
) -> Result<Option<Place>, Error> {
    let (bucket, key) = match after {
        None => (&[][..], &[][..]),
        Some((bucket, key)) => (bucket.as_bytes().as_slice(), key.as_str().as_bytes()),
    };
    let rows = view.all(
        "SELECT o.bucket, o.key, o.version, v.id IS NULL FROM (
             SELECT bucket, key, version FROM objects
             WHERE (bucket, key) > (?1, ?2) ORDER BY bucket, key LIMIT ?3) o
         LEFT JOIN versions v ON v.id = o.version ORDER BY o.bucket, o.key",
        params![bucket, key, limit],
        |row| {
            Ok((
                (
                    BucketId::from_bytes(columns::bytes16(row, 0)?),
                    columns::key(row, 1)?,
                ),
                VersionId::from_bytes(columns::bytes16(row, 2)?),
                row.get::<_, bool>(3)?,
            ))
        },
    )?;
    page.damaged = rows
        .iter()
        .filter(|(_, _, is_missing)| *is_missing)
        .map(|((bucket, _), version, _)| without_facts(*bucket, *version))
        .collect();
    let last = rows.into_iter().next_back();
    Ok(last.map(|(place, _, _)| Place::Objects(Some(place))))
}

fn history(
    view: &View<'_>,
    after: Option<VersionId>,
    limit: i64,
    page: &mut RoundPage,
) -> Result<Option<Place>, Error> {
    let rows = view.all(
        "SELECT h.version, h.bucket, h.kind = 'object' AND v.id IS NULL FROM (
             SELECT version, bucket, kind FROM history WHERE version > ?1 ORDER BY version LIMIT ?2) h
         LEFT JOIN versions v ON v.id = h.version ORDER BY h.version",
        params![from(after), limit],
        |row| {
            Ok((
                VersionId::from_bytes(columns::bytes16(row, 0)?),
                BucketId::from_bytes(columns::bytes16(row, 1)?),
                row.get::<_, bool>(2)?,
            ))
        },
    )?;
    page.damaged = rows
        .iter()
        .filter(|(_, _, is_missing)| *is_missing)
        .map(|(version, bucket, _)| without_facts(*bucket, *version))
        .collect();
    let last = rows.last().map(|(version, _, _)| *version);
    Ok(last.map(|version| Place::History(Some(version))))
}

fn parts(
    view: &View<'_>,
    after: Option<(UploadId, u32)>,
    limit: i64,
    page: &mut RoundPage,
) -> Result<Option<Place>, Error> {
    let (upload, number) = match &after {
        None => (&[][..], 0),
        Some((upload, number)) => (upload.as_bytes().as_slice(), *number),
    };
    let rows = view.all(
        "SELECT p.upload, p.number, u.bucket FROM parts p JOIN uploads u ON u.id = p.upload
         WHERE (p.upload, p.number) > (?1, ?2) ORDER BY p.upload, p.number LIMIT ?3",
        params![upload, number, limit],
        |row| {
            Ok((
                UploadId::from_bytes(columns::bytes16(row, 0)?),
                row.get::<_, u32>(1)?,
                BucketId::from_bytes(columns::bytes16(row, 2)?),
            ))
        },
    )?;
    let last = rows.last().map(|(upload, number, _)| (*upload, *number));
    page.examine = rows
        .into_iter()
        .map(|(upload, number, bucket)| (Examined::Part { upload, number }, bucket))
        .collect();
    Ok(last.map(|place| Place::Parts(Some(place))))
}

fn without_facts(bucket: BucketId, version: VersionId) -> Damage {
    Damage {
        examined: Examined::Version(version),
        bucket,
        what: FACTS_MISSING,
    }
}

/// Every id is behind the empty byte string.
fn from(after: Option<VersionId>) -> Vec<u8> {
    after.map_or_else(Vec::new, |version| version.as_bytes().to_vec())
}
