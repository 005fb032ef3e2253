//! `onshore erase`: an object, for good.

use clap::Args;
use onshore_types::{BucketName, ObjectKey};

#[derive(Debug, Args)]
pub(crate) struct EraseArgs {
    /// The bucket
    pub(crate) bucket: BucketName,
    /// The key
    pub(crate) key: ObjectKey,
    #[command(flatten)]
    pub(crate) which: WhichVersionsArgs,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct WhichVersionsArgs {
    /// This version; `null` is the one that was written while the bucket was not versioned
    #[arg(long, value_name = "ID")]
    pub(crate) version: Option<String>,
    /// Every version and delete marker of the key
    #[arg(long)]
    pub(crate) every_version: bool,
}
