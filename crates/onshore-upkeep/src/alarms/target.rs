//! Who is told of alarms: a webhook or a mailbox. Parsed once, from the configuration.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use onshore_tls::ClientConfig;
use ring::hmac;

use crate::notify::{EventTarget, TargetError};

/// So many bytes a secret for signatures has at least and at most, as the Standard Webhooks say.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Somebody who is told of alarms.
#[derive(Clone)]
pub enum AlarmTarget {
    /// Each alarm is a POST.
    Webhook {
        /// Where.
        target: EventTarget,
        /// What it is signed with.
        secret: Option<WebhookSecret>,
    },
    /// Each alarm is a mail.
    Mail(Mailbox),
}

/// What a webhook is signed with (Standard Webhooks, `v1`).
#[derive(Clone)]
pub struct WebhookSecret(hmac::Key);

/// A mail server, and to whom it is to bring what it is given.
#[derive(Clone)]
pub struct Mailbox {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: MailSecurity,
    pub(super) login: Option<MailLogin>,
    pub(super) from: String,
    pub(super) to: Vec<String>,
}

/// How the connection to a mail server is secured.
#[derive(Clone)]
pub enum MailSecurity {
    /// From the first byte (`smtps://`).
    Tls(Arc<ClientConfig>),
    /// After STARTTLS, without which nothing is said (`smtp+starttls://`).
    StartTls(Arc<ClientConfig>),
    /// Not at all (`smtp://`).
    Plain,
}

/// Who asks the mail server.
#[derive(Clone)]
pub struct MailLogin {
    /// The name.
    pub user: String,
    /// The password.
    pub password: String,
}

/// Why somebody cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum AlarmTargetError {
    /// The address cannot be one.
    #[error(
        "write smtps://HOST[:PORT], smtp+starttls://HOST[:PORT] or smtp://HOST[:PORT], without a name or password in it"
    )]
    Address,
    /// It is no mail address.
    #[error("`{0}` is not a mail address such as somebody@example.org")]
    MailAddress(String),
    /// Nobody is written to.
    #[error("name whom mails are for: to = [\"somebody@example.org\"]")]
    Nobody,
    /// A password would be told in the clear.
    #[error("a name and password go over a secured connection alone: smtps:// or smtp+starttls://")]
    PlainLogin,
    /// The secret is none.
    #[error(
        "a secret is whsec_ and base64 of 24 to 64 random bytes, as the Standard Webhooks have it"
    )]
    Secret,
    /// The login cannot be sent.
    #[error("the name or password has characters that cannot be sent")]
    Login,
}

impl WebhookSecret {
    /// Reads a secret.
    ///
    /// # Errors
    /// [`AlarmTargetError::Secret`].
    pub fn parse(text: &str) -> Result<Self, AlarmTargetError> {
        let encoded = text
            .strip_prefix("whsec_")
            .ok_or(AlarmTargetError::Secret)?;
        let bytes = STANDARD
            .decode(encoded)
            .map_err(|_| AlarmTargetError::Secret)?;
        if SECRET_BYTES.contains(&bytes.len()) {
            Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
        } else {
            Err(AlarmTargetError::Secret)
        }
    }

    /// Returns the value of the header `webhook-signature` for a message with an id, sent at a second.
    pub(super) fn sign(&self, id: &str, seconds: i64, message: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{id}.{seconds}.").as_bytes());
        context.update(message);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

impl Mailbox {
    /// Reads a mail server and whom it brings mails. `secure` makes the settings of a client, where the address wants one.
    ///
    /// # Errors
    /// [`AlarmTargetError`]; what `secure` returns.
    pub fn parse<E: From<AlarmTargetError>>(
        url: &str,
        from: &str,
        to: &[String],
        login: Option<MailLogin>,
        secure: impl FnOnce() -> Result<ClientConfig, E>,
    ) -> Result<Self, E> {
        let (scheme, rest) = url.split_once("://").ok_or(AlarmTargetError::Address)?;
        let authority: http::uri::Authority =
            rest.parse().map_err(|_| AlarmTargetError::Address)?;
        if authority.as_str().contains('@') {
            return Err(AlarmTargetError::Address.into());
        }
        let bare = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        let (port, security) = match scheme {
            "smtps" => (465, MailSecurity::Tls(Arc::new(secure()?))),
            "smtp+starttls" => (587, MailSecurity::StartTls(Arc::new(secure()?))),
            "smtp" => (25, MailSecurity::Plain),
            _ => return Err(AlarmTargetError::Address.into()),
        };
        if login.is_some() && matches!(security, MailSecurity::Plain) {
            return Err(AlarmTargetError::PlainLogin.into());
        }
        let is_sayable = |text: &str| !text.is_empty() && !text.contains('\0');
        if login
            .as_ref()
            .is_some_and(|login| !is_sayable(&login.user) || !is_sayable(&login.password))
        {
            return Err(AlarmTargetError::Login.into());
        }
        if to.is_empty() {
            return Err(AlarmTargetError::Nobody.into());
        }
        for address in to.iter().map(String::as_str).chain([from]) {
            if !is_mail_address(address) {
                let told = address.chars().take(80).collect();
                return Err(AlarmTargetError::MailAddress(told).into());
            }
        }
        Ok(Self {
            host: bare.to_owned(),
            port: authority.port_u16().unwrap_or(port),
            security,
            login,
            from: from.to_owned(),
            to: to.to_vec(),
        })
    }
}

/// Whether it is a mail address that needs no quoting: nothing in it could end a line or an address.
fn is_mail_address(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".!#$%&'*+-/=?^_`{|}~".contains(&byte))
    };
    text.len() <= 254
        && text
            .split_once('@')
            .is_some_and(|(local, domain)| is_word(local) && is_word(domain))
}

