//! What really goes over the wire: the exact key in the request line, the conditions with every read, and no
//! connection at all into a network that the caller may not reach.

use std::sync::{Arc, Mutex};

use futures_util::TryStreamExt;
use onshore_sources::{
    Addressing, ChecksumAlgorithm, Credentials, Details, Dialect, Error, ErrorKind, EtagMeaning,
    ListCursor, Network, Obstacle, S3Source, S3Spec, Source, VersionsWish,
};
use onshore_types::ByteRange;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The rest of what is described.
fn from(start: u64) -> ByteRange {
    ByteRange {
        start,
        len_bytes: described().size_bytes - start,
    }
}

const EMPTY_LISTING: &str =
    "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";

/// A server that answers every request by a function of its head, and remembers the heads.
struct Wire {
    url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Wire {
    async fn serve(answer: fn(&str) -> String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let heads = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(talk(stream, answer, Arc::clone(&kept)));
            }
        });
        Self { url, heads }
    }

    fn spec(&self) -> S3Spec {
        S3Spec {
            bucket: "bucket".into(),
            prefix: String::new(),
            endpoint: Some(self.url.clone()),
            region: None,
            addressing: Addressing::Auto,
            versions: VersionsWish::Auto,
            dialect: None,
        }
    }

    async fn source(&self) -> S3Source {
        self.source_speaking(Dialect::Generic).await
    }

    async fn source_speaking(&self, dialect: Dialect) -> S3Source {
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", None);
        let spec = S3Spec {
            dialect: Some(dialect),
            ..self.spec()
        };
        S3Source::open(&spec, Some(&credentials), Network::Anywhere)
            .await
            .expect("opens")
    }

    fn last_head(&self) -> String {
        self.heads
            .lock()
            .expect("not poisoned")
            .last()
            .expect("a request")
            .clone()
    }
}

