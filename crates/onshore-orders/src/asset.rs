//! What is to be moved: a system, a bucket, a database, a server, a device; and what proves that it was.

use std::str::FromStr;

use onshore_types::{Label, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::purpose::HeldFor;
use crate::record::{RecordKind, Registered};
use crate::records::{Id, is_place, texts};
use crate::{Day, Error, Language};

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
    /// The job brought objects, and the asset is none that is made of such.
    OtherKind,
    /// The job brought it to a tenant that is none of the organisation's.
    OtherTenant,
    /// The job was to bring what is current alone of a source that may keep versions.
    CurrentAlone,
}

impl Doubt {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::OtherName,
        Self::NothingListed,
        Self::OtherAsset,
        Self::OtherCloud,
        Self::OtherKind,
        Self::OtherTenant,
        Self::CurrentAlone,
    ];

    /// Says it in a few words of a language.
    #[must_use]
    pub fn words_in(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::En, Self::OtherName) => "by another name",
            (Language::En, Self::NothingListed) => "where nothing was listed",
            (Language::En, Self::OtherAsset) => "by a job that proves another asset",
            (Language::En, Self::OtherCloud) => "from another cloud",
            (Language::En, Self::OtherKind) => "of another kind",
            (Language::En, Self::OtherTenant) => "in another tenant",
            (Language::En, Self::CurrentAlone) => "of what was current alone",
            (Language::Zh, Self::OtherName) => "名称不符",
            (Language::Zh, Self::NothingListed) => "来源未列出任何对象",
            (Language::Zh, Self::OtherAsset) => "该任务已证实另一项资产",
            (Language::Zh, Self::OtherCloud) => "来源属于另一家云",
            (Language::Zh, Self::OtherKind) => "资产类型不符",
            (Language::Zh, Self::OtherTenant) => "属于另一租户",
            (Language::Zh, Self::CurrentAlone) => "仅含当前版本",
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
    pub against: [u64; Doubt::ALL.len()],
    /// Beside them, those that were recorded under it once, are recorded elsewhere now, and are not proven.
    pub taken_out: u64,
    /// When the last of those was taken out.
    pub last_taken_out: Option<Timestamp>,
}

impl Asset {
    /// Checks that what was to be deleted by a day that is over is not kept for longer by a later revision: whoever has deleted it takes the
    /// entry out, and another ground is an entry of its own.
    ///
    /// # Errors
    /// [`Error::Contradiction`] where it is.
    pub fn keeps_late(&self, later: &Self, today: Day) -> Result<(), Error> {
        let is_over = |held: &&HeldFor| held.keep_until.is_some_and(|until| until < today);
        for late in self.held_for.iter().filter(is_over) {
            let is_put_off = |one: &HeldFor| {
                one.purpose == late.purpose
                    && one
                        .keep_until
                        .is_none_or(|until| Some(until) > late.keep_until)
            };
            if !later.held_for.contains(late) && later.held_for.iter().any(is_put_off) {
                return Err(Error::contradiction(format!(
                    "what is held for \"{}\" was to be deleted, and that day is over: once it is deleted the entry is taken out, and what is kept on another ground is another purpose",
                    late.purpose
                )));
            }
        }
        Ok(())
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
