//! The records that an order is held against: organisations, providers, contracts and assets.

use std::fmt;
use std::str::FromStr;

use onshore_types::{Jurisdiction, Label, TenantName, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::purpose::HeldFor;
use crate::record::{RecordKind, Registered};
use crate::{Day, Error, Language};

/// So long may a text of a record be.
const TEXT_MAX: usize = 2000;
/// So often may a contract be renewed.
const RENEWALS_MAX: usize = 1000;

/// What a record is called, unique among its kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(String);

impl Id {
    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Id {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_id = (1..=64).contains(&text.len())
            && text.bytes().next().is_some_and(is_letter)
            && text
                .bytes()
                .all(|byte| is_letter(byte) || matches!(byte, b'.' | b'_' | b'-'));
        if is_id {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::Id(text.chars().take(80).collect()))
        }
    }
}

impl TryFrom<String> for Id {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.0
    }
}

/// A share in an organisation, in hundredths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Share(u32);

impl Share {
    /// All of it.
    pub const WHOLE: Self = Self(10_000);
    /// Half of it: who has more controls.
    pub const HALF: Self = Self(5_000);

    /// Returns hundredths of a percent.
    #[must_use]
    pub fn hundredths(self) -> u32 {
        self.0
    }

    pub(crate) fn half() -> Self {
        Self::HALF
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", f64::from(*self))
    }
}

impl TryFrom<f64> for Share {
    type Error = Error;

    fn try_from(percent: f64) -> Result<Self, Error> {
        let hundredths = (percent * 100.0).round();
        if !(0.0..=10_000.0).contains(&hundredths) || (percent * 100.0 - hundredths).abs() > 1e-6 {
            return Err(Error::Share(percent.to_string()));
        }
        // From 0 to 10,000: it fits, and not a number is in no range.
        Ok(Self(hundredths as u32))
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> Self {
        Self::from(share.0) / 100.0
    }
}

/// What an organisation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OrganisationKind {
    /// An organ of the state: what it controls is state-owned.
    StateOrgan,
    /// Anything else that owns and is owned.
    #[default]
    Company,
}

/// An organisation. Whether it is state-owned is nowhere written: it follows from who holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// What it is called here.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// Its legal entity identifier (ISO 17442), by which tables of others name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lei: Option<String>,
    /// What it is.
    #[serde(default)]
    pub kind: OrganisationKind,
    /// Where it is, such as CN-TJ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// In which trade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sector: Option<String>,
    /// How many users it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<u64>,
    /// Whether it operates critical information infrastructure.
    #[serde(default)]
    pub critical_infrastructure: bool,
    /// Whether it has much sensitive personal data.
    #[serde(default, skip_serializing_if = "is_false")]
    pub much_sensitive_data: bool,
    /// The tenants here that its data is kept in: whose data they hold is counted together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub tenants: Vec<TenantName>,
    /// Who holds it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<Holding>,
}

/// A share that somebody holds for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Holding {
    /// Who holds it.
    pub owner: Id,
    /// How much, in percent.
    pub percent: Share,
    /// The first day on which it is held.
    pub from: Day,
    /// The first day on which it is held no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Day>,
}

/// What a provider is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProviderKind {
    /// A company that sells to anybody.
    ThirdPartyCloud,
    /// A carrier's cloud.
    CarrierCloud,
    /// A cloud that the state owns and runs.
    StateCloud,
    /// A cloud whose operator of record runs the technology of another.
    PartnerOperatedCloud,
}

/// By which words of a provider's id its cloud is told, and how Terraform's provider of that cloud is called.
const CLOUDS: &[(&str, &[&str])] = &[
    ("alicloud", &["alibaba", "aliyun", "alicloud"]),
    ("tencentcloud", &["tencent", "qcloud"]),
    ("huaweicloud", &["huawei"]),
    ("aws", &["aws", "amazon"]),
    ("azurerm", &["azure"]),
    ("google", &["google", "gcp"]),
    ("cloudflare", &["cloudflare"]),
];

