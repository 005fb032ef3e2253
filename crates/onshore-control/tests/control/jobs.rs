//! Migration jobs: what may be ordered, who attaches, and that credentials never come back.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use http::StatusCode;
use onshore_gate::Error as GateError;
use onshore_registry::{JobState, Tally};
use onshore_sources::{Network, SourceAccess, SourceSpec};
use onshore_types::JobId;
use serde_json::{Value, json};

use crate::support::{AUDITOR, House, OPERATOR};

const SECRETS: [&str; 3] = [
    "AKIDGENERATED",
    "generated-secret-key",
    "generated-session-token",
];

fn s3(bucket: &str) -> Value {
    let [access_key, secret_key, session_token] = SECRETS;
    json!({
        "source": { "kind": "s3", "bucket": "src", "prefix": "p/", "endpoint": "http://127.0.0.1:5000", "region": "us-east-1" },
        "bucket": bucket,
        "tenant": "acme",
        "class": "personal",
        "credentials": { "access_key": access_key, "secret_key": secret_key, "session_token": session_token },
    })
}

fn folder(path: &Path) -> Value {
    json!({ "source": { "kind": "folder", "path": path }, "bucket": "papers", "tenant": "acme" })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test lays out folders that a source may and may not lie in"
)]
fn lay_out(folder: &Path) -> Vec<PathBuf> {
    for name in ["real/docs/sub", "outside/docs", "second"] {
        std::fs::create_dir_all(folder.join(name)).expect("made");
    }
    std::fs::write(folder.join("real/docs/file"), b"x").expect("written");
    let link =
        |target: &str, name: &str| symlink(folder.join(target), folder.join(name)).expect("linked");
    link("real", "linked-root");
    link("outside", "real/escape");
    link("real/docs", "outside/back");
    link("real/docs", "real/inner");
    vec![
        folder.join("linked-root"),
        folder.join("second"),
        folder.join("gone"),
    ]
}

#[tokio::test]
async fn a_job_is_ordered_attached_to_and_cancelled() {
    let house = House::open().await;
    house.furnish("personal").await;
    let ordered = house.post("/v1/jobs", s3("arrivals")).await;
    assert_eq!(ordered.status, StatusCode::CREATED, "{}", ordered.text());
    let job = ordered.json();
    assert_eq!(
        (&job["state"], &job["attached"]),
        (&json!("queued"), &json!(false))
    );
    assert_eq!(job["source"], "s3://src/p/ at http://127.0.0.1:5000");
    let buckets = house.get("/v1/buckets").await.json();
    assert_eq!(
        (&buckets[0]["name"], &buckets[0]["class"]),
        (&json!("arrivals"), &json!("personal"))
    );

    let again = house.post("/v1/jobs", s3("arrivals")).await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(
        (&again.json()["id"], &again.json()["attached"]),
        (&job["id"], &json!(true))
    );
    let mut classless = s3("arrivals");
    classless
        .as_object_mut()
        .expect("an object")
        .remove("class");
    assert_eq!(
        house.post("/v1/jobs", classless).await.json()["id"],
        job["id"]
    );
    let mut looser = s3("arrivals");
    looser["class"] = json!("general");
    assert_eq!(
        house.post("/v1/jobs", looser).await.json()["id"],
        job["id"],
        "it is labelled more strictly"
    );
    let mut stricter = s3("arrivals");
    stricter["class"] = json!("sensitive-personal");
    let refused = house.post("/v1/jobs", stricter).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text());
    let other = house.post("/v1/jobs", s3("papers")).await.json();
    assert_ne!(other["id"], job["id"]);

    let path = format!("/v1/jobs/{}", job["id"].as_str().expect("an id"));
    let id: JobId = job["id"].as_str().expect("an id").parse().expect("an id");
    let kept = house.registry.job(id).await.expect("a job");
    let access: SourceAccess = serde_json::from_value(kept.source).expect("the engine's form");
    assert_eq!(access.network, Network::Anywhere);
    assert!(
        house
            .registry
            .job_credentials(id)
            .await
            .expect("opens")
            .is_some()
    );
    assert_eq!(
        house
            .by(OPERATOR, "DELETE", &path, &Value::Null)
            .await
            .json()["state"],
        "cancelling"
    );
    assert_eq!(
        house.by(AUDITOR, "GET", &path, &Value::Null).await.json()["state"],
        "cancelling"
    );
    assert_eq!(
        house
            .by(AUDITOR, "DELETE", &path, &Value::Null)
            .await
            .status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        house
            .get("/v1/jobs")
            .await
            .json()
            .as_array()
            .expect("jobs")
            .len(),
        2
    );
}

