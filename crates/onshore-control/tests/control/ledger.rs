//! Leaves, proofs and tiles.

use http::StatusCode;
use onshore_ledger::{Checkpoint, ProofBundle, TileLevel, TileRef, VerifierKey, decode_entries};
use serde_json::{Value, json};

use crate::support::{AUDITOR, House, REGULATOR};

async fn key(house: &House) -> VerifierKey {
    let answer = house.get("/v1/ledger/key").await.json();
    answer["key"]
        .as_str()
        .expect("a key")
        .parse()
        .expect("a verifier key")
}

async fn bundle(house: &House, token: &str, index: u64) -> ProofBundle {
    let answer = house
        .by(
            token,
            "GET",
            &format!("/v1/ledger/proofs/{index}"),
            &Value::Null,
        )
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    serde_json::from_slice(&answer.body).expect("a bundle")
}

#[tokio::test]
async fn every_leaf_proves_and_a_stored_one_opens_for_the_operator_alone() {
    let house = House::open().await;
    house.furnish("personal").await;
    let (version, stored) = house.put("病历/张三.txt", b"generated").await;
    let key = key(&house).await;
    for index in 0..=stored {
        bundle(&house, AUDITOR, index)
            .await
            .verify(std::slice::from_ref(&key))
            .expect("verifies");
    }
    let told = bundle(&house, crate::support::OPERATOR, stored).await;
    let verified = told.verify(std::slice::from_ref(&key)).expect("verifies");
    let record = verified.record.expect("a record");
    assert_eq!(record["key"], "病历/张三.txt");
    assert_eq!(record["version"], json!(version));
    for token in [REGULATOR, AUDITOR] {
        assert_eq!(bundle(&house, token, stored).await.disclosure, None);
    }
    // What replaced it destroys the record; the leaf stays provable.
    house.put("病历/张三.txt", b"generated anew").await;
    let after = bundle(&house, crate::support::OPERATOR, stored).await;
    after.verify(&[key]).expect("verifies");
    assert_eq!(after.disclosure, None);
}

#[tokio::test]
async fn an_export_is_proven_from_its_opening_to_its_close() {
    let house = House::open().await;
    house.furnish("personal").await;
    house.put("a", b"four").await;
    let grant = json!({ "tenant": "acme", "to": "US", "class": "personal", "max_bytes": 4, "until": "2099-01-01" });
    assert_eq!(
        house.post("/v1/approvals", grant).await.status,
        StatusCode::CREATED
    );
    let opened = house.export("a").await;
    let verified = bundle(&house, REGULATOR, opened)
        .await
        .verify(&[key(&house).await])
        .expect("verifies");
    assert_eq!(verified.leaf["kind"], "export.opened");
    let [closed] = verified.related.as_slice() else {
        panic!("{:?}", verified.related)
    };
    assert_eq!(
        (&closed.leaf["kind"], &closed.leaf["sent_bytes"]),
        (&json!("export.closed"), &json!(4))
    );
}

#[tokio::test]
async fn leaves_are_told_in_runs() {
    let house = House::open().await;
    house.furnish("personal").await;
    let all = house.get("/v1/ledger/leaves").await.json();
    let all = all.as_array().expect("leaves").clone();
    assert!(all.len() >= 3);
    let run = async |query: &str| {
        house
            .get(&format!("/v1/ledger/leaves?{query}"))
            .await
            .json()
    };
    assert_eq!(run("from=1&limit=1").await, json!([all[1]]));
    assert_eq!(run("last=2").await, json!(all[all.len() - 2..]));
    assert_eq!(run("last=1000").await, json!(all));
    assert_eq!(run("limit=1000").await, json!(all));
    assert_eq!(run("limit=0").await, json!([]));
    for beyond in [all.len() as u64, i64::MAX as u64] {
        assert_eq!(run(&format!("from={beyond}")).await, json!([]), "{beyond}");
    }
    for bad in [
        "limit=1001",
        "last=1001",
        "from=9223372036854775808",
        "from=18446744073709551615",
        "from=-1",
        "from=x",
        "first=1",
        "last=1&from=0",
        "last=1&limit=1",
    ] {
        let answer = house.get(&format!("/v1/ledger/leaves?{bad}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}");
        assert!(!answer.message().is_empty());
    }
    for (index, status) in [
        ("9999", 404),
        ("18446744073709551615", 404),
        ("9223372036854775808", 404),
        ("-1", 400),
        ("x", 400),
        ("18446744073709551616", 400),
    ] {
        let answer = house.get(&format!("/v1/ledger/proofs/{index}")).await;
        assert_eq!(answer.status.as_u16(), status, "{index}: {}", answer.text());
    }
}

#[tokio::test]
async fn tiles_and_checkpoint_are_files_that_anyone_can_check() {
    let house = House::open().await;
    for number in 0..300 {
        let made = house
            .post("/v1/tenants", json!({ "name": format!("t{number}") }))
            .await;
        assert_eq!(made.status, StatusCode::CREATED);
    }
    house.gate.journal().publish().await.expect("published");
    let note = house.get("/ledger/checkpoint").await;
    assert_eq!(note.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(note.headers["cache-control"], "no-cache");
    let checkpoint = Checkpoint::verify(&note.text(), &[key(&house).await]).expect("verifies");
    assert!(checkpoint.size >= 300);
    for (item, caching) in [
        (0, "private, max-age=31536000, immutable"),
        (checkpoint.size - 1, "private, no-cache"),
    ] {
        let tile = TileRef::holding(TileLevel::Entries, item, checkpoint.size).expect("a tile");
        let answer = house.get(&format!("/ledger/{}", tile.path())).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.headers["content-type"], "application/octet-stream");
        assert_eq!(answer.headers["cache-control"], caching);
        decode_entries(&tile, &answer.body).expect("decodes");
    }
}

#[tokio::test]
async fn no_spelling_of_a_tile_leaves_the_folder() {
    let house = House::open().await;
    for path in [
        "/ledger/tile/../checkpoint",
        "/ledger/tile/%2e%2e/checkpoint",
        "/ledger/tile/..%2f..%2froot.key",
        "/ledger/tile/%2e%2e%2f%2e%2e%2froot.key",
        "/ledger/tile/entries/../../../root.key",
        "/ledger/tile/entries/..%2f..%2f..%2fonshore.db",
        "/ledger/tile//etc/passwd",
        "/ledger/tile/%2fetc%2fpasswd",
        "/ledger/tile/0/000%00",
        "/ledger/tile/0/000.p/0",
        "/ledger/tile/0/000.p/256",
        "/ledger/tile/0/0",
        "/ledger/tile/00/000",
        "/ledger/tile/0/x000/000",
        "/ledger/tile/64/000",
        "/ledger/tile/0/000.p/1/..",
        "/ledger/tile/0/999",
        "/ledger/tile/0",
        "/ledger/tile/",
        "/ledger/root.key",
        "/ledger/..%2froot.key",
        "/root.key",
    ] {
        let answer = house.get(path).await;
        assert_eq!(
            answer.status,
            StatusCode::NOT_FOUND,
            "{path}: {}",
            answer.text()
        );
        assert!(!answer.message().is_empty());
    }
    let bad_utf8 = house.get("/ledger/tile/0/%ff").await;
    assert!(bad_utf8.status.is_client_error());
}
