//! The notification engine: tells targets what happened, from the outbox, at least once each. What may be told of an
//! object where a target is, the gate decides, by the address that answers: the target's name is resolved here and the
//! connection goes to that address and no other. What is refused is recorded and not told.
//!
//! Targets are told beside each other and wait for nobody else's; one that cannot be reached is tried again, ever less
//! often, and everything waits for it meanwhile.

mod link;
mod nats;
mod record;
mod target;
mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use onshore_store::Outgoing;
use onshore_types::Place;
use tokio_util::sync::CancellationToken;

use self::link::Link;
pub use self::target::{EventTarget, Protocol, TargetError};
use crate::operator::inspection;
use crate::{Error, Parts};

/// What leaves and permits call it.
const OPERATION: &str = "Notify";
/// How many events are told on one look at the outbox.
const PAGE: u32 = 256;
/// How many connections a target is told over at once.
const LINKS_MAX: usize = 8;
/// How long one telling may take.
const TELLING_MAX: Duration = Duration::from_secs(15);
/// How long is waited after a failure: at first, and at most.
const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(60);
/// How long is waited between two looks at what was committed: many commits are one look.
const GATHER: Duration = Duration::from_millis(20);

/// The notification engine. Clones share its parts.
#[derive(Debug, Clone)]
pub struct NotificationEngine {
    parts: Arc<Parts>,
    targets: Arc<BTreeMap<String, EventTarget>>,
}

/// One way through all that waits for a target.
#[derive(Default)]
struct Round {
    /// The number of the last event that was looked at.
    after: i64,
    /// Why something of it still waits.
    failed: Option<Error>,
}

/// What a page was.
enum Looked {
    MoreMayWait,
    AtTheEnd,
}

/// What became of one event.
enum Told {
    /// The target has it.
    Yes,
    /// It must not be told where the target is.
    Refused,
    /// The target did not take it: try again.
    NotYet(TargetError),
}

impl NotificationEngine {
    /// Makes an engine of its parts and of the targets by their names.
    #[must_use]
    pub fn new(parts: Parts, targets: BTreeMap<String, EventTarget>) -> Self {
        Self {
            parts: Arc::new(parts),
            targets: Arc::new(targets),
        }
    }

    /// Tells what waits and what comes, until told to stop.
    pub async fn run(&self, stop: CancellationToken) {
        self.name_strangers().await;
        let telling = self
            .targets
            .iter()
            .map(|(name, target)| self.serve(name, target, &stop));
        tokio::select! {
            () = stop.cancelled() => {}
            _ = join_all(telling) => {}
        }
    }

    /// Says which targets something waits for that are not configured any more: their operator took them out.
    async fn name_strangers(&self) {
        match self.parts.store.outbox_targets().await {
            Ok(waiting) => {
                for target in waiting {
                    if !self.targets.contains_key(&target) {
                        tracing::warn!(
                            target_name = target,
                            "events wait for a target that is not in [events] of the configuration: they wait on"
                        );
                    }
                }
            }
            Err(error) => tracing::error!(%error, "the outbox cannot be read"),
        }
    }

    /// Tells one target, as long as the server runs.
    async fn serve(&self, name: &str, target: &EventTarget, stop: &CancellationToken) {
        let mut commits = self.parts.db.commits();
        let mut links = Vec::new();
        let mut wait = RETRY_MIN;
        let mut round = Round::default();
        while !stop.is_cancelled() {
            commits.mark_unchanged();
            let page = self.tell_page(name, target, &mut links, &mut round).await;
            let failed = match page {
                Ok(Looked::MoreMayWait) => {
                    wait = RETRY_MIN;
                    continue;
                }
                Ok(Looked::AtTheEnd) => round.failed.take(),
                Err(error) => Some(error),
            };
            round = Round::default();
            if let Some(error) = failed {
                self.show_failure(name, &error).await;
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(RETRY_MAX);
                continue;
            }
            metrics::gauge!("onshore_events_waiting", "target" => name.to_owned()).set(0.0);
            // Nothing waits: connections are given back, and the next commit may bring something.
            links.clear();
            if commits.changed().await.is_err() {
                return;
            }
            tokio::time::sleep(GATHER).await;
        }
    }

