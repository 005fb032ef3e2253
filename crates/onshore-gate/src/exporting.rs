//! Who lets data out, and how many persons it tells of: what a decision over an approval needs to know, gathered inside the
//! unit of work that decides, and counted there once the decision was to let it go.
//!
//! Counting must not join sets for every request. What is kept is an upper bound that needs none: a transfer that passes with
//! it passes. Where the rules refuse with it, the sets are joined and the rules are asked once more.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use onshore_classify::persons::{ObjectPersons, Union};
use onshore_db::{Unit, View};
use onshore_journal::Leaf;
use onshore_ledger::Disclosure;
use onshore_policy::rule_pack::Counts;
use onshore_policy::{Allowance, ApprovalFact, Basis, ExporterFact, Refusal, Transfer};
use onshore_registry::{CountedBefore, ExportedCounts, ExportedVersion, Tenant, digest_of};
use onshore_types::{GroupName, Label, LeafIndex, TenantId, Timestamp, VersionId};
use serde_json::json;

use crate::Error;
use crate::gate::{Inner, body, salt};
use crate::rules::Rules;

/// How many joined counts are remembered; then the memory begins anew.
const REMEMBERED_MAX: usize = 4096;

/// What was joined before, so that who is refused again and again has nothing joined again and again.
#[derive(Debug, Default)]
pub(crate) struct Joined {
    versions: Mutex<HashMap<JoinedWith, ExportedCounts>>,
    /// Of a group and a limit: the exact number, and the sum of the bounds when it was joined.
    groups: Mutex<HashMap<(GroupName, String), (u64, u64)>>,
}

/// What was joined with a version: whose it is, which, with which label, and exactly who is told of in it.
type JoinedWith = (TenantId, VersionId, Label, Option<[u8; 32]>);

/// What is known of an export beside the transfer itself.
#[derive(Debug)]
pub(crate) struct Exporting {
    tenant: Tenant,
    /// The version that leaves; none where no object is meant.
    version: Option<LeavingVersion>,
    /// Whether it is of something that is no object yet: parts of an upload, in which nobody has counted anybody.
    is_unmade: bool,
    pub(crate) counts: ExportedCounts,
}

#[derive(Debug)]
struct LeavingVersion {
    exported: ExportedVersion,
    persons: Option<ObjectPersons>,
}

impl Exporting {
    pub(crate) fn fact(&self) -> ExporterFact {
        ExporterFact {
            critical_infrastructure: self.tenant.standing.critical_infrastructure,
            state_organ: self.tenant.standing.state_organ,
            non_sensitive_persons: self.counts.non_sensitive,
            sensitive_persons: self.counts.sensitive,
        }
    }

    fn persons(&self) -> Option<&ObjectPersons> {
        self.version.as_ref()?.persons.as_ref()
    }

    /// Returns how many persons at most the version tells of.
    pub(crate) fn persons_max(&self) -> u64 {
        self.persons().map_or(0, persons_max)
    }
}

impl Inner {
    /// Gathers what the rules ask of whoever lets data out; none of a tenant that is not there.
    pub(crate) fn exporting(
        &self,
        view: &View<'_>,
        transfer: &Transfer,
        owner: TenantId,
        now: Timestamp,
    ) -> Result<Option<Exporting>, Error> {
        let Some(tenant) = self.registry.tenant_in(view, owner)? else {
            return Ok(None);
        };
        let version = match transfer.subject.version {
            Some(version) => Some(LeavingVersion {
                exported: ExportedVersion {
                    tenant: owner,
                    version,
                    label: transfer.subject.label,
                    to: transfer.to,
                    approval: None,
                    time: now,
                },
                persons: self.persons.of(view, version)?,
            }),
            None => None,
        };
        let counts = match &version {
            Some(leaving) => {
                self.registry
                    .exported_bounds(view, &leaving.exported, leaving.persons.as_ref())?
            }
            None => ExportedCounts::default(),
        };
        Ok(Some(Exporting {
            tenant,
            is_unmade: version.is_none() && transfer.subject.key.is_some(),
            version,
            counts,
        }))
    }

