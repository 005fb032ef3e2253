//! What other rules would have decided: the transfers that the ledger tells of are judged once more, by the rules in force and
//! by those proposed, over the same facts. Nothing is recorded.
//!
//! Of each transfer the record keeps who asked, what for, the place and the label, and what was known of the exporter. Approvals are
//! taken as they were at that time; how much was left of them is not known any more, and is taken as enough for both.

use onshore_journal::RecordedLeaf;
use onshore_policy::{
    ApprovalFact, ExporterFact, Facts, Flow, PackFiles, Policy, Principal, Role, Subject, Transfer,
    Verdict,
};
use onshore_registry::Approval;
use onshore_types::{
    BucketId, ByteRange, Label, LeafIndex, Place, PrincipalId, TenantId, Timestamp, VersionId,
};
use serde::Deserialize;
use serde_json::Value;

use crate::rules::policy_of;
use crate::{Error, Gate};

/// How many leaves are read at once.
const PAGE: u32 = 1000;
/// How many differences are told one by one.
const TOLD_MAX: usize = 1000;
/// The leaves that tell of a decision over the border.
const KINDS: [&str; 3] = ["refused", "export.opened", "export.described"];

/// What other rules would have decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// How many recorded decisions were looked at. Equal refusals of a minute are one.
    pub looked_at: u64,
    /// How many could not be judged again, since an earlier version recorded less of them.
    pub unreadable: u64,
    /// How many would be decided otherwise.
    pub otherwise: u64,
    /// The first of those.
    pub differences: Vec<Difference>,
}

/// A decision that would be another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The leaf that tells of the decision.
    pub leaf: LeafIndex,
    /// When it was.
    pub time: Timestamp,
    /// Whose data it is about.
    pub tenant: TenantId,
    /// Where to.
    pub to: Place,
    /// With which label.
    pub label: Label,
    /// What the rules in force say: `allow`, or the rule that refuses.
    pub now: String,
    /// What the proposed rules say.
    pub then: String,
}

/// What a record tells of a transfer.
#[derive(Debug, Deserialize)]
struct Recorded {
    by: By,
    exporter: Exporter,
    flow: String,
    principal: PrincipalId,
    owner: TenantId,
    bucket: Option<BucketId>,
    version: Option<VersionId>,
    label: Label,
    range: Run,
    from: String,
    to: String,
}

#[derive(Debug, Deserialize)]
struct By {
    role: String,
    tenant: Option<TenantId>,
}

#[derive(Debug, Deserialize)]
struct Exporter {
    critical_infrastructure: bool,
    state_organ: bool,
    non_sensitive_persons: u64,
    sensitive_persons: u64,
}

#[derive(Debug, Deserialize)]
struct Run {
    len_bytes: u64,
}

impl Gate {
    /// Says what of the decisions recorded since an instant a rule pack would have decided otherwise; without files, the rules of
    /// the border alone.
    ///
    /// # Errors
    /// [`Error::Pack`] for a pack that cannot be used; those of the keepers.
    pub async fn compare_pack(
        &self,
        files: Option<PackFiles>,
        since: Timestamp,
    ) -> Result<Comparison, Error> {
        let then = policy_of(files)?;
        let rules = self.inner.rules();
        let approvals = self.inner.registry.approvals().await?;
        let mut comparison = Comparison::default();
        let mut from = 0;
        loop {
            let page = self
                .inner
                .journal
                .disclosed_since(since, from, PAGE)
                .await?;
            let Some((last, _)) = page.last() else {
                return Ok(comparison);
            };
            from = last.index + 1;
            for (leaf, record) in &page {
                let kind = leaf.body.get("kind").and_then(Value::as_str);
                if !kind.is_some_and(|kind| KINDS.contains(&kind)) {
                    continue;
                }
                comparison.looked_at += 1;
                match self.transfer_of(record) {
                    None => comparison.unreadable += 1,
                    Some((transfer, exporter)) => {
                        let facts = Facts {
                            region: self.inner.region.jurisdiction,
                            epoch: rules.epoch,
                            approvals: as_they_were(&approvals, leaf.time),
                            exporter,
                        };
                        comparison.compare(leaf, (&rules.policy, &then), &facts, &transfer);
                    }
                }
            }
        }
    }

    fn transfer_of(&self, record: &Value) -> Option<(Transfer, ExporterFact)> {
        let recorded = Recorded::deserialize(record).ok()?;
        let flow = [
            Flow::Read,
            Flow::Inspect,
            Flow::List,
            Flow::Store,
            Flow::Change,
        ]
        .into_iter()
        .find(|flow| says(*flow, &recorded.flow))?;
        let role = [
            Role::TenantUser,
            Role::Operator,
            Role::Regulator,
            Role::Auditor,
        ]
        .into_iter()
        .find(|role| says(*role, &recorded.by.role))?;
        let transfer = Transfer {
            principal: Principal {
                id: recorded.principal,
                tenant: recorded.by.tenant,
                role,
            },
            operation: "Recorded",
            flow,
            subject: Subject {
                bucket: recorded.bucket,
                owner: Some(recorded.owner),
                key: None,
                version: recorded.version,
                label: recorded.label,
                range: ByteRange::whole(recorded.range.len_bytes),
            },
            from: place(&recorded.from),
            to: place(&recorded.to),
        };
        let exporter = recorded.exporter;
        let fact = ExporterFact {
            critical_infrastructure: exporter.critical_infrastructure,
            state_organ: exporter.state_organ,
            non_sensitive_persons: exporter.non_sensitive_persons,
            sensitive_persons: exporter.sensitive_persons,
        };
        Some((transfer, fact))
    }
}

impl Comparison {
    fn compare(
        &mut self,
        leaf: &RecordedLeaf,
        (now, then): (&Policy, &Policy),
        facts: &Facts,
        transfer: &Transfer,
    ) {
        let word = |policy: &Policy| match policy.decide(facts, transfer, leaf.time) {
            Verdict::Allowed(_) => "allow".to_owned(),
            Verdict::Refused(refusal) => refusal.rule().to_owned(),
        };
        let (now, then) = (word(now), word(then));
        if now == then {
            return;
        }
        self.otherwise += 1;
        if let Some(tenant) = transfer.subject.owner
            && self.differences.len() < TOLD_MAX
        {
            self.differences.push(Difference {
                leaf: leaf.index,
                time: leaf.time,
                tenant,
                to: transfer.to,
                label: transfer.subject.label,
                now,
                then,
            });
        }
    }
}

/// The approvals that were on record at an instant, with enough left.
fn as_they_were(approvals: &[Approval], then: Timestamp) -> Vec<ApprovalFact> {
    approvals
        .iter()
        .filter(|approval| approval.granted <= then)
        .map(|approval| ApprovalFact {
            remaining_bytes: approval.max_bytes,
            objects: None,
            persons: None,
            revoked_at: approval.revoked.filter(|revoked| *revoked <= then),
            ..approval.fact()
        })
        .collect()
}

/// Whether a word of a record is that of a value.
fn says(value: impl serde::Serialize, word: &str) -> bool {
    serde_json::to_value(value).is_ok_and(|value| value == word)
}

fn place(word: &str) -> Place {
    onshore_types::Jurisdiction::parse(word).map_or(Place::Unknown, Place::In)
}
