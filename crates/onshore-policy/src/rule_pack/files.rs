//! The files of a pack, by name, and the packs that Onshore ships with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The files a pack may have: those that it must have first.
const NEEDED: [&str; 5] = [
    "pack.toml",
    "schema.cedarschema",
    "policies.cedar",
    "thresholds.toml",
    "cases.csv",
];
const ALLOWED: [&str; 2] = ["calendar.toml", "README.md"];
/// Nobody reads a table of law that is longer.
const LEN_MAX_BYTES: usize = 1 << 20;

/// The names of the packs that Onshore ships with.
pub const SHIPPED_PACKS: [&str; 3] = ["cn", "eu", "open"];

/// The texts of a pack, by file name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PackFiles(BTreeMap<String, String>);

impl PackFiles {
    /// Takes the files of a pack: all that there must be, and none that it cannot have.
    ///
    /// # Errors
    /// [`Error::Pack`] names the file.
    pub fn new(files: impl IntoIterator<Item = (String, String)>) -> Result<Self, Error> {
        let files: BTreeMap<String, String> = files.into_iter().collect();
        for (name, text) in &files {
            if !NEEDED.contains(&name.as_str()) && !ALLOWED.contains(&name.as_str()) {
                let known = NEEDED.iter().chain(&ALLOWED).copied();
                return Err(Error::pack(
                    name,
                    format!(
                        "it is no file of a rule pack; those are {}",
                        known.collect::<Vec<_>>().join(", ")
                    ),
                ));
            }
            if text.len() > LEN_MAX_BYTES {
                return Err(Error::pack(name, "it is longer than a mebibyte"));
            }
        }
        if let Some(missing) = NEEDED.iter().find(|name| !files.contains_key(**name)) {
            return Err(Error::pack(missing, "it is missing"));
        }
        Ok(Self(files))
    }

    /// Returns the files of a pack that Onshore ships with.
    #[must_use]
    pub fn shipped(name: &str) -> Option<Self> {
        macro_rules! pack {
            ($folder:literal, $($file:literal),*) => {
                Self([$(($file.to_owned(), include_str!(concat!("../../packs/", $folder, "/", $file)).to_owned())),*].into())
            };
        }
        Some(match name {
            "cn" => pack!(
                "cn",
                "pack.toml",
                "schema.cedarschema",
                "policies.cedar",
                "thresholds.toml",
                "cases.csv",
                "calendar.toml"
            ),
            "eu" => pack!(
                "eu",
                "pack.toml",
                "schema.cedarschema",
                "policies.cedar",
                "thresholds.toml",
                "cases.csv"
            ),
            "open" => pack!(
                "open",
                "pack.toml",
                "schema.cedarschema",
                "policies.cedar",
                "thresholds.toml",
                "cases.csv"
            ),
            _ => return None,
        })
    }

    /// Returns each file's name and text, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
    }

    pub(super) fn text(&self, name: &str) -> Result<&str, Error> {
        self.optional(name)
            .ok_or_else(|| Error::pack(name, "it is missing"))
    }

    pub(super) fn optional(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}
