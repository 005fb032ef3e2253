//! `onshore verify`: checking evidence offline.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// A certificate, a proof, an evidence bundle, or the folder of a published ledger
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// A public key of the ledger, from somewhere other than the file
    #[arg(long, value_name = "VKEY")]
    pub(crate) key: Vec<String>,
    /// Who must have cosigned (a C2SP tlog-policy): without their quorum the file does not hold
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// An older checkpoint that the folder's ledger must extend, as `onshore witness status` prints it
    #[arg(long, value_name = "FILE")]
    pub(crate) older: Vec<PathBuf>,
    /// The file whose digest the proof's record has, such as a report
    #[arg(long, value_name = "FILE")]
    pub(crate) of: Option<PathBuf>,
    /// Prove one object of a certificate
    #[arg(long, value_name = "KEY")]
    pub(crate) object: Option<String>,
}
