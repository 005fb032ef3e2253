//! Pieces: what changes from point to point, above all the database, is cut into pieces of one size, each kept once
//! under a name that only the holder of the series' key can make of it, and sealed. A piece that another point has
//! already is not written again; whoever has the folder and not the root key learns how many pieces there are.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use onshore_keys::{DataKey, KEY_LEN_BYTES, Secret, TAG_LEN_BYTES};
use onshore_store::{Mark, SecretOwner};
use ring::digest::{self, SHA256};
use ring::hmac;
use serde::{Deserialize, Serialize};

use super::files::{self, FileEntry};

/// How long a piece is: sixteen pages of the database.
const PIECE_BYTES: usize = 128 << 10;
/// How long a nonce is.
const NONCE_LEN_BYTES: usize = 12;

/// A file in pieces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InPieces {
    /// The file as it was.
    pub(crate) whole: FileEntry,
    /// The names of its pieces, in order.
    pub(crate) pieces: Vec<String>,
}

/// The pieces of a series.
pub(crate) struct Pieces {
    folder: PathBuf,
    seal: DataKey,
    names: hmac::Key,
    marks: hmac::Key,
}

impl Pieces {
    /// The pieces in this folder, under the key of their series.
    pub(crate) fn new(folder: PathBuf, key: &Secret) -> Result<Self> {
        let series = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        let derived = |what: &[u8]| Secret::new(hmac::sign(&series, what).as_ref().to_vec());
        let mac = |what: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, derived(what).as_bytes());
        Ok(Self {
            folder,
            seal: DataKey::from_secret(derived(b"onshore backup pieces 1"))?,
            names: mac(b"onshore backup names 1"),
            marks: mac(b"onshore backup marks 1"),
        })
    }

    /// Draws a key for a series.
    pub(crate) fn draw_key() -> Secret {
        Secret::random::<KEY_LEN_BYTES>()
    }

    /// Returns what stands in the database of a point for something that is kept elsewhere.
    pub(crate) fn mark(&self, owner: &SecretOwner, content: &[u8]) -> Mark {
        let mut tag = hmac::Context::with_key(&self.marks);
        tag.update(owner);
        tag.update(content);
        let mut mark = Mark::default();
        for (byte, of) in mark.iter_mut().zip(tag.sign().as_ref()) {
            *byte = *of;
        }
        mark
    }

    /// Keeps what can be read.
    pub(crate) fn keep(&self, from: &mut impl Read) -> Result<InPieces> {
        let mut hash = digest::Context::new(&SHA256);
        let (mut len_bytes, mut pieces) = (0, Vec::new());
        loop {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            from.take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
            if piece.is_empty() {
                break;
            }
            hash.update(&piece);
            len_bytes += piece.len() as u64;
            pieces.push(self.put(piece)?);
        }
        Ok(InPieces {
            whole: FileEntry {
                len_bytes,
                sha256: hex::encode(hash.finish()),
            },
            pieces,
        })
    }

    /// Keeps bytes.
    pub(crate) fn keep_bytes(&self, bytes: &[u8]) -> Result<InPieces> {
        Ok(InPieces {
            whole: FileEntry::of_bytes(bytes),
            pieces: bytes
                .chunks(PIECE_BYTES)
                .map(|piece| self.put(piece.to_vec()))
                .collect::<Result<_>>()?,
        })
    }

    /// Writes a file as it was, or says that it cannot.
    pub(crate) fn give(&self, file: &InPieces, to: &mut impl Write) -> Result<()> {
        let mut hash = digest::Context::new(&SHA256);
        let mut len_bytes = 0;
        for name in &file.pieces {
            let piece = self.read(name)?;
            hash.update(&piece);
            len_bytes += piece.len() as u64;
            to.write_all(&piece)?;
        }
        let given = FileEntry {
            len_bytes,
            sha256: hex::encode(hash.finish()),
        };
        if given != file.whole {
            bail!("pieces of the backup do not make what was backed up: the backup is damaged");
        }
        Ok(())
    }

    /// Whether every piece of a file is there.
    pub(crate) fn are_there(&self, file: &InPieces) -> bool {
        file.pieces.iter().all(|name| self.path(name).is_file())
    }

    /// Removes every piece that is not named, and returns how many bytes they were.
    pub(crate) fn sweep(&self, named: &HashSet<String>) -> Result<u64> {
        sweep(&self.folder, &|_, name| named.contains(name))
    }

    fn put(&self, mut piece: Vec<u8>) -> Result<String> {
        let tag = hmac::sign(&self.names, &piece);
        let name = hex::encode(tag);
        let path = self.path(&name);
        // One of another length is damaged.
        let sealed_len = (piece.len() + TAG_LEN_BYTES) as u64;
        let is_there = path.metadata().is_ok_and(|file| file.len() == sealed_len);
        if !is_there {
            self.seal
                .seal(nonce(tag.as_ref())?, name.as_bytes(), &mut piece)?;
            files::write(&path, &piece)?;
        }
        Ok(name)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>> {
        let damaged = || format!("the piece {name} of the backup is damaged");
        let tag = hex::decode(name).with_context(damaged)?;
        let mut piece = fs::read(self.path(name))
            .with_context(|| format!("the piece {name} of the backup is missing"))?;
        let len = self
            .seal
            .open(nonce(&tag)?, name.as_bytes(), &mut piece)
            .with_context(damaged)?;
        piece.truncate(len);
        Ok(piece)
    }

    fn path(&self, name: &str) -> PathBuf {
        let shelf = name.get(..2).unwrap_or("__");
        self.folder.join(shelf).join(name)
    }
}

/// Removes every file two levels down that is not to be kept, and returns how many bytes they were. `keeps` is told the
/// names of its folder and of itself.
pub(crate) fn sweep(folder: &Path, keeps: &dyn Fn(&str, &str) -> bool) -> Result<u64> {
    let all = || -> io::Result<u64> {
        let mut freed_bytes = 0;
        if !folder.is_dir() {
            return Ok(0);
        }
        for shelf in fs::read_dir(folder)? {
            let shelf = shelf?;
            if !shelf.file_type()?.is_dir() {
                continue;
            }
            for file in fs::read_dir(shelf.path())? {
                let file = file?;
                let (shelf, name) = (shelf.file_name(), file.file_name());
                if !keeps(&shelf.to_string_lossy(), &name.to_string_lossy()) {
                    freed_bytes += file.metadata()?.len();
                    fs::remove_file(file.path())?;
                }
            }
        }
        Ok(freed_bytes)
    };
    all().with_context(|| format!("{} cannot be cleared", folder.display()))
}

/// Two pieces that differ have names that differ, and so have their nonces: a key seals no two with one.
fn nonce(tag: &[u8]) -> Result<[u8; NONCE_LEN_BYTES]> {
    tag.first_chunk()
        .copied()
        .context("the name of a piece is too short")
}
