//! The bytes of one object on their way in. A connection that breaks off is opened again where it broke, under the same
//! condition (If-Match, version, or the state of the file), so that a large object is not begun anew for each fault and
//! can never become a mixture of two states.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt, stream};
use onshore_sources::{ByteStream, Details, Error, ErrorKind, Source};
use onshore_types::ByteRange;

use crate::Patience;
use crate::patience::Attempts;

struct Delivery {
    source: Arc<dyn Source>,
    key: String,
    details: Arc<Details>,
    attempts: Attempts,
    start: u64,
    offset: u64,
    end: u64,
    open: Option<ByteStream>,
}

/// Streams a run of the described state of an object: from what is open already, or opened here.
pub(crate) fn deliver(
    source: Arc<dyn Source>,
    key: String,
    details: Arc<Details>,
    range: ByteRange,
    patience: Patience,
    open: Option<ByteStream>,
) -> impl Stream<Item = Result<Bytes, Error>> + Send {
    let delivery = Delivery {
        source,
        key,
        details,
        attempts: patience.begin(),
        start: range.start,
        offset: range.start,
        end: range.end(),
        open,
    };
    stream::try_unfold(delivery, Delivery::next)
}

impl Delivery {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, Error> {
        loop {
            match self.chunk().await {
                Ok(Some(chunk)) => {
                    self.offset = self.offset.saturating_add(chunk.len() as u64);
                    self.attempts.succeeded();
                    return Ok(Some((chunk, self)));
                }
                Ok(None) => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Retry => {
                    if !self.attempts.wait().await {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let mut body = match self.open.take() {
            Some(body) => body,
            None if self.offset > self.start && self.offset == self.end => return Ok(None),
            None => {
                let rest = ByteRange {
                    start: self.offset,
                    len_bytes: self.end.saturating_sub(self.offset),
                };
                let opened = self.source.open(&self.key, &self.details, rest).await;
                opened.map_err(|error| self.resumed(error))?
            }
        };
        match body.try_next().await? {
            Some(chunk) => {
                self.open = Some(body);
                Ok(Some(chunk))
            }
            None if self.offset < self.end => Err(Error::Unavailable {
                what: "the body ended early".to_owned(),
            }),
            None => Ok(None),
        }
    }

    /// A source that does not do ranges can still be read from the start.
    fn resumed(&self, error: Error) -> Error {
        match error {
            Error::Unsupported { .. } if self.offset > self.start => Error::Unavailable {
                what: "the source cannot go on where it broke off".to_owned(),
            },
            other => other,
        }
    }
}
