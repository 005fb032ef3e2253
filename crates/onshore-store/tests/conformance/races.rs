//! Many writers at once: exactly one wins where one may, and whoever reads finds one of the bodies whole.

use std::sync::Arc;

use onshore_store::{Error, WriteCondition};

use crate::house::{House, general, key, noise};

#[tokio::test(flavor = "multi_thread")]
async fn exactly_one_of_many_first_writers_wins() {
    let house = Arc::new(House::new());
    let bucket = house.bucket("first", None).await;
    for size in [10, 100_000] {
        let name = format!("k{size}");
        let tasks: Vec<_> = (0..16)
            .map(|seed| {
                let (house, bucket, name) = (house.clone(), bucket.clone(), name.clone());
                tokio::spawn(async move {
                    let body = noise(size, seed * 2 + 1);
                    house
                        .put(&bucket, &name, &body, &general(), &WriteCondition::Absent)
                        .await
                        .map(|_| body)
                })
            })
            .collect();
        let mut winners = Vec::new();
        for task in tasks {
            match task.await.expect("joined") {
                Ok(body) => winners.push(body),
                Err(Error::ConditionFailed { current }) => assert!(current.is_some()),
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(
            house.read(&bucket, &name, None).await.expect("read"),
            winners[0]
        );
    }
    house.store.drain().await;
    assert_eq!(house.files().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_writers_that_saw_the_same_version_one_wins() {
    let house = Arc::new(House::new());
    let bucket = house.bucket("same", None).await;
    let matching = |etag: &str| WriteCondition::Matches(vec![etag.to_owned()]);
    let missing = house
        .put(&bucket, "k", b"x", &general(), &matching("x"))
        .await;
    assert!(matches!(missing, Err(Error::NoSuchKey)));
    let missing = house
        .put(&bucket, "k", b"x", &general(), &WriteCondition::Present)
        .await;
    assert!(matches!(missing, Err(Error::NoSuchKey)));
    let etag = house.write(&bucket, "k", b"first").await.etag;
    let tasks: Vec<_> = (0..16)
        .map(|seed| {
            let (house, bucket, condition) = (house.clone(), bucket.clone(), matching(&etag));
            tokio::spawn(async move {
                house
                    .put(
                        &bucket,
                        "k",
                        &noise(70_000, seed * 2 + 1),
                        &general(),
                        &condition,
                    )
                    .await
                    .is_ok()
            })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        won += usize::from(task.await.expect("joined"));
    }
    assert_eq!(won, 1);
    let any = house
        .put(&bucket, "k", b"x", &general(), &WriteCondition::Present)
        .await;
    assert!(any.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_among_overwriting_writers_see_whole_bodies() {
    let house = Arc::new(House::new());
    let bucket = house.bucket("mixed", None).await;
    let body = |seed: u64| {
        noise(
            if seed.is_multiple_of(2) { 500 } else { 400_000 },
            seed + 100,
        )
    };
    house.write(&bucket, "k", &body(0)).await;
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (house, bucket) = (house.clone(), bucket.clone());
            tokio::spawn(async move {
                for round in 0..10 {
                    house.write(&bucket, "k", &body(writer * 10 + round)).await;
                }
            })
        })
        .collect();
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (house, bucket) = (house.clone(), bucket.clone());
            tokio::spawn(async move {
                let mut seen = 0;
                for _ in 0..40 {
                    match house.read(&bucket, "k", None).await {
                        Ok(read) => {
                            assert!((0..40).any(|seed| read == body(seed)));
                            seen += 1;
                        }
                        Err(Error::VersionGone) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
                seen
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("joined");
    }
    for reader in readers {
        assert!(reader.await.expect("joined") > 0);
    }
    house.store.drain().await;
    let described = house
        .store
        .describe(&bucket, &key("k"))
        .await
        .expect("a look")
        .expect("there");
    let in_files = usize::from(described.size_bytes > onshore_store::INLINE_BYTES_MAX);
    assert_eq!(house.files().len(), in_files);
}
