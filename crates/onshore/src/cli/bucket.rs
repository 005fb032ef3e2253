//! `onshore bucket`: buckets and their classes.

use clap::Subcommand;
use onshore_types::{BucketName, Label, TenantName};

#[derive(Debug, Subcommand)]
pub(crate) enum BucketCommand {
    /// Make a bucket
    Create {
        /// Its name, unique in the region
        name: BucketName,
        /// The class of objects that declare none: general, important, core, personal, sensitive-personal, or a comma list
        #[arg(long, value_parser = Label::parse_declaration)]
        class: Option<Label>,
        /// Whose it is
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// List buckets
    List,
    /// Tighten a bucket's class; two people loosen it (onshore label loosen)
    SetClass {
        /// The bucket
        name: BucketName,
        /// The new class
        #[arg(value_parser = Label::parse_declaration)]
        class: Label,
    },
}
