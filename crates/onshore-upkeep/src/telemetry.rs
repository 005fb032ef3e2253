//! Tells a receiver numbers of the server, if the operator wants that: off unless it is configured, and then only what a list
//! names that the operator signed (decision 0035). It knows the numbers as Prometheus reads them and nothing else.
//!
//! Each sending has its leaf, before the first byte of it, with the digest of what goes and where the receiver is. What is sent has
//! the class `general`: whole numbers of a catalogue, no names. A receiver that is away costs nothing but its numbers.

mod catalogue;
mod document;
mod list;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use onshore_gate::Gate;
use onshore_ledger::{Hash, VerifierKey};
use onshore_sources::Purpose;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub use self::catalogue::{CATALOGUE, Metric, MetricKind, MetricLabel};
pub use self::list::{TelemetryList, TelemetryListError};
use crate::Error;
use crate::notify::{EventTarget, Link, TargetError};
use crate::patience::{backoff, cause};

/// How long a sending may take.
const SENDING_MAX: Duration = Duration::from_secs(20);
/// The longest list.
const LIST_BYTES_MAX: u64 = 1 << 20;

/// What telemetry is made of. Clones share it.
#[derive(Clone)]
pub struct Telemetry {
    inner: Arc<Inner>,
}

struct Inner {
    list: PathBuf,
    keys: Vec<VerifierKey>,
    numbers: Box<dyn Fn() -> String + Send + Sync>,
    gate: Gate,
}

impl Telemetry {
    /// Takes where the list is, whose word it must be, and what renders the metrics as Prometheus reads them.
    #[must_use]
    pub fn new(
        list: PathBuf,
        keys: Vec<VerifierKey>,
        numbers: impl Fn() -> String + Send + Sync + 'static,
        gate: Gate,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                list,
                keys,
                numbers: Box::new(numbers),
                gate,
            }),
        }
    }

    /// Returns exactly what would be sent now. It reads the list anew.
    ///
    /// # Errors
    /// [`TelemetryListError`]: then nothing is sent.
    pub fn preview(&self) -> Result<String, TelemetryListError> {
        self.make().map(|(_, document)| document)
    }

    fn make(&self) -> Result<(TelemetryList, String), TelemetryListError> {
        let inner = &self.inner;
        let text = read(&inner.list).map_err(TelemetryListError::Missing)?;
        let list = TelemetryList::verify(&text, &inner.keys, inner.gate.now())?;
        let document = document::document(&list, &(inner.numbers)());
        Ok((list, document))
    }
}

fn read(path: &std::path::Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    #[expect(
        clippy::disallowed_methods,
        reason = "the operator's own file, which the configuration names; it is read anew each time so that taking it away is enough"
    )]
    let file = std::fs::File::open(path)?;
    file.take(LIST_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// The engine that tells the receiver.
#[derive(Debug)]
pub struct TelemetryEngine {
    telemetry: Telemetry,
    receiver: EventTarget,
    period: Duration,
}

impl TelemetryEngine {
    /// Makes an engine that tells a receiver, by HTTP alone, once in each period.
    #[must_use]
    pub fn new(telemetry: Telemetry, receiver: EventTarget, period: Duration) -> Self {
        Self {
            telemetry,
            receiver,
            period,
        }
    }

    /// Tells until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut failures = 0;
        loop {
            let sent = tokio::select! {
                () = stop.cancelled() => return,
                sent = self.send() => sent,
            };
            let result = match sent {
                Ok(()) => {
                    failures = 0;
                    "sent"
                }
                Err(Failed::List(error)) => {
                    tracing::error!(why = %cause(&error), "NO TELEMETRY IS SENT: {error}");
                    "withheld"
                }
                Err(Failed::Sending(error)) => {
                    failures += 1;
                    tracing::warn!(why = %cause(&error), failures, "telemetry was not taken; it is tried again later");
                    "failed"
                }
            };
            metrics::counter!("onshore_telemetry_total", "result" => result).increment(1);
            let wait = if failures == 0 {
                self.period
            } else {
                self.period.max(backoff(failures))
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn send(&self) -> Result<(), Failed> {
        let telemetry = self.telemetry.clone();
        let made = tokio::task::spawn_blocking(move || telemetry.make()).await;
        let Ok(made) = made else {
            return Ok(());
        };
        let (list, document) = made.map_err(Failed::List)?;
        timeout(SENDING_MAX, self.tell(&list, document))
            .await
            .unwrap_or(Err(Error::Target(TargetError::TooSlow)))
            .map_err(Failed::Sending)
    }

    async fn tell(&self, list: &TelemetryList, document: String) -> Result<(), Error> {
        let opened = Link::open(&self.receiver, Purpose::Telemetry).await;
        let mut link = opened.map_err(Error::Target)?;
        let gate = &self.telemetry.inner.gate;
        let to = gate.place_of_address(link.peer());
        let digest = Hash::of(document.as_bytes());
        gate.record_telemetry(to, digest, list.digest, document.len())
            .await?;
        link.send(document.into_bytes())
            .await
            .map_err(Error::Target)
    }
}

/// Why nothing was sent, or not taken.
enum Failed {
    List(TelemetryListError),
    Sending(Error),
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry")
            .field("list", &self.inner.list)
            .finish_non_exhaustive()
    }
}
