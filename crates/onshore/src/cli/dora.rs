//! `onshore dora`: the register of information.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use onshore_dora::{Country, Currency, Day, Scope};
use onshore_orders::Id;
use onshore_types::Timestamp;

#[derive(Debug, Subcommand)]
pub(crate) enum DoraCommand {
    /// Write the fifteen tables into a folder, each with its columns and no row
    Templates {
        /// The folder; files that are there stay
        folder: PathBuf,
    },
    /// Check the tables in a folder (b_01.01.csv to b_99.01.csv): needed cells, forms, keys, references; exit 1 on a fault
    Check {
        /// The folder
        folder: PathBuf,
    },
    /// Pack the tables as authorities take them (xBRL-CSV, framework 4.0); refused where the check finds a fault
    Package(PackageArgs),
    /// Check the tables and take them into the register of a server: their arrangements are contracts there, held against every order
    Import {
        /// The folder
        folder: PathBuf,
        /// The organisation that maintains them (B_01.01)
        #[arg(long, value_name = "ID")]
        organisation: Id,
    },
    /// Write the tables of an organisation as they were taken in, with rows for its contracts that are in none, and tell what is lacking
    Export {
        /// Into which folder; files of that name are written anew
        folder: PathBuf,
        /// The organisation that maintains them
        #[arg(long, value_name = "ID")]
        organisation: Id,
        /// As they were known at this time, RFC 3339 or a date [default: now]
        #[arg(long, value_name = "TIME")]
        known_at: Option<Timestamp>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct PackageArgs {
    /// The folder
    pub(crate) folder: PathBuf,
    /// Into which folder the package goes; its name says who files what
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// For whom: individual or consolidated
    #[arg(long)]
    pub(crate) scope: Scope,
    /// In which country it is filed, such as DE
    #[arg(long, value_name = "CODE")]
    pub(crate) country: Country,
    /// As of which day the tables are
    #[arg(long, value_name = "DATE")]
    pub(crate) reference: Day,
    /// In which money, such as EUR
    #[arg(long, value_name = "CODE", default_value = "EUR")]
    pub(crate) currency: Currency,
}
