//! Uploads in parts.

use md5::{Digest as _, Md5};

use crate::client::{Client, Framing};
use crate::world::World;

const MIB: usize = 1024 * 1024;

async fn world(name: &str) -> (World, Client) {
    let world = World::new(name).await;
    let client = world.tenant("alpha").await;
    client.put("/bkt").send().await.expect_status(200);
    (world, client)
}

fn document(parts: &[(u32, String)]) -> String {
    let parts: String = parts
        .iter()
        .map(|(number, etag)| {
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
        })
        .collect();
    format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>")
}

/// The same with the checksum of each part.
fn with_sums(parts: &[(u32, String)], sums: &[String]) -> String {
    let parts: String = parts
        .iter()
        .zip(sums)
        .map(|((number, etag), sum)| {
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag><ChecksumCRC32>{sum}</ChecksumCRC32></Part>")
        })
        .collect();
    format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>")
}

async fn begin(client: &Client, path: &str) -> String {
    let begun = client
        .post(&format!("{path}?uploads"))
        .send()
        .await
        .expect_status(200);
    begun.element("UploadId").expect("an id")
}

async fn part(client: &Client, path: &str, upload: &str, number: u32, body: Vec<u8>) -> String {
    let answer = client
        .put(&format!("{path}?partNumber={number}&uploadId={upload}"))
        .framing(Framing::UnsignedChunksWithTrailer)
        .trailer("x-amz-checksum-crc32", &crc32(&body))
        .body(body)
        .send()
        .await
        .expect_status(200);
    answer.header("etag").to_owned()
}

