//! How a listener's connections cross the network.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::certificates::Certificates;
use crate::connection::Connection;
use crate::error::Error;

/// How long a client may take for its handshake.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// The first byte of every TLS connection: a record of the handshake.
const HANDSHAKE_RECORD: u8 = 0x16;
/// How much is read from a client that is turned away, so that its connection ends without a reset.
const TURNED_AWAY_BYTES_MAX: u64 = 64 * 1024;
/// What whoever speaks HTTP without TLS is told.
const NOT_TLS: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 48\r\n\
    Connection: close\r\n\r\nThis port speaks TLS: ask again with https://. \n";

/// How a listener's connections cross the network. Clones share the certificates.
#[derive(Debug, Clone)]
pub enum Transport {
    /// Anybody on the way can read them.
    Plain,
    /// Secured by TLS.
    Tls(Certificates),
}

impl Transport {
    /// Returns the scheme of addresses here.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::Plain => "http",
            Self::Tls(_) => "https",
        }
    }

    /// Makes a connection of an accepted stream. It waits for the client, so it has no place in a loop that accepts.
    ///
    /// # Errors
    /// When the client's handshake fails, takes too long, or is none.
    pub async fn accept(&self, stream: TcpStream) -> Result<Connection, Error> {
        match self {
            Self::Plain => Ok(Connection::Plain(stream)),
            Self::Tls(certificates) => timeout(HANDSHAKE_WITHIN, handshake(certificates, stream))
                .await
                .unwrap_or(Err(Error::HandshakeTooSlow)),
        }
    }
}

async fn handshake(
    certificates: &Certificates,
    mut stream: TcpStream,
) -> Result<Connection, Error> {
    let mut first = [0];
    let peeked = stream.peek(&mut first).await.map_err(Error::Handshake)?;
    if peeked > 0 && first != [HANDSHAKE_RECORD] {
        turn_away(&mut stream).await.map_err(Error::Handshake)?;
        return Err(Error::NotTls);
    }
    let secured = certificates
        .acceptor()
        .accept(stream)
        .await
        .map_err(Error::Handshake)?;
    Ok(Connection::Tls(Box::new(secured.into())))
}

async fn turn_away(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(NOT_TLS).await?;
    stream.shutdown().await?;
    let mut rest = stream.take(TURNED_AWAY_BYTES_MAX);
    tokio::io::copy(&mut rest, &mut tokio::io::sink()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::NOT_TLS;

    #[test]
    fn the_answer_without_tls_is_as_long_as_it_says() {
        let text = std::str::from_utf8(NOT_TLS).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        assert!(
            head.contains(&format!("Content-Length: {}\r\n", body.len())),
            "{}",
            body.len()
        );
    }
}
