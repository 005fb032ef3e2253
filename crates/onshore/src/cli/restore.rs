//! `onshore restore`: a data folder of a backup.

use std::path::PathBuf;

use clap::Args;
use onshore_types::Timestamp;

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The series of backups
    #[arg(value_name = "FOLDER")]
    pub(crate) from: PathBuf,
    /// Restore the newest point that was made by this time, as 2026-11-22T10:00:00Z [default: the newest]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<Timestamp>,
    /// The key store of the series [default: FOLDER.keys]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) key_store: Option<PathBuf>,
    /// The root key that the backup was made with [default: root.key in the data folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,
    /// The newest copy of the lost ledger's folder: lists what was acknowledged after the backup and is gone
    #[arg(long, value_name = "FOLDER")]
    pub(crate) ledger: Option<PathBuf>,
}
