//! Bodies that must not pass: wrong digests, broken framing, bad documents.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::{Client, Framing, sha256};
use crate::world::World;

async fn world(name: &str) -> (World, Client) {
    let world = World::new(name).await;
    let client = world.tenant("alpha").await;
    client.put("/bkt").send().await.expect_status(200);
    (world, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_held_against_every_digest() {
    let (_world, client) = world("digests").await;
    let body = b"123456789";
    for (name, value) in [
        ("x-amz-checksum-crc32", "y/Q5Jg=="),
        ("x-amz-checksum-crc32c", "4waSgw=="),
        ("x-amz-checksum-crc64nvme", "rosUhgp5mIg="),
        ("x-amz-checksum-sha1", "98O8HYCOBHMq32eZZczDTKeuNEE="),
        (
            "x-amz-checksum-sha256",
            "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
        ),
    ] {
        let path = format!("/bkt/{name}");
        let good = client
            .put(&path)
            .header(name, value)
            .body(&body[..])
            .send()
            .await
            .expect_status(200);
        assert_eq!(good.header(name), value);
        let head = client
            .head(&path)
            .header("x-amz-checksum-mode", "ENABLED")
            .send()
            .await
            .expect_status(200);
        assert_eq!(head.header(name), value);
        assert_eq!(head.header("x-amz-checksum-type"), "FULL_OBJECT");
        assert_eq!(
            client
                .head(&path)
                .send()
                .await
                .expect_status(200)
                .header(name),
            ""
        );
        let bad = client
            .put("/bkt/bad")
            .header(name, value)
            .body("12345678X")
            .send()
            .await;
        bad.expect_code(400, "BadDigest");
        for framing in [
            Framing::UnsignedChunksWithTrailer,
            Framing::SignedChunksWithTrailer,
        ] {
            let sent = |body: &[u8]| {
                client
                    .put(&path)
                    .framing(framing)
                    .trailer(name, value)
                    .body(body)
                    .send()
            };
            let good = sent(body).await.expect_status(200);
            assert_eq!(good.header(name), value);
            sent(b"12345678X").await.expect_code(400, "BadDigest");
        }
        let nonsense = client
            .put("/bkt/bad")
            .header(name, "AAAA")
            .body(&body[..])
            .send()
            .await;
        nonsense.expect_code(400, "InvalidRequest");
    }
    client
        .get("/bkt/bad")
        .send()
        .await
        .expect_code(404, "NoSuchKey");

    let md5 = "JfnnlDI7RTiF9RgfG2JNCw==";
    client
        .put("/bkt/md5")
        .header("content-md5", md5)
        .body(&body[..])
        .send()
        .await
        .expect_status(200);
    let bad = client
        .put("/bkt/bad")
        .header("content-md5", md5)
        .body("12345678X")
        .send()
        .await;
    bad.expect_code(400, "BadDigest");
    let bad = client
        .put("/bkt/bad")
        .header("content-md5", "nonsense")
        .body("x")
        .send()
        .await;
    bad.expect_code(400, "InvalidDigest");
    let other = sha256(b"another body");
    let bad = client
        .put("/bkt/bad")
        .header("x-amz-content-sha256", &other)
        .body(&body[..])
        .send()
        .await;
    bad.expect_code(400, "XAmzContentSHA256Mismatch");
    let bad = client
        .post("/bkt?delete")
        .header("x-amz-content-sha256", &other)
        .body("<Delete><Object><Key>md5</Key></Object></Delete>")
        .send()
        .await;
    bad.expect_code(400, "XAmzContentSHA256Mismatch");
    client
        .get("/bkt/bad")
        .send()
        .await
        .expect_code(404, "NoSuchKey");
    client.get("/bkt/md5").send().await.expect_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn announced_trailers_must_come_and_chunks_must_be_signed() {
    let (_world, client) = world("trailers").await;
    let body = vec![b'a'; 200_000];
    for framing in [Framing::SignedChunks, Framing::Unsigned, Framing::Plain] {
        let answer = client
            .put("/bkt/key")
            .framing(framing)
            .body(body.clone())
            .send()
            .await;
        answer.expect_status(200);
        assert_eq!(
            client.get("/bkt/key").send().await.expect_status(200).body,
            body
        );
    }
    let good = client
        .put("/bkt/key")
        .framing(Framing::SignedChunksWithTrailer)
        .trailer("x-amz-checksum-crc32", "AAAAAA==")
        .body("hello")
        .bytes();
    let text = String::from_utf8_lossy(&good).into_owned();
    // The trailer is left out, changed, or another one comes.
    for (from, to, code) in [
        (
            "x-amz-checksum-crc32:AAAAAA==\r\n",
            "",
            "MalformedTrailerError",
        ),
        (
            "x-amz-checksum-crc32:AAAAAA==",
            "x-amz-checksum-crc32:NhCmhg==",
            "SignatureDoesNotMatch",
        ),
        (
            "\r\nx-amz-checksum-crc32:",
            "\r\nx-amz-checksum-crc64:",
            "MalformedTrailerError",
        ),
        ("\r\nhello\r\n", "\r\nhellO\r\n", "SignatureDoesNotMatch"),
        (
            "5;chunk-signature=",
            "5;chunk-signaturE=",
            "MalformedTrailerError",
        ),
    ] {
        assert!(text.contains(from), "{from}");
        let changed = text.replacen(from, to, 1);
        let length = changed.split("\r\n\r\n").nth(1).expect("a body");
        let length = length.len() + 4;
        let old = text
            .split("\r\ncontent-length: ")
            .nth(1)
            .and_then(|rest| rest.split("\r\n").next())
            .expect("a length");
        let changed = changed.replacen(
            &format!("\r\ncontent-length: {old}"),
            &format!("\r\ncontent-length: {length}"),
            1,
        );
        let status = if code == "SignatureDoesNotMatch" {
            403
        } else {
            400
        };
        client
            .raw(changed.as_bytes())
            .await
            .expect_code(status, code);
    }
    let answer = client
        .put("/bkt/key")
        .framing(Framing::UnsignedChunksWithTrailer)
        .body("x")
        .send()
        .await;
    answer.expect_code(400, "InvalidRequest");
    let answer = client
        .put("/bkt/key")
        .header("x-amz-trailer", "x-amz-checksum-crc32")
        .body("x")
        .send()
        .await;
    answer.expect_code(400, "InvalidRequest");
    let answer = client
        .put("/bkt/key")
        .framing(Framing::UnsignedChunksWithTrailer)
        .trailer("x-amz-checksum-crc32", "AAAAAA==")
        .header("x-amz-decoded-content-length", "1")
        .body("xy")
        .send()
        .await;
    answer.expect_code(400, "IncompleteBody");
    assert_eq!(
        client.get("/bkt/key").send().await.expect_status(200).body,
        body,
        "nothing of it counted"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_leaves_nothing() {
    let (_world, client) = world("broken").await;
    let request = client.put("/bkt/key").body(vec![b'a'; 300_000]).bytes();
    let mut stream = client.connect().await;
    stream
        .write_all(&request[..request.len() - 1000])
        .await
        .expect("sent");
    stream.shutdown().await.expect("closed");
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text).await;
    assert!(!String::from_utf8_lossy(&text).contains("200 OK"));
    client
        .get("/bkt/key")
        .send()
        .await
        .expect_code(404, "NoSuchKey");
    let answer = client
        .put("/bkt/key")
        .unsigned_header("transfer-encoding", "chunked")
        .framing(Framing::Unsigned);
    let mut bytes = answer.bytes();
    bytes.extend_from_slice(b"3\r\nabc\r\n0\r\n\r\n");
    client
        .raw(&bytes)
        .await
        .expect_code(411, "MissingContentLength");
    let answer = client
        .put("/bkt/key")
        .framing(Framing::UnsignedChunksWithTrailer)
        .trailer("x-amz-checksum-crc32", "AAAAAA==")
        .header("x-amz-decoded-content-length", "5368709121")
        .send()
        .await;
    answer.expect_code(400, "EntityTooLarge");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_documents_do_nothing() {
    let (_world, client) = world("documents").await;
    client
        .put("/bkt/key")
        .body("x")
        .send()
        .await
        .expect_status(200);
    let many = "<Object><Key>a</Key></Object>".repeat(1001);
    for body in [
        String::new(),
        "no xml".to_owned(),
        "<Delete></Delete>".to_owned(),
        "<Delete><Object><Key>key</Key></Object>".to_owned(),
        "<Delete><Object><Key><![CDATA[key]]></Key></Object></Delete>".to_owned(),
        "<!DOCTYPE d [<!ENTITY k \"key\">]><Delete><Object><Key>&k;</Key></Object></Delete>"
            .to_owned(),
        "<Delete><Object><Key>&k;</Key></Object></Delete>".to_owned(),
        format!("<Delete>{many}</Delete>"),
    ] {
        let answer = client.post("/bkt?delete").body(body.clone()).send().await;
        assert_eq!(answer.status, 400, "{body:.80}: {}", answer.text());
    }
    let long = format!("<Delete>{}</Delete>", " ".repeat(5 * 1024 * 1024));
    client
        .post("/bkt?delete")
        .body(long)
        .send()
        .await
        .expect_code(400, "MaxMessageLengthExceeded");
    let unsigned = client
        .post("/bkt?delete")
        .framing(Framing::Unsigned)
        .body("<Delete><Object><Key>key</Key></Object></Delete>")
        .send()
        .await;
    unsigned.expect_code(400, "InvalidRequest");
    client.get("/bkt/key").send().await.expect_status(200);
    let answer = client
        .put("/bkt/key?tagging")
        .body("<Tagging>")
        .send()
        .await;
    answer.expect_code(400, "MalformedXML");
    let tags = "<Tag><Key>a</Key><Value>1</Value></Tag>".repeat(2);
    let answer = client
        .put("/bkt/key?tagging")
        .body(format!("<Tagging><TagSet>{tags}</TagSet></Tagging>"))
        .send()
        .await;
    answer.expect_code(400, "InvalidTag");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_chunk_may_be_as_large_as_the_body() {
    let (_world, client) = world("one-chunk").await;
    // Some clients send a body as one chunk; nothing of it may be gathered, whatever its size.
    let body = vec![b'a'; 9 * 1024 * 1024];
    let request = client
        .put("/bkt/key")
        .framing(Framing::UnsignedChunksWithTrailer)
        .trailer("x-amz-checksum-sha1", "AAAA")
        .header("x-amz-decoded-content-length", &body.len().to_string())
        .unsigned_header("transfer-encoding", "chunked")
        .bytes();
    let head_end = request
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("a head")
        + 4;
    let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &body);
    let checksum = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(digest)
    };
    let mut framed = format!("{:x}\r\n", body.len()).into_bytes();
    framed.extend_from_slice(&body);
    framed.extend_from_slice(format!("\r\n0\r\nx-amz-checksum-sha1:{checksum}\r\n\r\n").as_bytes());
    let mut bytes = request[..head_end].to_vec();
    bytes.extend_from_slice(format!("{:x}\r\n", framed.len()).as_bytes());
    bytes.extend_from_slice(&framed);
    bytes.extend_from_slice(b"\r\n0\r\n\r\n");
    let answer = client.raw(&bytes).await.expect_status(200);
    assert_eq!(answer.header("x-amz-checksum-sha1"), checksum);
    assert_eq!(
        client
            .get("/bkt/key")
            .send()
            .await
            .expect_status(200)
            .body
            .len(),
        body.len()
    );
}
