//! An examination finds everything that is not what was written, and nothing else.

use std::path::PathBuf;

use onshore_db::params;
use onshore_policy::Flow;
use onshore_store::{
    Bucket, Checks, CustomerKey, Damage, Error, Examined, NewObject, Noted, Progress, RoundMarker,
    Soundness, Versioning, WriteCondition,
};
use onshore_types::{Timestamp, UploadId, VersionId};

use crate::damage::flip;
use crate::house::{House, chunks, general, noise, scanner};
use crate::uploads::{begin, complete, of_parts, plain, send};

const MIN: usize = 5 << 20;
/// Larger than what is kept in the database.
const IN_FILE: usize = 200_000;

/// What a round came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Survey {
    whole: usize,
    sealed: usize,
    damaged: Vec<(Examined, &'static str)>,
}

async fn examine(house: &House, examined: Examined) -> Soundness {
    let mut examination = house.store.examine(examined).await.expect("examined");
    loop {
        match examination.step().await.expect("a step") {
            Progress::Read(rest, bytes) => {
                assert!(bytes <= 17 << 16, "a step is short: {bytes}");
                examination = rest;
            }
            Progress::Over(soundness, _) => return soundness,
        }
    }
}

async fn survey(house: &House, rows_max: usize) -> Survey {
    let (mut survey, mut after) = (Survey::default(), None);
    loop {
        let page = house
            .store
            .to_examine(after, rows_max)
            .await
            .expect("a page");
        let lost = page.damaged.iter().map(|lost| (lost.examined, lost.what));
        survey.damaged.extend(lost);
        for (examined, _) in page.examine {
            match examine(house, examined).await {
                Soundness::Whole => survey.whole += 1,
                Soundness::Sealed => survey.sealed += 1,
                Soundness::Damaged(what) => survey.damaged.push((examined, what)),
                Soundness::Gone => panic!("nothing was removed"),
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return survey,
        }
    }
}

async fn enable_versioning(house: &House, bucket: &Bucket) {
    let (store, permit) = (house.store.clone(), house.permit(Flow::Change, bucket, "k"));
    house
        .db
        .write(move |unit| {
            let versioning = Versioning::Enabled;
            store.set_versioning(unit, &permit, versioning).map(drop)
        })
        .await
        .expect("versioned");
}

/// Stores an object under a key that the client keeps.
async fn put_locked_away(house: &House, bucket: &Bucket, key: &str, body: &[u8]) {
    let customer = CustomerKey::new(vec![9; 32], "md5".to_owned()).expect("a key");
    let permit = house.permit(Flow::Store, bucket, key);
    let mut staged = house
        .store
        .stage(
            &permit,
            &general(),
            chunks(body, 10_000),
            &Checks::default(),
            scanner(),
        )
        .await
        .expect("staged");
    staged.lock_with(&customer).expect("locked");
    let object = NewObject {
        encryption: customer.encryption(),
        ..general()
    };
    let (store, now) = (house.store.clone(), house.now());
    house
        .db
        .write(move |unit| {
            let condition = WriteCondition::Always;
            store.commit(unit, &permit, &staged, &object, &condition, now)
        })
        .await
        .expect("written");
}

async fn change(house: &House, sql: &'static str) {
    let changed = house
        .db
        .write(move |unit| unit.execute(sql, params![]).map_err(Error::from))
        .await
        .expect("changed");
    assert!(changed > 0, "{sql}");
}

fn change_file(house: &House, change: impl FnOnce(&mut Vec<u8>)) {
    let file: PathBuf = house.files().remove(0);
    let mut bytes = std::fs::read(&file).expect("a file");
    change(&mut bytes);
    std::fs::write(&file, bytes).expect("written");
}

/// A bucket with one object.
async fn one(body: &[u8]) -> (House, Bucket, VersionId) {
    let house = House::new();
    let bucket = house.bucket("one", None).await;
    let version = house.write(&bucket, "k", body).await.version;
    (house, bucket, version)
}

/// A bucket with one part of an upload.
async fn one_part(body: &[u8]) -> (House, Bucket, UploadId) {
    let house = House::new();
    let bucket = house.bucket("part", None).await;
    let upload = begin(&house, &bucket, plain()).await;
    send(&house, &bucket, upload, 7, body, &[])
        .await
        .expect("sent");
    (house, bucket, upload)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_as_it_was_written_is_sound() {
    let house = House::new();
    let bucket = house.bucket("sound", None).await;
    enable_versioning(&house, &bucket).await;
    for (key, size) in [("empty", 0), ("row", 64 << 10), ("file", (64 << 10) + 1)] {
        house.write(&bucket, key, &noise(size, 1)).await;
    }
    house.write(&bucket, "file", &noise(3 << 20, 2)).await;
    house.remove(&bucket, "file").await;
    put_locked_away(&house, &bucket, "away", &noise(IN_FILE, 3)).await;
    let upload = begin(&house, &bucket, plain()).await;
    let first = send(&house, &bucket, upload, 1, &noise(MIN, 4), &[]).await;
    let second = send(&house, &bucket, upload, 9, &noise(100, 5), &[]).await;
    let (first, second) = (first.expect("sent"), second.expect("sent"));
    complete(&house, &bucket, upload, of_parts(&[&first, &second]))
        .await
        .expect("completed");
    let upload = begin(&house, &bucket, plain()).await;
    for (number, size) in [(1, 0), (2, 100), (3, IN_FILE)] {
        send(&house, &bucket, upload, number, &noise(size, 6), &[])
            .await
            .expect("sent");
    }
    let sound = Survey {
        whole: 8,
        sealed: 1,
        damaged: Vec::new(),
    };
    for rows_max in [1, 2, 1000] {
        assert_eq!(survey(&house, rows_max).await, sound, "{rows_max} at once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_bit_of_a_row_is_found() {
    for (table, column) in [
        ("versions", "facts"),
        ("versions", "wrapped"),
        ("versions", "tags"),
        ("bodies", "sealed"),
        ("bodies", "body"),
    ] {
        for at in [0, 13, 515] {
            let (house, _, version) = one(&noise(500, 1)).await;
            flip(&house, table, column, at).await;
            let found = survey(&house, 10).await;
            assert!(
                matches!(found.damaged[..], [(Examined::Version(id), _)] if id == version),
                "{table}.{column} at {at}: {found:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_missing_or_too_many_or_say_otherwise_are_found() {
    for (sql, what) in [
        (
            "UPDATE bodies SET sealed = substr(sealed, 1, length(sealed) - 1)",
            "a body's row is cut short",
        ),
        (
            "UPDATE bodies SET sealed = CAST(sealed || X'00' AS BLOB)",
            "a body is longer than its facts say",
        ),
        ("DELETE FROM bodies", "a body's row is missing"),
        (
            "INSERT INTO bodies (owner, part, body, sealed) SELECT owner, 2, randomblob(16), sealed FROM bodies",
            "a body's row is not one of its facts",
        ),
        ("DELETE FROM objects", "no row tells of it"),
        ("DELETE FROM versions", "its facts are missing"),
        (
            "UPDATE objects SET label = 'core'",
            "its row differs from its facts",
        ),
        (
            "UPDATE objects SET size = 499",
            "its row differs from its facts",
        ),
        (
            "UPDATE objects SET etag = 'x'",
            "its row differs from its facts",
        ),
        (
            "UPDATE objects SET checksums = '[[\"CRC32\",\"FULL_OBJECT\"]]'",
            "its row differs from its facts",
        ),
        (
            "UPDATE objects SET modified = modified + 1",
            "its row differs from its facts",
        ),
        (
            "UPDATE objects SET label = 'gibberish'",
            "its record cannot be read",
        ),
        (
            "UPDATE versions SET hold = 'maybe'",
            "its record cannot be read",
        ),
        (
            "UPDATE buckets SET id = randomblob(16)",
            "its bucket is missing",
        ),
    ] {
        let (house, _, version) = one(&noise(500, 1)).await;
        change(&house, sql).await;
        let found = survey(&house, 10).await;
        assert_eq!(found.damaged, [(Examined::Version(version), what)], "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_what_was_written_is_found() {
    type Lie = fn(&mut Vec<u8>);
    let lies: [(Lie, &str); 5] = [
        (|bytes| bytes[0] ^= 1, "a frame's CRC32C does not match"),
        (
            |bytes| *bytes.last_mut().expect("bytes") ^= 0x80,
            "a frame's CRC32C does not match",
        ),
        (
            |bytes| bytes.truncate(bytes.len() - 1),
            "a body's file is cut short",
        ),
        (|bytes| bytes.clear(), "a body's file is cut short"),
        (|bytes| bytes.push(0), "a body is longer than its facts say"),
    ];
    for (lie, what) in lies {
        let (house, bucket, version) = one(&noise(IN_FILE, 1)).await;
        change_file(&house, lie);
        let found = survey(&house, 10).await;
        assert_eq!(found.damaged, [(Examined::Version(version), what)]);

        let house_of_part = one_part(&noise(IN_FILE, 2)).await;
        change_file(&house_of_part.0, lie);
        let part = Examined::Part {
            upload: house_of_part.2,
            number: 7,
        };
        let found = survey(&house_of_part.0, 10).await;
        assert_eq!(found.damaged, [(part, what)]);

        // What a client keeps the key of has checksums all the same.
        house.remove(&bucket, "k").await;
        house.store.drain().await;
        put_locked_away(&house, &bucket, "away", &noise(IN_FILE, 3)).await;
        change_file(&house, lie);
        let found = survey(&house, 10).await;
        assert!(
            matches!(found.damaged[..], [(_, found)] if found == what),
            "{found:?}"
        );
    }
    let (house, _, version) = one(&noise(IN_FILE, 1)).await;
    std::fs::remove_file(house.files().remove(0)).expect("removed");
    let missing = (Examined::Version(version), "a body's file is missing");
    assert_eq!(survey(&house, 10).await.damaged, [missing]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_whose_record_is_not_what_was_written_is_found() {
    for (table, column) in [("parts", "facts"), ("uploads", "facts")] {
        let (house, _, upload) = one_part(&noise(100, 1)).await;
        flip(&house, table, column, 50).await;
        let part = Examined::Part { upload, number: 7 };
        assert_eq!(
            survey(&house, 10).await.damaged,
            [(part, "its record does not open")],
            "{table}"
        );
    }
    let (house, _, upload) = one_part(&noise(100, 1)).await;
    change(&house, "DELETE FROM bodies").await;
    let part = Examined::Part { upload, number: 7 };
    assert_eq!(
        survey(&house, 10).await.damaged,
        [(part, "a body's row is missing")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_not_current_is_examined_too() {
    let (house, bucket, _) = one(&noise(10, 1)).await;
    enable_versioning(&house, &bucket).await;
    let earlier = house.write(&bucket, "k", &noise(IN_FILE, 2)).await.version;
    house.write(&bucket, "k", &noise(10, 3)).await;
    change_file(&house, |bytes| bytes[70_000] ^= 1);
    let found = survey(&house, 1).await;
    let rotten = "a frame's CRC32C does not match";
    assert_eq!(found.damaged, [(Examined::Version(earlier), rotten)]);
    change(
        &house,
        "DELETE FROM versions WHERE id IN (SELECT version FROM history WHERE size > 10)",
    )
    .await;
    let lost = "its facts are missing";
    assert_eq!(
        survey(&house, 1).await.damaged,
        [(Examined::Version(earlier), lost)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_while_it_is_examined_is_not_damaged() {
    let (house, bucket, version) = one(&noise(3 << 20, 1)).await;
    let examination = house
        .store
        .examine(Examined::Version(version))
        .await
        .expect("begun");
    let Progress::Read(mut rest, _) = examination.step().await.expect("a step") else {
        panic!("three mebibytes take more than a step");
    };
    house.remove(&bucket, "k").await;
    house.store.drain().await;
    let soundness = loop {
        match rest.step().await.expect("a step") {
            Progress::Read(more, _) => rest = more,
            Progress::Over(soundness, _) => break soundness,
        }
    };
    assert!(matches!(soundness, Soundness::Whole | Soundness::Gone));
    let again = examine(&house, Examined::Version(version)).await;
    assert_eq!(again, Soundness::Gone);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damage_is_noted_once_and_forgotten_with_what_it_tells_of() {
    let (house, bucket, version) = one(&noise(10, 1)).await;
    let damage = Damage {
        examined: Examined::Version(version),
        bucket: bucket.id,
        what: "a test",
    };
    let note = || {
        let (store, now) = (house.store.clone(), Timestamp::from_millis(5));
        let noted = house
            .db
            .write(move |unit| store.note_damage(unit, &damage, now));
        async { noted.await.expect("noted") }
    };
    assert_eq!(note().await, Noted::Now);
    assert_eq!(note().await, Noted::Before);
    assert_eq!(house.store.damages().await.expect("counted"), 1);
    let noted = house.store.noted_damages(10).await.expect("listed");
    assert_eq!(noted[0].examined, Examined::Version(version));
    house.remove(&bucket, "k").await;
    assert_eq!(house.store.damages().await.expect("counted"), 0);
    assert_eq!(note().await, Noted::Gone);
    assert_eq!(house.store.damages().await.expect("counted"), 0);

    let upload = begin(&house, &bucket, plain()).await;
    for number in [1, 2] {
        send(&house, &bucket, upload, number, b"part", &[])
            .await
            .expect("sent");
        let damage = Damage {
            examined: Examined::Part { upload, number },
            ..damage
        };
        let store = house.store.clone();
        house
            .db
            .write(move |unit| store.note_damage(unit, &damage, Timestamp::from_millis(6)))
            .await
            .expect("noted");
    }
    assert_eq!(house.store.damages().await.expect("counted"), 2);
    send(&house, &bucket, upload, 1, b"sent again", &[])
        .await
        .expect("sent");
    assert_eq!(house.store.damages().await.expect("counted"), 1);
    let (store, permit) = (
        house.store.clone(),
        house.permit(Flow::Change, &bucket, "k"),
    );
    house
        .db
        .write(move |unit| store.abort_upload(unit, &permit, upload))
        .await
        .expect("aborted");
    assert_eq!(house.store.damages().await.expect("counted"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_round_stands_is_kept() {
    let (house, bucket, version) = one(&noise(10, 1)).await;
    house.write(&bucket, "l", &noise(10, 1)).await;
    assert_eq!(house.store.round().await.expect("read"), None);
    let page = house.store.to_examine(None, 1).await.expect("a page");
    let (first, _) = page.examine[0];
    assert_eq!(page.next, Some(RoundMarker::behind(first)));
    let (store, next) = (house.store.clone(), page.next.clone());
    house
        .db
        .write(move |unit| store.save_round(unit, next.as_ref()))
        .await
        .expect("saved");
    let house = house.reopened();
    let after = house.store.round().await.expect("read");
    assert_eq!(after, page.next);
    let page = house.store.to_examine(after, 10).await.expect("a page");
    assert_eq!(page.examine.len(), 1);
    assert_eq!(first, Examined::Version(version));
    assert_ne!(page.examine[0].0, first);
}
