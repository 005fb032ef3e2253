//! How fast a job went, stretch by stretch, and what of it is left: what a forecast is made from.

use onshore_db::{Unit, params};
use onshore_orders::forecast::CLASS_ENDS;
use onshore_orders::{Brought, Load, SIZE_CLASSES, Stretch};
use onshore_types::{JobId, Timestamp};

use crate::rows::{count, parsed, time};
use crate::{Error, Registry};

/// How large a source was when a job began to bring from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceSize {
    /// When its first listing was through.
    pub at: Timestamp,
    /// How many bytes it had.
    pub bytes: u64,
}

impl Registry {
    /// Saves a stretch of a job. Two that end at the same instant are one.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_stretch(
        &self,
        unit: &Unit<'_>,
        job: JobId,
        stretch: &Stretch,
    ) -> Result<(), Error> {
        let brought = serde_json::to_string(&stretch.brought).map_err(|_| Error::Unreadable {
            what: "stretch of a job",
        })?;
        unit.execute(
            "INSERT INTO job_stretches (job, ended_ms, lasted_ms, brought) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            params![
                job.as_bytes(),
                stretch.ended.as_millis(),
                i64::try_from(stretch.lasted_ms).unwrap_or(i64::MAX),
                brought
            ],
        )?;
        Ok(())
    }

    /// Returns the stretches of a job, the oldest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn stretches(&self, job: JobId) -> Result<Vec<Stretch>, Error> {
        let found = self
            .db
            .read(move |view| {
                view.all(
                    "SELECT ended_ms, lasted_ms, brought FROM job_stretches WHERE job = ?1 ORDER BY ended_ms",
                    [job.as_bytes()],
                    |row| {
                        let brought: Told = parsed(row, "brought")?;
                        Ok(Stretch {
                            ended: time(row, "ended_ms")?,
                            lasted_ms: count(row, "lasted_ms")?,
                            brought: brought.0,
                        })
                    },
                )
            })
            .await;
        Ok(found.map_err(|error: onshore_db::Error| error)?)
    }

    /// Returns what of a job waits to be brought, by classes of size.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn left(&self, job: JobId) -> Result<[Load; SIZE_CLASSES], Error> {
        let classes: Vec<String> = CLASS_ENDS
            .iter()
            .map(|end| format!("(size_bytes >= {end})"))
            .collect();
        let query = format!(
            "SELECT {} AS class, count(*) AS objects, sum(size_bytes) AS bytes FROM job_entries
             WHERE job = ?1 AND state = 'listed' GROUP BY class",
            classes.join(" + ")
        );
        let found: Result<Vec<(usize, Load)>, onshore_db::Error> = self
            .db
            .read(move |view| {
                view.all(&query, [job.as_bytes()], |row| {
                    let load = Load {
                        objects: count(row, "objects")?,
                        bytes: count(row, "bytes")?,
                    };
                    Ok((usize::from(row.get::<_, u8>("class")?), load))
                })
            })
            .await;
        let mut left = [Load::default(); SIZE_CLASSES];
        for (class, load) in found? {
            if let Some(place) = left.get_mut(class) {
                *place = load;
            }
        }
        Ok(left)
    }

    /// Returns how large a job's source was when its first listing was through, and how large when that of the oldest other
    /// job of the same source, bucket and tenant was; none of those that never were through.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn source_sizes(
        &self,
        job: JobId,
        fingerprint: [u8; 32],
    ) -> Result<Vec<SourceSize>, Error> {
        let found = self
            .db
            .read(move |view| {
                view.all(
                    "SELECT max(p.listed_ms) AS at_ms, sum(p.page ->> '$.bytes') AS bytes
                     FROM jobs AS j JOIN job_inventories AS i ON i.job = j.id AND i.round = 0
                     JOIN job_pages AS p ON p.job = j.id AND p.round = 0
                     WHERE j.fingerprint = ?1 AND (j.id = ?2 OR j.id = (
                         SELECT o.id FROM jobs AS o JOIN job_inventories AS k ON k.job = o.id AND k.round = 0
                         WHERE o.fingerprint = ?1 ORDER BY o.created_ms LIMIT 1))
                     GROUP BY j.id ORDER BY at_ms",
                    params![fingerprint, job.as_bytes()],
                    |row| {
                        Ok(SourceSize {
                            at: time(row, "at_ms")?,
                            bytes: count(row, "bytes")?,
                        })
                    },
                )
            })
            .await;
        Ok(found.map_err(|error: onshore_db::Error| error)?)
    }
}

/// What a row tells of a stretch.
#[derive(serde::Deserialize)]
struct Told([Brought; SIZE_CLASSES]);

impl std::str::FromStr for Told {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}
