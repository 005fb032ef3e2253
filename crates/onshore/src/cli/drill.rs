//! `onshore drill`: showing that nothing here needs anybody outside.

use clap::Subcommand;
use onshore_types::DrillId;

use crate::commands::Seconds;

#[derive(Debug, Subcommand)]
pub(crate) enum DrillCommand {
    /// Cut the server off from everything but loopback and the peers of `drill.peers` for a while, and try everything meanwhile
    Disconnect {
        /// For how long: 90s, 10m, 2h
        #[arg(long = "for", value_name = "TIME", default_value = "10m")]
        seconds: Seconds,
        /// Where S3 is served [default: where the server says]
        #[arg(long, value_name = "URL")]
        s3: Option<String>,
    },
    /// End the drill that is under way
    End,
    /// List drills
    List,
    /// Show what a drill found
    Show {
        /// Which
        id: DrillId,
    },
}
