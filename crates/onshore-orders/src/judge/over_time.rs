//! A contract over time, held against an order: with whom it was before, and what of it was corrected. What was bound once is told
//! of until it is left, and what was recorded is told of when something else is recorded in its place (`docs/decisions/0065`).

use crate::Day;
use crate::asset::AssetTally;
use crate::contract::Contract;
use crate::judge::{Breach, Finding, OnDay};
use crate::order::FreezeKind;
use crate::records::Id;
use crate::timeline::{Corrected, Timeline, Told};

/// What an order says of a contract of an organisation, whatever became of it.
#[derive(Debug)]
pub struct OverTime<'a> {
    /// The contract as it is told of.
    pub contract: &'a Contract,
    /// What the order says.
    pub finding: Finding,
}

impl OnDay<'_> {
    /// Says what the order asks of a contract of an organisation, so many of whose assets are so far. None where it is no contract of
    /// that organisation's and nothing that the order bound hangs on that it was.
    #[must_use]
    pub fn contract_over_time<'c>(
        &self,
        organisation: &Id,
        told: &'c Timeline<Contract>,
        tally: &AssetTally,
    ) -> Option<OverTime<'c>> {
        if let Some(only) = told.only() {
            return (only.record.organisation == *organisation).then(|| OverTime {
                contract: &only.record,
                finding: self.contract(&only.record, tally),
            });
        }
        let segments = told.segments(self.on);
        let corrected = told.corrected(self.on);
        let breaches = self.breaches_of(organisation, &segments);
        let mut told = self
            .held(organisation, &segments, tally)
            .or_else(|| self.none_of(organisation, &corrected))?;
        told.finding.breaches = breaches;
        told.finding = self.said(told.finding);
        self.tell_corrected(&mut told, organisation, &corrected, tally);
        let is_its_own = segments
            .last()
            .is_some_and(|last| last.record.organisation == *organisation);
        let finding = &told.finding;
        let is_told =
            finding.status.is_some() || finding.corrected.is_some() || !finding.breaches.is_empty();
        (is_its_own || is_told).then_some(told)
    }

    /// What holds, or, where that is not bound, what held before with somebody else and was bound then.
    fn held<'c>(
        &self,
        organisation: &Id,
        segments: &[&'c Told<Contract>],
        tally: &AssetTally,
    ) -> Option<OverTime<'c>> {
        let (last, before) = segments.split_last()?;
        let own = (last.record.organisation == *organisation).then(|| OverTime {
            contract: &last.record,
            finding: self.found(&last.record, tally),
        });
        if own.as_ref().is_some_and(|one| one.finding.status.is_some()) {
            return own;
        }
        let mut next = last;
        for one in before.iter().rev() {
            let (contract, follows) = (&one.record, next);
            next = one;
            let Some(until) = follows.from else { break };
            if !contract.is_with_others(&follows.record)
                || contract.organisation != *organisation
                || !self.was_prohibited(contract, until)
            {
                continue;
            }
            let mut finding = self.found(contract, tally);
            if finding.status.is_some() {
                let (provider, words) = (&contract.provider, self.words());
                let was = words.was_with(provider, organisation, until);
                finding.why.push_str(&was);
                return Some(OverTime { contract, finding });
            }
        }
        own.or_else(|| {
            let theirs = before
                .iter()
                .rev()
                .find(|one| one.record.organisation == *organisation)?;
            Some(self.not_bound(organisation, &theirs.record))
        })
    }

    /// Whether the order prohibited the provider of a contract on the last day before another.
    fn was_prohibited(&self, contract: &Contract, until: Day) -> bool {
        let last = until.plus_days(-1).unwrap_or(until);
        let provider = self.judge.provider_on(&contract.provider, last);
        last >= self.order.effective
            && provider.is_some_and(|one| self.order.prohibits(one, last).is_some())
    }

    fn none_of<'c>(
        &self,
        organisation: &Id,
        corrected: &[Corrected<'c, Contract>],
    ) -> Option<OverTime<'c>> {
        let was = corrected
            .iter()
            .rev()
            .find(|one| one.was.record.organisation == *organisation)?;
        Some(self.not_bound(organisation, &was.was.record))
    }

    fn not_bound<'c>(&self, organisation: &Id, contract: &'c Contract) -> OverTime<'c> {
        OverTime {
            contract,
            finding: Finding {
                bound_by: None,
                is_frozen: false,
                due: None,
                status: None,
                breaches: Vec::new(),
                corrected: None,
                why: self.words().none_of(&contract.id, organisation),
            },
        }
    }

    /// Finds what was signed while it was frozen, in every segment: with somebody else it is new on the day from which it is so.
    fn breaches_of(&self, organisation: &Id, segments: &[&Told<Contract>]) -> Vec<Breach> {
        let mut all: Vec<Breach> = Vec::new();
        let mut before: Option<&Contract> = None;
        for one in segments {
            let contract = &one.record;
            let is_new = before.is_some_and(|before| contract.is_with_others(before));
            let new = one
                .from
                .filter(|_| is_new)
                .unwrap_or_else(|| contract.signed());
            before = Some(contract);
            if contract.organisation != *organisation {
                continue;
            }
            for breach in self.breaches(contract, new) {
                if !all.contains(&breach) {
                    all.push(breach);
                }
            }
        }
        all.sort_by_key(|one| (one.signed, one.what));
        all
    }

    fn tell_corrected(
        &self,
        told: &mut OverTime<'_>,
        organisation: &Id,
        corrected: &[Corrected<'_, Contract>],
        tally: &AssetTally,
    ) {
        let is_bound = told.finding.status.is_some();
        let (words, finding) = (self.words(), &mut told.finding);
        let mut lost: Vec<Breach> = Vec::new();
        let mut was_bound = None;
        for Corrected { was, at } in corrected {
            let contract = &was.record;
            if contract.organisation != *organisation {
                continue;
            }
            let on = Day::at(*at, self.order.offset);
            let found = self.found(contract, tally);
            for breach in found.breaches {
                if !finding.breaches.contains(&breach) && !lost.contains(&breach) {
                    finding.corrected = finding.corrected.max(Some(on));
                    finding.why.push_str(&words.was_breach(&breach, on));
                    lost.push(breach);
                }
            }
            if let Some(clause) = found.bound_by.filter(|_| !is_bound) {
                was_bound = Some((on, words.was_bound(&contract.provider, &clause, on)));
            } else if is_bound
                && !finding
                    .breaches
                    .iter()
                    .any(|one| one.what == FreezeKind::ContractNew)
                && told.contract.is_with_others(contract)
                && let Some(freeze) = self.order.freezes(FreezeKind::ContractNew, on)
            {
                // Whoever enters on a frozen day that it had been with a prohibited provider before is told of, with that day.
                finding.corrected = finding.corrected.max(Some(on));
                let said = words.was_another(&contract.provider, &freeze.clause, on);
                finding.why.push_str(&said);
            }
        }
        if let Some((on, said)) = was_bound {
            finding.corrected = finding.corrected.max(Some(on));
            finding.why.push_str(&said);
        }
    }
}
