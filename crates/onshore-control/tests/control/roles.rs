//! Which endpoint is open to which role, whole: a path that is documented and not listed here fails.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use http::StatusCode;

use crate::support::{
    AUDITOR, House, OPERATOR, OUTGOING_PROVIDER, REGULATOR, SUPPORT_ENGINEER, TENANT_ADMIN,
    TENANT_USER, WORKER,
};

const TOKENS: [&str; 8] = [
    OPERATOR,
    REGULATOR,
    AUDITOR,
    TENANT_ADMIN,
    TENANT_USER,
    SUPPORT_ENGINEER,
    OUTGOING_PROVIDER,
    WORKER,
];

/// One letter for each of operator, regulator, auditor, tenant admin, tenant user, support engineer in a session, outgoing provider,
/// worker; a dot where it is shut, and at the end nothing.
const TABLE: &[(&str, &str)] = &[
    ("GET /healthz", "oratespw"),
    ("GET /ledger/checkpoint", "ora..."),
    ("GET /ledger/checkpoint.witnessed", "ora..."),
    ("GET /ledger/tile/{path}", "ora..."),
    ("GET /metrics", "ora..s"),
    ("GET /openapi.json", "ora..s"),
    ("GET /v1/approvals", "ora..."),
    ("POST /v1/approvals", "or...."),
    ("GET /v1/approvals/{id}", "ora..."),
    ("DELETE /v1/approvals/{id}", "or...."),
    ("GET /v1/buckets", "o..t.s"),
    ("POST /v1/buckets", "o....."),
    ("PUT /v1/buckets/{name}/class", "o....."),
    ("POST /v1/buckets/{name}/erasures", "o....."),
    ("GET /v1/buckets/{name}/findings", "o..t.s"),
    ("GET /v1/buckets/{name}/purpose", "o..t.."),
    ("PUT /v1/buckets/{name}/purpose", "o..t.."),
    ("GET /v1/buckets/{name}/quota", "o....s"),
    ("GET /v1/buckets/{name}/reads", "o..t.."),
    ("POST /v1/buckets/{name}/samples", "o..t.."),
    ("PUT /v1/buckets/{name}/quota", "o....."),
    ("GET /v1/cutovers", "o.a..."),
    ("POST /v1/cutovers", "o....."),
    ("DELETE /v1/cutovers/{bucket}", "o....."),
    ("DELETE /v1/cutovers/{bucket}/return", "o....."),
    ("POST /v1/cutovers/{bucket}/return", "o....."),
    ("GET /v1/cutovers/{bucket}", "o.a..."),
    ("GET /v1/decommissions", "o.a..."),
    ("POST /v1/decommissions", "o....."),
    ("GET /v1/decommissions/{id}", "o.a..."),
    ("POST /v1/decommissions/{id}/approval", "o....."),
    ("GET /v1/decommissions/{id}/statement", "o.a..."),
    ("PUT /v1/decommissions/{id}/statement", "o....."),
    ("POST /v1/explain", "or...."),
    ("GET /v1/jobs", "o.a..s"),
    ("POST /v1/jobs", "o....."),
    ("GET /v1/jobs/{id}", "o.a..s"),
    ("DELETE /v1/jobs/{id}", "o....."),
    ("GET /v1/jobs/{id}/certificate", "o.a..."),
    ("GET /v1/jobs/{id}/forecast", "o.a..."),
    ("GET /v1/jobs/{id}/report", "o.a..."),
    ("POST /v1/jobs/{id}/pause", "o....."),
    ("POST /v1/jobs/{id}/resume", "o....."),
    ("POST /v1/jobs/{id}/finish", "o....."),
    ("GET /v1/departures", "......p"),
    ("POST /v1/departures/{contract}/acknowledgements", "......p"),
    ("PUT /v1/departures/{contract}/deletion", "......p"),
    ("PUT /v1/departures/{contract}/inventory", "......p"),
    ("PUT /v1/information/{organisation}", "or...."),
    ("POST /v1/assessments/{id}/report", "or...."),
    ("GET /v1/assessments/{id}/report", "ora..."),
    ("GET /v1/information/{organisation}", "ora..."),
    ("POST /v1/sessions", "orate.p"),
    ("DELETE /v1/sessions", "orate.p"),
    ("POST /v1/leases", ".......w"),
    ("POST /v1/leases/{id}/objects/{number}/bytes", ".......w"),
    (
        "POST /v1/leases/{id}/objects/{number}/completion",
        ".......w",
    ),
    ("POST /v1/leases/{id}/objects/{number}/return", ".......w"),
    ("POST /v1/leases/{id}/objects/{number}/runs", ".......w"),
    (
        "POST /v1/leases/{id}/objects/{number}/runs/{run}",
        ".......w",
    ),
    ("POST /v1/leases/{id}/renewal", ".......w"),
    ("POST /v1/leases/{id}/return", ".......w"),
    ("GET /v1/labels/loosenings", "ora..."),
    ("POST /v1/labels/loosenings", "o..t.."),
    ("DELETE /v1/labels/loosenings/{id}", "o....."),
    ("GET /v1/labels/loosenings/{id}", "ora..."),
    ("POST /v1/labels/loosenings/{id}/approval", "o....."),
    ("GET /v1/ledger/key", "ora..s"),
    ("GET /v1/ledger/leaves", "ora..."),
    ("GET /v1/ledger/proofs/{index}", "ora..."),
    ("GET /v1/ledger/reads/{leaf}", "ora..."),
    ("GET /v1/ledger/reads/{leaf}/{position}", "ora..."),
    ("GET /v1/ledger/status", "ora..s"),
    ("GET /v1/packs/activations", "ora..s"),
    ("POST /v1/packs/activations", "or...."),
    ("POST /v1/packs/activations/{id}/approval", "or...."),
    ("POST /v1/packs/comparison", "ora..."),
    ("GET /v1/report/persons", "ora..."),
    ("GET /v1/report/persons/estimate", "ora..."),
    ("GET /v1/rescan", "ora..s"),
    ("GET /v1/support/requests", "ora..."),
    ("GET /v1/support/sessions", "ora..."),
    ("POST /v1/support/sessions", "o....."),
    ("DELETE /v1/support/sessions/{id}", "o....."),
    ("GET /v1/support/sessions/{id}", "ora..."),
    ("POST /v1/support/sessions/{id}/approval", "o....."),
    ("GET /v1/telemetry/preview", "ora..."),
    ("GET /v1/tenants", "o....."),
    ("POST /v1/report/evidence", "ora..."),
    ("POST /v1/tenants", "o....."),
    ("PUT /v1/tenants/{name}/group", "o....."),
    ("PUT /v1/tenants/{name}/standing", "or...."),
    (
        "DELETE /v1/tenants/{name}/groups/{group}/members/{user}",
        "o..t..",
    ),
    (
        "PUT /v1/tenants/{name}/groups/{group}/members/{user}",
        "o..t..",
    ),
    ("GET /v1/tenants/{name}/identities/{kind}", "o..t.."),
    ("POST /v1/tenants/{name}/identities/{kind}", "o..t.."),
    (
        "DELETE /v1/tenants/{name}/identities/{kind}/{identity}",
        "o..t..",
    ),
    (
        "GET /v1/tenants/{name}/identities/{kind}/{identity}",
        "o..t..",
    ),
    (
        "PUT /v1/tenants/{name}/identities/{kind}/{identity}",
        "o..t..",
    ),
    (
        "DELETE /v1/tenants/{name}/identities/{kind}/{identity}/policies/{policy}",
        "o..t..",
    ),
    (
        "PUT /v1/tenants/{name}/identities/{kind}/{identity}/policies/{policy}",
        "o..t..",
    ),
    ("DELETE /v1/tenants/{name}/important/{id}", "or...."),
    ("PUT /v1/tenants/{name}/important/{id}", "or...."),
    ("PUT /v1/tenants/{name}/jurisdiction", "o....."),
    ("GET /v1/tenants/{name}/keys", "o..t.."),
    ("POST /v1/tenants/{name}/keys", "o..t.."),
    ("DELETE /v1/tenants/{name}/keys/{key}", "o..t.."),
    ("POST /v1/tenants/{name}/keys/{key}/rotation", "o..t.."),
    ("PUT /v1/tenants/{name}/keys/{key}/state", "o..t.."),
    ("GET /v1/tenants/{name}/kms-keys", "o....."),
    ("POST /v1/tenants/{name}/kms-keys", "o....."),
    ("PUT /v1/tenants/{name}/kms-keys/{id}/state", "o....."),
    ("GET /v1/tenants/{name}/quota", "o....s"),
    ("PUT /v1/tenants/{name}/quota", "o....."),
    ("PUT /v1/tenants/{name}/subject-finding", "o....."),
    ("POST /v1/tenants/{name}/subjects", "o....."),
    ("GET /v1/tokens", "o....."),
    ("POST /v1/tokens", "o....."),
    ("DELETE /v1/tokens/{id}", "o....."),
    ("GET /v1/drills", "ora..."),
    ("POST /v1/drills", "o....."),
    ("GET /v1/drills/{id}", "ora..."),
    ("PUT /v1/drills/{id}/checks", "o....."),
    ("POST /v1/drills/{id}/end", "o....."),
    ("POST /v1/assets/{id}/proof", "o....."),
    ("POST /v1/orders/{id}/exemptions/approval", "or...."),
    (
        "POST /v1/handovers/{id}/tranches/{tranche}/signatures",
        "or....p",
    ),
    ("POST /v1/contracts/signing", "or...."),
    ("GET /v1/contracts/{id}/deletion", "ora..."),
    ("POST /v1/contracts/{id}/deletion", "o....."),
    ("POST /v1/procurement/check", "ora..."),
    ("POST /v1/guard", "ora..."),
    ("POST /v1/dora/check", "ora..."),
    ("POST /v1/dora/package", "ora..."),
    ("GET /v1/register/{kind}", "ora..."),
    ("POST /v1/register/{kind}", "or...."),
    ("GET /v1/register/{kind}/{id}", "ora..."),
    ("PUT /v1/register/{kind}/{id}", "or...."),
    ("GET /v1/register/{kind}/{id}/history", "ora..."),
    ("POST /v1/register-tables/{kind}", "or...."),
    ("GET /v1/alarms", "ora..."),
    ("GET /v1/report/regions", "ora..."),
    ("GET /v1/report/cases", "ora..."),
    ("POST /v1/listings/check", "ora..."),
    ("POST /v1/reviews/{id}/approval", "or...."),
    ("POST /v1/report/status/filing", "ora..."),
    ("GET /v1/report/status", "ora..."),
    ("POST /v1/report/quarterly/filing", "ora..."),
    ("GET /v1/report/quarterly", "ora..."),
    ("GET /v1/updates", "ora..."),
    ("POST /v1/updates", "o....."),
    ("GET /v1/updates/{id}", "ora..."),
    ("POST /v1/updates/{id}/approvals", "o....."),
    ("POST /v1/updates/{id}/rejection", "o....."),
    ("POST /v1/updates/{id}/staging", "o....."),
    ("GET /v1/whoami", "oratespw"),
];

