//! Crashes: what is on disk at one instant becomes a new data folder. What was never forced to disk may be gone or cut.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::random::Dice;

const WAL: &str = "onshore.db-wal";

/// Copies a data folder. Call it on the writer's thread: nothing else changes the database meanwhile.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("making {}", to.display()))?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            if fs::read_dir(&source)?.next().is_some() {
                copy(&source, &target)?;
            }
        } else if !entry.file_name().to_string_lossy().ends_with("-shm") {
            match fs::copy(&source, &target) {
                // A file that belonged to nobody was just removed.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                copied => drop(copied?),
            }
        }
    }
    Ok(())
}

/// Makes of a state before a commit and one after it the state in which the commit was half written. Returns whether
/// it could be done: not when the write-ahead log was emptied in between.
pub(crate) fn tear(before: &Path, after: &Path, dice: &mut Dice) -> Result<bool> {
    if fs::read(before.join("onshore.db"))? != fs::read(after.join("onshore.db"))? {
        return Ok(false);
    }
    let old = fs::read(before.join(WAL)).unwrap_or_default();
    let new = fs::read(after.join(WAL)).unwrap_or_default();
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    if same == new.len() {
        return Ok(false);
    }
    let cut = same + dice.index(new.len() - same);
    let torn: Vec<u8> = new
        .iter()
        .take(cut)
        .chain(old.iter().skip(cut))
        .copied()
        .collect();
    fs::write(after.join(WAL), torn)?;
    Ok(true)
}

/// Deletes, empties and cuts files that nobody forced to disk, and leaves a file that was being written.
pub(crate) fn lose(folder: &Path, dice: &mut Dice) -> Result<()> {
    let mut derived = Vec::new();
    gather(&folder.join("ledger"), &mut derived)?;
    derived.sort();
    let is_harsh = dice.once_in(3);
    for path in derived {
        if !is_harsh && !dice.once_in(6) {
            continue;
        }
        match dice.below(4) {
            0 => fs::remove_file(&path)?,
            1 => fs::write(&path, b"")?,
            2 => {
                let mut bytes = fs::read(&path)?;
                bytes.truncate(dice.index(bytes.len() + 1));
                fs::write(&path, bytes)?;
            }
            _ => {
                let mut bytes = fs::read(&path)?;
                if let Some(at) = bytes.len().checked_sub(1) {
                    let at = dice.index(at + 1);
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= 1 << dice.below(8);
                    }
                }
                fs::write(&path, bytes)?;
            }
        }
    }
    let staging = folder.join("objects").join("staging");
    fs::create_dir_all(&staging)?;
    if dice.once_in(2) {
        fs::write(
            staging.join("00112233445566778899aabbccddeeff"),
            b"half a body",
        )?;
    }
    Ok(())
}

/// Returns the files that hold bodies.
pub(crate) fn bodies(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    gather(&folder.join("objects"), &mut found)?;
    Ok(found)
}

fn gather(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            gather(&path, found)?;
        } else if path.extension() != Some(OsStr::new("new")) {
            found.push(path);
        }
    }
    Ok(())
}
