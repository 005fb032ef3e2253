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
    /// Read so many of a certificate's objects again from both clouds, drawn by a checkpoint that came later
    #[arg(long, value_name = "N", requires_all = ["later", "dest", "policy"], value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) spot: Option<u64>,
    #[command(flatten)]
    pub(crate) clouds: SpotArgs,
}

/// What a look at both clouds needs.
#[derive(Debug, Args)]
pub(crate) struct SpotArgs {
    /// The checkpoint that draws them, cosigned as the policy wants it and later than the certificate:
    /// LEDGER/checkpoint.witnessed
    #[arg(long, value_name = "FILE", requires = "spot")]
    pub(crate) later: Option<PathBuf>,
    /// The source [default: the one that the certificate names]
    #[arg(long, value_name = "SOURCE", requires = "spot")]
    pub(crate) source: Option<String>,
    /// The source's S3 endpoint [default: the one that the certificate names]
    #[arg(long, value_name = "URL", requires = "spot")]
    pub(crate) source_endpoint: Option<String>,
    /// The profile whose credentials open the source [default: the usual AWS variables and profile]
    #[arg(long, value_name = "PROFILE", requires = "spot")]
    pub(crate) source_profile: Option<String>,
    /// Where the objects are now: s3://bucket
    #[arg(long, value_name = "s3://BUCKET", requires = "spot")]
    pub(crate) dest: Option<String>,
    /// The S3 endpoint of this cloud
    #[arg(long, value_name = "URL", requires = "spot")]
    pub(crate) dest_endpoint: Option<String>,
    /// The region to sign for there [default: the profile's]
    #[arg(long, value_name = "REGION", requires = "spot")]
    pub(crate) dest_region: Option<String>,
    /// The profile whose credentials open it [default: the usual AWS variables and profile]
    #[arg(long, value_name = "PROFILE", requires = "spot")]
    pub(crate) dest_profile: Option<String>,
}
