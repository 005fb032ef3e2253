//! What a container is called: `azblob://container/prefix` or `gs://bucket/prefix`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::spec::{SourceOptions, fault, host_of_url};

/// What a container is read by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Azure Blob Storage.
    Azblob,
    /// Google Cloud Storage, by its JSON API.
    Gs,
}

/// A container of a cloud that does not speak S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContainerSpec {
    /// What it is read by.
    pub protocol: Protocol,
    /// The container.
    pub container: String,
    /// What the keys begin with; empty for all. Keys arrive whole, prefix included.
    #[serde(default)]
    pub prefix: String,
    /// The endpoint, in which a path may stand.
    pub endpoint: String,
}

impl Protocol {
    const ALL: [Self; 2] = [Self::Azblob, Self::Gs];

    /// Returns its scheme.
    #[must_use]
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::Azblob => "azblob",
            Self::Gs => "gs",
        }
    }

    /// Returns the protocol of a scheme.
    #[must_use]
    pub fn of_scheme(scheme: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|protocol| protocol.scheme() == scheme)
    }

    /// Returns the endpoint where nobody names one, or what is missing to tell it.
    fn endpoint(self, account: Option<&str>) -> Result<String, &'static str> {
        match self {
            Self::Azblob => {
                let account = account
                    .filter(|account| {
                        !account.is_empty() && account.bytes().all(|b| b.is_ascii_alphanumeric())
                    })
                    .ok_or("give --account-id, the storage account, from which the endpoint follows, or --endpoint")?;
                Ok(format!("https://{account}.blob.core.windows.net"))
            }
            Self::Gs => Ok("https://storage.googleapis.com".to_owned()),
        }
    }
}

impl ContainerSpec {
    /// Parses what stands behind the scheme.
    pub(crate) fn parse(scheme: &str, rest: &str, options: &SourceOptions) -> Result<Self, Error> {
        let protocol = Protocol::of_scheme(scheme)
            .ok_or_else(|| fault(scheme, "this scheme is not supported"))?;
        let (container, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let endpoint = match &options.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => protocol
                .endpoint(options.account.as_deref())
                .map_err(|why| fault(&format!("{}://{container}", protocol.scheme()), why))?,
        };
        Ok(Self {
            protocol,
            container: container.to_owned(),
            prefix: prefix.to_owned(),
            endpoint: endpoint.trim_end_matches('/').to_owned(),
        })
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let container = &self.container;
        let named = (1..=222).contains(&container.len())
            && container
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'$'))
            && !container.starts_with('.');
        if !named {
            return Err(fault(container, "this is not the name of a container"));
        }
        if self.prefix.len() > 1024 || self.prefix.contains('\0') {
            return Err(fault(&self.prefix, "no key begins so"));
        }
        self.host().map(|_| ())
    }

    /// Returns host and port of the endpoint. A path may stand behind them: emulators and gateways have one.
    pub(crate) fn host(&self) -> Result<(String, u16), Error> {
        host_of_url(&self.endpoint)
    }

    pub(crate) fn identity(&self) -> String {
        let (scheme, endpoint) = (self.protocol.scheme(), self.endpoint.trim_end_matches('/'));
        format!("{scheme} {endpoint} {}/{}", self.container, self.prefix)
    }
}

impl fmt::Display for ContainerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.protocol.scheme();
        write!(
            f,
            "{scheme}://{}/{} at {}",
            self.container, self.prefix, self.endpoint
        )
    }
}
