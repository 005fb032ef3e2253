//! The certificate chain and the key that clients are shown. A new one takes the old one's place for handshakes to come;
//! connections that are there go on. One that cannot be used changes nothing.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use ring::digest::{SHA256, digest};
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use crate::error::Error;
use crate::provider;

/// What the server speaks inside TLS.
const PROTOCOLS: &[&[u8]] = &[b"http/1.1"];

/// Where a certificate chain and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The server's certificate, then those that signed it, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM: PKCS#8, SEC1 or PKCS#1.
    pub key: PathBuf,
}

/// A certificate chain and its key, replaced while connections go on. Clones share it.
#[derive(Clone)]
pub struct Certificates {
    acceptor: TlsAcceptor,
    files: CertificateFiles,
    shown: Arc<Shown>,
    seen: Arc<Mutex<Seen>>,
}

/// When files are read anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// Whatever they look like.
    Always,
    /// When they look different from the last time.
    IfChanged,
}

/// What a renewal did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewed {
    /// The files look as they did.
    Unchanged,
    /// The certificate in the files is shown from now on.
    InForce {
        /// The SHA-256 of the server's certificate, in hexadecimal digits.
        fingerprint: String,
    },
}

/// What is shown to clients at present.
struct Shown(RwLock<Arc<CertifiedKey>>);

/// How the files looked when they were last read.
type Seen = [Option<Look>; 2];

/// How a file looks from outside.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Look {
    modified: SystemTime,
    len_bytes: u64,
}

impl Certificates {
    /// Reads a chain and its key.
    ///
    /// # Errors
    /// When the files cannot be read, are not what they should be, or do not go together.
    pub fn open(files: CertificateFiles) -> Result<Self, Error> {
        let seen = look(&files);
        let shown = Arc::new(Shown(RwLock::new(Arc::new(read(&files)?))));
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(Error::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&shown) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = PROTOCOLS.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            files,
            shown,
            seen: Arc::new(Mutex::new(seen)),
        })
    }

    /// Reads the files anew. When they cannot be used, what was shown is shown on.
    ///
    /// # Errors
    /// As for [`Certificates::open`]. Files that do not change afterwards are not tried again, unless always.
    pub fn renew(&self, when: Renewal) -> Result<Renewed, Error> {
        // Looked at before they are read: what changes meanwhile looks different the next time.
        let now = look(&self.files);
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if when == Renewal::IfChanged && *seen == now {
                return Ok(Renewed::Unchanged);
            }
            *seen = now;
        }
        let read = read(&self.files)?;
        let fingerprint = fingerprint(&read);
        self.shown.replace(read);
        Ok(Renewed::InForce { fingerprint })
    }

    pub(crate) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Shown {
    fn replace(&self, key: CertifiedKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let shown = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&shown))
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").finish_non_exhaustive()
    }
}

fn look(files: &CertificateFiles) -> Seen {
    [&files.certificate, &files.key].map(|path| {
        let file = path.metadata().ok()?;
        Some(Look {
            modified: file.modified().ok()?,
            len_bytes: file.len(),
        })
    })
}

fn read(files: &CertificateFiles) -> Result<CertifiedKey, Error> {
    let chain = chain(&files.certificate)?;
    let key =
        PrivateKeyDer::from_pem_slice(&bytes(&files.key)?).map_err(|source| match source {
            pem::Error::NoItemsFound => Error::NoKey {
                path: files.key.clone(),
            },
            source => Error::Form {
                path: files.key.clone(),
                source,
            },
        })?;
    CertifiedKey::from_der(chain, key, &provider()).map_err(|source| Error::Unfit {
        certificate: files.certificate.clone(),
        key: files.key.clone(),
        source,
    })
}

/// Reads the certificates in a file, of which there is at least one.
pub(crate) fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let chain = CertificateDer::pem_slice_iter(&bytes(path)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| Error::Form {
            path: path.to_owned(),
            source,
        })?;
    if chain.is_empty() {
        return Err(Error::NoCertificate {
            path: path.to_owned(),
        });
    }
    Ok(chain)
}

fn bytes(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

fn fingerprint(key: &CertifiedKey) -> String {
    key.end_entity_cert().map_or_else(
        |_| String::new(),
        |certificate| hex::encode(digest(&SHA256, certificate)),
    )
}
