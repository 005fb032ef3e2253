//! Who is to be listed: an organisation with all whom it controls, each by what was on record of it in the year
//! (docs/decisions/0080).

use crate::records::{Id, Organisation};
use crate::review::REVIEWED_OVER;
use crate::{Day, Language, Said, sector};

/// An authority of trades, which consents to a listing abroad.
struct Authority {
    sectors: &'static [&'static str],
    name: &'static str,
    name_zh: &'static str,
    since: &'static str,
}

/// Which authority a trade has is known from what the State Council gave each of them; the rule that asks for its word is told where
/// it is asked.
const CONSENTS: &[Authority] = &[
    Authority {
        sectors: &["finance", "banking", "insurance"],
        name: "National Financial Regulatory Administration",
        name_zh: "国家金融监督管理总局",
        since: "2023-05-18",
    },
    Authority {
        sectors: &["securities", "funds"],
        name: "China Securities Regulatory Commission",
        name_zh: "中国证券监督管理委员会",
        since: "2023-03-31",
    },
    Authority {
        sectors: &["payment"],
        name: "People's Bank of China",
        name_zh: "中国人民银行",
        since: "2023-03-31",
    },
    Authority {
        sectors: &["telecommunications", "internet", "industry"],
        name: "Ministry of Industry and Information Technology",
        name_zh: "工业和信息化部",
        since: "2023-03-31",
    },
    Authority {
        sectors: &["transport"],
        name: "Ministry of Transport",
        name_zh: "交通运输部",
        since: "2023-03-31",
    },
    Authority {
        sectors: &["energy"],
        name: "National Energy Administration",
        name_zh: "国家能源局",
        since: "2023-03-31",
    },
    Authority {
        sectors: &["health"],
        name: "National Health Commission",
        name_zh: "国家卫生健康委员会",
        since: "2023-03-31",
    },
    Authority {
        sectors: &["education"],
        name: "Ministry of Education",
        name_zh: "教育部",
        since: "2023-03-31",
    },
    Authority {
        sectors: &["mapping", "natural-resources"],
        name: "Ministry of Natural Resources",
        name_zh: "自然资源部",
        since: "2023-03-31",
    },
    Authority {
        sectors: &["media", "publishing", "broadcasting"],
        name: "National Radio and Television Administration",
        name_zh: "国家广播电视总局",
        since: "2023-03-31",
    },
];

/// Names authorities in a language; one that the table does not know as it was recorded.
pub(crate) fn named(authorities: &[&str], language: Language) -> String {
    let name = |one: &&str| {
        let known = CONSENTS.iter().find(|authority| authority.name == *one);
        match (language, known) {
            (Language::Zh, Some(authority)) => authority.name_zh.to_owned(),
            (Language::En | Language::Zh, _) => (*one).to_owned(),
        }
    };
    let names: Vec<String> = authorities.iter().map(name).collect();
    names.join(match language {
        Language::En => ", ",
        Language::Zh => "、",
    })
}

/// One whose data and trade count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What it is, with as many users and as much sensitive data as count.
    pub organisation: Organisation,
    /// The trades that count for it: what it is in, and what was on record within the year.
    pub trades: Vec<&'static str>,
}

/// Who is to be listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lister {
    /// Itself.
    pub own: Member,
    /// Those whom it controls, by chains too.
    pub controlled: Vec<Member>,
}

/// That an authority must consent, and why.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Consenting<'a> {
    pub(crate) authority: &'static str,
    whose: &'a Organisation,
    trade: &'static str,
    is_own: bool,
}

impl From<Organisation> for Member {
    fn from(organisation: Organisation) -> Self {
        let trade = organisation.sector.as_deref().and_then(sector::known);
        Self {
            trades: trade.into_iter().collect(),
            organisation,
        }
    }
}

impl Lister {
    /// Returns its id.
    #[must_use]
    pub fn id(&self) -> &Id {
        &self.own.organisation.id
    }

    fn members(&self) -> impl Iterator<Item = &Member> {
        std::iter::once(&self.own).chain(&self.controlled)
    }

    fn organisations(&self) -> impl Iterator<Item = &Organisation> {
        self.members().map(|member| &member.organisation)
    }

    fn is_own(&self, one: &Organisation) -> bool {
        one.id == *self.id()
    }

    /// Whether so many persons' data are on record of them all, or so sensitive, that a review is due.
    pub(crate) fn has_much(&self) -> bool {
        self.users() > REVIEWED_OVER || self.organisations().any(|one| one.much_sensitive_data)
    }

    fn users(&self) -> u64 {
        let users = self.organisations().filter_map(|one| one.users);
        users.fold(0, u64::saturating_add)
    }

