//! `onshore pack`: what the law of a place asks of a transfer.

use clap::Subcommand;
use onshore_policy::rule_pack::Date;
use onshore_types::{Jurisdiction, Label, Timestamp};

#[derive(Debug, Subcommand)]
pub(crate) enum PackCommand {
    /// List what was activated, and what Onshore ships with
    List,
    /// Show a pack: instruments, limits with their sources and days, rules, clocks
    Show {
        /// A folder, or cn, eu or open
        pack: String,
    },
    /// Run a pack's table of cases; exit 1 where one does not hold
    Test {
        /// A folder, or cn, eu or open
        #[arg(value_name = "DIR")]
        pack: String,
    },
    /// Say on what a transfer would have to rest, by whose data it is, what it is and how much has left
    Route {
        /// A folder, or cn, eu or open
        pack: String,
        /// Persons since 1 January whose data that is not sensitive left, with this transfer
        #[arg(long, value_name = "PERSONS", default_value_t = 0)]
        non_sensitive: u64,
        /// Persons since 1 January whose sensitive data left, with this transfer
        #[arg(long, value_name = "PERSONS", default_value_t = 0)]
        sensitive: u64,
        /// The class of what leaves
        #[arg(long, value_parser = Label::parse_declaration, default_value = "personal")]
        class: Label,
        /// Where to
        #[arg(long)]
        to: Jurisdiction,
        /// The exporter operates critical information infrastructure
        #[arg(long)]
        critical_infrastructure: bool,
        /// The exporter is an organ of the state
        #[arg(long)]
        state_organ: bool,
        /// On which day
        #[arg(long, value_name = "DATE")]
        on: Date,
    },
    /// Say on which days the steps of a proceeding fall
    Clock {
        /// A folder, or cn, eu or open
        pack: String,
        /// Which clock
        clock: String,
        /// The day it starts on
        #[arg(long, value_name = "DATE")]
        from: Date,
    },
    /// Put a pack in force; what flows out when it takes effect is judged anew
    Activate {
        /// A folder, or cn, eu or open
        pack: String,
        /// From when on, RFC 3339 or a date [default: now]
        #[arg(long, value_name = "TIME")]
        as_of: Option<Timestamp>,
    },
    /// Approve a pack that opens the border and that somebody else activated: it takes two people who are apart
    Approve {
        /// Its number, as `onshore pack list` shows it
        id: u64,
    },
    /// Put no pack in force: the rules of the border stand alone
    Deactivate {
        /// From when on, RFC 3339 or a date [default: now]
        #[arg(long, value_name = "TIME")]
        as_of: Option<Timestamp>,
    },
    /// Say what of the recorded decisions a pack would have decided otherwise; nothing is changed
    Diff {
        /// A folder, or cn, eu or open
        pack: String,
        /// Over how many days
        #[arg(long, default_value_t = 30)]
        days: u32,
    },
}
