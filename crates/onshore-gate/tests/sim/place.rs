//! Where the simulation's data folders are: in memory where the system has such a place. A crash is a copy of what was
//! written; whether a disk keeps what was forced to it is not asked here, and waiting for one would take most of the time.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result};

const MEMORY: &str = "/dev/shm";

/// A folder that is removed with the value.
#[derive(Debug)]
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("onshore-sim-{}-{next}", std::process::id());
        let path = [PathBuf::from(MEMORY), std::env::temp_dir()]
            .into_iter()
            .map(|base| base.join(&name))
            .find(|path| std::fs::create_dir(path).is_ok());
        Ok(Self(path.context("no folder can be made")?))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // The last threads of abandoned servers may be at work in it; what stays is small.
        drop(std::fs::remove_dir_all(&self.0));
    }
}
