//! What opens an account of Swift: a token of TempAuth or of Keystone, asked for when it is needed, and where the account is.

use std::fmt;
use std::sync::Arc;

use onshore_types::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::container::swift::spec::{KeystoneScope, SwiftAccount, SwiftAuth};
use crate::wire::clock;
use crate::wire::names::rfc_3339;
use crate::wire::{Answer, Request, Wire, lie, of_status};
use crate::{Credentials, Error, Network};

/// How long before its end a token is asked for anew.
const RENEWED_BEFORE_S: i64 = 300;

/// What opens an account.
pub(super) struct Auth {
    account: SwiftAccount,
    secret: String,
    /// Where tokens are had.
    wire: Wire,
    granted: Mutex<Option<Granted>>,
}

/// A token, and the account that it opens.
#[derive(Clone)]
pub(super) struct Granted {
    pub(super) token: Option<String>,
    pub(super) storage: Arc<Wire>,
    until: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Answered {
    token: Token,
}

#[derive(Deserialize)]
struct Token {
    expires_at: Option<String>,
    #[serde(default)]
    catalog: Vec<Service>,
}

#[derive(Deserialize)]
struct Service {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    interface: String,
    region: Option<String>,
    region_id: Option<String>,
    url: String,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Auth(redacted)")
    }
}

impl Drop for Auth {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret);
    }
}

impl Auth {
    pub(super) fn new(
        account: &SwiftAccount,
        credentials: Option<&Credentials>,
        network: Network,
    ) -> Result<Self, Error> {
        let secret = credentials.map(|found| found.secret_key().to_owned());
        if secret.is_none() && account.auth != SwiftAuth::Anonymous {
            return Err(Error::Credentials {
                what: "the account is asked as a user, and there is no secret".to_owned(),
            });
        }
        Ok(Self {
            wire: Wire::new(&account.endpoint, network),
            account: account.clone(),
            secret: secret.unwrap_or_default(),
            granted: Mutex::default(),
        })
    }

    /// Returns a token that is not the one that was refused, and the account that it opens.
    pub(super) async fn granted(&self, refused: Option<&Granted>) -> Result<Granted, Error> {
        let mut kept = self.granted.lock().await;
        let now = clock::now().as_seconds();
        let is_good = |granted: &&Granted| {
            granted
                .until
                .is_none_or(|until| now < until.as_seconds() - RENEWED_BEFORE_S)
                && refused.is_none_or(|refused| refused.token != granted.token)
        };
        if let Some(granted) = kept.as_ref().filter(is_good) {
            return Ok(granted.clone());
        }
        let granted = match self.account.auth {
            SwiftAuth::Anonymous => Granted {
                token: None,
                storage: Arc::new(self.wire.onward(&self.account.endpoint).await?),
                until: None,
            },
            SwiftAuth::V1 => self.ask_v1(now).await?,
            SwiftAuth::Password | SwiftAuth::ApplicationCredential => self.ask_v3().await?,
        };
        *kept = Some(granted.clone());
        Ok(granted)
    }

    async fn ask_v1(&self, now: i64) -> Result<Granted, Error> {
        let request = Request::get(String::new())
            .header("x-auth-user", self.account.user.as_str())
            .header("x-auth-key", self.secret.as_str());
        let answer = self.wire.send(&request).await?;
        if !matches!(answer.status, 200 | 204) {
            return Err(refusal(&answer));
        }
        let (Some(token), Some(storage)) =
            (answer.owned("x-auth-token"), answer.owned("x-storage-url"))
        else {
            return Err(lie("a token without what belongs to it"));
        };
        let lasts: Option<i64> = answer
            .header("x-auth-token-expires")
            .and_then(|seconds| seconds.parse().ok());
        // Its body could not be held while something is awaited.
        drop(answer);
        let until = lasts.map(|lasts| now.saturating_add(lasts).saturating_mul(1000));
        Ok(Granted {
            token: Some(token),
            storage: Arc::new(self.wire.onward(&storage).await?),
            until: until.map(Timestamp::from_millis),
        })
    }

    async fn ask_v3(&self) -> Result<Granted, Error> {
        let path = match self.account.endpoint.ends_with("/v3") {
            true => "/auth/tokens",
            false => "/v3/auth/tokens",
        };
        let mut request = Request::get(path.to_owned()).header("content-type", "application/json");
        request.method = "POST";
        request.body = self.asked().to_string();
        let answer = self.wire.send(&request).await?;
        if answer.status != 201 {
            return Err(refusal(&answer));
        }
        let token = answer
            .owned("x-subject-token")
            .ok_or_else(|| lie("a token without what belongs to it"))?;
        let answered: Answered = serde_json::from_slice(&answer.read().await?)
            .map_err(|_| lie("a token that does not parse"))?;
        let storage = storage(&answered.token, self.account.scope.region.as_deref())?;
        Ok(Granted {
            token: Some(token),
            storage: Arc::new(self.wire.onward(storage).await?),
            until: answered.token.expires_at.as_deref().and_then(rfc_3339),
        })
    }

