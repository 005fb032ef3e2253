//! Tenants, keys, buckets, approvals, explanations; and input that must be refused in clear words.

use std::net::Ipv4Addr;

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{House, OPERATOR};

#[tokio::test]
async fn an_approval_is_granted_shown_and_revoked() {
    let house = House::open().await;
    house.furnish("personal").await;
    let asked = json!({ "tenant": "acme", "to": "US", "class": "personal", "max_bytes": 1000, "until": "2099-01-01T00:00:00Z" });
    let granted = house.post("/v1/approvals", asked).await;
    assert_eq!(granted.status, StatusCode::CREATED, "{}", granted.text());
    let granted = granted.json();
    assert_eq!(granted["state"], "in-force");
    assert!(granted["leaf"].is_u64());
    let path = format!("/v1/approvals/{}", granted["id"].as_str().expect("an id"));
    assert_eq!(house.get(&path).await.json()["max_bytes"], 1000);
    assert_eq!(
        house.get("/v1/approvals").await.json()[0]["id"],
        granted["id"]
    );
    let revoked = house.by(OPERATOR, "DELETE", &path, &Value::Null).await;
    assert_eq!(revoked.status, StatusCode::OK, "{}", revoked.text());
    assert_eq!(revoked.json()["state"], "revoked");
    let again = house.by(OPERATOR, "DELETE", &path, &Value::Null).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert_eq!(house.get(&path).await.json()["state"], "revoked");
}

#[tokio::test]
async fn an_approval_is_told_as_it_stands_now() {
    let house = House::open().await;
    house.furnish("personal").await;
    house.put("a", b"four").await;
    let grant = async |max_bytes: u64, until: &str| {
        let asked = json!({ "tenant": "acme", "to": "US", "class": "personal", "max_bytes": max_bytes, "until": until });
        let granted = house.post("/v1/approvals", asked).await.json();
        format!("/v1/approvals/{}", granted["id"].as_str().expect("an id"))
    };
    let soon = house.gate.now().plus_millis(1000).to_string();
    let spent = grant(4, &soon).await;
    house.export("a").await;
    let told = house.get(&spent).await.json();
    assert_eq!(
        (&told["state"], &told["spent_bytes"]),
        (&json!("exhausted"), &json!(4))
    );
    let unspent = grant(4, &soon).await;
    house.clock.step(999);
    assert_eq!(house.get(&unspent).await.json()["state"], "in-force");
    house.clock.step(1);
    assert_eq!(house.get(&unspent).await.json()["state"], "expired");
}

#[tokio::test]
async fn a_bucket_is_only_ever_tightened() {
    let house = House::open().await;
    house.post("/v1/tenants", json!({ "name": "acme" })).await;
    let made = house
        .post("/v1/buckets", json!({ "name": "papers", "tenant": "acme" }))
        .await;
    assert_eq!(made.json()["class"], Value::Null);
    let taken = house
        .post("/v1/buckets", json!({ "name": "papers", "tenant": "acme" }))
        .await;
    assert_eq!(taken.status, StatusCode::CONFLICT);
    let set = async |class: &str| {
        house
            .by(
                OPERATOR,
                "PUT",
                "/v1/buckets/papers/class",
                &json!({ "class": class }),
            )
            .await
    };
    for (class, status, now) in [
        ("personal", StatusCode::OK, "personal"),
        ("general", StatusCode::CONFLICT, "personal"),
        ("important", StatusCode::CONFLICT, "personal"),
        ("personal", StatusCode::OK, "personal"),
        ("important,personal", StatusCode::OK, "important,personal"),
        (
            "unclassified",
            StatusCode::BAD_REQUEST,
            "important,personal",
        ),
        ("", StatusCode::BAD_REQUEST, "important,personal"),
    ] {
        let answer = set(class).await;
        assert_eq!(answer.status, status, "{class}: {}", answer.text());
        let buckets = house.get("/v1/buckets").await.json();
        assert_eq!(buckets[0]["class"], now, "{class}");
    }
    let leaves = house.get("/v1/ledger/leaves?last=1").await.json();
    assert_eq!(leaves[0]["body"]["operation"], "SetBucketClass");
}

