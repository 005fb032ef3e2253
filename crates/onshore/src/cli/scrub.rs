//! `onshore scrub`: reading everything once.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct ScrubArgs {
    /// The configuration file that the server has
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}
