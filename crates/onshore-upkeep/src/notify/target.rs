//! Whom events are told: an address, how it is spoken to, and what it asks for. Parsed once, from the configuration.

use std::io;
use std::sync::Arc;

use http::Uri;
use onshore_tls::ClientConfig;

/// Somebody whom events are told.
#[derive(Clone)]
pub struct EventTarget {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Who must answer, where the connection is secured.
    pub(crate) secured: Option<Arc<ClientConfig>>,
    pub(crate) protocol: Protocol,
    /// What it asks for.
    pub(crate) token: Option<String>,
}

/// How a target is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    /// Each event is a POST of a JSON document; 2xx takes it.
    Webhook {
        /// The path and query.
        path: String,
    },
    /// Each event is a message of NATS. Where a stream of JetStream keeps the subject, its word that it has the message
    /// is what counts; where none does, that of the server.
    Nats {
        /// The subject.
        subject: String,
    },
}

/// Why a target cannot be told, or is none.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The address cannot be one.
    #[error(
        "write http://HOST[:PORT]/PATH, https://…, nats://HOST[:PORT] or tls://HOST[:PORT], without a name or password in it"
    )]
    Address,
    /// NATS wants a subject, a webhook none.
    #[error("{0}")]
    Subject(&'static str),
    /// What it asks for cannot be sent.
    #[error("the token has characters that cannot be sent")]
    Token,
    /// Its name has no address.
    #[error("its name has no address")]
    NoAddress,
    /// It does not answer in time.
    #[error("it does not answer in time")]
    TooSlow,
    /// The network.
    #[error("it cannot be reached")]
    Io(#[from] io::Error),
    /// HTTP.
    #[error("it does not speak HTTP")]
    Http(#[from] hyper::Error),
    /// It answers that it does not take the event.
    #[error("it answers {0}")]
    Status(u16),
    /// It answers that it does not take the event.
    #[error("it answers {0}")]
    Said(String),
    /// What it tells of changes faster than it can be judged.
    #[error("what it tells of changes faster than it can be judged")]
    Unsettled,
    /// It is abroad.
    #[error("it is in {0}, and nobody abroad is told")]
    Abroad(String),
    /// It speaks another language.
    #[error("it does not speak NATS: {0}")]
    Protocol(&'static str),
}

impl TargetError {
    /// Whether the target answered, so that it may take the next event.
    pub(crate) fn is_an_answer(&self) -> bool {
        matches!(self, Self::Status(_) | Self::Unsettled)
    }
}

impl EventTarget {
    /// Returns where it is and how it is spoken to, without what may be a secret in its path.
    #[must_use]
    pub fn told(&self) -> String {
        let scheme = match (&self.protocol, &self.secured) {
            (Protocol::Webhook { .. }, None) => "http",
            (Protocol::Webhook { .. }, Some(_)) => "https",
            (Protocol::Nats { .. }, None) => "nats",
            (Protocol::Nats { .. }, Some(_)) => "tls",
        };
        let subject = match &self.protocol {
            Protocol::Webhook { .. } => String::new(),
            Protocol::Nats { subject } => format!(" {subject}"),
        };
        format!("{scheme}://{}:{}{subject}", self.host, self.port)
    }

    /// Returns the host it is at.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether it is spoken to by HTTP.
    pub(crate) fn is_webhook(&self) -> bool {
        matches!(self.protocol, Protocol::Webhook { .. })
    }

    /// Returns the path and query of a webhook.
    pub(crate) fn path(&self) -> &str {
        match &self.protocol {
            Protocol::Webhook { path } => path,
            Protocol::Nats { .. } => "/",
        }
    }

    /// Returns host and port as HTTP names them.
    pub(crate) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Reads an address. `secure` makes the settings of a client, where the address wants one.
    ///
    /// # Errors
    /// [`TargetError::Address`], [`TargetError::Subject`], [`TargetError::Token`]; what `secure` returns.
    pub fn parse<E: From<TargetError>>(
        url: &str,
        subject: Option<String>,
        token: Option<String>,
        secure: impl FnOnce() -> Result<ClientConfig, E>,
    ) -> Result<Self, E> {
        let uri: Uri = url.parse().map_err(|_| TargetError::Address)?;
        let authority = uri.authority().ok_or(TargetError::Address)?;
        if authority.as_str().contains('@') {
            return Err(TargetError::Address.into());
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        let (is_secured, port) = match uri.scheme_str() {
            Some("http") => (false, 80),
            Some("https") => (true, 443),
            Some("nats") => (false, 4222),
            Some("tls") => (true, 4222),
            _ => return Err(TargetError::Address.into()),
        };
        let is_webhook = matches!(uri.scheme_str(), Some("http" | "https"));
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let protocol = match (is_webhook, subject) {
            (true, None) => Protocol::Webhook {
                path: path.to_owned(),
            },
            (true, Some(_)) => {
                return Err(
                    TargetError::Subject("a webhook has no subject: leave `subject` out").into(),
                );
            }
            (false, Some(subject)) if is_subject(&subject) => Protocol::Nats { subject },
            (false, _) => {
                return Err(TargetError::Subject(
                    "NATS wants a `subject`, such as onshore.events: words with dots between them, no * and no >",
                )
                .into());
            }
        };
        if !is_webhook && path != "/" {
            return Err(TargetError::Address.into());
        }
        let is_printable = |token: &String| token.bytes().all(|byte| byte.is_ascii_graphic());
        if token.as_ref().is_some_and(|token| !is_printable(token)) {
            return Err(TargetError::Token.into());
        }
        Ok(Self {
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(port),
            secured: is_secured.then(secure).transpose()?.map(Arc::new),
            protocol,
            token,
        })
    }
}

fn is_subject(subject: &str) -> bool {
    subject.split('.').all(|word| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'*' | b'>'))
    })
}

impl std::fmt::Debug for EventTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventTarget")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{EventTarget, Protocol, TargetError};

    fn parse(url: &str, subject: Option<&str>) -> Result<EventTarget, TargetError> {
        EventTarget::parse(url, subject.map(str::to_owned), None, || {
            Err(TargetError::NoAddress)
        })
    }

    #[test]
    fn addresses_are_read() {
        let hook = parse("http://[::1]:8080/a?b=c", None).expect("a webhook");
        assert_eq!((hook.host.as_str(), hook.port), ("::1", 8080));
        assert!(matches!(hook.protocol, Protocol::Webhook { path } if path == "/a?b=c"));
        let nats = parse("nats://bus.example", Some("onshore.events")).expect("a bus");
        assert_eq!((nats.host.as_str(), nats.port), ("bus.example", 4222));
        // A secured one asks for a client's settings.
        assert!(matches!(
            parse("https://h/", None),
            Err(TargetError::NoAddress)
        ));
    }

    #[test]
    fn what_is_no_target_is_refused() {
        for (url, subject) in [
            ("h:80", None),
            ("ftp://h/", None),
            ("http://user:word@h/", None),
            ("http://h/", Some("s")),
            ("nats://h", None),
            ("nats://h", Some("a.*")),
            ("nats://h", Some("a b")),
            ("nats://h", Some("a..b")),
            ("nats://h/path", Some("a")),
        ] {
            assert!(parse(url, subject).is_err(), "{url}");
        }
    }
}
