//! A transfer is judged. What stays inside is judged on the spot; what would leave is judged inside a unit of work, in
//! which the approval's bytes are reserved and the leaf is recorded, so that racing requests cannot overspend.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use onshore_db::{Unit, View};
use onshore_journal::Leaf;
use onshore_ledger::Disclosure;
use onshore_policy::{
    ApprovalFact, Basis, Bearing, Explanation, ExporterFact, Facts, Flow, Grant, Permit, Refusal,
    Transfer, Verdict, border_message,
};
use onshore_registry::{Export, ExportEnd, RefusalKey};
use onshore_types::{ExportId, LeafIndex, PrincipalId, TenantId, Timestamp};
use serde_json::{Value, json};

use crate::exporting::Exporting;
use crate::gate::{Inner, OpenExport, body, salt};
use crate::rules::Rules;
use crate::{Error, Gate, Refused};

/// The rule that refusals abroad are counted under, whatever their cause: a client that saw two leaves would learn that
/// there are two causes.
const OUTWARD: &str = "border.outward";
/// The leaf of what the rules refused.
const REFUSED: &str = "refused";
/// The leaf of what an access policy refused, which no rules were asked about.
const ACCESS: &str = "refused.access";

/// Whoever signs nothing. No approval carries anything to them.
pub const NOBODY: PrincipalId = PrincipalId::from_bytes([0; 16]);

/// What a unit of work decided.
enum Decision {
    Granted(Grant, u64, Option<ExportId>),
    Refused(Refusal, LeafIndex),
    /// Nothing: other rules are due.
    Turning,
}

/// A transfer that was judged: what was known, and what came of it.
pub(crate) struct Judged {
    time: Timestamp,
    facts: Facts,
    exporting: Option<Exporting>,
    verdict: Verdict,
}

impl Gate {
    /// Judges a transfer and hands out the permit for it. Before a permit for bytes that leave is returned, the length
    /// of its range is reserved on the approval and the leaf that opens the export is durable; call
    /// [`Gate::watch`] with it at once.
    ///
    /// # Errors
    /// [`Error::Refused`], recorded; and those of the keepers.
    pub async fn permit(&self, transfer: Transfer) -> Result<Permit, Error> {
        loop {
            let now = self.now();
            if self.inner.is_turning(now) {
                self.turn_over().await?;
                continue;
            }
            let is_outward = match transfer.flow {
                Flow::Read | Flow::Inspect | Flow::List => !self.inner.is_inside(transfer.to, now),
                Flow::Store | Flow::Change => false,
            };
            if !is_outward && let Some((grant, epoch)) = self.inner.grant_inside(&transfer, now) {
                return Ok(issue(&transfer, grant, epoch, None));
            }
            let (gate, asked) = (self.clone(), transfer.clone());
            let decision = self
                .inner
                .db
                .write(move |unit| gate.inner.decide(unit, &asked))
                .await?;
            match decision {
                Decision::Granted(grant, epoch, export) => {
                    if export.is_some() {
                        metrics::counter!("onshore_exports_total").increment(1);
                    }
                    return Ok(issue(&transfer, grant, epoch, export));
                }
                Decision::Refused(refusal, leaf) => {
                    let rule = refusal.rule().to_owned();
                    metrics::counter!("onshore_refusals_total", "rule" => rule).increment(1);
                    let region = self.inner.region.jurisdiction;
                    let message = if is_outward {
                        border_message(region, transfer.to)
                    } else {
                        refusal.explain(region)
                    };
                    return Err(Error::Refused(Box::new(Refused {
                        refusal,
                        leaf,
                        message,
                    })));
                }
                // Other rules came into force while it waited for the writer.
                Decision::Turning => {}
            }
        }
    }

    /// Whether what was permitted and has been read since may be told as it was read: whoever is told of in it is counted. Where
    /// tags came between, it is judged anew.
    ///
    /// # Errors
    /// Those of the keepers.
    pub async fn is_counted(&self, transfer: Transfer, basis: Basis) -> Result<bool, Error> {
        let gate = self.clone();
        self.inner
            .db
            .read(move |view| gate.inner.is_counted(view, &transfer, basis))
            .await
    }

    /// Records that a transfer was refused by an access policy, before the border was asked, and returns the leaf that tells
    /// of it.
    ///
    /// # Errors
    /// Those of the keepers.
    pub async fn refuse(
        &self,
        transfer: &Transfer,
        rule: &'static str,
    ) -> Result<LeafIndex, Error> {
        let (gate, asked) = (self.clone(), transfer.clone());
        let leaf = self
            .inner
            .db
            .write(move |unit| {
                let now = gate.now();
                let record = told_of(&asked, None);
                gate.inner
                    .record_refusal(unit, &asked, ACCESS, rule, record, now)
            })
            .await?;
        metrics::counter!("onshore_refusals_total", "rule" => rule).increment(1);
        Ok(leaf)
    }

