//! The country database of the configuration: read once, whole, so that what is looked up is what was hashed.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use onshore_ledger::Hash;
use onshore_policy::Countries;
use serde_json::{Value, json};

/// The largest that is taken: databases of countries have a hundredth of it.
const MAX_BYTES: u64 = 1 << 30;

/// A country database, and by what it is told in the ledger.
#[derive(Debug, Clone)]
pub(crate) struct CountryDatabase {
    pub(crate) countries: Arc<Countries>,
    sha256: Hash,
}

impl CountryDatabase {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        Self::read_file(path).with_context(|| {
            format!(
                "border.country_database: {} cannot be used; without a database take the line out, and every address \
                 outside [networks] counts as abroad",
                path.display()
            )
        })
    }

    fn read_file(path: &Path) -> Result<Self> {
        let meta = std::fs::metadata(path)?;
        ensure!(meta.is_file(), "it is not a file");
        let mut bytes = Vec::new();
        std::fs::File::open(path)?
            .take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)?;
        ensure!(bytes.len() as u64 <= MAX_BYTES, "it is larger than 1 GiB");
        Ok(Self {
            sha256: Hash::of(&bytes),
            countries: Arc::new(Countries::parse(bytes)?),
        })
    }

    /// Returns what a configuration epoch says of it.
    pub(crate) fn told(&self) -> Value {
        json!({
            "sha256": self.sha256,
            "kind": self.countries.kind(),
            "built_s": self.countries.built_s(),
        })
    }
}
