//! `onshore guard`: a plan of Terraform, before it is carried out.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use onshore_orders::{Day, Id};
use onshore_types::Jurisdiction;

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("rules").required(true).multiple(true).args(["orders", "organisation", "residency"])))]
pub(crate) struct GuardArgs {
    /// The plan: terraform show -json
    #[arg(value_name = "PLAN.json")]
    pub(crate) plan: PathBuf,
    /// An order as a TOML file, which binds whoever carries the plan out; no server is asked
    #[arg(long, value_name = "FILE")]
    pub(crate) orders: Vec<PathBuf>,
    /// Who carries the plan out: the server is asked which orders bind them
    #[arg(long, value_name = "ID", conflicts_with = "orders")]
    pub(crate) organisation: Option<Id>,
    /// Where data must stay: an ISO 3166-1 code, or EU
    #[arg(long, value_name = "CODE")]
    pub(crate) residency: Option<Jurisdiction>,
    /// On which day it is carried out [default: today]
    #[arg(long, value_name = "DATE")]
    pub(crate) on: Option<Day>,
    /// Exit 1 too where something is not known
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print SARIF 2.1.0, for code scanners
    #[arg(long)]
    pub(crate) sarif: bool,
}
