//! The replication engine: brings to other regions what the rules of buckets say, from the queue that the store keeps.
//! What may go where a region is, the gate decides, by the address that answers: the region's name is resolved here and
//! the connections go to that address and no other. What is refused, and what the region does not take, has failed; what
//! cannot be brought at present waits, through restarts, without end.
//!
//! What happens to one key is brought in its order; keys go beside each other. One that is large keeps nobody waiting, and
//! one that cannot be brought is left alone for a while, ever longer.

mod bring;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use onshore_sources::{OtherRegion, Purpose, RegionDoor, outward};
use onshore_store::Replicating;
use onshore_types::{BucketId, ObjectKey, Timestamp};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::patience::{
    COUNT_EVERY, GATHER, NAMING_MAX, RETRY_MAX, RETRY_MIN, STOPPING_MAX, backoff, cause,
};
use crate::{Error, Parts};

/// How much is under way to a region at once.
const AT_ONCE: usize = 16;
/// How much is known at once of what waits.
const KNOWN_MAX: usize = 512;
/// How many keys are left alone at most; beyond that all are tried again.
const ASIDE_MAX: usize = 10_000;
/// How long a region may take to say that it is there.
const PROBE_MAX: Duration = Duration::from_secs(15);

/// The replication engine. Clones share its parts.
#[derive(Debug, Clone)]
pub struct ReplicationEngine {
    parts: Arc<Parts>,
    regions: Arc<BTreeMap<String, OtherRegion>>,
}

/// A way to a region that was found.
#[derive(Debug, Clone)]
struct Way {
    address: IpAddr,
    door: RegionDoor,
}

/// The key that something waits for.
type Place = (BucketId, ObjectKey);

/// What waits for a region, by keys: of each the first may be under way.
#[derive(Default)]
struct Line {
    chains: HashMap<Place, VecDeque<Replicating>>,
    ready: VecDeque<Place>,
    /// Keys that are passed over.
    resting: HashSet<Place>,
    known: usize,
    /// The number of the last one that was looked at.
    after: i64,
    /// Whether nothing waits behind it, as far as is known.
    is_at_end: bool,
}

/// One way through all that waits for a region.
#[derive(Default)]
struct Round {
    brought: usize,
    /// How often in a row something could not be brought.
    failures: usize,
    /// Why something of it still waits.
    failed: Option<Error>,
    /// The keys of which something could not be brought.
    unwilling: Vec<Place>,
    /// Whether it ended before all was tried.
    is_broken_off: bool,
}

/// Keys that are left alone for a while, since what waits of them could not be brought although the region answers: until
/// when, and how often it was tried.
#[derive(Default)]
struct Aside(HashMap<Place, (Timestamp, u32)>);

impl ReplicationEngine {
    /// Makes an engine of its parts and of the regions by their names.
    #[must_use]
    pub fn new(parts: Parts, regions: BTreeMap<String, OtherRegion>) -> Self {
        Self {
            parts: Arc::new(parts),
            regions: Arc::new(regions),
        }
    }

    /// Brings what waits and what comes, until told to stop. What is not done then begins anew at the next start.
    pub async fn run(&self, stop: CancellationToken) {
        let serving = self
            .regions
            .iter()
            .map(|(name, region)| self.serve(name, region, &stop));
        let work = async { tokio::join!(join_all(serving), self.count(&stop)) };
        tokio::pin!(work);
        tokio::select! {
            _ = &mut work => {}
            () = stop.cancelled() => drop(timeout(STOPPING_MAX, work).await),
        }
    }

