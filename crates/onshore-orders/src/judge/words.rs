//! The sentences of the judge, in both languages. Names, quotes and titles of sources stay as they were recorded.

use crate::Day;
use crate::asset::{AssetTally, Doubt};
use crate::contract::Deletion;
use crate::deadline::DeadlineRule;
use crate::judge::{Breach, Status};
use crate::language::Language;
use crate::order::{Exemption, Freeze, FreezeKind, Order, Prohibited, Withdrawal};
use crate::records::{Id, Share};

/// Writes sentences about one order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'a> {
    pub(super) order: &'a Order,
    pub(super) language: Language,
}

impl Words<'_> {
    pub(super) fn cite(self, clause: &Id) -> String {
        self.order.cite(clause, self.language)
    }

    pub(super) fn not_yet(self) -> String {
        let (order, effective) = (&self.order.id, self.order.effective);
        match self.language {
            Language::En => format!("{order} binds nobody before {effective}."),
            Language::Zh => format!("{order} 自 {effective} 起生效，此前不约束任何单位。"),
        }
    }

    pub(super) fn withdrawn(self, withdrawal: &Withdrawal) -> String {
        let (order, Withdrawal { from, reason }) = (&self.order.id, withdrawal);
        match self.language {
            Language::En => format!("{order} was withdrawn on {from}: {reason}."),
            Language::Zh => format!("{order} 已于 {from} 撤销：{reason}。"),
        }
    }

    pub(super) fn no_organisation(self, id: &Id) -> String {
        match self.language {
            Language::En => format!("there is no organisation `{id}`."),
            Language::Zh => format!("没有单位“{id}”的记录。"),
        }
    }

    pub(super) fn no_provider(self, id: &Id) -> String {
        match self.language {
            Language::En => format!("there is no provider `{id}`."),
            Language::Zh => format!("没有服务商“{id}”的记录。"),
        }
    }

    pub(super) fn named(self, id: &Id, clause: &Id) -> String {
        let by = self.cite(clause);
        match self.language {
            Language::En => format!("`{id}` is named in {by}"),
            Language::Zh => format!("“{id}”由{by}点名"),
        }
    }

    pub(super) fn addressed(self, id: &Id, clause: &Id) -> String {
        let by = self.cite(clause);
        match self.language {
            Language::En => format!("`{id}` is one of those whom {by} addresses"),
            Language::Zh => format!("“{id}”属于{by}的适用对象"),
        }
    }

    /// Says which words of an organisation are parts of what an order says, after why it is bound.
    pub(super) fn parts(self, parts: &[(&str, &str)]) -> String {
        let each = parts.iter().map(|(part, wide)| match self.language {
            Language::En => format!(", and `{part}` is a part of `{wide}`"),
            Language::Zh => format!("，“{part}”属于“{wide}”"),
        });
        each.collect()
    }

    pub(super) fn not_addressed(self, id: &Id, clause: &Id) -> String {
        let by = self.cite(clause);
        match self.language {
            Language::En => format!("`{id}` is none of those whom {by} addresses."),
            Language::Zh => format!("“{id}”不属于{by}的适用对象。"),
        }
    }

    pub(super) fn controlled(self, id: &Id, clause: &Id, share: f64, chain: &[&Id]) -> String {
        let by = self.cite(clause);
        let chain: Vec<&str> = chain.iter().map(|id| id.as_str()).collect();
        let chain = chain.join(" > ");
        match self.language {
            Language::En => {
                format!("`{id}` is bound by {by}: {share} % of it are held by way of {chain}")
            }
            Language::Zh => format!("“{id}”受{by}约束：其 {share} % 经由 {chain} 持有"),
        }
    }

    pub(super) fn not_controlled(self, id: &Id, clause: &Id, over: Share, on: Day) -> String {
        let by = self.cite(clause);
        match self.language {
            Language::En => format!(
                "`{id}` is none of those whom {by} addresses: on {on} nobody it means holds more than {over} of it."
            ),
            Language::Zh => {
                format!("“{id}”不属于{by}的适用对象：{on} 时其所指主体持有的份额均未超过 {over}。")
            }
        }
    }

    pub(super) fn begins(self, contract: &Id, start: Day) -> String {
        match self.language {
            Language::En => format!("`{contract}` begins on {start} only."),
            Language::Zh => format!("“{contract}”自 {start} 起才开始。"),
        }
    }

    pub(super) fn not_prohibited(self, provider: &Id, on: Day) -> String {
        let order = &self.order.id;
        match self.language {
            Language::En => format!("{order} does not prohibit `{provider}` on {on}."),
            Language::Zh => format!("{order} 在 {on} 未禁用“{provider}”。"),
        }
    }

    pub(super) fn ended_before(self, contract: &Id, end: Day) -> String {
        let order = &self.order.id;
        match self.language {
            Language::En => {
                format!("`{contract}` had ended on {end}, before {order} bound anybody.")
            }
            Language::Zh => format!("“{contract}”已于 {end} 到期，早于 {order} 生效。"),
        }
    }

    pub(super) fn prohibited(self, how: &str, provider: &Id, from: Day, clause: &Id) -> String {
        let by = self.cite(clause);
        match self.language {
            Language::En => format!("{how}; `{provider}` is prohibited since {from} by {by}"),
            Language::Zh => format!("{how}；“{provider}”自 {from} 起由{by}禁用"),
        }
    }

    /// That something is frozen, where it is a contract with whom; and how the order binds whoever asks.
    pub(super) fn frozen(
        self,
        freeze: &Freeze,
        of_whom: Option<(&Id, &Prohibited)>,
        how: &str,
    ) -> String {
        let (what, by) = (freeze.what, self.cite(&freeze.clause));
        match (self.language, of_whom) {
            (Language::En, None) => format!("{what} is frozen by {by}: {how}."),
            (Language::En, Some((whom, Prohibited { from, clause, .. }))) => format!(
                "{what} is frozen with `{whom}`, prohibited by clause {clause} since {from} by {by}: {how}."
            ),
            (Language::Zh, None) => {
                format!(
                    "{}（{what}）已由{by}冻结：{how}。",
                    what.words_in(self.language)
                )
            }
            (Language::Zh, Some((whom, Prohibited { from, clause, .. }))) => format!(
                "与“{whom}”的{}（{what}）已由{by}冻结，该服务商自 {from} 起由条款 {clause} 禁用：{how}。",
                what.words_in(self.language)
            ),
        }
    }

    pub(super) fn no_day(self, rule: &DeadlineRule, clause: &Id) -> String {
        match self.language {
            Language::En => {
                format!("`{rule}` of clause {clause} gives it no day, as it has no end")
            }
            Language::Zh => format!("条款 {clause} 的“{rule}”未给出期限，因为合同没有到期日"),
        }
    }

    pub(super) fn rule(self, rule: &DeadlineRule, clause: &Id, expiry: Option<Day>) -> String {
        let by = self.cite(clause);
        match (self.language, expiry) {
            (Language::En, Some(expiry)) => format!("`{rule}` with expiry {expiry} by {by}"),
            (Language::En, None) => format!("`{rule}` by {by}"),
            (Language::Zh, Some(expiry)) => format!("{by}的“{rule}”，到期日 {expiry}"),
            (Language::Zh, None) => format!("{by}的“{rule}”"),
        }
    }

    pub(super) fn due(self, day: Day, by: &str) -> String {
        match self.language {
            Language::En => format!("it must be left by {day}: {by}"),
            Language::Zh => format!("须于 {day} 前迁出：{by}"),
        }
    }

    pub(super) fn due_at_first(self, first: Day, day: Day, by: &str) -> String {
        match self.language {
            Language::En => format!(
                "it must be left by {first}, the first day of the order, as {day} was before it: {by}"
            ),
            Language::Zh => {
                format!("须于命令首日 {first} 前迁出，因为 {day} 早于该日：{by}")
            }
        }
    }

    pub(super) fn far(
        self,
        tally: &AssetTally,
        deletion: Option<&Deletion>,
        last_out: Option<Day>,
    ) -> String {
        let AssetTally {
            assets,
            moved,
            proven,
            taken_out,
            ..
        } = *tally;
        let far = match (self.language, assets) {
            (Language::En, 0) => "nothing that is kept under it is recorded".to_owned(),
            (Language::En, _) => format!("{proven} of {assets} assets are proven, {moved} moved"),
            (Language::Zh, 0) => "未登记其下的任何资产".to_owned(),
            (Language::Zh, _) => {
                format!("{assets} 项资产中 {proven} 项已证实，{moved} 项已迁移")
            }
        };
        let far = match (self.language, deletion) {
            (Language::En, Some(deletion)) => {
                format!(
                    "{far}, and the deletion is filed ({})",
                    self.probed(deletion)
                )
            }
            (Language::En, None) => format!("{far}, and no deletion is filed"),
            (Language::Zh, Some(deletion)) => {
                format!("{far}，删除证明已归档（{}）", self.probed(deletion))
            }
            (Language::Zh, None) => format!("{far}，删除证明未归档"),
        };
        let far = far + &self.proofs(tally);
        let Some(day) = last_out.filter(|_| taken_out > 0) else {
            return far;
        };
        match (self.language, taken_out) {
            (Language::En, 1) => format!(
                "{far}; 1 asset was taken out of it unproven, by what was recorded on {day}"
            ),
            (Language::En, _) => format!(
                "{far}; {taken_out} assets were taken out of it unproven, the last by what was recorded on {day}"
            ),
            (Language::Zh, _) => {
                format!("{far}；另有 {taken_out} 项未证实资产被移出该合同，最近一次登记于 {day}")
            }
        }
    }

    /// Who looked for what is deleted, and whether something was set aside.
    fn probed(self, deletion: &Deletion) -> String {
        let day = deletion.negative_probe;
        let probed = match (self.language, &deletion.probes[..], &deletion.typed_by) {
            (Language::En, [], Some(who)) => {
                format!("probe of {day} typed by {who}, not run by Onshore")
            }
            (Language::En, [], None) => format!("probe of {day} typed, not run by Onshore"),
            (Language::En, jobs, _) => format!("probe of {day} run by {}", jobs.join(", ")),
            (Language::Zh, [], Some(who)) => {
                format!("{day} 的核查由 {who} 填报，并非由 Onshore 执行")
            }
            (Language::Zh, [], None) => format!("{day} 的核查为人工填报，并非由 Onshore 执行"),
            (Language::Zh, jobs, _) => format!("{day} 的核查由 {} 执行", jobs.join("、")),
        };
        match (self.language, deletion.set_aside) {
            (_, false) => probed,
            (Language::En, true) => {
                format!("{probed}; a named person set aside what speaks against it")
            }
            (Language::Zh, true) => format!("{probed}；疑点由具名人员搁置"),
        }
    }

    /// What the certificates of assets cover, and what named people set aside of them.
    fn proofs(self, tally: &AssetTally) -> String {
        if tally.proven == 0 {
            return String::new();
        }
        let objects = tally.objects;
        let covered = match (self.language, objects) {
            (Language::En, 1) => "; the certificates cover 1 object".to_owned(),
            (Language::En, _) => format!("; the certificates cover {objects} objects"),
            (Language::Zh, _) => format!("；证书共涵盖 {objects} 个对象"),
        };
        let against: Vec<String> = Doubt::ALL
            .into_iter()
            .zip(tally.against)
            .filter(|(_, number)| *number > 0)
            .map(|(doubt, number)| match self.language {
                Language::En => format!("{number} {}", doubt.words_in(self.language)),
                Language::Zh => format!("{}（{number} 项）", doubt.words_in(self.language)),
            })
            .collect();
        match (self.language, tally.set_aside) {
            (_, 0) => covered,
            (Language::En, aside) => format!(
                "{covered}, and named people set aside what speaks against {aside} of the proofs: {}",
                against.join(", ")
            ),
            (Language::Zh, aside) => format!(
                "{covered}，其中 {aside} 项证明的疑点由具名人员搁置：{}",
                against.join("、")
            ),
        }
    }

    /// That a contract was with somebody else before, and must be left as that.
    pub(super) fn was_with(self, provider: &Id, organisation: &Id, until: Day) -> String {
        match self.language {
            Language::En => format!(
                " It was one of `{organisation}` with `{provider}` until {until}, and is left as that."
            ),
            Language::Zh => format!(
                "该合同在 {until} 之前是“{organisation}”与“{provider}”的合同，仍须按此迁出。"
            ),
        }
    }

    /// That a contract is none of an organisation's.
    pub(super) fn none_of(self, contract: &Id, organisation: &Id) -> String {
        match self.language {
            Language::En => format!("`{contract}` is no contract of `{organisation}`."),
            Language::Zh => format!("“{contract}”不是“{organisation}”的合同。"),
        }
    }

    /// That the order bound a contract by what was recorded before.
    pub(super) fn was_bound(self, provider: &Id, clause: &Id, corrected: Day) -> String {
        let by = self.cite(clause);
        match self.language {
            Language::En => format!(
                " Until something else was recorded on {corrected}, it was bound by {by}, as one with `{provider}`."
            ),
            Language::Zh => {
                format!("在 {corrected} 更正登记之前，该合同作为与“{provider}”的合同受{by}约束。")
            }
        }
    }

    /// That a contract was recorded to have been with whom it is only when that was frozen.
    pub(super) fn was_another(self, provider: &Id, clause: &Id, corrected: Day) -> String {
        let by = self.cite(clause);
        match self.language {
            Language::En => format!(
                " Until something else was recorded on {corrected}, when {by} froze a new contract, it was one with `{provider}`."
            ),
            Language::Zh => format!(
                "在 {corrected} 更正登记之前，该合同是与“{provider}”的合同，当时新签已由{by}冻结。"
            ),
        }
    }

    /// That a contract was signed against the order by what was recorded before.
    pub(super) fn was_breach(self, breach: &Breach, corrected: Day) -> String {
        let (Breach { what, signed, .. }, by) = (breach, self.cite(&breach.clause));
        match self.language {
            Language::En => format!(
                " Until something else was recorded on {corrected}, {what} was of {signed}, when {by} froze it."
            ),
            Language::Zh => {
                format!("在 {corrected} 更正登记之前，{what} 登记于 {signed}，当时已由{by}冻结。")
            }
        }
    }

    pub(super) fn exempt(self, exemption: &Exemption) -> String {
        let Exemption {
            from,
            until,
            granted,
            reason,
            ..
        } = exemption;
        match (self.language, until) {
            (Language::En, Some(until)) => {
                format!(", but exempt since {from} until {until} by {granted}: {reason}")
            }
            (Language::En, None) => format!(", but exempt since {from} by {granted}: {reason}"),
            (Language::Zh, Some(until)) => {
                format!("，但自 {from} 起至 {until} 前依 {granted} 豁免：{reason}")
            }
            (Language::Zh, None) => format!("，但自 {from} 起依 {granted} 豁免：{reason}"),
        }
    }

    pub(super) fn breach(self, breach: &Breach) -> String {
        let Breach {
            what,
            signed,
            clause,
        } = breach;
        let by = self.cite(clause);
        let is_renewal = *what == FreezeKind::ContractRenew;
        match self.language {
            Language::En => {
                let deed = if is_renewal { "renewed" } else { "signed" };
                let moves = if is_renewal {
                    ": that moves no day"
                } else {
                    ""
                };
                format!(" It was {deed} on {signed}, when {what} was frozen by {by}{moves}.")
            }
            Language::Zh => {
                let deed = if is_renewal { "续签" } else { "签订" };
                let moves = if is_renewal {
                    "，期限不因此顺延"
                } else {
                    ""
                };
                format!("合同于 {signed} {deed}，当时 {what} 已由{by}冻结{moves}。")
            }
        }
    }

    /// Joins the parts of a sentence.
    pub(super) fn sentence(self, parts: &[&str]) -> String {
        match self.language {
            Language::En => format!("{}.", parts.join("; ")),
            Language::Zh => format!("{}。", parts.join("；")),
        }
    }
}