    async fn show_failure(&self, name: &str, error: &Error) {
        let waiting = self.parts.store.outbox_waiting(name.to_owned()).await;
        let waiting = waiting.unwrap_or_default();
        metrics::counter!("onshore_events_failed_total", "target" => name.to_owned()).increment(1);
        metrics::gauge!("onshore_events_waiting", "target" => name.to_owned())
            .set(f64::from(u32::try_from(waiting).unwrap_or(u32::MAX)));
        tracing::warn!(target_name = name, %error, cause = cause(error), waiting, "events could not be told; they wait");
    }

    /// Tells the next page of a round through all that waits.
    async fn tell_page(
        &self,
        name: &str,
        target: &EventTarget,
        links: &mut Vec<Link>,
        round: &mut Round,
    ) -> Result<Looked, Error> {
        let store = &self.parts.store;
        let page = store.outbox(name.to_owned(), round.after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(Looked::AtTheEnd);
        };
        round.after = last.number;
        let wanted = page.len().min(LINKS_MAX);
        while links.len() < wanted {
            match Link::open(target).await {
                Ok(link) => links.push(link),
                // What there is has to do; without any the target cannot be reached.
                Err(_) if !links.is_empty() => break,
                Err(error) => return Err(Error::Target(error)),
            }
        }
        let share = page.len().div_ceil(links.len());
        let telling = std::mem::take(links)
            .into_iter()
            .zip(page.chunks(share))
            .map(|(link, share)| self.tell_share(name, link, share));
        for done in join_all(telling).await {
            let (link, failed) = done?;
            links.extend(link);
            round.failed = round.failed.take().or(failed.map(Error::Target));
        }
        Ok(Looked::MoreMayWait)
    }

    /// Tells a share of a page over one connection, each event after the one before. What the target answers that it
    /// does not want is left for the next round, and the connection too, unless it broke.
    async fn tell_share(
        &self,
        name: &str,
        mut link: Link,
        share: &[Outgoing],
    ) -> Result<(Option<Link>, Option<TargetError>), Error> {
        let mut unwanted = None;
        for outgoing in share {
            let result = match self.tell(&mut link, outgoing).await? {
                Told::Yes => "told",
                Told::Refused => "refused",
                Told::NotYet(error) if error.is_an_answer() => {
                    unwanted = Some(error);
                    continue;
                }
                Told::NotYet(error) => return Ok((None, Some(error))),
            };
            metrics::counter!("onshore_events_total", "target" => name.to_owned(), "result" => result)
                .increment(1);
            let (store, number) = (self.parts.store.clone(), outgoing.number);
            self.parts
                .db
                .write(move |unit| store.outbox_forget(unit, number).map_err(Error::from))
                .await?;
        }
        Ok((Some(link), unwanted))
    }

    async fn tell(&self, link: &mut Link, outgoing: &Outgoing) -> Result<Told, Error> {
        let gate = &self.parts.gate;
        let to: Place = gate.place_of_address(link.peer());
        let permit = match gate.permit(inspection(gate, OPERATION, outgoing, to)).await {
            Ok(permit) => permit,
            Err(onshore_gate::Error::Refused(_)) => return Ok(Told::Refused),
            Err(error) => return Err(error.into()),
        };
        let happening = outgoing.open(&permit)?;
        let message = record::message(happening, outgoing.number, gate.region());
        let sent = tokio::time::timeout(TELLING_MAX, link.send(message)).await;
        Ok(match sent.unwrap_or(Err(TargetError::TooSlow)) {
            Ok(()) => Told::Yes,
            Err(error) => Told::NotYet(error),
        })
    }
}

/// Returns the innermost cause, which says what to do.
fn cause(error: &Error) -> String {
    let mut error: &dyn std::error::Error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