    /// Counts what waits, and names regions that something waits for and that are not configured any more.
    async fn count(&self, stop: &CancellationToken) {
        let mut named = HashSet::new();
        let mut counted: HashSet<String> = self.regions.keys().cloned().collect();
        let mut looks = interval(COUNT_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = looks.tick() => {}
            }
            match self.parts.store.replication_destinations().await {
                Ok(waiting) => counted.extend(waiting),
                Err(error) => tracing::error!(%error, "what is to be replicated cannot be read"),
            }
            for name in &counted {
                let waiting = self.show_waiting(name).await;
                if waiting > 0 && !self.regions.contains_key(name) && named.insert(name.clone()) {
                    tracing::warn!(
                        destination = name,
                        waiting,
                        "versions wait for a region that is not in [replication] of the configuration"
                    );
                }
            }
        }
    }

    async fn show_waiting(&self, name: &str) -> u64 {
        let waiting = self.parts.store.replications_waiting(name.to_owned()).await;
        let waiting = waiting.unwrap_or_default();
        metrics::gauge!("onshore_replication_waiting", "destination" => name.to_owned())
            .set(f64::from(u32::try_from(waiting).unwrap_or(u32::MAX)));
        waiting
    }

    /// Brings to one region what waits for it, as long as the server runs.
    async fn serve(&self, name: &str, region: &OtherRegion, stop: &CancellationToken) {
        let mut commits = self.parts.db.commits();
        let (mut way, mut aside) = (None, Aside::default());
        let mut failures = 0_u32;
        while !stop.is_cancelled() {
            commits.mark_unchanged();
            let round = self
                .go_round(
                    name,
                    region,
                    &mut way,
                    failures,
                    &mut aside,
                    &mut commits,
                    stop,
                )
                .await;
            let waiting = self.show_waiting(name).await;
            if let Some(error) = &round.failed {
                metrics::counter!("onshore_replication_failed_rounds_total", "destination" => name.to_owned())
                    .increment(1);
                tracing::warn!(destination = name, %error, cause = cause(error), waiting, "versions could not be brought to another region; they wait");
                if round.brought == 0 && !answers(way.as_ref()).await {
                    failures = failures.saturating_add(1);
                    way = None;
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = sleep(backoff(failures)) => continue,
                    }
                }
                // The region is there: it is what was to be brought that it does not take.
                aside.note(round.unwilling, self.parts.gate.now());
            }
            failures = 0;
            if round.is_broken_off {
                continue;
            }
            let due = aside.next(self.parts.gate.now());
            tokio::select! {
                () = stop.cancelled() => return,
                changed = commits.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    sleep(GATHER).await;
                }
                () = sleep(due.unwrap_or(RETRY_MAX)), if due.is_some() => {}
            }
        }
    }

    /// Brings all that waits, and what comes meanwhile, until nothing is left that could be brought.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of what a round works with"
    )]
    async fn go_round(
        &self,
        name: &str,
        region: &OtherRegion,
        way: &mut Option<Way>,
        failures: u32,
        aside: &mut Aside,
        commits: &mut watch::Receiver<u64>,
        stop: &CancellationToken,
    ) -> Round {
        let (mut round, mut line) = (Round::default(), Line::default());
        aside.rest_of(&mut line, self.parts.gate.now());
        let mut under_way = FuturesUnordered::new();
        loop {
            if !round.is_broken_off {
                let ready = self
                    .make_ready(name, region, way, failures, &mut line)
                    .await;
                if let Err(error) = ready {
                    round.break_off(error);
                }
            }
            while under_way.len() < AT_ONCE && !stop.is_cancelled() && !round.is_broken_off {
                let (Some(way), Some((place, next))) = (way.as_ref(), line.next()) else {
                    break;
                };
                let way = way.clone();
                under_way.push(async move { (place, self.bring(name, &way, next).await) });
            }
            if under_way.is_empty() {
                if round.is_broken_off || stop.is_cancelled() || line.is_at_end {
                    return round;
                }
                continue;
            }
            tokio::select! {
                done = under_way.next() => match done {
                    Some((place, Ok(()))) => {
                        round.brought += 1;
                        round.failures = 0;
                        aside.forget(&place);
                        line.go_on(place);
                    }
                    Some((place, Err(error))) => {
                        line.rest(place.clone());
                        round.note(place, error);
                    }
                    None => return round,
                },
                changed = commits.changed(), if line.is_at_end && line.known < KNOWN_MAX => {
                    line.is_at_end = false;
                    if changed.is_err() {
                        return round;
                    }
                }
            }
        }
    }

    /// Looks at more of what waits, where there is room for it, and finds the way for it.
    async fn make_ready(
        &self,
        name: &str,
        region: &OtherRegion,
        way: &mut Option<Way>,
        failures: u32,
        line: &mut Line,
    ) -> Result<(), Error> {
        if !line.is_at_end && line.known <= KNOWN_MAX / 2 {
            let wanted = KNOWN_MAX - line.known;
            let count = u32::try_from(wanted).unwrap_or(u32::MAX);
            let store = &self.parts.store;
            let page = store
                .replications(name.to_owned(), line.after, count)
                .await?;
            line.is_at_end = page.len() < wanted;
            for replicating in page {
                line.add(replicating);
            }
        }
        if way.is_none() && !line.ready.is_empty() {
            *way = Some(find_way(region, failures).await?);
        }
        Ok(())
    }
}

