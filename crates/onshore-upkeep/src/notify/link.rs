//! A connection to a target, to the very address that is judged: no redirection is followed and no other server that it
//! may speak of is asked.

use std::net::IpAddr;
use std::time::Duration;

use onshore_tls::{Connection, connect};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::nats::Nats;
use super::target::{EventTarget, Protocol, TargetError};
use super::webhook::Webhook;

/// How long opening a connection may take.
const OPENING_MAX: Duration = Duration::from_secs(10);

/// A connection to a target.
pub(super) struct Link {
    peer: IpAddr,
    wire: Wire,
}

enum Wire {
    Webhook(Webhook),
    Nats(Box<Nats>),
}

impl Link {
    pub(super) async fn open(target: &EventTarget) -> Result<Self, TargetError> {
        timeout(OPENING_MAX, Self::opened(target))
            .await
            .unwrap_or(Err(TargetError::TooSlow))
    }

    async fn opened(target: &EventTarget) -> Result<Self, TargetError> {
        let mut failed = TargetError::NoAddress;
        for address in lookup_host((target.host.as_str(), target.port)).await? {
            let stream = match TcpStream::connect(address).await {
                Ok(stream) => stream,
                Err(error) => {
                    failed = error.into();
                    continue;
                }
            };
            stream.set_nodelay(true)?;
            let wire = match &target.protocol {
                Protocol::Webhook { path } => {
                    let stream = secured(target, stream).await?;
                    Wire::Webhook(Webhook::open(stream, target, path).await?)
                }
                Protocol::Nats { subject } => {
                    let nats = Nats::open(stream, target, subject).await?;
                    Wire::Nats(Box::new(nats))
                }
            };
            return Ok(Self {
                peer: address.ip(),
                wire,
            });
        }
        Err(failed)
    }

    /// Returns the address that answers.
    pub(super) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Sends a message and waits until the target has it.
    pub(super) async fn send(&mut self, message: Vec<u8>) -> Result<(), TargetError> {
        match &mut self.wire {
            Wire::Webhook(webhook) => webhook.send(message).await,
            Wire::Nats(nats) => nats.send(&message).await,
        }
    }
}

/// Secures a connection, where the target wants it.
pub(super) async fn secured(
    target: &EventTarget,
    stream: TcpStream,
) -> Result<Connection, TargetError> {
    match &target.secured {
        Some(config) => Ok(connect(config, &target.host, stream).await?),
        None => Ok(Connection::Plain(stream)),
    }
}
