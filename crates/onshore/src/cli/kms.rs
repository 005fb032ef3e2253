//! `onshore kms`: keys that tenants name.

use clap::Subcommand;
use onshore_types::{KmsKeyId, TenantName};

#[derive(Debug, Subcommand)]
pub(crate) enum KmsCommand {
    /// Make a key
    Create {
        /// For whom
        #[arg(long, default_value = "default")]
        tenant: TenantName,
        /// Its other name, as alias/payroll; it stays
        #[arg(long)]
        alias: Option<String>,
    },
    /// List the keys of a tenant
    List {
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// Let a key be used again
    Enable {
        /// Its id
        id: KmsKeyId,
        /// Whose it is
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// Let nothing be encrypted or read under a key until it is enabled again
    Disable {
        /// Its id
        id: KmsKeyId,
        /// Whose it is
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
}