impl Round {
    /// Notes that something could not be brought. After many in a row the others are not tried: the region may be away.
    fn note(&mut self, place: Place, error: Error) {
        self.failures += 1;
        self.is_broken_off |= self.failures >= AT_ONCE;
        self.failed = Some(error);
        self.unwilling.push(place);
    }

    fn break_off(&mut self, error: Error) {
        self.failed = Some(error);
        self.is_broken_off = true;
    }
}

impl Aside {
    fn note(&mut self, places: Vec<Place>, now: Timestamp) {
        if self.0.len() > ASIDE_MAX {
            self.0.clear();
        }
        for place in places {
            let (until, tries) = self.0.entry(place).or_insert((now, 0));
            *tries = tries.saturating_add(1);
            let wait_ms = i64::try_from(backoff(*tries).as_millis()).unwrap_or(i64::MAX);
            *until = now.plus_millis(wait_ms);
        }
    }

    fn forget(&mut self, place: &Place) {
        self.0.remove(place);
    }

    /// Lets a line pass over what is left alone.
    fn rest_of(&self, line: &mut Line, now: Timestamp) {
        let resting = self.0.iter().filter(|(_, (until, _))| *until > now);
        line.resting.extend(resting.map(|(place, _)| place.clone()));
    }

    /// Returns how long it is until one of them is tried again.
    fn next(&self, now: Timestamp) -> Option<Duration> {
        let first = self.0.values().map(|(until, _)| *until).min()?;
        let wait_ms = first.as_millis().saturating_sub(now.as_millis());
        let wait = Duration::from_millis(u64::try_from(wait_ms).unwrap_or_default());
        Some(wait.max(RETRY_MIN))
    }
}

impl Line {
    fn add(&mut self, replicating: Replicating) {
        self.after = replicating.number;
        let place = (replicating.bucket, replicating.key.clone());
        if self.resting.contains(&place) {
            return;
        }
        self.known += 1;
        let chain = self.chains.entry(place.clone()).or_insert_with(|| {
            self.ready.push_back(place);
            VecDeque::new()
        });
        chain.push_back(replicating);
    }

    /// Returns what is to be brought next of a key of which nothing is under way.
    fn next(&mut self) -> Option<(Place, Replicating)> {
        while let Some(place) = self.ready.pop_front() {
            let next = self.chains.get_mut(&place).and_then(VecDeque::pop_front);
            if let Some(next) = next {
                return Some((place, next));
            }
        }
        None
    }

    /// Leaves a key alone until the next round, with all that follows: each waits for the one before.
    fn rest(&mut self, place: Place) {
        let behind = self.chains.remove(&place).map_or(0, |chain| chain.len());
        self.known = self.known.saturating_sub(behind + 1);
        self.resting.insert(place);
    }

    /// Notes that what was under way of a key is done.
    fn go_on(&mut self, place: Place) {
        self.known = self.known.saturating_sub(1);
        if self.chains.get(&place).is_some_and(VecDeque::is_empty) {
            self.chains.remove(&place);
        } else {
            self.ready.push_back(place);
        }
    }
}

/// Whether a region is there and takes our key.
async fn answers(way: Option<&Way>) -> bool {
    match way {
        Some(way) => timeout(PROBE_MAX, way.door.probe())
            .await
            .is_ok_and(|answer| answer.is_ok()),
        None => false,
    }
}

/// Finds an address of a region; after failures another one, where it has several.
async fn find_way(region: &OtherRegion, failures: u32) -> Result<Way, Error> {
    let (host, port) = region.endpoint();
    let unreachable = |what: &str| {
        Error::Region(onshore_sources::Error::Unavailable {
            what: what.to_owned(),
        })
    };
    let named = timeout(
        NAMING_MAX,
        outward().addresses(Purpose::Replication, host, port),
    )
    .await;
    let addresses: Vec<IpAddr> = named
        .map_err(|_| unreachable("its name takes too long"))?
        .map_err(|_| unreachable("its name has no address"))?
        .into_iter()
        .map(|address| address.ip())
        .collect();
    let turn = usize::try_from(failures).unwrap_or_default() % addresses.len().max(1);
    let address = *addresses
        .get(turn)
        .ok_or_else(|| unreachable("its name has no address"))?;
    let door = region.at(address).map_err(Error::Region)?;
    Ok(Way { address, door })
}
