//! `cargo xtask bench --decisions`: how long a decision takes: remembered, made anew, over an approval; with the rules of the
//! border alone and with a rule pack beside them; with one tenant and one approval, and with very many.
#![expect(clippy::print_stdout, reason = "it is a command line")]
#![expect(
    clippy::disallowed_methods,
    reason = "what is measured is time, on a folder of its own"
)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use onshore_db::{CrashPoints, Database};
use onshore_gate::{Clock, EpochDocument, Gate, Parts, PersonsBeside, Region, ToldBeside};
use onshore_journal::Journal;
use onshore_keys::{FileRootKey, KeyProvider};
use onshore_policy::{
    ApprovalFact, ExporterFact, Facts, Flow, Networks, PackFiles, Policy, Principal, Proxies, Role,
    RulePack, Subject, Transfer,
};
use onshore_registry::{Approval, GrantBasis, Registry, Standing, Tenant};
use onshore_testkit::TempFolder;
use onshore_types::{
    ApprovalId, BucketId, ByteRange, Instrument, Jurisdiction, Label, PartitionName, Place,
    PrincipalId, Recipient, RecipientKind, RegionId, TenantId, TenantName, Timestamp, VersionId,
    Wording,
};

const ROUNDS: usize = 20_000;
const EXPLAINED: usize = 2_000;
const TENANTS: u32 = 10_000;
const APPROVALS_EACH: u32 = 10;
const DAY_MS: i64 = 24 * 3600 * 1000;

#[derive(Debug)]
struct StillClock(AtomicI64);

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

fn main() -> Result<()> {
    let now: Timestamp = "2026-11-22T08:00:00Z".parse()?;
    println!(
        "{:44} {:>10} {:>10}",
        "one decision, microseconds", "median", "99 %"
    );
    for (name, policy) in [
        ("border", Policy::embedded()?),
        ("border and cn", with("cn")?),
    ] {
        let inside = transfer(0, Flow::Read, "CN")?;
        let facts = facts(now, 1)?;
        tell(&format!("{name}: inside, anew"), ROUNDS, || {
            drop(std::hint::black_box(policy.decide(&facts, &inside, now)));
        });
        for approvals in [1, 10] {
            let abroad = transfer(0, Flow::Read, "US")?;
            let facts = self::facts(now, approvals)?;
            tell(
                &format!("{name}: abroad, approvals {approvals}"),
                ROUNDS,
                || {
                    drop(std::hint::black_box(policy.decide(&facts, &abroad, now)));
                },
            );
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let folder = TempFolder::new("decisions")?;
    let (gate, registry, db) = open(folder.path(), now)?;
    let files = PackFiles::shipped("cn").context("it is shipped")?;
    runtime.block_on(gate.activate_pack(operator(), Some(files), None))?;
    fill(&registry, &db, 0..1, 1, now)?;
    let inside = transfer(0, Flow::Read, "CN")?;
    runtime.block_on(async {
        tell_async("remembered, with its permit", ROUNDS, async || {
            drop(gate.permit(inside.clone()).await);
        })
        .await;
    });
    let abroad = transfer(0, Flow::Inspect, "US")?;
    let few = runtime.block_on(tell_async(
        "facts and decision, 1 tenant, 1 approval",
        EXPLAINED,
        async || drop(gate.explain(&abroad, "t").await),
    ));
    fill(&registry, &db, 1..TENANTS, APPROVALS_EACH, now)?;
    let many = runtime.block_on(tell_async(
        "the same among 10,000 tenants and 100,000 approvals",
        EXPLAINED,
        async || drop(gate.explain(&abroad, "t").await),
    ));
    println!(
        "among many to alone: {:.3}",
        many.as_secs_f64() / few.as_secs_f64()
    );
    Ok(())
}

fn with(pack: &str) -> Result<Policy> {
    let files = PackFiles::shipped(pack).context("it is shipped")?;
    Ok(Policy::with_pack(RulePack::parse(files)?)?)
}

fn tell(what: &str, rounds: usize, mut once: impl FnMut()) {
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let begun = Instant::now();
        once();
        times.push(begun.elapsed());
    }
    print_times(what, times);
}

async fn tell_async(what: &str, rounds: usize, mut once: impl AsyncFnMut()) -> Duration {
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let begun = Instant::now();
        once().await;
        times.push(begun.elapsed());
    }
    print_times(what, times)
}

/// Prints the median and the ninety-ninth of a hundred, and returns the median.
fn print_times(what: &str, mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    let at = |part: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place in a list of thousands"
        )]
        let place = (times.len() as f64 * part) as usize;
        times.get(place).copied().unwrap_or_default()
    };
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    println!(
        "{what:44} {:>10.2} {:>10.2}",
        micros(at(0.5)),
        micros(at(0.99))
    );
    at(0.5)
}

fn tenant(number: u32) -> TenantId {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    TenantId::from_bytes(bytes)
}

fn operator() -> Principal {
    Principal {
        id: PrincipalId::from_bytes([0xaa; 16]),
        tenant: None,
        role: Role::Operator,
    }
}

