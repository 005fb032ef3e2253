//! Masked examples of what is stored: who may see them, that each look is recorded before, and that no value is in an answer.

use std::net::Ipv4Addr;

use http::StatusCode;
use onshore_policy::Role;
use onshore_registry::TokenHolder;
use onshore_types::{PrincipalId, TenantName};
use serde_json::{Value, json};

use crate::support::{
    ABROAD, AUDITOR, Answer, House, OPERATOR, REGULATOR, SUPPORT_ENGINEER, TENANT_ADMIN,
    TENANT_USER,
};

const BODY: &[u8] =
    "姓名,身份证号,手机号\n王伟,11010519491231002X,13800138000\n李娜,,\n张敏,,\n".as_bytes();
const OWN_ADMIN: &str = "own-admin-token-0123456789abcdef";
const OTHER_ADMIN: &str = "other-admin-token-0123456789abcdef";

/// Makes the token of an administrator of a tenant.
async fn admin(house: &House, token: &'static str, tenant: &str, id: u8) {
    let name = TenantName::parse(tenant).expect("a name");
    let tenant = house.registry.tenant(&name).await.expect("a tenant").id;
    let (registry, now) = (house.registry.clone(), house.gate.now());
    house
        .db
        .write(move |unit| {
            let holder = TokenHolder {
                principal: PrincipalId::from_bytes([id; 16]),
                role: Role::TenantAdmin,
                tenant: Some(tenant),
                person: None,
                provider: None,
                vouched_by: Vec::new(),
            };
            registry.save_token(unit, token, &holder, now)
        })
        .await
        .expect("a token");
}

async fn furnished() -> House {
    let house = House::open().await;
    house.furnish("personal").await;
    let made = house.post("/v1/tenants", json!({ "name": "other" })).await;
    assert_eq!(made.status, StatusCode::CREATED);
    admin(&house, OWN_ADMIN, "acme", 21).await;
    admin(&house, OTHER_ADMIN, "other", 22).await;
    house.put("people.csv", BODY).await;
    house
}

async fn ask(house: &House, token: &str, key: &str) -> Answer {
    let asked = json!({ "key": key, "each_max": 3 });
    house
        .by(token, "POST", "/v1/buckets/papers/samples", &asked)
        .await
}

/// The leaves that tell of looks.
async fn looks(house: &House) -> Vec<Value> {
    let leaves = house.get("/v1/ledger/leaves?limit=1000").await.json();
    let leaves = leaves.as_array().expect("leaves").clone();
    let is_look = |leaf: &Value| leaf["body"]["kind"] == "sampled";
    leaves.into_iter().filter(is_look).collect()
}

#[tokio::test]
async fn examples_are_masked_and_each_look_is_a_leaf() {
    let house = furnished().await;
    for (number, token) in [OPERATOR, OWN_ADMIN].into_iter().enumerate() {
        let shown = ask(&house, token, "people.csv").await;
        assert_eq!(shown.status, StatusCode::OK, "{}", shown.text());
        for value in [
            "11010519491231002X",
            "19491231",
            "13800138000",
            "0138000",
            "王伟",
            "王",
        ] {
            assert!(!shown.text().contains(value), "{}", shown.text());
        }
        let shown = shown.json();
        let of = |kind: &str| -> Vec<Value> {
            let samples = shown["samples"].as_array().expect("samples").iter();
            samples
                .filter(|sample| sample["kind"] == kind)
                .cloned()
                .collect()
        };
        let id = of("cn.resident-id");
        assert_eq!(id.len(), 1);
        assert_eq!(id[0]["mask"], "11****************");
        let place = (
            &id[0]["line"],
            &id[0]["row"],
            &id[0]["column"],
            &id[0]["header"],
        );
        assert_eq!(place, (&json!(2), &json!(2), &json!(2), &json!("身份证号")));
        assert_eq!(of("cn.mobile")[0]["mask"], "138********");
        let looks = looks(&house).await;
        assert_eq!(looks.len(), number + 1);
        let leaf = looks.last().expect("a look");
        assert_eq!(leaf["index"], shown["leaf"], "{leaf}");
        assert_eq!(leaf["body"]["version"], shown["version"]);
        assert_eq!(leaf["body"]["each_max"], 3);
        assert!(leaf["body"]["principal"].is_string() && !leaf.to_string().contains("people.csv"));
    }
}

