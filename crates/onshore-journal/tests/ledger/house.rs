//! A ledger in a folder of its own, and what a stranger does with its published files.

use std::path::PathBuf;
use std::sync::Arc;

use onshore_db::{CrashPoints, Database, Unit};
use onshore_journal::{Error, Journal, Leaf};
use onshore_keys::{FileRootKey, KeyProvider};
use onshore_ledger::{Checkpoint, TileRef, TlogPolicy, VerifierKey, verify_tiles};
use onshore_testkit::TempFolder;
use onshore_types::{LeafIndex, Timestamp};
use serde_json::json;

/// A data folder with a ledger in it.
pub(crate) struct House {
    pub(crate) folder: TempFolder,
    pub(crate) db: Database,
    pub(crate) keys: Arc<dyn KeyProvider>,
}

impl House {
    pub(crate) fn new() -> Self {
        let folder = TempFolder::new("journal").expect("a folder");
        let path = folder.path().join("onshore.db");
        let options = onshore_db::Options::default();
        let db = Database::open(&path, &[onshore_journal::SCHEMA], options).expect("a database");
        let key = folder.path().join("root.key");
        let keys = Arc::new(FileRootKey::open_or_create(&key).expect("a key"));
        Self { folder, db, keys }
    }

    pub(crate) fn open(&self) -> Result<Journal, Error> {
        self.open_with(&*self.keys)
    }

    pub(crate) fn open_with(&self, keys: &dyn KeyProvider) -> Result<Journal, Error> {
        self.open_watched(keys, None)
    }

    pub(crate) fn open_watched(
        &self,
        keys: &dyn KeyProvider,
        witnesses: Option<TlogPolicy>,
    ) -> Result<Journal, Error> {
        let options = onshore_journal::Options {
            folder: self.ledger(),
            witnesses,
            origin: "cn-north-1.example".to_owned(),
            crash: CrashPoints::none(),
        };
        Journal::open(self.db.clone(), keys, options)
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.folder.path().join("ledger")
    }

    /// Runs a statement behind the ledger's back.
    pub(crate) fn tamper(&self, sql: &'static str) {
        let changed = self.db.write_blocking(move |unit| unit.execute(sql, []));
        assert!(
            changed
                .map_err(|error: onshore_db::Error| error)
                .expect("runs")
                > 0,
            "{sql}"
        );
    }

    /// Checks the published folder with nothing but the public key, and returns its checkpoint.
    pub(crate) fn check_as_stranger(&self, key: &VerifierKey) -> Checkpoint {
        let folder = self.ledger();
        let note = std::fs::read_to_string(folder.join("checkpoint")).expect("a checkpoint");
        let head = Checkpoint::verify(&note, std::slice::from_ref(key)).expect("signed");
        verify_tiles(head.size, &head.root, |tile: &TileRef| {
            std::fs::read(folder.join(tile.path())).ok()
        })
        .expect("the folder is whole");
        head
    }
}

pub(crate) fn leaf(number: u64) -> Leaf {
    Leaf {
        time: Timestamp::from_millis(1_800_000_000_000),
        body: json!({ "kind": "test", "number": number }),
        disclosure: None,
    }
}

/// Records so many leaves in one unit of work.
pub(crate) fn record(journal: &Journal, db: &Database, numbers: std::ops::Range<u64>) {
    let journal = journal.clone();
    db.write_blocking(move |unit: &Unit<'_>| {
        for number in numbers {
            journal.record(unit, leaf(number))?;
        }
        Ok::<_, Error>(())
    })
    .expect("recorded");
}

pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

/// Returns every leaf's number.
pub(crate) fn numbers(journal: &Journal) -> Vec<(LeafIndex, u64)> {
    let leaves = wait(journal.leaves(0, 1_000_000)).expect("readable");
    leaves
        .iter()
        .map(|leaf| {
            let number = leaf.body.get("number").and_then(serde_json::Value::as_u64);
            (leaf.index, number.expect("a number"))
        })
        .collect()
}