fn transfer(of: u32, flow: Flow, to: &str) -> Result<Transfer> {
    Ok(Transfer {
        principal: Principal {
            id: PrincipalId::from_bytes([9; 16]),
            tenant: Some(tenant(of)),
            role: Role::TenantUser,
        },
        operation: "GetObject",
        flow,
        subject: Subject {
            bucket: Some(BucketId::from_bytes([8; 16])),
            owner: Some(tenant(of)),
            key: None,
            version: Some(VersionId::from_bytes([7; 16])),
            label: Label::PERSONAL,
            range: ByteRange::whole(if flow == Flow::Read { 1000 } else { 0 }),
        },
        from: Place::In(Jurisdiction::parse("CN")?),
        to: Place::In(Jurisdiction::parse(to)?),
    })
}

/// Approvals of which the last one carries what is asked: the others are for elsewhere and end sooner.
fn approvals(of: u32, count: u32, now: Timestamp) -> Result<Vec<Approval>> {
    (0..count)
        .map(|number| {
            let mut id = [0; 16];
            id[..4].copy_from_slice(&of.to_be_bytes());
            id[4..8].copy_from_slice(&number.to_be_bytes());
            let to = if number + 1 == count { "US" } else { "JP" };
            let to = Jurisdiction::parse(to)?;
            Ok(Approval {
                id: ApprovalId::from_bytes(id),
                tenant: tenant(of),
                to,
                label: Label::PERSONAL,
                max_bytes: 1 << 40,
                spent_bytes: 0,
                objects: None,
                persons: None,
                instrument: Some(Instrument::parse("standard-contract")?),
                recipient: Some(Recipient {
                    name: Wording::parse("Example Corp")?,
                    jurisdiction: to,
                    kind: RecipientKind::Organisation,
                }),
                purpose: Some(Wording::parse("customer care")?),
                granted: now,
                granted_by: operator().id,
                basis: GrantBasis::SingleOperator,
                until: now.plus_millis(DAY_MS * i64::from(1 + number)),
                revoked: None,
            })
        })
        .collect()
}

fn facts(now: Timestamp, count: u32) -> Result<Facts> {
    let approvals: Vec<ApprovalFact> = approvals(0, count, now)?
        .iter()
        .map(Approval::fact)
        .collect();
    Ok(Facts {
        region: Jurisdiction::parse("CN")?,
        epoch: 1,
        approvals,
        exporter: ExporterFact {
            non_sensitive_persons: 250_000,
            ..ExporterFact::default()
        },
    })
}

fn fill(
    registry: &Registry,
    db: &Database,
    tenants: std::ops::Range<u32>,
    each: u32,
    now: Timestamp,
) -> Result<()> {
    let registry = registry.clone();
    db.write_blocking(move |unit| {
        for number in tenants {
            let tenant = Tenant {
                id: tenant(number),
                name: TenantName::parse(format!("t-{number}")).map_err(anyhow::Error::from)?,
                group: None,
                standing: Standing::default(),
                jurisdiction: None,
                created: now,
            };
            registry
                .save_tenant(unit, &tenant)
                .map_err(anyhow::Error::from)?;
            for approval in approvals(number, each, now)? {
                registry
                    .save_approval(unit, &approval)
                    .map_err(anyhow::Error::from)?;
            }
        }
        Ok::<_, Failed>(())
    })
    .map_err(|failed| failed.0)
}

/// What a unit of work of the measurement fails with.
struct Failed(anyhow::Error);

impl From<anyhow::Error> for Failed {
    fn from(error: anyhow::Error) -> Self {
        Self(error)
    }
}

impl From<onshore_db::Error> for Failed {
    fn from(error: onshore_db::Error) -> Self {
        Self(error.into())
    }
}

fn open(folder: &Path, now: Timestamp) -> Result<(Gate, Registry, Database)> {
    let schemas = [onshore_registry::SCHEMA, onshore_journal::SCHEMA];
    let options = onshore_db::Options::default();
    let db = Database::open(folder.join("onshore.db"), &schemas, options)?;
    let keys: Arc<dyn KeyProvider> =
        Arc::new(FileRootKey::open_or_create(&folder.join("root.key"))?);
    let options = onshore_journal::Options {
        folder: folder.join("ledger"),
        witnesses: None,
        origin: "cn-north-1.example".to_owned(),
        crash: CrashPoints::none(),
    };
    let journal = Journal::open(db.clone(), &*keys, options)?;
    let registry = Registry::new(db.clone(), keys);
    let parts = Parts {
        db: db.clone(),
        registry: registry.clone(),
        journal,
        region: Region {
            id: RegionId::parse("cn-north-1")?,
            jurisdiction: Jurisdiction::parse("CN")?,
            partition: PartitionName::parse("example")?,
            operator: "Example Operator".to_owned(),
            technology_provider: "Example Provider".to_owned(),
        },
        networks: Networks::default(),
        proxies: Proxies::default(),
        persons: PersonsBeside::new(|_, _| Ok::<_, onshore_db::Error>(None)),
        told: ToldBeside::new(|_, _| Ok::<_, onshore_db::Error>(0)),
        clock: Arc::new(StillClock(AtomicI64::new(now.as_millis()))),
    };
    let document = EpochDocument {
        configuration: serde_json::json!({}),
        version: "0.0.0".to_owned(),
    };
    Ok((Gate::open(parts, &document)?, registry, db))
}
