//! `onshore user`: users of tenants.

use clap::Subcommand;
use onshore_types::{IdentityName, Jurisdiction, TenantName};

use super::IdentityCommand;

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Make a user, who may do nothing until a policy allows it
    Create {
        /// The name
        name: IdentityName,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
        /// A tag that policies may speak of, as KEY=VALUE
        #[arg(long = "tag", value_name = "KEY=VALUE")]
        tags: Vec<String>,
        /// Where the organisation is that the user works for, if that is not the tenant's: the more foreign of the two counts
        #[arg(long)]
        organisation: Option<Jurisdiction>,
    },
    #[command(flatten)]
    Of(IdentityCommand),
}
