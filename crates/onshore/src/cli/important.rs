//! `onshore important`: what an authority told is important data.

use clap::Subcommand;
use onshore_types::TenantName;

#[derive(Debug, Subcommand)]
pub(crate) enum ImportantCommand {
    /// Say that an authority told so: data that the word stands in is important from now on
    Tell {
        /// Whom
        #[arg(long, default_value = "default")]
        tenant: TenantName,
        /// How the tenant calls it: findings name it so, and not by the word
        #[arg(long)]
        id: String,
        /// The word, as it stands in data
        #[arg(long)]
        word: String,
        /// What it makes of data
        #[arg(long, default_value = "important", value_parser = ["important", "core"])]
        level: String,
        /// What it is about
        #[arg(long, value_parser = ["economic", "scientific", "technological"])]
        category: Option<String>,
        /// What it would harm
        #[arg(long, value_parser = ["national-security", "public-interest"])]
        ground: String,
        /// Which authority, and in which notice
        #[arg(long)]
        authority: String,
    },
    /// Take a word back: a second person does the same within a day; what it made important stays so
    TakeBack {
        /// Whom it was told
        #[arg(long, default_value = "default")]
        tenant: TenantName,
        /// Its id
        id: String,
    },
}
