//! `onshore quota`: how much may be held.

use clap::{Args, Subcommand};
use onshore_types::{BucketName, TenantName};

#[derive(Debug, Subcommand)]
pub(crate) enum QuotaCommand {
    /// Say how much a bucket or a tenant may hold; a limit that is left out is taken away
    Set {
        #[command(flatten)]
        of: QuotaHolderArgs,
        /// The most bytes of all versions, and of parts of uploads under way
        #[arg(long, value_name = "BYTES")]
        max_bytes: Option<u64>,
        /// The most versions
        #[arg(long, value_name = "COUNT")]
        max_objects: Option<u64>,
    },
    /// Tell how much a bucket or a tenant holds, and may
    Show {
        #[command(flatten)]
        of: QuotaHolderArgs,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct QuotaHolderArgs {
    /// Of this bucket
    #[arg(long, value_name = "NAME")]
    pub(crate) bucket: Option<BucketName>,
    /// Of this tenant: all its buckets together
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<TenantName>,
}
