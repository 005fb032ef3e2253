//! Connections: whom they are from, what is shown to clients, how they are secured, and whom our own client trusts.
//!
//! This room reads certificates and private keys from files and makes secured connections of plain ones. It knows no
//! HTTP beyond one answer to somebody who speaks it unsecured, decides nothing, and starts nothing by itself: the
//! binary says when certificates are read anew, the fronts say when a connection is accepted.
//!
//! - [`Certificates`]: a chain and its key, replaced while connections go on.
//! - [`Introduction`]: how a listener learns whom a connection is from.
//! - [`Transport`]: plain or secured, and the [`Connection`] that it makes.
//! - [`trusting`], [`connect`]: a client's side.

mod certificates;
mod connection;
mod error;
mod introduction;
mod proxy_header;
mod transport;
mod trust;

pub use crate::certificates::{CertificateFiles, Certificates, Renewal, Renewed};
pub use crate::connection::{Connection, Secured};
pub use crate::error::Error;
pub use crate::introduction::Introduction;
pub use crate::transport::Transport;
pub use crate::trust::{Trust, connect, trusting};
pub use rustls::ClientConfig;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};

/// The one provider of cryptography (docs/decisions/0003).
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
