//! `onshore bucket`: buckets and their classes.

use clap::Subcommand;
use onshore_orders::LawfulBasis;
use onshore_types::{BucketName, Label, TenantName, Timestamp, Wording};

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
    /// Say what a bucket holds data for and until when, or show what was said; each declaration is an act in the ledger
    Purpose {
        /// The bucket
        name: BucketName,
        /// For what, in up to 256 characters
        #[arg(long, value_name = "PURPOSE")]
        declare: Option<Wording>,
        /// Until when it is kept, RFC 3339 or a date
        #[arg(long, value_name = "TIME", requires = "declare")]
        until: Option<Timestamp>,
        /// On which ground (PIPL article 13): consent, contract, legal-duty, emergency, news or published
        #[arg(long, requires = "declare")]
        basis: Option<LawfulBasis>,
        /// Where the consents are kept, with `--basis consent`
        #[arg(long, value_name = "WHERE", requires = "declare")]
        consent: Option<Wording>,
        /// For how many days each object is kept
        #[arg(long, value_name = "DAYS", requires = "declare")]
        keep_days: Option<u32>,
        /// Take back what was declared
        #[arg(long, conflicts_with = "declare")]
        withdraw: bool,
    },
    /// Tighten a bucket's class; two people loosen it (onshore label loosen)
    SetClass {
        /// The bucket
        name: BucketName,
        /// The new class
        #[arg(value_parser = Label::parse_declaration)]
        class: Label,
    },
}
