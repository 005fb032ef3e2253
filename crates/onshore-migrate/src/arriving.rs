//! The bytes that a worker delivers: as many as are due, and behind them their SHA-256. The last of them are handed on only when that is
//! right, so that nothing is stored of what the line spoilt.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use onshore_api::{DIGEST_LEN_BYTES, LeaseRefusal};
use onshore_sources::{ByteStream, Error};
use ring::digest::{Context, SHA256};
use tokio_util::sync::CancellationToken;

/// How long the next bytes are waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a worker sends.
pub type Body = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// Why what a worker sent was not taken, if it was not.
pub(crate) type Verdict = Arc<OnceLock<LeaseRefusal>>;

struct Arriving {
    body: Body,
    closed: CancellationToken,
    verdict: Verdict,
    hash: Context,
    /// How many bytes are still due, without the digest.
    due: u64,
    /// The last bytes, which wait for the digest.
    last: Bytes,
    digest: BytesMut,
    is_over: bool,
}

/// Returns the bytes as a source hands them out. Its errors end the delivery; the verdict says which.
pub(crate) fn arriving(
    body: Body,
    size_bytes: u64,
    closed: CancellationToken,
) -> (ByteStream, Verdict) {
    let verdict = Verdict::default();
    let arriving = Arriving {
        body,
        closed,
        verdict: Arc::clone(&verdict),
        hash: Context::new(&SHA256),
        due: size_bytes,
        last: Bytes::new(),
        digest: BytesMut::new(),
        is_over: false,
    };
    let bytes = stream::try_unfold(arriving, |mut arriving| async move {
        match arriving.next().await {
            Ok(chunk) => Ok(chunk.map(|chunk| (chunk, arriving))),
            Err(refusal) => {
                drop(arriving.verdict.set(refusal));
                // Nobody asks the source for what a worker did not deliver: it is no fault that passes.
                Err(Error::Protocol {
                    what: "a worker did not deliver".to_owned(),
                })
            }
        }
    });
    (Box::pin(bytes), verdict)
}

impl Arriving {
    async fn next(&mut self) -> Result<Option<Bytes>, LeaseRefusal> {
        while !self.is_over {
            let Some(chunk) = self.chunk().await? else {
                self.end()?;
                break;
            };
            if let Some(chunk) = self.take(chunk)? {
                return Ok(Some(chunk));
            }
        }
        let last = std::mem::take(&mut self.last);
        Ok((!last.is_empty()).then_some(last))
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, LeaseRefusal> {
        let next = tokio::select! {
            () = self.closed.cancelled() => return Err(LeaseRefusal::Standstill),
            next = tokio::time::timeout(PATIENCE, self.body.next()) => next,
        };
        match next {
            Ok(Some(Ok(chunk))) => Ok(Some(chunk)),
            Ok(None) => Ok(None),
            Ok(Some(Err(_))) | Err(_) => Err(LeaseRefusal::BrokeOff),
        }
    }

    /// Takes a chunk apart: bytes that can be handed on, the last ones, and the digest.
    fn take(&mut self, mut chunk: Bytes) -> Result<Option<Bytes>, LeaseRefusal> {
        let len = usize::try_from(self.due)
            .unwrap_or(usize::MAX)
            .min(chunk.len());
        let bytes = chunk.split_to(len);
        self.due -= bytes.len() as u64;
        self.hash.update(&bytes);
        self.digest.extend_from_slice(&chunk);
        if self.digest.len() as u64 > DIGEST_LEN_BYTES {
            return Err(LeaseRefusal::Differs(
                "more bytes were delivered than the object has",
            ));
        }
        if self.due > 0 {
            return Ok(Some(bytes).filter(|bytes| !bytes.is_empty()));
        }
        if !bytes.is_empty() {
            self.last = bytes;
        }
        Ok(None)
    }

    fn end(&mut self) -> Result<(), LeaseRefusal> {
        self.is_over = true;
        if self.due > 0 || self.digest.len() as u64 != DIGEST_LEN_BYTES {
            return Err(LeaseRefusal::BrokeOff);
        }
        if self.hash.clone().finish().as_ref() == self.digest.as_ref() {
            Ok(())
        } else {
            Err(LeaseRefusal::Differs(
                "the bytes that arrived are not those of the SHA-256 behind them",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::{TryStreamExt, stream};
    use onshore_api::LeaseRefusal;
    use ring::digest::{SHA256, digest};
    use tokio_util::sync::CancellationToken;

    use super::arriving;

    async fn delivered(
        sent: &[u8],
        size_bytes: usize,
        pieces: usize,
    ) -> (Vec<u8>, Option<LeaseRefusal>) {
        let chunks: Vec<_> = sent
            .chunks(pieces)
            .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
            .collect();
        let body = Box::pin(stream::iter(chunks));
        let (bytes, verdict) = arriving(body, size_bytes as u64, CancellationToken::new());
        let mut whole = Vec::new();
        let mut bytes = std::pin::pin!(bytes);
        while let Ok(Some(chunk)) = bytes.try_next().await {
            whole.extend_from_slice(&chunk);
        }
        (whole, verdict.get().cloned())
    }

    fn with_digest(body: &[u8]) -> Vec<u8> {
        [body, digest(&SHA256, body).as_ref()].concat()
    }

    #[tokio::test]
    async fn what_is_whole_arrives_however_it_is_cut() {
        for body in [&b""[..], b"x", &[7; 1000]] {
            for pieces in [1, 7, 32, 33, 2000] {
                let found = delivered(&with_digest(body), body.len(), pieces).await;
                assert_eq!(found, (body.to_vec(), None), "{} in {pieces}", body.len());
            }
        }
    }

    #[tokio::test]
    async fn what_is_not_is_never_handed_on_whole() {
        let body = [7; 100];
        let good = with_digest(&body);
        let mut spoilt = good.clone();
        spoilt[5] ^= 1;
        let mut lied = good.clone();
        lied[101] ^= 1;
        let longer = [&good[..], b"x"].concat();
        for (sent, is_short) in [
            (&good[..99], true),
            (&good[..100], true),
            (&good[..131], true),
            (&spoilt, false),
            (&lied, false),
            (&longer, false),
        ] {
            for pieces in [1, 50, 2000] {
                let (found, refusal) = delivered(sent, 100, pieces).await;
                assert!(found.len() < 100, "{}", found.len());
                let broke = refusal == Some(LeaseRefusal::BrokeOff);
                assert_eq!(broke, is_short, "{refusal:?}");
                assert!(refusal.is_some());
            }
        }
    }
}