    /// Says how a transfer would be answered, without recording or reserving anything. `tenant` is the name that the
    /// proposed command bears.
    ///
    /// # Errors
    /// Those of the keepers.
    pub async fn explain(&self, transfer: &Transfer, tenant: &str) -> Result<Explanation, Error> {
        let (gate, asked) = (self.clone(), transfer.clone());
        let now = self.now();
        if self.inner.is_turning(now) {
            self.turn_over().await?;
        }
        let (asked, facts) = self
            .inner
            .db
            .read(move |view| {
                let rules = gate.inner.rules();
                let asked = gate.inner.as_noticed(view, &asked, now)?.into_owned();
                let judged = gate.inner.judge(view, &rules, &asked, gate.now())?;
                Ok::<_, Error>((asked, judged.facts))
            })
            .await?;
        let rules = self.inner.rules();
        Ok(rules.policy.explain(&facts, &asked, tenant, now))
    }
}

impl Inner {
    fn facts(&self, epoch: u64, approvals: Vec<ApprovalFact>) -> Facts {
        Facts {
            region: self.region.jurisdiction,
            epoch,
            approvals,
            exporter: ExporterFact::default(),
        }
    }

    /// Grants what needs no approval, from memory where something alike was granted before.
    fn grant_inside(&self, transfer: &Transfer, now: Timestamp) -> Option<(Grant, u64)> {
        let rules = self.rules();
        let facts = self.facts(rules.epoch, Vec::new());
        let bearing = Bearing::of(&facts, transfer, now);
        if let Some(grant) = rules.granted.recall(&bearing) {
            return Some((grant, rules.epoch));
        }
        match rules.policy.decide(&facts, transfer, now) {
            Verdict::Allowed(grant) => {
                rules.granted.remember(bearing, &grant);
                Some((grant, rules.epoch))
            }
            Verdict::Refused(_) => None,
        }
    }

    /// Whether what was permitted under rules that are no longer in force would be permitted again. What is on its way in is
    /// not thrown away because the rules for the way out have changed.
    pub(crate) fn holds_still(&self, permit: &Permit, now: Timestamp) -> bool {
        // Of another run everything may be another: networks, region, whoever it is.
        let is_ours = permit.epoch() >= self.first_epoch.load(Ordering::SeqCst);
        is_ours && !self.is_turning(now) && self.grant_inside(permit.transfer(), now).is_some()
    }

    /// Judges a transfer by all that is on record. Nothing is reserved or counted.
    pub(crate) fn judge(
        &self,
        view: &View<'_>,
        rules: &Rules,
        transfer: &Transfer,
        now: Timestamp,
    ) -> Result<Judged, Error> {
        // An approval is for a recipient: who signs nothing is none, whatever a bucket's policy lets anybody read.
        let is_somebody = transfer.principal.id != NOBODY;
        let mut approvals = match transfer.subject.owner {
            Some(owner) if is_somebody => self.registry.approval_facts(view, owner, now)?,
            Some(_) | None => Vec::new(),
        };
        let is_outward = matches!(transfer.flow, Flow::Read | Flow::Inspect)
            && !self.is_inside(transfer.to, now);
        let mut exporting = match transfer.subject.owner {
            // Bytes that are of no bucket are what a support engineer is answered.
            Some(owner)
                if is_outward
                    && (transfer.subject.bucket.is_some() || transfer.flow == Flow::Read) =>
            {
                let exporting = self.exporting(view, transfer, owner, now)?;
                if let Some(exporting) = &exporting {
                    self.fill_allowances(view, exporting, &mut approvals)?;
                }
                exporting
            }
            Some(_) | None => None,
        };
        let mut facts = self.facts(rules.epoch, approvals);
        loop {
            facts.exporter = exporting.as_ref().map(Exporting::fact).unwrap_or_default();
            let verdict = rules.policy.decide(&facts, transfer, now);
            if let (Verdict::Refused(refusal), Some(exporting)) = (&verdict, &mut exporting)
                && self.count_exactly(view, exporting, refusal)?
            {
                continue;
            }
            return Ok(Judged {
                time: now,
                facts,
                exporting,
                verdict,
            });
        }
    }

