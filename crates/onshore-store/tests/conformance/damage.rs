//! A changed bit anywhere on disk makes a read fail; it never gives other bytes.

use std::path::PathBuf;

use onshore_db::params;
use onshore_store::{Bucket, Error, ErrorKind, NewObject, WriteCondition};

use crate::house::{House, declared, noise};

const STORED_FRAME: usize = (64 << 10) + 20;

async fn expect_damage(house: &House, bucket: &Bucket, body: &[u8], what: &str) {
    match house.read(bucket, "k", None).await {
        Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}"),
        Ok(read) => panic!(
            "{what}: {} bytes came, the same: {}",
            read.len(),
            read == body
        ),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_region_of_a_file_is_guarded() {
    let house = House::new();
    let bucket = house.bucket("files", None).await;
    let body = noise(5 * (64 << 10) + 100, 1);
    house.write(&bucket, "k", &body).await;
    let file = house.files().remove(0);
    let good = std::fs::read(&file).expect("a file");
    assert_eq!(good.len(), 5 * STORED_FRAME + 120);
    let damage = |what: &str, bytes: &[u8]| {
        std::fs::write(&file, bytes).expect("written");
        what.to_owned()
    };

    for offset in
        (0..good.len())
            .step_by(9973)
            .chain([STORED_FRAME - 1, STORED_FRAME, good.len() - 1])
    {
        for bit in [0, 7] {
            let mut bad = good.clone();
            bad[offset] ^= 1 << bit;
            let what = damage(&format!("bit {bit} of byte {offset}"), &bad);
            expect_damage(&house, &bucket, &body, &what).await;
        }
    }
    let frame = |n: usize| &good[n * STORED_FRAME..(n + 1) * STORED_FRAME];
    let swapped = [frame(1), frame(0), &good[2 * STORED_FRAME..]].concat();
    let what = damage("two frames swapped", &swapped);
    expect_damage(&house, &bucket, &body, &what).await;
    let repeated = [frame(0), frame(0), &good[2 * STORED_FRAME..]].concat();
    let what = damage("a frame twice", &repeated);
    expect_damage(&house, &bucket, &body, &what).await;
    for cut in [0, 1, STORED_FRAME, 5 * STORED_FRAME, good.len() - 1] {
        let what = damage(&format!("cut at {cut}"), &good[..cut]);
        expect_damage(&house, &bucket, &body, &what).await;
    }
    std::fs::remove_file(&file).expect("removed");
    expect_damage(&house, &bucket, &body, "no file").await;
    damage("healed", &good);
    assert_eq!(house.read(&bucket, "k", None).await.expect("read"), body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_the_place_of_another_is_found() {
    let house = House::new();
    let bucket = house.bucket("moved", None).await;
    let body = noise(100_000, 1);
    house.write(&bucket, "k", &body).await;
    let first: PathBuf = house.files().remove(0);
    house.write(&bucket, "other", &noise(100_000, 2)).await;
    let second = house
        .files()
        .into_iter()
        .find(|file| *file != first)
        .expect("two files");
    std::fs::copy(second, &first).expect("copied");
    expect_damage(&house, &bucket, &body, "another object's file").await;
}

/// Changes one byte of a column of every row.
pub(crate) async fn flip(house: &House, table: &'static str, column: &'static str, at: usize) {
    house
        .db
        .write(move |unit| {
            let rows = unit.all(
                &format!("SELECT rowid_of, value FROM (SELECT {} AS rowid_of, {column} AS value FROM {table})", key_of(table)),
                params![],
                |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?)),
            )?;
            for (key, mut value) in rows {
                let len = value.len();
                value[at % len] ^= 1;
                let sql = format!("UPDATE {table} SET {column} = ?2 WHERE {} = ?1", key_of(table));
                unit.execute(&sql, params![key, value])?;
            }
            Ok::<_, Error>(())
        })
        .await
        .expect("flipped");
}

fn key_of(table: &str) -> &'static str {
    match table {
        "bodies" => "owner",
        "parts" => "upload",
        _ => "id",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sealed_column_is_guarded() {
    let house = House::new();
    let bucket = house.bucket("rows", None).await;
    let body = noise(500, 1);
    let object = NewObject {
        user_metadata: [("a".to_owned(), "b".to_owned())].into(),
        ..declared("personal")
    };
    house
        .put(&bucket, "k", &body, &object, &WriteCondition::Always)
        .await
        .expect("written");
    for (table, column) in [
        ("versions", "facts"),
        ("versions", "wrapped"),
        ("versions", "tags"),
        ("versions", "id"),
        ("bodies", "sealed"),
        ("bodies", "body"),
    ] {
        for at in [0, 13, 100, 499, 515] {
            flip(&house, table, column, at).await;
            let read = house.read(&bucket, "k", None).await;
            let is_found = matches!(read, Err(Error::Corrupt { .. } | Error::VersionGone));
            assert!(is_found, "{table}.{column} at {at}: {read:?}");
            if column == "id" {
                // The way back goes over the changed id.
                let undo = "UPDATE versions SET id = (SELECT version FROM objects)";
                house
                    .db
                    .write(move |unit| unit.execute(undo, params![]).map_err(Error::from))
                    .await
                    .expect("undone");
            } else {
                flip(&house, table, column, at).await;
            }
            assert_eq!(
                house.read(&bucket, "k", None).await.expect("healed"),
                body,
                "{table}.{column}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_row_a_transfer_is_judged_by_is_compared_with_the_sealed_facts() {
    let house = House::new();
    let bucket = house.bucket("judged", None).await;
    let other = house.bucket("other", None).await;
    let body = noise(500, 1);
    house
        .put(
            &bucket,
            "k",
            &body,
            &declared("core"),
            &WriteCondition::Always,
        )
        .await
        .expect("written");
    let victim = house
        .put(
            &bucket,
            "secret",
            &noise(500, 2),
            &declared("core"),
            &WriteCondition::Always,
        )
        .await
        .expect("written");
    let other_id = *other.id.as_bytes();
    let version = *victim.version.as_bytes();
    let lies: [(&str, Vec<u8>); 5] = [
        (
            "UPDATE objects SET label = 'general' WHERE key = ?1 AND ?2 IS NOT NULL",
            vec![],
        ),
        (
            "UPDATE objects SET size = 499 WHERE key = ?1 AND ?2 IS NOT NULL",
            vec![],
        ),
        (
            "UPDATE objects SET etag = 'x' WHERE key = ?1 AND ?2 IS NOT NULL",
            vec![],
        ),
        (
            "UPDATE objects SET version = ?2 WHERE key = ?1",
            version.to_vec(),
        ),
        (
            "UPDATE versions SET bucket = ?2 WHERE ?1 IS NOT NULL",
            other_id.to_vec(),
        ),
    ];
    let saved = house.read(&bucket, "k", None).await.expect("read");
    assert_eq!(saved, body);
    for (sql, value) in lies {
        let result = house
            .db
            .write(move |unit| {
                unit.execute(sql, params![b"k".as_slice(), value])?;
                Ok::<_, Error>(())
            })
            .await;
        result.expect("changed");
        match house.read(&bucket, "k", None).await {
            Ok(read) => assert!(sql.contains("versions") && read == body, "{sql}"),
            Err(
                Error::Corrupt { .. } | Error::PermitMismatch("key") | Error::LabelChanged { .. },
            ) => {}
            Err(error) => panic!("{sql}: {error}"),
        }
        house
            .put(
                &bucket,
                "k",
                &body,
                &declared("core"),
                &WriteCondition::Always,
            )
            .await
            .expect("a damaged object can be replaced");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_root_key_is_refused_at_the_door() {
    let house = House::new();
    house.bucket("keyed", None).await;
    std::fs::remove_file(house.folder.0.join("root.key")).expect("removed");
    let db = house.db.clone();
    let folder = house.folder.0.clone();
    let root =
        onshore_keys::FileRootKey::open_or_create(&folder.join("root.key")).expect("another key");
    let opened = tokio::task::spawn_blocking(move || {
        onshore_store::Store::open(
            db,
            &folder.join("objects"),
            std::sync::Arc::new(root),
            Default::default(),
        )
    });
    assert!(matches!(opened.await.expect("joined"), Err(Error::Keys(_))));
}
