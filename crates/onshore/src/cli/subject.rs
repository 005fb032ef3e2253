//! `onshore subject`: where somebody is told of.

use clap::Subcommand;
use onshore_types::TenantName;

#[derive(Debug, Subcommand)]
pub(crate) enum SubjectCommand {
    /// Say in which versions somebody is told of
    Find {
        /// In whose data
        #[arg(long, default_value = "default")]
        tenant: TenantName,
        /// An identifier of the person, however it is written [default: read from standard input, where nobody else sees it]
        identifier: Option<String>,
    },
    /// Let a tenant's persons be looked for
    Allow {
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// Let a tenant's persons no longer be looked for
    Forbid {
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
}
