//! What the gate is made of, what time it is, and where an address is.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use onshore_classify::persons::{ObjectPersons, PersonKey, PersonKind, Pseudonym};
use onshore_classify::{Options, Scanner, ToldTerms};
use onshore_db::{Database, View};
use onshore_journal::{Journal, ReadRecord};
use onshore_ledger::Salt;
use onshore_policy::border::more_foreign;
use onshore_policy::{Networks, Proxies};
use onshore_registry::{Export, Registry};
use onshore_types::{
    ApprovalId, BucketId, ExportId, Jurisdiction, PartitionName, Peer, Place, RegionId,
    SupportSessionId, TenantId, Timestamp, VersionId,
};
use serde_json::Value;
use tokio::sync::Notify;

use crate::Error;
use crate::epoch::EpochDocument;
use crate::exporting::Joined;
use crate::noticed::Noticed;
use crate::rules::Rules;
use crate::status::Known;

/// Tells the time; only the binary owns a real one.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Returns the present instant, which may run backwards: the gate's time does not.
    fn now(&self) -> Timestamp;

    /// Returns the latest instant that it can be: a clock that has leapt ahead of the time that went by is not believed.
    fn at_most(&self) -> Timestamp {
        self.now()
    }
}

/// The region that this gate guards.
#[derive(Debug, Clone)]
pub struct Region {
    /// What clients sign for.
    pub id: RegionId,
    /// Whose law governs what is stored here.
    pub jurisdiction: Jurisdiction,
    /// No identity or key works in two partitions.
    pub partition: PartitionName,
    /// Who runs it.
    pub operator: String,
    /// Whose technology it runs on.
    pub technology_provider: String,
}

/// Tells who is told of in a version: whoever keeps that is not known to the gate.
#[derive(Clone)]
pub struct PersonsBeside(Arc<LookPersonsUp>);

type LookPersonsUp = dyn Fn(
        &View<'_>,
        VersionId,
    ) -> Result<Option<ObjectPersons>, Box<dyn std::error::Error + Send + Sync>>
    + Send
    + Sync;

impl PersonsBeside {
    /// Takes what looks them up; it finds none where nobody has looked who is told of.
    pub fn new<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        look_up: impl Fn(&View<'_>, VersionId) -> Result<Option<ObjectPersons>, E>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self(Arc::new(move |view, version| {
            look_up(view, version).map_err(Into::into)
        }))
    }

    pub(crate) fn of(
        &self,
        view: &View<'_>,
        version: VersionId,
    ) -> Result<Option<ObjectPersons>, Error> {
        (self.0)(view, version).map_err(Error::Persons)
    }
}

impl fmt::Debug for PersonsBeside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonsBeside").finish_non_exhaustive()
    }
}

/// Tells for which version of what its tenant was told a version was looked through: whoever keeps that is not known to the
/// gate.
#[derive(Clone)]
pub struct ToldBeside(Arc<LookToldUp>);

type LookToldUp = dyn Fn(&View<'_>, VersionId) -> Result<u32, Box<dyn std::error::Error + Send + Sync>>
    + Send
    + Sync;

impl ToldBeside {
    /// Takes what looks it up; it finds zero where nobody has looked.
    pub fn new<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        look_up: impl Fn(&View<'_>, VersionId) -> Result<u32, E> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(move |view, version| {
            look_up(view, version).map_err(Into::into)
        }))
    }

    pub(crate) fn of(&self, view: &View<'_>, version: VersionId) -> Result<u32, Error> {
        (self.0)(view, version).map_err(Error::ToldBeside)
    }
}

impl fmt::Debug for ToldBeside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToldBeside").finish_non_exhaustive()
    }
}

