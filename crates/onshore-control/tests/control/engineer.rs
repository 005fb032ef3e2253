//! A support session begins with the second word and ends on the millisecond.

use http::StatusCode;
use onshore_types::PrincipalId;
use serde_json::{Value, json};

use crate::support::{House, OPERATOR, SECOND_OPERATOR, SUPPORT_ENGINEER};

const HOUR_MS: i64 = 3_600_000;

async fn look(house: &House) -> (StatusCode, String) {
    let answer = house
        .by(SUPPORT_ENGINEER, "GET", "/v1/rescan", &Value::Null)
        .await;
    let code = answer.json()["code"].as_str().unwrap_or("").to_owned();
    (answer.status, code)
}

#[tokio::test]
async fn a_session_ends_on_the_millisecond_and_no_clock_brings_it_back() {
    let house = House::open().await;
    let over = (StatusCode::FORBIDDEN, "support.no-session".to_owned());
    assert_eq!(look(&house).await, over);
    let id = house.support("CN", None).await;
    assert_eq!(look(&house).await.0, StatusCode::OK);
    house.clock.step(HOUR_MS - 1);
    assert_eq!(look(&house).await.0, StatusCode::OK);
    house.clock.step(1);
    assert_eq!(look(&house).await, over);
    house.clock.step(-10 * HOUR_MS);
    assert_eq!(look(&house).await, over);
    let path = format!("/v1/support/sessions/{id}");
    let shown = house.get(&path).await.json();
    assert_eq!(shown["state"], "ended");
    let told: Vec<_> = shown["requests"]
        .as_array()
        .expect("requests")
        .iter()
        .map(|request| request["status"].as_u64().expect("a number"))
        .collect();
    assert_eq!(told, [200, 200], "those in the session, and no other");
    let all = house.get("/v1/support/requests").await.json();
    assert_eq!(all.as_array().expect("requests").len(), 5);
    for method in ["DELETE", "POST"] {
        let path = match method {
            "POST" => format!("{path}/approval"),
            _ => path.clone(),
        };
        let late = house.by(SECOND_OPERATOR, method, &path, &Value::Null).await;
        assert_eq!(late.status, StatusCode::CONFLICT, "{}", late.text());
    }
}

#[tokio::test]
async fn a_second_word_a_day_late_is_none() {
    let house = House::open().await;
    let asked = json!({
        "engineer": PrincipalId::from_bytes([6; 16]),
        "purpose": "slow reads",
        "minutes": 480,
        "organisation": "CN",
    });
    let mut ids = Vec::new();
    for _ in 0..2 {
        let opened = house
            .by(OPERATOR, "POST", "/v1/support/sessions", &asked)
            .await;
        assert_eq!(opened.status, StatusCode::CREATED, "{}", opened.text());
        ids.push(opened.json()["id"].as_str().expect("an id").to_owned());
    }
    let approve = async |id: &str| {
        let path = format!("/v1/support/sessions/{id}/approval");
        house.by(SECOND_OPERATOR, "POST", &path, &Value::Null).await
    };
    house.clock.step(24 * HOUR_MS - 1);
    assert_eq!(approve(&ids[0]).await.status, StatusCode::OK);
    house.clock.step(1);
    let late = approve(&ids[1]).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert!(late.message().contains("lapsed"), "{}", late.text());
}
