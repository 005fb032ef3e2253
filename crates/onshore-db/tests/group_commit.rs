//! Many units of work in one transaction: each fails alone, and nobody hears of success that is not there.

use std::sync::mpsc;
use std::thread;

use onshore_db::{Database, Error, Options, Schema, Unit, params};
use onshore_testkit::TempFolder;
use tokio::sync::oneshot;

const SCHEMA: Schema = Schema {
    keeper: "test",
    steps: &[
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
              CREATE TABLE parents (id INTEGER PRIMARY KEY) STRICT;
              CREATE TABLE children (parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED) STRICT;",
    ],
};

type Answer = oneshot::Receiver<Result<(), Error>>;

fn open(folder: &TempFolder) -> Database {
    let path = folder.path().join("test.db");
    Database::open(&path, &[SCHEMA], Options::default()).expect("a database")
}

fn put(unit: &Unit<'_>, id: i64) -> Result<(), Error> {
    unit.execute(
        "INSERT INTO notes (id, body) VALUES (?1, x'00')",
        params![id],
    )?;
    Ok(())
}

fn put_large(unit: &Unit<'_>, id: i64) -> Result<(), Error> {
    unit.execute(
        "INSERT INTO notes (id, body) VALUES (?1, randomblob(4000000))",
        params![id],
    )?;
    Ok(())
}

fn ids(db: &Database) -> Vec<i64> {
    db.read_blocking(|view| view.all("SELECT id FROM notes ORDER BY id", [], |row| row.get(0)))
        .map_err(|error: Error| error)
        .expect("readable")
}

fn queue(
    db: &Database,
    work: impl FnOnce(&Unit<'_>) -> Result<(), Error> + Send + 'static,
) -> Answer {
    let (reply, answer) = oneshot::channel();
    db.submit(work, move |result| drop(reply.send(result)));
    answer
}

/// Holds the writer in a unit of work until dropped: what is queued meanwhile shares the next transaction.
struct Held {
    release: Option<mpsc::Sender<()>>,
}

impl Held {
    fn hold(db: &Database) -> Self {
        let (release, released) = mpsc::channel::<()>();
        let (entered, inside) = mpsc::channel();
        drop(queue(db, move |_| {
            entered.send(()).expect("the test waits");
            let _released = released.recv();
            Ok(())
        }));
        inside.recv().expect("the writer took the unit");
        Self {
            release: Some(release),
        }
    }

    fn release(mut self) {
        drop(self.release.take());
    }
}

fn hear(answer: Answer) -> Result<(), Error> {
    answer.blocking_recv().expect("an answer")
}

#[test]
fn a_unit_that_fails_or_panics_takes_nothing_and_nobody_with_it() {
    let folder = TempFolder::new("db").expect("a folder");
    let db = open(&folder);
    let held = Held::hold(&db);
    let before = *db.commits().borrow();
    let answers = vec![
        queue(&db, |unit| put(unit, 1)),
        queue(&db, |unit| {
            put(unit, 2)?;
            put(unit, 1)
        }),
        queue(&db, |unit| {
            put(unit, 3)?;
            panic!("a unit gives up")
        }),
        queue(&db, |unit| put(unit, 4)),
    ];
    held.release();
    let heard: Vec<bool> = answers
        .into_iter()
        .map(|answer| hear(answer).is_ok())
        .collect();
    assert_eq!(heard, [true, false, false, true]);
    assert_eq!(ids(&db), [1, 4]);
    assert_eq!(
        *db.commits().borrow() - before,
        2,
        "the four shared one commit"
    );
    db.write_blocking(|unit| put(unit, 5))
        .expect("the writer goes on");
}

#[test]
fn a_statement_that_fails_and_is_survived_leaves_the_rest_of_its_unit() {
    let folder = TempFolder::new("db").expect("a folder");
    let db = open(&folder);
    db.write_blocking(|unit| {
        put(unit, 1)?;
        assert!(put(unit, 1).is_err());
        put(unit, 2)
    })
    .expect("committed");
    assert_eq!(ids(&db), [1, 2]);
}

#[test]
fn a_full_disk_fails_the_batch_and_acknowledges_none_of_it_and_the_writer_goes_on() {
    let folder = TempFolder::new("db").expect("a folder");
    let db = open(&folder);
    db.write_blocking(|unit| {
        unit.one("PRAGMA max_page_count = 100", [], |_| Ok(()))?;
        put(unit, 1)
    })
    .expect("room");
    let held = Held::hold(&db);
    let answers = vec![
        queue(&db, |unit| put(unit, 2)),
        queue(&db, |unit| put_large(unit, 3)),
        queue(&db, |unit| put(unit, 4)),
    ];
    held.release();
    let refused = answers.into_iter().map(hear).collect::<Vec<_>>();
    let there = ids(&db);
    for (id, answer) in (2..).zip(refused) {
        match answer {
            Ok(()) => assert!(
                there.contains(&id),
                "{id} was acknowledged and is not there"
            ),
            Err(error) => {
                assert!(matches!(error, Error::Full), "{error}");
                assert!(!there.contains(&id), "{id} was refused and is there");
            }
        }
    }
    assert!(!there.contains(&3));
    db.write_blocking(|unit| put(unit, 5)).expect("goes on");
}

#[test]
fn a_unit_that_runs_on_after_its_transaction_is_gone_writes_nothing() {
    let folder = TempFolder::new("db").expect("a folder");
    let db = open(&folder);
    db.write_blocking(|unit| {
        unit.one("PRAGMA max_page_count = 100", [], |_| Ok(()))?;
        Ok::<_, Error>(())
    })
    .expect("limited");
    let answer = db.write_blocking(|unit| {
        put(unit, 1)?;
        let full = put_large(unit, 2);
        // Were this to run, it would be a transaction of its own, durable at once.
        let after = put(unit, 3);
        assert!(full.is_err());
        if after.is_err() {
            assert!(matches!(after, Err(Error::Full)), "{after:?}");
        }
        Ok::<_, Error>(after.is_err())
    });
    match answer {
        Ok(was_refused) => assert_eq!(ids(&db), if was_refused { vec![1] } else { vec![1, 3] }),
        Err(error) => {
            assert!(matches!(error, Error::Full), "{error}");
            assert_eq!(ids(&db), Vec::<i64>::new());
        }
    }
}

#[test]
fn a_commit_that_fails_otherwise_acknowledges_nothing_and_stops_the_writer() {
    let folder = TempFolder::new("db").expect("a folder");
    let db = open(&folder);
    db.write_blocking(|unit| put(unit, 1)).expect("committed");
    let held = Held::hold(&db);
    held.release();
    let held = Held::hold(&db);
    let commits = *db.commits().borrow();
    let answers = vec![
        queue(&db, |unit| put(unit, 2)),
        queue(&db, |unit| {
            unit.execute("INSERT INTO children (parent) VALUES (404)", [])?;
            Ok(())
        }),
    ];
    held.release();
    for answer in answers {
        assert!(hear(answer).is_err());
    }
    assert_eq!(ids(&db), [1]);
    assert_eq!(
        *db.commits().borrow(),
        commits + 1,
        "only what held the writer"
    );
    let later = db.write_blocking(|unit| put(unit, 3));
    assert!(matches!(later, Err(Error::Stopped(_))), "{later:?}");
    drop(db);
    let db = open(&folder);
    assert_eq!(ids(&db), [1]);
    db.write_blocking(|unit| put(unit, 4)).expect("reopened");
}

#[test]
fn readers_see_committed_states_only_and_one_of_them_throughout() {
    let folder = TempFolder::new("db").expect("a folder");
    let db = open(&folder);
    db.write_blocking(|unit| put(unit, 1)).expect("committed");
    let (entered, inside) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let writer = queue(&db, move |unit| {
        put(unit, 2)?;
        entered.send(()).expect("the test waits");
        let _released = released.recv();
        Ok(())
    });
    inside.recv().expect("it is in the middle");
    assert_eq!(ids(&db), [1]);
    let count = |view: &onshore_db::View<'_>| {
        view.one("SELECT count(*) FROM notes", [], |row| row.get::<_, i64>(0))
    };
    let (first, second) = db
        .read_blocking(|view| {
            let first = count(view)?;
            drop(release);
            hear(writer)?;
            Ok::<_, Error>((first, count(view)?))
        })
        .expect("read");
    assert_eq!((first, second), (Some(1), Some(1)), "one state throughout");
    assert_eq!(ids(&db), [1, 2]);
}