    fn decide(&self, unit: &Unit<'_>, transfer: &Transfer) -> Result<Decision, Error> {
        let (rules, now) = (self.rules(), self.now());
        if self.is_turning(now) {
            return Ok(Decision::Turning);
        }
        let transfer = &*self.as_noticed(unit, transfer, now)?;
        let judged = self.judge(unit, &rules, transfer, now)?;
        match &judged.verdict {
            Verdict::Allowed(grant) => {
                let grant = grant.clone();
                let export = self.open_export(unit, &rules, transfer, &grant, &judged, now)?;
                Ok(Decision::Granted(grant, rules.epoch, export))
            }
            Verdict::Refused(refusal) => {
                let refusal = refusal.clone();
                let leaf = self.record_refusal(
                    unit,
                    transfer,
                    REFUSED,
                    refusal.rule(),
                    record_of(transfer, &judged),
                    now,
                )?;
                Ok(Decision::Refused(refusal, leaf))
            }
        }
    }

    /// Reserves and records what leaves: bytes as an export that is open until they are sent, what is known of an
    /// object as one that is over at once. Metadata labelled general needs no leaf.
    fn open_export(
        &self,
        unit: &Unit<'_>,
        rules: &Rules,
        transfer: &Transfer,
        grant: &Grant,
        judged: &Judged,
        now: Timestamp,
    ) -> Result<Option<ExportId>, Error> {
        let approval = grant.basis().approval();
        let fact = judged
            .facts
            .approvals
            .iter()
            .find(|fact| Some(fact.id) == approval);
        let recipient = fact.and_then(|fact| fact.recipient.as_ref());
        let on = json!({
            "instrument": fact.and_then(|fact| fact.instrument.as_ref()),
            "recipient_in": recipient.map(|recipient| recipient.jurisdiction),
        });
        let kind = match (transfer.flow, grant.basis()) {
            (Flow::Read, Basis::Free | Basis::Approval(_)) => "export.opened",
            (Flow::Inspect | Flow::List, Basis::Approval(_)) => "export.described",
            _ => return Ok(None),
        };
        let reserved_bytes = transfer.leaving_bytes();
        if let Some(approval) = approval {
            self.registry.reserve(unit, approval, reserved_bytes)?;
        }
        let id = ExportId::from_bytes(onshore_keys::random());
        let leaf = self.record_transfer(
            unit,
            kind,
            transfer,
            grant.tenant(),
            json!({
                "export": id,
                "approval": approval,
                "reserved_bytes": reserved_bytes,
                "rule": grant.basis().rule(),
                "on": approval.map(|_| &on),
                "persons": judged.exporting.as_ref().map(Exporting::persons_max),
            }),
            judged,
        )?;
        let export = Export {
            id,
            approval,
            reserved_bytes,
            opened_leaf: leaf,
            closed_leaf: None,
        };
        self.registry.open_export(unit, &export)?;
        if let Some(exporting) = &judged.exporting {
            self.count_exported(unit, rules, exporting, fact)?;
        }
        let tenant = grant.tenant();
        if transfer.flow != Flow::Read {
            // It goes out at once and whole: nobody watches it.
            let end = ExportEnd::Complete;
            self.close(unit, &export, Some(tenant), end, reserved_bytes)?;
            return Ok(None);
        }
        let until = fact.map(|fact| fact.until);
        // It is there before anyone can go away without having heard of it. Should this unit come to nothing, it is
        // closed as abandoned, which closes only what there is.
        self.opened
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(
                id,
                OpenExport {
                    export,
                    tenant,
                    bucket: transfer.subject.bucket,
                    owner: transfer.subject.owner,
                    notice: self.noticed.newest(transfer.subject.owner),
                    opened: now,
                    until,
                },
            );
        Ok(Some(id))
    }

    fn record_refusal(
        &self,
        unit: &Unit<'_>,
        transfer: &Transfer,
        kind: &str,
        cause: &str,
        mut record: Value,
        now: Timestamp,
    ) -> Result<LeafIndex, Error> {
        let is_border = !self.is_inside(transfer.to, now);
        let rule = if is_border { OUTWARD } else { cause };
        let key = RefusalKey {
            principal: transfer.principal.id,
            rule: rule.to_owned(),
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
        if let Value::Object(members) = &mut record {
            members.insert("cause".to_owned(), Value::from(cause));
        }
        let leaf = self.journal.record(
            unit,
            Leaf {
                time: now,
                body: body(kind, self.epoch(), rest),
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
        judged: &Judged,
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
                time: judged.time,
                body: body(kind, self.epoch(), rest),
                disclosure: Some(Disclosure {
                    salt: salt(),
                    record: record_of(transfer, judged),
                }),
            },
        )?)
    }
}

/// What a leaf about a transfer commits to: everything about it, the key included.
fn record_of(transfer: &Transfer, judged: &Judged) -> Value {
    told_of(transfer, Some(judged))
}

fn told_of(transfer: &Transfer, judged: Option<&Judged>) -> Value {
    json!({
        "by": { "role": transfer.principal.role, "tenant": transfer.principal.tenant },
        "exporter": judged.map(|judged| judged.facts.exporter),
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
