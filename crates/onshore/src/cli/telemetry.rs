//! `onshore telemetry`: what somebody is told of the server.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum TelemetryCommand {
    /// Make the operator's key that signs what may be sent, and print the half that is configured
    Key {
        /// The name it signs in, such as operator.example
        name: String,
        /// Where to write the secret half
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// List every metric that can be sent at all, as rows of a list
    Catalogue,
    /// Sign a list of what may be sent
    Sign {
        /// The list: `onshore-telemetry/v1`, `until TIME`, and rows of the catalogue
        list: PathBuf,
        /// The secret key that signs
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Where to write the signed list
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Print exactly what would be sent now
    Preview,
}