fn filled(path: &str) -> String {
    let id = if path.contains("drills") {
        "drl_00000000000000000000000000000001"
    } else if path.contains("updates") {
        "upd_00000000000000000000000000000001"
    } else if path.contains("approvals") {
        "apr_00000000000000000000000000000001"
    } else if path.contains("support") {
        "sup_00000000000000000000000000000001"
    } else if path.contains("loosenings") {
        "lsn_00000000000000000000000000000001"
    } else if path.contains("leases") {
        "lse_00000000000000000000000000000001"
    } else if path.contains("jobs") {
        "job_00000000000000000000000000000001"
    } else if path.contains("kms") {
        "kms_00000000000000000000000000000001"
    } else {
        "pri_00000000000000000000000000000009"
    };
    [
        ("{name}", "acme"),
        ("{index}", "0"),
        ("{number}", "0"),
        ("{run}", "1"),
        ("{leaf}", "0"),
        ("{position}", "0"),
        ("{path}", "0/000"),
        ("{id}", id),
        ("{kind}", "users"),
        ("{identity}", "bob"),
        ("{policy}", "p"),
        ("{group}", "g"),
        ("{user}", "bob"),
        ("{key}", "ONSHAAAAAAAAAAAAAAAA"),
    ]
    .into_iter()
    .fold(path.to_owned(), |path, (part, value)| {
        path.replace(part, value)
    })
}

