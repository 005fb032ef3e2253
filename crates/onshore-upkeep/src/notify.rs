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

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use onshore_sources::Purpose;
use onshore_store::Outgoing;
use onshore_types::{Place, Timestamp};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

pub(crate) use self::link::{Link, secured};
pub use self::target::{EventTarget, Protocol, TargetError};
use crate::operator::inspection;
use crate::patience::{COUNT_EVERY, GATHER, RETRY_MAX, RETRY_MIN, STOPPING_MAX, backoff, cause};
use crate::{Error, Parts};

/// What leaves and permits call it.
const OPERATION: &str = "Notify";
/// How many events are told on one look at the outbox.
const PAGE: u32 = 256;
/// How many connections a target is told over at once.
const LINKS_MAX: usize = 8;
/// How long one telling may take.
const TELLING_MAX: Duration = Duration::from_secs(15);
/// How often an event is judged anew because its label changed, until the next round.
const JUDGED_MAX: usize = 3;

/// The notification engine. Clones share its parts.
#[derive(Debug, Clone)]
pub struct NotificationEngine {
    parts: Arc<Parts>,
    targets: Arc<BTreeMap<String, EventTarget>>,
}

/// What became of one event.
enum Told {
    /// The target has it.
    Yes,
    /// It must not be told where the target is.
    Refused,
    /// It was told meanwhile.
    Gone,
    /// The target did not take it: try again.
    NotYet(TargetError),
}

/// What is known of a target's temper.
#[derive(Default)]
struct Temper {
    /// How often in a row nothing could be told at all.
    failures: u32,
    /// Events that the target answered it does not want: when to try again, and how often it was tried.
    unwanted: HashMap<i64, (Timestamp, u32)>,
}

/// One way through all that waits for a target.
#[derive(Default)]
struct Round {
    /// The number of the last event that was looked at.
    after: i64,
    told: usize,
    /// Why something of it still waits.
    failed: Option<TargetError>,
}

/// What came of a share of a page.
#[derive(Default)]
struct Share {
    told: Vec<i64>,
    unwanted: Vec<i64>,
    failed: Option<TargetError>,
    link: Option<Link>,
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

    /// Tells what waits and what comes, until told to stop; what is under way then is told to its end.
    pub async fn run(&self, stop: CancellationToken) {
        let telling = self
            .targets
            .iter()
            .map(|(name, target)| self.serve(name, target, &stop));
        let work = async { tokio::join!(join_all(telling), self.count(&stop)) };
        tokio::pin!(work);
        tokio::select! {
            _ = &mut work => {}
            () = stop.cancelled() => drop(timeout(STOPPING_MAX, work).await),
        }
    }

