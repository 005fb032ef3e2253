//! `onshore dora`: the register of information.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use onshore_dora::{Country, Currency, Day, Scope};

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
