//! What is opened: nothing, a database of ours, an older or newer one, a damaged one, something else entirely.

use std::fs;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use onshore_db::{
    CrashPoints, Database, DatabaseFile, Error, ErrorKind, Options, PAGE_KEY_LEN_BYTES, Pages,
    Schema, params, unreadable,
};
use onshore_testkit::TempFolder;
use rusqlite::Connection;

const FIRST: &str = "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;";
const SECOND: &str = "ALTER TABLE notes ADD COLUMN more TEXT;";

fn schema(steps: &'static [&'static str]) -> [Schema; 1] {
    [Schema {
        keeper: "test",
        steps,
    }]
}

fn open(path: &Path, steps: &'static [&'static str]) -> Result<Database, Error> {
    Database::open(path, &schema(steps), Options::default())
}

fn place(folder: &TempFolder) -> PathBuf {
    folder.path().join("test.db")
}

#[test]
fn after_an_orderly_end_the_file_alone_is_the_whole_database() {
    let folder = TempFolder::new("db").expect("a folder");
    let path = place(&folder);
    let db = open(&path, &[FIRST]).expect("new");
    let add = |unit: &onshore_db::Unit<'_>| {
        unit.execute("INSERT INTO notes (id, body) VALUES (1, 'kept')", [])
    };
    db.write_blocking(add)
        .map_err(|error: Error| error)
        .expect("kept");
    db.fold_back().expect("folded back");
    let log = fs::metadata(folder.path().join("test.db-wal")).expect("the log");
    assert_eq!(log.len(), 0);
    let alone = folder.path().join("alone.db");
    fs::copy(&path, &alone).expect("copied");
    let kept: String = Connection::open(&alone)
        .and_then(|copy| copy.query_row("SELECT body FROM notes", [], |row| row.get(0)))
        .expect("the row is in the file");
    assert_eq!(kept, "kept");
    // What is written afterwards is as durable as before.
    db.write_blocking(|unit| unit.execute("INSERT INTO notes (id, body) VALUES (2, 'more')", []))
        .map_err(|error: Error| error)
        .expect("written");
}

#[test]
fn steps_are_taken_once_each_and_a_newer_database_is_left_alone() {
    let folder = TempFolder::new("db").expect("a folder");
    let path = place(&folder);
    let db = open(&path, &[FIRST]).expect("new");
    let add = |unit: &onshore_db::Unit<'_>| {
        unit.execute("INSERT INTO notes (id, body) VALUES (1, 'kept')", [])
    };
    db.write_blocking(add)
        .map_err(|error: Error| error)
        .expect("kept");
    drop(db);
    drop(open(&path, &[FIRST, SECOND]).expect("brought up to date"));
    drop(open(&path, &[FIRST, SECOND]).expect("nothing to do"));
    let newer = open(&path, &[FIRST]).expect_err("an older version must not touch it");
    assert!(
        matches!(
            newer,
            Error::Newer {
                found: 2,
                known: 1,
                ..
            }
        ),
        "{newer}"
    );
    let db = open(&path, &[FIRST, SECOND]).expect("still good");
    let kept: Result<Option<String>, Error> =
        db.read_blocking(|view| view.one("SELECT body FROM notes", [], |row| row.get(0)));
    assert_eq!(kept.expect("readable"), Some("kept".to_owned()));
}

#[test]
fn a_step_that_fails_takes_all_steps_back() {
    let folder = TempFolder::new("db").expect("a folder");
    let path = place(&folder);
    let failed = open(&path, &[FIRST, "CREATE TABLE notes (id INTEGER) STRICT;"]);
    assert!(failed.is_err());
    drop(open(&path, &[FIRST, SECOND]).expect("nothing was left of the attempt"));
}

#[test]
fn what_is_no_database_is_refused_and_not_changed() {
    let folder = TempFolder::new("db").expect("a folder");
    let path = place(&folder);
    let text = "this is a letter, not a database\n".repeat(1000);
    fs::write(&path, &text).expect("written");
    let error = open(&path, &[FIRST]).expect_err("no database");
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert_eq!(fs::read_to_string(&path).expect("still there"), text);
    let error = open(folder.path(), &[FIRST]).expect_err("a folder");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let error = open(&folder.path().join("no/such/folder/test.db"), &[FIRST]);
    let error = error.expect_err("no folder");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

/// Makes a database of many pages with nothing left in its log.
fn filled(path: &Path) -> u64 {
    drop(open(path, &[FIRST]).expect("new"));
    let connection = Connection::open(path).expect("opened");
    connection
        .execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
             INSERT INTO notes SELECT i, 'a note that says number ' || i FROM n;",
        )
        .expect("filled");
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .expect("emptied");
    path.metadata().expect("there").len()
}

#[test]
fn damaged_pages_and_a_cut_file_are_found_at_open() {
    let folder = TempFolder::new("db").expect("a folder");
    let path = place(&folder);
    let size = filled(&path);
    let whole = fs::read(&path).expect("read");
    for page in [2_u64, 5, size / 8192 - 1] {
        fs::write(&path, &whole).expect("restored");
        let file = fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .expect("opened");
        file.write_all_at(&[0x5a; 512], page * 8192)
            .expect("damaged");
        let error = open(&path, &[FIRST]).expect_err("a damaged page");
        assert_eq!(error.kind(), ErrorKind::Corrupt, "page {page}: {error}");
    }
    fs::write(&path, &whole).expect("restored");
    let file = fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .expect("opened");
    file.set_len(size / 2).expect("cut");
    let error = open(&path, &[FIRST]).expect_err("a cut file");
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    fs::write(&path, &whole).expect("restored");
    drop(open(&path, &[FIRST]).expect("whole again"));
}

