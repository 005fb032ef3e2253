//! Bytes on their way out. Before each chunk the gate's outflow is asked; when it says stop, the stream fails, and so
//! the connection is cut and never ended as if all had been sent.

use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use onshore_gate::{Lapsed, Outflow};
use onshore_store::BodyStream;

use crate::error::error_chain;
use crate::origin::{OriginSilent, PassingBytes};

/// The bytes of one permitted read, with the outflow that counts them.
pub(crate) struct Outgoing {
    body: Body,
    outflow: Outflow,
}

/// Where the bytes are.
enum Body {
    Here(BodyStream),
    /// Polled by one at a time; whoever serves wants to be told so.
    Elsewhere(Mutex<PassingBytes>),
}

/// Why bytes stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stopped {
    #[error(transparent)]
    Lapsed(#[from] Lapsed),
    #[error(transparent)]
    Store(#[from] onshore_store::Error),
    #[error(transparent)]
    Origin(#[from] OriginSilent),
}

impl Outgoing {
    /// Begins to send.
    pub(crate) fn new(body: BodyStream, outflow: Outflow) -> Self {
        let body = Body::Here(body);
        Self { body, outflow }
    }

    /// Begins to hand through.
    pub(crate) fn passing(body: PassingBytes, outflow: Outflow) -> Self {
        let body = Body::Elsewhere(Mutex::new(body));
        Self { body, outflow }
    }
}

impl Body {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Stopped>>> {
        match self {
            Self::Here(body) => Pin::new(body).poll_next(cx).map_err(Stopped::Store),
            Self::Elsewhere(body) => body
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner)
                .as_mut()
                .poll_next(cx)
                .map_err(Stopped::Origin),
        }
    }
}

impl Stream for Outgoing {
    type Item = Result<Bytes, Stopped>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Err(lapsed) = self.outflow.check() {
            tracing::warn!(
                "an export was cut: its approval lapsed, was revoked or was judged anew"
            );
            return Poll::Ready(Some(Err(lapsed.into())));
        }
        match ready!(self.body.poll(cx)) {
            Some(Ok(chunk)) => {
                // While it was read the approval may have gone.
                if let Err(lapsed) = self.outflow.check() {
                    return Poll::Ready(Some(Err(lapsed.into())));
                }
                self.outflow.sent(chunk.len() as u64);
                Poll::Ready(Some(Ok(chunk)))
            }
            Some(Err(error)) => {
                tracing::error!(%error, cause = error_chain(&error), "a read was cut");
                Poll::Ready(Some(Err(error)))
            }
            None => Poll::Ready(None),
        }
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").finish_non_exhaustive()
    }
}
