//! Who gets in: callers inside, with a control token, in a role that the path is for.

use std::net::Ipv4Addr;

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{ABROAD, AUDITOR, House, NOWHERE, OPERATOR, PROXY, REGULATOR, TENANT_USER};

const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;

#[tokio::test]
async fn without_a_known_token_nothing_opens_but_health() {
    let house = House::open().await;
    let made = house.post("/v1/tenants", json!({ "name": "acme" })).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let key = house.post("/v1/tenants/acme/keys", json!({})).await.json();
    let [access, secret] =
        ["access_key", "secret_key"].map(|name| key[name].as_str().expect("text").to_owned());
    let tries = [
        None,
        Some("Bearer".to_owned()),
        Some("Bearer nobody-holds-this".to_owned()),
        Some(format!("Bearer {access}")),
        Some(format!("Bearer {secret}")),
        Some(format!("Bearer {access}:{secret}")),
        Some(format!("Basic {OPERATOR}")),
        Some(OPERATOR.to_owned()),
        Some(format!("Bearer {OPERATOR}x")),
        Some(format!(
            "AWS4-HMAC-SHA256 Credential={access}/20261122/cn-north-1/s3/aws4_request, SignedHeaders=host, Signature=00"
        )),
    ];
    for value in &tries {
        let headers: Vec<_> = value
            .iter()
            .map(|value| ("authorization", value.as_str()))
            .collect();
        for path in [
            "/v1/tenants",
            "/metrics",
            "/ledger/checkpoint",
            "/openapi.json",
            "/nothing/here",
        ] {
            let answer = house.send(HERE, "GET", path, &headers, "").await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path} {value:?}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
            assert!(
                answer.message().contains("Authorization: Bearer"),
                "{}",
                answer.text()
            );
        }
    }
    let twice = [("authorization", "Bearer a"), ("authorization", "Bearer b")];
    assert_eq!(
        house.send(HERE, "GET", "/v1/jobs", &twice, "").await.status,
        StatusCode::UNAUTHORIZED
    );
    let health = house.send(HERE, "GET", "/healthz", &[], "").await;
    assert_eq!(
        (health.status, health.text().as_str()),
        (StatusCode::OK, "ok")
    );
}

#[tokio::test]
async fn every_documented_path_stands_behind_the_door() {
    let house = House::open().await;
    let document = house.get("/openapi.json").await.json();
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.len() >= 16, "{}", paths.len());
    for (path, methods) in paths {
        for method in methods.as_object().expect("methods").keys() {
            let method = method.to_uppercase();
            let path = path
                .replace("{name}", "acme")
                .replace("{index}", "0")
                .replace("{leaf}", "0")
                .replace("{position}", "0")
                .replace("{path}", "0/000")
                .replace("{kind}", "users")
                .replace("{identity}", "bob")
                .replace("{policy}", "p")
                .replace("{group}", "g")
                .replace("{user}", "bob")
                .replace("{key}", "ONSHAAAAAAAAAAAAAAAA")
                .replace("{id}", "apr_00000000000000000000000000000001");
            let answer = house.send(HERE, &method, &path, &[], "").await;
            let expected = if path == "/healthz" {
                StatusCode::OK
            } else {
                StatusCode::UNAUTHORIZED
            };
            assert_eq!(answer.status, expected, "{method} {path}");
            let bearer = format!("Bearer {OPERATOR}");
            let answer = house
                .send(HERE, &method, &path, &[("authorization", &bearer)], "")
                .await;
            assert_ne!(
                answer.status,
                StatusCode::METHOD_NOT_ALLOWED,
                "{method} {path}"
            );
            assert!(
                !answer.text().contains("nothing at this path"),
                "{method} {path} {}",
                answer.text()
            );
        }
    }
}

