//! What is read is what was written, in whole and in ranges; what is not as announced does not stay.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use md5::{Digest, Md5};
use onshore_policy::Flow;
use onshore_store::{
    BodyError, Checks, Checksum, ChecksumAlgorithm, ChecksumKind, Error, Layout, WriteCondition,
};
use onshore_types::ByteRange;
use proptest::prelude::*;

use crate::house::{House, chunks, general, noise, run, scanner};

const FRAME: usize = 64 << 10;

#[tokio::test(flavor = "multi_thread")]
async fn sizes_on_both_sides_of_every_boundary_come_back() {
    let house = House::new();
    let bucket = house.bucket("sizes", None).await;
    let sizes = [
        0,
        1,
        FRAME - 1,
        FRAME,
        FRAME + 1,
        4 * FRAME,
        (1 << 20) - 1,
        (1 << 20) + 1,
        33 * FRAME + 7,
    ];
    for (seed, size) in (1..).zip(sizes) {
        let body = noise(size, seed);
        let key = format!("{size}");
        let committed = house.write(&bucket, &key, &body).await;
        assert_eq!(committed.size_bytes, size as u64);
        assert_eq!(committed.etag, hex::encode(Md5::digest(&body)));
        assert_eq!(house.read(&bucket, &key, None).await.expect("read"), body);
    }
    let in_files = sizes.iter().filter(|size| **size > FRAME).count();
    assert_eq!(house.files().len(), in_files);
    let on_disk = std::fs::read(&house.files()[0]).expect("a file");
    let plain = noise(FRAME + 1, 5);
    assert!(!on_disk.windows(32).any(|run| run == &plain[..32]));

    let house = house.reopened();
    for (seed, size) in (1..).zip(sizes) {
        let read = house.read(&bucket, &format!("{size}"), None).await;
        assert_eq!(read.expect("read"), noise(size, seed));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_range_of_any_body_is_that_range(
        size in prop_oneof![0..300usize, FRAME - 3..FRAME + 3, 1..20 * FRAME],
        chunk in prop_oneof![Just(1usize << 20), 1000..100_000usize],
        ranges in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 6),
    ) {
        run(async {
            let house = House::new();
            let bucket = house.bucket("ranges", None).await;
            let body = noise(size, 9);
            let permit = house.permit(Flow::Store, &bucket, "k");
            let staged = house.store.stage(&permit, &general(), chunks(&body, chunk), &Checks::default(), scanner()).await.expect("staged");
            let (store, now) = (house.store.clone(), house.now());
            house.db.write(move |unit| store.commit(unit, &permit, &staged, &general(), &WriteCondition::Always, now)).await.expect("committed");
            if size == 0 {
                return;
            }
            for (a, b) in ranges {
                let (a, b) = (a.index(size), b.index(size));
                let (from, to) = (a.min(b), a.max(b) + 1);
                let range = ByteRange { start: from as u64, len_bytes: (to - from) as u64 };
                assert_eq!(house.read(&bucket, "k", Some(range)).await.expect("read"), &body[from..to]);
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_beyond_the_end_is_refused() {
    let house = House::new();
    let bucket = house.bucket("beyond", None).await;
    house.write(&bucket, "k", &noise(100, 1)).await;
    for (start, len_bytes) in [
        (0, 101),
        (100, 1),
        (99, 2),
        (u64::MAX, 1),
        (0, u64::MAX),
        (5, 0),
    ] {
        let read = house
            .read(&bucket, "k", Some(ByteRange { start, len_bytes }))
            .await;
        assert!(matches!(read, Err(Error::BadRange)), "{start}+{len_bytes}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_as_announced_leaves_nothing_behind() {
    let house = House::new();
    let bucket = house.bucket("announced", None).await;
    for size in [100, 3 << 20] {
        let body = noise(size, 3);
        let right_md5: [u8; 16] = Md5::digest(&body).into();
        let claim = |value: Vec<u8>| Checksum {
            algorithm: ChecksumAlgorithm::Crc32c,
            kind: ChecksumKind::FullObject,
            value,
        };
        let wrong = [
            Checks {
                len_bytes: Some(size as u64 - 1),
                ..Checks::default()
            },
            Checks {
                len_bytes: Some(size as u64 + 1),
                ..Checks::default()
            },
            Checks {
                md5: Some([0; 16]),
                ..Checks::default()
            },
            Checks {
                sha256: Some([0; 32]),
                ..Checks::default()
            },
            Checks {
                claims: vec![claim(vec![1, 2, 3, 4])],
                ..Checks::default()
            },
            Checks {
                claims: vec![claim(vec![])],
                ..Checks::default()
            },
            Checks {
                layout: Layout::Parts(vec![size as u64 + 1]),
                ..Checks::default()
            },
            Checks {
                len_bytes: Some(size as u64),
                layout: Layout::Parts(vec![1]),
                ..Checks::default()
            },
        ];
        let permit = house.permit(Flow::Store, &bucket, "k");
        for checks in wrong {
            let staged = house
                .store
                .stage(
                    &permit,
                    &general(),
                    chunks(&body, 70_000),
                    &checks,
                    scanner(),
                )
                .await;
            let error = staged.expect_err("refused");
            assert_eq!(error.kind(), onshore_store::ErrorKind::BadBody, "{error}");
        }
        let right = Checks {
            len_bytes: Some(size as u64),
            md5: Some(right_md5),
            ..Checks::default()
        };
        drop(
            house
                .store
                .stage(
                    &permit,
                    &general(),
                    chunks(&body, 70_000),
                    &right,
                    scanner(),
                )
                .await
                .expect("staged"),
        );
    }
    house.store.drain().await;
    assert_eq!(house.files(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_hands_its_cause_through() {
    let house = House::new();
    let bucket = house.bucket("broken", None).await;
    let permit = house.permit(Flow::Store, &bucket, "k");
    let body = chunks(&noise(3 << 20, 1), 300_000).chain(stream::iter([Err::<Bytes, _>(
        BodyError::new(std::io::Error::other("the line went dead")),
    )]));
    let error = house
        .store
        .stage(&permit, &general(), body, &Checks::default(), scanner())
        .await
        .expect_err("broken");
    let Error::Body(cause) = error else {
        panic!("{error}");
    };
    assert!(cause.into_cause().downcast::<std::io::Error>().is_ok());
    house.store.drain().await;
    assert!(house.files().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trailer_is_compared_before_the_commit() {
    let house = House::new();
    let bucket = house.bucket("trailers", None).await;
    let body = noise(200_000, 1);
    let permit = house.permit(Flow::Store, &bucket, "k");
    let checks = Checks {
        wanted: vec![ChecksumAlgorithm::Crc64Nvme],
        ..Checks::default()
    };
    let staged = house
        .store
        .stage(&permit, &general(), chunks(&body, 4096), &checks, scanner())
        .await
        .expect("staged");
    let right = staged.checksums().to_vec();
    assert_eq!(right.len(), 1);
    assert_eq!(right[0].value, crc_fast::crc64_nvme(&body).to_be_bytes());
    assert!(staged.verify(&right).is_ok());
    let mut wrong = right.clone();
    wrong[0].value[7] ^= 1;
    assert!(matches!(
        staged.verify(&wrong),
        Err(Error::ChecksumMismatch(_))
    ));
    wrong[0].algorithm = ChecksumAlgorithm::Sha1;
    assert!(matches!(
        staged.verify(&wrong),
        Err(Error::ChecksumNotComputed(_))
    ));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn a_layout_gives_the_etag_and_composite_checksum_of_its_parts(
        sizes in prop::collection::vec(prop_oneof![Just(0usize), 1..200_000usize], 1..6),
        chunk in 1000..150_000usize,
    ) {
        run(async {
            let house = House::new();
            let bucket = house.bucket("layouts", None).await;
            let body = noise(sizes.iter().sum(), 5);
            let (mut md5s, mut crcs, mut start) = (Vec::new(), Vec::new(), 0);
            for size in &sizes {
                let part = &body[start..start + size];
                md5s.extend_from_slice(&Md5::digest(part));
                crcs.extend_from_slice(&crc_fast::crc32_iso_hdlc(part).to_be_bytes());
                start += size;
            }
            let claim = Checksum {
                algorithm: ChecksumAlgorithm::Crc32,
                kind: ChecksumKind::Composite,
                value: crc_fast::crc32_iso_hdlc(&crcs).to_be_bytes().to_vec(),
            };
            let checks = Checks {
                claims: vec![claim.clone()],
                layout: Layout::Parts(sizes.iter().map(|size| *size as u64).collect()),
                ..Checks::default()
            };
            let permit = house.permit(Flow::Store, &bucket, "k");
            let staged = house.store.stage(&permit, &general(), chunks(&body, chunk), &checks, scanner()).await.expect("staged");
            assert_eq!(staged.etag(), format!("{}-{}", hex::encode(Md5::digest(&md5s)), sizes.len()));
            let (store, now) = (house.store.clone(), house.now());
            house.db.write(move |unit| store.commit(unit, &permit, &staged, &general(), &WriteCondition::Always, now)).await.expect("committed");
            let head = house.head(&bucket, "k").await.expect("a head");
            assert_eq!(head.checksums, [claim]);
            let layout: Vec<_> = head.parts.iter().map(|part| part.size_bytes as usize).collect();
            assert_eq!(layout, sizes);
            assert_eq!(house.read(&bucket, "k", None).await.expect("read"), body);
        });
    }
}
