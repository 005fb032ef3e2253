//! Uploads in parts: what is listed becomes the object, in order, without a copy; everything else goes.

use md5::{Digest, Md5};
use onshore_policy::Flow;
use onshore_store::{
    Bucket, Checks, Checksum, ChecksumAlgorithm, ChecksumKind, Committed, CompletePart, Completion,
    Error, More, NewUpload, PART_BYTES_MIN, Part, PartsQuery, UploadsQuery, WriteCondition,
};
use onshore_types::{ByteRange, Label, UploadId};
use proptest::prelude::*;

use crate::house::{
    Ask, House, chunks, declared, general, issue, key, label, noise, run, said, scanner,
};

const MIN: usize = PART_BYTES_MIN as usize;

pub(crate) async fn begin(house: &House, bucket: &Bucket, new: NewUpload) -> UploadId {
    let (store, permit, now) = (
        house.store.clone(),
        house.permit(Flow::Change, bucket, "k"),
        house.now(),
    );
    house
        .db
        .write(move |unit| store.create_upload(unit, &permit, &new, &said("k", &new.object), now))
        .await
        .expect("begun")
}

pub(crate) fn plain() -> NewUpload {
    NewUpload {
        object: general(),
        checksum: None,
    }
}

pub(crate) async fn send(
    house: &House,
    bucket: &Bucket,
    upload: UploadId,
    number: u32,
    body: &[u8],
    wanted: &[ChecksumAlgorithm],
) -> Result<Part, Error> {
    let permit = house.permit(Flow::Store, bucket, "k");
    let checks = Checks {
        wanted: wanted.to_vec(),
        ..Checks::default()
    };
    let staged = house
        .store
        .stage_part(&permit, number, chunks(body, 1 << 17), &checks)
        .await?;
    let (store, now) = (house.store.clone(), house.now());
    house
        .db
        .write(move |unit| store.commit_part(unit, &permit, &staged, upload, None, now))
        .await
}

fn listed(part: &Part) -> CompletePart {
    CompletePart {
        number: part.number,
        etag: part.md5.clone(),
        checksums: Vec::new(),
    }
}

pub(crate) async fn complete(
    house: &House,
    bucket: &Bucket,
    upload: UploadId,
    completion: Completion,
) -> Result<Committed, Error> {
    let (store, permit, now) = (
        house.store.clone(),
        house.permit(Flow::Store, bucket, "k"),
        house.now(),
    );
    let looked = house
        .store
        .scan_parts(&permit, upload, &completion.parts, scanner())
        .await?;
    house
        .db
        .write(move |unit| store.complete_upload(unit, &permit, upload, &completion, &looked, now))
        .await
}

