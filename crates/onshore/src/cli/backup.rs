//! `onshore backup`: points of a series, and looking after the series.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use onshore_types::{BucketName, ObjectKey};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct BackupArgs {
    #[command(subcommand)]
    pub(crate) command: Option<BackupCommand>,
    #[command(flatten)]
    pub(crate) of: SeriesArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SeriesArgs {
    /// The series: a folder that is empty or not there at first, and the same from then on
    #[arg(long = "to", value_name = "FOLDER", required = true)]
    pub(crate) series: Option<PathBuf>,
    /// Where what opens the backed-up versions is kept, apart from the series [default: FOLDER.keys]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) key_store: Option<PathBuf>,
    /// The root key, which seals the backups and is never in them [default: root.key in the data folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// List the points of a series
    List {
        #[command(flatten)]
        of: SeriesArgs,
    },
    /// Compare everything that a series holds with what was backed up
    Check {
        #[command(flatten)]
        of: SeriesArgs,
    },
    /// Destroy in the key store what was erased in the data folder, without a new point; each new point does that too
    Erase {
        #[command(flatten)]
        of: SeriesArgs,
        #[command(flatten)]
        which: ErasedKeyArgs,
    },
    /// Remove old points, and what no other point has
    Prune {
        #[command(flatten)]
        of: SeriesArgs,
        /// How many of the newest points stay
        #[arg(long, value_name = "POINTS")]
        keep: NonZeroU32,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ErasedKeyArgs {
    /// Besides, every version of a key that was removed from the data folder before: in this bucket
    #[arg(long, requires = "key")]
    pub(crate) bucket: Option<BucketName>,
    /// The key
    #[arg(long, requires = "bucket")]
    pub(crate) key: Option<ObjectKey>,
}
