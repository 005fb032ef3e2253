//! What `onshore user`, `group` and `role` have in common.

use std::path::PathBuf;

use clap::Subcommand;
use onshore_types::{IdentityName, TenantName};

/// What is done to users, groups and roles alike.
#[derive(Debug, Subcommand)]
pub(crate) enum IdentityCommand {
    /// List them
    List {
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// Show one, with its policies
    Show {
        /// The name
        name: IdentityName,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// Remove one, with its keys and sessions
    Delete {
        /// The name
        name: IdentityName,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// Give one a policy in the JSON of AWS
    PutPolicy {
        /// The name
        name: IdentityName,
        /// What the policy is called
        policy: IdentityName,
        /// The document
        file: PathBuf,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// Take a policy from one
    DeletePolicy {
        /// The name
        name: IdentityName,
        /// What the policy is called
        policy: IdentityName,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
}
