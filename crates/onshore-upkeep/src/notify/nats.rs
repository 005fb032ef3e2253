//! NATS, as far as a publisher speaks it (docs.nats.io, "Client Protocol"). Written here because the client libraries
//! go to whichever server of a cluster they are told of, and this connection may only go to the address that was judged.
//!
//! Where a stream of JetStream keeps the subject, it answers once it has a message, and its word counts. Where none
//! does, the server has taken the message (PING, PONG), and that is all that plain NATS can tell.

use onshore_tls::Connection;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::link::secured;
use super::target::{EventTarget, TargetError};

/// The longest line that a server may send.
const LINE_MAX: u64 = 1 << 20;
/// The longest answer.
const ANSWER_MAX: usize = 1 << 20;

/// How the header begins of a server's own answer that nobody listens.
const NOBODY: &[u8] = b"NATS/1.0 503";
/// The errors that say that there are no streams at all: not enabled on the server, or not for the account.
const WITHOUT_STREAMS: [u64; 2] = [10076, 10039];

pub(super) struct Nats {
    stream: BufReader<Connection>,
    subject: String,
    /// Where answers come to.
    inbox: String,
    /// Whether a stream keeps the subject.
    is_kept: bool,
    sent: u64,
}

/// What a server says.
enum Said {
    Ping,
    Pong,
    Answer {
        subject: String,
        header: Vec<u8>,
        body: Vec<u8>,
    },
}

impl Nats {
    pub(super) async fn open(
        stream: TcpStream,
        target: &EventTarget,
        subject: &str,
    ) -> Result<Self, TargetError> {
        // A server speaks first, in the clear, and is secured then.
        let mut plain = BufReader::new(Connection::Plain(stream));
        read_info(&mut plain).await?;
        let stream = match (plain.into_inner(), &target.secured) {
            (Connection::Plain(stream), Some(_)) => secured(target, stream).await?,
            (stream, _) => stream,
        };
        let mut nats = Self {
            stream: BufReader::new(stream),
            subject: subject.to_owned(),
            inbox: format!("_INBOX.{}", hex::encode(onshore_keys::random::<12>())),
            is_kept: false,
            sent: 0,
        };
        let connect = json!({
            "verbose": false,
            "pedantic": false,
            "tls_required": target.secured.is_some(),
            "lang": "rust",
            "version": env!("CARGO_PKG_VERSION"),
            "name": "onshore",
            "protocol": 1,
            "echo": false,
            "headers": true,
            "no_responders": true,
            "auth_token": target.token,
        });
        let inbox = format!("{}.*", nats.inbox);
        let hello = format!("CONNECT {connect}\r\nSUB {inbox} 1\r\nPING\r\n");
        nats.write(hello.as_bytes()).await?;
        while !matches!(nats.read().await?, Said::Pong) {}
        nats.is_kept = nats.ask_for_streams().await?;
        Ok(nats)
    }

    /// Asks whether a stream keeps the subject (docs.nats.io, "JetStream wire API"), whichever server of a cluster keeps
    /// it. Only who says that there is none is believed: an event that a stream should have had would be lost.
    async fn ask_for_streams(&mut self) -> Result<bool, TargetError> {
        let question = json!({ "subject": self.subject }).to_string();
        let (header, body) = self
            .ask("$JS.API.STREAM.NAMES", question.as_bytes())
            .await?;
        if header.starts_with(NOBODY) {
            return Ok(false);
        }
        let answer: Value = serde_json::from_slice(&body)
            .map_err(|_| TargetError::Protocol("what it says of streams is no JSON"))?;
        if let Some(code) = answer["error"]["err_code"].as_u64()
            && WITHOUT_STREAMS.contains(&code)
        {
            return Ok(false);
        }
        refuse_errors(&answer)?;
        match &answer["streams"] {
            Value::Array(streams) => Ok(!streams.is_empty()),
            Value::Null if answer["total"] == json!(0) => Ok(false),
            _ => Err(TargetError::Protocol(
                "it does not say which streams there are",
            )),
        }
    }

    pub(super) async fn send(&mut self, message: &[u8]) -> Result<(), TargetError> {
        if self.is_kept {
            let subject = self.subject.clone();
            let (header, body) = self.ask(&subject, message).await?;
            return of_stream(&header, &body);
        }
        let head = format!("PUB {} {}\r\n", self.subject, message.len());
        let bytes = [head.as_bytes(), message, b"\r\nPING\r\n"].concat();
        self.write(&bytes).await?;
        loop {
            match self.read().await? {
                Said::Pong => return Ok(()),
                Said::Ping => self.write(b"PONG\r\n").await?,
                Said::Answer { .. } => {}
            }
        }
    }

