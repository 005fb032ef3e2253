//! Jobs: ordering one, having it wait or stop, and the records of what it found and how it ended.

use onshore_db::Unit;
use onshore_journal::Leaf;
use onshore_keys::Secret;
use onshore_policy::{Principal, Role};
use onshore_registry::{Job, JobState, NewJob, Registry, Tally};
use onshore_types::{BucketName, JobId, Label, LeafIndex, TenantId, Timestamp};
use serde_json::{Value, json};

use crate::acts::{Act, require};
use crate::gate::body;
use crate::{Error, Gate};

/// A job that somebody orders.
#[derive(Debug)]
pub struct JobOrder {
    /// For whom.
    pub tenant: TenantId,
    /// Into which bucket.
    pub bucket: BucketName,
    /// From where, without credentials, as the engine's own JSON.
    pub source: Value,
    /// The same for the same source, bucket and tenant.
    pub fingerprint: [u8; 32],
    /// The class declared for everything it brings.
    pub label: Option<Label>,
    /// How it is to be done, as the engine's own JSON.
    pub options: Value,
    /// What the source asks for, as the engine's own bytes.
    pub credentials: Option<Secret>,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq)]
pub enum Ordered {
    /// A new job waits for the engine.
    New(Job),
    /// A job for the same source and bucket is under way; this is it.
    Attached(Job),
}

impl Gate {
    /// Orders a job, or attaches to the unfinished one of the same source, bucket and tenant, which then uses the
    /// credentials handed over last.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; those of the keepers.
    pub async fn order_job(&self, by: Principal, order: JobOrder) -> Result<Ordered, Error> {
        require(by, &[Role::Operator])?;
        let gate = self.clone();
        self.inner
            .db
            .write(move |unit| gate.order_job_in(unit, by, order))
            .await
    }

    /// Orders a job in a unit of work.
    pub(crate) fn order_job_in(
        &self,
        unit: &Unit<'_>,
        by: Principal,
        order: JobOrder,
    ) -> Result<Ordered, Error> {
        let registry = &self.inner.registry;
        if let Some(job) = registry.unfinished_job(unit, &order.fingerprint)? {
            if let Some(credentials) = &order.credentials {
                registry.renew_credentials(unit, job.id, credentials)?;
            }
            return Ok(Ordered::Attached(job));
        }
        let now = self.now();
        let job = NewJob {
            id: JobId::from_bytes(onshore_keys::random()),
            tenant: order.tenant,
            bucket: order.bucket,
            source: order.source,
            fingerprint: order.fingerprint,
            label: order.label,
            options: order.options,
            credentials: order.credentials,
            created_by: by.id,
            created: now,
        };
        registry.save_job(unit, &job)?;
        let record = json!({
            "job": job.id,
            "bucket": job.bucket,
            "source": job.source,
            "options": job.options,
        });
        let body = json!({ "job": job.id, "tenant": job.tenant, "class": job.label });
        self.inner.record_act(
            unit,
            by,
            Act {
                kind: "job.ordered",
                body,
                record,
            },
            now,
        )?;
        registry
            .unfinished_job(unit, &job.fingerprint)?
            .map(Ordered::New)
            .ok_or(Error::Registry(onshore_registry::Error::NoSuchJob(job.id)))
    }

    /// Asks a job to stop.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; a job that does not exist or has ended; those of the keepers.
    pub async fn cancel_job(&self, by: Principal, id: JobId) -> Result<(Job, LeafIndex), Error> {
        require(by, &[Role::Operator])?;
        self.act(by, move |registry, unit, _| {
            let job = registry.cancel_job(unit, id)?;
            let body = json!({ "job": id, "tenant": job.tenant });
            Ok((
                Act {
                    kind: "job.cancelled",
                    record: body.clone(),
                    body,
                },
                job,
            ))
        })
        .await
    }

    /// Asks a job to wait until it is asked to go on.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; a job that does not exist or has ended; those of the keepers.
    pub async fn pause_job(&self, by: Principal, id: JobId) -> Result<(Job, LeafIndex), Error> {
        self.turn_job(by, id, "job.paused", Registry::pause_job)
            .await
    }

