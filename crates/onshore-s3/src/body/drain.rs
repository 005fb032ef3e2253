//! What becomes of a body that nobody asked for: a little of it is read and thrown away, so that the client gets to
//! read why; more than that, and the connection ends.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time::timeout;

/// The most that is read and thrown away.
const DRAINED_MAX_BYTES: u64 = 1024 * 1024;
/// The longest that is waited for it.
const DRAINED_WITHIN: Duration = Duration::from_secs(2);

/// What is left of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Afterwards {
    /// The body was read to its end: the next request may come.
    KeepAlive,
    /// It was not: the connection ends with this answer.
    Close,
}

/// Whether the client waits to be told before it sends its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// It sent `Expect: 100-continue`; it sends nothing once it reads the refusal.
    ForContinue,
    /// It sends its body at once.
    No,
}

/// Throws the rest of a body away.
pub(crate) async fn drain(mut rest: Incoming, waiting: Waiting) -> Afterwards {
    if rest.is_end_stream() {
        return Afterwards::KeepAlive;
    }
    let too_long = rest
        .size_hint()
        .exact()
        .is_some_and(|exact| exact > DRAINED_MAX_BYTES);
    if waiting == Waiting::ForContinue {
        // Reading now would make the server say 100 after the refusal was decided.
        return Afterwards::Close;
    }
    let reading = async {
        let mut drained_bytes = 0;
        while let Some(Ok(frame)) = rest.frame().await {
            drained_bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
            if drained_bytes >= DRAINED_MAX_BYTES {
                return Afterwards::Close;
            }
        }
        if rest.is_end_stream() && !too_long {
            Afterwards::KeepAlive
        } else {
            Afterwards::Close
        }
    };
    timeout(DRAINED_WITHIN, reading)
        .await
        .unwrap_or(Afterwards::Close)
}
