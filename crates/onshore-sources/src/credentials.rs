//! The credentials of a source: kept apart from its spec, never printed, wiped when dropped. They come from the variables of
//! the source's own tools, or the usual AWS variables and profiles, and only where the command line runs.

use std::fmt;

use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::s3::{Network, http_client};
use crate::{Dialect, Error, Protocol, SwiftAccount, TreeProtocol, environment};

/// An access key with its secret.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    access_key: String,
    secret_key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session_token: Option<String>,
}

impl Credentials {
    /// Makes credentials of their parts.
    #[must_use]
    pub fn new(
        access_key: impl Into<String>,
        secret_key: impl Into<String>,
        session_token: Option<String>,
    ) -> Self {
        Self {
            access_key: access_key.into(),
            secret_key: secret_key.into(),
            session_token,
        }
    }

    /// Returns the public half.
    #[must_use]
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// Returns the secret half. It goes to the server over the control API, and nowhere else.
    #[must_use]
    pub fn secret_key(&self) -> &str {
        &self.secret_key
    }

    /// Returns the session token of temporary credentials.
    #[must_use]
    pub fn session_token(&self) -> Option<&str> {
        self.session_token.as_deref()
    }

    /// Returns the bytes to be sealed while the job lives.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(serde_json::to_vec(self).expect("strings always serialize into memory"))
    }

    /// Reads what [`Credentials::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Error::Protocol`] when the bytes are not that.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(bytes).map_err(|_| Error::Protocol {
            what: "sealed credentials that do not read back".to_owned(),
        })
    }
}

impl Drop for Credentials {
    fn drop(&mut self) {
        self.secret_key.zeroize();
        self.session_token.zeroize();
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(redacted)")
    }
}

/// What the variables and profiles of this machine say.
#[derive(Debug, Clone, Default)]
pub struct Resolved {
    /// The credentials, or none: a public bucket needs none.
    pub credentials: Option<Credentials>,
    /// The region.
    pub region: Option<String>,
    /// The endpoint of `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`.
    pub endpoint: Option<String>,
}

/// Resolves credentials, region and endpoint: for another cloud's dialect from the variables of its own tools, unless a profile
/// is named; else as the AWS tools do, by variables, the named or default profile, and what the machine's own role gives.
///
/// # Errors
/// [`Error::Environment`] when something is configured and cannot be used.
pub async fn resolve_credentials(
    profile: Option<&str>,
    dialect: Option<Dialect>,
) -> Result<Resolved, Error> {
    let own = dialect
        .filter(|_| profile.is_none())
        .map(|dialect| environment::of_tools(&dialect.profile().variables))
        .transpose()?
        .unwrap_or_default();
    if own.credentials.is_some() {
        return Ok(own);
    }
    let resolved = resolve_as_aws(profile).await?;
    // A region of Amazon's says nothing of another cloud.
    let is_elsewhere = profile.is_none() && dialect.is_some_and(|dialect| dialect.scheme() != "s3");
    Ok(Resolved {
        region: if is_elsewhere {
            own.region
        } else {
            resolved.region
        },
        ..resolved
    })
}

/// Resolves the credentials of a container as the tools of its cloud do, and the account that they are of.
///
/// # Errors
/// [`Error::Environment`] when something is configured and cannot be used.
pub fn resolve_container_credentials(
    protocol: Protocol,
    account: Option<&str>,
) -> Result<(Option<Credentials>, Option<String>), Error> {
    match protocol {
        Protocol::Azblob => environment::of_azure(account),
        Protocol::Gs => Ok((environment::of_google()?, None)),
    }
}

/// Resolves an account of OpenStack Swift as its tools do, and the secret that opens it; none where nothing is set.
///
/// # Errors
/// [`Error::Environment`] when something is configured and cannot be used.
pub fn resolve_swift() -> Result<Option<(SwiftAccount, Credentials)>, Error> {
    environment::of_swift()
}

/// Resolves the credentials of a folder on another machine from the variables of its protocol.
///
/// # Errors
/// [`Error::Environment`] when something is configured and cannot be used.
pub fn resolve_tree_credentials(protocol: TreeProtocol) -> Result<Option<Credentials>, Error> {
    match protocol {
        TreeProtocol::Webdav => environment::of_webdav(),
        TreeProtocol::Hdfs => Ok(environment::of_hdfs()),
    }
}

async fn resolve_as_aws(profile: Option<&str>) -> Result<Resolved, Error> {
    let mut loader = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .http_client(http_client(Network::Anywhere))
        .region(environment::region_provider(profile));
    if let Some(profile) = profile {
        loader = loader.profile_name(profile);
    }
    let config = loader.load().await;
    let credentials = match config.credentials_provider() {
        None => None,
        Some(provider) => match provider.provide_credentials().await {
            Ok(found) => Some(Credentials::new(
                found.access_key_id(),
                found.secret_access_key(),
                found.session_token().map(str::to_owned),
            )),
            Err(CredentialsError::CredentialsNotLoaded(_)) if profile.is_none() => None,
            Err(error) => {
                return Err(Error::Environment {
                    what: error.to_string(),
                });
            }
        },
    };
    Ok(Resolved {
        credentials,
        region: config.region().map(|region| region.as_ref().to_owned()),
        endpoint: environment::endpoint(),
    })
}

#[cfg(test)]
mod tests {
    use super::Credentials;

    #[test]
    fn credentials_read_back_and_never_print() {
        let credentials = Credentials::new("AKIDEXAMPLE", "wJalrX", Some("token".into()));
        let printed = format!("{credentials:?}");
        for part in ["AKIDEXAMPLE", "wJalrX", "token"] {
            assert!(!printed.contains(part), "{printed}");
        }
        let back = Credentials::from_bytes(&credentials.to_bytes()).expect("reads back");
        assert_eq!(back.secret_key(), "wJalrX");
        assert_eq!(back.session_token(), Some("token"));
        assert!(Credentials::from_bytes(b"{}").is_err());
    }
}
