//! Listeners. Off loopback they need TLS, which this version does not have, or the operator's loud consent.

use std::net::SocketAddr;

use anyhow::{Context, Result};
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

/// Listens on an address.
pub(crate) async fn listen(
    address: SocketAddr,
    exposure: Exposure,
    option: &str,
) -> Result<TcpListener> {
    if !address.ip().is_loopback() {
        match exposure {
            Exposure::LoopbackOnly => {
                return Err(usage(format!(
                    "{option} {address} is not a loopback address and TLS is not there yet: keep to loopback behind a \
                     TLS proxy, or pass --insecure to let keys and data cross the network unencrypted"
                )));
            }
            Exposure::AcceptedUnencrypted => {
                tracing::warn!(%address, "listening off loopback without TLS: keys and data cross the network unencrypted");
            }
        }
    }
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} ({option}); is another server there?"))
}
