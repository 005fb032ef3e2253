//! A client's side of TLS: whom it trusts.

use std::path::Path;

use rustls::{ClientConfig, RootCertStore};

use crate::certificates::chain;
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
