//! `onshore key`: S3 keys.

use clap::Subcommand;
use onshore_types::{AccessKeyId, IdentityName, TenantName};

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make an S3 key pair for a tenant
    Create {
        /// For whom
        #[arg(long, default_value = "default")]
        tenant: TenantName,
        /// The public half [default: drawn at random]
        #[arg(long, requires = "secret_key")]
        access_key: Option<AccessKeyId>,
        /// The secret half
        #[arg(long, requires = "access_key")]
        secret_key: Option<String>,
        /// The user whose it is to be [default: the tenant's administrator]
        #[arg(long)]
        user: Option<IdentityName>,
    },
    /// List the keys of a tenant
    List {
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// Make a new key in the place of another, which opens nothing from then on
    Rotate {
        /// The access key
        key: AccessKeyId,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// Let a key open something again
    Enable {
        /// The access key
        key: AccessKeyId,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// Let a key open nothing until it is enabled again
    Disable {
        /// The access key
        key: AccessKeyId,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// Remove a key for good
    Delete {
        /// The access key
        key: AccessKeyId,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
}
