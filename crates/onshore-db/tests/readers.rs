//! Readers go on in the state they are in as long as there is none newer: nobody misses what was committed before, and
//! the write-ahead log does not grow because somebody reads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use onshore_db::{Database, Error, Options, Schema, params};
use onshore_testkit::TempFolder;

const SCHEMA: Schema = Schema {
    keeper: "test",
    steps: &["CREATE TABLE notes (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;"],
};

/// The log is folded back from 32 MiB on, later where all readers are at work; 300 MiB are written.
const LOG_MAX_BYTES: u64 = 128 << 20;

fn open(folder: &TempFolder) -> Database {
    let path = folder.path().join("test.db");
    Database::open(&path, &[SCHEMA], Options::default()).expect("a database")
}

fn write(db: &Database, id: i64, bytes: i64) {
    db.write_blocking(move |unit| {
        unit.execute(
            "INSERT INTO notes (id, body) VALUES (?1, zeroblob(?2))",
            params![id, bytes],
        )
    })
    .map_err(|error: Error| error)
    .expect("written");
}

fn there(db: &Database, id: i64) -> bool {
    let found = db.glance(|view| {
        view.one(
            "SELECT id FROM notes WHERE id = ?1",
            params![id],
            |_| Ok(()),
        )
    });
    found.map_err(|error: Error| error).expect("read").is_some()
}

fn count(db: &Database) -> i64 {
    let count = db.glance(|view| view.one("SELECT count(*) FROM notes", [], |row| row.get(0)));
    count
        .map_err(|error: Error| error)
        .expect("read")
        .expect("a count")
}

fn log_bytes(folder: &TempFolder) -> u64 {
    let log = folder.path().join("test.db-wal");
    std::fs::metadata(log).expect("the log").len()
}

#[test]
fn whoever_was_told_of_a_commit_reads_it_and_whoever_read_it_reads_it_again() {
    let folder = TempFolder::new("db").expect("a folder");
    let db = open(&folder);
    thread::scope(|scope| {
        for thread in 0..8 {
            let db = db.clone();
            scope.spawn(move || {
                let mut seen = 0;
                for n in 0..300 {
                    let id = thread * 1000 + n;
                    assert!(!there(&db, id));
                    write(&db, id, 10);
                    assert!(there(&db, id), "{id} was acknowledged and is not read");
                    let now = count(&db);
                    assert!(now > seen, "{now} after {seen}: time ran backwards");
                    seen = now;
                }
            });
        }
    });
    assert_eq!(count(&db), 2400);
}

#[test]
fn the_log_begins_anew_however_much_is_read() {
    let folder = TempFolder::new("db").expect("a folder");
    let db = open(&folder);
    let is_over = AtomicBool::new(false);
    let largest = thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    assert!(count(&db) >= 0);
                }
            });
        }
        let mut largest = 0;
        for id in 0..300 {
            write(&db, id, 1 << 20);
            largest = largest.max(log_bytes(&folder));
        }
        is_over.store(true, Ordering::Relaxed);
        largest
    });
    assert!(
        largest < LOG_MAX_BYTES,
        "the log grew to {largest} bytes of 300 MiB"
    );
    db.fold_back().expect("folded back");
    assert_eq!(log_bytes(&folder), 0, "no idle reader holds it");
}

#[test]
fn the_log_begins_anew_where_nobody_reads_any_more() {
    let folder = TempFolder::new("db").expect("a folder");
    let db = open(&folder);
    write(&db, -1, 1);
    // Each of these holds the state of this moment while it is idle.
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..100).for_each(|_| assert!(there(&db, -1))));
        }
    });
    for id in 0..200 {
        write(&db, id, 1 << 20);
        assert!(log_bytes(&folder) < LOG_MAX_BYTES);
    }
}

#[test]
fn whoever_follows_the_commits_reads_what_woke_him() {
    let folder = TempFolder::new("db").expect("a folder");
    let db = open(&folder);
    let mut commits = db.commits();
    let (follower, runtime) = (db.clone(), tokio::runtime::Builder::new_current_thread());
    let (read, is_read) = mpsc::channel();
    let followed = thread::spawn(move || {
        let runtime = { runtime }.build().expect("a runtime");
        for id in 0..1000 {
            // As an engine does that sleeps until something changed.
            loop {
                commits.mark_unchanged();
                if there(&follower, id) {
                    break;
                }
                runtime
                    .block_on(commits.changed())
                    .expect("the database is there");
            }
            read.send(id).expect("the writer listens");
        }
    });
    for id in 0..1000 {
        write(&db, id, 10);
        let heard = is_read.recv_timeout(Duration::from_secs(10));
        assert_eq!(
            heard,
            Ok(id),
            "whoever was woken read what was before and sleeps on"
        );
    }
    followed.join().expect("everything was followed");
}