#[tokio::test]
async fn a_key_is_drawn_or_brought_and_its_secret_told_once() {
    let house = House::open().await;
    house.post("/v1/tenants", json!({ "name": "acme" })).await;
    let drawn = house.post("/v1/tenants/acme/keys", json!({})).await;
    assert_eq!(drawn.status, StatusCode::CREATED);
    assert_eq!(drawn.headers["cache-control"], "no-store");
    let secret = drawn.json()["secret_key"]
        .as_str()
        .expect("a secret")
        .to_owned();
    let brought = json!({ "access_key": "AKIDEXAMPLE", "secret_key": "generated-secret-1" });
    let answer = house.post("/v1/tenants/acme/keys", brought.clone()).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert!(!answer.text().contains("generated-secret-1"));
    assert_eq!(
        house.post("/v1/tenants/acme/keys", brought).await.status,
        StatusCode::CONFLICT
    );
    let leaves = house.get("/v1/ledger/leaves").await.json();
    let count = leaves.as_array().expect("leaves").len();
    for index in 0..count {
        let text = house
            .get(&format!("/v1/ledger/proofs/{index}"))
            .await
            .text();
        assert!(
            !text.contains(&secret) && !text.contains("generated-secret-1"),
            "leaf {index}"
        );
    }
}

#[tokio::test]
async fn bad_input_is_refused_in_clear_words() {
    let house = House::open().await;
    house.furnish("personal").await;
    let grant = |member: &str, value: Value| {
        let mut asked = json!({ "tenant": "acme", "to": "US", "class": "personal", "max_bytes": 1, "until": "2099-01-01" });
        asked[member] = value;
        asked
    };
    let key = |access: &str, secret: Value| json!({ "access_key": access, "secret_key": secret });
    let (bad, missing) = (StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND);
    let table = [
        (
            "/v1/tenants",
            json!({ "name": "Bad Name" }),
            bad,
            "tenant name",
        ),
        (
            "/v1/tenants",
            json!({ "name": "a", "admin": true }),
            bad,
            "unknown field `admin`",
        ),
        ("/v1/tenants", json!({}), bad, "missing field `name`"),
        ("/v1/tenants", json!([1]), bad, "expected"),
        (
            "/v1/tenants",
            json!({ "name": "acme" }),
            StatusCode::CONFLICT,
            "already",
        ),
        (
            "/v1/tenants/nobody/keys",
            json!({}),
            missing,
            "no tenant `nobody`",
        ),
        ("/v1/tenants/%2e%2e/keys", json!({}), bad, "tenant name"),
        (
            "/v1/tenants/acme/keys",
            json!({ "access_key": "AKID" }),
            bad,
            "neither",
        ),
        (
            "/v1/tenants/acme/keys",
            key("AKID", json!("short")),
            bad,
            "8 to 128",
        ),
        (
            "/v1/tenants/acme/keys",
            key("AKID", json!("x".repeat(129))),
            bad,
            "8 to 128",
        ),
        (
            "/v1/tenants/acme/keys",
            key("AKID", json!("line\nline\nline")),
            bad,
            "8 to 128",
        ),
        (
            "/v1/tenants/acme/keys",
            key("a b", json!("generated-secret")),
            bad,
            "access key",
        ),
        (
            "/v1/tenants/acme/keys",
            key("AKID", json!(20_261_122)),
            bad,
            "expected a string",
        ),
        (
            "/v1/buckets",
            json!({ "name": "Papers", "tenant": "acme" }),
            bad,
            "bucket name",
        ),
        (
            "/v1/buckets",
            json!({ "name": "papers2", "tenant": "nobody" }),
            missing,
            "nobody",
        ),
        (
            "/v1/buckets",
            json!({ "name": "papers2", "tenant": "acme", "class": "secret" }),
            bad,
            "not a class",
        ),
        (
            "/v1/approvals",
            grant("tenant", json!("nobody")),
            missing,
            "nobody",
        ),
        (
            "/v1/approvals",
            grant("to", json!("XX")),
            bad,
            "jurisdiction",
        ),
        ("/v1/approvals", grant("to", json!("CN")), bad, "abroad"),
        (
            "/v1/approvals",
            grant("class", json!("unclassified")),
            bad,
            "not a class",
        ),
        (
            "/v1/approvals",
            grant("until", json!("2001-01-01")),
            bad,
            "future",
        ),
        (
            "/v1/approvals",
            grant("until", json!("tomorrow")),
            bad,
            "RFC 3339",
        ),
        (
            "/v1/approvals",
            grant("max_bytes", json!(-1)),
            bad,
            "expected u64",
        ),
        (
            "/v1/approvals",
            grant("max_bytes", json!(1_u64 << 60)),
            bad,
            "at most",
        ),
        (
            "/v1/explain",
            json!({ "bucket": "nowhere", "key": "a", "from_address": "127.0.0.1" }),
            missing,
            "nowhere",
        ),
        (
            "/v1/explain",
            json!({ "bucket": "papers", "from_address": "127.0.0.1" }),
            bad,
            "BUCKET/KEY",
        ),
        (
            "/v1/explain",
            json!({ "bucket": "papers", "key": "a", "from_address": "example.com" }),
            bad,
            "IP address",
        ),
        (
            "/v1/explain",
            json!({ "bucket": "papers", "key": "a", "from_address": "127.0.0.1", "operation": "delete" }),
            bad,
            "unknown variant",
        ),
    ];
    for (path, body, status, word) in table {
        let answer = house.post(path, body.clone()).await;
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text());
        assert!(
            answer.message().contains(word),
            "{path} {body}: {}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn what_is_no_request_is_named() {
    let house = House::open().await;
    let bearer = format!("Bearer {OPERATOR}");
    let json = ("content-type", "application/json");
    let auth = ("authorization", bearer.as_str());
    let send = async |method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>| {
        house
            .send(Ipv4Addr::LOCALHOST, method, path, headers, body)
            .await
    };
    let name = br#"{"name":"acme"}"#;
    type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], Vec<u8>, u16);
    let table: [Row<'_>; 11] = [
        ("POST", "/v1/tenants", &[auth], name.to_vec(), 415),
        (
            "POST",
            "/v1/tenants",
            &[auth, ("content-type", "text/plain")],
            name.to_vec(),
            415,
        ),
        ("POST", "/v1/tenants", &[auth, json], b"{".to_vec(), 400),
        ("POST", "/v1/tenants", &[auth, json], Vec::new(), 400),
        (
            "POST",
            "/v1/tenants",
            &[auth, json],
            b"\xff\xfe".to_vec(),
            400,
        ),
        (
            "POST",
            "/v1/tenants",
            &[auth, json],
            br#"{"name":"acme"}{"name":"b"}"#.to_vec(),
            400,
        ),
        (
            "POST",
            "/v1/tenants",
            &[auth, json],
            br#"{"name":"a","name":"b"}"#.to_vec(),
            400,
        ),
        (
            "POST",
            "/v1/tenants",
            &[auth, json],
            vec![b' '; (1 << 20) + 1],
            413,
        ),
        ("PATCH", "/v1/tenants", &[auth, json], Vec::new(), 405),
        ("GET", "/v1/nothing", &[auth], Vec::new(), 404),
        ("GET", "/v1/approvals/apr_1", &[auth], Vec::new(), 400),
    ];
    for (method, path, headers, body, status) in table {
        let answer = send(method, path, headers, body).await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{method} {path}: {}",
            answer.text()
        );
        assert!(!answer.message().is_empty());
    }
    // Exactly as long as allowed: refused for what it says, not for its length.
    let long = send("POST", "/v1/tenants", &[auth, json], vec![b' '; 1 << 20]).await;
    assert_eq!(long.status, StatusCode::BAD_REQUEST);
    let charset = ("content-type", "application/json; charset=utf-8");
    let good = send("POST", "/v1/tenants", &[auth, charset], name.to_vec()).await;
    assert_eq!(good.status, StatusCode::CREATED);
}

