//! A mail: the few words of SMTP (RFC 5321) that one needs, over the connection to the address that was judged.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use onshore_sources::{Purpose, outward};
use onshore_tls::connect;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::target::{Failed, MailLogin, MailSecurity, Mailbox};
use crate::patience::NAMING_MAX;

/// How long opening a connection to one address may take.
const OPENING_MAX: Duration = Duration::from_secs(10);
/// The longest reply, all of its lines.
const REPLY_BYTES_MAX: usize = 64 << 10;
/// So many bytes of text a line of base64 stands for: 76 signs.
const LINE_BYTES: usize = 57;
/// So many bytes of text an encoded word of a subject stands for at most (RFC 2047: 75 signs in all).
const WORD_BYTES: usize = 42;

/// A mail that is ready to go.
pub(super) struct Mail<'a> {
    pub(super) id: String,
    pub(super) date: String,
    pub(super) subject: &'a str,
    pub(super) text: &'a str,
}

/// A connection to a mail server that greeted.
pub(super) struct MailLink {
    stream: TcpStream,
    peer: IpAddr,
}

impl MailLink {
    /// Connects to the first of the server's addresses that answers.
    pub(super) async fn open(mailbox: &Mailbox) -> Result<Self, Failed> {
        let named = outward().addresses(Purpose::Alarm, &mailbox.host, mailbox.port);
        let addresses = timeout(NAMING_MAX, named)
            .await
            .map_err(|_| Failed::TooSlow)??;
        let mut failed = Failed::NoAddress;
        for address in addresses {
            match timeout(OPENING_MAX, connected(mailbox, address)).await {
                Ok(Ok(stream)) => {
                    let peer = address.ip();
                    return Ok(Self { stream, peer });
                }
                Ok(Err(error)) => failed = error,
                Err(_) => failed = Failed::TooSlow,
            }
        }
        Err(failed)
    }

    /// Returns the address that answers.
    pub(super) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Hands a mail over, and waits until the server has it.
    pub(super) async fn send(self, mailbox: &Mailbox, mail: &Mail<'_>) -> Result<(), Failed> {
        outward().check(Purpose::Alarm, &mailbox.host, self.peer)?;
        match &mailbox.security {
            MailSecurity::Plain => {
                let mut wire = Wire::new(self.stream);
                wire.greeted().await?;
                wire.deliver(mailbox, mail).await
            }
            MailSecurity::Tls(config) => {
                let stream = connect(config, &mailbox.host, self.stream).await?;
                let mut wire = Wire::new(stream);
                wire.greeted().await?;
                wire.deliver(mailbox, mail).await
            }
            MailSecurity::StartTls(config) => {
                let mut wire = Wire::new(self.stream);
                wire.greeted().await?;
                wire.hello().await?;
                wire.command("STARTTLS", 220).await?;
                // Whatever was said before the handshake was said by anybody.
                if !wire.buffer.is_empty() {
                    return Err(Failed::Said("something before the handshake".to_owned()));
                }
                let stream = connect(config, &mailbox.host, wire.stream).await?;
                Wire::new(stream).deliver(mailbox, mail).await
            }
        }
    }
}

async fn connected(mailbox: &Mailbox, address: SocketAddr) -> Result<TcpStream, Failed> {
    Ok(outward()
        .connect(Purpose::Alarm, &mailbox.host, address)
        .await?)
}

struct Wire<S> {
    stream: S,
    buffer: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    fn new(stream: S) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    async fn greeted(&mut self) -> Result<(), Failed> {
        self.reply(220).await
    }

    async fn hello(&mut self) -> Result<(), Failed> {
        self.command("EHLO onshore.invalid", 250).await
    }

    async fn deliver(&mut self, mailbox: &Mailbox, mail: &Mail<'_>) -> Result<(), Failed> {
        self.hello().await?;
        if let Some(MailLogin { user, password }) = &mailbox.login {
            let word = STANDARD.encode(format!("\0{user}\0{password}"));
            self.command(&format!("AUTH PLAIN {word}"), 235).await?;
        }
        self.command(&format!("MAIL FROM:<{}>", mailbox.from), 250)
            .await?;
        for to in &mailbox.to {
            self.command(&format!("RCPT TO:<{to}>"), 250).await?;
        }
        self.command("DATA", 354).await?;
        let message = message(mailbox, mail);
        self.stream.write_all(message.as_bytes()).await?;
        self.command("\r\n.", 250).await?;
        // The server has it: how it parts does not matter.
        drop(self.command("QUIT", 221).await);
        Ok(())
    }

    async fn command(&mut self, line: &str, expected: u16) -> Result<(), Failed> {
        self.stream
            .write_all(format!("{line}\r\n").as_bytes())
            .await?;
        self.stream.flush().await?;
        self.reply(expected).await
    }

