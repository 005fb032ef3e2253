//! `onshore organisation`, `provider`, `order`, `contract`, `asset` and `procure`: the register, from an order to its proof.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use onshore_ledger::Hash;
use onshore_orders::handover::Side;
use onshore_orders::{Day, FreezeKind, Id};
use onshore_types::{JobId, Timestamp};

use crate::cli::AccountArgs;

/// What is done to records of every kind.
#[derive(Debug, Subcommand)]
pub(crate) enum RecordCommand {
    /// Record one, as a TOML file has it
    Add {
        /// The file
        file: PathBuf,
    },
    /// Record the next revision of one, as a TOML file has it; earlier ones stay
    Amend {
        /// The file
        file: PathBuf,
        /// The revision that the file was made of; refused where somebody amended it since [default: the newest now]
        #[arg(long, value_name = "NUMBER")]
        revision: Option<u32>,
        /// The first day on which it is so: before it, what was recorded before stays [default: the newest is corrected, since whenever
        /// that holds]
        #[arg(long, value_name = "DATE")]
        from: Option<Day>,
    },
    /// Show one
    Show {
        /// Its id
        id: Id,
        /// Show all its revisions
        #[arg(long)]
        history: bool,
    },
    /// List them
    List {
        #[command(flatten)]
        which: WhichRecordsArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct WhichRecordsArgs {
    /// Contracts of this organisation, assets under this contract
    #[arg(long, value_name = "ID")]
    pub(crate) of: Option<Id>,
    /// As they were known at this time, RFC 3339 or a date [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) known_at: Option<Timestamp>,
}

/// What is recorded by tables too.
#[derive(Debug, Subcommand)]
pub(crate) enum TableCommand {
    /// Record all of a CSV table, or nothing of it
    Import {
        /// The table, with the names of its columns in the first row
        file: PathBuf,
    },
    /// Write what is recorded as a CSV table that can be imported
    Export {
        #[command(flatten)]
        which: WhichRecordsArgs,
        /// Where it goes [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum OrganisationCommand {
    #[command(flatten)]
    Of(RecordCommand),
    #[command(flatten)]
    Table(TableCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum OrderCommand {
    #[command(flatten)]
    Of(RecordCommand),
    /// Approve the exemptions of an order that somebody else recorded: it takes two people who are apart
    Approve {
        /// Its id
        id: Id,
        /// The revision that was looked at; refused where somebody amended it since [default: the newest now]
        #[arg(long, value_name = "NUMBER")]
        revision: Option<u32>,
    },
    /// Print the order of Tianjin of 2021, to load or to begin another with
    Example,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AssessmentCommand {
    #[command(flatten)]
    Of(RecordCommand),
    /// File the report whose SHA-256 an assessment has; it is kept for good
    File {
        /// The assessment
        id: Id,
        /// The report, up to 32 MiB
        report: PathBuf,
    },
    /// Get the report of an assessment as it was filed
    Report {
        /// The assessment
        id: Id,
        /// Where it goes
        #[arg(short, long, value_name = "FILE")]
        out: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReviewCommand {
    #[command(flatten)]
    Of(RecordCommand),
    /// Approve what somebody else took back or decided anew in a review: it takes two people who are apart
    Approve {
        /// Its id
        id: Id,
        /// The revision that was looked at; refused where somebody amended it since [default: the newest now]
        #[arg(long, value_name = "NUMBER")]
        revision: Option<u32>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ContractCommand {
    #[command(flatten)]
    Of(RecordCommand),
    #[command(flatten)]
    Table(TableCommand),
    /// Sign a contract, or renew one that is there, unless an order freezes that
    Sign {
        /// The contract, a TOML file
        file: PathBuf,
    },
    /// File that what was kept under a contract is deleted
    Close {
        /// Its id
        id: Id,
        /// The provider's statement, up to 512 KiB; it is kept
        #[arg(long, value_name = "FILE")]
        statement: PathBuf,
        /// A decommissioning that looked at the provider and found nothing; once for each source
        #[arg(
            long,
            value_name = "JOB",
            required_unless_present = "negative_probe",
            conflicts_with = "negative_probe"
        )]
        probe: Vec<JobId>,
        /// On which day somebody looked there and found nothing, where no job did: reports say that it was typed
        #[arg(long, value_name = "DATE")]
        negative_probe: Option<Day>,
        /// File it although the provider signed another statement or has more than has arrived, or not every asset is proven; with a token
        /// that names a person
        #[arg(long)]
        set_aside: bool,
    },
    /// Get the provider's statement by which a contract was closed
    Statement {
        /// The contract
        id: Id,
        /// Where it goes
        #[arg(short, long, value_name = "FILE")]
        out: PathBuf,
        /// The one with this SHA-256, where the contract was closed again since
        #[arg(long, value_name = "DIGEST")]
        sha256: Option<Hash>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum HandoverCommand {
    #[command(flatten)]
    Of(RecordCommand),
    /// Sign for a tranche; it is accepted when either side has, by two people who are apart and named in the plan
    Accept {
        /// The plan's id
        id: Id,
        /// The tranche
        tranche: Id,
        /// For which side: seller or buyer
        #[arg(long)]
        side: Side,
        /// The revision that was looked at; refused where somebody amended it since [default: the newest now]
        #[arg(long, value_name = "NUMBER")]
        revision: Option<u32>,
    },
    /// Print the purchase by Sinnet of 2017, to load or to begin another with
    Example,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AssetCommand {
    #[command(flatten)]
    Of(RecordCommand),
    #[command(flatten)]
    Table(TableCommand),
    /// Record what a state of Terraform says is there (`terraform.tfstate`, or what `terraform show -json` prints)
    FromState {
        /// The file
        file: PathBuf,
        /// Under which contract all of it is kept
        #[arg(long, value_name = "ID")]
        contract: Id,
    },
    /// Record the buckets of an account at a cloud
    Discover {
        /// Under which contract they are kept
        #[arg(long, value_name = "ID")]
        contract: Id,
        #[command(flatten)]
        account: AccountArgs,
    },
    /// Record that all of an asset arrived, by the certificate of a migration job that is complete
    Prove {
        /// Its id
        id: Id,
        /// The job; what it brought is called as the asset is, and comes from the cloud of the contract's provider
        #[arg(long)]
        job: JobId,
        /// File it although that is otherwise, nothing was listed, or the job proves another asset; with a token that names a person
        #[arg(long)]
        set_aside: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProcureCommand {
    /// Say whether somebody may buy something now; exit 1, with the clause, where an order freezes it
    Check {
        /// contract.new, contract.renew, procure.datacentre, procure.server or procure.storage
        what: FreezeKind,
        /// Who
        #[arg(long, value_name = "ID")]
        organisation: Id,
        /// With which provider, where it is a contract
        #[arg(long, value_name = "ID")]
        provider: Option<Id>,
    },
}
