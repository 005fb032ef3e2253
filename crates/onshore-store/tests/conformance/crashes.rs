//! What was acknowledged survives, what was not leaves nothing, and readers keep what they have begun to read.

use std::future::Future;
use std::sync::Arc;
use std::task::Poll;

use futures_util::StreamExt;
use onshore_policy::Flow;
use onshore_store::{Checks, Error, WriteCondition};
use onshore_types::ByteRange;

use crate::house::{Ask, House, chunks, gather, general, issue, noise, scanner};

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_stage_and_commit_leaves_nothing() {
    let house = House::new();
    let bucket = house.bucket("crash", None).await;
    let kept = noise(200_000, 1);
    house.write(&bucket, "kept", &kept).await;
    let permit = house.permit(Flow::Store, &bucket, "lost");
    let staged = house
        .store
        .stage(
            &permit,
            &general(),
            chunks(&noise(300_000, 2), 9999),
            &Checks::default(),
            scanner(),
        )
        .await
        .expect("staged");
    // As a crash would: nobody cleans up.
    std::mem::forget(staged);
    std::fs::write(house.folder.0.join("objects/staging/half"), b"half a body")
        .expect("a leftover");
    assert_eq!(house.files().len(), 3);
    let house = house.reopened();
    assert_eq!(house.files().len(), 1);
    assert_eq!(house.read(&bucket, "kept", None).await.expect("read"), kept);
    assert!(matches!(
        house.read(&bucket, "lost", None).await,
        Err(Error::NoSuchKey)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_undone_leaves_nothing() {
    let house = House::new();
    let bucket = house.bucket("undone", None).await;
    let old = noise(150_000, 1);
    house.write(&bucket, "k", &old).await;
    let permit = house.permit(Flow::Store, &bucket, "k");
    let body = chunks(&noise(300_000, 2), 9999);
    let staged = house
        .store
        .stage(&permit, &general(), body, &Checks::default(), scanner())
        .await
        .expect("staged");
    let (store, now) = (house.store.clone(), house.now());
    let undone = house
        .db
        .write(move |unit| {
            store.commit(
                unit,
                &permit,
                &staged,
                &general(),
                &WriteCondition::Always,
                now,
            )?;
            // Such as the gate refusing to settle.
            Err::<(), _>(Error::NoSuchUpload)
        })
        .await;
    assert!(matches!(undone, Err(Error::NoSuchUpload)));
    house.store.drain().await;
    assert_eq!(house.files().len(), 1);
    assert_eq!(house.read(&bucket, "k", None).await.expect("read"), old);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_undoes_nothing_that_was_committed() {
    let house = House::new();
    let bucket = house.bucket("gone", None).await;
    let permit = house.permit(Flow::Store, &bucket, "k");
    let body = noise(300_000, 2);
    let staged = house
        .store
        .stage(
            &permit,
            &general(),
            chunks(&body, 9999),
            &Checks::default(),
            scanner(),
        )
        .await
        .expect("staged");
    let (store, now) = (house.store.clone(), house.now());
    let write = house.db.write(move |unit| {
        store.commit(
            unit,
            &permit,
            &staged,
            &general(),
            &WriteCondition::Always,
            now,
        )
    });
    // Polled once, so that the unit is queued, then dropped like a request whose client hung up.
    let mut write = Box::pin(write);
    let first = std::future::poll_fn(|context| Poll::Ready(write.as_mut().poll(context))).await;
    assert!(first.is_pending());
    drop(write);
    // Another unit, so that the abandoned one has run when it is asked what became of it.
    house.write(&bucket, "behind", b"x").await;
    house.store.drain().await;
    assert_eq!(house.read(&bucket, "k", None).await.expect("read"), body);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_replaced_or_removed_frees_its_files() {
    let house = House::new();
    let bucket = house.bucket("freed", None).await;
    for seed in 1..5 {
        house.write(&bucket, "k", &noise(100_000, seed)).await;
    }
    house.store.drain().await;
    assert_eq!(house.files().len(), 1);
    assert!(house.remove(&bucket, "k").await);
    assert!(!house.remove(&bucket, "k").await);
    house.store.drain().await;
    assert!(house.files().is_empty());
    for table in ["objects", "versions", "bodies"] {
        let sql = format!("SELECT count(*) FROM {table}");
        let count = house
            .db
            .read(move |view| view.one(&sql, onshore_db::params![], |row| row.get::<_, i64>(0)))
            .await;
        assert_eq!(count.expect("counted"), Some(0), "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_keeps_what_it_began_to_read() {
    let house = House::new();
    let bucket = house.bucket("reader", None).await;
    let old = noise(8 << 20, 1);
    let version = house.write(&bucket, "k", &old).await.version;
    let range = ByteRange::whole(old.len() as u64);
    let permit = issue(&Ask {
        version: Some(version),
        range,
        ..house.ask(Flow::Read, &bucket, "k")
    });
    let (_, mut body) = house.store.read(permit, range).await.expect("a body");
    let first = body.next().await.expect("a chunk").expect("bytes");
    house.write(&bucket, "k", b"new").await;
    house.store.drain().await;
    assert_eq!(house.files().len(), 1);
    let rest = gather(body).await.expect("the rest");
    assert_eq!([first.as_ref(), &rest].concat(), old);
    house.store.drain().await;
    assert!(house.files().is_empty());
    assert_eq!(house.read(&bucket, "k", None).await.expect("read"), b"new");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_staged_body_that_is_held_too_long_takes_nothing_from_a_reader() {
    let house = House::new();
    let bucket = house.bucket("held", None).await;
    let old = noise(8 << 20, 1);
    let permit = house.permit(Flow::Store, &bucket, "k");
    let staged = house
        .store
        .stage(
            &permit,
            &general(),
            chunks(&old, 1 << 16),
            &Checks::default(),
            scanner(),
        )
        .await;
    let staged = Arc::new(staged.expect("staged"));
    let (store, now, shared) = (house.store.clone(), house.now(), Arc::clone(&staged));
    let committed = house
        .db
        .write(move |unit| {
            store.commit(
                unit,
                &permit,
                &shared,
                &general(),
                &WriteCondition::Always,
                now,
            )
        })
        .await
        .expect("committed");
    let range = ByteRange::whole(old.len() as u64);
    let permit = issue(&Ask {
        version: Some(committed.version),
        range,
        ..house.ask(Flow::Read, &bucket, "k")
    });
    let (_, body) = house.store.read(permit, range).await.expect("a body");
    house.write(&bucket, "k", b"new").await;
    drop(staged);
    house.store.drain().await;
    assert_eq!(house.files().len(), 1);
    assert_eq!(gather(body).await.expect("read"), old);
    house.store.drain().await;
    assert!(house.files().is_empty());
}
