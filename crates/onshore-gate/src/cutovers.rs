//! Cut-overs: ordered, frozen, accepted and called off by operators, stepped through by the engine. Each of it is a leaf.

use onshore_db::Unit;
use onshore_journal::Leaf;
use onshore_keys::Secret;
use onshore_ledger::Disclosure;
use onshore_policy::{Principal, Role};
use onshore_registry::{Cutover, CutoverStep, Freeze, JobState, NewCutover};
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
    /// For how many seconds behind the switch what is changed here can be taken back.
    pub way_back_s: u32,
}

/// How what was changed in a bucket is to be taken back.
#[derive(Debug)]
pub struct ReturnOrder {
    /// The same for the same cut-over.
    pub fingerprint: [u8; 32],
    /// How the job that does it is to do it, as the engine's own JSON.
    pub options: Value,
    /// What the source asks of whoever writes there, as the engine's own bytes.
    pub credentials: Option<Secret>,
    /// Whether what somebody changed at the source meanwhile is written over.
    pub overwrites: bool,
    /// Whether it ends although something cannot be taken back.
    pub accepts_exceptions: bool,
    /// Whether it comes to its end once all is there.
    pub finishes: bool,
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
                let (is_frozen, way_back_s) = (order.is_frozen, order.way_back_s);
                let (Ordered::New(job) | Ordered::Attached(job)) =
                    gate.order_job_in(unit, by, order.job)?;
                let new = NewCutover {
                    job: job.id,
                    tenant: job.tenant,
                    bucket: job.bucket,
                    is_rehearsal,
                    accepts_exceptions,
                    is_frozen,
                    way_back_s,
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
                let job = match (cutover.step, cutover.return_job) {
                    (CutoverStep::Returning, Some(taking_back)) => taking_back,
                    _ => cutover.job,
                };
                registry.cancel_job(unit, job)?;
                gate.record_cutover(unit, by, "cutover.aborted", &cutover)?;
                Ok(cutover)
            })
            .await
    }

    /// Orders that what was changed in a bucket since its switch is taken back to where it came from, or tells the order that is
    /// under way what it says anew.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; [`Error::NoWayBack`]; [`onshore_registry::Error::NoSuchCutover`]; those of the keepers.
    pub async fn order_return(
        &self,
        by: Principal,
        bucket: BucketName,
        order: ReturnOrder,
    ) -> Result<Cutover, Error> {
        require(by, &[Role::Operator])?;
        let gate = self.clone();
        self.inner
            .db
            .write(move |unit| {
                let registry = &gate.inner.registry;
                let cutover = registry.newest_cutover(unit, &bucket)?;
                gate.check_way_back(unit, &cutover)?;
                let brought = registry.job_in(unit, cutover.job)?;
                let job = JobOrder {
                    tenant: brought.tenant,
                    bucket: brought.bucket,
                    source: brought.source,
                    fingerprint: order.fingerprint,
                    label: None,
                    options: order.options,
                    credentials: order.credentials,
                };
                let (Ordered::New(job) | Ordered::Attached(job)) =
                    gate.order_job_in(unit, by, job)?;
                let may = (order.overwrites, order.accepts_exceptions);
                registry.save_return(unit, cutover.job, job.id, may)?;
                // It is said anew once it was tried by what holds now.
                registry.note_cutover(unit, cutover.job, None)?;
                if order.finishes {
                    registry.finish_job(unit, job.id)?;
                }
                let ordered = registry.cutover(unit, cutover.job)?;
                gate.record_cutover(unit, by, "cutover.return-ordered", &ordered)?;
                Ok(ordered)
            })
            .await
    }

    fn check_way_back(&self, unit: &Unit<'_>, cutover: &Cutover) -> Result<(), Error> {
        let refuse = |why: String| {
            Err(Error::NoWayBack {
                bucket: cutover.bucket.clone(),
                why,
            })
        };
        match cutover.step {
            CutoverStep::Returning => return Ok(()),
            CutoverStep::Switched => {}
            step => {
                return refuse(format!(
                    "its newest cut-over is {step}, and one leads back from what is switched"
                ));
            }
        }
        match cutover.way_back_until {
            None => {
                return refuse(
                    "none was kept open (--way-back), or it was given up or is over".to_owned(),
                );
            }
            Some(until) if until <= self.now() => {
                return refuse(format!("it was open until {until}"));
            }
            Some(_) => {}
        }
        let registry = &self.inner.registry;
        for decommission in registry.decommissions(unit)? {
            if decommission.of == cutover.job
                && !matches!(
                    registry.job_in(unit, decommission.job)?.state,
                    JobState::Cancelled
                )
            {
                return refuse(format!(
                    "{} deletes at the source what was brought, or did",
                    decommission.job
                ));
            }
        }
        Ok(())
    }

    /// Gives up the way back of a bucket before its time: what was changed here is not noted any more.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; [`Error::NoWayBack`]; [`onshore_registry::Error::NoSuchCutover`]; those of the keepers.
    pub async fn give_up_way_back(
        &self,
        by: Principal,
        bucket: BucketName,
    ) -> Result<Cutover, Error> {
        require(by, &[Role::Operator])?;
        let gate = self.clone();
        self.inner
            .db
            .write(move |unit| {
                let registry = &gate.inner.registry;
                let cutover = registry.newest_cutover(unit, &bucket)?;
                if cutover.step != CutoverStep::Switched || cutover.way_back_until.is_none() {
                    return Err(Error::NoWayBack {
                        bucket,
                        why: format!("its newest cut-over is {}", cutover.step),
                    });
                }
                // What was noted goes as it does when its time is over.
                registry.keep_way_back(unit, cutover.job, Some(gate.now()))?;
                let given_up = registry.cutover(unit, cutover.job)?;
                gate.record_cutover(unit, by, "cutover.way-back-given-up", &given_up)?;
                Ok(given_up)
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
        "way_back_until": cutover.way_back_until,
        "return_job": cutover.return_job,
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