pub(crate) fn of_parts(parts: &[&Part]) -> Completion {
    Completion {
        parts: parts.iter().map(|part| listed(part)).collect(),
        ..Completion::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_become_an_object_in_order() {
    let house = House::new();
    let bucket = house.bucket("parts", None).await;
    let bodies = [noise(MIN, 1), noise(MIN + 70_001, 2), noise(1000, 3)];
    let new = NewUpload {
        object: declared("personal"),
        checksum: Some((ChecksumAlgorithm::Crc64Nvme, ChecksumKind::FullObject)),
    };
    let upload = begin(&house, &bucket, new).await;
    let wanted = [ChecksumAlgorithm::Crc64Nvme];
    // Sent out of order, one twice, one that will not be listed.
    let third = send(&house, &bucket, upload, 9, &bodies[2], &wanted)
        .await
        .expect("sent");
    send(&house, &bucket, upload, 1, &noise(MIN, 99), &wanted)
        .await
        .expect("sent");
    let first = send(&house, &bucket, upload, 1, &bodies[0], &wanted)
        .await
        .expect("sent");
    send(&house, &bucket, upload, 5, &noise(MIN, 98), &wanted)
        .await
        .expect("sent");
    let second = send(&house, &bucket, upload, 4, &bodies[1], &wanted)
        .await
        .expect("sent");

    let whole = bodies.concat();
    let crc = Checksum {
        algorithm: ChecksumAlgorithm::Crc64Nvme,
        kind: ChecksumKind::FullObject,
        value: crc_fast::crc64_nvme(&whole).to_be_bytes().to_vec(),
    };
    let good = Completion {
        claims: vec![crc.clone()],
        size_bytes: Some(whole.len() as u64),
        ..of_parts(&[&first, &second, &third])
    };
    let mut wrong_crc = good.clone();
    wrong_crc.claims[0].value[0] ^= 1;
    assert!(matches!(
        complete(&house, &bucket, upload, wrong_crc).await,
        Err(Error::ChecksumMismatch(_))
    ));
    let wrong_size = Completion {
        size_bytes: Some(1),
        ..good.clone()
    };
    assert!(matches!(
        complete(&house, &bucket, upload, wrong_size).await,
        Err(Error::BodyLength { .. })
    ));

    let committed = complete(&house, &bucket, upload, good.clone())
        .await
        .expect("completed");
    let md5s: Vec<u8> = bodies
        .iter()
        .flat_map(|body| Md5::digest(body).to_vec())
        .collect();
    assert_eq!(
        committed.etag,
        format!("{}-3", hex::encode(Md5::digest(&md5s)))
    );
    assert_eq!(committed.label, label("personal"));
    assert!(matches!(
        complete(&house, &bucket, upload, good).await,
        Err(Error::NoSuchUpload)
    ));

    let head = house.head(&bucket, "k").await.expect("a head");
    assert_eq!(head.checksums, [crc]);
    assert_eq!(
        head.parts
            .iter()
            .map(|part| part.number)
            .collect::<Vec<_>>(),
        [1, 4, 9]
    );
    house.store.drain().await;
    assert_eq!(
        house.files().len(),
        2,
        "two large parts; the small one is a row"
    );
    let house = house.reopened();
    assert_eq!(house.read(&bucket, "k", None).await.expect("read"), whole);
    for (start, len_bytes) in [
        (MIN - 1, 2),
        (2 * MIN + 70_000, 1001),
        (MIN - 70_000, 200_000),
        (whole.len() - 1, 1),
    ] {
        let range = ByteRange {
            start: start as u64,
            len_bytes: len_bytes as u64,
        };
        let read = house.read(&bucket, "k", Some(range)).await.expect("read");
        assert_eq!(read, &whole[start..start + len_bytes]);
    }
    assert!(house.remove(&bucket, "k").await);
    house.store.drain().await;
    assert!(house.files().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_list_of_parts_is_refused_and_changes_nothing() {
    let house = House::new();
    let bucket = house.bucket("wrong", None).await;
    let upload = begin(&house, &bucket, plain()).await;
    let small = send(&house, &bucket, upload, 1, &noise(MIN - 1, 1), &[])
        .await
        .expect("sent");
    let large = send(&house, &bucket, upload, 2, &noise(MIN, 2), &[])
        .await
        .expect("sent");
    let last = send(&house, &bucket, upload, 3, b"x", &[])
        .await
        .expect("sent");
    let unknown = Part {
        number: 4,
        ..last.clone()
    };
    let other_etag = Part {
        md5: small.md5.clone(),
        ..last.clone()
    };
    let refused = |parts: &[&Part]| complete(&house, &bucket, upload, of_parts(parts));
    assert!(matches!(refused(&[]).await, Err(Error::InvalidPartOrder)));
    assert!(matches!(
        refused(&[&last, &large]).await,
        Err(Error::InvalidPartOrder)
    ));
    assert!(matches!(
        refused(&[&large, &large]).await,
        Err(Error::InvalidPartOrder)
    ));
    assert!(matches!(
        refused(&[&large, &unknown]).await,
        Err(Error::InvalidPart { number: 4 })
    ));
    assert!(matches!(
        refused(&[&large, &other_etag]).await,
        Err(Error::InvalidPart { number: 3 })
    ));
    assert!(matches!(
        refused(&[&small, &last]).await,
        Err(Error::PartTooSmall { number: 1, .. })
    ));
    let claimed = Completion {
        claims: vec![Checksum {
            algorithm: ChecksumAlgorithm::Sha1,
            kind: ChecksumKind::Composite,
            value: vec![0; 20],
        }],
        ..of_parts(&[&last])
    };
    assert!(matches!(
        complete(&house, &bucket, upload, claimed).await,
        Err(Error::ChecksumNotComputed(_))
    ));
    let conditional = Completion {
        condition: WriteCondition::Absent,
        ..of_parts(&[&large, &last])
    };
    let before = house.write(&bucket, "k", b"before").await;
    assert!(matches!(
        complete(&house, &bucket, upload, conditional).await,
        Err(Error::ConditionFailed { current: Some((version, _)) }) if version == before.version
    ));
    assert_eq!(
        house.read(&bucket, "k", None).await.expect("read"),
        b"before"
    );
    complete(&house, &bucket, upload, of_parts(&[&large, &last]))
        .await
        .expect("completed");
    for number in [0, 10_001] {
        assert!(matches!(
            send(&house, &bucket, upload, number, b"x", &[]).await,
            Err(Error::BadPartNumber)
        ));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn composite_checksums_are_those_of_the_parts() {
    let house = House::new();
    let bucket = house.bucket("composite", None).await;
    for algorithm in [ChecksumAlgorithm::Sha256, ChecksumAlgorithm::Crc32] {
        let new = NewUpload {
            checksum: Some((algorithm, ChecksumKind::Composite)),
            ..plain()
        };
        let upload = begin(&house, &bucket, new).await;
        let described = house
            .store
            .describe_upload(&bucket, &key("k"), upload)
            .await
            .expect("a look")
            .expect("there");
        assert_eq!(
            described.checksum,
            Some((algorithm, ChecksumKind::Composite))
        );
        assert_eq!(described.label, Label::GENERAL);
        let part = send(&house, &bucket, upload, 1, b"123456789", &[algorithm])
            .await
            .expect("sent");
        let mut list = of_parts(&[&part]);
        list.parts[0].checksums.clone_from(&part.checksums);
        let mut wrong = list.clone();
        wrong.parts[0].checksums[0].value[0] ^= 1;
        assert!(matches!(
            complete(&house, &bucket, upload, wrong).await,
            Err(Error::InvalidPart { number: 1 })
        ));
        let committed = complete(&house, &bucket, upload, list)
            .await
            .expect("completed");
        let expected = match algorithm {
            ChecksumAlgorithm::Crc32 => crc_fast::crc32_iso_hdlc(&part.checksums[0].value)
                .to_be_bytes()
                .to_vec(),
            _ => ring::digest::digest(&ring::digest::SHA256, &part.checksums[0].value)
                .as_ref()
                .to_vec(),
        };
        assert_eq!(committed.checksums[0].value, expected);
    }
    let (store, permit, now) = (
        house.store.clone(),
        house.permit(Flow::Change, &bucket, "k"),
        house.now(),
    );
    let new = NewUpload {
        checksum: Some((ChecksumAlgorithm::Sha1, ChecksumKind::FullObject)),
        ..plain()
    };
    let refused = house
        .db
        .write(move |unit| store.create_upload(unit, &permit, &new, &said("k", &new.object), now))
        .await;
    assert!(matches!(refused, Err(Error::ChecksumNotComputed(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_upload_leaves_nothing() {
    let house = House::new();
    let bucket = house.bucket("aborted", None).await;
    let upload = begin(&house, &bucket, plain()).await;
    send(&house, &bucket, upload, 1, &noise(300_000, 1), &[])
        .await
        .expect("sent");
    send(&house, &bucket, upload, 2, b"small", &[])
        .await
        .expect("sent");
    let abort = || {
        let (store, permit) = (
            house.store.clone(),
            house.permit(Flow::Change, &bucket, "k"),
        );
        house
            .db
            .write(move |unit| store.abort_upload(unit, &permit, upload))
    };
    let (store, permit) = (
        house.store.clone(),
        house.permit(Flow::Change, &bucket, "other"),
    );
    let other_key = house
        .db
        .write(move |unit| store.abort_upload(unit, &permit, upload))
        .await;
    assert!(matches!(other_key, Err(Error::NoSuchUpload)));
    abort().await.expect("aborted");
    assert!(matches!(abort().await, Err(Error::NoSuchUpload)));
    assert!(matches!(
        send(&house, &bucket, upload, 3, b"late", &[]).await,
        Err(Error::NoSuchUpload)
    ));
    house.store.drain().await;
    assert!(house.files().is_empty());

    // A bucket with nothing but an upload under way can go, and takes it along.
    let upload = begin(&house, &bucket, plain()).await;
    send(&house, &bucket, upload, 1, &noise(300_000, 1), &[])
        .await
        .expect("sent");
    let permit = issue(&Ask {
        key: None,
        ..house.ask(Flow::Change, &bucket, "none")
    });
    let (store, id) = (house.store.clone(), bucket.id);
    house
        .db
        .write(move |unit| store.remove_bucket(unit, &permit, id))
        .await
        .expect("removed");
    house.store.drain().await;
    assert!(house.files().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_and_uploads_are_listed_page_by_page() {
    let house = House::new();
    let bucket = house.bucket("pages", None).await;
    let mut uploads = Vec::new();
    for _ in 0..3 {
        uploads.push(begin(&house, &bucket, plain()).await);
    }
    uploads.sort();
    for number in [7, 2, 10_000] {
        send(&house, &bucket, uploads[0], number, b"part", &[])
            .await
            .expect("sent");
    }
    let inspect = || issue(&house.ask(Flow::Inspect, &bucket, "k"));
    let page = house
        .store
        .list_parts(inspect(), uploads[0], PartsQuery { after: 0, limit: 2 })
        .await
        .expect("a page");
    assert_eq!(
        page.parts
            .iter()
            .map(|entry| entry.part.number)
            .collect::<Vec<_>>(),
        [2, 7]
    );
    assert_eq!(page.more, More::Follows);
    let page = house
        .store
        .list_parts(inspect(), uploads[0], PartsQuery { after: 7, limit: 2 })
        .await
        .expect("a page");
    assert_eq!((page.parts.len(), page.more), (1, More::End));

    let query = |after, limit| UploadsQuery {
        prefix: "k".to_owned(),
        after,
        limit,
    };
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = house
            .store
            .list_uploads(house.permit_to_list(&bucket), query(after, 1))
            .await
            .expect("a page");
        seen.extend(page.uploads.iter().map(|entry| entry.upload));
        if page.more == More::End {
            break;
        }
        after = page
            .uploads
            .last()
            .map(|entry| (entry.key.as_str().to_owned(), Some(entry.upload)));
    }
    assert_eq!(seen, uploads);
    let behind = query(Some(("k".to_owned(), None)), 9);
    let page = house
        .store
        .list_uploads(house.permit_to_list(&bucket), behind)
        .await
        .expect("a page");
    assert!(page.uploads.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_parts_are_found() {
    let house = House::new();
    let bucket = house.bucket("damaged", None).await;
    let upload = begin(&house, &bucket, plain()).await;
    let first = send(&house, &bucket, upload, 1, &noise(MIN, 1), &[])
        .await
        .expect("sent");
    let second = send(&house, &bucket, upload, 2, &noise(MIN, 2), &[])
        .await
        .expect("sent");
    let swap = || {
        house.db.write(move |unit| {
            let rows = unit.all(
                "SELECT number, facts FROM parts",
                onshore_db::params![],
                |row| Ok((row.get::<_, u32>(0)?, row.get::<_, Vec<u8>>(1)?)),
            )?;
            for (number, facts) in rows {
                unit.execute(
                    "UPDATE parts SET facts = ?2 WHERE number = ?1",
                    onshore_db::params![3 - number, facts],
                )?;
            }
            Ok::<_, Error>(())
        })
    };
    swap().await.expect("swapped");
    let completed = complete(&house, &bucket, upload, of_parts(&[&first, &second])).await;
    assert!(
        matches!(completed, Err(Error::CorruptRecord(_))),
        "{completed:?}"
    );
    swap().await.expect("swapped back");
    complete(&house, &bucket, upload, of_parts(&[&first, &second]))
        .await
        .expect("completed");
    let files = house.files();
    let (a, b) = (
        std::fs::read(&files[0]).expect("a"),
        std::fs::read(&files[1]).expect("b"),
    );
    std::fs::write(&files[0], b).expect("swapped");
    std::fs::write(&files[1], a).expect("swapped");
    assert!(matches!(
        house.read(&bucket, "k", None).await,
        Err(Error::Corrupt { .. })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Sending parts in any order, again and again, is what a map from number to body does.
    #[test]
    fn an_upload_is_a_map_of_parts(sent in prop::collection::vec((1..6u32, 0..200_000usize), 1..12)) {
        run(async {
            let house = House::new();
            let bucket = house.bucket("model", None).await;
            let upload = begin(&house, &bucket, plain()).await;
            let mut model = std::collections::BTreeMap::new();
            for (seed, (number, size)) in (1..).zip(sent) {
                let body = noise(size, seed);
                let part = send(&house, &bucket, upload, number, &body, &[]).await.expect("sent");
                assert_eq!(part.md5, hex::encode(Md5::digest(&body)));
                model.insert(number, (part, body));
            }
            let permit = issue(&house.ask(Flow::Inspect, &bucket, "k"));
            let page = house.store.list_parts(permit, upload, PartsQuery { after: 0, limit: 100 }).await.expect("a page");
            let listed: Vec<_> = page.parts.into_iter().map(|entry| entry.part).collect();
            let expected: Vec<_> = model.values().map(|(part, _)| part.clone()).collect();
            assert_eq!(listed, expected);
            let (last, body) = model.values().last().expect("one part");
            complete(&house, &bucket, upload, of_parts(&[last])).await.expect("completed");
            assert_eq!(&house.read(&bucket, "k", None).await.expect("read"), body);
            house.store.drain().await;
            assert_eq!(house.files().len(), usize::from(body.len() > 64 << 10));
        });
    }
}
