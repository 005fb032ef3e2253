//! Connections of the control API: how many, how patiently, and how they end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use onshore_tls::{Introduction, Transport};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections at once; more wait in the system's queue.
const CONNECTIONS_MAX: usize = 1024;
/// How long a request's head may take, and a connection may idle.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);
/// How long requests under way may take once the server is told to stop.
const DRAIN_PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait when the system gives no connection, such as when it is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves the router until told to stop, then lets the requests under way finish.
pub async fn serve(
    router: Router,
    listener: TcpListener,
    introduction: Introduction,
    transport: Transport,
    stop: CancellationToken,
) {
    let (connections, room) = (
        TaskTracker::new(),
        Arc::new(Semaphore::new(CONNECTIONS_MAX)),
    );
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else {
            break;
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (router, stop) = (router.clone(), stop.clone());
                let (introduction, transport) = (introduction.clone(), transport.clone());
                connections.spawn(async move {
                    connection(router, introduction, transport, stream, peer, stop).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the control API could not take a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn connection(
    router: Router,
    introduction: Introduction,
    transport: Transport,
    mut stream: TcpStream,
    from: SocketAddr,
    stop: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection went away at once");
        return;
    }
    let introduced = tokio::select! {
        introduced = introduction.peer(&mut stream, from.ip()) => introduced,
        () = stop.cancelled() => return,
    };
    let peer = match introduced {
        Ok(peer) => peer,
        Err(error) => {
            tracing::debug!(%error, "a connection to the control API was not introduced");
            return;
        }
    };
    let accepted = tokio::select! {
        accepted = transport.accept(stream) => accepted,
        () = stop.cancelled() => return,
    };
    let secured = match accepted {
        Ok(secured) => secured,
        Err(error) => {
            tracing::debug!(%error, "a connection to the control API was not secured");
            return;
        }
    };
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let answer = router.call(request);
        async move { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_PATIENCE)
            .serve_connection(TokioIo::new(secured), service)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(DRAIN_PATIENCE, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the control API ended early");
    }
}
