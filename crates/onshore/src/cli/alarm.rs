//! `onshore alarm`: what somebody was told of before its day.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum AlarmCommand {
    /// List the alarms that were raised, the first one first
    List {
        /// Those after the one with this number
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        after: i64,
    },
}
