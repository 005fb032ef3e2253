//! `onshore witness`: watching other people's ledgers.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum WitnessCommand {
    /// Make a witness in the data folder, and print its public key
    Init {
        /// Its name, as witness.example/w1
        #[arg(long)]
        name: String,
        /// The public key of a ledger that it watches
        #[arg(long = "log", value_name = "VKEY")]
        logs: Vec<String>,
    },
    /// Watch another ledger, from the witness's next start on
    Watch {
        /// The ledger's public key
        #[arg(value_name = "VKEY")]
        log: String,
    },
    /// Cosign the checkpoints that are submitted (C2SP tlog-witness)
    Serve {
        /// Where it listens: add-checkpoint is below its root
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9010")]
        listen: SocketAddr,
        /// A certificate chain for TLS, PEM
        #[arg(long, value_name = "FILE", requires = "tls_key")]
        tls_certificate: Option<PathBuf>,
        /// Its key, PEM
        #[arg(long, value_name = "FILE", requires = "tls_certificate")]
        tls_key: Option<PathBuf>,
        /// Listen off loopback without TLS: checkpoints and cosignatures are no secrets
        #[arg(long)]
        insecure: bool,
    },
    /// Print the checkpoints that it cosigned last; a ledger that does not extend one of them was rewritten
    Status,
    /// Print its public key
    Key,
}
