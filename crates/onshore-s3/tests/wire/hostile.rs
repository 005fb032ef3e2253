//! Requests that must not pass, and some beside them that must.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::{Client, EMPTY, Framing, sha256, written};
use crate::world::{World, owner};

async fn world(name: &str) -> (World, Client) {
    let world = World::new(name).await;
    let client = world.tenant("alpha").await;
    client.put("/bkt").send().await.expect_status(200);
    (world, client)
}

fn plain(method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let headers = [("host", "localhost")]
        .iter()
        .chain(headers)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    written(method, target, headers, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_done_without_authentication() {
    let (_world, client) = world("anonymous").await;
    client.put("/bkt/key").body("x").send().await.expect_status(200);
    for (method, target) in [
        ("GET", "/"),
        ("GET", "/bkt"),
        ("GET", "/bkt/key"),
        ("GET", "/bkt/absent"),
        ("GET", "/absent"),
        ("PUT", "/bkt/key"),
        ("PUT", "/new-bucket"),
        ("DELETE", "/bkt/key"),
        ("POST", "/bkt?delete"),
        ("OPTIONS", "/bkt/key"),
    ] {
        let answer = client.raw(&plain(method, target, &[("content-length", "0")], b"")).await;
        answer.expect_code(403, "AccessDenied");
    }
    let answer = client.raw(&plain("HEAD", "/bkt/key", &[], b"")).await;
    assert_eq!(answer.expect_status(403).text(), "");
    assert_eq!(client.get("/bkt/key").send().await.expect_status(200).text(), "x");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_kinds_of_authentication_are_not_implemented() {
    let (_world, client) = world("kinds").await;
    for headers in [
        &[("authorization", "AWS KEYalpha:c2lnbmF0dXJl")][..],
        &[("authorization", "AWS4-ECDSA-P256-SHA256 Credential=a, SignedHeaders=host, Signature=b")],
    ] {
        let answer = client.raw(&plain("GET", "/bkt", headers, b"")).await;
        answer.expect_code(501, "NotImplemented");
    }
    for target in [
        "/bkt/key?AWSAccessKeyId=KEYalpha&Expires=9999999999&Signature=abc",
        "/bkt/key?X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256&X-Amz-Signature=abc&X-Amz-Region-Set=*",
    ] {
        client.raw(&plain("GET", target, &[], b"")).await.expect_code(501, "NotImplemented");
    }
    let both = client.get("/bkt?X-Amz-Signature=abc").send().await;
    both.expect_code(400, "InvalidArgument");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_refused_before_a_byte_of_it_is_taken() {
    let (_world, client) = world("form").await;
    let mut stream = client.connect().await;
    let head = "POST /bkt HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=x\r\ncontent-length: 5000000000\r\nexpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut text = Vec::new();
    stream.read_to_end(&mut text).await.expect("answered and closed, with no body sent");
    let text = String::from_utf8_lossy(&text);
    assert!(text.starts_with("HTTP/1.1 501 "), "{text}");
    assert!(text.contains("<Code>NotImplemented</Code>"), "{text}");
    let signed = client
        .post("/bkt")
        .header("content-type", "multipart/form-data; boundary=x")
        .body("--x--")
        .send()
        .await;
    signed.expect_code(501, "NotImplemented");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_comes_before_100_continue() {
    let (_world, client) = world("continue").await;
    let stranger = Client {
        secret: "wrong".to_owned(),
        ..client.clone()
    };
    let body = vec![b'x'; 3 * 1024 * 1024];
    for (client, continues) in [(&stranger, false), (&client, true)] {
        let request = client
            .put("/bkt/key")
            .unsigned_header("expect", "100-continue")
            .body(body.clone())
            .bytes();
        let (head, rest) = request.split_at(request.len() - body.len());
        let mut stream = client.connect().await;
        stream.write_all(head).await.expect("sent");
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.expect("answered");
        if continues {
            assert_eq!(&first, b"HTTP/1.1 100");
            stream.write_all(rest).await.expect("sent");
            let mut text = Vec::new();
            stream.read_to_end(&mut text).await.expect("answered");
            assert!(String::from_utf8_lossy(&text).contains("HTTP/1.1 200"));
        } else {
            assert_eq!(&first, b"HTTP/1.1 403");
            let mut text = Vec::new();
            stream.read_to_end(&mut text).await.expect("closed");
            assert!(String::from_utf8_lossy(&text).contains("connection: close"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_body_is_drained_a_little_and_the_connection_kept_or_closed() {
    let (_world, client) = world("drained").await;
    for (size, kept) in [(512 * 1024, true), (2 * 1024 * 1024, false)] {
        let request = client.put("/absent/key").body(vec![0; size]).bytes();
        let request = String::from_utf8_lossy(&request).replace("connection: close\r\n", "");
        let mut stream = client.connect().await;
        // The server may close before all was sent.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut text = [0; 4096];
        let got = stream.read(&mut text).await.expect("answered");
        let text = String::from_utf8_lossy(&text[..got]).into_owned();
        assert!(text.starts_with("HTTP/1.1 404"), "{text}");
        assert_eq!(!text.contains("connection: close"), kept, "{size}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_signature_key_region_day_or_clock_is_named() {
    let (world, client) = world("wrong").await;
    let wrong_secret = Client {
        secret: "wrong".to_owned(),
        ..client.clone()
    };
    wrong_secret.get("/bkt").send().await.expect_code(403, "SignatureDoesNotMatch");
    let nobody = Client {
        access_key: "NOBODY".to_owned(),
        ..client.clone()
    };
    nobody.get("/bkt").send().await.expect_code(403, "InvalidAccessKeyId");
    let elsewhere = Client {
        region: "us-east-1".to_owned(),
        ..client.clone()
    };
    let answer = elsewhere.get("/bkt").send().await.expect_code(400, "AuthorizationHeaderMalformed");
    assert_eq!(answer.element("Region").as_deref(), Some("cn-north-1"));
    let link = elsewhere.get("/bkt").presigned("60");
    let answer = client.raw(&link).await.expect_code(400, "AuthorizationQueryParametersError");
    assert_eq!(answer.element("Region").as_deref(), Some("cn-north-1"));
    for scope in [
        "20260504/cn-north-1/s3/aws4_request",
        "20260505/cn-north-1/sts/aws4_request",
        "20260505/cn-north-1/s3/aws4_reques",
    ] {
        let answer = client.get("/bkt").scope(scope).send().await;
        answer.expect_code(400, "AuthorizationHeaderMalformed");
    }
    let request = client.get("/bkt").bytes();
    world.clock.advance(901);
    client.raw(&request).await.expect_code(403, "RequestTimeTooSkewed");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_expire_and_live_at_most_a_week() {
    let (world, client) = world("links").await;
    client.put("/bkt/key").body("x").send().await.expect_status(200);
    for expires in ["0", "-1", "604801", "1e3", "", "99999999999999999999"] {
        let link = client.get("/bkt/key").presigned(expires);
        client.raw(&link).await.expect_code(400, "AuthorizationQueryParametersError");
    }
    let link = client.get("/bkt/key").presigned("604800");
    client.raw(&link).await.expect_status(200);
    world.clock.advance(604_800);
    client.raw(&link).await.expect_status(200);
    world.clock.advance(1);
    let answer = client.raw(&link).await.expect_code(403, "AccessDenied");
    assert_eq!(answer.element("Message").as_deref(), Some("Request has expired"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_amz_header_is_signed_and_every_signed_header_is_there() {
    let (_world, client) = world("signed").await;
    for (name, value) in [
        ("x-amz-meta-onshore-class", "general"),
        ("x-amz-acl", "private"),
        ("x-amz-copy-source", "/bkt/other"),
        ("x-amz-tagging", "a=b"),
    ] {
        let answer = client
            .put("/bkt/key")
            .unsigned_header(name, value)
            .send()
            .await
            .expect_code(403, "AccessDenied");
        assert_eq!(answer.element("HeadersNotSigned").as_deref(), Some(name));
        let link = client.put("/bkt/key").unsigned_header(name, value).presigned("60");
        client.raw(&link).await.expect_code(403, "AccessDenied");
    }
    let answer = client.get("/bkt").claim_signed("x-amz-meta-absent").send().await;
    answer.expect_code(403, "AccessDenied");
    let answer = client.get("/bkt").claim_signed("range").send().await;
    answer.expect_code(403, "AccessDenied");
    // What S3 does not ask to be signed may come unsigned.
    let answer = client
        .get("/bkt")
        .unsigned_header("user-agent", "test")
        .unsigned_header("amz-sdk-invocation-id", "1")
        .unsigned_header("x-amzn-trace-id", "1")
        .send()
        .await;
    answer.expect_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_read_two_ways_is_refused() {
    let (_world, client) = world("two-ways").await;
    for name in ["authorization", "x-amz-date", "host", "x-amz-content-sha256", "content-md5"] {
        let twice = client.get("/bkt").header("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==").unsigned_header(name, "x");
        let answer = twice.send().await;
        assert_eq!(answer.status, 400, "{name}: {}", answer.text());
    }
    for query in ["prefix=a&prefix=b", "acl&acl"] {
        client.get(&format!("/bkt?{query}")).send().await.expect_code(400, "InvalidArgument");
    }
    for target in ["/bkt/%zz", "/bkt/%ff", "/bkt?prefix=%zz", "/bkt/%"] {
        let headers = [
            ("authorization", "AWS4-HMAC-SHA256 Credential=KEYalpha/20260505/cn-north-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=00"),
            ("x-amz-date", "20260505T120000Z"),
            ("x-amz-content-sha256", EMPTY),
        ];
        let answer = client.raw(&plain("GET", target, &headers, b"")).await;
        answer.expect_code(400, "InvalidURI");
    }
    let long = "k".repeat(17_000);
    let answer = client.get(&format!("/bkt?prefix={long}")).send().await;
    answer.expect_code(400, "InvalidURI");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_done_is_said_so_and_never_done_otherwise() {
    let (_world, client) = world("not-done").await;
    client.put("/bkt/key").body("x").send().await.expect_status(200);
    for (method, target) in [
        ("GET", "/bkt?acl"),
        ("PUT", "/bkt?acl"),
        ("GET", "/bkt?policy"),
        ("PUT", "/bkt?policy"),
        ("DELETE", "/bkt?policy"),
        ("GET", "/bkt?versioning"),
        ("PUT", "/bkt?versioning"),
        ("GET", "/bkt?versions"),
        ("DELETE", "/bkt?lifecycle"),
        ("DELETE", "/bkt?website"),
        ("GET", "/bkt?tagging"),
        ("GET", "/bkt/key?acl"),
        ("PUT", "/bkt/key?acl"),
        ("PUT", "/bkt/key?retention"),
        ("GET", "/bkt/key?torrent"),
        ("GET", "/bkt/key?attributes"),
        ("POST", "/bkt/key?restore"),
        ("POST", "/bkt/key?select&select-type=2"),
        ("DELETE", "/bkt/key?legal-hold"),
        ("GET", "/?x-id=ListDirectoryBuckets"),
    ] {
        let answer = client.request(method, target).send().await;
        assert!(matches!(answer.status, 405 | 501), "{method} {target}: {} {}", answer.status, answer.text());
    }
    client.get("/bkt/key?versionId=abc").send().await.expect_code(400, "InvalidArgument");
    client.delete("/bkt/key?versionId=abc").send().await.expect_code(400, "InvalidArgument");
    assert_eq!(client.get("/bkt/key?versionId=null").send().await.expect_status(200).text(), "x");
    for (name, value) in [
        ("x-amz-acl", "public-read"),
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
        ("x-amz-object-lock-mode", "COMPLIANCE"),
        ("x-amz-website-redirect-location", "/x"),
        ("x-amz-grant-read", "id=1"),
    ] {
        let answer = client.put("/bkt/key").header(name, value).body("y").send().await;
        answer.expect_code(501, "NotImplemented");
    }
    let answer = client.put("/bkt/key").header("x-amz-storage-class", "GLACIER").send().await;
    answer.expect_code(400, "InvalidStorageClass");
    let other = owner(onshore_types::TenantId::from_bytes([7; 16]));
    let answer = client.get("/bkt/key").header("x-amz-expected-bucket-owner", &other).send().await;
    answer.expect_code(403, "AccessDenied");
    let mine = owner(client.tenant);
    let answer = client.get("/bkt/key").header("x-amz-expected-bucket-owner", &mine).send().await;
    assert_eq!(answer.expect_status(200).text(), "x");
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
        ("x-amz-checksum-sha256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
    ] {
        let path = format!("/bkt/{name}");
        let good = client.put(&path).header(name, value).body(&body[..]).send().await.expect_status(200);
        assert_eq!(good.header(name), value);
        let head = client.head(&path).header("x-amz-checksum-mode", "ENABLED").send().await.expect_status(200);
        assert_eq!(head.header(name), value);
        assert_eq!(head.header("x-amz-checksum-type"), "FULL_OBJECT");
        assert_eq!(client.head(&path).send().await.expect_status(200).header(name), "");
        let bad = client.put("/bkt/bad").header(name, value).body("12345678X").send().await;
        bad.expect_code(400, "BadDigest");
        for framing in [Framing::UnsignedChunksWithTrailer, Framing::SignedChunksWithTrailer] {
            let sent = |body: &[u8]| client.put(&path).framing(framing).trailer(name, value).body(body).send();
            let good = sent(body).await.expect_status(200);
            assert_eq!(good.header(name), value);
            sent(b"12345678X").await.expect_code(400, "BadDigest");
        }
        let nonsense = client.put("/bkt/bad").header(name, "AAAA").body(&body[..]).send().await;
        nonsense.expect_code(400, "InvalidRequest");
    }
    client.get("/bkt/bad").send().await.expect_code(404, "NoSuchKey");

    let md5 = "JfnnlDI7RTiF9RgfG2JNCw==";
    client.put("/bkt/md5").header("content-md5", md5).body(&body[..]).send().await.expect_status(200);
    let bad = client.put("/bkt/bad").header("content-md5", md5).body("12345678X").send().await;
    bad.expect_code(400, "BadDigest");
    let bad = client.put("/bkt/bad").header("content-md5", "nonsense").body("x").send().await;
    bad.expect_code(400, "InvalidDigest");
    let other = sha256(b"another body");
    let bad = client.put("/bkt/bad").header("x-amz-content-sha256", &other).body(&body[..]).send().await;
    bad.expect_code(400, "XAmzContentSHA256Mismatch");
    let bad = client
        .post("/bkt?delete")
        .header("x-amz-content-sha256", &other)
        .body("<Delete><Object><Key>md5</Key></Object></Delete>")
        .send()
        .await;
    bad.expect_code(400, "XAmzContentSHA256Mismatch");
    client.get("/bkt/bad").send().await.expect_code(404, "NoSuchKey");
    client.get("/bkt/md5").send().await.expect_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn announced_trailers_must_come_and_chunks_must_be_signed() {
    let (_world, client) = world("trailers").await;
    let body = vec![b'a'; 200_000];
    for framing in [Framing::SignedChunks, Framing::Unsigned, Framing::Plain] {
        let answer = client.put("/bkt/key").framing(framing).body(body.clone()).send().await;
        answer.expect_status(200);
        assert_eq!(client.get("/bkt/key").send().await.expect_status(200).body, body);
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
        ("x-amz-checksum-crc32:AAAAAA==\r\n", "", "MalformedTrailerError"),
        ("x-amz-checksum-crc32:AAAAAA==", "x-amz-checksum-crc32:NhCmhg==", "SignatureDoesNotMatch"),
        ("\r\nx-amz-checksum-crc32:", "\r\nx-amz-checksum-crc64:", "MalformedTrailerError"),
        ("\r\nhello\r\n", "\r\nhellO\r\n", "SignatureDoesNotMatch"),
        ("5;chunk-signature=", "5;chunk-signaturE=", "MalformedTrailerError"),
    ] {
        assert!(text.contains(from), "{from}");
        let changed = text.replacen(from, to, 1);
        let length = changed.split("\r\n\r\n").nth(1).expect("a body");
        let length = length.len() + 4;
        let old = text.split("\r\ncontent-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()).expect("a length");
        let changed = changed.replacen(
            &format!("\r\ncontent-length: {old}"),
            &format!("\r\ncontent-length: {length}"),
            1,
        );
        let status = if code == "SignatureDoesNotMatch" { 403 } else { 400 };
        client.raw(changed.as_bytes()).await.expect_code(status, code);
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
    let answer = client.put("/bkt/key").header("content-encoding", "aws-chunked").body("1\r\nx").send().await;
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
    assert_eq!(client.get("/bkt/key").send().await.expect_status(200).body, body, "nothing of it counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_leaves_nothing() {
    let (_world, client) = world("broken").await;
    let request = client.put("/bkt/key").body(vec![b'a'; 300_000]).bytes();
    let mut stream = client.connect().await;
    stream.write_all(&request[..request.len() - 1000]).await.expect("sent");
    stream.shutdown().await.expect("closed");
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text).await;
    assert!(!String::from_utf8_lossy(&text).contains("200 OK"));
    client.get("/bkt/key").send().await.expect_code(404, "NoSuchKey");
    let answer = client.put("/bkt/key").unsigned_header("transfer-encoding", "chunked").framing(Framing::Unsigned);
    let mut bytes = answer.bytes();
    bytes.extend_from_slice(b"3\r\nabc\r\n0\r\n\r\n");
    client.raw(&bytes).await.expect_code(411, "MissingContentLength");
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
    client.put("/bkt/key").body("x").send().await.expect_status(200);
    let many = "<Object><Key>a</Key></Object>".repeat(1001);
    for body in [
        String::new(),
        "no xml".to_owned(),
        "<Delete></Delete>".to_owned(),
        "<Delete><Object><Key>key</Key></Object>".to_owned(),
        "<Delete><Object><Key><![CDATA[key]]></Key></Object></Delete>".to_owned(),
        "<!DOCTYPE d [<!ENTITY k \"key\">]><Delete><Object><Key>&k;</Key></Object></Delete>".to_owned(),
        "<Delete><Object><Key>&k;</Key></Object></Delete>".to_owned(),
        format!("<Delete>{many}</Delete>"),
    ] {
        let answer = client.post("/bkt?delete").body(body.clone()).send().await;
        assert_eq!(answer.status, 400, "{body:.80}: {}", answer.text());
    }
    let long = format!("<Delete>{}</Delete>", " ".repeat(5 * 1024 * 1024));
    client.post("/bkt?delete").body(long).send().await.expect_code(400, "MaxMessageLengthExceeded");
    let unsigned = client
        .post("/bkt?delete")
        .framing(Framing::Unsigned)
        .body("<Delete><Object><Key>key</Key></Object></Delete>")
        .send()
        .await;
    unsigned.expect_code(400, "InvalidRequest");
    client.get("/bkt/key").send().await.expect_status(200);
    let answer = client.put("/bkt/key?tagging").body("<Tagging>").send().await;
    answer.expect_code(400, "MalformedXML");
    let tags = "<Tag><Key>a</Key><Value>1</Value></Tag>".repeat(2);
    let answer = client.put("/bkt/key?tagging").body(format!("<Tagging><TagSet>{tags}</TagSet></Tagging>")).send().await;
    answer.expect_code(400, "InvalidTag");
}