#[test]
fn what_nobody_waits_for_is_done_and_a_listener_that_panics_harms_nobody() {
    let folder = TempFolder::new("db").expect("a folder");
    let db = open(&folder);
    drop(queue(&db, |unit| put(unit, 1)));
    db.submit(|unit| put(unit, 2), |_| panic!("a listener gives up"));
    db.write_blocking(|unit| put(unit, 3)).expect("committed");
    assert_eq!(ids(&db), [1, 2, 3]);
}

#[test]
fn hundreds_of_threads_lose_nothing() {
    let folder = TempFolder::new("db").expect("a folder");
    let db = open(&folder);
    thread::scope(|scope| {
        for thread in 0..20 {
            let db = db.clone();
            scope.spawn(move || {
                for n in 0..50 {
                    let id = thread * 50 + n;
                    let answer = db.write_blocking(move |unit| {
                        put(unit, id)?;
                        if id % 7 == 0 {
                            return Err(Error::Closed);
                        }
                        Ok(())
                    });
                    assert_eq!(answer.is_err(), id % 7 == 0);
                }
            });
        }
    });
    let expected: Vec<i64> = (0..1000).filter(|id| id % 7 != 0).collect();
    assert_eq!(ids(&db), expected);
}

#[test]
fn a_read_that_fails_leaves_readers_that_work() {
    let folder = TempFolder::new("db").expect("a folder");
    let db = open(&folder);
    for _ in 0..40 {
        let refused = db.read_blocking(|view| {
            view.one("SELECT nonsense FROM nowhere", [], |_| Ok(()))?;
            Ok::<_, Error>(())
        });
        assert!(matches!(refused, Err(Error::Statement(_))), "{refused:?}");
        let refused = db.read_blocking(|_| Err::<(), _>(Error::Closed));
        assert!(matches!(refused, Err(Error::Closed)), "{refused:?}");
    }
    let written = db.read_blocking(|view| {
        view.one(
            "INSERT INTO notes (id, body) VALUES (1, x'00') RETURNING id",
            [],
            |_| Ok(()),
        )
    });
    assert!(
        written.map_err(|error: Error| error).is_err(),
        "a reader wrote"
    );
    assert_eq!(ids(&db), Vec::<i64>::new());
}
