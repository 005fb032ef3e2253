//! What can go wrong with connections. No message ever holds key material.

use std::path::PathBuf;

use rustls::pki_types::pem;

/// What can go wrong with connections.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("{} cannot be read", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is not PEM.
    #[error("{} is not PEM", path.display())]
    Form {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// A file has no certificate in it.
    #[error("{} holds no certificate: write the server's own first, then those that signed it, in PEM", path.display())]
    NoCertificate {
        /// Which.
        path: PathBuf,
    },
    /// A file has no private key in it that could be used.
    #[error("{} holds no private key: write one in PEM (PKCS#8, SEC1 or PKCS#1), not encrypted", path.display())]
    NoKey {
        /// Which.
        path: PathBuf,
    },
    /// Certificate and key do not go together, or are of a kind that is not known.
    #[error("the certificate {} and the key {} cannot be used together", certificate.display(), key.display())]
    Unfit {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// A certificate cannot be an authority to trust.
    #[error("a certificate in {} cannot be trusted as an authority", path.display())]
    Authority {
        /// In which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The system knows no authority to trust.
    #[error("the system has no certificate authorities: name the one to trust with --ca FILE")]
    NoAuthorities,
    /// TLS cannot be set up at all.
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
    /// A connection did not come from a trusted proxy where each must.
    #[error("the connection does not come from a trusted proxy")]
    NotAProxy,
    /// A connection ended before the header of the PROXY protocol did.
    #[error("the header of the PROXY protocol could not be read")]
    ProxyHeader(#[source] std::io::Error),
    /// A proxy speaks something else than the PROXY protocol, version 2.
    #[error("the connection does not begin with a header of the PROXY protocol, version 2")]
    NoProxyHeader,
    /// A header of the PROXY protocol is not as it should be.
    #[error("the header of the PROXY protocol is not right: {0}")]
    ProxyHeaderMalformed(&'static str),
    /// A proxy did not say in time for whom it opened a connection.
    #[error("the header of the PROXY protocol took too long")]
    ProxyHeaderTooSlow,
    /// A client did not finish its handshake in time.
    #[error("the handshake took too long")]
    HandshakeTooSlow,
    /// A client's handshake failed.
    #[error("the handshake failed")]
    Handshake(#[source] std::io::Error),
    /// A client speaks something else than TLS.
    #[error("the client does not speak TLS")]
    NotTls,
}
