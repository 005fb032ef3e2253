//! The operator's root key in a file: 64 hexadecimal digits and a newline, readable by its owner alone.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};
use zeroize::Zeroizing;

use crate::{DataKey, Error, KEY_LEN_BYTES, KeyProvider, Secret};

/// Longer than any good root key file.
const READ_MAX_BYTES: u64 = 256;

/// A root key that lives in a file.
pub struct FileRootKey {
    id: String,
    key: DataKey,
}

impl FileRootKey {
    /// Opens the file, or makes it with a new random key where there is none.
    ///
    /// # Errors
    /// [`Error::RootKeyFile`], [`Error::RootKeyForm`], or [`Error::RootKeyExposed`] when others may read the file.
    pub fn open_or_create(path: &Path) -> Result<Self, Error> {
        match Self::create(path) {
            Err(Error::RootKeyFile { source, .. })
                if source.kind() == io::ErrorKind::AlreadyExists =>
            {
                Self::open(path)
            }
            other => other,
        }
    }

    /// Opens a file that must be there.
    ///
    /// # Errors
    /// As [`FileRootKey::open_or_create`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let fail = |source| Error::RootKeyFile {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(fail)?;
        let mode = file.metadata().map_err(fail)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(Error::RootKeyExposed {
                path: path.to_owned(),
                mode,
            });
        }
        let mut text = Zeroizing::new(String::new());
        file.take(READ_MAX_BYTES)
            .read_to_string(&mut text)
            .map_err(fail)?;
        let secret = decode(text.trim_end()).ok_or_else(|| Error::RootKeyForm {
            path: path.to_owned(),
        })?;
        Self::from_secret(secret)
    }

    fn create(path: &Path) -> Result<Self, Error> {
        let fail = |source| Error::RootKeyFile {
            path: path.to_owned(),
            source,
        };
        if path.symlink_metadata().is_ok() {
            return Err(fail(io::ErrorKind::AlreadyExists.into()));
        }
        let secret = Secret::random::<KEY_LEN_BYTES>();
        // Written beside its place and linked there whole: a crash in between leaves no half key that would stop
        // every later start, and a link never replaces a key that somebody else just made.
        let draft = draft_path(path);
        let written = write_draft(&draft, &secret).and_then(|()| std::fs::hard_link(&draft, path));
        let removed = std::fs::remove_file(&draft);
        written.and(removed).map_err(fail)?;
        sync_folder(path).map_err(fail)?;
        Self::from_secret(secret)
    }

    fn from_secret(secret: Secret) -> Result<Self, Error> {
        let mut named = Zeroizing::new(b"onshore root key id\n".to_vec());
        named.extend_from_slice(secret.as_bytes());
        let hash = digest(&SHA256, &named);
        let id = hash
            .as_ref()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>();
        Ok(Self {
            id: format!("file-{id}"),
            key: DataKey::from_secret(secret)?,
        })
    }
}

impl KeyProvider for FileRootKey {
    fn key_id(&self) -> &str {
        &self.id
    }

    fn wrap(&self, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, Error> {
        self.key.wrap(context, plain)
    }

    fn unwrap(&self, context: &[u8], sealed: &[u8]) -> Result<Secret, Error> {
        self.key.unwrap(context, sealed)
    }
}

impl fmt::Debug for FileRootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileRootKey").field("id", &self.id).finish()
    }
}

fn draft_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(
        ".draft-{:016x}",
        u64::from_be_bytes(crate::random())
    ));
    PathBuf::from(name)
}

fn write_draft(draft: &Path, secret: &Secret) -> io::Result<()> {
    let mut text = Zeroizing::new(String::with_capacity(2 * KEY_LEN_BYTES + 1));
    for byte in secret.as_bytes() {
        let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text.push('\n');
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

fn decode(text: &str) -> Option<Secret> {
    if text.len() != 2 * KEY_LEN_BYTES {
        return None;
    }
    let digits = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|value| u8::try_from(value).ok()))
        .collect::<Option<Vec<u8>>>()
        .map(Zeroizing::new)?;
    Some(Secret::new(
        digits
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect(),
    ))
}