/// Somebody who sells the use of machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// What it is called here.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: ProviderKind,
    /// Which organisation it is, where that is recorded too: its people sign hand-overs for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Id>,
    /// Codes by which tables of others name it, such as its legal entity identifier.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<String>,
    /// Providers of Terraform whose resources are made there, such as alicloud.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terraform: Vec<String>,
}

/// A contract with a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// What it is called here.
    pub id: Id,
    /// Whose it is.
    pub organisation: Id,
    /// With whom.
    pub provider: Id,
    /// For what.
    pub service: String,
    /// Where the data is, such as CN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_location: Option<String>,
    /// Its first day.
    pub start: Day,
    /// On which day it was signed; its first day, where that is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<Day>,
    /// How often it was renewed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub renewals: Vec<Renewal>,
    /// Its last day; none where it has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Day>,
    /// How many days before its end it must be given notice of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice_days: Option<u32>,
    /// How it is renewed, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal: Option<String>,
    /// What it says of leaving, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_terms: Option<String>,
    /// On which day an inventory found it as it is: then it may say less than it should.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Day>,
    /// That what was there is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion: Option<Deletion>,
}

/// That a contract was renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Renewal {
    /// On which day that was signed.
    pub signed: Day,
    /// Its last day since then, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Day>,
    /// What its last day was before, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Day>,
}

/// That a provider deleted what was kept there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Deletion {
    /// SHA-256 of the provider's statement.
    pub statement_sha256: String,
    /// On which day somebody looked for it at the provider and found nothing.
    pub negative_probe: Day,
    /// On which day both were filed.
    pub filed: Day,
    /// The jobs of Onshore that looked there, and found nothing (`onshore decommission`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<String>,
    /// Who typed the day of the probe, where no job of Onshore looked; none where that was not noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typed_by: Option<String>,
    /// Whether a named person set aside what speaks against it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub set_aside: bool,
}

/// What an asset is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum AssetKind {
    /// A system.
    System,
    /// A bucket.
    Bucket,
    /// A database.
    Database,
    /// A server.
    Server,
    /// A device.
    Device,
}

impl AssetKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::System,
        Self::Bucket,
        Self::Database,
        Self::Server,
        Self::Device,
    ];

    /// Returns the word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Bucket => "bucket",
            Self::Database => "database",
            Self::Server => "server",
            Self::Device => "device",
        }
    }
}

impl FromStr for AssetKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.word() == text)
            .ok_or_else(|| {
                let words = Self::ALL.map(Self::word).join(", ");
                Error::contradiction(format!("an asset is one of {words}"))
            })
    }
}

/// Something that is kept under a contract and must be somewhere else one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Asset {
    /// What it is called here.
    pub id: Id,
    /// Under which contract it is kept.
    pub contract: Id,
    /// What it is.
    pub kind: AssetKind,
    /// Its name.
    pub name: String,
    /// Who answers for it: a department, or a post. Nobody's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Where it is: a code of ISO 3166, such as CN-SH.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The class of what it holds, in the words of classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// What it holds data for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_for: Vec<HeldFor>,
    /// Since when it is planned to move.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<Day>,
    /// Since when it moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moving: Option<Day>,
    /// Since when it has moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<Day>,
    /// That all of it arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}

/// That all of an asset arrived: a complete certificate of a migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// Which job.
    pub job: String,
    /// The leaf that tells of its certificate.
    pub leaf: u64,
    /// On which day it was filed.
    pub filed: Day,
    /// Whether a named person says that what the job brought is the asset, whatever speaks against it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub set_aside: bool,
    /// What speaks against it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub against: Vec<Doubt>,
    /// Where the job brought it from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// How many objects the certificate covers; not known of what was proven before that was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<u64>,
}

/// What speaks against a certificate being that of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Doubt {
    /// What the job brought is not called as the asset is.
    OtherName,
    /// The source listed nothing.
    NothingListed,
    /// The job proves another asset already.
    OtherAsset,
    /// The job's source is in another cloud than the contract's provider.
    OtherCloud,
}

