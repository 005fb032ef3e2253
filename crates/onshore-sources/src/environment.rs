//! What the variables of other clouds' tools say, and what those of Amazon's say besides credentials: region and endpoint. The metadata service of a cloud
//! machine is not asked for the region: off a cloud that costs seconds and answers nothing.

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;

use serde::Deserialize;
use zeroize::Zeroize;

use crate::dialect::Variables;
use crate::{Credentials, Error, KeystoneScope, Resolved, SwiftAccount, SwiftAuth};

pub(crate) fn region_provider(profile: Option<&str>) -> RegionProviderChain {
    let mut from_profile = ProfileFileRegionProvider::builder();
    if let Some(profile) = profile {
        from_profile = from_profile.profile_name(profile);
    }
    RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(from_profile.build())
}

pub(crate) fn endpoint() -> Option<String> {
    variable(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])
}

/// Returns what the variables of a cloud's own tools say. Half of an access key is a mistake, not none.
pub(crate) fn of_tools(variables: &Variables) -> Result<Resolved, Error> {
    let (access_key, secret_key) = (
        variable(variables.access_key),
        variable(variables.secret_key),
    );
    let credentials = match (access_key, secret_key) {
        (Some(access_key), Some(secret_key)) => Some(Credentials::new(
            access_key,
            secret_key,
            variable(variables.session_token),
        )),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            return Err(Error::Environment {
                what: format!(
                    "of {} and {} one is set and the other is not",
                    variables.access_key.join(" or "),
                    variables.secret_key.join(" or ")
                ),
            });
        }
    };
    Ok(Resolved {
        credentials,
        region: variable(variables.region),
        endpoint: None,
    })
}

/// Returns what the variables of Azure's tools say: account, and its key or a shared access signature.
pub(crate) fn of_azure(
    account: Option<&str>,
) -> Result<(Option<Credentials>, Option<String>), Error> {
    let account = account
        .map(str::to_owned)
        .or_else(|| variable(&["AZURE_STORAGE_ACCOUNT"]));
    let credentials = match (
        variable(&["AZURE_STORAGE_SAS_TOKEN"]),
        variable(&["AZURE_STORAGE_KEY"]),
        &account,
    ) {
        (Some(signature), _, _) => Some(Credentials::new("", "", Some(signature))),
        (None, Some(key), Some(account)) => Some(Credentials::new(account.as_str(), key, None)),
        (None, Some(_), None) => {
            return Err(Error::Environment {
                what: "AZURE_STORAGE_KEY is set and AZURE_STORAGE_ACCOUNT is not".to_owned(),
            });
        }
        (None, None, _) => None,
    };
    Ok((credentials, account))
}

/// Returns what the variables of Google's tools say: a token, or the file of a service account.
pub(crate) fn of_google() -> Result<Option<Credentials>, Error> {
    if let Some(token) = variable(&["GOOGLE_OAUTH_ACCESS_TOKEN"]) {
        return Ok(Some(Credentials::new("", "", Some(token))));
    }
    let Some(path) = variable(&["GOOGLE_APPLICATION_CREDENTIALS"]) else {
        return Ok(None);
    };
    let bad = |what: &str| Error::Environment {
        what: format!("the file that GOOGLE_APPLICATION_CREDENTIALS names {what}"),
    };
    let text = std::fs::read(path).map_err(|_| bad("cannot be read"))?;
    let account: ServiceAccount = serde_json::from_slice(&text).map_err(|_| {
        bad("is not the key of a service account; a token goes into GOOGLE_OAUTH_ACCESS_TOKEN")
    })?;
    Ok(Some(Credentials::new(
        account.client_email.as_str(),
        account.private_key.as_str(),
        None,
    )))
}

/// Returns what opens a server of WebDAV: user and password, or a bearer token.
pub(crate) fn of_webdav() -> Result<Option<Credentials>, Error> {
    if let Some(token) = variable(&["WEBDAV_TOKEN"]) {
        return Ok(Some(Credentials::new("", "", Some(token))));
    }
    match (variable(&["WEBDAV_USER"]), variable(&["WEBDAV_PASSWORD"])) {
        (Some(user), Some(password)) => Ok(Some(Credentials::new(user, password, None))),
        (None, None) => Ok(None),
        (Some(_), None) | (None, Some(_)) => Err(Error::Environment {
            what: "of WEBDAV_USER and WEBDAV_PASSWORD one is set and the other is not".to_owned(),
        }),
    }
}