impl Status {
    /// Returns the word for it in a language.
    #[must_use]
    pub fn word_in(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::En, one) => one.word(),
            (Language::Zh, Self::NotStarted) => "未开始",
            (Language::Zh, Self::Planned) => "已计划",
            (Language::Zh, Self::Moving) => "迁移中",
            (Language::Zh, Self::Moved) => "已迁移",
            (Language::Zh, Self::Proven) => "已证实",
            (Language::Zh, Self::Late) => "逾期",
            (Language::Zh, Self::Exempt) => "豁免",
        }
    }
}

impl FreezeKind {
    /// Returns what it is called in a language.
    #[must_use]
    pub fn words_in(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::En, Self::ContractNew) => "a new contract",
            (Language::En, Self::ContractRenew) => "renewing a contract",
            (Language::En, Self::Datacentre) => "a data centre of one's own",
            (Language::En, Self::Server) => "servers of one's own",
            (Language::En, Self::Storage) => "storage of one's own",
            (Language::Zh, Self::ContractNew) => "新签合同",
            (Language::Zh, Self::ContractRenew) => "合同续签",
            (Language::Zh, Self::Datacentre) => "自建机房",
            (Language::Zh, Self::Server) => "采购服务器",
            (Language::Zh, Self::Storage) => "采购存储设备",
        }
    }
}
