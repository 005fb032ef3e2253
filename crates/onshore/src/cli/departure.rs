//! `onshore departure`: what a provider that others leave says of it.

use std::path::PathBuf;

use clap::Subcommand;
use onshore_orders::Id;

use crate::cli::WhichRecordsArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum DepartureCommand {
    /// List the contracts with the provider that the token is for, and what it said of each
    Mine,
    /// Acknowledge an order that binds a contract; for a token of the provider
    Acknowledge {
        /// The contract
        contract: Id,
        /// The order
        #[arg(long, value_name = "ID")]
        order: Id,
    },
    /// Deliver a list of all that the provider has under a contract, in place of an earlier one; for a token of the provider
    Inventory {
        /// The contract
        contract: Id,
        /// A CSV table with the columns kind, name, place, objects and bytes
        file: PathBuf,
    },
    /// Sign that all of it is deleted; for a token of the provider
    SignDeletion {
        /// The contract
        contract: Id,
        /// The statement; its SHA-256 is recorded
        statement: PathBuf,
    },
    /// Compare what a provider says it has with the assets of a contract; exit 1 where something is in one of them alone
    Compare {
        /// The contract
        contract: Id,
    },
    /// Show what was said of a contract
    Show {
        /// The contract
        contract: Id,
        /// Show all that was said, the first one first
        #[arg(long)]
        history: bool,
    },
    /// List what was said of contracts
    List {
        #[command(flatten)]
        which: WhichRecordsArgs,
    },
}