#[tokio::test]
async fn credentials_never_come_back() {
    let house = House::open().await;
    house.furnish("personal").await;
    let mut answers = vec![house.post("/v1/jobs", s3("arrivals")).await];
    let id = answers[0].json()["id"].as_str().expect("an id").to_owned();
    let mut wrong = s3("arrivals");
    wrong["credentials"]["more"] = json!("generated-secret-key");
    answers.push(house.post("/v1/jobs", wrong).await);
    let mut misplaced = s3("arrivals");
    misplaced["credentials"] = json!("generated-secret-key");
    answers.push(house.post("/v1/jobs", misplaced).await);
    let mut url = s3("arrivals");
    url["source"]["endpoint"] = json!("http://AKIDGENERATED:generated-secret-key@127.0.0.1");
    answers.push(house.post("/v1/jobs", url).await);
    for path in [
        "/v1/jobs".to_owned(),
        format!("/v1/jobs/{id}"),
        format!("/v1/jobs/{id}/certificate"),
    ] {
        answers.push(house.get(&path).await);
    }
    let size = house.get("/v1/ledger/key").await.json()["size"]
        .as_u64()
        .expect("a size");
    for index in 0..size {
        answers.push(house.get(&format!("/v1/ledger/proofs/{index}")).await);
    }
    for answer in answers {
        for secret in SECRETS {
            assert!(!answer.text().contains(secret), "{}", answer.text());
        }
    }
}

