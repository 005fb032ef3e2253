//! `onshore classify`: what identifiers are in files.

use std::path::PathBuf;

use clap::Args;
use onshore_types::Timestamp;

#[derive(Debug, Args)]
pub(crate) struct ClassifyArgs {
    /// Files, or folders with all that is in them; or s3://bucket/prefix on the server
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Of how many identifiers in each file to tell (with --json or --sarif) where they stand, in bytes of the text as UTF-8
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) places: u64,
    /// Of each kind to show so many examples of each file, masked, with where they stand; of objects on the server each look is in
    /// the ledger
    #[arg(long, value_name = "NUMBER", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=100))]
    pub(crate) samples: u64,
    /// On which day the law is asked what class the findings are of [default: today]
    #[arg(long, value_name = "DATE")]
    pub(crate) on: Option<Timestamp>,
    /// Print SARIF 2.1.0, for code scanners
    #[arg(long)]
    pub(crate) sarif: bool,
}