/// What a gate is made of.
#[derive(Debug)]
pub struct Parts {
    /// The database that all keepers share.
    pub db: Database,
    /// Governance records.
    pub registry: Registry,
    /// The ledger.
    pub journal: Journal,
    /// What it guards.
    pub region: Region,
    /// Where addresses are.
    pub networks: Networks,
    /// Whose word on addresses is believed.
    pub proxies: Proxies,
    /// Who is told of in versions.
    pub persons: PersonsBeside,
    /// For what of it versions were looked through.
    pub told: ToldBeside,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The one place where a transfer is permitted and a leaf is recorded. Clones share it.
#[derive(Clone)]
pub struct Gate {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) db: Database,
    pub(crate) registry: Registry,
    pub(crate) journal: Journal,
    pub(crate) region: Region,
    /// What the rules depend on besides the rule pack.
    pub(crate) document: EpochDocument,
    /// The rules in force, and from which instant on others are.
    pub(crate) rules: RwLock<Arc<Rules>>,
    pub(crate) rules_until_ms: AtomicI64,
    /// The epoch that began when this gate was opened.
    pub(crate) first_epoch: AtomicU64,
    /// Held by whoever puts other rules in force.
    pub(crate) turning: tokio::sync::Mutex<()>,
    /// What was joined to judge transfers that were refused or came near a limit.
    pub(crate) joined: Joined,
    networks: Networks,
    proxies: Proxies,
    pub(crate) persons: PersonsBeside,
    person_key: PersonKey,
    /// What authorities told tenants.
    pub(crate) told: RwLock<HashMap<TenantId, Arc<ToldTerms>>>,
    pub(crate) told_beside: ToldBeside,
    /// Who got notices of that.
    pub(crate) noticed: Noticed,
    clock: Arc<dyn Clock>,
    /// The latest instant ever recorded, in milliseconds.
    latest_ms: AtomicI64,
    /// Whether an approval was revoked; made when somebody first cares, so that whoever comes first, the one who
    /// revokes or the one who reads, the other sees it.
    revoked: Mutex<HashMap<ApprovalId, Arc<AtomicBool>>>,
    /// Whether what was judged of a bucket's objects no longer holds; taken out when it is set, so that what is judged
    /// afterwards starts anew.
    pub(crate) tightened: Mutex<HashMap<BucketId, Arc<AtomicBool>>>,
    /// Whether a support session was closed.
    pub(crate) support_ended: Mutex<HashMap<SupportSessionId, Arc<AtomicBool>>>,
    /// Exports that are permitted and not yet watched.
    pub(crate) opened: Mutex<HashMap<ExportId, OpenExport>>,
    /// Reads inside the jurisdiction that wait for their batch.
    pub(crate) reads: Mutex<Vec<ReadRecord>>,
    pub(crate) reads_waiting: Notify,
    /// Organisations, providers and orders as they were when the register had so many revisions.
    pub(crate) parties: Mutex<Known>,
}

/// An export between its permit and its first byte.
#[derive(Debug, Clone)]
pub(crate) struct OpenExport {
    pub(crate) export: Export,
    pub(crate) tenant: TenantId,
    pub(crate) bucket: Option<BucketId>,
    /// Whose it is, and the notice by which it was judged.
    pub(crate) owner: Option<TenantId>,
    pub(crate) notice: Option<u64>,
    pub(crate) opened: Timestamp,
    pub(crate) until: Option<Timestamp>,
}

impl Gate {
    /// Opens the gate: closes what an interrupted server left open, and records the configuration epoch that begins. It
    /// blocks: call it outside asynchronous code.
    ///
    /// # Errors
    /// Those of the keepers.
    pub fn open(parts: Parts, document: &EpochDocument) -> Result<Self, Error> {
        let Parts {
            db,
            registry,
            journal,
            region,
            networks,
            proxies,
            persons,
            told: told_beside,
            clock,
        } = parts;
        let latest = journal.latest_time()?;
        let person_key = registry.person_key()?;
        let (told, notices) = db.read_blocking(|view| {
            let told = registry.all_told(view)?;
            Ok::<_, Error>((told, registry.all_notices(view)?))
        })?;
        let told = told
            .into_iter()
            .map(|(tenant, told)| {
                let terms = ToldTerms::new(told.terms, told.changes).map_err(Error::Classify)?;
                Ok((tenant, Arc::new(terms)))
            })
            .collect::<Result<HashMap<_, _>, Error>>()?;
        // Nothing is judged by these: the epoch that begins below puts in force what was activated.
        let rules = Rules::at_first()?;
        let inner = Inner {
            db,
            registry,
            journal,
            region,
            document: document.clone(),
            rules: RwLock::new(Arc::new(rules)),
            rules_until_ms: AtomicI64::new(i64::MIN),
            first_epoch: AtomicU64::new(u64::MAX),
            turning: tokio::sync::Mutex::default(),
            joined: Joined::default(),
            networks,
            proxies,
            persons,
            person_key,
            told: RwLock::new(told),
            told_beside,
            noticed: Noticed::new(notices),
            clock,
            latest_ms: AtomicI64::new(latest.as_millis()),
            revoked: Mutex::default(),
            tightened: Mutex::default(),
            support_ended: Mutex::default(),
            opened: Mutex::default(),
            reads: Mutex::default(),
            reads_waiting: Notify::new(),
            parties: Mutex::default(),
        };
        let gate = Self {
            inner: Arc::new(inner),
        };
        gate.begin()?;
        gate.close_interrupted()?;
        Ok(gate)
    }