#[tokio::test]
async fn folders_lie_below_the_roots_whatever_the_links_say() {
    let house = House::open_with_roots(|folder| lay_out(folder.path())).await;
    house.furnish("personal").await;
    let base = house.folder.path().to_owned();
    for (path, below) in [
        ("linked-root/docs", "linked-root/docs"),
        ("real/docs", "linked-root/docs"),
        ("outside/back", "linked-root/docs"),
        ("real/inner", "linked-root/docs"),
        ("real/docs/sub", "linked-root/docs/sub"),
        ("linked-root", "linked-root"),
        ("second", "second"),
    ] {
        let answer = house.post("/v1/jobs", folder(&base.join(path))).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text());
        let id: JobId = answer.json()["id"]
            .as_str()
            .expect("an id")
            .parse()
            .expect("an id");
        let job = house.registry.job(id).await.expect("a job");
        let access: SourceAccess = serde_json::from_value(job.source).expect("the engine's form");
        let SourceSpec::Folder(spec) = access.source else {
            panic!("not a folder")
        };
        assert_eq!(spec.path, base.join(below), "{path}");
    }
    for (path, word) in [
        (base.join("outside/docs"), "[migrate] roots"),
        (base.join("real/escape"), "[migrate] roots"),
        (base.join("linked-root/escape/docs"), "[migrate] roots"),
        (base.join("outside/absent"), "[migrate] roots"),
        (base.clone(), "[migrate] roots"),
        (PathBuf::from("/"), "[migrate] roots"),
        (PathBuf::from("/etc"), "[migrate] roots"),
        (base.join("linked-root/docs/../../outside"), "goes up"),
        (PathBuf::from("docs"), "not absolute"),
        (base.join("linked-root/absent"), "no such folder"),
        (base.join("linked-root/docs/file"), "is a file"),
    ] {
        let answer = house.post("/v1/jobs", folder(&path)).await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{}: {}",
            path.display(),
            answer.text()
        );
        assert!(
            answer.message().contains(word),
            "{}: {}",
            path.display(),
            answer.text()
        );
    }
    let mut with_credentials = folder(&base.join("second"));
    with_credentials["credentials"] = s3("x")["credentials"].clone();
    assert_eq!(
        house.post("/v1/jobs", with_credentials).await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn bad_orders_are_refused_and_leave_nothing() {
    let house = House::open().await;
    house.furnish("personal").await;
    house.post("/v1/tenants", json!({ "name": "other" })).await;
    let with = |path: &str, value: Value| {
        let mut order = s3("arrivals");
        *order.pointer_mut(path).expect("a member") = value;
        order
    };
    let (bad, missing, no) = (
        StatusCode::BAD_REQUEST,
        StatusCode::NOT_FOUND,
        StatusCode::FORBIDDEN,
    );
    let mut foreign = s3("papers");
    foreign["tenant"] = json!("other");
    let mut addressed = s3("arrivals");
    addressed["source"]["addressing"] = json!("sideways");
    for (order, status, word) in [
        (with("/tenant", json!("nobody")), missing, "nobody"),
        (with("/class", json!("secret")), bad, "not a class"),
        (with("/bucket", json!("Bad")), bad, "bucket name"),
        (with("/source/bucket", json!("")), bad, "bucket name"),
        (with("/source/region", json!("a b")), bad, "region"),
        (with("/source/endpoint", json!("ftp://x")), bad, "http://"),
        (
            with("/source/endpoint", json!("http://h/path")),
            bad,
            "path",
        ),
        (with("/source/kind", json!("gcs")), bad, "unknown variant"),
        (addressed, bad, "addressing"),
        (foreign, no, "other"),
        (folder(Path::new("/srv")), bad, "[migrate] roots"),
    ] {
        let answer = house.post("/v1/jobs", order.clone()).await;
        assert_eq!(answer.status, status, "{order}: {}", answer.text());
        assert!(
            answer.message().contains(word),
            "{order}: {}",
            answer.text()
        );
    }
    assert_eq!(house.get("/v1/jobs").await.json(), json!([]));
    assert_eq!(
        house
            .get("/v1/buckets")
            .await
            .json()
            .as_array()
            .expect("buckets")
            .len(),
        1
    );
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test writes the certificate that the engine would"
)]
async fn a_certificate_is_handed_out_once_the_ledger_knows_it() {
    let house = House::open().await;
    house.furnish("personal").await;
    let ordered = house.post("/v1/jobs", s3("papers")).await.json();
    let id: JobId = ordered["id"]
        .as_str()
        .expect("an id")
        .parse()
        .expect("an id");
    let path = format!("/v1/jobs/{id}/certificate");
    let folder = house.folder.path().join("certificates");
    std::fs::create_dir_all(&folder).expect("made");
    std::fs::write(folder.join(format!("{id}.json")), br#"{"generated":true}"#).expect("written");
    let early = house.get(&path).await;
    assert_eq!(
        early.status,
        StatusCode::NOT_FOUND,
        "a file alone is no certificate"
    );
    assert!(early.message().contains("when it ends"), "{}", early.text());

    let (gate, job) = (
        house.gate.clone(),
        house.registry.job(id).await.expect("a job"),
    );
    house
        .db
        .write(move |unit| {
            let claim = json!({ "body": "00", "root": "00" });
            gate.settle_job(
                unit,
                &job,
                JobState::Complete,
                None,
                &Tally::default(),
                Some(&claim),
            )?;
            Ok::<_, GateError>(())
        })
        .await
        .expect("settled");
    let certificate = house.get(&path).await;
    assert_eq!(certificate.status, StatusCode::OK, "{}", certificate.text());
    assert_eq!(certificate.headers["content-type"], "application/json");
    assert_eq!(certificate.json(), json!({ "generated": true }));
    let ended = house
        .by(OPERATOR, "DELETE", &format!("/v1/jobs/{id}"), &Value::Null)
        .await;
    assert_eq!(ended.status, StatusCode::CONFLICT);
    let absent = "/v1/jobs/job_00000000000000000000000000000000/certificate";
    assert_eq!(house.get(absent).await.status, StatusCode::NOT_FOUND);
    for path in [
        "/v1/jobs/..%2f..%2froot.key/certificate",
        "/v1/jobs/job_/certificate",
    ] {
        assert_eq!(
            house.get(path).await.status,
            StatusCode::BAD_REQUEST,
            "{path}"
        );
    }
}