#[tokio::test]
async fn callers_abroad_are_refused_whatever_they_hold() {
    let house = House::open().await;
    let token = format!("Bearer {OPERATOR}");
    let forged = [
        ("authorization", token.as_str()),
        ("x-forwarded-for", "127.0.0.1"),
    ];
    for from in [ABROAD, NOWHERE] {
        for headers in [&forged[..1], &forged[..], &[]] {
            let answer = house.send(from, "GET", "/v1/tenants", headers, "").await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{from}");
            assert_eq!(answer.json()["code"], "border.control");
            assert!(answer.message().contains("Remedy"), "{}", answer.text());
        }
        let health = house.send(from, "GET", "/healthz", &[], "").await;
        assert_eq!(health.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_proxy_is_believed_and_must_say_for_whom_it_speaks() {
    let house = House::open().await;
    let token = format!("Bearer {OPERATOR}");
    for (forwarded, expected) in [
        (Some("127.0.0.1"), StatusCode::OK),
        (Some("127.0.0.66, 127.0.0.1"), StatusCode::OK),
        (Some("127.0.0.1, 127.0.0.66"), StatusCode::FORBIDDEN),
        (Some("127.0.0.7"), StatusCode::FORBIDDEN),
        (Some("unknown"), StatusCode::FORBIDDEN),
        (None, StatusCode::FORBIDDEN),
    ] {
        let mut headers = vec![("authorization", token.as_str())];
        headers.extend(forwarded.map(|value| ("x-forwarded-for", value)));
        let answer = house.send(PROXY, "GET", "/v1/tenants", &headers, "").await;
        assert_eq!(answer.status, expected, "{forwarded:?}");
    }
}

#[tokio::test]
async fn each_role_does_its_own() {
    let house = House::open().await;
    house.furnish("personal").await;
    let (ok, made, no) = (StatusCode::OK, StatusCode::CREATED, StatusCode::FORBIDDEN);
    let grant = json!({ "tenant": "acme", "to": "US", "class": "personal", "max_bytes": 1, "until": "2099-01-01" });
    let question =
        json!({ "bucket": "papers", "operation": "list", "from_address": "203.0.113.9" });
    let tenant = json!({ "name": "other" });
    let span = json!({ "from": "2020-01-01", "to": "2099-01-01" });
    let none = Value::Null;
    let table = [
        ("POST", "/v1/tenants", &tenant, [made, no, no, no]),
        ("GET", "/v1/tenants", &none, [ok, no, no, no]),
        ("GET", "/v1/buckets", &none, [ok, no, no, no]),
        ("POST", "/v1/approvals", &grant, [made, made, no, no]),
        ("GET", "/v1/approvals", &none, [ok, ok, ok, no]),
        ("POST", "/v1/explain", &question, [ok, ok, no, no]),
        ("GET", "/v1/ledger/key", &none, [ok, ok, ok, no]),
        ("GET", "/v1/ledger/status", &none, [ok, ok, ok, no]),
        ("GET", "/v1/ledger/reads/0", &none, [ok, ok, ok, no]),
        ("POST", "/v1/report/evidence", &span, [ok, ok, ok, no]),
        ("GET", "/ledger/checkpoint", &none, [ok, ok, ok, no]),
        ("GET", "/v1/jobs", &none, [ok, no, ok, no]),
        (
            "POST",
            "/v1/jobs",
            &none,
            [StatusCode::BAD_REQUEST, no, no, no],
        ),
        ("GET", "/metrics", &none, [ok, ok, ok, no]),
    ];
    for (method, path, body, expected) in table {
        let tokens = [OPERATOR, REGULATOR, AUDITOR, TENANT_USER];
        for (token, expected) in tokens.into_iter().zip(expected) {
            let answer = house.by(token, method, path, body).await;
            assert_eq!(
                answer.status,
                expected,
                "{method} {path} {token}: {}",
                answer.text()
            );
        }
    }
    assert_eq!(house.get("/metrics").await.text(), "onshore_up 1\n");
    let approvals = house.get("/v1/approvals").await.json();
    let bases: Vec<_> = approvals
        .as_array()
        .expect("a list")
        .iter()
        .map(|a| a["basis"].clone())
        .collect();
    assert!(
        bases.contains(&json!("regulator")) && bases.contains(&json!("single-operator")),
        "{bases:?}"
    );
}