    /// Asks a job that waits to go on.
    ///
    /// # Errors
    /// As [`Gate::pause_job`].
    pub async fn resume_job(&self, by: Principal, id: JobId) -> Result<(Job, LeafIndex), Error> {
        self.turn_job(by, id, "job.resumed", Registry::resume_job)
            .await
    }

    /// Asks a job that keeps up with its source to come to its end.
    ///
    /// # Errors
    /// As [`Gate::pause_job`].
    pub async fn finish_job(&self, by: Principal, id: JobId) -> Result<(Job, LeafIndex), Error> {
        self.turn_job(by, id, "job.finished", Registry::finish_job)
            .await
    }

    async fn turn_job(
        &self,
        by: Principal,
        id: JobId,
        kind: &'static str,
        turn: fn(&Registry, &Unit<'_>, JobId) -> Result<Job, onshore_registry::Error>,
    ) -> Result<(Job, LeafIndex), Error> {
        require(by, &[Role::Operator])?;
        self.act(by, move |registry, unit, _| {
            let decommission = registry.decommission(unit, id)?;
            if decommission.is_some_and(|found| found.approved.is_none()) {
                return Err(Error::NotDecommissionable {
                    job: id,
                    why: "it waits for the word of a second person: onshore decommission approve",
                });
            }
            let job = turn(registry, unit, id)?;
            let body = json!({ "job": id, "tenant": job.tenant });
            Ok((
                Act {
                    kind,
                    record: body.clone(),
                    body,
                },
                job,
            ))
        })
        .await
    }

    /// Records how an engine's job ended, destroys its credentials, and returns the leaf. `claim` is what the leaf must
    /// say of a certificate, see `CertificateBody::claim`.
    ///
    /// # Errors
    /// A job that has ended already; those of the keepers.
    pub fn settle_job(
        &self,
        unit: &Unit<'_>,
        job: &Job,
        state: JobState,
        detail: Option<&str>,
        tally: &Tally,
        claim: Option<&Value>,
    ) -> Result<LeafIndex, Error> {
        let now = self.now();
        let leaf = self.record_job(unit, job, state, tally, claim, now)?;
        self.inner
            .registry
            .end_job(unit, job.id, state, detail, claim.map(|_| leaf), now)?;
        Ok(leaf)
    }

    /// Records how a job ends and what its certificate claims, and notes the leaf at the job, which ends by itself
    /// once the certificate is written: a job that has ended has its certificate.
    ///
    /// # Errors
    /// Those of the keepers.
    pub fn certify_job(
        &self,
        unit: &Unit<'_>,
        job: &Job,
        state: JobState,
        tally: &Tally,
        claim: &Value,
    ) -> Result<LeafIndex, Error> {
        let leaf = self.record_job(unit, job, state, tally, Some(claim), self.now())?;
        self.inner
            .registry
            .save_certificate_leaf(unit, job.id, leaf)?;
        Ok(leaf)
    }

    /// Records that a job has listed its source from end to end, and what the inventory's pages come to; what that is, is the
    /// engine's own JSON. The time of the leaf is when it was through.
    ///
    /// # Errors
    /// Those of the journal.
    pub fn settle_listing(
        &self,
        unit: &Unit<'_>,
        job: &Job,
        inventory: &Value,
    ) -> Result<LeafIndex, Error> {
        let rest = json!({ "job": job.id, "tenant": job.tenant, "inventory": inventory });
        let leaf = Leaf {
            time: self.now(),
            body: body("job.listed", self.inner.epoch(), rest),
            disclosure: None,
        };
        Ok(self.inner.journal.record(unit, leaf)?)
    }

    fn record_job(
        &self,
        unit: &Unit<'_>,
        job: &Job,
        state: JobState,
        tally: &Tally,
        claim: Option<&Value>,
        now: Timestamp,
    ) -> Result<LeafIndex, Error> {
        let rest = json!({
            "job": job.id,
            "tenant": job.tenant,
            "state": state,
            "certificate": claim,
            "listed": tally.listed,
            "copied": tally.copied,
            "unchanged": tally.unchanged,
            "exceptions": tally.exceptions,
            "bytes": tally.copied_bytes + tally.unchanged_bytes,
        });
        let leaf = Leaf {
            time: now,
            body: body("job.ended", self.inner.epoch(), rest),
            disclosure: None,
        };
        Ok(self.inner.journal.record(unit, leaf)?)
    }
}
