//! `onshore listing`: whether somebody may be listed abroad.

use clap::Subcommand;
use onshore_orders::Id;
use onshore_types::Jurisdiction;

#[derive(Debug, Subcommand)]
pub(crate) enum ListingCommand {
    /// Say whether an organisation may be listed somewhere now; exit 1, with the reason, where a review keeps it from that
    Check {
        /// Who
        #[arg(long, value_name = "ID")]
        organisation: Id,
        /// Where: an ISO 3166-1 code
        #[arg(long, value_name = "CODE")]
        place: Jurisdiction,
    },
}
