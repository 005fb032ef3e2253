//! What a container of OpenStack Swift is called: `swift://container/prefix`, with the account that it is in.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::spec::{SourceOptions, fault, host_of_url};

/// How a token is had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SwiftAuth {
    /// Not at all: the endpoint is that of the account, and the container is public.
    Anonymous,
    /// TempAuth, version 1: `ST_AUTH`, `ST_USER`, `ST_KEY`.
    V1,
    /// Keystone, version 3, by user and password.
    Password,
    /// Keystone, version 3, by an application credential.
    ApplicationCredential,
}

/// Which project of a Keystone it is, and where its user is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeystoneScope {
    /// The project's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<String>,
    /// Or its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_name: Option<String>,
    /// The id of the domain of a project that is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_domain_id: Option<String>,
    /// Or its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_domain_name: Option<String>,
    /// The id of the user's domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_domain_id: Option<String>,
    /// Or its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_domain_name: Option<String>,
    /// The region of the catalogue, where it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// Where an account is, and as whom it is asked. The secret is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwiftAccount {
    /// How a token is had.
    pub auth: SwiftAuth,
    /// Where: the URL of Keystone or TempAuth; of an anonymous one the URL of the account.
    pub endpoint: String,
    /// The user, or the id of the application credential; empty for an anonymous one.
    #[serde(default)]
    pub user: String,
    /// Which project.
    #[serde(default)]
    pub scope: KeystoneScope,
}

/// A container of OpenStack Swift.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwiftSpec {
    /// The container.
    pub container: String,
    /// What the keys begin with; empty for all. Keys arrive whole, prefix included.
    #[serde(default)]
    pub prefix: String,
    /// The account.
    pub account: SwiftAccount,
}

impl SwiftAuth {
    const ALL: [Self; 4] = [
        Self::Anonymous,
        Self::V1,
        Self::Password,
        Self::ApplicationCredential,
    ];

    /// Returns its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::V1 => "v1",
            Self::Password => "password",
            Self::ApplicationCredential => "application-credential",
        }
    }

    /// Returns the one of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|auth| auth.name() == name)
    }
}

impl SwiftSpec {
    /// The scheme of its sources.
    pub const SCHEME: &'static str = "swift";

    /// Parses what stands behind the scheme.
    pub(crate) fn parse(rest: &str, options: SourceOptions) -> Result<Self, Error> {
        let (container, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let mut account = match (options.swift, &options.endpoint) {
            (Some(account), _) => account,
            (None, Some(endpoint)) => SwiftAccount {
                auth: SwiftAuth::Anonymous,
                endpoint: endpoint.clone(),
                user: String::new(),
                scope: KeystoneScope::default(),
            },
            (None, None) => {
                return Err(fault(
                    container,
                    "set OS_AUTH_URL with user and project, or ST_AUTH, ST_USER and ST_KEY; for a public container give the account's URL by --endpoint",
                ));
            }
        };
        if let Some(endpoint) = options.endpoint {
            account.endpoint = endpoint;
        }
        account.scope.region = options.region.or(account.scope.region);
        account.endpoint = account.endpoint.trim_end_matches('/').to_owned();
        Ok(Self {
            container: container.to_owned(),
            prefix: prefix.to_owned(),
            account,
        })
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let container = &self.container;
        if !(1..=256).contains(&container.len()) || container.contains(['/', '\0']) {
            return Err(fault(container, "this is not the name of a container"));
        }
        if self.prefix.len() > 1024 || self.prefix.contains('\0') {
            return Err(fault(&self.prefix, "no key begins so"));
        }
        let account = &self.account;
        let is_anonymous = account.auth == SwiftAuth::Anonymous;
        if account.user.is_empty() != is_anonymous || account.user.contains(['\r', '\n']) {
            return Err(fault(
                container,
                "an account is asked as a user, a public one is not",
            ));
        }
        if account.endpoint.ends_with("/v2.0") {
            return Err(fault(
                &account.endpoint,
                "Keystone is asked in its version 3",
            ));
        }
        self.host().map(|_| ())
    }

    /// Returns host and port of the endpoint.
    pub(crate) fn host(&self) -> Result<(String, u16), Error> {
        host_of_url(&self.account.endpoint)
    }

    /// Containers of the same name in two projects are two, so the project, or the user where none is named, belongs to it.
    pub(crate) fn identity(&self) -> String {
        let SwiftAccount {
            endpoint,
            user,
            scope,
            ..
        } = &self.account;
        let project = match (&scope.project_id, &scope.project_name) {
            (Some(id), _) => format!("id {id}"),
            (None, Some(name)) => {
                let domain = scope.project_domain_id.as_ref();
                let domain = domain.or(scope.project_domain_name.as_ref());
                format!("name {name} of {}", domain.map_or("", String::as_str))
            }
            (None, None) => format!("user {user}"),
        };
        let region = scope.region.as_deref().unwrap_or_default();
        let (container, prefix) = (&self.container, &self.prefix);
        format!("swift {endpoint} {project} {region} {container}/{prefix}")
    }
}

impl fmt::Display for SwiftSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (container, prefix) = (&self.container, &self.prefix);
        write!(
            f,
            "swift://{container}/{prefix} at {}",
            self.account.endpoint
        )
    }
}
