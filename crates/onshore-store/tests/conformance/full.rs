//! A full disk refuses what is new, says so, and harms nothing that is there.

use onshore_db::params;
use onshore_store::{Error, ErrorKind, WriteCondition};

use crate::house::{House, general, noise};

/// Lets the database grow to so many pages and returns how many it has.
async fn limit_pages(house: &House, pages: i64) -> i64 {
    house
        .db
        .write(move |unit| {
            unit.one(
                &format!("PRAGMA max_page_count = {pages}"),
                params![],
                |_| Ok(()),
            )?;
            let count = unit.one("PRAGMA page_count", params![], |row| row.get(0))?;
            Ok::<_, Error>(count.unwrap_or_default())
        })
        .await
        .expect("limited")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_database_refuses_and_recovers() {
    let house = House::new();
    let bucket = house.bucket("full", None).await;
    let kept = noise(60_000, 1);
    house.write(&bucket, "kept", &kept).await;
    let pages = limit_pages(&house, i64::from(u32::MAX) - 1).await;
    limit_pages(&house, pages + 40).await;

    let mut written = Vec::new();
    let mut refusals = 0;
    for n in 0..20 {
        let key = format!("new{n}");
        let body = noise(60_000, 100 + n);
        match house
            .put(&bucket, &key, &body, &general(), &WriteCondition::Always)
            .await
        {
            Ok(_) => written.push((key, body)),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
                refusals += 1;
            }
        }
    }
    assert!(refusals > 0 && !written.is_empty());
    let large = house
        .put(
            &bucket,
            "kept",
            &noise(60_000, 2),
            &general(),
            &WriteCondition::Always,
        )
        .await;
    if let Err(error) = large {
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert_eq!(house.read(&bucket, "kept", None).await.expect("read"), kept);
    }
    limit_pages(&house, i64::from(u32::MAX) - 1).await;
    house.write(&bucket, "after", b"room again").await;
    let house = house.reopened();
    for (key, body) in written {
        assert_eq!(house.read(&bucket, &key, None).await.expect("read"), body);
    }
    house.store.drain().await;
    assert!(house.files().is_empty());
}
