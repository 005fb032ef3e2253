//! `onshore session`: tokens that hold for a while.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// Open a session: a token that acts as yours does, for a while
    Open {
        /// For how many minutes, up to twelve hours
        #[arg(long, default_value_t = 60)]
        minutes: u32,
    },
    /// End all your sessions; your own token holds on
    End,
}