#[tokio::test]
async fn whoever_may_not_look_sees_nothing_and_leaves_no_look() {
    let house = furnished().await;
    for token in [REGULATOR, AUDITOR, TENANT_USER, SUPPORT_ENGINEER] {
        let refused = ask(&house, token, "people.csv").await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text());
    }
    house.support("CN", Some("acme")).await;
    let refused = ask(&house, SUPPORT_ENGINEER, "people.csv").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text());
    // Whether there is such a bucket, or such a key, is nothing for another tenant's administrator.
    let missing = json!({ "key": "people.csv", "each_max": 3 });
    let missing = house
        .by(OTHER_ADMIN, "POST", "/v1/buckets/nowhere/samples", &missing)
        .await;
    for (token, key) in [
        (OTHER_ADMIN, "people.csv"),
        (OTHER_ADMIN, "no-such-key"),
        (TENANT_ADMIN, "people.csv"),
    ] {
        let refused = ask(&house, token, key).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND, "{}", refused.text());
        assert_eq!(refused.text().replace("papers", "nowhere"), missing.text());
    }
    let bearer = format!("Bearer {OWN_ADMIN}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let asked = json!({ "key": "people.csv", "each_max": 3 }).to_string();
    let path = "/v1/buckets/papers/samples";
    let abroad = house
        .send(ABROAD, "POST", path, &headers, asked.clone())
        .await;
    assert_eq!(abroad.status, StatusCode::FORBIDDEN);
    assert_eq!(abroad.json()["code"], "border.control");
    assert_eq!(looks(&house).await, Vec::<Value>::new());
    let inside = house
        .send(Ipv4Addr::LOCALHOST, "POST", path, &headers, asked)
        .await;
    assert_eq!(inside.status, StatusCode::OK, "{}", inside.text());
}

#[tokio::test]
async fn an_organisation_abroad_is_refused_as_it_would_be_a_read() {
    let house = furnished().await;
    let moved = json!({ "jurisdiction": "US" });
    let path = "/v1/tenants/acme/jurisdiction";
    let moved = house.by(OPERATOR, "PUT", path, &moved).await;
    assert_eq!(moved.status, StatusCode::OK, "{}", moved.text());
    let refused = ask(&house, OWN_ADMIN, "people.csv").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text());
    assert_eq!(refused.json()["code"], "refused");
    assert!(refused.json()["leaf"].is_u64());
    let listed = house
        .by(
            OWN_ADMIN,
            "GET",
            "/v1/buckets/papers/findings",
            &Value::Null,
        )
        .await;
    assert_eq!(listed.status, StatusCode::FORBIDDEN, "{}", listed.text());
    assert_eq!(looks(&house).await, Vec::<Value>::new());
    // The operator's people are inside.
    assert_eq!(
        ask(&house, OPERATOR, "people.csv").await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn what_is_gone_or_was_tampered_with_is_not_shown() {
    let house = furnished().await;
    assert_eq!(
        ask(&house, OWN_ADMIN, "gone").await.status,
        StatusCode::NOT_FOUND
    );
    let flipped = house.db.write(|unit| {
        unit.execute(
            "UPDATE objects SET label = 'general' WHERE key = ?1",
            ["people.csv".as_bytes()],
        )
    });
    flipped.await.expect("flipped");
    let refused = ask(&house, OWN_ADMIN, "people.csv").await;
    assert_eq!(refused.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(refused.json()["code"], "damaged");
    assert!(!refused.text().contains("138"), "{}", refused.text());
}

#[tokio::test]
async fn numbers_and_names_that_are_none_are_refused_in_words() {
    let house = furnished().await;
    for (asked, words) in [
        (json!({ "key": "people.csv", "each_max": 0 }), "1 to 100"),
        (json!({ "key": "people.csv", "each_max": 101 }), "1 to 100"),
        (json!({ "key": "people.csv", "each_max": -1 }), "each_max"),
        (json!({ "key": "people.csv" }), "each_max"),
        (json!({ "each_max": 3 }), "key"),
        (json!({ "key": "", "each_max": 3 }), "key"),
        (
            json!({ "key": "people.csv", "each_max": 3, "version": "x" }),
            "no version id",
        ),
        (
            json!({ "key": "people.csv", "each_max": 3, "unmasked": true }),
            "unmasked",
        ),
    ] {
        let path = "/v1/buckets/papers/samples";
        let refused = house.by(OWN_ADMIN, "POST", path, &asked).await;
        assert_eq!(
            refused.status,
            StatusCode::BAD_REQUEST,
            "{asked}: {}",
            refused.text()
        );
        assert!(
            refused.message().contains(words) || words == "each_max" || words == "key",
            "{asked}: {}",
            refused.text()
        );
    }
    assert_eq!(looks(&house).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_tenants_administrator_sees_what_his_own_tenant_holds() {
    let house = furnished().await;
    let get = async |token: &str, path: &str| house.by(token, "GET", path, &Value::Null).await;
    assert_eq!(
        get(OWN_ADMIN, "/v1/buckets").await.json()[0]["name"],
        "papers"
    );
    assert_eq!(get(OTHER_ADMIN, "/v1/buckets").await.json(), json!([]));
    let path = "/v1/buckets/papers/findings";
    let own = get(OWN_ADMIN, path).await;
    assert_eq!(
        own.json()["objects"][0]["key"],
        "people.csv",
        "{}",
        own.text()
    );
    let other = get(OTHER_ADMIN, path).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND, "{}", other.text());
}
