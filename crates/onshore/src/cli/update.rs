//! `onshore update`: new releases, in quarantine until two operators approve them.

use std::path::PathBuf;

use clap::Subcommand;
use onshore_types::{UpdateId, Wording};

#[derive(Debug, Subcommand)]
pub(crate) enum UpdateCommand {
    /// Make a key that signs, for the technology provider, and print the half that operators configure
    Key {
        /// The name it signs in, such as provider.example
        name: String,
        /// Where to write the secret half
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Make a signed bundle of a binary: what the technology provider does
    Pack {
        /// The binary
        #[arg(long, value_name = "FILE")]
        binary: PathBuf,
        /// Its release, as MAJOR.MINOR.PATCH
        #[arg(long, value_name = "VERSION")]
        version: String,
        /// The archive of its sources as it is deposited: its SHA-256 stands in the bundle
        #[arg(long, value_name = "FILE")]
        escrow: PathBuf,
        /// The secret key that signs
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Where to write the bundle
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// What is new, a text
        #[arg(long, value_name = "FILE")]
        notes: Option<PathBuf>,
        /// What it runs on [default: what this program runs on]
        #[arg(long, value_name = "MACHINE-SYSTEM")]
        platform: Option<String>,
    },
    /// Take a bundle into quarantine, if it is signed by a key of `updates.keys`; nothing runs it
    Import {
        /// The bundle
        file: PathBuf,
        /// Take a release that is older than the one that runs
        #[arg(long)]
        allow_older: bool,
    },
    /// List updates
    List,
    /// Show an update and what is new in it
    Show {
        /// Which
        id: UpdateId,
    },
    /// Approve an update; two different operators must
    Approve {
        /// Which
        id: UpdateId,
    },
    /// Reject an update for good, and remove its bundle
    Reject {
        /// Which
        id: UpdateId,
        /// Why
        #[arg(long)]
        reason: Wording,
    },
    /// Write the binary of an approved update to a file, for whoever installs it
    Stage {
        /// Which
        id: UpdateId,
        /// Where to; what is there is replaced at once, or not at all
        #[arg(long, value_name = "PATH")]
        to: PathBuf,
    },
}
