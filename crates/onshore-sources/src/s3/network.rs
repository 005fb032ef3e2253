//! Which addresses a connection may go to. The name is judged each time it is resolved, by the very addresses the
//! connection then uses: a DNS answer that changes after a check cannot get round it, and an endpoint whose addresses
//! rotate stays reachable through a long job.

use std::net::IpAddr;
use std::sync::LazyLock;

use aws_sdk_s3::config::SharedHttpClient;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use http::Uri;
use serde::{Deserialize, Serialize};

use super::region::Only;
use crate::reach::{Span, is_public};
use crate::{Error, Purpose, outward};

/// Which addresses a source may be fetched from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// Any: the operator named the endpoint, or listed it.
    Anywhere,
    /// Public addresses alone.
    PublicOnly,
}

impl Network {
    /// Refuses an endpoint written as an address that may not be reached: an address is never resolved.
    pub(crate) fn check_host(self, host: &str) -> Result<(), Error> {
        match (self, host.parse::<IpAddr>()) {
            (Self::PublicOnly, Ok(address)) if !is_public(address) => {
                Err(Error::PrivateEndpoint { address })
            }
            _ => Ok(()),
        }
    }

    /// Returns one address of a host that may be reached.
    pub(crate) async fn address_of(self, host: &str, port: u16) -> Result<IpAddr, Error> {
        let silent = |what: &str| Error::Unavailable {
            what: what.to_owned(),
        };
        let found = outward()
            .addresses(Purpose::Migration, host, port)
            .await
            .map_err(|_| silent("its name cannot be resolved"))?;
        let address = found
            .first()
            .ok_or_else(|| silent("its name has no address"))?
            .ip();
        if Span::from(self).admits(address) {
            Ok(address)
        } else {
            Err(Error::PrivateEndpoint { address })
        }
    }
}

/// Returns the HTTP client for a network. Each is made once: they share their certificates and connections.
pub(crate) fn http_client(network: Network) -> SharedHttpClient {
    static ANYWHERE: LazyLock<SharedHttpClient> = LazyLock::new(|| build(Network::Anywhere));
    static PUBLIC_ONLY: LazyLock<SharedHttpClient> = LazyLock::new(|| build(Network::PublicOnly));
    match network {
        Network::Anywhere => ANYWHERE.clone(),
        Network::PublicOnly => PUBLIC_ONLY.clone(),
    }
}

/// Returns an HTTP client that connects to one address, whatever the name.
pub(super) fn http_client_at(address: IpAddr) -> SharedHttpClient {
    let client = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_with_resolver(Only(address));
    guarded(client, Purpose::Migration)
}

/// Returns what sends requests that no SDK makes. Each is made once, like the clients.
pub(crate) fn connector(span: Span) -> SharedHttpConnector {
    type Made = LazyLock<SharedHttpConnector>;
    static ANYWHERE: Made = LazyLock::new(|| connect(Span::Anywhere));
    static PUBLIC: Made = LazyLock::new(|| connect(Span::Public));
    static INNER: Made = LazyLock::new(|| connect(Span::Inner));
    static OWN: Made = LazyLock::new(|| connect(Span::Own));
    match span {
        Span::Anywhere => ANYWHERE.clone(),
        Span::Public => PUBLIC.clone(),
        Span::Inner => INNER.clone(),
        Span::Own => OWN.clone(),
    }
}

fn connect(span: Span) -> SharedHttpConnector {
    let connector = Connector::builder()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_with_resolver(Resolver { span });
    SharedHttpConnector::new(Guarded {
        inner: SharedHttpConnector::new(connector),
        purpose: Purpose::Migration,
    })
}

fn build(network: Network) -> SharedHttpClient {
    let client = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_with_resolver(Resolver {
            span: network.into(),
        });
    guarded(client, Purpose::Migration)
}

/// Makes a client ask for leave before each request: connections are kept, and an address is never resolved.
pub(super) fn guarded(client: SharedHttpClient, purpose: Purpose) -> SharedHttpClient {
    SharedHttpClient::new(Guarded {
        inner: client,
        purpose,
    })
}

#[derive(Debug)]
struct Guarded<T> {
    inner: T,
    purpose: Purpose,
}

impl HttpClient for Guarded<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Guarded {
            inner: self.inner.http_connector(settings, components),
            purpose: self.purpose,
        })
    }
}

impl HttpConnector for Guarded<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let host = request
            .uri()
            .parse::<Uri>()
            .ok()
            .and_then(|uri| uri.host().map(str::to_owned))
            .unwrap_or_default();
        match outward().admit(self.purpose, &host) {
            Ok(()) => self.inner.call(request),
            Err(error) => HttpConnectorFuture::ready(Err(ConnectorError::io(Box::new(error)))),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Resolver {
    span: Span,
}

impl ResolveDns for Resolver {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            let addresses: Vec<IpAddr> = outward()
                .addresses(Purpose::Migration, name, 0)
                .await
                .map_err(ResolveDnsError::new)?
                .into_iter()
                .map(|socket| socket.ip())
                .collect();
            let beyond = addresses
                .iter()
                .find(|address| !self.span.admits(**address));
            match beyond {
                Some(address) => Err(ResolveDnsError::new(Error::PrivateEndpoint {
                    address: *address,
                })),
                None => Ok(addresses),
            }
        })
    }
}
