//! `onshore approval`: what may leave.

use clap::{Args, Subcommand};
use onshore_types::{
    ApprovalId, Instrument, Jurisdiction, Label, RecipientKind, TenantName, Timestamp, Wording,
};

#[derive(Debug, Subcommand)]
pub(crate) enum ApprovalCommand {
    /// Grant a transfer approval
    Grant {
        /// Whose data may go
        #[arg(long)]
        tenant: TenantName,
        /// Where it may go: an ISO 3166-1 code, or EU
        #[arg(long)]
        to: Jurisdiction,
        /// The strictest class it covers
        #[arg(long, value_parser = Label::parse_declaration)]
        class: Label,
        /// How many bytes may go in all
        #[arg(long, value_name = "BYTES")]
        max_bytes: u64,
        /// When it ends, RFC 3339 or a date
        #[arg(long, value_name = "TIME")]
        until: Timestamp,
        #[command(flatten)]
        terms: TermsArgs,
    },
    /// List approvals
    List,
    /// Show an approval
    Show {
        /// Its id
        id: ApprovalId,
    },
    /// Revoke an approval: what flows under it stops
    Revoke {
        /// Its id
        id: ApprovalId,
    },
}

/// What an approval says beyond how much may go where until when. The rule pack in force says what of it must be there.
#[derive(Debug, Args)]
pub(crate) struct TermsArgs {
    /// How many objects may go, each counted once
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_objects: Option<u64>,
    /// How many persons' data may go, each counted once
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_persons: Option<u64>,
    /// What it rests on in law, such as standard-contract (onshore pack show)
    #[arg(long, value_name = "WORD")]
    pub(crate) instrument: Option<Instrument>,
    /// Who receives what goes
    #[arg(long, value_name = "NAME", requires = "purpose")]
    pub(crate) recipient: Option<Wording>,
    /// Whose law the recipient is under [default: that of --to]
    #[arg(long, value_name = "CODE", requires = "recipient")]
    pub(crate) recipient_in: Option<Jurisdiction>,
    /// What the recipient is: organisation, or foreign-authority for a court or prosecutor
    #[arg(
        long,
        value_name = "KIND",
        requires = "recipient",
        default_value_t = RecipientKind::Organisation
    )]
    pub(crate) recipient_kind: RecipientKind,
    /// For what
    #[arg(long, value_name = "TEXT")]
    pub(crate) purpose: Option<Wording>,
}