impl Doubt {
    /// Every kind.
    pub const ALL: [Self; 4] = [
        Self::OtherName,
        Self::NothingListed,
        Self::OtherAsset,
        Self::OtherCloud,
    ];

    /// Says it in a few words of a language.
    #[must_use]
    pub fn words_in(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::En, Self::OtherName) => "by another name",
            (Language::En, Self::NothingListed) => "where nothing was listed",
            (Language::En, Self::OtherAsset) => "by a job that proves another asset",
            (Language::En, Self::OtherCloud) => "from another cloud",
            (Language::Zh, Self::OtherName) => "名称不符",
            (Language::Zh, Self::NothingListed) => "来源未列出任何对象",
            (Language::Zh, Self::OtherAsset) => "该任务已证实另一项资产",
            (Language::Zh, Self::OtherCloud) => "来源属于另一家云",
        }
    }

    /// Returns the bit that stands for it among several.
    #[must_use]
    pub fn bit(self) -> u32 {
        1 << (self as u32)
    }
}

impl Proof {
    /// Returns what was set aside, a bit for each. What was set aside before that was told apart was a name.
    #[must_use]
    pub fn set_aside_bits(&self) -> u32 {
        if self.set_aside && self.against.is_empty() {
            return Doubt::OtherName.bit();
        }
        self.against.iter().fold(0, |bits, one| bits | one.bit())
    }
}

/// How many assets of a contract are how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AssetTally {
    /// All of them.
    pub assets: u64,
    /// Of these, planned or further.
    pub planned: u64,
    /// Of these, moving or further.
    pub moving: u64,
    /// Of these, moved or proven.
    pub moved: u64,
    /// Of these, proven.
    pub proven: u64,
    /// How many objects the certificates of those cover, as far as that is known.
    pub objects: u64,
    /// Of how many of those named people set something aside.
    pub set_aside: u64,
    /// Of these, for each of [`Doubt::ALL`], of how many that.
    pub against: [u64; 4],
    /// Beside them, those that were recorded under it once, are recorded elsewhere now, and are not proven.
    pub taken_out: u64,
    /// When the last of those was taken out.
    pub last_taken_out: Option<Timestamp>,
}

impl Registered for Organisation {
    fn id(&self) -> &Id {
        &self.id
    }

    fn references(&self) -> Vec<(RecordKind, &Id)> {
        self.owners
            .iter()
            .map(|holding| (RecordKind::Organisation, &holding.owner))
            .collect()
    }

    fn check(&self) -> Result<(), Error> {
        texts(&[
            ("name", Some(&self.name)),
            ("lei", self.lei.as_ref()),
            ("region", self.region.as_ref()),
            ("sector", self.sector.as_ref()),
        ])?;
        if self.users.is_some_and(|users| users > (1 << 53) - 1) {
            return Err(Error::contradiction(
                "the number of users is more than there are",
            ));
        }
        for holding in &self.owners {
            if holding.owner == self.id {
                return Err(Error::contradiction(format!(
                    "`{}` cannot hold itself",
                    self.id
                )));
            }
            if holding.until.is_some_and(|until| until <= holding.from) {
                return Err(Error::contradiction(format!(
                    "the share of `{}` ends before it begins",
                    holding.owner
                )));
            }
        }
        // Sums change on first days alone.
        for on in self.owners.iter().map(|holding| holding.from) {
            let sum: u64 = self
                .owners
                .iter()
                .filter(|holding| on.is_within(holding.from, holding.until))
                .map(|holding| u64::from(holding.percent.hundredths()))
                .sum();
            if sum > u64::from(Share::WHOLE.hundredths()) {
                return Err(Error::contradiction(format!(
                    "on {on} the shares in `{}` are more than 100 %",
                    self.id
                )));
            }
        }
        Ok(())
    }
}

