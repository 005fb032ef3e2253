//! `onshore fsck`: database, files and ledger compared.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct FsckArgs {
    /// The configuration file, which may name the root key
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Remove files that belong to nothing; nothing else is changed
    #[arg(long)]
    pub(crate) repair: bool,
}
