//! Containers of clouds that do not speak S3, each by its own documented protocol, over the one way out. Keys are sent and
//! listed as they are; what a cloud vouches with is passed on; every read names the state it wants.

mod azblob;
mod gcs;
mod spec;
mod swift;

use std::sync::Arc;

pub use spec::{ContainerSpec, Protocol};
pub use swift::{KeystoneScope, SwiftAccount, SwiftAuth, SwiftSpec};

use crate::container::azblob::AzBlob;
use crate::container::gcs::Gcs;
use crate::container::swift::Swift;
use crate::{Credentials, Error, Network, Source};

/// Opens a container, and sees that it can be listed.
///
/// # Errors
/// [`Error::PrivateEndpoint`] when the network is [`Network::PublicOnly`] and the endpoint is none; otherwise what the first
/// listing met.
pub async fn open_container(
    spec: &ContainerSpec,
    credentials: Option<&Credentials>,
    network: Network,
) -> Result<Arc<dyn Source>, Error> {
    match spec.protocol {
        Protocol::Azblob => Ok(Arc::new(AzBlob::open(spec, credentials, network).await?)),
        Protocol::Gs => Ok(Arc::new(Gcs::open(spec, credentials, network).await?)),
    }
}

/// Opens a container of OpenStack Swift, and sees that it can be listed.
///
/// # Errors
/// [`Error::PrivateEndpoint`] when the network is [`Network::PublicOnly`] and the endpoint is none, [`Error::LedInside`] when the
/// account lies further inside; otherwise what asking for a token and the first listing met.
pub async fn open_swift(
    spec: &SwiftSpec,
    credentials: Option<&Credentials>,
    network: Network,
) -> Result<Arc<dyn Source>, Error> {
    Ok(Arc::new(Swift::open(spec, credentials, network).await?))
}
