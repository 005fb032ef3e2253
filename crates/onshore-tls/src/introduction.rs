//! How a listener learns whom a connection is from, before the first byte of TLS or HTTP.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use onshore_policy::Proxies;
use onshore_types::Peer;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::error::Error;
use crate::proxy_header::{self, Origin};

/// How long a proxy may take to say for whom it opened a connection: a lost packet is sent again after a second or three.
const HEADER_WITHIN: Duration = Duration::from_secs(5);

/// How a listener learns whom a connection is from. Clones share the proxies.
#[derive(Debug, Clone)]
pub enum Introduction {
    /// By the address that it comes from.
    ByAddress,
    /// By a header of the PROXY protocol, version 2, of one of these proxies. Every connection begins with it.
    ByProxy(Arc<Proxies>),
}

impl Introduction {
    /// Returns whom a connection from this address is from. It waits for the proxy, so it has no place in a loop that
    /// accepts.
    ///
    /// # Errors
    /// When a proxy must say it and none that is trusted does, in time and as the protocol asks: the connection must be
    /// ended.
    pub async fn peer(&self, stream: &mut TcpStream, from: IpAddr) -> Result<Peer, Error> {
        let Self::ByProxy(proxies) = self else {
            return Ok(Peer::At(from));
        };
        if !proxies.trusts(from) {
            return Err(Error::NotAProxy);
        }
        let origin = timeout(HEADER_WITHIN, proxy_header::read(stream))
            .await
            .unwrap_or(Err(Error::ProxyHeaderTooSlow))?;
        Ok(match origin {
            Origin::At(address) => Peer::Told(address),
            Origin::Proxy => Peer::At(from),
            Origin::Untold => Peer::Untold,
        })
    }
}
