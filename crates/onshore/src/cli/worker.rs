//! `onshore worker`: reading for a server's migrations.

use std::path::PathBuf;

use clap::Args;
use onshore_types::{IdentityName, JobId};

#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// Which job; the worker ends with it [default: any of the token's tenant, until told to stop]
    #[arg(long)]
    pub(crate) job: Option<JobId>,
    /// A file that holds the worker's control token [default: --token]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// What the worker calls itself; it stands with what it brings [default: the name of this machine]
    #[arg(long)]
    pub(crate) name: Option<IdentityName>,
    /// How many objects it brings at the same time
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) streams: u32,
    /// The profile whose credentials open sources [default: the usual variables and profile]
    #[arg(long)]
    pub(crate) profile: Option<String>,
    /// Read sources without credentials
    #[arg(long)]
    pub(crate) anonymous: bool,
}
