//! `onshore cutover`: a bucket that programs use goes over to Onshore while they do.

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand};
use onshore_sources::Dialect;
use onshore_types::{BucketName, Label, TenantName};

use crate::cli::Addressing;

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
}

#[derive(Debug, Args)]
pub(crate) struct BeginCutoverArgs {
    /// Which bucket; made if it is missing
    #[arg(value_name = "BUCKET")]
    pub(crate) bucket: BucketName,
    /// From where: s3://bucket/prefix, or another cloud's own scheme
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    /// Do all but the freeze and the switch, and say what would have happened
    #[arg(long)]
    pub(crate) rehearse: bool,
    /// Say that nobody writes at the source any more; otherwise it is frozen by its own policy
    #[arg(long, conflicts_with = "rehearse")]
    pub(crate) source_is_frozen: bool,
    /// Switch although something could not be brought
    #[arg(long, conflicts_with = "rehearse")]
    pub(crate) accept_exceptions: bool,
    /// The class of everything it brings
    #[arg(long, value_parser = Label::parse_declaration)]
    pub(crate) class: Option<Label>,
    /// For whom
    #[arg(long, default_value = "default")]
    pub(crate) tenant: TenantName,
    /// The source's S3 endpoint [default: AWS]
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// How S3 is spoken there [default: the scheme or the endpoint tells]
    #[arg(long, value_parser = PossibleValuesParser::new(Dialect::NAMES).try_map(|name| name.parse::<Dialect>()))]
    pub(crate) dialect: Option<Dialect>,
    /// The account at the source, from which the endpoint of R2 follows
    #[arg(long, value_name = "ID")]
    pub(crate) account_id: Option<String>,
    /// The profile whose credentials open the source [default: the usual AWS variables and profile]
    #[arg(long)]
    pub(crate) profile: Option<String>,
    /// The region to sign for at the source
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// Where in requests to the source the bucket's name goes
    #[arg(long, value_enum, default_value_t = Addressing::Auto)]
    pub(crate) addressing: Addressing,
    /// Read the source without credentials
    #[arg(long)]
    pub(crate) anonymous: bool,
    /// Return once the bucket answers as if all were here, and leave the rest to the server
    #[arg(long)]
    pub(crate) detach: bool,
}
