//! The replication engine: brings to other regions what the rules of buckets say, from the queue that the store keeps.
//! What may go where a region is, the gate decides, by the address that answers: the region's name is resolved here and
//! the connections go to that address and no other. What is refused, and what the region does not take, has failed; what
//! cannot be brought at present waits, through restarts, without end.
//!
//! What happens to one key is brought in its order; keys go beside each other, and one that is large keeps nobody waiting.

mod bring;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use onshore_sources::{OtherRegion, RegionDoor};
use onshore_store::Replicating;
use onshore_types::{BucketId, ObjectKey};
use tokio::net::lookup_host;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::patience::{COUNT_EVERY, GATHER, NAMING_MAX, STOPPING_MAX, backoff, cause};
use crate::{Error, Parts};

/// How much is under way to a region at once.
const AT_ONCE: usize = 16;
/// How much is known at once of what waits.
const KNOWN_MAX: usize = 512;

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
    /// Why something of it still waits.
    failed: Option<Error>,
}

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
        let mut way = None;
        let mut failures = 0_u32;
        while !stop.is_cancelled() {
            commits.mark_unchanged();
            let round = self
                .go_round(name, region, &mut way, failures, &mut commits, stop)
                .await;
            let waiting = self.show_waiting(name).await;
            let Some(error) = round.failed else {
                failures = 0;
                tokio::select! {
                    () = stop.cancelled() => return,
                    changed = commits.changed() => {
                        if changed.is_err() {
                            return;
                        }
                    }
                }
                sleep(GATHER).await;
                continue;
            };
            failures = match round.brought {
                0 => failures.saturating_add(1),
                _ => 1,
            };
            way = None;
            metrics::counter!("onshore_replication_failed_rounds_total", "destination" => name.to_owned())
                .increment(1);
            tracing::warn!(destination = name, %error, cause = cause(&error), waiting, "versions could not be brought to another region; they wait");
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(backoff(failures)) => {}
            }
        }
    }

    /// Brings all that waits, and what comes meanwhile, until nothing is left that could be brought.
    async fn go_round(
        &self,
        name: &str,
        region: &OtherRegion,
        way: &mut Option<Way>,
        failures: u32,
        commits: &mut watch::Receiver<u64>,
        stop: &CancellationToken,
    ) -> Round {
        let (mut round, mut line) = (Round::default(), Line::default());
        let mut under_way = FuturesUnordered::new();
        loop {
            if let Err(error) = self.look(name, &mut line).await {
                round.failed = Some(error);
            }
            if !line.ready.is_empty() && way.is_none() && round.failed.is_none() {
                match find_way(region, failures).await {
                    Ok(found) => *way = Some(found),
                    Err(error) => round.failed = Some(error),
                }
            }
            while under_way.len() < AT_ONCE && !stop.is_cancelled() && round.failed.is_none() {
                let (Some(way), Some((place, next))) = (way.as_ref(), line.next()) else {
                    break;
                };
                let way = way.clone();
                under_way.push(async move { (place, self.bring(name, &way, next).await) });
            }
            if under_way.is_empty() {
                return round;
            }
            tokio::select! {
                done = under_way.next() => match done {
                    Some((place, Ok(()))) => {
                        round.brought += 1;
                        line.go_on(place);
                    }
                    // What follows of the same key waits for it.
                    Some((_, Err(error))) => round.failed = Some(error),
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

    /// Looks at more of what waits, where there is room for it.
    async fn look(&self, name: &str, line: &mut Line) -> Result<(), Error> {
        if line.is_at_end || line.known > KNOWN_MAX / 2 {
            return Ok(());
        }
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
        Ok(())
    }
}

impl Line {
    fn add(&mut self, replicating: Replicating) {
        self.after = replicating.number;
        self.known += 1;
        let place = (replicating.bucket, replicating.key.clone());
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

/// Finds an address of a region; after failures another one, where it has several.
async fn find_way(region: &OtherRegion, failures: u32) -> Result<Way, Error> {
    let (host, port) = region.endpoint();
    let unreachable = |what: &str| {
        Error::Region(onshore_sources::Error::Unavailable {
            what: what.to_owned(),
        })
    };
    let named = timeout(NAMING_MAX, lookup_host((host, port))).await;
    let addresses: Vec<IpAddr> = named
        .map_err(|_| unreachable("its name takes too long"))?
        .map_err(|_| unreachable("its name has no address"))?
        .map(|address| address.ip())
        .collect();
    let turn = usize::try_from(failures).unwrap_or_default() % addresses.len().max(1);
    let address = *addresses
        .get(turn)
        .ok_or_else(|| unreachable("its name has no address"))?;
    let door = region.at(address).map_err(Error::Region)?;
    Ok(Way { address, door })
}
