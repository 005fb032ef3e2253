//! `onshore support`: sessions of the technology provider's staff.

use clap::Subcommand;
use onshore_types::{Jurisdiction, PrincipalId, SupportSessionId, TenantName, Wording};

#[derive(Debug, Subcommand)]
pub(crate) enum SupportCommand {
    /// Ask for a session; it opens nothing until a second person approves it
    Open {
        /// The holder of the support engineer's token (onshore token list)
        #[arg(long, value_name = "ID")]
        engineer: PrincipalId,
        /// For what
        #[arg(long, value_name = "TEXT")]
        purpose: Wording,
        /// How long it lasts from the approval on: 480 at most
        #[arg(long, value_name = "MINUTES", default_value_t = 60)]
        minutes: u32,
        /// Where the organisation is that the engineer works for: an ISO 3166-1 code, or EU
        #[arg(long, value_name = "CODE")]
        organisation: Jurisdiction,
        /// The tenant whose buckets and jobs it opens to view, and whose approvals carry what it answers abroad
        #[arg(long)]
        tenant: Option<TenantName>,
    },
    /// Approve a session that another person asked for: it is in force at once
    Approve {
        /// Its id
        id: SupportSessionId,
    },
    /// Close a session, or take it back before it began: what it was answering stops
    Close {
        /// Its id
        id: SupportSessionId,
    },
    /// List sessions
    List,
    /// Show a session with everything that was asked for in it
    Show {
        /// Its id
        id: SupportSessionId,
    },
    /// List what holders of support engineers' tokens asked for, in sessions and without
    Requests,
}
