//! `onshore decommission`: deleting at a source what a complete certificate covers.

use std::path::PathBuf;

use clap::Subcommand;
use onshore_types::JobId;

#[derive(Debug, Subcommand)]
pub(crate) enum DecommissionCommand {
    /// Propose to delete at its source what a migration brought, as its complete certificate says; nothing is deleted until another
    /// person approves
    Propose {
        /// The migration job
        #[arg(value_name = "JOB")]
        of: JobId,
        /// The profile whose credentials may delete at the source [default: the usual AWS variables and profile]
        #[arg(long)]
        profile: Option<String>,
    },
    /// Approve what another person proposed: deleting begins
    Approve {
        /// Its id
        id: JobId,
    },
    /// List decommissionings
    List,
    /// Show one: who said so, what was deleted, what was not and why, what the source still has
    Show {
        /// Its id
        id: JobId,
    },
    /// File what the provider states about the deletion, beside what was found; or fetch what was filed
    Statement {
        /// Its id
        id: JobId,
        /// The file, up to 512 KiB
        #[arg(
            value_name = "FILE",
            required_unless_present = "out",
            conflicts_with = "out"
        )]
        file: Option<PathBuf>,
        /// Fetch it into this file
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}