    /// Counts what waits, and names targets that something waits for and that are not configured any more.
    async fn count(&self, stop: &CancellationToken) {
        let mut named = HashSet::new();
        let mut counted: HashSet<String> = self.targets.keys().cloned().collect();
        let mut looks = interval(COUNT_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = looks.tick() => {}
            }
            match self.parts.store.outbox_targets().await {
                Ok(waiting) => counted.extend(waiting),
                Err(error) => tracing::error!(%error, "the outbox cannot be read"),
            }
            for target in &counted {
                let waiting = self.show_waiting(target).await;
                if waiting > 0 && !self.targets.contains_key(target) && named.insert(target.clone())
                {
                    tracing::warn!(
                        target_name = target,
                        waiting,
                        "events wait for a target that is not in [events] of the configuration"
                    );
                }
            }
        }
    }

    async fn show_waiting(&self, name: &str) -> u64 {
        let waiting = self.parts.store.outbox_waiting(name.to_owned()).await;
        let waiting = waiting.unwrap_or_default();
        metrics::gauge!("onshore_events_waiting", "target" => name.to_owned())
            .set(f64::from(u32::try_from(waiting).unwrap_or(u32::MAX)));
        waiting
    }

    /// Tells one target, as long as the server runs.
    async fn serve(&self, name: &str, target: &EventTarget, stop: &CancellationToken) {
        let mut commits = self.parts.db.commits();
        let mut links = Vec::new();
        let mut temper = Temper::default();
        let mut after = 0;
        while !stop.is_cancelled() {
            commits.mark_unchanged();
            let mut round = Round {
                after,
                ..Round::default()
            };
            let done = self
                .go_round(name, target, &mut links, &mut temper, &mut round, stop)
                .await;
            // Where a round was broken off the next one goes on, so that nobody stands in the way of those behind.
            let begun_at = after;
            after = if round.failed.is_some() {
                round.after
            } else {
                0
            };
            let failed = match done {
                Ok(()) => round.failed.map(Error::Target),
                Err(error) => Some(error),
            };
            let wait = match failed {
                Some(error) if round.told == 0 => {
                    temper.failures = temper.failures.saturating_add(1);
                    self.show_failure(name, &error).await;
                    links.clear();
                    Some(backoff(temper.failures))
                }
                failed => {
                    // That nothing waits behind what failed says nothing of the target.
                    if round.told > 0 || begun_at == 0 {
                        temper.failures = 0;
                    }
                    failed.map(|_| RETRY_MIN)
                }
            };
            if let Some(wait) = wait {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = sleep(wait) => continue,
                }
            }
            if begun_at > 0 {
                // It did not begin with what waits longest.
                continue;
            }
            self.show_waiting(name).await;
            // Nothing can be told: connections are given back, and the next commit may bring something.
            links.clear();
            let next = temper.next(self.parts.gate.now());
            tokio::select! {
                () = stop.cancelled() => return,
                changed = commits.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    sleep(GATHER).await;
                }
                () = sleep(next.unwrap_or(RETRY_MAX)), if next.is_some() => {}
            }
        }
    }

    async fn show_failure(&self, name: &str, error: &Error) {
        let waiting = self.show_waiting(name).await;
        metrics::counter!("onshore_events_failed_total", "target" => name.to_owned()).increment(1);
        tracing::warn!(target_name = name, %error, cause = cause(error), waiting, "events could not be told; they wait");
    }

    /// Goes through all that waits behind where the round begins, until a whole page came to nothing.
    async fn go_round(
        &self,
        name: &str,
        target: &EventTarget,
        links: &mut Vec<Link>,
        temper: &mut Temper,
        round: &mut Round,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        loop {
            let store = &self.parts.store;
            let page = store.outbox(name.to_owned(), round.after, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            round.after = last.number;
            let now = self.parts.gate.now();
            let due: Vec<Outgoing> = page
                .into_iter()
                .filter(|outgoing| temper.is_due(outgoing.number, now))
                .collect();
            if due.is_empty() {
                continue;
            }
            let told = self
                .tell_page(name, target, links, due, temper, round, stop)
                .await?;
            round.told += told;
            if told == 0 || stop.is_cancelled() {
                return Ok(());
            }
        }
    }

    /// Tells a page, and returns how much was told.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of what a round works with"
    )]
    async fn tell_page(
        &self,
        name: &str,
        target: &EventTarget,
        links: &mut Vec<Link>,
        page: Vec<Outgoing>,
        temper: &mut Temper,
        round: &mut Round,
        stop: &CancellationToken,
    ) -> Result<usize, Error> {
        let wanted = page.len().min(LINKS_MAX);
        while links.len() < wanted {
            match Link::open(target, Purpose::Notification).await {
                Ok(link) => links.push(link),
                // What there is has to do; without any the target cannot be reached.
                Err(_) if !links.is_empty() => break,
                Err(error) => {
                    round.failed = Some(error);
                    return Ok(0);
                }
            }
        }
        let share = page.len().div_ceil(links.len());
        let telling = std::mem::take(links)
            .into_iter()
            .zip(page.chunks(share))
            .map(|(link, share)| self.tell_share(name, target, link, share, stop));
        let (mut told, now) = (0, self.parts.gate.now());
        for done in join_all(telling).await {
            let done = done?;
            told += done.told.len();
            links.extend(done.link);
            for number in done.told {
                temper.unwanted.remove(&number);
            }
            for number in done.unwanted {
                temper.note(number, now);
            }
            round.failed = round.failed.take().or(done.failed);
        }
        Ok(told)
    }

    /// Tells a share of a page over one connection, each event after the one before. What the target answers that it
    /// does not want is left for later; what breaks the connection ends the share.
    async fn tell_share(
        &self,
        name: &str,
        target: &EventTarget,
        link: Link,
        share: &[Outgoing],
        stop: &CancellationToken,
    ) -> Result<Share, Error> {
        let mut done = Share::default();
        let mut open = Some(link);
        for outgoing in share {
            if stop.is_cancelled() {
                break;
            }
            let mut link = match open.take() {
                Some(link) if link.is_usable() => link,
                // It was closed behind the last answer, as many servers do.
                Some(_) | None => match Link::open(target, Purpose::Notification).await {
                    Ok(link) => link,
                    Err(error) => {
                        done.failed = Some(error);
                        return Ok(done);
                    }
                },
            };
            let result = match self.tell(&mut link, outgoing).await? {
                Told::Yes => "told",
                Told::Refused => "refused",
                Told::Gone => continue,
                Told::NotYet(error) if error.is_an_answer() => {
                    done.unwanted.push(outgoing.number);
                    done.failed = Some(error);
                    open = Some(link);
                    continue;
                }
                Told::NotYet(error) => {
                    done.failed = Some(error);
                    return Ok(done);
                }
            };
            open = Some(link);
            done.told.push(outgoing.number);
            metrics::counter!("onshore_events_total", "target" => name.to_owned(), "result" => result)
                .increment(1);
            let (store, number) = (self.parts.store.clone(), outgoing.number);
            self.parts
                .db
                .write(move |unit| store.outbox_forget(unit, number).map_err(Error::from))
                .await?;
        }
        done.link = open;
        Ok(done)
    }

    /// Judges an event by what it is labelled at this moment, and tells it.
    async fn tell(&self, link: &mut Link, outgoing: &Outgoing) -> Result<Told, Error> {
        let Parts { store, gate, .. } = &*self.parts;
        let to: Place = gate.place_of_address(link.peer());
        let mut outgoing = outgoing.clone();
        for _ in 0..JUDGED_MAX {
            let permit = match gate
                .permit(inspection(gate, OPERATION, &outgoing, to))
                .await
            {
                Ok(permit) => permit,
                Err(onshore_gate::Error::Refused(_)) => return Ok(Told::Refused),
                Err(error) => return Err(error.into()),
            };
            let happening = match store.open_outgoing(&permit, outgoing.number) {
                Ok(Some(happening)) => happening,
                Ok(None) => return Ok(Told::Gone),
                Err(onshore_store::Error::LabelChanged { now }) => {
                    outgoing.label = now;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let message = record::message(&happening, outgoing.number, gate.region());
            let sent = timeout(TELLING_MAX, link.send(message)).await;
            return Ok(match sent.unwrap_or(Err(TargetError::TooSlow)) {
                Ok(()) => Told::Yes,
                Err(error) => Told::NotYet(error),
            });
        }
        Ok(Told::NotYet(TargetError::Unsettled))
    }
}

impl Temper {
    fn is_due(&self, number: i64, now: Timestamp) -> bool {
        self.unwanted
            .get(&number)
            .is_none_or(|(not_before, _)| *not_before <= now)
    }

    /// Notes that the target does not want an event, and for how long it is left alone.
    fn note(&mut self, number: i64, now: Timestamp) {
        let (not_before, tries) = self.unwanted.entry(number).or_insert((now, 0));
        *tries = tries.saturating_add(1);
        *not_before = later(now, backoff(*tries));
    }

    /// Returns how long it is until one of them is tried again, and forgets those that are long over.
    fn next(&mut self, now: Timestamp) -> Option<Duration> {
        let forgotten = Timestamp::from_millis(now.as_millis() - 10 * millis(RETRY_MAX));
        self.unwanted.retain(|_, (at, _)| *at > forgotten);
        let first = self.unwanted.values().map(|(at, _)| *at).min()?;
        let wait_ms = first.as_millis().saturating_sub(now.as_millis());
        let wait = Duration::from_millis(u64::try_from(wait_ms).unwrap_or_default());
        Some(wait.max(RETRY_MIN))
    }
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    Timestamp::from_millis(now.as_millis().saturating_add(millis(wait)))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
