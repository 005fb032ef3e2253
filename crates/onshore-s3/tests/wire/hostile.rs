//! Requests that must not pass, and some beside them that must.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::{Client, EMPTY, written};
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
    client
        .put("/bkt/key")
        .body("x")
        .send()
        .await
        .expect_status(200);
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
    ] {
        let answer = client
            .raw(&plain(method, target, &[("content-length", "0")], b""))
            .await;
        answer.expect_code(403, "AccessDenied");
    }
    let answer = client.raw(&plain("HEAD", "/bkt/key", &[], b"")).await;
    assert_eq!(answer.expect_status(403).text(), "");
    assert_eq!(
        client
            .get("/bkt/key")
            .send()
            .await
            .expect_status(200)
            .text(),
        "x"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn other_kinds_of_authentication_are_refused() {
    let (_world, client) = world("kinds").await;
    let signed = |authorization| [("authorization", authorization)];
    let four_a = "AWS4-ECDSA-P256-SHA256 Credential=a, SignedHeaders=host, Signature=b";
    for (target, headers, status, code) in [
        (
            "/bkt",
            &signed("AWS KEYalpha:c2lnbmF0dXJl")[..],
            400,
            "InvalidRequest",
        ),
        ("/bkt", &signed(four_a)[..], 501, "NotImplemented"),
        (
            "/bkt/key?AWSAccessKeyId=KEYalpha&Expires=9999999999&Signature=abc",
            &[],
            400,
            "InvalidRequest",
        ),
        (
            "/bkt/key?X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256&X-Amz-Signature=abc&X-Amz-Region-Set=*",
            &[],
            501,
            "NotImplemented",
        ),
    ] {
        let answer = client.raw(&plain("GET", target, headers, b"")).await;
        answer.expect_code(status, code);
    }
    let both = client.get("/bkt?X-Amz-Signature=abc").send().await;
    both.expect_code(400, "InvalidArgument");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_judged_before_a_byte_of_its_file_is_taken() {
    let (_world, client) = world("form").await;
    let field = |name: &str, value: &str| {
        format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let file = "--x\r\ncontent-disposition: form-data; name=\"file\"\r\n\r\nfirst bytes";
    let long = "a".repeat(30 * 1024);
    for (fields, status, code) in [
        (field("key", "k"), 403, "AccessDenied"),
        (
            field("key", "k") + &field("policy", "e30=") + &field("x-amz-signature", "00"),
            400,
            "InvalidArgument",
        ),
        (
            field("key", "k") + &field("policy", "e30=") + &field("signature", "00"),
            400,
            "InvalidRequest",
        ),
        (
            field("key", &long),
            400,
            "MaxPostPreDataLengthExceededError",
        ),
    ] {
        let mut stream = client.connect().await;
        let head = "POST /bkt HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=x\r\ncontent-length: 5000000000\r\n\r\n";
        let sent = format!("{head}{fields}{file}");
        stream.write_all(sent.as_bytes()).await.expect("sent");
        let mut text = Vec::new();
        stream
            .read_to_end(&mut text)
            .await
            .expect("answered and closed, with no more of the file sent");
        let text = String::from_utf8_lossy(&text);
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
        assert!(text.contains(&format!("<Code>{code}</Code>")), "{text}");
    }
    client
        .get("/bkt/k")
        .send()
        .await
        .expect_code(404, "NoSuchKey");
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
    wrong_secret
        .get("/bkt")
        .send()
        .await
        .expect_code(403, "SignatureDoesNotMatch");
    let nobody = Client {
        access_key: "NOBODY".to_owned(),
        ..client.clone()
    };
    nobody
        .get("/bkt")
        .send()
        .await
        .expect_code(403, "InvalidAccessKeyId");
    let elsewhere = Client {
        region: "us-east-1".to_owned(),
        ..client.clone()
    };
    let answer = elsewhere
        .get("/bkt")
        .send()
        .await
        .expect_code(400, "AuthorizationHeaderMalformed");
    assert_eq!(answer.element("Region").as_deref(), Some("cn-north-1"));
    let link = elsewhere.get("/bkt").presigned("60");
    let answer = client
        .raw(&link)
        .await
        .expect_code(400, "AuthorizationQueryParametersError");
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
    client
        .raw(&request)
        .await
        .expect_code(403, "RequestTimeTooSkewed");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_expire_and_live_at_most_a_week() {
    let (world, client) = world("links").await;
    client
        .put("/bkt/key")
        .body("x")
        .send()
        .await
        .expect_status(200);
    let link = client.get("/bkt/key").presigned("0");
    client.raw(&link).await.expect_code(403, "AccessDenied");
    for expires in ["-1", "604801", "1e3", "", "99999999999999999999"] {
        let link = client.get("/bkt/key").presigned(expires);
        client
            .raw(&link)
            .await
            .expect_code(400, "AuthorizationQueryParametersError");
    }
    let link = client.get("/bkt/key").presigned("604800");
    client.raw(&link).await.expect_status(200);
    world.clock.advance(604_800);
    client.raw(&link).await.expect_status(200);
    world.clock.advance(1);
    let answer = client.raw(&link).await.expect_code(403, "AccessDenied");
    assert_eq!(
        answer.element("Message").as_deref(),
        Some("Request has expired")
    );
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
        let link = client
            .put("/bkt/key")
            .unsigned_header(name, value)
            .presigned("60");
        client.raw(&link).await.expect_code(403, "AccessDenied");
    }
    let answer = client
        .get("/bkt")
        .claim_signed("x-amz-meta-absent")
        .send()
        .await;
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
    for name in [
        "authorization",
        "x-amz-date",
        "host",
        "x-amz-content-sha256",
        "content-md5",
    ] {
        let twice = client
            .get("/bkt")
            .header("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==")
            .unsigned_header(name, "x");
        let answer = twice.send().await;
        assert_eq!(answer.status, 400, "{name}: {}", answer.text());
    }
    for query in ["prefix=a&prefix=b", "acl&acl"] {
        client
            .get(&format!("/bkt?{query}"))
            .send()
            .await
            .expect_code(400, "InvalidArgument");
    }
    for target in ["/bkt/%zz", "/bkt/%ff", "/bkt?prefix=%zz", "/bkt/%"] {
        let headers = [
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=KEYalpha/20260505/cn-north-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=00",
            ),
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
    client
        .put("/bkt/key")
        .body("x")
        .send()
        .await
        .expect_status(200);
    for (method, target) in [
        ("PUT", "/bkt?website"),
        ("DELETE", "/bkt?versioning"),
        ("PUT", "/bkt/key?attributes"),
        ("GET", "/bkt/key?torrent"),
        ("POST", "/bkt/key?restore"),
        ("POST", "/bkt/key?select&select-type=2"),
        ("DELETE", "/bkt/key?legal-hold"),
        ("GET", "/?x-id=ListDirectoryBuckets"),
    ] {
        let answer = client.request(method, target).send().await;
        assert!(
            matches!(answer.status, 405 | 501),
            "{method} {target}: {} {}",
            answer.status,
            answer.text()
        );
    }
    client
        .get("/bkt/key?versionId=abc")
        .send()
        .await
        .expect_code(400, "InvalidArgument");
    client
        .delete("/bkt/key?versionId=abc")
        .send()
        .await
        .expect_code(400, "InvalidArgument");
    assert_eq!(
        client
            .get("/bkt/key?versionId=null")
            .send()
            .await
            .expect_status(200)
            .text(),
        "x"
    );
    for (name, value, status, code) in [
        ("x-amz-mfa", "serial 123456", 501, "NotImplemented"),
        ("x-amz-write-offset-bytes", "1", 501, "NotImplemented"),
        (
            "x-amz-server-side-encryption",
            "aws:kms:dsse",
            501,
            "NotImplemented",
        ),
        (
            "x-amz-server-side-encryption-customer-algorithm",
            "AES256",
            400,
            "InvalidArgument",
        ),
        (
            "x-amz-object-lock-mode",
            "COMPLIANCE",
            400,
            "InvalidArgument",
        ),
        (
            "x-amz-acl",
            "public-read",
            400,
            "AccessControlListNotSupported",
        ),
        (
            "x-amz-grant-read",
            "id=1",
            400,
            "AccessControlListNotSupported",
        ),
    ] {
        let answer = client
            .put("/bkt/key")
            .header(name, value)
            .body("y")
            .send()
            .await;
        answer.expect_code(status, code);
    }
    let answer = client
        .put("/bkt/key")
        .header("x-amz-storage-class", "GLACIER")
        .send()
        .await;
    answer.expect_code(400, "InvalidStorageClass");
    let other = owner(onshore_types::TenantId::from_bytes([7; 16]));
    let answer = client
        .get("/bkt/key")
        .header("x-amz-expected-bucket-owner", &other)
        .send()
        .await;
    answer.expect_code(403, "AccessDenied");
    let mine = owner(client.tenant);
    let answer = client
        .get("/bkt/key")
        .header("x-amz-expected-bucket-owner", &mine)
        .send()
        .await;
    assert_eq!(answer.expect_status(200).text(), "x");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_and_is_answered_at_once_starts_anew() {
    // botocore loses its place on a connection that was answered without 100 and kept.
    let (_world, client) = world("at-once").await;
    let stranger = Client {
        secret: "wrong".to_owned(),
        ..client.clone()
    };
    for (client, status) in [(&client, "200"), (&stranger, "403")] {
        let request = client
            .put("/bkt/key")
            .unsigned_header("expect", "100-continue")
            .bytes();
        let request = String::from_utf8_lossy(&request).replace("connection: close\r\n", "");
        let mut stream = client.connect().await;
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut text = Vec::new();
        stream.read_to_end(&mut text).await.expect("closed");
        let text = String::from_utf8_lossy(&text);
        assert!(text.starts_with(&format!("HTTP/1.1 {status}")), "{text}");
        assert!(text.contains("connection: close"), "{text}");
    }
}
