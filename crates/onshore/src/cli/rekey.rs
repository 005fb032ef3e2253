//! `onshore rekey`: sealing all keys under another root key.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct RekeyArgs {
    /// The configuration file that the server has, which names the present root key
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The file with the new root key; it is made if there is none
    #[arg(long, value_name = "FILE")]
    pub(crate) new_root_key: PathBuf,
}
