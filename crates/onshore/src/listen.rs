//! Listeners. Off loopback they need TLS, or the operator's loud consent.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use onshore_tls::{CertificateFiles, Certificates, Transport};
use tokio::net::TcpListener;

use crate::exit::usage;

/// Whether the operator accepts that keys and data cross the network unencrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exposure {
    /// Loopback alone.
    LoopbackOnly,
    /// Any address.
    AcceptedUnencrypted,
}

/// Returns how connections cross the network: secured where certificate and key are configured.
pub(crate) fn transport(files: Option<&CertificateFiles>) -> Result<Transport> {
    let Some(files) = files else {
        return Ok(Transport::Plain);
    };
    Certificates::open(files.clone())
        .map(Transport::Tls)
        .map_err(|error| usage(format!("[tls]: {:#}", anyhow::Error::new(error))))
}

/// Listens on an address.
pub(crate) async fn listen(
    address: SocketAddr,
    transport: &Transport,
    exposure: Exposure,
    option: &str,
) -> Result<TcpListener> {
    if !address.ip().is_loopback() {
        match (transport, exposure) {
            (Transport::Tls(_), _) => {}
            (Transport::Plain, Exposure::LoopbackOnly) => {
                return Err(usage(format!(
                    "{option} {address} is not a loopback address and there is no TLS: name a certificate and its key \
                     in [tls] of --config FILE, keep to loopback, or pass --insecure to let keys and data cross the \
                     network unencrypted"
                )));
            }
            (Transport::Plain, Exposure::AcceptedUnencrypted) => {
                tracing::warn!(%address, "listening off loopback without TLS: keys and data cross the network unencrypted");
            }
        }
    }
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} ({option}); is another server there?"))
}
