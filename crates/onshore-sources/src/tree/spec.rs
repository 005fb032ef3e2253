//! What a tree is called: `webdav://host/path` or `hdfs://namenode/path`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::spec::{SourceOptions, fault, host_of_url};

/// What a tree is read by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TreeProtocol {
    /// WebDAV (RFC 4918).
    Webdav,
    /// HDFS, by WebHDFS.
    Hdfs,
}

/// A folder on another machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeSpec {
    /// What it is read by.
    pub protocol: TreeProtocol,
    /// The endpoint, in which a path may stand.
    pub endpoint: String,
    /// The path of the folder behind the endpoint, without a slash at either end; empty for all. Keys are paths below it.
    #[serde(default)]
    pub path: String,
}

impl TreeProtocol {
    const ALL: [Self; 2] = [Self::Webdav, Self::Hdfs];

    /// Returns its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Webdav => "webdav",
            Self::Hdfs => "hdfs",
        }
    }

    /// Returns the protocol of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|protocol| protocol.name() == name)
    }

    /// Whether a file can be removed in the state that was described, and in no other.
    pub(crate) const fn removes(self) -> bool {
        match self {
            Self::Webdav => true,
            Self::Hdfs => false,
        }
    }

    /// Returns the protocol of a scheme, and the scheme of its endpoint.
    fn by_scheme(scheme: &str) -> Option<(Self, &'static str)> {
        match scheme {
            "webdav" => Some((Self::Webdav, "http")),
            "webdavs" => Some((Self::Webdav, "https")),
            "hdfs" | "webhdfs" => Some((Self::Hdfs, "http")),
            "swebhdfs" => Some((Self::Hdfs, "https")),
            _ => None,
        }
    }

    /// Returns the protocol of a scheme.
    #[must_use]
    pub fn of_scheme(scheme: &str) -> Option<Self> {
        Self::by_scheme(scheme).map(|(protocol, _)| protocol)
    }
}

impl TreeSpec {
    /// Parses what stands behind the scheme.
    pub(crate) fn parse(scheme: &str, rest: &str, options: &SourceOptions) -> Result<Self, Error> {
        let (protocol, carrier) = TreeProtocol::by_scheme(scheme)
            .ok_or_else(|| fault(scheme, "this scheme is not supported"))?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.contains('@') {
            // Not shown back: it may hold a password.
            return Err(fault("", "credentials do not belong into a source"));
        }
        let endpoint = match (protocol, &options.endpoint) {
            (TreeProtocol::Webdav, None) => format!("{carrier}://{authority}"),
            (TreeProtocol::Webdav, Some(_)) => {
                return Err(fault(
                    rest,
                    "the endpoint stands in webdav://host/path: leave --endpoint out",
                ));
            }
            (TreeProtocol::Hdfs, Some(endpoint)) => endpoint.trim_end_matches('/').to_owned(),
            (TreeProtocol::Hdfs, None) => of_namenode(carrier, authority)?,
        };
        Ok(Self {
            protocol,
            endpoint,
            path: path.trim_matches('/').to_owned(),
        })
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        self.host()?;
        let is_plain =
            |segment: &str| !matches!(segment, "" | "." | "..") && !segment.contains('\0');
        if !self.path.is_empty() && !self.path.split('/').all(is_plain) {
            return Err(fault(
                &self.path,
                "a path of folders has no empty parts, and none that is a dot or two",
            ));
        }
        Ok(())
    }

    /// Returns host and port of the endpoint.
    pub(crate) fn host(&self) -> Result<(String, u16), Error> {
        host_of_url(&self.endpoint)
    }

    /// Returns the endpoint where it does not follow from what the tree is called.
    #[must_use]
    pub fn named_endpoint(&self) -> Option<&str> {
        match self.protocol {
            TreeProtocol::Webdav => None,
            TreeProtocol::Hdfs => Some(&self.endpoint),
        }
    }

    pub(crate) fn identity(&self) -> String {
        let endpoint = self.endpoint.trim_end_matches('/').to_ascii_lowercase();
        format!("{} {endpoint} {}", self.protocol.name(), self.path)
    }
}

impl fmt::Display for TreeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            TreeProtocol::Webdav => {
                let named = self.endpoint.replacen("http", "webdav", 1);
                write!(f, "{named}/{}", self.path)
            }
            TreeProtocol::Hdfs => write!(f, "hdfs:///{} at {}", self.path, self.endpoint),
        }
    }
}

/// Returns the endpoint of WebHDFS at a namenode.
fn of_namenode(carrier: &str, authority: &str) -> Result<String, Error> {
    let has_port = authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    if authority.ends_with(":8020") {
        return Err(fault(
            authority,
            "port 8020 speaks Hadoop's own protocol: give the port of WebHDFS, which is 9870, or --endpoint",
        ));
    }
    Ok(match (has_port, carrier) {
        (true, _) => format!("{carrier}://{authority}"),
        (false, "https") => format!("{carrier}://{authority}:9871"),
        (false, _) => format!("{carrier}://{authority}:9870"),
    })
}
