//! Listeners. Off loopback they need TLS, or the operator's loud consent.

use std::io;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use onshore_tls::{CertificateFiles, Certificates, Transport};
use tokio::net::{TcpListener, TcpSocket};

use crate::exit::usage;

/// How many connections may wait to be taken: whoever comes when the line is full tries again a second later. The system
/// has a limit of its own (`net.core.somaxconn`).
const BACKLOG: u32 = 4096;

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
pub(crate) fn listen(
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
    bind(address)
        .with_context(|| format!("cannot listen on {address} ({option}); is another server there?"))
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