/// Returns the line under which an endpoint is listed: records of all kinds have one.
fn listing(endpoint: &str) -> String {
    let known = endpoint
        .split_once("/v1/register")
        .and_then(|(method, rest)| {
            let (tables, rest) = rest.split_once('/')?;
            let (_, rest) = rest
                .split_once('/')
                .map_or((rest, String::new()), |(kind, rest)| {
                    (kind, format!("/{rest}"))
                });
            Some(format!("{method}/v1/register{tables}/{{kind}}{rest}"))
        });
    known.unwrap_or_else(|| endpoint.to_owned())
}

#[tokio::test]
async fn every_endpoint_is_open_to_its_roles_and_to_no_other() {
    let house = House::open().await;
    house.furnish("general").await;
    house.support("CN", Some("acme")).await;
    let listed: BTreeMap<&str, &str> = TABLE.iter().copied().collect();
    let document = house.get("/openapi.json").await.json();
    let mut documented = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            documented.push(format!("{} {path}", method.to_uppercase()));
        }
    }
    for endpoint in listed.keys() {
        assert!(
            documented.iter().any(|known| listing(known) == *endpoint),
            "{endpoint} is listed and not documented"
        );
    }
    for endpoint in &documented {
        let roles = listed
            .get(listing(endpoint).as_str())
            .unwrap_or_else(|| panic!("{endpoint} is open to nobody knows whom: list it"));
        let (method, path) = endpoint.split_once(' ').expect("a method and a path");
        let letters = roles.chars().chain(std::iter::repeat('.'));
        for (token, letter) in TOKENS.iter().zip(letters) {
            let bearer = format!("Bearer {token}");
            let answer = house
                .send(
                    Ipv4Addr::LOCALHOST,
                    method,
                    &filled(path),
                    &[("authorization", &bearer)],
                    "",
                )
                .await;
            let is_shut = answer.status == StatusCode::FORBIDDEN
                && (answer.text().contains("this needs the role")
                    || answer.text().contains("a support session opens views"));
            assert_eq!(
                is_shut,
                letter == '.',
                "{endpoint} {token}: {}",
                answer.text()
            );
        }
    }
}
