//! Cut-overs: ordered, frozen, accepted and called off by operators, stepped through by the engine. Each of it is a leaf.

use onshore_db::Unit;
use onshore_journal::Leaf;
use onshore_ledger::Disclosure;
use onshore_policy::{Principal, Role};
use onshore_registry::{Cutover, CutoverStep, Freeze, NewCutover};
use onshore_types::{BucketName, LeafIndex};
use serde_json::{Value, json};

use crate::acts::{Act, require};
use crate::gate::{body, salt};
use crate::jobs::{JobOrder, Ordered};
use crate::{Error, Gate};

/// What a cut-over is to be.
#[derive(Debug)]
pub struct CutoverOrder {
    /// The job that carries it out.
    pub job: JobOrder,
    /// Whether it goes no further than can be taken back without a trace.
    pub is_rehearsal: bool,
    /// Whether it goes on although something could not be brought.
    pub accepts_exceptions: bool,
    /// Whether the operator says that the source is frozen.
    pub is_frozen: bool,
}

impl Gate {
    /// Orders a cut-over. One of this bucket that is under way is told what the order says anew: that its source is frozen, that
    /// it may go on with exceptions, and that something which is blocked is to be tried again.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; [`onshore_registry::Error::CutoverUnderWay`] where what is under way is another cut-over or a
    /// migration; those of the keepers.
    pub async fn order_cutover(
        &self,
        by: Principal,
        order: CutoverOrder,
    ) -> Result<Cutover, Error> {
        require(by, &[Role::Operator])?;
        let gate = self.clone();
        self.inner
            .db
            .write(move |unit| {
                let registry = &gate.inner.registry;
                let under_way = registry.cutover_of(unit, &order.job.bucket)?;
                if let Some(cutover) = under_way {
                    let job = registry.job_in(unit, cutover.job)?;
                    if job.fingerprint != order.job.fingerprint
                        || cutover.is_rehearsal != order.is_rehearsal
                    {
                        return Err(onshore_registry::Error::CutoverUnderWay {
                            bucket: cutover.bucket,
                            step: cutover.step,
                        }
                        .into());
                    }
                    return gate.renew_cutover(unit, by, &cutover, &order);
                }
                if let Some(job) = registry.unfinished_job(unit, &order.job.fingerprint)? {
                    return Err(onshore_registry::Error::MigrationUnderWay(job.id).into());
                }
                let (is_rehearsal, accepts_exceptions) =
                    (order.is_rehearsal, order.accepts_exceptions);
                let is_frozen = order.is_frozen;
                let (Ordered::New(job) | Ordered::Attached(job)) =
                    gate.order_job_in(unit, by, order.job)?;
                let new = NewCutover {
                    job: job.id,
                    tenant: job.tenant,
                    bucket: job.bucket,
                    is_rehearsal,
                    accepts_exceptions,
                    is_frozen,
                    began: job.created,
                };
                let cutover = registry.save_cutover(unit, &new)?;
                gate.record_cutover(unit, by, "cutover.ordered", &cutover)?;
                Ok(cutover)
            })
            .await
    }

    fn renew_cutover(
        &self,
        unit: &Unit<'_>,
        by: Principal,
        cutover: &Cutover,
        order: &CutoverOrder,
    ) -> Result<Cutover, Error> {
        let registry = &self.inner.registry;
        if let Some(credentials) = &order.job.credentials {
            registry.renew_credentials(unit, cutover.job, credentials)?;
        }
        if order.accepts_exceptions {
            registry.accept_exceptions(unit, cutover.job)?;
        }
        if order.is_frozen && cutover.freeze.is_none() {
            registry.save_freeze(unit, cutover.job, Some(Freeze::Said))?;
        }
        if cutover.step == CutoverStep::Blocked {
            registry.step_cutover(unit, cutover.job, CutoverStep::LastPass, None, self.now())?;
        }
        let renewed = registry.cutover(unit, cutover.job)?;
        if renewed != *cutover {
            self.record_cutover(unit, by, "cutover.renewed", &renewed)?;
        }
        Ok(renewed)
    }

    /// Asks a cut-over to stop, which puts the source back as it was.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; [`onshore_registry::Error::NoSuchCutover`] where none is under way; those of the keepers.
    pub async fn abort_cutover(&self, by: Principal, bucket: BucketName) -> Result<Cutover, Error> {
        require(by, &[Role::Operator])?;
        let gate = self.clone();
        self.inner
            .db
            .write(move |unit| {
                let registry = &gate.inner.registry;
                let cutover = registry
                    .cutover_of(unit, &bucket)?
                    .ok_or(onshore_registry::Error::NoSuchCutover)?;
                registry.cancel_job(unit, cutover.job)?;
                gate.record_cutover(unit, by, "cutover.aborted", &cutover)?;
                Ok(cutover)
            })
            .await
    }

    /// Records how far a cut-over is, in the unit of work in which that changes.
    ///
    /// # Errors
    /// Those of the journal.
    pub fn settle_cutover(&self, unit: &Unit<'_>, cutover: &Cutover) -> Result<LeafIndex, Error> {
        let leaf = Leaf {
            time: self.now(),
            body: body("cutover.stepped", self.inner.epoch(), told(cutover)),
            disclosure: Some(Disclosure {
                salt: salt(),
                record: record(cutover),
            }),
        };
        Ok(self.inner.journal.record(unit, leaf)?)
    }

    fn record_cutover(
        &self,
        unit: &Unit<'_>,
        by: Principal,
        kind: &'static str,
        cutover: &Cutover,
    ) -> Result<LeafIndex, Error> {
        let act = Act {
            kind,
            body: told(cutover),
            record: record(cutover),
        };
        self.inner.record_act(unit, by, act, self.now())
    }
}

/// What everyone may read.
fn told(cutover: &Cutover) -> Value {
    json!({
        "job": cutover.job,
        "tenant": cutover.tenant,
        "step": cutover.step,
        "rehearsal": cutover.is_rehearsal,
        "freeze": cutover.freeze,
        "accepts_exceptions": cutover.accepts_exceptions,
    })
}

fn record(cutover: &Cutover) -> Value {
    json!({
        "job": cutover.job,
        "bucket": cutover.bucket,
        "step": cutover.step,
        "detail": cutover.detail,
        "report": cutover.report,
        "old_policy": cutover.old_policy,
    })
}