    /// Returns the present instant, never earlier than anything recorded: a clock set back lengthens no approval.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.now()
    }

    /// Returns the region that this gate guards.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.inner.region
    }

    /// Returns where data at rest is.
    #[must_use]
    pub fn home(&self) -> Place {
        Place::In(self.inner.region.jurisdiction)
    }

    /// Whether a place is inside the region's jurisdiction at present.
    #[must_use]
    pub fn is_inside(&self, place: Place) -> bool {
        self.inner.is_inside(place, self.now())
    }

    /// Returns where a request comes from: the peer's place, or that of the address a trusted proxy vouches for; the most
    /// foreign where it came by several.
    #[must_use]
    pub fn place_of(&self, peer: Peer, forwarded_for: &[&str]) -> Place {
        self.inner
            .proxies
            .addresses(peer, forwarded_for)
            .map(|address| address.map_or(Place::Unknown, |address| self.place_of_address(address)))
            .reduce(|one, other| self.more_foreign(one, other))
            .unwrap_or(Place::Unknown)
    }

    /// Returns the address a request comes from: the peer's, or the one that a trusted proxy vouches for; none where
    /// nobody can tell.
    #[must_use]
    pub fn client_address(&self, peer: Peer, forwarded_for: &[&str]) -> Option<IpAddr> {
        self.inner.proxies.client_address(peer, forwarded_for)
    }

    /// Returns where an address is.
    #[must_use]
    pub fn place_of_address(&self, address: IpAddr) -> Place {
        let region = self.inner.region.jurisdiction;
        self.inner.networks.place_of(address, region, self.now())
    }

    /// Returns the more foreign of two places, see [`onshore_policy::border::more_foreign`].
    #[must_use]
    pub fn more_foreign(&self, one: Place, other: Place) -> Place {
        more_foreign(self.inner.region.jurisdiction, one, other, self.now())
    }

    /// Returns the ledger, for reading and proving.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.inner.journal
    }

    /// Stops what flows out of a bucket whose objects became stricter: it was judged by labels that no longer hold. Call
    /// it once the new class is durable; whoever reads after that is judged by it.
    pub fn judge_anew(&self, bucket: BucketId) {
        let judged = self
            .inner
            .tightened
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&bucket);
        if let Some(judged) = judged {
            judged.store(true, Ordering::SeqCst);
        }
    }

    /// Returns what the clock says, which may run backwards: for signatures, whose makers have clocks of their own.
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Returns the latest instant that it can be, for what must not go before its time: locks and lifecycles. One leap
    /// of the clock would lift them for good, if the time that never runs backwards were asked.
    #[must_use]
    pub fn at_most(&self) -> Timestamp {
        self.inner.clock.at_most()
    }

    /// Returns what a body of a tenant is looked through with, as of today.
    #[must_use]
    pub fn scanner(&self, tenant: TenantId) -> Scanner {
        let scanner = Scanner::new(Options {
            on: self.now(),
            ..Options::default()
        });
        let told = self
            .inner
            .told
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let scanner = match told.get(&tenant) {
            Some(told) => scanner.with_told(Arc::clone(told)),
            None => scanner,
        };
        scanner.with_persons(self.inner.person_key.clone())
    }

    /// Returns what stands for somebody in what is kept of versions, by an identifier of whatever kind it can be.
    #[must_use]
    pub fn pseudonyms(&self, identifier: &str) -> Vec<(PersonKind, Pseudonym)> {
        self.inner
            .person_key
            .pseudonyms(identifier.trim().as_bytes())
    }

    /// Returns the number of the configuration epoch in force.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.inner.epoch()
    }
}

impl Inner {
    /// Whether a place counts as inside by the rules in force.
    pub(crate) fn is_inside(&self, place: Place, now: Timestamp) -> bool {
        self.rules()
            .policy
            .is_inside(self.region.jurisdiction, place, now)
    }

    pub(crate) fn now(&self) -> Timestamp {
        let clock = self.clock.now().as_millis();
        Timestamp::from_millis(self.latest_ms.fetch_max(clock, Ordering::SeqCst).max(clock))
    }

    /// Returns the flag that tells whether an approval was revoked.
    pub(crate) fn revoked(&self, approval: ApprovalId) -> Arc<AtomicBool> {
        let mut revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(revoked.entry(approval).or_default())
    }

    /// Returns the flag that tells whether a bucket's objects must be judged anew.
    pub(crate) fn tightened(&self, bucket: BucketId) -> Arc<AtomicBool> {
        let mut tightened = self
            .tightened
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tightened.entry(bucket).or_default())
    }
}

/// Draws a salt for one commitment.
pub(crate) fn salt() -> Salt {
    Salt::new(onshore_keys::random())
}

/// Returns the two members that say which epoch and kind a leaf is of, to be filled further.
pub(crate) fn body(kind: &str, epoch: u64, rest: Value) -> Value {
    let mut body = serde_json::Map::new();
    body.insert("kind".to_owned(), Value::String(kind.to_owned()));
    body.insert("epoch".to_owned(), Value::from(epoch));
    if let Value::Object(rest) = rest {
        body.extend(rest.into_iter().filter(|(_, value)| !value.is_null()));
    }
    Value::Object(body)
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("region", &self.inner.region)
            .finish_non_exhaustive()
    }
}
