//! `onshore explain`: what would happen to a request.

use std::net::IpAddr;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// What is asked for: BUCKET/KEY, or BUCKET or BUCKET/PREFIX for a list
    #[arg(long, value_name = "BUCKET/KEY")]
    pub(crate) object: String,
    /// From where
    #[arg(long, value_name = "IP")]
    pub(crate) from_address: IpAddr,
    /// To do what
    #[arg(long, value_enum, default_value_t = AskedOperation::Get)]
    pub(crate) operation: AskedOperation,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum AskedOperation {
    /// Read it
    Get,
    /// Read what is known of it
    Head,
    /// List keys
    List,
    /// Write it
    Put,
}