impl Registered for Provider {
    fn id(&self) -> &Id {
        &self.id
    }

    fn check(&self) -> Result<(), Error> {
        texts(&[("name", Some(&self.name))])?;
        let codes: Vec<_> = self.codes.iter().map(|code| ("code", Some(code))).collect();
        texts(&codes)?;
        texts(
            &self
                .terraform
                .iter()
                .map(|name| ("provider of Terraform", Some(name)))
                .collect::<Vec<_>>(),
        )
    }

    fn references(&self) -> Vec<(RecordKind, &Id)> {
        self.organisation
            .iter()
            .map(|one| (RecordKind::Organisation, one))
            .collect()
    }
}

impl Provider {
    /// Returns which cloud it is, in the word of Terraform's provider for it; none where neither that nor its id tells.
    #[must_use]
    pub fn cloud(&self) -> Option<&'static str> {
        let named = CLOUDS
            .iter()
            .find(|(cloud, _)| self.terraform.iter().any(|one| one == cloud));
        let told = CLOUDS.iter().find(|(_, words)| {
            let mut parts = self.id.as_str().split(['-', '_', '.']);
            parts.any(|part| words.contains(&part))
        });
        named.or(told).map(|(cloud, _)| *cloud)
    }
}

impl Registered for Contract {
    fn id(&self) -> &Id {
        &self.id
    }

    fn holder(&self) -> Option<&Id> {
        Some(&self.organisation)
    }

    fn references(&self) -> Vec<(RecordKind, &Id)> {
        vec![
            (RecordKind::Organisation, &self.organisation),
            (RecordKind::Provider, &self.provider),
        ]
    }

    fn keeps_filed(&self, before: &Self) -> bool {
        self.deletion == before.deletion
    }

    fn filed_by(&self) -> Option<&'static str> {
        self.deletion
            .is_some()
            .then_some("a deletion is filed with `onshore contract close`")
    }

    fn check(&self) -> Result<(), Error> {
        texts(&[
            ("service", Some(&self.service)),
            ("data_location", self.data_location.as_ref()),
            ("renewal", self.renewal.as_ref()),
            ("exit_terms", self.exit_terms.as_ref()),
        ])?;
        if self.end.is_some_and(|end| end < self.start) {
            return Err(Error::contradiction(format!(
                "the contract `{}` ends before it begins",
                self.id
            )));
        }
        let signed = self.signed();
        if self.renewals.iter().any(|renewal| renewal.signed < signed) {
            return Err(Error::contradiction(format!(
                "the contract `{}` is renewed before it is signed",
                self.id
            )));
        }
        let is_shorter = |renewal: &Renewal| match (renewal.before, renewal.end) {
            (Some(before), Some(end)) => end < before,
            _ => false,
        };
        if self.renewals.iter().any(is_shorter) {
            return Err(Error::contradiction(format!(
                "a renewal of the contract `{}` ends before the day that it ended on without it",
                self.id
            )));
        }
        if self.renewals.len() > RENEWALS_MAX {
            return Err(Error::contradiction(format!(
                "a contract has up to {RENEWALS_MAX} renewals"
            )));
        }
        if let Some(deletion) = &self.deletion {
            if !is_sha256(&deletion.statement_sha256) {
                return Err(Error::contradiction(
                    "statement_sha256 is 64 small hexadecimal digits",
                ));
            }
            if deletion.filed < deletion.negative_probe {
                return Err(Error::contradiction(
                    "the negative probe is of a day after the one on which it was filed",
                ));
            }
        }
        Ok(())
    }
}

