//! Why the gate did not let something through.

use onshore_orders::Language;
use onshore_policy::Refusal;
use onshore_types::LeafIndex;

/// A transfer that was refused, and the leaf that tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The exact cause, for the operator.
    pub refusal: Refusal,
    /// The leaf that tells of it, or of the first equal one in this minute.
    pub leaf: LeafIndex,
    /// What the client may read. From abroad it is the same whatever the cause.
    pub message: String,
}

/// Why the gate did not let something through.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The transfer is refused.
    #[error("{}", .0.message)]
    Refused(Box<Refused>),
    /// The caller's role does not allow the act.
    #[error("this needs the role {needed}; the token's role is {held}")]
    RoleForbids {
        /// The role that may.
        needed: &'static str,
        /// The role the caller has.
        held: &'static str,
    },
    /// The configuration changed between the permit and the record.
    #[error("the configuration changed while the transfer was under way; ask again")]
    EpochChanged,
    /// A job that is no decommissioning to be done, or none that could be proposed.
    #[error("{job} cannot be decommissioned so: {why}")]
    NotDecommissionable {
        /// Which job.
        job: onshore_types::JobId,
        /// Why not.
        why: &'static str,
    },
    /// What was changed in a bucket cannot be taken back to where it came from.
    #[error("there is no way back of {bucket}: {why}")]
    NoWayBack {
        /// Which bucket.
        bucket: onshore_types::BucketName,
        /// Why not.
        why: String,
    },
    /// A rule pack that cannot be used.
    #[error("the rule pack cannot be used: {}", chain(.0))]
    Pack(onshore_policy::Error),
    /// A rule pack of another jurisdiction.
    #[error("the rule pack {pack} is not for {region}; pack.toml names where it is for")]
    PackNotHere {
        /// Which pack.
        pack: onshore_types::PackName,
        /// The region's jurisdiction.
        region: onshore_types::Jurisdiction,
    },
    /// A rule pack with a limit that has no value at some time.
    #[error(
        "a limit of the rule pack {pack} has no value at some time from then on; thresholds.toml must give one"
    )]
    PackIncomplete {
        /// Which pack.
        pack: onshore_types::PackName,
    },
    /// A rule pack whose own cases do not hold.
    #[error(
        "{failed} cases of the rule pack {pack} do not hold, the first is `{first}`; `onshore pack test` shows them"
    )]
    PackCases {
        /// Which pack.
        pack: onshore_types::PackName,
        /// How many.
        failed: usize,
        /// What the first is called.
        first: String,
    },
    /// A word that an authority told would be put in the place of another, or of one that makes more of data.
    #[error(
        "`{id}` is the id of another word, or of one that makes data stricter: take that back first, which takes two people, or use another id"
    )]
    ToldOtherwise {
        /// The id.
        id: String,
    },
    /// A rule pack whose own cases say nothing of what is in it.
    #[error(
        "no case of the rule pack {pack} tries {first}; cases.csv must have one that it refuses, and of a limit one on either side"
    )]
    PackUntried {
        /// Which pack.
        pack: onshore_types::PackName,
        /// The first rule or limit.
        first: String,
    },
    /// A rule pack would be in force from an instant that has passed.
    #[error("a rule pack is activated as of now or later; it is {now} now")]
    PackPast {
        /// The present instant.
        now: onshore_types::Timestamp,
    },
    /// An instrument that the pack in force does not have.
    #[error("the rule pack {pack} has no instrument `{instrument}`; it has {known}")]
    NoSuchInstrument {
        /// Which pack.
        pack: onshore_types::PackName,
        /// What was named.
        instrument: onshore_types::Instrument,
        /// Those it has.
        known: String,
    },
    /// An instrument that only an authority can give.
    #[error(
        "an approval of the instrument {instrument} is granted by a regulator: an authority alone can give it"
    )]
    ForRegulator {
        /// What was named.
        instrument: onshore_types::Instrument,
    },
    /// A number that no ledger can carry.
    #[error("{what} must be at most {max}")]
    TooLarge {
        /// Which number.
        what: &'static str,
        /// The largest.
        max: u64,
    },
    /// A time that has passed.
    #[error("the end must lie in the future; it is {now} now")]
    Past {
        /// The present instant.
        now: onshore_types::Timestamp,
    },
    /// Unclassified is no class that an approval could cover.
    #[error("an approval cannot cover unclassified data: classify it first")]
    Uncoverable,
    /// An approval names somewhere that is not abroad.
    #[error("{to} is inside {region}; an approval is for a jurisdiction abroad")]
    NotAbroad {
        /// What was named.
        to: onshore_types::Jurisdiction,
        /// The region's own jurisdiction.
        region: onshore_types::Jurisdiction,
    },
    /// It takes two named people, and a token names nobody.
    #[error(
        "this is for named people, and a token that it needs names nobody: `onshore token create --role ROLE --person NAME` makes \
         one that does"
    )]
    Unnamed,
    /// It takes two people.
    #[error(
        "this takes two people who are apart: they must not be the same person, neither may have made the other's token, and nobody \
         may have made both; ask somebody else"
    )]
    SamePerson,
    /// A proposal to loosen a label that is no longer one.
    #[error("{id} is {state}; propose it again with `onshore label loosen`")]
    LooseningState {
        /// Which.
        id: onshore_types::LooseningId,
        /// How it stands.
        state: &'static str,
    },
    /// A support session that would last too long, or not at all.
    #[error("a support session lasts from 1 to {max} minutes")]
    SupportTime {
        /// How many minutes at most.
        max: u32,
    },
    /// A support session for somebody who is no support engineer.
    #[error(
        "{0} does not hold the token of a support engineer; `onshore token list` shows who does"
    )]
    NotAnEngineer(onshore_types::PrincipalId),
    /// A support session that is no longer what the act needs.
    #[error("{id} is {state}; open another with `onshore support open`")]
    SupportState {
        /// Which.
        id: onshore_types::SupportSessionId,
        /// How it stands.
        state: &'static str,
    },
    /// The engineer has a session in force.
    #[error(
        "{other} of the same engineer is in force; close it first with `onshore support close`"
    )]
    SupportUnderWay {
        /// Which.
        other: onshore_types::SupportSessionId,
    },
    /// An order freezes what was asked for.
    #[error("{}", frozen(.0, Language::En))]
    Frozen(Box<crate::FrozenRefusal>),
    /// Nothing of an order waits for a second word.
    #[error("no exemption of the order waits for a second word; `onshore order show` shows them")]
    NothingToApprove,
    /// No rule pack of that number waits for a second word.
    #[error(
        "no rule pack of that number waits for a second word, or it did for more than a day; `onshore pack list` shows them"
    )]
    NoPackToApprove,
    /// Nothing of a review waits for a second word.
    #[error("nothing of the review waits for a second word; `onshore review show` shows it")]
    NoReviewToApprove,
    /// Somebody holds no licence for what was asked for.
    #[error("{}", unlicensed(.0, Language::En))]
    Unlicensed(Box<crate::UnlicensedRefusal>),
    /// Somebody may not be listed.
    #[error("{}", .0.why)]
    ListingBlocked(Box<crate::ListingRefusal>),
    /// An assessment is kept as it was made.
    #[error("`{id}` is kept as it was made until {until}: record another assessment beside it")]
    Locked {
        /// Which.
        id: onshore_orders::Id,
        /// The last day.
        until: onshore_orders::Day,
    },
    /// Nobody's signature can be taken for a tranche.
    #[error(transparent)]
    Handover(#[from] crate::HandoverRefusal),
    /// A record of the register does not hold.
    #[error(transparent)]
    Record(onshore_orders::Error),
    /// A session would be too short or too long.
    #[error(
        "a session holds for 1 to {} minutes",
        crate::acts::SESSION_MINUTES_MAX
    )]
    SessionTime,
    /// Tables of a register of information do not hold.
    #[error("nothing was taken in: {}", told(.0))]
    Information(Vec<onshore_dora::Fault>),
    /// A record of a table cannot be recorded, and so none is.
    #[error("{error}")]
    Imported {
        /// Its place among them.
        place: usize,
        /// Why.
        #[source]
        error: Box<onshore_registry::Error>,
    },
    /// A job whose certificate does not say complete proves nothing.
    #[error(
        "{job} is not complete: an asset is proven only by a certificate that says that everything arrived"
    )]
    NotComplete {
        /// Which.
        job: onshore_types::JobId,
    },
    /// A job whose certificate is not plainly that of an asset.
    #[error("{why}")]
    NotOfAsset {
        /// Which job.
        job: onshore_types::JobId,
        /// What speaks against it.
        why: Box<onshore_orders::Said>,
    },
    /// An update goes no further.
    #[error(transparent)]
    Update(#[from] crate::UpdateRefusal),
    /// The quarantine of updates failed.
    #[error(transparent)]
    Quarantine(#[from] onshore_registry::QuarantineError),
    /// The registry failed.
    #[error(transparent)]
    Registry(#[from] onshore_registry::Error),
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] onshore_journal::Error),
    /// What authorities told a tenant cannot be looked for.
    #[error("what authorities told the tenant cannot be looked for")]
    Classify(#[source] onshore_classify::Error),
    /// Who is told of in a version could not be looked up.
    #[error("who is told of in a version could not be looked up")]
    Persons(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// For what a version was looked through cannot be told.
    #[error("for what words of authorities a version was looked through cannot be told")]
    ToldBeside(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] onshore_db::Error),
    /// The ledger's rules refused a value.
    #[error(transparent)]
    Ledger(#[from] onshore_ledger::Error),
}

fn frozen(refusal: &crate::FrozenRefusal, language: Language) -> String {
    let why = refusal
        .frozen
        .iter()
        .map(|one| one.why.in_language(language));
    let why: Vec<&str> = why.collect();
    match language {
        Language::En => format!(
            "{} An exemption in the order lets it pass: one person records it (onshore order amend), another approves it (onshore order approve).",
            why.join(" ")
        ),
        Language::Zh => format!(
            "{}命令中的豁免可使其通过：由一人登记（onshore order amend），另一人批准（onshore order approve）。",
            why.concat()
        ),
    }
}

fn unlicensed(refusal: &crate::UnlicensedRefusal, language: Language) -> String {
    let why = refusal.why.in_language(language);
    match language {
        Language::En => format!("{why} Record the licence first (onshore licence add)."),
        Language::Zh => format!("{why}请先登记许可证（onshore licence add）。"),
    }
}

impl Error {
    /// Returns what the law says no to in a language, where it is said in it.
    #[must_use]
    pub fn refusal_in(&self, language: Language) -> Option<String> {
        match self {
            Self::Frozen(refusal) => Some(frozen(refusal, language)),
            Self::Unlicensed(refusal) => Some(unlicensed(refusal, language)),
            Self::ListingBlocked(refusal) => Some(refusal.why.in_language(language).to_owned()),
            Self::NotOfAsset { why, .. } => Some(why.in_language(language).to_owned()),
            other => match language {
                Language::En => None,
                Language::Zh => other.conflict_zh(),
            },
        }
    }

    /// Returns in Chinese why an act does not fit what the register holds.
    fn conflict_zh(&self) -> Option<String> {
        use crate::HandoverRefusal as Handover;
        use onshore_orders::handover::Side;
        let side_word = |side: &Side| match side {
            Side::Seller => "出让方",
            Side::Buyer => "受让方",
        };
        Some(match self {
            Self::Locked { id, until } => {
                format!("`{id}` 须按原样保存至 {until}：请另行登记一份评估")
            }
            Self::NotComplete { job } => {
                format!("{job} 并不完整：只有证明全部数据均已到达的证书才能证实资产")
            }
            Self::NothingToApprove => {
                "该命令没有待第二人批准的豁免；可用 `onshore order show` 查看".to_owned()
            }
            Self::NoReviewToApprove => {
                "该审查没有待第二人批准的内容；可用 `onshore review show` 查看".to_owned()
            }
            Self::SamePerson => "此事须由互不相干的两人完成：不能是同一人，任何一方的令牌不得由对方制作，双方的令牌也不得由同一人制作".to_owned(),
            Self::Handover(Handover::Signed(side)) => {
                format!("{}已签署该批次，签署不可更改", side_word(side))
            }
            Self::Handover(Handover::NotNamed { name, side }) => format!(
                "移交计划的 {side}_signatories 中没有 `{name}`：代表{}签署者须在其中",
                side_word(side)
            ),
            Self::Handover(Handover::NoSuchTranche(tranche)) => {
                format!("移交计划没有批次 `{tranche}`；可用 `onshore handover show` 查看")
            }
            _ => return None,
        })
    }
}

/// Writes an error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Returns the first faults of tables, and how many there are.
fn told(faults: &[onshore_dora::Fault]) -> String {
    const TOLD: usize = 20;
    let some: Vec<String> = faults.iter().take(TOLD).map(ToString::to_string).collect();
    match faults.len() {
        number if number > TOLD => format!("{}; {number} faults in all", some.join("; ")),
        _ => some.join("; "),
    }
}
