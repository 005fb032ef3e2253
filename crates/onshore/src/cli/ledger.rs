//! `onshore ledger`: leaves and their proofs.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Print the newest leaves
    Tail {
        /// How many
        #[arg(short, long, default_value_t = 20)]
        number: u32,
    },
    /// Prove a leaf: a bundle that `onshore verify` checks offline
    Prove {
        /// The leaf's index
        index: u64,
        /// Where the bundle goes [default: standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Prove a leaf as other transparency logs do (C2SP tlog-proof)
    Proof {
        /// The leaf's index
        index: u64,
        /// Where the proof goes [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// List the reads of the batch that a leaf tells of
    Reads {
        /// The index of a leaf of kind `reads`
        leaf: u64,
        /// The first one
        #[arg(long, value_name = "POSITION", default_value_t = 0)]
        from: u64,
        /// How many
        #[arg(short, long, default_value_t = 100)]
        number: u32,
    },
    /// Prove one read: a document that `onshore verify` checks offline
    ProveRead {
        /// The index of the leaf of its batch
        leaf: u64,
        /// Where in the batch it stands
        position: u64,
        /// Where the proof goes [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Say how long the ledger is, and how much of it witnesses cosigned
    Status,
    /// Print the newest signed checkpoint
    Checkpoint {
        /// The newest one that enough witnesses cosigned
        #[arg(long)]
        witnessed: bool,
    },
    /// Print the public key that checks this ledger
    Key,
}
