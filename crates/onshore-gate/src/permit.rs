//! A transfer is judged. What stays inside is judged on the spot; what would leave is judged inside a unit of work, in
//! which the approval's bytes are reserved and the leaf is recorded, so that racing requests cannot overspend.

use std::sync::PoisonError;

use onshore_db::Unit;
use onshore_journal::Leaf;
use onshore_ledger::Disclosure;
use onshore_policy::{
    Basis, Bearing, Explanation, Facts, Flow, Grant, Permit, Refusal, Transfer, Verdict,
    border_message,
};
use onshore_registry::{Export, ExportedVersion, RefusalKey};
use onshore_types::{ExportId, LeafIndex, TenantId, Timestamp};
use serde_json::{Value, json};

use crate::gate::{Inner, OpenExport, body, salt};
use crate::{Error, Gate, Refused};

/// The rule that refusals abroad are counted under, whatever their cause: a client that saw two leaves would learn that
/// there are two causes.
const OUTWARD: &str = "border.outward";

/// What a unit of work decided.
enum Decision {
    Granted(Grant, Option<ExportId>),
    Refused(Refusal, LeafIndex),
}

impl Gate {
    /// Judges a transfer and hands out the permit for it. Before a permit for bytes that leave is returned, the length
    /// of its range is reserved on the approval and the leaf that opens the export is durable; call
    /// [`Gate::watch`] with it at once.
    ///
    /// # Errors
    /// [`Error::Refused`], recorded; and those of the keepers.
    pub async fn permit(&self, transfer: Transfer) -> Result<Permit, Error> {
        let (now, region) = (self.now(), self.inner.region.jurisdiction);
        let is_outward = match transfer.flow {
            Flow::Read | Flow::Inspect | Flow::List => !region.contains(transfer.to, now),
            Flow::Store | Flow::Change => false,
        };
        if !is_outward && let Some(grant) = self.inner.grant_inside(&transfer, now) {
            return Ok(issue(&transfer, grant, self.inner.epoch, None));
        }
        let (gate, asked) = (self.clone(), transfer.clone());
        let decision = self
            .inner
            .db
            .write(move |unit| gate.inner.decide(unit, &asked))
            .await?;
        match decision {
            Decision::Granted(grant, export) => {
                if export.is_some() {
                    metrics::counter!("onshore_exports_total").increment(1);
                }
                Ok(issue(&transfer, grant, self.inner.epoch, export))
            }
            Decision::Refused(refusal, leaf) => {
                metrics::counter!("onshore_refusals_total", "rule" => refusal.rule()).increment(1);
                let message = if is_outward {
                    border_message(region, transfer.to)
                } else {
                    refusal.explain(region)
                };
                Err(Error::Refused(Box::new(Refused {
                    refusal,
                    leaf,
                    message,
                })))
            }
        }
    }

    /// Says how a transfer would be answered, without recording or reserving anything. `tenant` is the name that the
    /// proposed command bears.
    ///
    /// # Errors
    /// Those of the keepers.
    pub async fn explain(&self, transfer: &Transfer, tenant: &str) -> Result<Explanation, Error> {
        let now = self.now();
        let approvals = match transfer.subject.owner {
            Some(owner) => {
                let registry = self.inner.registry.clone();
                self.inner
                    .db
                    .read(move |view| registry.approval_facts(view, owner, now))
                    .await?
            }
            None => Vec::new(),
        };
        Ok(self
            .inner
            .policy
            .explain(&self.inner.facts(approvals), transfer, tenant, now))
    }
}

impl Inner {
    fn facts(&self, approvals: Vec<onshore_policy::ApprovalFact>) -> Facts {
        Facts {
            region: self.region.jurisdiction,
            epoch: self.epoch,
            approvals,
        }
    }

    /// Grants what needs no approval, from memory where something alike was granted before.
    fn grant_inside(&self, transfer: &Transfer, now: Timestamp) -> Option<Grant> {
        let facts = self.facts(Vec::new());
        let bearing = Bearing::of(&facts, transfer, now);
        if let Some(grant) = self.granted.recall(&bearing) {
            return Some(grant);
        }
        match self.policy.decide(&facts, transfer, now) {
            Verdict::Allowed(grant) => {
                self.granted.remember(bearing, &grant);
                Some(grant)
            }
            Verdict::Refused(_) => None,
        }
    }

    fn decide(&self, unit: &Unit<'_>, transfer: &Transfer) -> Result<Decision, Error> {
        let now = self.now();
        let approvals = match transfer.subject.owner {
            Some(owner) => self.registry.approval_facts(unit, owner, now)?,
            None => Vec::new(),
        };
        let facts = self.facts(approvals);
        match self.policy.decide(&facts, transfer, now) {
            Verdict::Allowed(grant) => {
                let export = self.open_export(unit, transfer, &grant, &facts, now)?;
                Ok(Decision::Granted(grant, export))
            }
            Verdict::Refused(refusal) => {
                let leaf = self.record_refusal(unit, transfer, &refusal, now)?;
                Ok(Decision::Refused(refusal, leaf))
            }
        }
    }

