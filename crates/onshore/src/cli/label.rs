//! `onshore label`: what two people loosen.

use clap::Subcommand;
use onshore_types::{Label, LooseningId, Wording};

#[derive(Debug, Subcommand)]
pub(crate) enum LabelCommand {
    /// Propose to loosen the label of an object, or what a bucket makes of what comes; nothing is looser until another person approves
    Loosen {
        /// Of what: s3://BUCKET/KEY, or s3://BUCKET
        #[arg(value_name = "URL")]
        of: String,
        /// Of this version; `null` is the one that was written while the bucket was not versioned [default: the current]
        #[arg(long, value_name = "ID")]
        version_id: Option<String>,
        /// To which class
        #[arg(long, value_name = "CLASS", value_parser = Label::parse_declaration)]
        to: Label,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: Wording,
    },
    /// Approve what another person proposed: the label is looser at once
    Approve {
        /// Its id
        id: LooseningId,
    },
    /// Take a proposal back
    Withdraw {
        /// Its id
        id: LooseningId,
    },
    /// List proposals
    List,
    /// Show a proposal
    Show {
        /// Its id
        id: LooseningId,
    },
}
