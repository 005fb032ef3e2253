//! The records that an order is held against: organisations and providers, and what records have in common.

use std::fmt;
use std::str::FromStr;

use onshore_types::{Jurisdiction, TenantName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::record::{RecordKind, Registered};
use crate::{Day, Error};
/// So long may a text of a record be.
const TEXT_MAX: usize = 2000;

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

/// Whether a place is another one or a part of it: CN-BJ lies in CN.
pub(crate) fn lies_in(place: &str, wide: &str) -> bool {
    place
        .strip_prefix(wide)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
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

/// What stands in one line of a report.
const LINES: &[&str] = &["name", "title", "service", "owner", "place", "class"];

/// Whether a character changes how a text is shown without being seen: with it a name would write other rows of a report.
fn is_unseen(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
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
        let is_line = LINES.contains(what);
        if text.chars().any(|c| is_unseen(c) && (is_line || c != '\n')) {
            return Err(Error::contradiction(format!(
                "{what} has control characters"
            )));
        }
    }
    Ok(())
}
