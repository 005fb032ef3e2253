//! Buckets and objects as S3 has them.

use crate::client::Client;
use crate::world::World;

async fn world(name: &str) -> (World, Client) {
    let world = World::new(name).await;
    let client = world.tenant("alpha").await;
    client.put("/bkt").send().await.expect_status(200);
    (world, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_come_and_go() {
    let (world, client) = world("buckets").await;
    client
        .put("/bkt")
        .send()
        .await
        .expect_code(409, "BucketAlreadyOwnedByYou");
    let other = world.tenant("beta").await;
    other
        .put("/bkt")
        .send()
        .await
        .expect_code(409, "BucketAlreadyExists");
    let here = "<CreateBucketConfiguration><LocationConstraint>cn-north-1</LocationConstraint></CreateBucketConfiguration>";
    client
        .put("/here")
        .body(here)
        .send()
        .await
        .expect_status(200);
    let there = here.replace("cn-north-1", "us-west-2");
    client
        .put("/there")
        .body(there)
        .send()
        .await
        .expect_code(400, "IllegalLocationConstraintException");
    client
        .put("/UPPER")
        .send()
        .await
        .expect_code(400, "InvalidBucketName");
    let head = client.head("/bkt").send().await.expect_status(200);
    assert_eq!(head.header("x-amz-bucket-region"), "cn-north-1");
    let location = client.get("/bkt?location").send().await.expect_status(200);
    assert!(
        location.text().contains(">cn-north-1</LocationConstraint>"),
        "{}",
        location.text()
    );
    let list = client.get("/").send().await.expect_status(200).text();
    assert!(list.contains("<Name>bkt</Name>") && list.contains("<Name>here</Name>"));
    assert!(
        !other
            .get("/")
            .send()
            .await
            .expect_status(200)
            .text()
            .contains("<Name>")
    );
    client.put("/bkt/key").send().await.expect_status(200);
    client
        .delete("/bkt")
        .send()
        .await
        .expect_code(409, "BucketNotEmpty");
    client.delete("/bkt/key").send().await.expect_status(204);
    client.delete("/bkt").send().await.expect_status(204);
    client.head("/bkt").send().await.expect_status(404);
    client
        .get("/bkt/key")
        .send()
        .await
        .expect_code(404, "NoSuchBucket");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_is_read() {
    let (_world, client) = world("written").await;
    let body: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let put = client
        .put("/bkt/key")
        .header("content-type", "text/x")
        .header("cache-control", "no-cache")
        .header("content-disposition", "attachment; filename=\"文.txt\"")
        .header("expires", "whenever")
        .header("x-amz-meta-plain", "a  b")
        .header("x-amz-meta-word", "=?UTF-8?B?5paH?=")
        .header("x-amz-meta-raw", "文")
        .header("x-amz-tagging", "a=1&b=%E6%96%87")
        .body(body.clone())
        .send()
        .await
        .expect_status(200);
    assert!(
        put.header("x-onshore-leaf").parse::<u64>().is_ok(),
        "a receipt"
    );
    let got = client.get("/bkt/key").send().await.expect_status(200);
    assert_eq!(got.body, body);
    for (name, value) in [
        ("content-type", "text/x"),
        ("cache-control", "no-cache"),
        ("content-disposition", "attachment; filename=\"文.txt\""),
        ("expires", "whenever"),
        ("x-amz-meta-plain", "a  b"),
        ("x-amz-meta-word", "=?UTF-8?B?5paH?="),
        ("x-amz-meta-raw", "=?UTF-8?B?5paH?="),
        ("x-amz-tagging-count", "2"),
        ("accept-ranges", "bytes"),
        ("last-modified", "Tue, 05 May 2026 12:00:00 GMT"),
        ("etag", put.header("etag")),
    ] {
        assert_eq!(got.header(name), value, "{name}");
    }
    let head = client.head("/bkt/key").send().await.expect_status(200);
    assert_eq!(head.header("content-length"), "4000000");
    assert_eq!(head.header("content-type"), "text/x");
    let tags = client
        .get("/bkt/key?tagging")
        .send()
        .await
        .expect_status(200)
        .text();
    assert!(tags.contains("<Key>b</Key><Value>文</Value>"), "{tags}");
    let wished = client
        .get("/bkt/key?response-content-type=a/b&response-expires=Wed, 21 Oct 2015 07:28:00 GMT")
        .send()
        .await
        .expect_status(200);
    assert_eq!(wished.header("content-type"), "a/b");
    assert_eq!(wished.header("expires"), "Wed, 21 Oct 2015 07:28:00 GMT");
    let bad = client
        .put("/bkt/x")
        .header("x-amz-meta-onshore-class", "secret")
        .send()
        .await;
    let bad = bad.expect_code(400, "InvalidArgument");
    assert!(bad.text().contains("sensitive-personal"), "{}", bad.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_and_conditions_follow_the_rfc() {
    let (_world, client) = world("ranges").await;
    let body: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
    let put = client
        .put("/bkt/key")
        .body(body.clone())
        .send()
        .await
        .expect_status(200);
    client.put("/bkt/empty").send().await.expect_status(200);
    let etag = put.header("etag").to_owned();
    for (range, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=65535-65536", 65_535, 65_537),
        ("bytes=199999-", 199_999, 200_000),
        ("bytes=-3", 199_997, 200_000),
        ("bytes=100-999999", 100, 200_000),
    ] {
        let got = client
            .get("/bkt/key")
            .header("range", range)
            .send()
            .await
            .expect_status(206);
        assert_eq!(got.body, body[from..to], "{range}");
        assert_eq!(
            got.header("content-range"),
            format!("bytes {from}-{}/200000", to - 1)
        );
        let head = client
            .head("/bkt/key")
            .header("range", range)
            .send()
            .await
            .expect_status(206);
        assert_eq!(head.header("content-length"), (to - from).to_string());
    }
    for range in ["bytes=0-1,3-4", "bytes=5-3", "lines=1-2"] {
        let got = client
            .get("/bkt/key")
            .header("range", range)
            .send()
            .await
            .expect_status(200);
        assert_eq!(got.body.len(), body.len(), "{range}");
    }
    for (path, range) in [
        ("/bkt/key", "bytes=200000-"),
        ("/bkt/empty", "bytes=0-"),
        ("/bkt/key", "bytes=-0"),
    ] {
        let answer = client
            .get(path)
            .header("range", range)
            .send()
            .await
            .expect_code(416, "InvalidRange");
        assert!(answer.element("ActualObjectSize").is_some());
    }
    let past = "Mon, 04 May 2026 12:00:00 GMT";
    let future = "Wed, 06 May 2026 12:00:00 GMT";
    for (name, value, status) in [
        ("if-match", etag.as_str(), 200),
        ("if-match", "\"other\"", 412),
        ("if-match", "*", 200),
        ("if-none-match", etag.as_str(), 304),
        ("if-none-match", "\"other\", \"more\"", 200),
        ("if-none-match", "*", 304),
        ("if-modified-since", past, 200),
        ("if-modified-since", future, 304),
        ("if-modified-since", "nonsense", 200),
        ("if-unmodified-since", past, 412),
        ("if-unmodified-since", future, 200),
    ] {
        let got = client.get("/bkt/key").header(name, value).send().await;
        assert_eq!(got.status, status, "{name}: {value}");
        let head = client.head("/bkt/key").header(name, value).send().await;
        assert_eq!(head.status, status, "HEAD {name}: {value}");
        if status == 304 {
            assert_eq!(got.header("etag"), etag);
            assert!(got.body.is_empty());
        }
    }
    let got = client
        .get("/bkt/key")
        .header("range", "bytes=0-1")
        .header("if-range", "\"other\"")
        .send()
        .await;
    assert_eq!(got.expect_status(200).body.len(), body.len());
    let got = client
        .get("/bkt/key?partNumber=1")
        .send()
        .await
        .expect_status(206);
    assert_eq!(got.body.len(), body.len());
    client
        .get("/bkt/key?partNumber=2")
        .send()
        .await
        .expect_code(416, "InvalidPartNumber");
    client
        .get("/bkt/key?partNumber=0")
        .send()
        .await
        .expect_code(400, "InvalidArgument");
}

#[tokio::test(flavor = "multi_thread")]
async fn conditional_writes_happen_once() {
    let (_world, client) = world("conditional").await;
    let absent = |client: &Client| {
        client
            .put("/bkt/key")
            .header("if-none-match", "*")
            .body("first")
    };
    let put = absent(&client).send().await.expect_status(200);
    absent(&client)
        .send()
        .await
        .expect_code(412, "PreconditionFailed");
    let etag = put.header("etag").to_owned();
    client
        .put("/bkt/key")
        .header("if-match", "\"other\"")
        .send()
        .await
        .expect_code(412, "PreconditionFailed");
    client
        .put("/bkt/key")
        .header("if-match", &etag)
        .body("second")
        .send()
        .await
        .expect_status(200);
    client
        .put("/bkt/key")
        .header("if-match", &etag)
        .send()
        .await
        .expect_code(412, "PreconditionFailed");
    client
        .put("/bkt/none")
        .header("if-match", &etag)
        .send()
        .await
        .expect_code(404, "NoSuchKey");
    client
        .delete("/bkt/key")
        .header("if-match", &etag)
        .send()
        .await
        .expect_code(412, "PreconditionFailed");
    assert_eq!(
        client
            .get("/bkt/key")
            .send()
            .await
            .expect_status(200)
            .text(),
        "second"
    );
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let request = client
            .put("/bkt/race")
            .header("if-none-match", "*")
            .body("x");
        racers.spawn(request.send());
    }
    let won = racers
        .join_all()
        .await
        .iter()
        .filter(|answer| answer.status == 200)
        .count();
    assert_eq!(won, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_take_or_replace_what_is_said() {
    let (_world, client) = world("copies").await;
    client
        .put("/bkt/a%20b%2B")
        .header("content-type", "text/x")
        .header("x-amz-meta-m", "1")
        .header("x-amz-tagging", "t=1")
        .body("body")
        .send()
        .await
        .expect_status(200);
    let copy = |to: &str| client.put(to).header("x-amz-copy-source", "/bkt/a%20b%2B");
    let done = copy("/bkt/copy").send().await.expect_status(200);
    assert!(done.element("ETag").is_some(), "{}", done.text());
    let got = client.get("/bkt/copy").send().await.expect_status(200);
    assert_eq!(
        (
            got.text().as_str(),
            got.header("x-amz-meta-m"),
            got.header("content-type")
        ),
        ("body", "1", "text/x")
    );
    assert_eq!(got.header("x-amz-tagging-count"), "1");
    copy("/bkt/copy")
        .header("x-amz-metadata-directive", "REPLACE")
        .header("x-amz-tagging-directive", "REPLACE")
        .header("x-amz-meta-n", "2")
        .send()
        .await
        .expect_status(200);
    let got = client.get("/bkt/copy").send().await.expect_status(200);
    assert_eq!(
        (got.header("x-amz-meta-m"), got.header("x-amz-meta-n")),
        ("", "2")
    );
    assert_eq!(got.header("x-amz-tagging-count"), "");
    copy("/bkt/a%20b%2B")
        .send()
        .await
        .expect_code(400, "InvalidRequest");
    copy("/bkt/a%20b%2B")
        .header("x-amz-metadata-directive", "REPLACE")
        .send()
        .await
        .expect_status(200);
    copy("/bkt/x")
        .header("x-amz-copy-source-if-match", "\"other\"")
        .send()
        .await
        .expect_code(412, "PreconditionFailed");
    copy("/bkt/x")
        .header("x-amz-metadata-directive", "MERGE")
        .send()
        .await
        .expect_code(400, "InvalidArgument");
    let absent = client
        .put("/bkt/x")
        .header("x-amz-copy-source", "/bkt/absent")
        .send()
        .await;
    absent.expect_code(404, "NoSuchKey");
    let old = client
        .put("/bkt/x")
        .header("x-amz-copy-source", "/bkt/copy?versionId=abc")
        .send()
        .await;
    old.expect_code(400, "InvalidArgument");
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_have_pages_prefixes_and_delimiters() {
    let (_world, client) = world("listings").await;
    for key in ["a", "b/1", "b/2", "b/3", "c", "d/e/f", "d/g"] {
        client
            .put(&format!("/bkt/{key}"))
            .send()
            .await
            .expect_status(200);
    }
    let names = |text: &str, tag: &str| -> Vec<String> {
        text.split(&format!("<{tag}>"))
            .skip(1)
            .filter_map(|piece| piece.split('<').next())
            .map(str::to_owned)
            .collect()
    };
    let page = client
        .get("/bkt?list-type=2&delimiter=/")
        .send()
        .await
        .expect_status(200)
        .text();
    assert_eq!(names(&page, "Key"), ["a", "c"]);
    assert_eq!(names(&page, "CommonPrefixes><Prefix"), ["b/", "d/"]);
    let page = client
        .get("/bkt?list-type=2&delimiter=/&max-keys=2")
        .send()
        .await
        .expect_status(200);
    assert_eq!(page.element("KeyCount").as_deref(), Some("2"));
    let token = page.element("NextContinuationToken").expect("more follow");
    let page = client
        .get(&format!(
            "/bkt?list-type=2&delimiter=/&continuation-token={token}"
        ))
        .send()
        .await
        .expect_status(200)
        .text();
    assert_eq!(
        (names(&page, "Key"), names(&page, "CommonPrefixes><Prefix")),
        (vec!["c".to_owned()], vec!["d/".to_owned()])
    );
    let page = client
        .get("/bkt?list-type=2&start-after=b/2")
        .send()
        .await
        .expect_status(200)
        .text();
    assert_eq!(names(&page, "Key"), ["b/3", "c", "d/e/f", "d/g"]);
    let page = client
        .get("/bkt?prefix=b/&max-keys=2")
        .send()
        .await
        .expect_status(200);
    assert_eq!(names(&page.text(), "Key"), ["b/1", "b/2"]);
    assert_eq!(page.element("IsTruncated").as_deref(), Some("true"));
    let page = client
        .get("/bkt?prefix=b/&marker=b/2")
        .send()
        .await
        .expect_status(200);
    assert_eq!(names(&page.text(), "Key"), ["b/3"]);
    let page = client
        .get("/bkt?list-type=2&max-keys=0")
        .send()
        .await
        .expect_status(200);
    assert_eq!(page.element("IsTruncated").as_deref(), Some("false"));
    for query in [
        "max-keys=-1",
        "max-keys=x",
        "list-type=2&continuation-token=nonsense!",
    ] {
        client
            .get(&format!("/bkt?{query}"))
            .send()
            .await
            .expect_code(400, "InvalidArgument");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rot_on_disk_is_an_error_and_never_other_bytes() {
    let (world, client) = world("rot").await;
    let body = vec![b'a'; 3_000_000];
    client
        .put("/bkt/key")
        .body(body)
        .send()
        .await
        .expect_status(200);
    let folder = world.folder().join("objects");
    flip(&folder);
    let answer = client.get("/bkt/key").send().await;
    assert!(answer.status == 500 || answer.is_cut, "{}", answer.status);
}

/// Flips one bit in the middle of the largest file beneath a folder.
#[expect(
    clippy::disallowed_methods,
    reason = "the test damages a file of the store on purpose"
)]
fn flip(folder: &std::path::Path) {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("readable") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    let largest = files
        .into_iter()
        .max_by_key(|path| path.metadata().map_or(0, |file| file.len()))
        .expect("a file");
    let mut bytes = std::fs::read(&largest).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&largest, bytes).expect("written");
}
