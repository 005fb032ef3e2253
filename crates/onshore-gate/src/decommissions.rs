//! Deleting at a source takes two people: one proposes it for a migration whose certificate is complete, another who is apart from
//! him approves; only then the job begins. What the provider states afterwards is filed beside what the job found.

use onshore_keys::Secret;
use onshore_policy::{Principal, Role};
use onshore_registry::{Cutover, CutoverStep, Decommission, Job, JobState, NewJob, Statement};
use onshore_types::{JobId, LeafIndex, Timestamp};
use serde_json::{Value, json};

use crate::acts::{Act, require};
use crate::people::{second, vouch};
use crate::{Error, Gate};

/// A decommissioning that somebody proposes.
#[derive(Debug)]
pub struct DecommissionOrder {
    /// The job whose certificate says what may be deleted.
    pub of: JobId,
    /// The same for the same job.
    pub fingerprint: [u8; 32],
    /// How it is to be done, as the engine's own JSON.
    pub options: Value,
    /// What the source asks of whoever deletes there, as the engine's own bytes.
    pub credentials: Option<Secret>,
}

/// A provider's statement to be filed.
#[derive(Debug)]
pub struct StatementFile {
    /// The name of its file.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Gate {
    /// Proposes to delete at the source what the certificate of a job covers. The job that does it waits for a second person.
    ///
    /// # Errors
    /// [`Error::RoleForbids`], [`Error::Unnamed`]; [`Error::NotDecommissionable`] when there is no complete certificate, or somebody has proposed
    /// it already; those of the keepers.
    pub async fn propose_decommission(
        &self,
        by: Principal,
        order: DecommissionOrder,
    ) -> Result<(Job, LeafIndex), Error> {
        require(by, &[Role::Operator])?;
        self.act(by, move |registry, unit, now| {
            let proposed = vouch(registry, unit, by, now)?;
            let certified = registry.job_in(unit, order.of)?;
            let refuse = |why| Err(Error::NotDecommissionable { job: order.of, why });
            if certified.state != JobState::Complete || certified.certificate_leaf.is_none() {
                return refuse("only a job that ended complete, with a certificate, says what may be deleted");
            }
            match registry.cutover(unit, order.of) {
                Ok(cutover) if is_way_back_open(&cutover, now) => {
                    return refuse(
                        "the way back of its cut-over is open, or being taken, and leads to what would be deleted: wait until it is \
                         over, or give it up (onshore cutover stay)",
                    );
                }
                Ok(_) | Err(onshore_registry::Error::NoSuchCutover) => {}
                Err(other) => return Err(other.into()),
            }
            if registry.unfinished_job(unit, &order.fingerprint)?.is_some() {
                return refuse("somebody has proposed it already, and that is not over");
            }
            let new = NewJob {
                id: JobId::from_bytes(onshore_keys::random()),
                tenant: certified.tenant,
                bucket: certified.bucket,
                source: certified.source,
                fingerprint: order.fingerprint,
                label: None,
                options: order.options,
                credentials: order.credentials,
                created_by: by.id,
                created: now,
            };
            registry.save_job(unit, &new)?;
            registry.save_decommission(unit, new.id, order.of, &proposed)?;
            let job = registry.pause_job(unit, new.id)?;
            let body = json!({ "job": job.id, "of": order.of, "tenant": job.tenant, "proposed_by": by.id });
            let record = json!({ "job": job.id, "of": order.of, "source": new.source, "proposer": proposed.person });
            let kind = "decommission.proposed";
            Ok((Act { kind, body, record }, job))
        })
        .await
    }

    /// Gives the second word: the job begins.
    ///
    /// # Errors
    /// [`Error::RoleForbids`], [`Error::Unnamed`], [`Error::SamePerson`]; [`Error::NotDecommissionable`] when it is none that waits for
    /// a word; those of the keepers.
    pub async fn approve_decommission(
        &self,
        by: Principal,
        id: JobId,
    ) -> Result<(Job, LeafIndex), Error> {
        require(by, &[Role::Operator])?;
        self.act(by, move |registry, unit, now| {
            let proposal = registry.decommission(unit, id)?;
            let refuse = |why| Err(Error::NotDecommissionable { job: id, why });
            let Some(proposal) = proposal else {
                return refuse("it deletes nothing at a source");
            };
            if proposal.approved.is_some() || registry.job_in(unit, id)?.state.is_ended() {
                return refuse("it was approved already, or is over");
            }
            let approved = second(registry, unit, by, &proposal.proposed.person, now)?;
            registry.save_decommission_approval(unit, id, &approved)?;
            let job = registry.resume_job(unit, id)?;
            let body = json!({
                "job": id, "of": proposal.of, "tenant": job.tenant, "proposed_by": proposal.proposed.by, "approved_by": by.id,
            });
            let record = json!({
                "job": id, "of": proposal.of, "proposer": proposal.proposed.person, "approver": approved.person,
            });
            let kind = "decommission.approved";
            Ok((Act { kind, body, record }, job))
        })
        .await
    }

    /// Files what the provider states about the deletion, once the job has ended.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; [`Error::NotDecommissionable`] when the job has not ended, or has a statement; those of the keepers.
    pub async fn file_statement(
        &self,
        by: Principal,
        id: JobId,
        file: StatementFile,
    ) -> Result<(Decommission, LeafIndex), Error> {
        require(by, &[Role::Operator])?;
        self.act(by, move |registry, unit, now| {
            let refuse = |why| Err(Error::NotDecommissionable { job: id, why });
            let Some(mut found) = registry.decommission(unit, id)? else {
                return refuse("it deletes nothing at a source");
            };
            let state = registry.job_in(unit, id)?.state;
            if !matches!(state, JobState::Complete | JobState::Incomplete) {
                return refuse(
                    "a statement is filed beside what the job found, and it has not ended",
                );
            }
            if found.statement.is_some() {
                return refuse("a statement is filed already, and nothing is ever overwritten");
            }
            let statement = Statement {
                name: file.name,
                sha256: file.sha256,
                filed: now,
                filed_by: by.id,
            };
            registry.save_statement(unit, id, &statement, &file.bytes)?;
            let sha256 = onshore_ledger::Hash(statement.sha256);
            let body = json!({ "job": id, "of": found.of, "statement": sha256, "filed_by": by.id });
            let mut record = body.clone();
            if let Value::Object(members) = &mut record {
                members.insert("name".to_owned(), json!(statement.name));
            }
            found.statement = Some(statement);
            let kind = "decommission.stated";
            Ok((Act { kind, body, record }, found))
        })
        .await
    }
}

fn is_way_back_open(cutover: &Cutover, now: Timestamp) -> bool {
    let is_open = cutover.way_back_until.is_some_and(|until| now < until);
    is_open || cutover.step == CutoverStep::Returning
}
