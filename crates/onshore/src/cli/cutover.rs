//! `onshore cutover`: a bucket that programs use goes over to Onshore while they do.

use clap::{Args, Subcommand};
use onshore_types::{BucketName, Label, TenantName};

use crate::cli::SourceArgs;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct CutoverArgs {
    #[command(subcommand)]
    pub(crate) command: Option<CutoverCommand>,
    #[command(flatten)]
    pub(crate) begin: Option<BeginCutoverArgs>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CutoverCommand {
    /// List cut-overs
    List,
    /// Show how far the cut-over of a bucket is
    Status {
        /// Which bucket
        bucket: BucketName,
    },
    /// Call a cut-over off before its switch: the source is as it was, and what is here stays
    Abort {
        /// Which bucket
        bucket: BucketName,
    },
    /// Take back to the source what was changed here since the switch, and go on so until told to finish
    Return(ReturnArgs),
    /// Give up the way back before its time: what is changed here is not noted any more
    Stay {
        /// Which bucket
        bucket: BucketName,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ReturnArgs {
    /// Which bucket
    pub(crate) bucket: BucketName,
    /// Come to the end once the source has everything as it is here, and hold both sides against each other
    #[arg(long)]
    pub(crate) finish: bool,
    /// Write over what somebody changed at the source since the switch
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Come to the end although something cannot be taken back
    #[arg(long)]
    pub(crate) accept_exceptions: bool,
    /// The profile whose credentials may write at the source [default: the usual AWS variables and profile]
    #[arg(long)]
    pub(crate) profile: Option<String>,
    /// Write at the source without credentials
    #[arg(long, conflicts_with = "profile")]
    pub(crate) anonymous: bool,
    /// Return at once, and leave it to the server
    #[arg(long)]
    pub(crate) detach: bool,
}

// As with `MigrateArgs`.
#[derive(Debug, Args)]
#[group(args = ["bucket"])]
pub(crate) struct BeginCutoverArgs {
    /// Which bucket; made if it is missing
    #[arg(value_name = "BUCKET")]
    pub(crate) bucket: BucketName,
    #[command(flatten)]
    pub(crate) from: SourceArgs,
    /// Do all but the freeze and the switch, and say what would have happened
    #[arg(long)]
    pub(crate) rehearse: bool,
    /// Say that nobody writes at the source any more; otherwise it is frozen by its own policy
    #[arg(long, conflicts_with = "rehearse")]
    pub(crate) source_is_frozen: bool,
    /// Switch although something could not be brought
    #[arg(long, conflicts_with = "rehearse")]
    pub(crate) accept_exceptions: bool,
    /// For how many days behind the switch what is changed here can be taken back to the source; 0 for none [default: 7]
    #[arg(long, value_name = "DAYS", conflicts_with = "rehearse", value_parser = clap::value_parser!(u32).range(0..=365))]
    pub(crate) way_back: Option<u32>,
    /// The class of everything it brings
    #[arg(long, value_parser = Label::parse_declaration)]
    pub(crate) class: Option<Label>,
    /// For whom
    #[arg(long, default_value = "default")]
    pub(crate) tenant: TenantName,
    /// Return once the bucket answers as if all were here, and leave the rest to the server
    #[arg(long)]
    pub(crate) detach: bool,
}