fn crc32(body: &[u8]) -> String {
    use base64::Engine as _;
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, body);
    base64::engine::general_purpose::STANDARD
        .encode(u32::try_from(crc).expect("32 bits").to_be_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_become_an_object() {
    let (_world, client) = world("parts").await;
    let path = "/bkt/dir/large%20file";
    let upload = begin(&client, path).await;
    let first = vec![b'a'; 5 * MIB];
    let second = vec![b'b'; 6 * MIB];
    let third = vec![b'c'; 1000];
    let mut etags = Vec::new();
    for (number, body) in [(2, &second), (7, &third), (1, &first)] {
        etags.push((
            number,
            part(&client, path, &upload, number, body.clone()).await,
        ));
    }
    // A part sent again takes the place of the one before.
    part(&client, path, &upload, 9, vec![b'x'; 10]).await;
    etags.sort();
    let listed = client
        .get(&format!("{path}?uploadId={upload}&max-parts=2"))
        .send()
        .await
        .expect_status(200);
    assert_eq!(listed.element("IsTruncated").as_deref(), Some("true"));
    assert_eq!(listed.element("NextPartNumberMarker").as_deref(), Some("2"));
    let uploads = client.get("/bkt?uploads").send().await.expect_status(200);
    assert_eq!(
        uploads.element("UploadId").as_deref(),
        Some(upload.as_str())
    );
    let rolled = client
        .get("/bkt?uploads&delimiter=/")
        .send()
        .await
        .expect_status(200);
    assert_eq!(
        rolled.element("CommonPrefixes").as_deref(),
        Some("<Prefix>dir/</Prefix>")
    );
    let done = client
        .post(&format!("{path}?uploadId={upload}"))
        .body(document(&etags))
        .send()
        .await
        .expect_status(200);
    assert!(
        done.header("x-onshore-leaf").parse::<u64>().is_ok(),
        "a receipt"
    );
    let whole = [first.as_slice(), &second, &third].concat();
    let md5s: Vec<u8> = [&first, &second, &third]
        .iter()
        .flat_map(Md5::digest)
        .collect();
    let etag = format!("\"{}-3\"", hex::encode(Md5::digest(md5s)));
    assert_eq!(done.element("ETag"), Some(etag.clone()));
    let got = client.get(path).send().await.expect_status(200);
    assert_eq!(got.header("etag"), etag);
    assert!(got.body == whole);
    let got = client
        .get(&format!("{path}?partNumber=2"))
        .send()
        .await
        .expect_status(206);
    assert!(got.body == second);
    assert_eq!(got.header("x-amz-mp-parts-count"), "3");
    let around = format!("bytes={}-{}", 5 * MIB - 2, 5 * MIB + 1);
    let got = client
        .get(path)
        .header("range", &around)
        .send()
        .await
        .expect_status(206);
    assert_eq!(got.text(), "aabb");
    client
        .get(&format!("{path}?uploadId={upload}"))
        .send()
        .await
        .expect_code(404, "NoSuchUpload");
    let again = client
        .post(&format!("{path}?uploadId={upload}"))
        .body(document(&etags))
        .send()
        .await;
    let again = again.expect_status(200);
    assert_eq!(
        again.element("ETag").as_deref(),
        done.element("ETag").as_deref()
    );
    etags.pop();
    let other = client
        .post(&format!("{path}?uploadId={upload}"))
        .body(document(&etags))
        .send()
        .await;
    other.expect_code(404, "NoSuchUpload");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completion_that_does_not_fit_leaves_the_upload_as_it_was() {
    let (_world, client) = world("misfit").await;
    let path = "/bkt/key";
    let upload = begin(&client, path).await;
    let small = part(&client, path, &upload, 1, vec![b'a'; 100]).await;
    let other = part(&client, path, &upload, 2, vec![b'b'; 100]).await;
    let complete = |parts: &[(u32, String)]| {
        client
            .post(&format!("{path}?uploadId={upload}"))
            .body(document(parts))
            .send()
    };
    for (parts, code) in [
        (
            vec![(1, small.clone()), (2, other.clone())],
            "EntityTooSmall",
        ),
        (
            vec![(2, other.clone()), (1, small.clone())],
            "InvalidPartOrder",
        ),
        (
            vec![(1, small.clone()), (1, small.clone())],
            "InvalidPartOrder",
        ),
        (vec![(3, small.clone())], "InvalidPart"),
        (vec![(1, "\"nonsense\"".to_owned())], "InvalidPart"),
        (vec![], "MalformedXML"),
        (vec![(0, small.clone())], "InvalidArgument"),
    ] {
        complete(&parts).await.expect_code(400, code);
    }
    for bad in ["<CompleteMultipartUpload>", "<x/>", ""] {
        let answer = client
            .post(&format!("{path}?uploadId={upload}"))
            .body(bad)
            .send()
            .await;
        assert_eq!(answer.status, 400, "{bad}: {}", answer.text());
    }
    complete(&[(1, small)]).await.expect_status(200);
    assert_eq!(
        client.get(path).send().await.expect_status(200).body,
        vec![b'a'; 100]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_are_aborted_and_numbers_have_bounds() {
    let (_world, client) = world("aborted").await;
    let path = "/bkt/key";
    let upload = begin(&client, path).await;
    for number in ["0", "10001", "-1", "x"] {
        let answer = client
            .put(&format!("{path}?partNumber={number}&uploadId={upload}"))
            .body("x")
            .send()
            .await;
        answer.expect_code(400, "InvalidArgument");
    }
    part(&client, path, &upload, 10_000, vec![1]).await;
    let elsewhere = client
        .put(&format!("/bkt/other?partNumber=1&uploadId={upload}"))
        .body("x")
        .send()
        .await;
    elsewhere.expect_code(404, "NoSuchUpload");
    client
        .delete(&format!("{path}?uploadId={upload}"))
        .send()
        .await
        .expect_status(204);
    client
        .delete(&format!("{path}?uploadId={upload}"))
        .send()
        .await
        .expect_code(404, "NoSuchUpload");
    client
        .put(&format!("{path}?partNumber=1&uploadId={upload}"))
        .body("x")
        .send()
        .await
        .expect_code(404, "NoSuchUpload");
    client
        .get(&format!("{path}?uploadId=nonsense"))
        .send()
        .await
        .expect_code(404, "NoSuchUpload");
    client.get(path).send().await.expect_code(404, "NoSuchKey");
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_copied_by_range() {
    let (_world, client) = world("part-copy").await;
    let body: Vec<u8> = (0..100_u8).collect();
    client
        .put("/bkt/source")
        .body(body.clone())
        .send()
        .await
        .expect_status(200);
    let upload = begin(&client, "/bkt/key").await;
    let target = format!("/bkt/key?partNumber=1&uploadId={upload}");
    let copy = |range: &str| {
        client
            .put(&target)
            .header("x-amz-copy-source", "bkt/source")
            .header("x-amz-copy-source-range", range)
            .send()
    };
    for bad in ["bytes=0-100", "bytes=50-", "bytes=-5", "0-5", "bytes=5-3"] {
        copy(bad).await.expect_code(400, "InvalidArgument");
    }
    let done = copy("bytes=10-19").await.expect_status(200);
    let etag = done.element("ETag").expect("an etag");
    let complete = client
        .post(&format!("/bkt/key?uploadId={upload}"))
        .body(document(&[(1, etag)]));
    complete.send().await.expect_status(200);
    assert_eq!(
        client.get("/bkt/key").send().await.expect_status(200).body,
        body[10..20]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn checksums_of_parts_make_that_of_the_whole() {
    let (_world, client) = world("part-checksums").await;
    for (kind, is_composite) in [("COMPOSITE", true), ("FULL_OBJECT", false)] {
        let begun = client
            .post("/bkt/key?uploads")
            .header("x-amz-checksum-algorithm", "CRC32")
            .header("x-amz-checksum-type", kind)
            .send()
            .await
            .expect_status(200);
        let upload = begun.element("UploadId").expect("an id");
        let bodies = [vec![b'a'; 5 * MIB], vec![b'b'; 10]];
        let mut etags = Vec::new();
        for (number, body) in (1..).zip(&bodies) {
            etags.push((
                number,
                part(&client, "/bkt/key", &upload, number, body.clone()).await,
            ));
        }
        let target = format!("/bkt/key?uploadId={upload}");
        let sums: Vec<String> = bodies.iter().map(|body| crc32(body)).collect();
        let told = with_sums(&etags, &sums);
        if is_composite {
            let bare = client.post(&target).body(document(&etags)).send().await;
            bare.expect_code(400, "InvalidRequest");
        }
        let value = if is_composite {
            "AAAAAA==-2"
        } else {
            "AAAAAA=="
        };
        let wrong = client
            .post(&target)
            .header("x-amz-checksum-crc32", value)
            .body(told.clone());
        wrong.send().await.expect_code(400, "BadDigest");
        let size = (5 * MIB + 10).to_string();
        let wrong = client
            .post(&target)
            .header("x-amz-mp-object-size", "7")
            .body(told.clone());
        wrong.send().await.expect_code(400, "InvalidRequest");
        let whole = crc32(&bodies.concat());
        let mut done = client
            .post(&target)
            .header("x-amz-mp-object-size", &size)
            .body(told);
        if !is_composite {
            done = done.header("x-amz-checksum-crc32", &whole);
        }
        let done = done.send().await.expect_status(200);
        let told = done.element("ChecksumCRC32").expect("a checksum");
        assert_eq!(told.ends_with("-2"), is_composite, "{told}");
        assert!(is_composite || told == whole);
        let head = client
            .head("/bkt/key")
            .header("x-amz-checksum-mode", "ENABLED")
            .send()
            .await
            .expect_status(200);
        assert_eq!(head.header("x-amz-checksum-crc32"), told);
        assert_eq!(head.header("x-amz-checksum-type"), kind);
    }
    let bad = client
        .post("/bkt/key?uploads")
        .header("x-amz-checksum-algorithm", "SHA256")
        .header("x-amz-checksum-type", "FULL_OBJECT")
        .send()
        .await;
    bad.expect_code(400, "InvalidRequest");
}
