//! Manifests: what is in a backup, each file by length and hash, sealed by the root key, so that nobody without it makes
//! or changes a backup that is restored. Format 1 was a folder for each backup, with everything in it; format 2 is a
//! point of a series.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use onshore_keys::KeyProvider;
use onshore_types::Timestamp;
use ring::digest::{self, SHA256};
use serde::{Deserialize, Serialize};

use super::files::{self, FileEntry};
use super::pieces::InPieces;

/// The format that this version writes.
pub(crate) const FORMAT: u32 = 2;
/// The database in a backup.
pub(crate) const DATABASE: &str = "onshore.db";
/// The credentials in a backup, sealed by the root key.
pub(crate) const CREDENTIALS: &str = "credentials.sealed";
/// What the credentials are sealed for.
pub(crate) const CREDENTIALS_CONTEXT: &[u8] = b"onshore backup credentials 1";

/// The manifest of a backup of format 1, in its folder.
const WHOLE_MANIFEST: &str = "manifest.json";
const WHOLE_FORMAT: u32 = 1;
const WHOLE_CONTEXT: &[u8] = b"onshore backup manifest 1";
const POINT_CONTEXT: &[u8] = b"onshore backup point 2";
/// What the name of a manifest's seal ends in.
const SEAL: &str = "seal";

/// A backup of format 1.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Whole {
    format: u32,
    /// When the backup was begun.
    pub(crate) made: Timestamp,
    /// The version of Onshore that made it.
    version: String,
    /// The ledger at that point.
    pub(crate) ledger: LedgerHead,
    /// Every file but the manifest and its seal, by its path in the folder.
    pub(crate) files: BTreeMap<String, FileEntry>,
}

/// A point of a series.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Point {
    /// The format of manifest and folder.
    pub(crate) format: u32,
    /// The series it is of.
    pub(crate) series: String,
    /// The how manieth it is.
    pub(crate) number: i64,
    /// When it was begun: it holds everything that was acknowledged before.
    pub(crate) made: Timestamp,
    /// The version of Onshore that made it.
    pub(crate) version: String,
    /// The ledger at that point.
    pub(crate) ledger: LedgerHead,
    /// What is in pieces, by its path in a data folder.
    pub(crate) pieces: BTreeMap<String, InPieces>,
    /// Whether the pages of the database were encrypted. In pieces they are plain; the pieces are sealed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) hides_names: bool,
    /// The bodies, by their paths in a data folder and in that of the series.
    pub(crate) bodies: BTreeMap<String, FileEntry>,
}

/// The ledger at a point.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LedgerHead {
    /// The key that checks it.
    pub(crate) key: String,
    /// How many leaves were signed.
    pub(crate) size: u64,
    /// The root over them.
    pub(crate) root: String,
    /// How many leaves there are in all.
    pub(crate) leaves: u64,
}

impl Whole {
    /// Whether there is a backup of format 1 in a folder.
    pub(crate) fn is_in(folder: &Path) -> bool {
        folder.join(WHOLE_MANIFEST).is_file()
    }

    /// Reads the manifest of a backup, and its SHA-256. It is the one that was sealed.
    pub(crate) fn read(folder: &Path, keys: &dyn KeyProvider) -> Result<(Self, String)> {
        let path = folder.join(WHOLE_MANIFEST);
        let (manifest, hash): (Self, _) = read(&path, WHOLE_CONTEXT, keys)?;
        check_format(manifest.format, WHOLE_FORMAT)?;
        Ok((manifest, hash))
    }
}

impl Point {
    /// Writes the manifest and, before, its seal: from then on there is this point.
    pub(crate) fn write(&self, path: &Path, keys: &dyn KeyProvider) -> Result<()> {
        let bytes = serde_json::to_vec(self)?;
        let seal = keys.wrap(POINT_CONTEXT, digest::digest(&SHA256, &bytes).as_ref())?;
        files::write(&seal_path(path), hex::encode(seal).as_bytes())?;
        files::write(path, &bytes)?;
        match path.parent() {
            Some(folder) => files::sync(folder),
            None => Ok(()),
        }
    }

    /// Reads the manifest of a point, and its SHA-256. It is the one that was sealed.
    pub(crate) fn read(path: &Path, keys: &dyn KeyProvider) -> Result<(Self, String)> {
        let (point, hash): (Self, _) = read(path, POINT_CONTEXT, keys)?;
        check_format(point.format, FORMAT)?;
        Ok((point, hash))
    }

    /// Removes the manifest and then its seal.
    pub(crate) fn remove(path: &Path) -> std::io::Result<()> {
        fs::remove_file(path)?;
        fs::remove_file(seal_path(path))
    }

    /// Returns how many bytes the data folder was, apart from what can be made anew.
    pub(crate) fn len_bytes(&self) -> u64 {
        let pieces = self.pieces.values().map(|file| &file.whole);
        let all = pieces.chain(self.bodies.values());
        all.map(|file| file.len_bytes).sum()
    }
}

fn read<T: for<'a> Deserialize<'a>>(
    path: &Path,
    context: &[u8],
    keys: &dyn KeyProvider,
) -> Result<(T, String)> {
    let bytes = fs::read(path)
        .with_context(|| format!("the backup's manifest {} cannot be read", path.display()))?;
    let seal = fs::read_to_string(seal_path(path)).context("the backup has no seal")?;
    let seal = hex::decode(seal.trim()).context("the backup's seal is not one")?;
    let hash = digest::digest(&SHA256, &bytes);
    let sealed = keys.unwrap(context, &seal).context(
        "the backup was sealed with another root key, or its seal was changed: name the root key with --keys",
    )?;
    if sealed.as_bytes() != hash.as_ref() {
        bail!("the backup's manifest was changed since it was made");
    }
    let manifest =
        serde_json::from_slice(&bytes).context("the backup's manifest cannot be read")?;
    Ok((manifest, hex::encode(hash)))
}

fn check_format(found: u32, known: u32) -> Result<()> {
    if found != known {
        bail!("the backup has format {found}, this version reads {known} there");
    }
    Ok(())
}

fn seal_path(manifest: &Path) -> PathBuf {
    manifest.with_extension(SEAL)
}
