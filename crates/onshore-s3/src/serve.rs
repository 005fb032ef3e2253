//! The listener: connections accepted, each served until it ends, and an orderly end of all of them.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use onshore_types::Peer;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Error;
use crate::error::error_chain;
use crate::front::Front;

/// How long a client may take for the head of a request, and how long a connection may idle.
const HEAD_WITHIN: Duration = Duration::from_secs(60);
/// The longest head of a request.
const HEAD_MAX_BYTES: usize = 64 * 1024;
/// How long requests under way may go on once the end was asked for.
const DRAIN_WITHIN: Duration = Duration::from_secs(30);
/// How long accepting pauses when the system has no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What the system may buffer for a client abroad: a stream that is stopped must stop soon.
const SEND_BUFFER_ABROAD_BYTES: usize = 256 * 1024;
/// Failures of accepting in a row after which the listener is given up.
const ACCEPT_FAILURES_MAX: u32 = 600;

impl Front {
    /// Serves until `shutdown` is ready; then no connection is accepted, requests under way are finished, and what has
    /// not ended in time is cut.
    ///
    /// # Errors
    /// [`Error::Accept`] when the listener failed for good.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let (connections, ending) = (TaskTracker::new(), CancellationToken::new());
        let result = {
            let mut shutdown = pin!(shutdown);
            let mut failures = 0_u32;
            loop {
                let accepted = tokio::select! {
                    accepted = self.accept(&listener) => accepted,
                    () = &mut shutdown => break Ok(()),
                };
                match accepted {
                    Ok((stream, peer, place)) => {
                        failures = 0;
                        let connection = self.clone().connection(stream, peer.ip(), ending.clone());
                        connections.spawn(async move {
                            connection.await;
                            drop(place);
                        });
                    }
                    // Out of files or memory: that passes, and whoever is served goes on being served.
                    Err(cause) if is_exhaustion(&cause) => {
                        tracing::warn!(%cause, "a connection could not be accepted");
                        sleep(ACCEPT_PAUSE).await;
                    }
                    Err(cause) if failures < ACCEPT_FAILURES_MAX => {
                        failures += 1;
                        tracing::warn!(%cause, "a connection could not be accepted");
                        sleep(ACCEPT_PAUSE).await;
                    }
                    Err(cause) => {
                        break Err(match listener.local_addr() {
                            Ok(address) => Error::Accept { address, cause },
                            Err(_) => Error::Accept {
                                address: ([0, 0, 0, 0], 0).into(),
                                cause,
                            },
                        });
                    }
                }
            }
        };
        drop(listener);
        ending.cancel();
        connections.close();
        if timeout(DRAIN_WITHIN, connections.wait()).await.is_err() {
            tracing::warn!(
                open = connections.len(),
                "requests under way did not end in time and are cut"
            );
        }
        result
    }

    /// Accepts a connection once there is a place for it.
    async fn accept(
        &self,
        listener: &TcpListener,
    ) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let place = Arc::clone(&self.inner.room)
            .acquire_owned()
            .await
            .map_err(io::Error::other)?;
        let (stream, peer) = listener.accept().await?;
        Ok((stream, peer, place))
    }

    async fn connection(self, mut stream: TcpStream, from: IpAddr, ending: CancellationToken) {
        let introduced = tokio::select! {
            introduced = self.inner.introduction.peer(&mut stream, from) => introduced,
            () = ending.cancelled() => return,
        };
        let peer = match introduced {
            Ok(peer) => peer,
            Err(error) => {
                tracing::debug!(%error, cause = error_chain(&error), "a connection was not introduced");
                return;
            }
        };
        if let Err(error) = self.prepare(&stream, peer) {
            tracing::debug!(%error, "a socket option could not be set");
        }
        let accepted = tokio::select! {
            accepted = self.inner.transport.accept(stream) => accepted,
            () = ending.cancelled() => return,
        };
        let connection = match accepted {
            Ok(connection) => connection,
            Err(error) => {
                tracing::debug!(%error, cause = error_chain(&error), "a connection was not secured");
                return;
            }
        };
        let secured = connection.secured().map(Arc::new);
        let service = service_fn(|request| {
            let (front, secured) = (self.clone(), secured.clone());
            async move { Ok::<_, Infallible>(front.answer(request, peer, secured.as_ref()).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN)
            .max_buf_size(HEAD_MAX_BYTES)
            .serve_connection(TokioIo::new(connection), service);
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = ending.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            // Clients go away and exports are cut: neither is a fault of ours.
            tracing::debug!(%error, "a connection ended early");
        }
    }

    fn prepare(&self, stream: &TcpStream, peer: Peer) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let gate = &self.inner.gate;
        if !gate.is_inside(gate.place_of(peer, &[])) {
            SockRef::from(stream).set_send_buffer_size(SEND_BUFFER_ABROAD_BYTES)?;
        }
        Ok(())
    }
}

/// Whether the system had nothing left to make a connection of.
fn is_exhaustion(error: &io::Error) -> bool {
    // ENOMEM, ENFILE, EMFILE, ENOBUFS, from errno.h of Linux.
    matches!(error.raw_os_error(), Some(12 | 23 | 24 | 105))
}