    /// Says what a transfer takes of the limits of each approval.
    pub(crate) fn fill_allowances(
        &self,
        view: &View<'_>,
        exporting: &Exporting,
        approvals: &mut [ApprovalFact],
    ) -> Result<(), Error> {
        let Some(leaving) = &exporting.version else {
            for approval in approvals.iter_mut().filter(|_| exporting.is_unmade) {
                approval.objects = approval.objects.map(|limit| limit.taking(1));
                approval.persons = approval.persons.map(|limit| limit.taking(u64::MAX));
            }
            return Ok(());
        };
        for approval in approvals {
            if approval.objects.is_none() && approval.persons.is_none() {
                continue;
            }
            let of = (approval.tenant, approval.id);
            let version = leaving.exported.version;
            let persons = leaving.persons.as_ref();
            let before = self.registry.left_under(view, of, version, persons)?;
            if before == CountedBefore::Alike {
                continue;
            }
            if let Some(objects) = &mut approval.objects {
                objects.needed = u64::from(before == CountedBefore::Never);
            }
            let (Some(limit), Some(persons)) = (approval.persons, persons) else {
                continue;
            };
            let alone = persons_max(persons);
            // Of a version that left before most are counted: who is new in it shows only where all are joined.
            approval.persons = Some(if before == CountedBefore::Never && alone <= limit.left {
                Allowance {
                    left: limit.left,
                    needed: alone,
                }
            } else {
                let max = self.registry.persons_limit(view, approval.id)?;
                let (before, with) = self.registry.persons_under(view, of, persons)?;
                Allowance {
                    left: max.saturating_sub(before),
                    needed: with.saturating_sub(before),
                }
            });
        }
        Ok(())
    }

    /// Whether counting exactly could turn a refusal; then the counts are exact.
    pub(crate) fn count_exactly(
        &self,
        view: &View<'_>,
        exporting: &mut Exporting,
        refusal: &Refusal,
    ) -> Result<bool, Error> {
        let Refusal::PackForbids { .. } = refusal else {
            return Ok(false);
        };
        let Some(leaving) = exporting
            .version
            .as_ref()
            .filter(|_| !exporting.counts.is_exact)
        else {
            return Ok(false);
        };
        let of = (
            leaving.exported.tenant,
            leaving.exported.version,
            leaving.exported.label,
            leaving.persons.as_ref().map(digest_of),
        );
        let known = self.joined.versions().get(&of).copied();
        exporting.counts = match known.filter(|known| known.changes == exporting.counts.changes) {
            Some(known) => known,
            None => {
                let exact = self.registry.exported_exactly(
                    view,
                    &[leaving.exported.tenant],
                    &leaving.exported,
                    leaving.persons.as_ref(),
                )?;
                let mut versions = self.joined.versions();
                if versions.len() >= REMEMBERED_MAX {
                    versions.clear();
                }
                versions.insert(of, exact);
                exact
            }
        };
        Ok(true)
    }

    /// Counts who is told of in what leaves: among those whose data has left this year, all of the version whatever its
    /// range, and under the approval where that has limits.
    pub(crate) fn count_exported(
        &self,
        unit: &Unit<'_>,
        rules: &Rules,
        exporting: &Exporting,
        approval: Option<&ApprovalFact>,
    ) -> Result<(), Error> {
        let limited =
            approval.filter(|approval| approval.objects.is_some() || approval.persons.is_some());
        let Some(leaving) = &exporting.version else {
            if let Some(approval) = limited.filter(|_| exporting.is_unmade) {
                self.registry.spend_limits(unit, approval.id, 1, None)?;
            }
            return Ok(());
        };
        let exported = ExportedVersion {
            approval: limited.map(|approval| approval.id),
            ..leaving.exported
        };
        let persons = leaving.persons.as_ref();
        if let Some(approval) = limited {
            let of = (approval.tenant, approval.id);
            let before = self
                .registry
                .left_under(unit, of, exported.version, persons)?;
            if before != CountedBefore::Alike {
                let objects = u64::from(before == CountedBefore::Never);
                self.registry
                    .spend_limits(unit, approval.id, objects, approval.persons)?;
            }
        }
        if self.registry.is_export_counted(unit, &exported, persons)? && limited.is_none() {
            return Ok(());
        }
        let before = self.registry.exported_bounds(unit, &exported, None)?;
        self.registry
            .count_exported(unit, &exported, leaving.persons.as_ref())?;
        let of = (exported.tenant, exported.time);
        if exporting.counts != before {
            self.registry
                .save_exported_bounds(unit, of, exporting.counts)?;
        }
        self.look_for_splitting(unit, rules, &exporting.tenant, &exported)
    }

