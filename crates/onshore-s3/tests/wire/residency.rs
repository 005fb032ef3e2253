//! What crosses the border and what does not, as a client on either side sees it.

use onshore_gate::{ApprovalRequest, Terms};
use onshore_types::{Jurisdiction, Label, TenantName, Timestamp};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::{Answer, Client};
use crate::world::{OPERATOR, World};

async fn approve(
    world: &World,
    tenant: &str,
    class: &str,
    max_bytes: u64,
) -> onshore_types::ApprovalId {
    let until: Timestamp = "2026-06-01T00:00:00Z".parse().expect("a time");
    let request = ApprovalRequest {
        tenant: TenantName::parse(tenant).expect("a name"),
        to: Jurisdiction::parse("US").expect("a jurisdiction"),
        label: Label::parse_declaration(class).expect("a class"),
        max_bytes,
        until,
        terms: Terms::default(),
    };
    let (approval, _) = world
        .gate
        .grant_approval(OPERATOR, &request)
        .await
        .expect("granted");
    approval.id
}

/// What a client can tell an answer by, the request's own id and date left out.
fn seen(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let headers = answer
        .headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "x-amz-request-id" | "x-amz-id-2" | "date"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let id = answer.header("x-amz-request-id");
    let host_id = answer.header("x-amz-id-2");
    let text = answer.text().replace(id, "ID").replace(host_id, "ID");
    (answer.status, headers, text)
}

