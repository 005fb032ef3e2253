//! Which workers brought what of a job.

use onshore_db::{Unit, params};
use onshore_types::{IdentityName, JobId, PrincipalId};

use crate::rows::{bytes16, count, parsed};
use crate::{EntryId, Error, Registry};

/// What a worker brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerTally {
    /// What it calls itself.
    pub worker: IdentityName,
    /// Whose token it had.
    pub principal: PrincipalId,
    /// How many objects, or versions, that are there and verified.
    pub objects: u64,
    /// And their bytes.
    pub bytes: u64,
}

impl Registry {
    /// Notes which worker brought an entry. What becomes of the entry is saved before that, in the same unit of work.
    ///
    /// # Errors
    /// Those of the database.
    pub fn note_worker(
        &self,
        unit: &Unit<'_>,
        job: JobId,
        id: &EntryId,
        worker: &IdentityName,
        principal: PrincipalId,
    ) -> Result<(), Error> {
        unit.execute(
            "UPDATE job_entries SET worker = ?4, worker_id = ?5 WHERE job = ?1 AND key = ?2 AND version = ?3",
            params![
                job.as_bytes(),
                id.key,
                id.version_column(),
                worker.as_str(),
                principal.as_bytes()
            ],
        )?;
        Ok(())
    }

    /// Returns what each worker brought of a job, by name.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn workers_of(&self, job: JobId) -> Result<Vec<WorkerTally>, Error> {
        let found = self
            .db
            .read(move |view| {
                view.all(
                    "SELECT worker, worker_id, count(*) AS objects, sum(size_bytes) AS bytes FROM job_entries
                     WHERE job = ?1 AND worker IS NOT NULL AND state = 'copied'
                     GROUP BY worker, worker_id ORDER BY worker, worker_id",
                    [job.as_bytes()],
                    |row| {
                        Ok(WorkerTally {
                            worker: parsed(row, "worker")?,
                            principal: PrincipalId::from_bytes(bytes16(row, "worker_id")?),
                            objects: count(row, "objects")?,
                            bytes: count(row, "bytes")?,
                        })
                    },
                )
            })
            .await;
        Ok(found.map_err(|error: onshore_db::Error| error)?)
    }
}