impl AlarmTarget {
    /// Returns the host that is connected to.
    #[must_use]
    pub fn host(&self) -> &str {
        match self {
            Self::Webhook { target, .. } => target.host(),
            Self::Mail(mailbox) => &mailbox.host,
        }
    }
}

impl fmt::Debug for AlarmTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlarmTarget")
            .field("host", &self.host())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret")
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for MailSecurity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls(_) => "Tls",
            Self::StartTls(_) => "StartTls",
            Self::Plain => "Plain",
        })
    }
}

impl fmt::Debug for MailLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailLogin")
    }
}

/// What a target failed with, in the words of events.
pub(super) type Failed = TargetError;

#[cfg(test)]
mod tests {
    use super::{AlarmTargetError, MailLogin, Mailbox, WebhookSecret};

    fn mailbox(
        url: &str,
        from: &str,
        to: &[&str],
        login: Option<(&str, &str)>,
    ) -> Result<Mailbox, AlarmTargetError> {
        let to: Vec<String> = to.iter().map(|one| (*one).to_owned()).collect();
        let login = login.map(|(user, password)| MailLogin {
            user: user.to_owned(),
            password: password.to_owned(),
        });
        Mailbox::parse(url, from, &to, login, || Err(AlarmTargetError::Secret))
    }

    #[test]
    fn mailboxes_are_read_and_what_is_none_is_refused() {
        let plain = mailbox("smtp://[::1]:2525", "a@b.cn", &["c@d.cn"], None).expect("a mailbox");
        assert_eq!((plain.host.as_str(), plain.port), ("::1", 2525));
        assert_eq!(
            mailbox("smtp://h", "a@b", &["c@d"], None)
                .expect("a mailbox")
                .port,
            25
        );
        // A secured one asks for a client's settings.
        assert!(matches!(
            mailbox("smtps://h", "a@b", &["c@d"], None),
            Err(AlarmTargetError::Secret)
        ));
        for url in [
            "h",
            "http://h",
            "smtp://",
            "smtp://u:p@h",
            "smtp://h/path",
            "smtp://h h",
        ] {
            assert!(mailbox(url, "a@b", &["c@d"], None).is_err(), "{url}");
        }
        for bad in [
            "",
            "a",
            "a@",
            "@b",
            "a@b>",
            "a b@c",
            "a@b\r\nRCPT TO:<x@y>",
            "<a@b>",
            "a@b@c",
            "好@b",
        ] {
            assert!(mailbox("smtp://h", "a@b", &[bad], None).is_err(), "{bad}");
            assert!(mailbox("smtp://h", bad, &["a@b"], None).is_err(), "{bad}");
        }
        assert!(matches!(
            mailbox("smtp://h", "a@b", &[], None),
            Err(AlarmTargetError::Nobody)
        ));
        assert!(matches!(
            mailbox("smtp://h", "a@b", &["c@d"], Some(("u", "p"))),
            Err(AlarmTargetError::PlainLogin)
        ));
    }

    /// The vector of the Standard Webhooks' own libraries.
    #[test]
    fn a_signature_is_that_of_the_standard_webhooks() {
        let secret =
            WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        let signature = secret.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        for bad in [
            "",
            "whsec_",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_AAAA",
            "whsec_!",
        ] {
            assert!(WebhookSecret::parse(bad).is_err(), "{bad}");
        }
    }
}