    /// Reads a reply of one or several lines.
    async fn reply(&mut self, expected: u16) -> Result<(), Failed> {
        let mut read = 0;
        loop {
            let line = self.line().await?;
            read += line.len();
            if read > REPLY_BYTES_MAX {
                return Err(Failed::Said("more than a reply has".to_owned()));
            }
            let told = String::from_utf8_lossy(&line);
            let code = told.get(..3).and_then(|code| code.parse::<u16>().ok());
            match (code, told.as_bytes().get(3)) {
                (Some(_), Some(b'-')) => {}
                (Some(code), _) if code == expected => return Ok(()),
                // 251: it forwards it.
                (Some(251), _) if expected == 250 => return Ok(()),
                _ => return Err(Failed::Said(told.trim_end().chars().take(200).collect())),
            }
        }
    }

    async fn line(&mut self) -> Result<Vec<u8>, Failed> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                return Ok(self.buffer.drain(..=end).collect());
            }
            if self.buffer.len() > REPLY_BYTES_MAX {
                return Err(Failed::Said("a line without an end".to_owned()));
            }
            let mut some = [0_u8; 1024];
            let len = self.stream.read(&mut some).await?;
            if len == 0 {
                return Err(Failed::Said("nothing more".to_owned()));
            }
            self.buffer.extend(some.iter().take(len));
        }
    }
}

/// Writes a mail. Subject and text are base64: nothing in them ends a line or the mail.
fn message(mailbox: &Mailbox, mail: &Mail<'_>) -> String {
    let mut body = String::new();
    for line in mail.text.as_bytes().chunks(LINE_BYTES) {
        body.push_str(&STANDARD.encode(line));
        body.push_str("\r\n");
    }
    format!(
        "Date: {}\r\nFrom: Onshore <{}>\r\nTo: {}\r\nMessage-ID: <{}>\r\nSubject: {}\r\nAuto-Submitted: auto-generated\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{body}",
        mail.date,
        mailbox.from,
        mailbox.to.join(",\r\n "),
        mail.id,
        encoded(mail.subject),
    )
}

/// Writes a text as encoded words, none of which ends within a letter.
fn encoded(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for letter in text.chars() {
        if word.len() + letter.len_utf8() > WORD_BYTES {
            words.push(std::mem::take(&mut word));
        }
        word.push(letter);
    }
    words.push(word);
    let words: Vec<String> = words
        .iter()
        .map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word)))
        .collect();
    words.join("\r\n ")
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::{Failed, Mail, Mailbox, Wire, encoded, message};

    fn mailbox() -> Mailbox {
        let to = ["b@c.cn".to_owned(), "d@e.cn".to_owned()];
        let none = || Err(super::super::target::AlarmTargetError::Address);
        Mailbox::parse("smtp://h", "a@b.cn", &to, None, none).expect("a mailbox")
    }

    fn mail() -> Mail<'static> {
        Mail {
            id: "1@cn".to_owned(),
            date: "Mon, 30 Nov 2026 00:00:00 GMT".to_owned(),
            subject: "x\r\nBcc: y@z",
            text: "one\r\n.\r\nRCPT TO:<x@y>\n合同",
        }
    }

    #[test]
    fn nothing_in_a_text_ends_a_line_or_the_mail() {
        let written = message(&mailbox(), &mail());
        assert!(
            !written.contains("Bcc") && !written.contains("\r\n.\r\n") && !written.contains("RCPT")
        );
        let (_, body) = written.split_once("\r\n\r\n").expect("a body");
        let text = STANDARD.decode(body.replace("\r\n", "")).expect("base64");
        assert_eq!(text, mail().text.as_bytes());
        let long = "合同".repeat(60);
        for line in encoded(&long).split("\r\n ") {
            assert!(line.len() <= 75, "{line}");
            let word = line.trim_start_matches("=?utf-8?B?").trim_end_matches("?=");
            assert!(String::from_utf8(STANDARD.decode(word).expect("base64")).is_ok());
        }
    }

    /// What a server says, and what becomes of the mail.
    async fn told(replies: &str) -> Result<(), Failed> {
        let (ours, mut theirs) = duplex(1 << 20);
        theirs.write_all(replies.as_bytes()).await.expect("room");
        let server = tokio::spawn(async move {
            let mut heard = Vec::new();
            drop(theirs.read_to_end(&mut heard).await);
        });
        let mut wire = Wire::new(ours);
        wire.greeted().await?;
        let said = wire.deliver(&mailbox(), &mail()).await;
        drop(wire);
        server.await.expect("it ends");
        said
    }

    #[tokio::test]
    async fn only_a_mail_that_the_server_has_is_told() {
        let good = "220 hi\r\n250-a\r\n250 b\r\n250 ok\r\n250 ok\r\n251 elsewhere\r\n354 go\r\n250 queued\r\n221 bye\r\n";
        told(good).await.expect("it has it");
        for bad in [
            good.replace("250 queued", "452 full"),
            good.replace("354 go", "554 no"),
            good.replace("251 elsewhere", "550 nobody"),
            good.replace("220 hi", "554 not today"),
            good.replace("250-a", "25"),
            good.replace("220 hi", "hello"),
        ] {
            assert!(told(&bad).await.is_err(), "{bad}");
        }
    }
}