#[tokio::test]
async fn explain_tells_the_verdict_without_the_transfer() {
    let house = House::open().await;
    house.furnish("personal").await;
    house.put("a", b"four").await;
    let before = house.get("/v1/ledger/key").await.json()["size"].clone();
    let ask = async |key: Value, from: &str, operation: &str| {
        let mut question =
            json!({ "bucket": "papers", "from_address": from, "operation": operation });
        if !key.is_null() {
            question["key"] = key;
        }
        let answer = house.post("/v1/explain", question).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.json()
    };
    let inside = ask(json!("a"), "127.0.0.1", "get").await;
    assert_eq!(
        (&inside["verdict"], &inside["label"]),
        (&json!("allowed"), &json!("personal"))
    );
    let abroad = ask(json!("a"), "203.0.113.9", "get").await;
    assert_eq!(
        (&abroad["verdict"], &abroad["rule"], &abroad["to"]),
        (
            &json!("refused"),
            &json!("border.no-approval"),
            &json!("US")
        )
    );
    let remedy = abroad["remedy"].as_str().expect("a remedy");
    assert!(
        remedy.contains("--tenant acme --to US --class personal --max-bytes 4"),
        "{remedy}"
    );
    let absent = ask(json!("absent"), "203.0.113.9", "get").await;
    assert_eq!(
        (&absent["verdict"], &absent["label"]),
        (&json!("refused"), &Value::Null)
    );
    assert_eq!(
        ask(Value::Null, "203.0.113.9", "list").await["rule"],
        "border.list-not-free"
    );
    assert_eq!(
        ask(json!("b"), "203.0.113.9", "put").await["rule"],
        "border.inbound"
    );
    assert_eq!(
        ask(json!("a"), "198.51.100.1", "head").await["rule"],
        "border.unknown-place"
    );
    assert_eq!(
        house.get("/v1/ledger/key").await.json()["size"],
        before,
        "nothing was recorded"
    );
}
