//! What a guard says of a plan, in both languages. Names of resources, members, regions and orders stay as they are.

use onshore_types::Jurisdiction;

use super::tables::Growth;
use crate::order::{FreezeKind, Order};
use crate::records::Id;
use crate::{Day, Language};

/// Says it in one language.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words(pub(super) Language);

impl Words {
    pub(super) fn frozen(self, what: FreezeKind, order: &Order, clause: &Id, by: &str) -> String {
        let cited = order.cite(clause, self.0);
        match self.0 {
            Language::En => format!("{what} is frozen by {cited}{by}"),
            Language::Zh => format!("{}（{what}）已由{cited}冻结{by}", what.words_in(self.0)),
        }
    }

    /// What a member makes larger, or may.
    pub(super) fn more(self, growth: &Growth) -> Option<String> {
        let how = match (growth, self.0) {
            (Growth::Larger(member), Language::En) => format!("{member} larger"),
            (Growth::Untold(member), Language::En) => {
                format!("{member} what its name does not tell to be smaller")
            }
            (Growth::Larger(member), Language::Zh) => format!("{member} 扩大"),
            (Growth::Untold(member), Language::Zh) => {
                format!("{member} 变更，且名称看不出是否缩小")
            }
            (Growth::Renewed(_), _) => return None,
        };
        Some(how)
    }

    pub(super) fn because(self, more: &str) -> String {
        match self.0 {
            Language::En => format!(": it makes {more}"),
            Language::Zh => format!("：{more}"),
        }
    }

    pub(super) fn renews(self, member: &str) -> String {
        match self.0 {
            Language::En => format!(": {member} renews it"),
            Language::Zh => format!("：{member} 构成续期"),
        }
    }

    pub(super) fn since(self, from: Day, order: &Order, clause: &Id) -> String {
        let cited = order.cite(clause, self.0);
        match self.0 {
            Language::En => format!("{from} by {cited}"),
            Language::Zh => format!("自 {from} 起由{cited}禁用"),
        }
    }

    pub(super) fn made(self, provider: &str, since: &str) -> String {
        match self.0 {
            Language::En => {
                format!("`{provider}` makes it at a provider that is prohibited since {since}")
            }
            Language::Zh => format!("`{provider}` 在被禁用的服务商处新建资源（{since}）"),
        }
    }

    pub(super) fn grown(self, provider: &str, more: &str, since: &str) -> String {
        match self.0 {
            Language::En => format!(
                "`{provider}` makes {more}, which is to procure more at a provider that is prohibited since {since}"
            ),
            Language::Zh => {
                format!("`{provider}` 使 {more}，等于在被禁用的服务商处增购（{since}）")
            }
        }
    }

    pub(super) fn changed(self, provider: &str, since: &str) -> String {
        match self.0 {
            Language::En => format!(
                "`{provider}` changes it at a provider that is prohibited since {since}: leaving may need that, so somebody must look"
            ),
            Language::Zh => format!(
                "`{provider}` 变更被禁用的服务商处的资源（{since}）：迁出可能需要如此，须由人工核查"
            ),
        }
    }

    pub(super) fn unknown_provider(self, name: &str) -> String {
        match self.0 {
            Language::En => {
                format!("nothing is known of the provider `{name}`: somebody must look")
            }
            Language::Zh => format!("不认识服务商插件 `{name}`，须由人工核查"),
        }
    }

    pub(super) fn unknown_type(self, kind: &str) -> String {
        match self.0 {
            Language::En => format!("nothing is known of the type `{kind}`: somebody must look"),
            Language::Zh => format!("不认识资源类型 `{kind}`，须由人工核查"),
        }
    }

    pub(super) fn stays_in(self, message: &str, inside: Jurisdiction) -> String {
        match self.0 {
            Language::En => format!("{message}; data stays in {inside}"),
            Language::Zh => format!("{message}；数据须留在 {inside}"),
        }
    }

    /// That a member is a place, and what is known of that.
    pub(super) fn placed(self, member: &str, value: &str, told: &str) -> String {
        match self.0 {
            Language::En => format!("{member} is `{value}`, {told}"),
            Language::Zh => format!("{member} 为 `{value}`，{told}"),
        }
    }

    pub(super) fn country(self, country: Option<Jurisdiction>) -> String {
        match (self.0, country) {
            (Language::En, Some(country)) => format!("which is in {country}"),
            (Language::En, None) => {
                "a place that is in no table, or in several countries".to_owned()
            }
            (Language::Zh, Some(country)) => format!("位于 {country}"),
            (Language::Zh, None) => "该地点不在表中，或跨多个国家".to_owned(),
        }
    }

    pub(super) fn nowhere(self) -> String {
        match self.0 {
            Language::En => {
                "nothing in it says where it is, so say it in the configuration".to_owned()
            }
            Language::Zh => "其中没有任何内容说明所在地，请在配置中写明".to_owned(),
        }
    }

    pub(super) fn say_it(self, why: &str) -> String {
        match self.0 {
            Language::En => format!("{why}: say it in the configuration"),
            Language::Zh => format!("{why}，请在配置中写明"),
        }
    }

    pub(super) fn worldwide(self, path: &str) -> String {
        match self.0 {
            Language::En => format!("{path} brings it wherever the provider likes"),
            Language::Zh => format!("{path} 由服务商任意决定数据所在地"),
        }
    }