async fn put(client: &Client, path: &str, class: Option<&str>, body: &str) {
    let mut request = client.put(path).body(body);
    if let Some(class) = class {
        request = request.header("x-amz-meta-onshore-class", class);
    }
    request.send().await.expect_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_general_data_leaves_by_itself() {
    let world = World::new("border").await;
    let client = world.tenant("alpha").await;
    let abroad = client.abroad();
    client.put("/bkt").send().await.expect_status(200);
    put(&client, "/bkt/general", Some("general"), "free").await;
    for (key, class) in [
        ("important", Some("important")),
        ("personal", Some("personal")),
        ("nothing", None),
    ] {
        put(&client, &format!("/bkt/{key}"), class, "bound").await;
    }
    assert_eq!(
        abroad
            .get("/bkt/general")
            .send()
            .await
            .expect_status(200)
            .text(),
        "free"
    );
    abroad.head("/bkt/general").send().await.expect_status(200);
    for key in ["important", "personal", "nothing", "absent"] {
        let path = format!("/bkt/{key}");
        for request in [
            abroad.get(&path),
            abroad.get(&path).header("range", "bytes=0-0"),
            abroad.get(&path).header("if-none-match", "*"),
            abroad.get(&path).header("if-match", "\"x\""),
            abroad.get(&format!("{path}?tagging")),
            abroad.get(&format!("{path}?partNumber=1")),
            abroad.get(&path).header("range", "bytes=99-"),
            abroad.put("/bkt/copy").header("x-amz-copy-source", &path),
            abroad.delete(&path).header("if-match", "\"x\""),
            abroad.put(&path).header("if-none-match", "*"),
            abroad.put(&path).header("if-match", "\"x\""),
            abroad
                .put(&format!("{path}?tagging"))
                .body("<Tagging><TagSet></TagSet></Tagging>"),
            abroad.delete(&format!("{path}?tagging")),
        ] {
            let what = format!("{} {}", request.method, request.path);
            let answer = request.send().await;
            assert_eq!(answer.status, 403, "{what}: {}", answer.text());
            let message = answer.element("Message").expect("a message");
            assert!(
                message.contains("border.outward") && message.contains("Remedy"),
                "{message}"
            );
            assert!(
                answer
                    .header("x-onshore-refusal")
                    .starts_with("border.outward")
            );
            assert!(answer.header("x-onshore-leaf").parse::<u64>().is_ok());
        }
        let head = abroad.head(&path).send().await.expect_status(403);
        assert!(
            head.header("x-onshore-refusal").contains("remedy"),
            "a HEAD has no body"
        );
        let link = client.get(&path).presigned("60");
        client
            .raw(&link)
            .await
            .expect_status(if key == "absent" { 404 } else { 200 });
        abroad.raw(&link).await.expect_code(403, "AccessDenied");
    }
    for target in [
        "/",
        "/bkt",
        "/bkt?list-type=2&prefix=general",
        "/bkt?uploads",
    ] {
        abroad
            .get(target)
            .send()
            .await
            .expect_code(403, "AccessDenied");
    }
    // Inside everything goes.
    for key in ["general", "important", "personal", "nothing"] {
        client
            .get(&format!("/bkt/{key}"))
            .send()
            .await
            .expect_status(200);
    }
    client.get("/bkt").send().await.expect_status(200);
    // What comes in may come from anywhere.
    put(&abroad, "/bkt/from-abroad", Some("core"), "in").await;
    abroad
        .delete("/bkt/from-abroad")
        .send()
        .await
        .expect_status(204);
    abroad.delete("/bkt/absent").send().await.expect_status(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_key_and_a_refused_one_look_the_same_abroad() {
    let world = World::new("same").await;
    let client = world.tenant("alpha").await;
    let abroad = client.abroad();
    world.classified(&client, "bkt", "personal").await;
    put(&client, "/bkt/there", None, "bound").await;
    let there = seen(&abroad.get("/bkt/there").send().await);
    let absent = seen(&abroad.get("/bkt/absent").send().await);
    assert_eq!(there, absent);
    let there = seen(&abroad.head("/bkt/there").send().await);
    let absent = seen(&abroad.head("/bkt/absent").send().await);
    assert_eq!(there, absent);
    let delete = |path: &'static str| abroad.delete(path).send();
    assert_eq!(
        seen(&delete("/bkt/there").await),
        seen(&delete("/bkt/absent").await)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_free_bucket_is_listed_abroad_and_says_404() {
    let world = World::new("free").await;
    let client = world.tenant("alpha").await;
    let abroad = client.abroad();
    world.classified(&client, "free", "general").await;
    put(&client, "/free/a", None, "x").await;
    abroad
        .get("/free?list-type=2")
        .send()
        .await
        .expect_status(200);
    abroad.get("/").send().await.expect_status(200);
    abroad
        .get("/free/absent")
        .send()
        .await
        .expect_code(404, "NoSuchKey");
    put(&client, "/free/secret/b", Some("personal"), "x").await;
    abroad
        .get("/free")
        .send()
        .await
        .expect_code(403, "AccessDenied");
    // A prefix would tell how keys begin that may not be told: the whole bucket is judged.
    for prefixed in ["/free?prefix=a", "/free?prefix=secret/"] {
        abroad
            .get(prefixed)
            .send()
            .await
            .expect_code(403, "AccessDenied");
    }
    abroad
        .get("/free/absent")
        .send()
        .await
        .expect_code(403, "AccessDenied");
    client.put("/other").send().await.expect_status(200);
    abroad
        .get("/")
        .send()
        .await
        .expect_code(403, "AccessDenied");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_lets_out_what_it_covers_and_no_byte_more() {
    let world = World::new("approval").await;
    let client = world.tenant("alpha").await;
    let abroad = client.abroad();
    client.put("/bkt").send().await.expect_status(200);
    put(&client, "/bkt/personal", Some("personal"), "0123456789").await;
    put(&client, "/bkt/important", Some("important"), "0123456789").await;
    let approval = approve(&world, "alpha", "personal", 25).await;
    let got = abroad.get("/bkt/personal").send().await.expect_status(200);
    assert_eq!(got.text(), "0123456789");
    assert!(
        got.header("x-onshore-leaf").parse::<u64>().is_ok(),
        "an export has a receipt"
    );
    abroad
        .get("/bkt/important")
        .send()
        .await
        .expect_code(403, "AccessDenied");
    let got = abroad
        .get("/bkt/personal")
        .header("range", "bytes=0-4")
        .send()
        .await
        .expect_status(206);
    assert_eq!(got.text(), "01234");
    // What is said of the object is more than what is left: whether its tag is that one is not told.
    for etag in [got.header("etag"), "\"other\""] {
        abroad
            .get("/bkt/personal")
            .header("if-none-match", etag)
            .send()
            .await
            .expect_code(403, "AccessDenied");
    }
    abroad.get("/bkt/personal").send().await.expect_status(200);
    abroad
        .get("/bkt/personal")
        .send()
        .await
        .expect_code(403, "AccessDenied");
    abroad
        .get("/bkt/personal")
        .header("range", "bytes=0-0")
        .send()
        .await
        .expect_code(403, "AccessDenied");
    world
        .gate
        .revoke_approval(OPERATOR, approval)
        .await
        .expect("revoked");
    abroad.head("/bkt/personal").send().await.expect_status(403);
    // Where there is room for it, it is told, as often as there is.
    approve(&world, "alpha", "personal", 90).await;
    let conditional = || {
        abroad
            .get("/bkt/personal")
            .header("if-none-match", got.header("etag"))
            .send()
    };
    conditional().await.expect_status(304);
    abroad.head("/bkt/personal").send().await.expect_status(200);
    conditional().await.expect_code(403, "AccessDenied");
    abroad.head("/bkt/personal").send().await.expect_status(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_exports_never_overspend() {
    let world = World::new("racing").await;
    let client = world.tenant("alpha").await;
    let abroad = client.abroad();
    client.put("/bkt").send().await.expect_status(200);
    put(&client, "/bkt/personal", Some("personal"), "0123456789").await;
    approve(&world, "alpha", "personal", 55).await;
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..20 {
        racers.spawn(abroad.get("/bkt/personal").send());
    }
    let sent = racers
        .join_all()
        .await
        .iter()
        .filter(|answer| answer.status == 200)
        .count();
    assert_eq!(sent, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_approval_is_revoked_is_cut() {
    let world = World::new("cut").await;
    let client = world.tenant("alpha").await;
    let abroad = client.abroad();
    client.put("/bkt").send().await.expect_status(200);
    let size = 64 * 1024 * 1024;
    client
        .put("/bkt/large")
        .header("x-amz-meta-onshore-class", "personal")
        .body(vec![b'a'; size])
        .send()
        .await
        .expect_status(200);
    let approval = approve(&world, "alpha", "personal", 1 << 30).await;
    let request = abroad.get("/bkt/large").bytes();
    let mut stream = abroad.connect().await;
    stream.write_all(&request).await.expect("sent");
    let mut buffer = vec![0; 64 * 1024];
    let mut got = stream.read(&mut buffer).await.expect("the first bytes");
    assert!(buffer.starts_with(b"HTTP/1.1 200"));
    world
        .gate
        .revoke_approval(OPERATOR, approval)
        .await
        .expect("revoked");
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(more) => got += more,
        }
    }
    assert!(got < size / 2, "{got} of {size} bytes came");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_never_looser_than_its_source() {
    let world = World::new("launder").await;
    let client = world.tenant("alpha").await;
    let abroad = client.abroad();
    client.put("/bkt").send().await.expect_status(200);
    world.classified(&client, "open", "general").await;
    put(&client, "/bkt/personal", Some("personal"), "bound").await;
    put(&client, "/bkt/unknown", None, "bound").await;
    for source in ["personal", "unknown"] {
        for directive in ["COPY", "REPLACE"] {
            client
                .put("/open/copy")
                .header("x-amz-copy-source", &format!("/bkt/{source}"))
                .header("x-amz-metadata-directive", directive)
                .header("x-amz-meta-onshore-class", "general")
                .send()
                .await
                .expect_status(200);
            abroad
                .get("/open/copy")
                .send()
                .await
                .expect_code(403, "AccessDenied");
        }
        let begun = client
            .post("/open/parts?uploads")
            .send()
            .await
            .expect_status(200);
        let upload = begun.element("UploadId").expect("an id");
        let part = client
            .put(&format!("/open/parts?partNumber=1&uploadId={upload}"))
            .header("x-amz-copy-source", &format!("/bkt/{source}"))
            .send()
            .await
            .expect_status(200);
        let etag = part.element("ETag").expect("an ETag");
        client
            .post(&format!("/open/parts?uploadId={upload}"))
            .body(format!(
                "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
            ))
            .send()
            .await
            .expect_status(200);
        abroad
            .get("/open/parts")
            .send()
            .await
            .expect_code(403, "AccessDenied");
        client.get("/open/parts").send().await.expect_status(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tightened_bucket_binds_what_is_in_it() {
    let world = World::new("tighten").await;
    let client = world.tenant("alpha").await;
    let abroad = client.abroad();
    client.put("/bkt").send().await.expect_status(200);
    put(&client, "/bkt/general", Some("general"), "free").await;
    abroad.get("/bkt/general").send().await.expect_status(200);
    let name = onshore_types::BucketName::parse("bkt").expect("a name");
    let bucket = world
        .store
        .bucket(&name)
        .await
        .expect("looked")
        .expect("there");
    let store = world.store.clone();
    let core = Label::parse_declaration("core").expect("a class");
    world
        .db
        .write(move |unit| store.tighten_bucket(unit, bucket.id, core))
        .await
        .expect("tightened");
    abroad
        .get("/bkt/general")
        .send()
        .await
        .expect_code(403, "AccessDenied");
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_cannot_see_each_other() {
    let world = World::new("tenants").await;
    let client = world.tenant("alpha").await;
    let other = world.tenant("beta").await;
    client.put("/bkt").send().await.expect_status(200);
    put(&client, "/bkt/there", Some("general"), "x").await;
    for stranger in [other.clone(), other.abroad()] {
        let there = seen(&stranger.get("/bkt/there").send().await);
        let absent = seen(&stranger.get("/bkt/absent").send().await);
        assert_eq!(there.0, 403);
        assert_eq!(there, absent, "whether the key exists or not");
        for request in [
            stranger.head("/bkt"),
            stranger.get("/bkt"),
            stranger.get("/bkt?location"),
            stranger.get("/bkt?uploads"),
            stranger.head("/bkt/there"),
            stranger.put("/bkt/there").body("y"),
            stranger.delete("/bkt/there"),
            stranger.get("/bkt/there?tagging"),
            stranger.post("/bkt/there?uploads"),
            stranger
                .post("/bkt?delete")
                .body("<Delete><Object><Key>there</Key></Object></Delete>"),
            stranger.delete("/bkt"),
            stranger
                .put("/mine/x")
                .header("x-amz-copy-source", "/bkt/there"),
        ] {
            let what = format!("{} {}", request.method, request.path);
            let answer = request.send().await;
            if what == "PUT /mine/x" {
                assert!(
                    matches!(answer.status, 403 | 404),
                    "{what}: {}",
                    answer.text()
                );
            } else {
                assert_eq!(answer.status, 403, "{what}: {}", answer.text());
            }
        }
    }
    other.put("/mine").send().await.expect_status(200);
    let stolen = other
        .put("/mine/x")
        .header("x-amz-copy-source", "/bkt/there")
        .send()
        .await;
    stolen.expect_code(403, "AccessDenied");
    assert_eq!(
        client
            .get("/bkt/there")
            .send()
            .await
            .expect_status(200)
            .text(),
        "x"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_anybody_can_write_counts_for_nothing() {
    let world = World::new("forwarded").await;
    let client = world.tenant("alpha").await;
    client.put("/bkt").send().await.expect_status(200);
    put(&client, "/bkt/personal", Some("personal"), "bound").await;
    let lying = client
        .abroad()
        .get("/bkt/personal")
        .unsigned_header("x-forwarded-for", "127.0.0.1");
    lying.send().await.expect_code(403, "AccessDenied");
}
