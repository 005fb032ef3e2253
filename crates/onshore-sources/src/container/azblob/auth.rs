//! What opens a container: the account's key, with which each request is signed (Shared Key), or a shared access signature,
//! which goes with each.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use ring::hmac;

use crate::wire::Request;
use crate::wire::clock;
use crate::wire::names::as_http_date;
use crate::{Credentials, Error};

/// The headers that are signed by their place, in its order.
const SIGNED: [&str; 11] = [
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
];

/// What opens a container.
pub(super) enum Auth {
    /// Nothing: it is public.
    Anonymous,
    /// The account and its key.
    SharedKey { account: String, key: hmac::Key },
    /// Query parameters that somebody signed.
    Signature(Vec<(String, String)>),
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Auth(redacted)")
    }
}

impl Auth {
    /// A session token is a shared access signature; a secret is the key of the account that the access key names.
    pub(super) fn new(credentials: Option<&Credentials>) -> Result<Self, Error> {
        let Some(credentials) = credentials else {
            return Ok(Self::Anonymous);
        };
        if let Some(token) = credentials.session_token() {
            let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
            let pairs = token.trim_start_matches('?').split('&');
            let pairs = pairs.filter_map(|pair| pair.split_once('='));
            let pairs = pairs.map(|(name, value)| (decoded(name), decoded(value)));
            return Ok(Self::Signature(pairs.collect()));
        }
        let key = STANDARD
            .decode(credentials.secret_key().trim())
            .map_err(|_| Error::Credentials {
                what: "the account's key is not base64".to_owned(),
            })?;
        Ok(Self::SharedKey {
            account: credentials.access_key().to_owned(),
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
        })
    }

    /// Signs a request whose path stands behind that of the endpoint.
    pub(super) fn signed(&self, mut request: Request, base_path: &str) -> Result<Request, Error> {
        match self {
            Self::Anonymous => {}
            Self::Signature(pairs) => {
                for (name, value) in pairs {
                    request = request.query(name.clone(), value.as_str());
                }
            }
            Self::SharedKey { account, key } => {
                let date = as_http_date(clock::now()).ok_or_else(|| Error::Unavailable {
                    what: "the clock stands outside of what dates can tell".to_owned(),
                })?;
                request = request.header("x-ms-date", date);
                let text = to_sign(account, base_path, &request);
                let signature = STANDARD.encode(hmac::sign(key, text.as_bytes()));
                let value = format!("SharedKey {account}:{signature}");
                request = request.header("authorization", value);
            }
        }
        Ok(request)
    }
}

/// Returns what is signed of a request without a body.
fn to_sign(account: &str, base_path: &str, request: &Request) -> String {
    let header = |name: &str| {
        let mut headers = request.headers.iter();
        headers
            .find(|(found, _)| *found == name)
            .map_or("", |(_, value)| value.as_str())
    };
    let mut text = format!("{}\n", request.method);
    for name in SIGNED {
        text.push_str(header(name));
        text.push('\n');
    }
    let mut own: Vec<_> = request
        .headers
        .iter()
        .filter(|(name, _)| name.starts_with("x-ms-"))
        .collect();
    own.sort_unstable();
    for (name, value) in own {
        text.push_str(&format!("{name}:{value}\n"));
    }
    text.push_str(&format!("/{account}{base_path}{}", request.path));
    let mut query: Vec<_> = request.query.iter().collect();
    query.sort_unstable();
    for (name, value) in query {
        text.push_str(&format!("\n{name}:{value}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Auth, to_sign};
    use crate::Credentials;
    use crate::wire::Request;

    #[test]
    fn what_is_signed_is_what_the_documentation_says() {
        let request = Request::get("/container".to_owned())
            .query("restype", "container")
            .query("comp", "list")
            .header("range", "bytes=0-4")
            .header("x-ms-version", "2021-12-02")
            .header("x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT");
        assert_eq!(
            to_sign("account", "/base", &request),
            "GET\n\n\n\n\n\n\n\n\n\n\nbytes=0-4\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2021-12-02\n\
             /account/base/container\ncomp:list\nrestype:container"
        );
    }

    #[test]
    fn a_shared_access_signature_goes_with_the_request_and_is_not_printed() {
        let credentials = Credentials::new("", "", Some("?sv=2021&sig=a%2Bb%3D".to_owned()));
        let auth = Auth::new(Some(&credentials)).expect("auth");
        let signed = auth
            .signed(Request::get("/c".to_owned()), "")
            .expect("signed");
        let query: Vec<_> = signed
            .query
            .iter()
            .map(|(n, v)| (n.as_ref(), v.as_str()))
            .collect();
        assert_eq!(query, [("sv", "2021"), ("sig", "a+b=")]);
        assert!(!format!("{auth:?}").contains("a+b"));
        let bad = Credentials::new("account", "not base64!", None);
        assert!(Auth::new(Some(&bad)).is_err());
    }
}