impl Contract {
    /// Returns the members that a contract should have and this one has not: where data is, how long before its end it must be given notice
    /// of, how it is renewed, and what it says of leaving. Without an end it has none.
    #[must_use]
    pub fn lacks(&self) -> Vec<&'static str> {
        let members = [
            ("data_location", self.data_location.is_some()),
            ("notice_days", self.notice_days.is_some()),
            ("renewal", self.renewal.is_some()),
            ("exit_terms", self.exit_terms.is_some()),
        ];
        let lacking = members.into_iter().filter(|(_, is_there)| !is_there);
        lacking.map(|(name, _)| name).collect()
    }

    /// Returns the day on which it was signed, or, where that is not said, its first one.
    #[must_use]
    pub fn signed(&self) -> Day {
        self.signed.unwrap_or(self.start)
    }

    /// Whether it is with somebody else, or somebody else's: a contract of its own then.
    #[must_use]
    pub fn is_with_others(&self, other: &Self) -> bool {
        (&self.organisation, &self.provider) != (&other.organisation, &other.provider)
    }

    /// Returns its last day as far as some renewals count. Where it is not known until when it ran before one that does not, that
    /// is the day on which that one was signed.
    #[must_use]
    pub fn end_with(&self, counts: impl Fn(&Renewal) -> bool) -> Option<Day> {
        let mut renewals: Vec<&Renewal> = self.renewals.iter().collect();
        renewals.sort_by_key(|renewal| renewal.signed);
        let Some(first) = renewals.first() else {
            return self.end;
        };
        let mut end = Some(first.before.unwrap_or(first.signed));
        for (place, renewal) in renewals.iter().enumerate() {
            if counts(renewal) {
                end = match renewals.get(place + 1) {
                    Some(next) => renewal.end.or(next.before).or(self.end),
                    None => self.end,
                };
            }
        }
        // Whatever it was shortened to since, it does not last longer than that.
        match (end, self.end) {
            (Some(end), Some(last)) => Some(end.min(last)),
            (end, last) => end.or(last),
        }
    }

    /// Returns this as what follows another from a day on, with somebody else: nothing of the other's is its own.
    #[must_use]
    pub fn in_place_of(mut self, other: &Self, from: Day) -> Self {
        self.renewals
            .retain(|renewal| !other.renewals.iter().any(|known| known.is_same_as(renewal)));
        self.signed = self.signed.filter(|_| self.signed != other.signed);
        self.signed = self.signed.or(Some(from));
        self.deletion = None;
        self
    }

    /// Returns this as the next revision of another: what acts of their own filed stays, and so do renewals; where it lasts longer
    /// than before and names no new renewal, it was renewed on the day that is given. Each renewal that is new keeps until when
    /// it ran before.
    #[must_use]
    pub fn after(mut self, before: Self, today: Day) -> Self {
        let is_longer = match (before.end, self.end) {
            (Some(_), None) => true,
            (Some(before), Some(now)) => before < now,
            (None, _) => false,
        };
        let mut added: Vec<Renewal> = self
            .renewals
            .into_iter()
            .filter(|renewal| {
                !before
                    .renewals
                    .iter()
                    .any(|known| known.is_same_as(renewal))
            })
            .collect();
        if is_longer && added.is_empty() {
            added.push(Renewal {
                signed: today.max(self.signed.unwrap_or(self.start)),
                end: self.end,
                before: None,
            });
        }
        let mut ran_until = before.end;
        for renewal in &mut added {
            let end = renewal.end.or(self.end);
            let is_moved = ran_until.is_some_and(|ran| end.is_none_or(|end| ran < end));
            renewal.before = renewal.before.or(ran_until.filter(|_| is_moved));
            ran_until = end;
        }
        self.renewals = before.renewals;
        self.renewals.extend(added);
        self.signed = self.signed.or(before.signed);
        self.deletion = before.deletion;
        self
    }
}

impl Renewal {
    /// Whether it is the same one, whatever is known of until when the contract ran before.
    fn is_same_as(&self, other: &Self) -> bool {
        (self.signed, self.end) == (other.signed, other.end)
    }
}

impl Registered for Asset {
    fn id(&self) -> &Id {
        &self.id
    }

    fn holder(&self) -> Option<&Id> {
        Some(&self.contract)
    }

    fn references(&self) -> Vec<(RecordKind, &Id)> {
        vec![(RecordKind::Contract, &self.contract)]
    }

