//! `onshore serve`: serves a data folder.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where S3 listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    pub(crate) s3_listen: SocketAddr,
    /// Where the control API, ledger, metrics and health listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    pub(crate) control_listen: SocketAddr,
    /// Listen off loopback without TLS: keys and data cross the network unencrypted
    #[arg(long)]
    pub(crate) insecure: bool,
}