    fn asked(&self) -> Value {
        let (scope, user) = (&self.account.scope, &self.account.user);
        if self.account.auth == SwiftAuth::ApplicationCredential {
            let credential = json!({ "id": user, "secret": self.secret });
            return json!({ "auth": { "identity": {
                "methods": ["application_credential"], "application_credential": credential,
            } } });
        }
        let domain = domain(
            scope.user_domain_id.as_ref(),
            scope.user_domain_name.as_ref(),
        );
        let user = json!({ "name": user, "domain": domain, "password": self.secret });
        let mut asked = json!({ "auth": { "identity": {
            "methods": ["password"], "password": { "user": user },
        } } });
        if let Some(project) = project(scope) {
            asked["auth"]["scope"] = json!({ "project": project });
        }
        asked
    }
}

fn project(scope: &KeystoneScope) -> Option<Value> {
    if let Some(id) = &scope.project_id {
        return Some(json!({ "id": id }));
    }
    let name = scope.project_name.as_ref()?;
    let domain = domain(
        scope.project_domain_id.as_ref(),
        scope.project_domain_name.as_ref(),
    );
    Some(json!({ "name": name, "domain": domain }))
}

/// Names a domain; that of whoever names none has the id that Keystone is set up with.
fn domain(id: Option<&String>, name: Option<&String>) -> Value {
    match (id, name) {
        (Some(id), _) => json!({ "id": id }),
        (None, Some(name)) => json!({ "name": name }),
        (None, None) => json!({ "id": "default" }),
    }
}

/// Finds the account's address in a catalogue.
fn storage<'t>(token: &'t Token, region: Option<&str>) -> Result<&'t str, Error> {
    let mut found = token
        .catalog
        .iter()
        .filter(|service| service.kind == "object-store")
        .flat_map(|service| &service.endpoints)
        .filter(|endpoint| endpoint.interface == "public")
        .filter(|endpoint| {
            let is_there = |of: &Option<String>| of.as_deref() == region;
            region.is_none() || is_there(&endpoint.region) || is_there(&endpoint.region_id)
        });
    match (found.next(), found.next()) {
        (Some(endpoint), None) => Ok(&endpoint.url),
        (None, _) => Err(Error::Gone {
            what: "the catalogue has no public object store for this project and region".to_owned(),
        }),
        (Some(_), Some(_)) => Err(Error::Elsewhere {
            what: "the catalogue has object stores in several regions".to_owned(),
        }),
    }
}

fn refusal(answer: &Answer) -> Error {
    match answer.status {
        status @ (400 | 401 | 403) => Error::Credentials {
            what: format!("{status} when a token was asked for"),
        },
        status => of_status(status, None),
    }
}

#[cfg(test)]
mod tests {
    use super::{Answered, storage};

    fn catalog(endpoints: &str) -> Answered {
        let json = format!(
            r#"{{"token":{{"expires_at":"2030-01-01T00:00:00.000000Z","catalog":[{{"type":"identity","endpoints":[]}},
            {{"type":"object-store","endpoints":[{endpoints}]}}]}}}}"#
        );
        serde_json::from_str(&json).expect("JSON")
    }

    #[test]
    fn an_account_is_found_where_it_is_told_without_doubt() {
        let one =
            r#"{"interface":"public","region":"a","region_id":"a","url":"http://a/v1/AUTH_x"}"#;
        let inner = r#"{"interface":"internal","region":"a","url":"http://inside"}"#;
        let other = r#"{"interface":"public","region":"b","url":"http://b/v1/AUTH_x"}"#;
        let both = catalog(&[one, inner, other].join(","));
        let in_region = |region| storage(&both.token, region).ok();
        assert_eq!(in_region(Some("b")), Some("http://b/v1/AUTH_x"));
        assert_eq!(in_region(Some("c")), None);
        assert_eq!(in_region(None), None);
        let alone = catalog(&[one, inner].join(","));
        assert_eq!(storage(&alone.token, None).ok(), Some("http://a/v1/AUTH_x"));
        assert!(storage(&catalog("").token, None).is_err());
    }
}