async fn talk(mut stream: TcpStream, answer: fn(&str) -> String, heads: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    let mut byte = [0; 1];
    while stream.read_exact(&mut byte).await.is_ok() {
        head.push(byte[0]);
        if head.ends_with(b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&head).into_owned();
            let reply = answer(&text);
            heads.lock().expect("not poisoned").push(text);
            head.clear();
            if stream.write_all(reply.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

fn reply(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
}

fn hello(head: &str) -> String {
    if head.contains("list-type=2") {
        reply("200 OK", "", EMPTY_LISTING)
    } else if head.contains("range: bytes=2-4") {
        reply(
            "206 Partial Content",
            "etag: \"e\"\r\ncontent-range: bytes 2-4/5\r\n",
            "llo",
        )
    } else {
        reply("200 OK", "etag: \"e\"\r\n", "hello")
    }
}

fn described() -> Details {
    Details {
        etag: Some("e".into()),
        version: Some("v+1".into()),
        size_bytes: 5,
        ..Details::default()
    }
}

#[tokio::test]
async fn keys_reach_the_wire_as_they_are() {
    let wire = Wire::serve(hello).await;
    let source = wire.source().await;
    for (key, target) in [
        ("a", "/bucket/a?"),
        ("/a", "/bucket//a?"),
        ("a//b", "/bucket/a//b?"),
        ("../a", "/bucket/../a?"),
        ("a/./b/..", "/bucket/a/./b/..?"),
        ("a/", "/bucket/a/?"),
        ("..", "/bucket/..?"),
        ("a\nb\r\t\u{1}", "/bucket/a%0Ab%0D%09%01?"),
        ("a+b %25 %zz", "/bucket/a%2Bb%20%2525%20%25zz?"),
        ("#?&=", "/bucket/%23%3F%26%3D?"),
        (" a .", "/bucket/%20a%20.?"),
        ("é/e\u{301}/文", "/bucket/%C3%A9/e%CC%81/%E6%96%87?"),
    ] {
        let body = source
            .open(key, &described(), ByteRange::whole(described().size_bytes))
            .await
            .expect("opens");
        let chunks: Vec<_> = body.try_collect().await.expect("read");
        assert_eq!(chunks.concat(), b"hello");
        let head = wire.last_head();
        assert!(
            head.starts_with(&format!("GET {target}")),
            "{key:?}: {head}"
        );
    }
}

#[tokio::test]
async fn every_read_names_the_state_it_wants() {
    let wire = Wire::serve(hello).await;
    let source = wire.source().await;
    let body = source
        .open("k", &described(), from(2))
        .await
        .expect("opens");
    assert_eq!(
        body.try_collect::<Vec<_>>().await.expect("read").concat(),
        b"llo"
    );
    let head = wire.last_head().to_ascii_lowercase();
    for part in [
        "if-match: \"e\"\r\n",
        "range: bytes=2-4\r\n",
        "versionid=v%2b1",
    ] {
        assert!(head.contains(part), "{part}: {head}");
    }
    // A source that takes no notice of the condition is caught by what it sends.
    for other in [
        Details {
            etag: Some("other".into()),
            ..described()
        },
        Details {
            size_bytes: 6,
            ..described()
        },
    ] {
        let error = source
            .open("k", &other, ByteRange::whole(other.size_bytes))
            .await
            .err()
            .expect("refused");
        assert_eq!(error.kind(), ErrorKind::Changed);
    }
}

#[tokio::test]
async fn a_private_endpoint_is_not_even_connected_to() {
    let wire = Wire::serve(hello).await;
    let by_name = wire.url.replace("127.0.0.1", "localhost");
    for endpoint in [wire.url.clone(), by_name] {
        let spec = S3Spec {
            endpoint: Some(endpoint),
            ..wire.spec()
        };
        assert!(
            S3Source::open(&spec, None, Network::PublicOnly)
                .await
                .is_err()
        );
    }
    assert!(wire.heads.lock().expect("not poisoned").is_empty());
    let literal = S3Source::open(&wire.spec(), None, Network::PublicOnly).await;
    assert!(matches!(literal, Err(Error::PrivateEndpoint { .. })));
}

#[tokio::test]
async fn a_storm_is_patience_and_never_an_empty_bucket() {
    let wire =
        Wire::serve(|_| reply("503 Slow Down", "", "<Error><Code>SlowDown</Code></Error>")).await;
    let error = S3Source::open(&wire.spec(), None, Network::Anywhere)
        .await
        .expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Retry);
    // One request, no retries of the SDK's own.
    assert_eq!(wire.heads.lock().expect("not poisoned").len(), 1);
}

#[tokio::test]
async fn an_endpoint_that_wants_virtual_hosts_gets_them() {
    let wire = Wire::serve(|head| {
        if head.starts_with("GET /bucket") {
            reply(
                "403 Forbidden",
                "",
                "<Error><Code>SecondLevelDomainForbidden</Code></Error>",
            )
        } else {
            reply("200 OK", "", EMPTY_LISTING)
        }
    })
    .await;
    let spec = S3Spec {
        endpoint: Some(wire.url.replace("127.0.0.1", "localhost")),
        ..wire.spec()
    };
    // Whether `bucket.localhost` resolves depends on the machine; that it is asked for is what counts.
    let opened = S3Source::open(&spec, None, Network::Anywhere).await;
    let heads = wire.heads.lock().expect("not poisoned").clone();
    match opened {
        Ok(_) => assert!(
            heads
                .last()
                .expect("a request")
                .contains("host: bucket.localhost")
        ),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Retry),
    }
}

#[tokio::test]
async fn one_request_brings_headers_and_bytes_and_asks_for_the_checksum() {
    let wire = Wire::serve(|head| {
        if head.contains("list-type=2") {
            reply("200 OK", "", EMPTY_LISTING)
        } else if head.contains("?tagging") {
            reply("501 Not Implemented", "", "<Error><Code>NotImplemented</Code></Error>")
        } else {
            // The checksum is that of other bytes: it is for the engine to find out.
            let headers = "etag: \"5d41402abc4b2a76b9719d911017c592\"\r\nx-amz-checksum-crc32: AAAAAA==\r\n\
                           x-amz-meta-Onshore-Class: core\r\ncontent-type: text/x\r\n";
            reply("200 OK", headers, "hello")
        }
    })
    .await;
    let source = wire.source().await;
    let fetched = source.fetch("k", None).await.expect("fetched");
    let body = fetched.body.expect("a body");
    let chunks: Vec<_> = body.try_collect().await.expect("not compared by the SDK");
    assert_eq!(chunks.concat(), b"hello");
    let details = fetched.details;
    assert_eq!(
        details
            .user_metadata
            .get("onshore-class")
            .map(String::as_str),
        Some("core")
    );
    assert_eq!(details.checksums.len(), 1);
    assert_eq!(details.content_type.as_deref(), Some("text/x"));
    let heads = wire.heads.lock().expect("not poisoned").clone();
    assert!(
        heads
            .iter()
            .map(|head| head.to_ascii_lowercase())
            .any(|head| head.starts_with("get /bucket/k?")
                && head.contains("x-amz-checksum-mode: enabled"))
    );
    // Told once that there are no tags here, it does not ask again.
    source.fetch("k", None).await.expect("fetched");
    let asked = wire
        .heads
        .lock()
        .expect("not poisoned")
        .iter()
        .filter(|head| head.contains("?tagging"))
        .count();
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn an_archived_object_is_named_as_one() {
    let wire = Wire::serve(|head| {
        if head.contains("list-type=2") {
            reply("200 OK", "", EMPTY_LISTING)
        } else if head.starts_with("HEAD") {
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-amz-storage-class: GLACIER\r\n\r\n"
                .to_owned()
        } else {
            reply(
                "403 Forbidden",
                "",
                "<Error><Code>InvalidObjectState</Code></Error>",
            )
        }
    })
    .await;
    let fetched = wire
        .source()
        .await
        .fetch("k", None)
        .await
        .expect("looked at");
    assert_eq!(fetched.body.err(), Some(Obstacle::Archived));
}

/// OSS and COS as their documentation shows them: no versions, no tags, headers of their own.
fn own_headers(head: &str) -> String {
    let none = "<Error><Code>NotImplemented</Code></Error>";
    if head.contains("?versioning") || head.contains("?versions") || head.contains("?tagging") {
        return reply("501 Not Implemented", "", none);
    }
    if head.contains("list-type=2") || head.contains("max-keys=") {
        return reply("200 OK", "", EMPTY_LISTING);
    }
    let headers = match head.split(' ').nth(1).unwrap_or_default() {
        path if path.contains("/appended") => "x-oss-object-type: Appendable\r\n",
        path if path.contains("/link") => "x-oss-object-type: Symlink\r\n",
        path if path.contains("/cold") => "x-oss-storage-class: ColdArchive\r\n",
        _ => "x-oss-object-type: Normal\r\n",
    };
    let headers = format!(
        "etag: \"5D41402ABC4B2A76B9719D911017C592\"\r\nx-oss-hash-crc64ecma: 11051210869376104954\r\n{headers}"
    );
    reply("200 OK", &headers, "hello")
}

#[tokio::test]
async fn headers_of_a_dialects_own_are_heard_and_others_are_not() {
    let wire = Wire::serve(own_headers).await;
    let oss = wire.source_speaking(Dialect::Oss).await;
    let details = oss.fetch("k", None).await.expect("fetched").details;
    let [crc] = details.checksums.as_slice() else {
        panic!("one checksum: {:?}", details.checksums);
    };
    assert_eq!(crc.algorithm, ChecksumAlgorithm::Crc64Ecma);
    assert!(matches!(details.etag_meaning, EtagMeaning::Md5(_)));
    let described = oss.describe("appended", None).await.expect("described");
    assert_eq!(described.details.etag_meaning, EtagMeaning::Opaque);
    assert_eq!(described.details.checksums.len(), 1);
    assert_eq!(described.obstacle, None);
    for (key, obstacle) in [
        ("link", Obstacle::SymbolicLink),
        ("cold", Obstacle::Archived),
    ] {
        let fetched = oss.fetch(key, None).await.expect("looked at");
        assert_eq!(fetched.body.err(), Some(obstacle));
        let described = oss.describe(key, None).await.expect("described");
        assert_eq!(described.obstacle, Some(obstacle));
    }
    // Nobody who keeps no checksums of S3 is asked for them.
    let heads = wire.heads.lock().expect("not poisoned").clone();
    assert!(
        heads
            .iter()
            .all(|head| !head.contains("x-amz-checksum-mode"))
    );
    let generic = wire.source_speaking(Dialect::Generic).await;
    let fetched = generic.fetch("link", None).await.expect("fetched");
    assert!(fetched.body.is_ok() && fetched.details.checksums.is_empty());
}

#[tokio::test]
async fn a_cloud_that_lists_by_keys_is_asked_so() {
    let wire = Wire::serve(|head| {
        let page = |keys: &str, more: bool| {
            let body = format!(
                "<ListBucketResult><IsTruncated>{more}</IsTruncated><EncodingType>url</EncodingType>{keys}</ListBucketResult>"
            );
            reply("200 OK", "", &body)
        };
        let one = |key: &str| {
            format!("<Contents><Key>{key}</Key><Size>1</Size><ETag>\"e\"</ETag></Contents>")
        };
        if head.contains("list-type=2") || head.contains("?version") {
            reply("501 Not Implemented", "", "<Error><Code>NotImplemented</Code></Error>")
        } else if head.contains("marker=a%2B%0Ab&") {
            page(&one("c"), false)
        } else {
            page(&one("a%2B%0Ab"), true)
        }
    })
    .await;
    for dialect in [Dialect::Cos, Dialect::Obs] {
        let source = wire.source_speaking(dialect).await;
        let first = source.list(None).await.expect("a page");
        assert_eq!(first.entries[0].key, "a+\nb");
        let kept = ListCursor::from_kept(first.next.expect("more").as_str().to_owned());
        let second = source.list(Some(&kept)).await.expect("a page");
        assert_eq!((second.entries[0].key.as_str(), second.next), ("c", None));
    }
}

#[tokio::test]
async fn what_must_be_restored_first_is_named_whatever_its_tier_is_called() {
    let wire = Wire::serve(|head| {
        if head.contains("list-type=2") {
            reply("200 OK", "", EMPTY_LISTING)
        } else if head.starts_with("HEAD") {
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-amz-storage-class: CLOUDTIER\r\n\r\n"
                .to_owned()
        } else {
            let refused = "<Error><Code>InvalidObjectState</Code></Error>";
            reply("403 Forbidden", "", refused)
        }
    })
    .await;
    let ceph = wire.source_speaking(Dialect::Ceph).await;
    let fetched = ceph.fetch("k", None).await.expect("looked at");
    assert_eq!(fetched.body.err(), Some(Obstacle::Archived));
}
