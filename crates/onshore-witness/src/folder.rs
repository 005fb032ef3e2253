//! A witness's data folder: its key, which only it reads, and the public keys of the logs that it watches, a line each.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use onshore_ledger::{Cosigner, VerifierKey};

use crate::Error;

const KEY_FILE: &str = "witness.key";
const LOGS_FILE: &str = "logs";
const DATABASE_FILE: &str = "witness.db";

/// A witness's data folder.
#[derive(Debug)]
pub struct WitnessFolder {
    path: PathBuf,
    cosigner: Cosigner,
    logs: Vec<VerifierKey>,
}

impl WitnessFolder {
    /// Makes a witness of this name with a fresh key.
    ///
    /// # Errors
    /// [`Error::Made`] where there is one; a name that cannot be one; those of the files.
    pub fn make(path: &Path, name: &str) -> Result<Self, Error> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|source| failed(path, source))?;
        let seed: [u8; 32] = onshore_keys::random();
        let cosigner = Cosigner::from_seed(name, &seed)?;
        let key = path.join(KEY_FILE);
        let text = format!("{name}\n{}\n", hex::encode(seed));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&key)
            .map_err(|source| match source.kind() {
                ErrorKind::AlreadyExists => Error::Made {
                    path: path.to_owned(),
                },
                _ => failed(&key, source),
            })?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(|source| failed(&key, source))?;
        std::fs::File::open(path)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| failed(path, source))?;
        Ok(Self {
            path: path.to_owned(),
            cosigner,
            logs: Vec::new(),
        })
    }

    /// Opens the witness in a folder.
    ///
    /// # Errors
    /// [`Error::NotMade`] where there is none; those of the files.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let key = path.join(KEY_FILE);
        let text = std::fs::read_to_string(&key).map_err(|source| match source.kind() {
            ErrorKind::NotFound => Error::NotMade {
                path: path.to_owned(),
            },
            _ => failed(&key, source),
        })?;
        let mut seed = [0; 32];
        let malformed = || Error::KeyFile { path: key.clone() };
        let (name, digits) = text
            .strip_suffix('\n')
            .and_then(|text| text.split_once('\n'))
            .ok_or_else(malformed)?;
        hex::decode_to_slice(digits, &mut seed).map_err(|_| malformed())?;
        let mut folder = Self {
            path: path.to_owned(),
            cosigner: Cosigner::from_seed(name, &seed)?,
            logs: Vec::new(),
        };
        let logs = path.join(LOGS_FILE);
        let text = match std::fs::read_to_string(&logs) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(source) => return Err(failed(&logs, source)),
        };
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            folder.take(line.trim().parse()?)?;
        }
        Ok(folder)
    }

    /// Watches another log from the next start on.
    ///
    /// # Errors
    /// [`Error::OwnKey`]; those of the files.
    pub fn watch(&mut self, log: VerifierKey) -> Result<(), Error> {
        self.take(log)?;
        let path = self.path.join(LOGS_FILE);
        let staging = self.path.join("logs.new");
        let lines = self.logs.iter().map(|log| format!("{log}\n"));
        std::fs::write(&staging, lines.collect::<String>())
            .and_then(|()| std::fs::rename(&staging, &path))
            .map_err(|source| failed(&path, source))
    }

    fn take(&mut self, log: VerifierKey) -> Result<(), Error> {
        if log.public() == self.cosigner.key().public() {
            return Err(Error::OwnKey {
                name: log.name().to_owned(),
            });
        }
        if !self.logs.contains(&log) {
            self.logs.push(log);
        }
        Ok(())
    }

    /// Returns the witness's key.
    #[must_use]
    pub fn cosigner(&self) -> &Cosigner {
        &self.cosigner
    }

    /// Returns the logs that are watched.
    #[must_use]
    pub fn logs(&self) -> &[VerifierKey] {
        &self.logs
    }

    /// Returns where what was cosigned is kept.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.path.join(DATABASE_FILE)
    }

    pub(crate) fn into_parts(self) -> (Cosigner, Vec<VerifierKey>) {
        (self.cosigner, self.logs)
    }
}

fn failed(path: &Path, source: std::io::Error) -> Error {
    Error::File {
        path: path.to_owned(),
        source,
    }
}
