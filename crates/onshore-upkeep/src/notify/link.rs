//! A connection to a target, to the very address that is judged: no redirection is followed and no other server that it
//! may speak of is asked.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use onshore_sources::{Purpose, outward};
use onshore_tls::{Connection, connect};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::nats::Nats;
use super::target::{EventTarget, Protocol, TargetError};
use super::webhook::Webhook;
use crate::patience::NAMING_MAX;

/// How long opening a connection to one address may take.
const OPENING_MAX: Duration = Duration::from_secs(5);

/// A connection to a target.
pub(crate) struct Link {
    purpose: Purpose,
    host: String,
    peer: IpAddr,
    wire: Wire,
}

enum Wire {
    Webhook(Webhook),
    Nats(Box<Nats>),
}

impl Link {
    /// Connects to the first of the target's addresses that answers.
    pub(crate) async fn open(target: &EventTarget, purpose: Purpose) -> Result<Self, TargetError> {
        let named = timeout(
            NAMING_MAX,
            outward().addresses(purpose, &target.host, target.port),
        );
        let addresses = named.await.map_err(|_| TargetError::TooSlow)??;
        let mut failed = TargetError::NoAddress;
        for address in addresses {
            let opened = timeout(OPENING_MAX, Self::open_at(target, purpose, address)).await;
            match opened.unwrap_or(Err(TargetError::TooSlow)) {
                Ok(link) => return Ok(link),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    async fn open_at(
        target: &EventTarget,
        purpose: Purpose,
        address: SocketAddr,
    ) -> Result<Self, TargetError> {
        let stream = outward().connect(purpose, &target.host, address).await?;
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
        Ok(Self {
            purpose,
            host: target.host.clone(),
            peer: address.ip(),
            wire,
        })
    }

    /// Whether another message may be sent.
    pub(super) fn is_usable(&self) -> bool {
        match &self.wire {
            Wire::Webhook(webhook) => webhook.is_usable(),
            Wire::Nats(_) => true,
        }
    }

    /// Returns the address that answers.
    pub(crate) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Sends a message and waits until the target has it.
    pub(crate) async fn send(&mut self, message: Vec<u8>) -> Result<(), TargetError> {
        self.send_with(&[], message).await
    }

    /// Sends a message with fields of its own before it, where the wire has such.
    pub(crate) async fn send_with(
        &mut self,
        head: &[(&'static str, String)],
        message: Vec<u8>,
    ) -> Result<(), TargetError> {
        outward().check(self.purpose, &self.host, self.peer)?;
        match &mut self.wire {
            Wire::Webhook(webhook) => webhook.send(head, message).await,
            Wire::Nats(nats) => nats.send(&message).await,
        }
    }
}

/// Secures a connection, where the target wants it.
pub(crate) async fn secured(
    target: &EventTarget,
    stream: TcpStream,
) -> Result<Connection, TargetError> {
    match &target.secured {
        Some(config) => Ok(connect(config, &target.host, stream).await?),
        None => Ok(Connection::Plain(stream)),
    }
}