    /// Sends a message that wants an answer, and returns the answer's header and body.
    async fn ask(
        &mut self,
        subject: &str,
        message: &[u8],
    ) -> Result<(Vec<u8>, Vec<u8>), TargetError> {
        self.sent += 1;
        let inbox = format!("{}.{}", self.inbox, self.sent);
        let head = format!("PUB {subject} {inbox} {}\r\n", message.len());
        let bytes = [head.as_bytes(), message, b"\r\n"].concat();
        self.write(&bytes).await?;
        loop {
            match self.read().await? {
                Said::Ping => self.write(b"PONG\r\n").await?,
                Said::Answer {
                    subject,
                    header,
                    body,
                } if subject == inbox => return Ok((header, body)),
                // An answer that nobody waits for any more.
                Said::Pong | Said::Answer { .. } => {}
            }
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), TargetError> {
        self.stream.get_mut().write_all(bytes).await?;
        Ok(self.stream.get_mut().flush().await?)
    }

    async fn read(&mut self) -> Result<Said, TargetError> {
        loop {
            let line = read_line(&mut self.stream).await?;
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match verb.to_ascii_uppercase().as_str() {
                "PING" => return Ok(Said::Ping),
                "PONG" => return Ok(Said::Pong),
                "+OK" | "INFO" => {}
                "-ERR" => return Err(TargetError::Said(rest.chars().take(200).collect())),
                "MSG" => return self.answer(rest, 1).await,
                "HMSG" => return self.answer(rest, 2).await,
                _ => return Err(TargetError::Protocol("an unknown line")),
            }
        }
    }

    /// Reads a message: its line ends with the length of the header, where it has one, and the length of all.
    async fn answer(&mut self, line: &str, numbers: usize) -> Result<Said, TargetError> {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let number = |from_end: usize| {
            let at = words.len().checked_sub(from_end)?;
            words.get(at)?.parse::<usize>().ok()
        };
        let odd = || TargetError::Protocol("a message without a length");
        let total = number(1).ok_or_else(odd)?;
        let header = if numbers == 2 {
            number(2).ok_or_else(odd)?
        } else {
            0
        };
        if total > ANSWER_MAX || header > total {
            return Err(TargetError::Protocol("a message that is too long"));
        }
        let subject = words.first().copied().unwrap_or_default().to_owned();
        let mut header_bytes = vec![0; header];
        self.stream.read_exact(&mut header_bytes).await?;
        let mut body = vec![0; total - header + 2];
        self.stream.read_exact(&mut body).await?;
        body.truncate(total - header);
        Ok(Said::Answer {
            subject,
            header: header_bytes,
            body,
        })
    }
}

/// Reads what a stream answers: its name, and the number it gave the message.
fn of_stream(header: &[u8], body: &[u8]) -> Result<(), TargetError> {
    if header.starts_with(NOBODY) {
        return Err(TargetError::Said(
            "that no stream is there any more".to_owned(),
        ));
    }
    let said: Value = serde_json::from_slice(body)
        .map_err(|_| TargetError::Protocol("a stream's answer is no JSON"))?;
    refuse_errors(&said)?;
    if said["stream"].is_string() && said["seq"].is_u64() {
        Ok(())
    } else {
        Err(TargetError::Protocol("an answer is not that of a stream"))
    }
}

fn refuse_errors(said: &Value) -> Result<(), TargetError> {
    match &said["error"] {
        Value::Null => Ok(()),
        error => {
            let text = error["description"].as_str().unwrap_or("an error");
            Err(TargetError::Said(text.chars().take(200).collect()))
        }
    }
}

/// Reads what a server begins with. What it says of other servers is of no interest.
async fn read_info(stream: &mut BufReader<Connection>) -> Result<(), TargetError> {
    if read_line(stream).await?.starts_with("INFO ") {
        Ok(())
    } else {
        Err(TargetError::Protocol("it does not begin with INFO"))
    }
}

async fn read_line(stream: &mut BufReader<Connection>) -> Result<String, TargetError> {
    let mut line = Vec::new();
    stream.take(LINE_MAX).read_until(b'\n', &mut line).await?;
    let line = line
        .strip_suffix(b"\r\n")
        .ok_or(TargetError::Protocol("a line has no end"))?;
    String::from_utf8(line.to_vec()).map_err(|_| TargetError::Protocol("a line is no text"))
}
