//! What opens a bucket: the key of a service account, with which a token is asked for when it is needed, or a token.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use onshore_types::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;

use crate::wire::clock;
use crate::wire::{Request, Wire, lie, of_status};
use crate::{Credentials, Error, Network};

/// What the token is asked for.
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_only";

/// Where tokens are had, and whom they are asked of.
const TOKEN_ENDPOINT: &str = "https://oauth2.googleapis.com";
const TOKEN_PATH: &str = "/token";

/// How long before its end a token is asked for anew.
const RENEWED_BEFORE_S: i64 = 300;

/// What opens a bucket.
pub(super) enum Auth {
    /// Nothing: it is public.
    Anonymous,
    /// A token that somebody else renews, or nobody.
    Token(String),
    /// A service account.
    Account(Box<Account>),
}

/// A service account and the token that it has at present.
pub(super) struct Account {
    email: String,
    key: RsaKeyPair,
    wire: Wire,
    audience: String,
    token: Mutex<Option<(String, Timestamp)>>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: i64,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Auth(redacted)")
    }
}

impl Auth {
    /// A session token is a token; a secret is the private key of the service account that the access key names. An endpoint
    /// other than Google's own gives its tokens itself.
    pub(super) fn new(
        credentials: Option<&Credentials>,
        endpoint: &str,
        network: Network,
    ) -> Result<Self, Error> {
        let Some(credentials) = credentials else {
            return Ok(Self::Anonymous);
        };
        if let Some(token) = credentials.session_token() {
            return Ok(Self::Token(token.to_owned()));
        }
        let is_google = endpoint.trim_end_matches('/').ends_with(".googleapis.com");
        let tokens = if is_google { TOKEN_ENDPOINT } else { endpoint };
        Ok(Self::Account(Box::new(Account {
            email: credentials.access_key().to_owned(),
            key: private_key(credentials.secret_key())?,
            wire: Wire::new(tokens, network),
            audience: format!("{}{TOKEN_PATH}", tokens.trim_end_matches('/')),
            token: Mutex::new(None),
        })))
    }

    /// Returns a request with what opens the bucket.
    pub(super) async fn signed(&self, request: Request) -> Result<Request, Error> {
        let token = match self {
            Self::Anonymous => return Ok(request),
            Self::Token(token) => token.clone(),
            Self::Account(account) => account.token().await?,
        };
        Ok(request.header("authorization", format!("Bearer {token}")))
    }
}

impl Account {
    async fn token(&self) -> Result<String, Error> {
        let mut kept = self.token.lock().await;
        let now = clock::now();
        if let Some((token, until)) = &*kept
            && now.as_seconds() < until.as_seconds() - RENEWED_BEFORE_S
        {
            return Ok(token.clone());
        }
        let assertion = self.assertion(now)?;
        let mut request = Request::get(TOKEN_PATH.to_owned())
            .header("content-type", "application/x-www-form-urlencoded");
        request.method = "POST";
        request.body = format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}"
        );
        let answer = self.wire.send(&request).await?;
        match answer.status {
            200 => {}
            400 | 401 | 403 => {
                return Err(Error::Credentials {
                    what: format!("{} when a token was asked for", answer.status),
                });
            }
            status => return Err(of_status(status, None)),
        }
        let granted: Granted = serde_json::from_slice(&answer.read().await?)
            .map_err(|_| lie("a token that does not parse"))?;
        let until = now.as_seconds().saturating_add(granted.expires_in);
        let until = Timestamp::from_millis(until.saturating_mul(1000));
        *kept = Some((granted.access_token.clone(), until));
        Ok(granted.access_token)
    }

    /// Returns the signed request for a token (RFC 7523).
    fn assertion(&self, now: Timestamp) -> Result<String, Error> {
        let now = now.as_seconds();
        let claims = json!({
            "iss": self.email, "scope": SCOPE, "aud": self.audience, "iat": now, "exp": now + 3600,
        });
        let encoded = |value: String| URL_SAFE_NO_PAD.encode(value);
        let head = encoded(json!({ "alg": "RS256", "typ": "JWT" }).to_string());
        let text = format!("{head}.{}", encoded(claims.to_string()));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                text.as_bytes(),
                &mut signature,
            )
            .map_err(|_| bad_key())?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// Reads a private key as a service account's file has it: PKCS #8 in PEM.
fn private_key(pem: &str) -> Result<RsaKeyPair, Error> {
    let body = pem
        .trim()
        .strip_prefix("-----BEGIN PRIVATE KEY-----")
        .and_then(|rest| rest.strip_suffix("-----END PRIVATE KEY-----"))
        .ok_or_else(bad_key)?;
    let base64: String = body.split_whitespace().collect();
    let der = STANDARD.decode(base64).map_err(|_| bad_key())?;
    RsaKeyPair::from_pkcs8(&der).map_err(|_| bad_key())
}

fn bad_key() -> Error {
    Error::Credentials {
        what: "the service account's private key is not an RSA key in PKCS #8".to_owned(),
    }
}
