//! `onshore job`: migration jobs.

use std::path::PathBuf;

use clap::Subcommand;
use onshore_types::JobId;

#[derive(Debug, Subcommand)]
pub(crate) enum JobCommand {
    /// List jobs
    List,
    /// Show a job
    Show {
        /// Its id
        id: JobId,
    },
    /// Let a job wait; what has arrived stays
    Pause {
        /// Its id
        id: JobId,
    },
    /// Let a job go on that waits
    Resume {
        /// Its id
        id: JobId,
    },
    /// Let a job that keeps up with its source (`--watch`) bring what is new a last time, and end with its certificate
    Finish {
        /// Its id
        id: JobId,
    },
    /// Stop a job
    Cancel {
        /// Its id
        id: JobId,
    },
    /// Fetch the certificate of a job that has ended
    Certificate {
        /// Its id
        id: JobId,
        /// Where it goes [default: standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}
