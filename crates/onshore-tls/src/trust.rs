//! A client's side of TLS: whom it trusts.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::certificates::chain;
use crate::connection::Connection;
use crate::error::Error;
use crate::provider;

/// Whom a client trusts to say who a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust<'a> {
    /// Nobody: for a client that speaks without TLS.
    Nobody,
    /// The authorities that the system knows.
    System,
    /// The authorities in a file, in PEM, and no others.
    File(&'a Path),
}

/// Returns a client's settings.
///
/// # Errors
/// When the file cannot be read or holds no authority, or the system has none.
pub fn trusting(trust: Trust<'_>) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::Nobody => {}
        Trust::File(path) => {
            for certificate in chain(path)? {
                roots.add(certificate).map_err(|source| Error::Authority {
                    path: path.to_owned(),
                    source,
                })?;
            }
        }
        Trust::System => {
            // One odd certificate among the system's is no reason to trust none of them.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(Error::NoAuthorities);
            }
        }
    }
    Ok(ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(Error::Setup)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// Secures a connection to a server, which must show that it is this one: a name, or an address.
///
/// # Errors
/// A name that cannot be one; what the handshake fails with.
pub async fn connect(
    config: &Arc<ClientConfig>,
    host: &str,
    stream: TcpStream,
) -> io::Result<Connection> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let stream = TlsConnector::from(Arc::clone(config))
        .connect(name, stream)
        .await?;
    Ok(Connection::Tls(Box::new(stream.into())))
}
