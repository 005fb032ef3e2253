//! `cargo xtask bench --register`: how long a report over 10,000 organisations, 100,000 contracts and 1,000,000 assets takes, and the
//! page of one organisation; the records are the same for the same seed.
#![expect(clippy::print_stdout, reason = "it is a command line")]
#![expect(
    clippy::disallowed_methods,
    reason = "what is measured is time, on a folder of its own"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use onshore_db::{CrashPoints, Database};
use onshore_gate::{
    Clock, EpochDocument, Gate, Parts, PersonsBeside, Region, StatusQuestion, ToldBeside,
};
use onshore_journal::Journal;
use onshore_keys::{FileRootKey, KeyProvider};
use onshore_orders::{Id, Record, RecordKind, TIANJIN_2021};
use onshore_policy::{Networks, Principal, Proxies, Role};
use onshore_registry::Registry;
use onshore_testkit::TempFolder;
use onshore_types::{Jurisdiction, PartitionName, PrincipalId, RegionId, Timestamp};
use serde_json::{Value, json};

const ORGANISATIONS: u64 = 10_000;
const CONTRACTS: u64 = 100_000;
const ASSETS: u64 = 1_000_000;
const PAGES: u64 = 200;
const SEED: u64 = 7;

#[derive(Debug)]
struct StillClock(Timestamp);

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let folder = TempFolder::new("register")?;
    let gate = open(folder.path(), "2022-06-01T00:00:00Z".parse()?)?;
    let by = Principal {
        id: PrincipalId::from_bytes([1; 16]),
        tenant: None,
        role: Role::Operator,
    };
    runtime.block_on(async {
        let order: Value = serde_json::to_value(toml::from_str::<toml::Value>(TIANJIN_2021)?)?;
        gate.add_record(by, Record::read(RecordKind::Order, &order)?)
            .await?;
        for id in ["alibaba-cloud", "guoziyun"] {
            let kind = if id == "guoziyun" {
                "state-cloud"
            } else {
                "third-party-cloud"
            };
            let provider = json!({ "id": id, "name": id, "kind": kind });
            gate.add_record(by, Record::read(RecordKind::Provider, &provider)?)
                .await?;
        }
        for (kind, count) in [
            (RecordKind::Organisation, ORGANISATIONS),
            (RecordKind::Contract, CONTRACTS),
            (RecordKind::Asset, ASSETS),
        ] {
            let records = (0..count)
                .map(|number| record(kind, number))
                .collect::<Result<Vec<_>>>()?;
            let started = Instant::now();
            gate.import_records(by, kind, records, String::new())
                .await?;
            println!(
                "{count} of {kind} recorded in {:.1} s",
                started.elapsed().as_secs_f64()
            );
        }
        let started = Instant::now();
        let report = gate.status(StatusQuestion::default()).await?;
        let told: usize = report
            .orders
            .iter()
            .flat_map(|order| &order.organisations)
            .map(|one| one.contracts.len())
            .sum();
        println!(
            "report of everybody, {told} contracts told: {:.2} s",
            started.elapsed().as_secs_f64()
        );
        let mut pages = Vec::new();
        for number in 0..PAGES {
            let organisation = Some(id("o", mixed(number) % ORGANISATIONS)?);
            let started = Instant::now();
            gate.status(StatusQuestion {
                organisation,
                ..StatusQuestion::default()
            })
            .await?;
            pages.push(started.elapsed());
        }
        pages.sort_unstable();
        let at = |share: usize| pages.get(pages.len() * share / 100).copied();
        let told = |took: Option<Duration>| took.unwrap_or_default().as_secs_f64() * 1e3;
        println!(
            "page of one organisation: median {:.1} ms, 99 % {:.1} ms, longest {:.1} ms",
            told(at(50)),
            told(at(99)),
            told(pages.last().copied())
        );
        Ok(())
    })
}

fn id(kind: &str, number: u64) -> Result<Id> {
    Ok(format!("{kind}-{number}").parse()?)
}

/// Returns a number that looks like chance and is the same for the same seed (SplitMix64).
fn mixed(number: u64) -> u64 {
    let mut mixed = number
        .wrapping_add(SEED)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// The first organisation is the one that the order means; each other is held by an earlier one, by more or less than half.
fn record(kind: RecordKind, number: u64) -> Result<Record> {
    let chance = mixed(number);
    let value = match kind {
        RecordKind::Organisation if number == 0 => {
            json!({ "id": "tianjin-sasac", "name": "SASAC", "kind": "state-organ" })
        }
        RecordKind::Organisation => {
            let owner = match chance % number {
                0 => "tianjin-sasac".to_owned(),
                owner => format!("o-{owner}"),
            };
            let percent = 45 + chance % 50;
            let until = chance.is_multiple_of(10).then_some("2022-01-01");
            let mut holding = json!({ "owner": owner, "percent": percent, "from": "2010-01-01" });
            if let (Some(until), Some(members)) = (until, holding.as_object_mut()) {
                members.insert("until".to_owned(), json!(until));
            }
            json!({ "id": format!("o-{number}"), "name": format!("Organisation {number}"), "owners": [holding] })
        }
        RecordKind::Contract => {
            let provider = if chance.is_multiple_of(5) {
                "guoziyun"
            } else {
                "alibaba-cloud"
            };
            json!({
                "id": format!("c-{number}"), "organisation": format!("o-{}", 1 + chance % (ORGANISATIONS - 1)), "provider": provider,
                "service": "oss", "start": format!("20{:02}-01-01", 15 + chance % 7), "end": format!("2022-{:02}-28", 1 + chance % 12),
            })
        }
        _ => json!({
            "id": format!("a-{number}"), "contract": format!("c-{}", chance % CONTRACTS), "kind": "bucket", "name": "invoices",
            "planned": "2022-01-10",
        }),
    };
    Record::read(kind, &value).with_context(|| format!("{kind} {number}"))
}

fn open(folder: &Path, now: Timestamp) -> Result<Gate> {
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
        db,
        registry,
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
        clock: Arc::new(StillClock(now)),
    };
    let document = EpochDocument {
        configuration: json!({}),
        version: "0.0.0".to_owned(),
    };
    Ok(Gate::open(parts, &document)?)
}
