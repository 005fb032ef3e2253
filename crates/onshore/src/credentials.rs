//! `credentials.toml`: how whoever may read the data folder reaches the server.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// What the file says.
#[derive(Serialize, Deserialize)]
pub(crate) struct Credentials {
    /// The operator's control token.
    pub(crate) control_token: String,
    /// The public key that checks the ledger.
    pub(crate) ledger_key: String,
    /// The first tenant's S3 key.
    pub(crate) s3: S3Credentials,
}

/// The first tenant's S3 key.
#[derive(Serialize, Deserialize)]
pub(crate) struct S3Credentials {
    /// The public half.
    pub(crate) access_key: String,
    /// The secret half; absent when it came from the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret_key: Option<String>,
    /// Whose it is.
    pub(crate) tenant: String,
    /// The region to sign for.
    pub(crate) region: String,
    /// Where S3 listened at the first start.
    pub(crate) endpoint: String,
}

/// Returns where the file is.
pub(crate) fn path(data: &Path) -> PathBuf {
    data.join("credentials.toml")
}

/// Reads the file.
pub(crate) fn read(data: &Path) -> Result<Credentials> {
    let path = path(data);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not a credentials file", path.display()))
}

/// Writes the file whole, readable by its owner alone, and forces it to disk.
pub(crate) fn write(data: &Path, credentials: &Credentials) -> Result<()> {
    let path = path(data);
    let text = format!(
        "# Made at the first start. Whoever reads this file is the operator of this server.\n{}",
        toml::to_string(credentials)?
    );
    let staging = data.join("credentials.toml.new");
    let write = || -> std::io::Result<()> {
        // A leftover of a start that was cut short may have another mode.
        drop(std::fs::remove_file(&staging));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&staging)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&staging, &path)?;
        File::open(data)?.sync_all()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
