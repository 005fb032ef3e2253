//! `onshore role`: roles that are taken for a while.

use std::path::PathBuf;

use clap::Subcommand;
use onshore_types::{IdentityName, TenantName};

use super::IdentityCommand;

#[derive(Debug, Subcommand)]
pub(crate) enum RoleCommand {
    /// Make a role
    Create {
        /// The name
        name: IdentityName,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
        /// The policy that says who may take it, a JSON file
        #[arg(long, value_name = "FILE")]
        trust: PathBuf,
        /// How long a session lasts at most [default: 3600]
        #[arg(long, value_name = "SECONDS")]
        max_session: Option<u32>,
        /// A tag that policies may speak of, as KEY=VALUE
        #[arg(long = "tag", value_name = "KEY=VALUE")]
        tags: Vec<String>,
    },
    /// Say anew who may take a role, how long its sessions last, and its tags
    Change {
        /// The name
        name: IdentityName,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
        /// The policy that says who may take it, a JSON file
        #[arg(long, value_name = "FILE")]
        trust: PathBuf,
        /// How long a session lasts at most [default: 3600]
        #[arg(long, value_name = "SECONDS")]
        max_session: Option<u32>,
        /// A tag that policies may speak of, as KEY=VALUE
        #[arg(long = "tag", value_name = "KEY=VALUE")]
        tags: Vec<String>,
    },
    #[command(flatten)]
    Of(IdentityCommand),
}
