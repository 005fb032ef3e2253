//! `onshore report`: orders, persons, holdings, and evidence for a regulator.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use onshore_orders::{Day, Id, Quarter};
use onshore_types::{BucketName, GroupName, TenantName, Timestamp};

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// As of this day [default: today where each order was given]
    #[arg(long, value_name = "DATE")]
    pub(crate) as_of: Option<Day>,
    /// As far as it was known at this time, RFC 3339 or a date [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) known_at: Option<Timestamp>,
    /// Of this order alone
    #[arg(long, value_name = "ID")]
    pub(crate) order: Option<Id>,
    /// Of this organisation alone; of what does not bind it, it is told why
    #[arg(long, value_name = "ID")]
    pub(crate) organisation: Option<Id>,
    /// Only how many contracts are how far
    #[arg(long)]
    pub(crate) summary: bool,
    /// Say why, in one sentence each
    #[arg(long)]
    pub(crate) why: bool,
    /// Have the server record the report's digest in the ledger; the report goes to --out as JSON, and the proof that it is the one
    /// to this file: `onshore verify PROOF --of REPORT` checks both offline
    #[arg(long, value_name = "FILE", requires = "out", conflicts_with = "format")]
    pub(crate) proof: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) paper: PaperArgs,
}

/// In which form, and where to.
#[derive(Debug, Args)]
pub(crate) struct PaperArgs {
    /// How to print it [default: table, or json with --json]
    #[arg(long, value_enum)]
    pub(crate) format: Option<StatusFormat>,
    /// Where it goes [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct QuarterlyArgs {
    /// Of this quarter, such as 2022Q3: as of its last day, beside the last day of the one before
    #[arg(long, value_name = "YEARQn")]
    pub(crate) quarter: Quarter,
    /// As far as it was known at this time, RFC 3339 or a date [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) known_at: Option<Timestamp>,
    /// Of this order alone
    #[arg(long, value_name = "ID")]
    pub(crate) order: Option<Id>,
    /// Of this organisation alone
    #[arg(long, value_name = "ID")]
    pub(crate) organisation: Option<Id>,
    /// Have it recorded in the ledger, and write the proof of that here; `onshore verify` checks both offline
    #[arg(long, value_name = "FILE", requires = "out", conflicts_with = "format")]
    pub(crate) proof: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) paper: PaperArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum StatusFormat {
    Table,
    Csv,
    Json,
    Pdf,
}

#[derive(Debug, Args)]
pub(crate) struct RegionsArgs {
    /// As of this day [default: today where each region is]
    #[arg(long, value_name = "DATE")]
    pub(crate) as_of: Option<Day>,
    /// As far as it was known at this time, RFC 3339 or a date [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) known_at: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub(crate) struct HoldingsArgs {
    /// Of this tenant alone
    #[arg(long)]
    pub(crate) tenant: Option<TenantName>,
    /// Of this bucket alone
    #[arg(long)]
    pub(crate) bucket: Option<BucketName>,
    /// Count what is older than so many days and was not read in them, as far as reads are on record
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub(crate) unread_days: Option<u32>,
    /// Tell what would go if no object held this kind any more; several at once with several of these
    #[arg(long, value_name = "KIND")]
    pub(crate) without: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReportCommand {
    /// Where everybody stands with each order: who is bound, what is frozen, by when each contract must be left, how far it is
    Status(StatusArgs),
    /// What SASAC's Document 79 has state-owned enterprises report each quarter: how far each organisation is, and what changed
    Quarterly(QuarterlyArgs),
    /// Cases that are open, with their dates, and duties that begin with a number of persons
    Cases {
        /// As it was at this time, as far as it was known then, RFC 3339 or a date [default: now]
        #[arg(long, value_name = "TIME")]
        known_at: Option<Timestamp>,
    },
    /// A hand-over plan as a paper: tranches, prices, days, who signed for what, and what stays with the seller
    Handover {
        /// The plan's id
        id: Id,
        #[command(flatten)]
        paper: PaperArgs,
    },
    /// Whether whoever runs each region holds the licence for it, until when, and whose technology it runs on
    Regions(RegionsArgs),
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
    /// Tell what personal data is held, by bucket, kind and age: without a purpose or a ground, or past its time, as the object says (tag or
    /// metadata onshore-purpose, onshore-keep-until) or its bucket (onshore bucket purpose)
    Holdings(HoldingsArgs),
}