    /// Reserves and records what leaves: bytes as an export that is open until they are sent, what is known of an
    /// object as a leaf of its own. Metadata labelled general needs no leaf.
    fn open_export(
        &self,
        unit: &Unit<'_>,
        transfer: &Transfer,
        grant: &Grant,
        facts: &Facts,
        now: Timestamp,
    ) -> Result<Option<ExportId>, Error> {
        let approval = grant.basis().approval();
        match (transfer.flow, grant.basis()) {
            (Flow::Read, Basis::Free | Basis::Approval(_)) => {}
            (Flow::Inspect | Flow::List, Basis::Approval(_)) => {
                self.record_transfer(
                    unit,
                    "export.described",
                    transfer,
                    grant.tenant(),
                    json!({
                        "approval": approval,
                        "rule": grant.basis().rule(),
                    }),
                    now,
                )?;
                return Ok(None);
            }
            _ => return Ok(None),
        }
        let reserved_bytes = transfer.subject.range.len_bytes;
        if let Some(approval) = approval {
            self.registry.reserve(unit, approval, reserved_bytes)?;
        }
        let id = ExportId::from_bytes(onshore_keys::random());
        let leaf = self.record_transfer(
            unit,
            "export.opened",
            transfer,
            grant.tenant(),
            json!({
                "export": id,
                "approval": approval,
                "reserved_bytes": reserved_bytes,
                "rule": grant.basis().rule(),
            }),
            now,
        )?;
        let export = Export {
            id,
            approval,
            reserved_bytes,
            opened_leaf: leaf,
            closed_leaf: None,
        };
        self.registry.open_export(unit, &export)?;
        self.count_exported(unit, transfer, grant.tenant(), now)?;
        let until = facts
            .approvals
            .iter()
            .find(|fact| Some(fact.id) == approval)
            .map(|fact| fact.until);
        // It is there before anyone can go away without having heard of it. Should this unit come to nothing, it is
        // closed as abandoned, which closes only what there is.
        self.opened
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(
                id,
                OpenExport {
                    export,
                    tenant: grant.tenant(),
                    bucket: transfer.subject.bucket,
                    opened: now,
                    until,
                },
            );
        Ok(Some(id))
    }

    /// Counts who is told of in what leaves among those whose data has left this year: all of the version, whatever its
    /// range.
    fn count_exported(
        &self,
        unit: &Unit<'_>,
        transfer: &Transfer,
        tenant: TenantId,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Some(version) = transfer.subject.version else {
            return Ok(());
        };
        let exported = ExportedVersion {
            tenant,
            version,
            to: transfer.to,
            time: now,
        };
        if !self.registry.is_export_counted(unit, &exported)? {
            let persons = self.persons.of(unit, version)?;
            self.registry
                .count_exported(unit, &exported, persons.as_ref())?;
        }
        Ok(())
    }

    fn record_refusal(
        &self,
        unit: &Unit<'_>,
        transfer: &Transfer,
        refusal: &Refusal,
        now: Timestamp,
    ) -> Result<LeafIndex, Error> {
        let is_border = !self.region.jurisdiction.contains(transfer.to, now);
        let rule = if is_border { OUTWARD } else { refusal.rule() };
        let key = RefusalKey {
            principal: transfer.principal.id,
            rule,
            minute: now.as_seconds().div_euclid(60),
        };
        if let Some(leaf) = self.registry.count_refusal(unit, &key)? {
            return Ok(leaf);
        }
        let rest = json!({
            "rule": rule,
            "principal": transfer.principal.id,
            "tenant": transfer.principal.tenant,
            "to": transfer.to.to_string(),
            "from": transfer.from.to_string(),
        });
        let mut record = record_of(transfer);
        if let Value::Object(members) = &mut record {
            members.insert("cause".to_owned(), Value::from(refusal.rule()));
        }
        let leaf = self.journal.record(
            unit,
            Leaf {
                time: now,
                body: body("refused", self.epoch, rest),
                disclosure: Some(Disclosure {
                    salt: salt(),
                    record,
                }),
            },
        )?;
        self.registry.save_refusal(unit, &key, leaf)?;
        Ok(leaf)
    }

    fn record_transfer(
        &self,
        unit: &Unit<'_>,
        kind: &str,
        transfer: &Transfer,
        tenant: TenantId,
        mut rest: Value,
        now: Timestamp,
    ) -> Result<LeafIndex, Error> {
        if let Value::Object(members) = &mut rest {
            members.insert("principal".to_owned(), json!(transfer.principal.id));
            members.insert("tenant".to_owned(), json!(tenant));
            members.insert("bucket".to_owned(), json!(transfer.subject.bucket));
            members.insert("version".to_owned(), json!(transfer.subject.version));
            members.insert("label".to_owned(), json!(transfer.subject.label));
            members.insert("operation".to_owned(), json!(transfer.operation));
            members.insert("from".to_owned(), json!(transfer.from.to_string()));
            members.insert("to".to_owned(), json!(transfer.to.to_string()));
        }
        Ok(self.journal.record(
            unit,
            Leaf {
                time: now,
                body: body(kind, self.epoch, rest),
                disclosure: Some(Disclosure {
                    salt: salt(),
                    record: record_of(transfer),
                }),
            },
        )?)
    }
}

/// What a leaf about a transfer commits to: everything about it, the key included.
pub(crate) fn record_of(transfer: &Transfer) -> Value {
    json!({
        "operation": transfer.operation,
        "flow": transfer.flow,
        "principal": transfer.principal.id,
        "owner": transfer.subject.owner,
        "bucket": transfer.subject.bucket,
        "key": transfer.subject.key,
        "version": transfer.subject.version,
        "label": transfer.subject.label,
        "range": { "start": transfer.subject.range.start, "len_bytes": transfer.subject.range.len_bytes },
        "from": transfer.from.to_string(),
        "to": transfer.to.to_string(),
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the gate is the one that issues permits"
)]
fn issue(transfer: &Transfer, grant: Grant, epoch: u64, export: Option<ExportId>) -> Permit {
    Permit::issue(transfer, grant, epoch, export)
}
