//! Which server a command talks to, and with which token.

use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::cli::TargetArgs;
use crate::client::Client;
use crate::credentials;
use crate::exit::usage;

const DEFAULT_SERVER: &str = "http://127.0.0.1:9001";

/// `server.json`: what a running server says of itself in its data folder.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Running {
    /// Its process id.
    pub(crate) pid: u32,
    /// What the addresses begin with: `http`, or `https` with TLS.
    #[serde(default = "without_tls")]
    pub(crate) scheme: String,
    /// Where S3 listens; absent while a migration runs without a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) s3: Option<String>,
    /// Where the control API listens.
    pub(crate) control: String,
}

fn without_tls() -> String {
    "http".to_owned()
}

impl Running {
    /// Reads what the server on a data folder says, if one runs.
    pub(crate) fn read(data: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(data.join("server.json")).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Returns the address of the control API.
    pub(crate) fn control_url(&self) -> String {
        format!("{}://{}", self.scheme, self.control)
    }
}

/// Returns a client for the server that the arguments name.
pub(crate) fn client(target: &TargetArgs) -> Result<Client> {
    client_of(target, &token(target)?)
}

/// Returns a client for the server that the arguments name, with another token than they do.
pub(crate) fn client_of(target: &TargetArgs, token: &str) -> Result<Client> {
    let running = target.data.as_deref().and_then(Running::read);
    let server = target
        .server
        .clone()
        .or_else(|| running.map(|running| running.control_url()))
        .unwrap_or_else(|| DEFAULT_SERVER.to_owned());
    Client::new(&server, token, target.ca.as_deref(), target.lang)
}

/// Returns the control token that the arguments name.
pub(crate) fn token(target: &TargetArgs) -> Result<String> {
    match (&target.token, &target.data) {
        (Some(token), _) => Ok(token.clone()),
        (None, Some(data)) => Ok(credentials::read(data)?.control_token),
        (None, None) => Err(usage(
            "no control token: pass --token, set ONSHORE_TOKEN, or name the server's data folder with --data",
        )),
    }
}