    fn keeps_filed(&self, before: &Self) -> bool {
        self.proof == before.proof
    }

    fn filed_by(&self) -> Option<&'static str> {
        self.proof
            .is_some()
            .then_some("a proof is filed with `onshore asset prove`")
    }

    fn check(&self) -> Result<(), Error> {
        texts(&[
            ("name", Some(&self.name)),
            ("owner", self.owner.as_ref()),
            ("place", self.place.as_ref()),
            ("class", self.class.as_ref()),
        ])?;
        self.held_for.iter().try_for_each(HeldFor::check)?;
        if let Some(place) = self.place.as_ref().filter(|place| !is_place(place)) {
            return Err(Error::contradiction(format!(
                "`{place}` is no place: where an asset is, is said by a code of ISO 3166, such as CN or CN-SH"
            )));
        }
        if let Some(class) = &self.class {
            Label::parse_declaration(class)
                .map_err(|error| Error::contradiction(error.to_string()))?;
        }
        let steps = [self.planned, self.moving, self.moved];
        let days: Vec<Day> = steps.into_iter().flatten().collect();
        if !days.is_sorted() {
            return Err(Error::contradiction(format!(
                "`{}` is planned, moving and moved in that order, on days that follow each other",
                self.id
            )));
        }
        Ok(())
    }
}

/// Whether a text is a code of a country, or of a part of one (ISO 3166-2).
pub(crate) fn is_place(text: &str) -> bool {
    let (country, part) = match text.split_once('-') {
        Some((country, part)) => (country, Some(part)),
        None => (text, None),
    };
    let is_part = |part: &str| {
        (1..=3).contains(&part.len())
            && part
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    Jurisdiction::parse(country).is_ok() && part.is_none_or(is_part)
}

impl Asset {
    /// Returns since when it is at least planned, moving, moved and proven: who has come further has been there too.
    #[must_use]
    pub fn steps(&self) -> [Option<Day>; 4] {
        let earlier = |first: Option<Day>, second: Option<Day>| match (first, second) {
            (Some(first), Some(second)) => Some(first.min(second)),
            (first, second) => first.or(second),
        };
        let proven = self.proof.as_ref().map(|proof| proof.filed);
        let moved = earlier(self.moved, proven);
        let moving = earlier(self.moving, moved);
        [earlier(self.planned, moving), moving, moved, proven]
    }
}

impl AssetTally {
    /// Counts an asset, as it is on a day.
    pub fn note(&mut self, asset: &Asset, on: Day) {
        let [planned, moving, moved, proven] = asset
            .steps()
            .map(|since| u64::from(since.is_some_and(|since| since <= on)));
        self.assets += 1;
        self.planned += planned;
        self.moving += moving;
        self.moved += moved;
        self.proven += proven;
        if let Some(proof) = asset.proof.as_ref().filter(|proof| proof.filed <= on) {
            let bits = proof.set_aside_bits();
            self.objects += proof.objects.unwrap_or_default();
            self.set_aside += u64::from(bits != 0);
            for (count, doubt) in self.against.iter_mut().zip(Doubt::ALL) {
                *count += u64::from(bits & doubt.bit() != 0);
            }
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands a reference over"
)]
fn is_false(value: &bool) -> bool {
    !value
}

/// Whether it is a SHA-256 as everybody writes it.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

pub(crate) fn texts(texts: &[(&str, Option<&String>)]) -> Result<(), Error> {
    for (what, text) in texts {
        let Some(text) = text else { continue };
        if text.trim().is_empty() {
            return Err(Error::contradiction(format!("{what} is empty")));
        }
        if text.len() > TEXT_MAX {
            return Err(Error::contradiction(format!(
                "{what} is longer than {TEXT_MAX} bytes"
            )));
        }
        if text.chars().any(|c| c.is_control() && c != '\n') {
            return Err(Error::contradiction(format!(
                "{what} has control characters"
            )));
        }
    }
    Ok(())
}
