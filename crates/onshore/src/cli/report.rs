//! `onshore report`: persons, holdings, and evidence for a regulator.

use std::path::PathBuf;

use clap::Subcommand;
use onshore_types::{BucketName, GroupName, TenantName, Timestamp};

#[derive(Debug, Subcommand)]
pub(crate) enum ReportCommand {
    /// Count the distinct persons in what is held, and in what left since the first of January (Beijing time)
    Persons {
        /// Whose data; of several together each person counts once
        #[arg(long = "tenant", value_name = "TENANT", default_value = "default")]
        tenants: Vec<TenantName>,
        /// The data of all tenants of a group
        #[arg(long, conflicts_with = "tenants")]
        group: Option<GroupName>,
        /// Say at once about how many are held, and no more
        #[arg(long)]
        estimate: bool,
    },
    /// Everything that the ledger recorded in a span of time, in one file for a regulator: leaves, records, proofs,
    /// cosigned checkpoint; `onshore verify` opens it offline
    Bundle {
        /// When the span begins, RFC 3339 or a date
        #[arg(long, value_name = "TIME")]
        from: Timestamp,
        /// When it ends; this instant is not in it
        #[arg(long, value_name = "TIME")]
        to: Timestamp,
        /// Where the bundle goes [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Leave the records out, which tell names of objects
        #[arg(long)]
        without_records: bool,
    },
    /// Tell what personal data is held, by bucket, kind and age, without a purpose (tag or metadata onshore-purpose) or past
    /// its time (onshore-keep-until)
    Holdings {
        /// Of this tenant alone
        #[arg(long)]
        tenant: Option<TenantName>,
        /// Of this bucket alone
        #[arg(long)]
        bucket: Option<BucketName>,
    },
}
