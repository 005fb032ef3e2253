//! `pack.toml`: what a pack is called, where it is for, and on what a transfer may rest.

use onshore_types::{Instrument, Jurisdiction, PackName};
use serde::{Deserialize, Deserializer, Serialize};

use super::dated::Ahead;
use crate::error::Error;

/// Whether there is a border.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Border {
    /// What is abroad is abroad.
    #[default]
    Closed,
    /// Every place counts as inside.
    Open,
}

/// On what a transfer may rest in law.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct InstrumentRow {
    /// The word that approvals bear.
    pub word: Instrument,
    /// The route it stands for: several instruments may be of one route.
    pub route: String,
    /// What it is.
    pub title: String,
    /// The text of law.
    pub source: String,
    /// The clock that says by when its renewal must be asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal: Option<String>,
    /// Who can grant an approval of it.
    #[serde(default, rename = "granted-by")]
    pub granted_by: Granter,
}

/// Who can grant an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Granter {
    /// An operator, on papers that he has seen, or a regulator.
    #[default]
    Operator,
    /// A regulator alone.
    Regulator,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Manifest {
    pub(super) name: PackName,
    pub(super) version: String,
    pub(super) title: String,
    pub(super) jurisdictions: Option<Vec<Jurisdiction>>,
    #[serde(rename = "utc-offset", deserialize_with = "ahead")]
    pub(super) ahead: Ahead,
    #[serde(default)]
    pub(super) border: Border,
    #[serde(default, rename = "instrument")]
    pub(super) instruments: Vec<InstrumentRow>,
}

impl Manifest {
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let manifest: Self =
            toml::from_str(text).map_err(|fault| Error::pack("pack.toml", fault))?;
        for (place, row) in manifest.instruments.iter().enumerate() {
            let twice = manifest.instruments.iter().skip(place + 1);
            if twice.clone().any(|other| other.word == row.word) {
                return Err(Error::pack(
                    "pack.toml",
                    format!("the instrument `{}` is there twice", row.word),
                ));
            }
            if row.source.trim().is_empty() || row.title.trim().is_empty() {
                return Err(Error::pack(
                    "pack.toml",
                    format!("the instrument `{}` lacks its title or source", row.word),
                ));
            }
        }
        Ok(manifest)
    }
}

fn ahead<'de, D: Deserializer<'de>>(from: D) -> Result<Ahead, D::Error> {
    let text = String::deserialize(from)?;
    Ahead::parse(&text).ok_or_else(|| {
        serde::de::Error::custom(format!("`{text}` is not an offset from UTC such as +08:00"))
    })
}
