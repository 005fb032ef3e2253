//! `onshore group`: groups of users.

use clap::Subcommand;
use onshore_types::{IdentityName, TenantName};

use super::IdentityCommand;

#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    /// Make a group
    Create {
        /// The name
        name: IdentityName,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// Put a user into a group
    Add {
        /// The group
        group: IdentityName,
        /// The user
        user: IdentityName,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// Take a user out of a group
    Remove {
        /// The group
        group: IdentityName,
        /// The user
        user: IdentityName,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    #[command(flatten)]
    Of(IdentityCommand),
}
