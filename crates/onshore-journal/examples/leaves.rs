//! How fast the ledger is: leaves recorded by many writers beside each other while checkpoints are published, and a million
//! of them verified from the published files and from one bundle. `leaves [SECONDS] [LEAVES]`.

#![expect(
    clippy::print_stdout,
    reason = "what a measurement finds is its product"
)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use onshore_db::{CrashPoints, Database, Unit};
use onshore_journal::{Error, Journal, Leaf, Options, Records, SCHEMA, Span};
use onshore_keys::FileRootKey;
use onshore_ledger::{Checkpoint, Disclosure, Salt, TileRef, verify_evidence, verify_log};
use onshore_testkit::TempFolder;
use onshore_types::Timestamp;
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// How many record at once, each waiting until its leaf is on stable storage.
const WRITERS: u64 = 256;
/// How many leaves are put into one unit of work where only their number counts.
const AT_ONCE: u64 = 5000;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let numbers: Vec<u64> = std::env::args()
        .skip(1)
        .filter_map(|arg| arg.parse().ok())
        .collect();
    let seconds = numbers.first().copied().unwrap_or(10);
    let leaves = numbers.get(1).copied().unwrap_or(1_000_000);
    let folder = TempFolder::new("ledger-pace").expect("a folder");
    let path = folder.path();
    let db = Database::open(
        path.join("onshore.db"),
        &[SCHEMA],
        onshore_db::Options::default(),
    )?;
    let keys = FileRootKey::open_or_create(&path.join("root.key")).expect("a key");
    let options = Options {
        folder: path.join("ledger"),
        origin: "pace.onshore".to_owned(),
        witnesses: None,
        crash: CrashPoints::none(),
    };
    let journal = tokio::task::block_in_place(|| Journal::open(db.clone(), &keys, options))?;
    let stop = CancellationToken::new();
    let publisher = tokio::spawn({
        let (journal, stop) = (journal.clone(), stop.clone());
        async move { journal.run(stop).await }
    });
    for (per_unit, words) in [
        (1, "one in each unit of work"),
        (16, "sixteen in each, as a busy bucket has"),
    ] {
        record(&db, &journal, Duration::from_secs(seconds), per_unit, words).await;
    }
    let mut size = journal.size().await?;
    while size < leaves {
        let (journal, count) = (journal.clone(), AT_ONCE.min(leaves - size));
        db.write(move |unit| record_some(&journal, unit, count))
            .await?;
        size += count;
    }
    stop.cancel();
    publisher.await.expect("it does not panic");
    verify_folder(&journal, path);
    verify_bundle(&journal).await
}

/// Records for so long, and says how many leaves that were and how far apart checkpoints stood.
async fn record(db: &Database, journal: &Journal, time: Duration, per_unit: u64, words: &str) {
    let (done, is_over) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let started = now();
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (db, journal) = (db.clone(), journal.clone());
            let (done, is_over) = (Arc::clone(&done), Arc::clone(&is_over));
            tokio::spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    let journal = journal.clone();
                    let recorded: Result<(), Error> = db
                        .write(move |unit| record_some(&journal, unit, per_unit))
                        .await;
                    recorded.expect("it is recorded");
                    done.fetch_add(per_unit, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let mut gaps = Vec::new();
    let mut last = now();
    while started.elapsed() < time {
        journal.await_published(journal.head().size).await;
        gaps.push(last.elapsed());
        last = now();
    }
    let (count, took) = (done.load(Ordering::Relaxed), started.elapsed());
    is_over.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.expect("it does not panic");
    }
    gaps.sort();
    let gap = |share: usize| {
        gaps.get(gaps.len() * share / 100)
            .copied()
            .unwrap_or_default()
    };
    println!(
        "{} leaves/s on stable storage, {words}; {} checkpoints, {} ms apart, 99 of 100 within {} ms, the longest {} ms",
        per_second(count, took),
        gaps.len(),
        gap(50).as_millis(),
        gap(99).as_millis(),
        gaps.last().copied().unwrap_or_default().as_millis()
    );
}

fn record_some(journal: &Journal, unit: &Unit<'_>, count: u64) -> Result<(), Error> {
    for number in 0..count {
        let leaf = Leaf {
            time: Timestamp::from_millis(1_800_000_000_000),
            body: json!({
                "kind": "stored", "operation": "PutObject", "principal": "p-5f0c6f1ad7e94c0f", "tenant": "t-1c9f2be0a4d84a77",
                "bucket": "b-77aa0f1e2d3c4b5a", "version": format!("v-{number:032x}"), "label": "personal", "size_bytes": number,
                "from": "CN", "rule": "inside",
            }),
            disclosure: Some(Disclosure {
                salt: Salt::new([7; 32]),
                record: json!({ "key": "year/month/day/object.bin", "number": number }),
            }),
        };
        journal.record(unit, leaf)?;
    }
    Ok(())
}

fn verify_folder(journal: &Journal, path: &Path) {
    let started = now();
    let note = std::fs::read_to_string(path.join("ledger/checkpoint")).expect("published");
    let head = Checkpoint::verify(&note, &[journal.verifier()]).expect("signed");
    let read = |tile: &TileRef| std::fs::read(path.join("ledger").join(tile.path())).ok();
    verify_log(head.size, &head.root, &[], read).expect("it holds");
    println!(
        "{} leaves verified from the published files in {} ms: every tile, the root, the signature",
        head.size,
        started.elapsed().as_millis()
    );
}

async fn verify_bundle(journal: &Journal) -> Result<(), Error> {
    let span = Span {
        from: Timestamp::from_millis(0),
        to: Timestamp::from_millis(4_000_000_000_000),
    };
    let plan = journal.plan_evidence(span).await?;
    let started = now();
    let mut bundle = Vec::new();
    journal.write_evidence(&plan, Records::Withheld, |piece| {
        bundle.extend(piece);
        Ok::<_, Error>(())
    })?;
    let wrote = started.elapsed();
    let started = now();
    let account = verify_evidence(&bundle, &[journal.verifier()]).expect("it holds");
    println!(
        "{} leaves in one bundle of {} MiB: written in {} ms, verified in {} ms",
        account.counts.values().sum::<u64>(),
        bundle.len() >> 20,
        wrote.as_millis(),
        started.elapsed().as_millis()
    );
    Ok(())
}

fn per_second(count: u64, time: Duration) -> u64 {
    u64::try_from(u128::from(count) * 1_000_000 / time.as_micros().max(1)).unwrap_or(u64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn now() -> Instant {
    Instant::now()
}
