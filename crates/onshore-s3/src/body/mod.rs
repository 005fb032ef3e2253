//! The body of a request on its way in: unframed, checked against what was signed and announced, and never gathered.
//! It is not touched before somebody who holds a permit asks for it; what nobody asked for is handed back to be drained.

pub(crate) mod chunked;
pub(crate) mod document;
pub(crate) mod drain;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};

use crate::body::chunked::Unframer;
use crate::body::document::DocumentCheck;
use crate::fault::{Code, Fault};

/// How long a client may send nothing in the middle of a body.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// What is told of a body besides its bytes, kept where both the operation and the answer can see it.
#[derive(Debug, Clone, Default)]
pub(crate) struct BodyReport {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    fault: OnceLock<Fault>,
    trailers: OnceLock<Vec<(String, String)>>,
    rest: Mutex<Option<Incoming>>,
    was_asked_for: AtomicBool,
}

impl BodyReport {
    /// Returns what was wrong with the body, if it was read so far.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.inner.fault.get().cloned()
    }

    /// Returns the value of a trailing header, once the body was read to its end.
    pub(crate) fn trailer(&self, name: &str) -> Option<String> {
        let trailers = self.inner.trailers.get()?;
        trailers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    }

    /// Whether a body that is not empty was asked for: only then was a client that waits told to go on.
    pub(crate) fn was_asked_for(&self) -> bool {
        self.inner.was_asked_for.load(Ordering::Relaxed)
    }

    /// Takes what was left of the body when it was dropped.
    pub(crate) fn take_rest(&self) -> Option<Incoming> {
        self.inner
            .rest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

/// How the bytes are framed and what is known of them.
#[derive(Debug)]
pub(crate) enum Framing {
    /// As they are.
    Plain,
    /// `aws-chunked`: in chunks, perhaps signed, perhaps with trailing headers.
    Chunked(Box<Unframer>),
    /// An XML document: small, and checked here, since nobody checks it later.
    Document(Box<DocumentCheck>),
}

/// A request's body.
#[derive(Debug)]
pub(crate) struct RequestBody {
    incoming: Option<Incoming>,
    framing: Framing,
    ready: VecDeque<Bytes>,
    len_bytes: Option<u64>,
    /// Runs while nothing comes.
    idle: Option<Pin<Box<Sleep>>>,
    received_bytes: u64,
    report: BodyReport,
}

impl RequestBody {
    /// Wraps what is coming in. `len_bytes` is the length without framing, where it is known.
    pub(crate) fn new(
        incoming: Incoming,
        framing: Framing,
        len_bytes: Option<u64>,
        report: BodyReport,
    ) -> Self {
        Self {
            incoming: Some(incoming),
            framing,
            ready: VecDeque::new(),
            len_bytes,
            idle: None,
            received_bytes: 0,
            report,
        }
    }

    fn fail(&mut self, fault: Fault) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        self.ready.clear();
        self.give_back();
        Poll::Ready(Some(Err(self
            .report
            .inner
            .fault
            .get_or_init(|| fault)
            .clone())))
    }

    fn give_back(&mut self) {
        if let Some(incoming) = self.incoming.take() {
            *self
                .report
                .inner
                .rest
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = Some(incoming);
        }
    }

    fn take_in(&mut self, bytes: Bytes) -> Result<(), Fault> {
        self.received_bytes += bytes.len() as u64;
        match &mut self.framing {
            Framing::Plain => self.ready.push_back(bytes),
            Framing::Chunked(unframer) => unframer.push(bytes, &mut self.ready)?,
            Framing::Document(check) => {
                check.push(&bytes)?;
                self.ready.push_back(bytes);
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Fault> {
        self.incoming = None;
        match &mut self.framing {
            Framing::Plain => Ok(()),
            Framing::Chunked(unframer) => {
                let trailers = unframer.finish()?;
                self.report.inner.trailers.get_or_init(|| trailers);
                Ok(())
            }
            Framing::Document(check) => check.finish(),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            let this = &mut *self;
            let Some(incoming) = this.incoming.as_mut() else {
                return Poll::Ready(None);
            };
            if !incoming.is_end_stream() {
                this.report
                    .inner
                    .was_asked_for
                    .store(true, Ordering::Relaxed);
            }
            let Poll::Ready(next) = Pin::new(incoming).poll_frame(cx) else {
                let idle = this.idle.get_or_insert_with(|| Box::pin(sleep(IDLE_MAX)));
                ready!(idle.as_mut().poll(cx));
                return self.fail(Fault::new(
                    Code::RequestTimeout,
                    "Your socket connection to the server was not read from or written to within the timeout period.",
                ));
            };
            self.idle = None;
            let step = match next {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => self.take_in(bytes),
                    Err(_) => Ok(()),
                },
                Some(Err(_)) => {
                    self.incoming = None;
                    Err(incomplete())
                }
                None => self.finish(),
            };
            if let Err(fault) = step {
                return self.fail(fault);
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        // Only what was read to its end has been checked: a document of no bytes is read too.
        self.ready.is_empty() && self.incoming.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.len_bytes
            .map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        metrics::counter!("onshore_s3_received_bytes_total").increment(self.received_bytes);
        self.give_back();
    }
}

/// What a client reads whose body broke off.
pub(crate) fn incomplete() -> Fault {
    Fault::new(
        Code::IncompleteBody,
        "You did not provide the number of bytes specified by the Content-Length HTTP header.",
    )
}