#[test]
fn a_column_that_does_not_read_is_damage_and_not_a_mistake_of_the_program() {
    let folder = TempFolder::new("db").expect("a folder");
    let db = open(&place(&folder), &[FIRST]).expect("new");
    let read: Result<Option<()>, Error> = db.read_blocking(|view| {
        view.one("SELECT 'not an id'", [], |_| {
            Err(unreadable("no id".into()))
        })
    });
    let error = read.expect_err("unreadable");
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    let read: Result<Option<[u8; 16]>, Error> =
        db.read_blocking(|view| view.one("SELECT x'0102'", [], |row| row.get(0)));
    let error = read.expect_err("two bytes are no id");
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
}

#[test]
fn what_was_deleted_leaves_no_bytes_behind() {
    const SECRET: &str = "the sealed key of a version that was erased";
    let folder = TempFolder::new("db").expect("a folder");
    let path = place(&folder);
    let db = open(&path, &[FIRST]).expect("new");
    for id in 0..400 {
        db.write_blocking(move |unit| {
            let body = SECRET.repeat(1 + usize::try_from(id).unwrap_or(0) % 60);
            unit.execute(
                "INSERT INTO notes (id, body) VALUES (?1, ?2)",
                params![id, body],
            )
        })
        .map_err(|error: Error| error)
        .expect("written");
    }
    let contains = || {
        let bytes = fs::read(&path).expect("read");
        bytes
            .windows(SECRET.len())
            .any(|window| window == SECRET.as_bytes())
    };
    let settle = || {
        let connection = Connection::open(&path).expect("opened");
        let busy: i64 = connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .expect("settled");
        assert_eq!(busy, 0);
    };
    settle();
    assert!(contains(), "the test looks in the right place");
    db.write_blocking(|unit| unit.execute("DELETE FROM notes WHERE id <> 7", []))
        .map_err(|error: Error| error)
        .expect("deleted");
    db.write_blocking(|unit| unit.execute("UPDATE notes SET body = ''", []))
        .map_err(|error: Error| error)
        .expect("overwritten");
    settle();
    assert!(!contains(), "deleted bytes are still in the file");
}

#[test]
fn crash_points_read_and_nothing_else_does() {
    for good in ["staged", "committed:1", "tile:2", "checkpoint:10", "answer"] {
        assert!(good.parse::<CrashPoints>().is_ok(), "{good}");
    }
    for bad in [
        "",
        "staged:",
        "staged:0",
        "staged:-1",
        "Staged",
        "commit",
        "tile:2:3",
        ":1",
    ] {
        assert!(bad.parse::<CrashPoints>().is_err(), "{bad}");
    }
}

#[test]
fn an_encrypted_database_is_noise_in_the_file_and_its_log_and_reads_as_a_plain_one() {
    let folder = TempFolder::new("db").expect("a folder");
    let path = place(&folder);
    let file = DatabaseFile::encrypted(path.clone(), [7; PAGE_KEY_LEN_BYTES]);
    let db = Database::open(file.clone(), &schema(&[FIRST]), Options::default()).expect("new");
    for id in 0..500 {
        db.write_blocking(move |unit| {
            let body = format!("a text that nobody shall read {id}");
            unit.execute(
                "INSERT INTO notes (id, body) VALUES (?1, ?2)",
                params![id, body],
            )
        })
        .map_err(|error: Error| error)
        .expect("written");
    }
    let copy = db.copy_to(&folder.path().join("copy.db")).expect("copied");
    for name in ["test.db", "test.db-wal", "copy.db"] {
        let content = fs::read(folder.path().join(name)).expect("a file");
        let is_told = |text: &[u8]| content.windows(text.len()).any(|window| window == text);
        assert!(
            !is_told(b"nobody shall read") && !is_told(b"CREATE TABLE"),
            "{name}"
        );
    }
    // Nor is it opened without its key.
    drop(db);
    assert!(open(&path, &[FIRST]).is_err());
    let other = DatabaseFile::encrypted(path.clone(), [8; PAGE_KEY_LEN_BYTES]);
    assert!(Database::open(other, &schema(&[FIRST]), Options::default()).is_err());

    // Its pages, one behind the other, are a database.
    Database::wipe(copy.clone()).expect("wiped");
    let plain = folder.path().join("plain.db");
    let mut pages = Vec::new();
    Pages::open(copy)
        .expect("pages")
        .read_to_end(&mut pages)
        .expect("all of them");
    fs::write(&plain, &pages).expect("written");
    let count = |path: &Path| {
        let db = Database::open_for_reading(path, &schema(&[FIRST])).expect("a database");
        db.examine(&mut |found| panic!("{found:?}"))
            .expect("examined");
        db.read_blocking(|view| view.one("SELECT count(*) FROM notes", [], |row| row.get(0)))
            .map_err(|error: Error| error)
            .expect("read")
    };
    assert_eq!(count(&plain), Some(500_i64));

    // And back.
    let again = DatabaseFile::encrypted(folder.path().join("again.db"), [9; PAGE_KEY_LEN_BYTES]);
    Database::encrypt(&plain, &again).expect("encrypted");
    let db = Database::open_for_reading(again, &schema(&[FIRST])).expect("a database");
    let body: Option<String> = db
        .read_blocking(|view| {
            view.one("SELECT body FROM notes WHERE id = 499", [], |row| {
                row.get(0)
            })
        })
        .map_err(|error: Error| error)
        .expect("read");
    assert_eq!(body.as_deref(), Some("a text that nobody shall read 499"));
}
