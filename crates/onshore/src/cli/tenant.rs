//! `onshore tenant`: organisations whose data is kept apart.

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, Subcommand};
use onshore_types::{GroupName, Jurisdiction, TenantName};

#[derive(Debug, Subcommand)]
pub(crate) enum TenantCommand {
    /// Make a tenant
    Create {
        /// Its name
        name: TenantName,
        /// The group it belongs to, as sister companies do: persons are counted over all of a group
        #[arg(long)]
        group: Option<GroupName>,
    },
    /// Put a tenant into another group, or into none
    Change {
        /// Its name
        name: TenantName,
        #[command(flatten)]
        to: GroupArgs,
    },
    /// Say what a tenant is to the law: rule packs ask more of some
    Standing {
        /// Its name
        name: TenantName,
        /// Whether it operates critical information infrastructure
        #[arg(long, value_name = "yes|no", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
        critical_infrastructure: bool,
        /// Whether it is an organ of the state
        #[arg(long, value_name = "yes|no", action = ArgAction::Set, value_parser = BoolishValueParser::new(), default_value = "no")]
        state_organ: bool,
    },
    /// Say where the organisation of a tenant is: what it reads goes there, wherever it reads from
    SetJurisdiction {
        /// Its name
        name: TenantName,
        /// An ISO 3166-1 code, or EU [default: the region's own jurisdiction]
        jurisdiction: Option<Jurisdiction>,
    },
    /// List tenants
    List,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct GroupArgs {
    /// The group it belongs to from now on
    #[arg(long)]
    pub(crate) group: Option<GroupName>,
    /// It belongs to no group from now on
    #[arg(long)]
    pub(crate) no_group: bool,
}