    /// Returns the authorities that consent on a day, each once.
    pub(crate) fn consenting(&self, on: Day) -> Vec<Consenting<'_>> {
        let mut all: Vec<Consenting<'_>> = Vec::new();
        for member in self.members() {
            for trade in &member.trades {
                let of_trade = CONSENTS.iter().filter(|authority| {
                    let since = authority.since.parse::<Day>();
                    authority.sectors.contains(trade) && since.is_ok_and(|since| since <= on)
                });
                for authority in of_trade {
                    if all.iter().all(|one| one.authority != authority.name) {
                        all.push(Consenting {
                            authority: authority.name,
                            whose: &member.organisation,
                            trade,
                            is_own: self.is_own(&member.organisation),
                        });
                    }
                }
            }
        }
        all
    }

    /// Says why a review cannot end with that none is needed; nothing where it can.
    #[must_use]
    pub fn needs_review(&self) -> Option<Said> {
        if self.users() > REVIEWED_OVER {
            let is_alone = self.own.organisation.users > Some(REVIEWED_OVER);
            return Some(Said::of(|language| match (language, is_alone) {
                (Language::En, true) => {
                    format!("it has the data of more than {REVIEWED_OVER} persons")
                }
                (Language::En, false) => format!(
                    "it and those whom it controls have the data of more than {REVIEWED_OVER} persons"
                ),
                (Language::Zh, true) => format!("掌握超过 {REVIEWED_OVER} 人的个人信息"),
                (Language::Zh, false) => {
                    format!("连同其控制的单位掌握超过 {REVIEWED_OVER} 人的个人信息")
                }
            }));
        }
        if let Some(one) = self.organisations().find(|one| one.users.is_none()) {
            let id = &one.id;
            return Some(Said::of(|language| match language {
                Language::En => format!(
                    "how many persons' data `{id}` has is not recorded: `onshore organisation amend` with `users` says it"
                ),
                Language::Zh => format!(
                    "未登记“{id}”掌握多少人的个人信息：请用 `onshore organisation amend` 登记 `users`"
                ),
            }));
        }
        let sensitive = self.organisations().find(|one| one.much_sensitive_data)?;
        let (id, is_own) = (&sensitive.id, self.is_own(sensitive));
        Some(Said::of(|language| match (language, is_own) {
            (Language::En, true) => "it has much sensitive data".to_owned(),
            (Language::En, false) => format!("`{id}`, which it controls, has much sensitive data"),
            (Language::Zh, true) => "掌握大量敏感个人信息".to_owned(),
            (Language::Zh, false) => format!("其控制的“{id}”掌握大量敏感个人信息"),
        }))
    }

    /// Says that nobody can tell which authority a trade has, where none is recorded, or in words that the table has not.
    pub(crate) fn unknown_trade(&self) -> Option<Said> {
        let is_unknown = |one: &&Organisation| {
            let sector = one.sector.as_deref();
            sector.and_then(sector::known).is_none()
        };
        let one = self.organisations().find(is_unknown)?;
        let (id, text) = (&one.id, one.sector.as_deref());
        Some(Said::of(|language| match (language, text) {
            (Language::En, Some(text)) => format!(
                "which authority the trade of `{id}` has is not known, since `{text}` is no word for one: `onshore organisation amend` with `sector` says it"
            ),
            (Language::En, None) => format!(
                "which authority the trade of `{id}` has is not known, since none is recorded: `onshore organisation amend` with `sector` says it"
            ),
            (Language::Zh, Some(text)) => format!(
                "“{text}”不是已知的行业名称，无法确定“{id}”的主管部门：请用 `onshore organisation amend` 登记 `sector`"
            ),
            (Language::Zh, None) => format!(
                "未登记“{id}”的行业，无法确定其主管部门：请用 `onshore organisation amend` 登记 `sector`"
            ),
        }))
    }
}

impl Consenting<'_> {
    /// Says why it is asked, where that is not the trade that the one to be listed is in.
    fn since(&self, language: Language) -> Option<String> {
        let (id, trade) = (&self.whose.id, self.trade);
        let is_now = self.whose.sector.as_deref().and_then(sector::known) == Some(trade);
        Some(match (language, self.is_own, is_now) {
            (_, true, true) => return None,
            (Language::En, true, false) => {
                format!("`{trade}` was on record for it within the year")
            }
            (Language::Zh, true, false) => format!("本年内曾登记其行业为“{trade}”"),
            (Language::En, false, true) => {
                format!("`{id}`, which it controls, is in `{trade}`")
            }
            (Language::Zh, false, true) => format!("其控制的“{id}”属于“{trade}”行业"),
            (Language::En, false, false) => {
                format!("`{trade}` was on record for `{id}`, which it controls, within the year")
            }
            (Language::Zh, false, false) => {
                format!("本年内曾登记其控制的“{id}”的行业为“{trade}”")
            }
        })
    }

    /// Names those that are asked in a language, and says why, where that is not plain.
    pub(crate) fn told(all: &[Self], language: Language) -> String {
        let authorities: Vec<&str> = all.iter().map(|one| one.authority).collect();
        let since: Vec<String> = all.iter().filter_map(|one| one.since(language)).collect();
        let names = named(&authorities, language);
        match (language, since.is_empty()) {
            (Language::En | Language::Zh, true) => names,
            (Language::En, false) => format!("{names}, since {}", since.join(", and ")),
            (Language::Zh, false) => format!("{names}（{}）", since.join("；")),
        }
    }
}