/// Returns what the variables of Hadoop's tools say: as whom WebHDFS is asked, or a delegation token.
pub(crate) fn of_hdfs() -> Option<Credentials> {
    let token = variable(&["HDFS_DELEGATION_TOKEN"]);
    let user = variable(&["HADOOP_USER_NAME"]);
    (token.is_some() || user.is_some())
        .then(|| Credentials::new(user.unwrap_or_default(), "", token))
}

/// Returns what the variables of OpenStack's tools say: those of TempAuth first, then those of Keystone.
pub(crate) fn of_swift() -> Result<Option<(SwiftAccount, Credentials)>, Error> {
    let missing = |what: &str| Error::Environment {
        what: what.to_owned(),
    };
    let of_v1 = ["ST_AUTH", "ST_USER", "ST_KEY"].map(|name| variable(&[name]));
    if of_v1.iter().any(Option::is_some) {
        let [Some(endpoint), Some(user), Some(key)] = of_v1 else {
            return Err(missing("ST_AUTH, ST_USER and ST_KEY go together"));
        };
        return Ok(Some(account(SwiftAuth::V1, endpoint, user, key)));
    }
    let Some(endpoint) = variable(&["OS_AUTH_URL"]) else {
        return Ok(None);
    };
    let of_application = (
        variable(&["OS_APPLICATION_CREDENTIAL_ID"]),
        variable(&["OS_APPLICATION_CREDENTIAL_SECRET"]),
    );
    let (mut account, credentials) = match of_application {
        (Some(id), Some(secret)) => account(SwiftAuth::ApplicationCredential, endpoint, id, secret),
        (None, None) => match (variable(&["OS_USERNAME"]), variable(&["OS_PASSWORD"])) {
            (Some(user), Some(password)) => account(SwiftAuth::Password, endpoint, user, password),
            _ => return Err(missing("with OS_AUTH_URL go OS_USERNAME and OS_PASSWORD")),
        },
        _ => {
            return Err(missing(
                "OS_APPLICATION_CREDENTIAL_ID and OS_APPLICATION_CREDENTIAL_SECRET go together",
            ));
        }
    };
    account.scope = KeystoneScope {
        project_id: variable(&["OS_PROJECT_ID", "OS_TENANT_ID"]),
        project_name: variable(&["OS_PROJECT_NAME", "OS_TENANT_NAME"]),
        project_domain_id: variable(&["OS_PROJECT_DOMAIN_ID"]),
        project_domain_name: variable(&["OS_PROJECT_DOMAIN_NAME"]),
        user_domain_id: variable(&["OS_USER_DOMAIN_ID"]),
        user_domain_name: variable(&["OS_USER_DOMAIN_NAME"]),
        region: variable(&["OS_REGION_NAME"]),
    };
    let scope = &account.scope;
    if account.auth == SwiftAuth::Password
        && scope.project_id.is_none()
        && scope.project_name.is_none()
    {
        return Err(missing(
            "with OS_USERNAME goes OS_PROJECT_NAME or OS_PROJECT_ID",
        ));
    }
    Ok(Some((account, credentials)))
}

fn account(
    auth: SwiftAuth,
    endpoint: String,
    user: String,
    secret: String,
) -> (SwiftAccount, Credentials) {
    let credentials = Credentials::new(user.as_str(), secret, None);
    let account = SwiftAccount {
        auth,
        endpoint,
        user,
        scope: KeystoneScope::default(),
    };
    (account, credentials)
}

#[derive(Deserialize)]
struct ServiceAccount {
    client_email: String,
    private_key: String,
}

impl Drop for ServiceAccount {
    fn drop(&mut self) {
        self.private_key.zeroize();
    }
}

/// Returns the first of the variables that is set.
fn variable(names: &[&str]) -> Option<String> {
    names
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}