    pub(super) fn brings_somewhere(self) -> String {
        match self.0 {
            Language::En => "it brings data somewhere, and nothing in it says in which region: somebody must look".to_owned(),
            Language::Zh => "它把数据送往别处，却未说明是哪个区域，须由人工核查".to_owned(),
        }
    }

    pub(super) fn brings_by(self, path: &str) -> String {
        match self.0 {
            Language::En => format!(
                "{path} brings data somewhere, and the plan does not tell in which region that is: somebody must look"
            ),
            Language::Zh => format!("{path} 把数据送往别处，计划未说明是哪个区域，须由人工核查"),
        }
    }

    pub(super) fn nearest(
        self,
        member: &str,
        region: &str,
        near: Option<&str>,
        told: &str,
    ) -> String {
        let near = near.map(|near| format!(" `{near}`")).unwrap_or_default();
        match self.0 {
            Language::En => format!(
                "it says no {member}, so it goes to the multi-region nearest to `{region}`{near}, {told}"
            ),
            Language::Zh => {
                format!("未写明 {member}，数据将存入离 `{region}` 最近的多区域{near}，{told}")
            }
        }
    }

    pub(super) fn nearest_untold(self, member: &str) -> String {
        match self.0 {
            Language::En => format!(
                "it says no {member}, so it goes to the multi-region nearest to its region, which the plan does not tell"
            ),
            Language::Zh => {
                format!("未写明 {member}，数据将存入最近的多区域，而计划未说明所在区域")
            }
        }
    }

    /// The plan itself: what it does not hold is not judged.
    pub(super) fn errored(self) -> String {
        match self.0 {
            Language::En => "making the plan ended with an error, so it holds a part of what would be done: somebody must look".to_owned(),
            Language::Zh => "生成计划时出错，其中只有部分变更，须由人工核查".to_owned(),
        }
    }

    pub(super) fn incomplete(self) -> String {
        match self.0 {
            Language::En => {
                "the plan is incomplete: more would be done after it, which another plan must show"
                    .to_owned()
            }
            Language::Zh => "计划不完整：执行后还会有其他变更，须由后续计划说明".to_owned(),
        }
    }

    pub(super) fn open(self, member: &str) -> String {
        match self.0 {
            Language::En => format!("{member} is not known before the plan is carried out"),
            Language::Zh => format!("{member} 要到执行计划时才知道"),
        }
    }

    pub(super) fn open_pair(self, member: &str) -> String {
        match self.0 {
            Language::En => format!(
                "{member} is not known before the plan is carried out, and may bring it to another region"
            ),
            Language::Zh => format!("{member} 要到执行计划时才知道，可能把数据送往另一区域"),
        }
    }

    /// By which member, and what it says, data goes to the pair of a region.
    pub(super) fn by(self, member: &str, text: Option<&str>) -> String {
        match (self.0, text) {
            (Language::En | Language::Zh, Some(text)) => format!("{member} `{text}`"),
            (Language::En, None) => format!("{member} by default"),
            (Language::Zh, None) => format!("{member} 的默认值"),
        }
    }

    pub(super) fn pair_untold(self, by: &str) -> String {
        match self.0 {
            Language::En => {
                format!("{by} brings it to the pair of its region, which the plan does not tell")
            }
            Language::Zh => format!("{by} 把数据送往所在区域的配对区域，而计划未说明所在区域"),
        }
    }

    pub(super) fn pair(self, by: &str, region: &str, pair: &str, told: &str) -> String {
        match self.0 {
            Language::En => {
                format!("{by} brings it to the pair of `{region}`, `{pair}`, {told}")
            }
            Language::Zh => format!("{by} 把数据送往 `{region}` 的配对区域 `{pair}`，{told}"),
        }
    }

    pub(super) fn pair_unknown(self, by: &str, region: &str) -> String {
        match self.0 {
            Language::En => {
                format!("{by} brings it to the pair of `{region}`, which is in no table")
            }
            Language::Zh => format!("{by} 把数据送往 `{region}` 的配对区域，该区域不在表中"),
        }
    }

    pub(super) fn place_of_the_silent(self) -> String {
        match self.0 {
            Language::En => "the place of what names none".to_owned(),
            Language::Zh => "未写明时的所在地".to_owned(),
        }
    }

    pub(super) fn says_no(self, members: &[&str]) -> String {
        match self.0 {
            Language::En => format!("it says no {}", members.join(" or ")),
            Language::Zh => format!("未写明 {}", members.join(" 或 ")),
        }
    }

    pub(super) fn region_of_provider(self) -> String {
        match self.0 {
            Language::En => "the provider's region".to_owned(),
            Language::Zh => "服务商插件的区域".to_owned(),
        }
    }

    pub(super) fn neither(self) -> String {
        match self.0 {
            Language::En => "neither it nor its provider says where it is".to_owned(),
            Language::Zh => "它和服务商插件都未写明所在地".to_owned(),
        }
    }

    pub(super) fn where_parent_is(self, kind: &str, members: &[&str]) -> String {
        match self.0 {
            Language::En => format!(
                "it is where its {kind} is, by {}: place not known from this plan",
                members.join(" or ")
            ),
            Language::Zh => format!(
                "它位于其 {kind}（{}）所在之处，本计划未说明该地点",
                members.join(" 或 ")
            ),
        }
    }

    pub(super) fn of(self, member: &str, address: &str) -> String {
        match self.0 {
            Language::En => format!("{member} of {address}"),
            Language::Zh => format!("{address} 的{member}"),
        }
    }
}