    /// Whether everybody who is told of in a version is counted as having left, with a transfer of it that was permitted: where
    /// others are told of in it by now, what is told of it is judged anew.
    pub(crate) fn is_counted(
        &self,
        view: &View<'_>,
        transfer: &Transfer,
        basis: Basis,
    ) -> Result<bool, Error> {
        let (Basis::Approval(approval), Some(tenant), Some(version)) =
            (basis, transfer.subject.owner, transfer.subject.version)
        else {
            return Ok(true);
        };
        let persons = self.persons.of(view, version)?;
        let exported = ExportedVersion {
            tenant,
            version,
            label: transfer.subject.label,
            to: transfer.to,
            approval: Some(approval),
            time: self.now(),
        };
        let is_limited = self.registry.has_limits(view, approval)?;
        let before = match is_limited {
            true => {
                self.registry
                    .left_under(view, (tenant, approval), version, persons.as_ref())?
            }
            false => CountedBefore::Alike,
        };
        Ok(before == CountedBefore::Alike
            && self
                .registry
                .is_export_counted(view, &exported, persons.as_ref())?)
    }

    /// Raises an alarm, once a year for a limit, where the tenants of a group together come over it and none does alone.
    fn look_for_splitting(
        &self,
        unit: &Unit<'_>,
        rules: &Rules,
        tenant: &Tenant,
        exported: &ExportedVersion,
    ) -> Result<(), Error> {
        let (Some(pack), Some(group)) = (rules.policy.pack(), &tenant.group) else {
            return Ok(());
        };
        let now = exported.time;
        let members = self.registry.group_in(unit, group)?;
        let each = members
            .iter()
            .map(|member| {
                let of = ExportedVersion {
                    tenant: *member,
                    ..*exported
                };
                self.registry.exported_bounds(unit, &of, None)
            })
            .collect::<Result<Vec<_>, _>>()?;
        for (name, counts) in pack.limits_of_persons() {
            let of = |counted: &ExportedCounts| match counts {
                Counts::NonSensitive => counted.non_sensitive,
                Counts::Sensitive => counted.sensitive,
            };
            let Some(limit) = pack
                .limit(name, now)
                .and_then(|limit| u64::try_from(limit).ok())
            else {
                continue;
            };
            let sum = each.iter().map(of).fold(0, u64::saturating_add);
            let key = (group.clone(), name.to_owned());
            let known = self.joined.groups().get(&key).copied();
            let at_most = match known {
                Some((exact, then)) if sum >= then => exact.saturating_add(sum - then),
                Some(_) | None => sum,
            };
            if at_most < limit || self.registry.is_alarm_raised(unit, (group, name), now)? {
                continue;
            }
            let exact = self
                .registry
                .exported_exactly(unit, &members, exported, None)?;
            self.joined.groups().insert(key, (of(&exact), sum));
            if of(&exact) < limit || each.iter().any(|member| of(member) >= limit) {
                continue;
            }
            let leaf = self.raise_alarm(unit, group, &members, (name, limit), of(&exact), now)?;
            self.registry.save_alarm(unit, (group, name), now, leaf)?;
        }
        Ok(())
    }

    fn raise_alarm(
        &self,
        unit: &Unit<'_>,
        group: &GroupName,
        members: &[TenantId],
        (threshold, limit): (&str, u64),
        persons: u64,
        now: Timestamp,
    ) -> Result<LeafIndex, Error> {
        tracing::warn!(
            %group,
            threshold,
            limit,
            persons,
            "the tenants of a group let out together what none of them may alone"
        );
        metrics::counter!("onshore_splitting_alarms_total").increment(1);
        let rest = json!({
            "threshold": threshold,
            "limit": limit,
            "persons": persons,
            "tenants": members,
        });
        let leaf = Leaf {
            time: now,
            body: body("alarm.splitting", self.epoch(), rest),
            disclosure: Some(Disclosure {
                salt: salt(),
                record: json!({ "group": group, "threshold": threshold, "persons": persons }),
            }),
        };
        Ok(self.journal.record(unit, leaf)?)
    }
}

impl Joined {
    fn versions(&self) -> std::sync::MutexGuard<'_, HashMap<JoinedWith, ExportedCounts>> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn groups(&self) -> std::sync::MutexGuard<'_, HashMap<(GroupName, String), (u64, u64)>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn persons_max(persons: &ObjectPersons) -> u64 {
    let mut union = Union::new();
    union.add(persons);
    union.tally().persons.upper
}
