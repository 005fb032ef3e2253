//! The OpenAPI document: every path, what it takes and what it answers.

mod records;

use std::collections::HashSet;

use onshore_api::{IdentityKindView, Problem};
use serde_json::{Value, json};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::{
    alarms, approvals, assessments, buckets, cases, cutovers, decommissions, departures, dora,
    drills, erasures, evidence, explain, findings, forecast, guard, identities, information, jobs,
    kms, labels, leases, ledger, packs, persons, purposes, quarterly, quotas, register, samples,
    state, support, tenants, tokens, updates,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Onshore control API",
        description = "What operators, regulators and auditors ask of a region. Everything but /healthz needs a control token and a caller inside the region's jurisdiction."
    ),
    paths(
        tenants::create, tenants::list, tenants::set_group, tenants::set_standing, tenants::create_key,
        buckets::create, buckets::list, buckets::set_class,
        tenants::list_keys, tenants::remove_key, tenants::set_key_state, tenants::rotate_key, tenants::set_jurisdiction,
        identities::create, identities::list, identities::show, identities::change, identities::remove,
        identities::put_policy, identities::remove_policy, identities::join, identities::leave,
        tokens::create, tokens::list, tokens::remove, tokens::whoami, tokens::open_session, tokens::end_sessions,
        erasures::erase,
        findings::of_bucket, findings::rescan, samples::show,
        purposes::declare, purposes::show, purposes::reads,
        persons::report, persons::estimate, persons::set_finding, persons::find, persons::tell, persons::take_back,
        quotas::show_of_bucket, quotas::set_of_bucket, quotas::show_of_tenant, quotas::set_of_tenant,
        kms::create, kms::list, kms::set_state,
        approvals::grant, approvals::list, approvals::show, approvals::revoke,
        packs::activate, packs::approve, packs::list, packs::compare,
        explain::explain,
        decommissions::propose, decommissions::approve, decommissions::list, decommissions::show,
        decommissions::file, decommissions::statement,
        jobs::order, jobs::list, jobs::show, jobs::cancel, jobs::certificate, jobs::report, forecast::show, jobs::pause, jobs::resume, jobs::finish,
        leases::grant, leases::renew, leases::give_back, leases::leave, leases::deliver, leases::runs, leases::deliver_run, leases::complete,
        cutovers::order, cutovers::list, cutovers::show, cutovers::abort, cutovers::take_back, cutovers::stay,
        ledger::leaves, ledger::prove, ledger::key, ledger::status, ledger::reads, ledger::prove_read,
        ledger::checkpoint, ledger::witnessed_checkpoint, ledger::tile,
        evidence::report,
        labels::propose, labels::approve, labels::withdraw, labels::list, labels::show,
        support::open, support::approve, support::close, support::list, support::show, support::requests,
        drills::begin, drills::list, drills::show, drills::tell, drills::end,
        register::add, register::amend, register::list, register::show, register::history, register::import,
        register::sign, register::check, register::approve_exemptions, register::sign_tranche, information::take, information::show, assessments::file, assessments::report, departures::list, departures::acknowledge, departures::deliver, departures::sign, register::prove, register::close, register::deletion_statement, register::status, register::file_status, quarterly::show, quarterly::file, alarms::list, alarms::regions, cases::list, cases::check_listing, cases::approve_review,
        guard::guard, dora::check, dora::pack,
        updates::import, updates::list, updates::show, updates::approve, updates::reject, updates::stage,
        state::health, state::metrics, state::telemetry, state::document,
    ),
    components(schemas(IdentityKindView, Problem)),
    modifiers(&Tokens),
    security(("control_token" = []))
)]
struct Document;

struct Tokens;

impl Modify for Tokens {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("control_token", SecurityScheme::Http(scheme));
    }
}

/// Returns the document, with what holds for every operation: how problems are told, what guards edits, how lists come in pages.
pub(crate) fn document() -> Value {
    let mut document = plain();
    records::describe(&mut document);
    for (path, method, operation) in operations(&mut document) {
        operation["operationId"] = json!(operation_id(method, path));
        let is_open = path == OPEN;
        for (status, what) in PROBLEMS {
            let is_told = !operation["responses"][status].is_null();
            if is_told || (!is_open && is_possible(status, method)) {
                problem(operation, status, what);
            }
        }
        match method {
            "get" if !is_open => {
                if is_list(operation) {
                    parameter(
                        operation,
                        "query",
                        "limit",
                        "How many a page holds.",
                        &json!({ "type": "integer", "minimum": 1, "maximum": 1000 }),
                    );
                    parameter(
                        operation,
                        "query",
                        "after",
                        "What the page before ended with, as its `Link` names it.",
                        &json!({ "type": "string" }),
                    );
                }
                parameter(
                    operation,
                    "header",
                    "If-None-Match",
                    "ETags of what is known; the answer is 304 if one of them holds still.",
                    &json!({ "type": "string" }),
                );
                operation["responses"]["304"] =
                    json!({ "description": "What is known holds still." });
            }
            "post" => {
                parameter(
                    operation,
                    "header",
                    "Idempotency-Key",
                    "Fresh for each request: one that comes again within a day is answered as it was, and not done again.",
                    &json!({ "type": "string", "pattern": "^[!#-~]{1,255}$" }),
                );
            }
            "put" | "delete" => {
                parameter(
                    operation,
                    "header",
                    "If-Match",
                    "The ETag that a GET of this path answered; what changed since is not edited.",
                    &json!({ "type": "string" }),
                );
            }
            _ => {}
        }
    }
    document
}

/// Returns the paths whose answer to GET is a plain list, which comes in pages that are cut here; each with what else its query may ask.
pub(crate) fn lists() -> impl Iterator<Item = (String, HashSet<String>)> {
    let mut document = plain();
    let lists: Vec<_> = operations(&mut document)
        .filter(|(_, method, operation)| *method == "get" && is_list(operation))
        .map(|(path, _, operation)| (path.to_owned(), queries(operation)))
        .collect();
    lists.into_iter()
}

/// Returns the paths of which something is asked by a name in the query.
pub(crate) fn asked_by(name: &str) -> impl Iterator<Item = String> {
    let mut document = plain();
    let paths: Vec<_> = operations(&mut document)
        .filter(|(_, method, operation)| *method == "get" && queries(operation).contains(name))
        .map(|(path, ..)| path.to_owned())
        .collect();
    paths.into_iter()
}

/// Returns what may be asked of an operation by its query.
fn queries(operation: &Value) -> HashSet<String> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    parameters
        .filter(|one| one["in"] == "query")
        .filter_map(|one| one["name"].as_str().map(str::to_owned))
        .collect()
}

/// Returns what an operation is called in programs that are made of the document, each otherwise.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.trim_start_matches("/v1");
    let words = words.split(|letter: char| !letter.is_ascii_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .fold(method.to_owned(), |id, word| id + "_" + word)
}

/// The one path that needs no token.
const OPEN: &str = "/healthz";

/// What any operation may answer.
const PROBLEMS: [(&str, &str); 15] = [
    ("400", "The request is not one that could be meant."),
    ("401", "No token came along, or one that nobody holds."),
    ("403", "The role, the place or the rules do not allow it."),
    ("404", "It is not there, or not for this caller."),
    ("408", "The body did not arrive in time."),
    ("409", "It does not fit what is there, or is under way."),
    ("412", "What is there is not what `If-Match` names."),
    ("413", "The body is too long."),
    ("415", "The body is announced as something else."),
    (
        "422",
        "The `Idempotency-Key` came before with another request.",
    ),
    ("428", "The edit does not say what it was made of."),
    (
        "429",
        "Too many requests with this token; `Retry-After` says when to ask again.",
    ),
    ("500", "A mistake in Onshore, or damage on disk."),
    ("503", "The server cannot work at present."),
    ("507", "The storage of this region is full."),
];

fn is_possible(status: &str, method: &str) -> bool {
    match status {
        "408" | "413" | "415" => method == "post" || method == "put",
        "412" => method == "put" || method == "delete",
        "428" => method == "put",
        "507" => method != "get",
        "422" => method == "post",
        _ => true,
    }
}

fn plain() -> Value {
    serde_json::to_value(Document::openapi()).expect("the document is JSON")
}

/// Returns every operation with its path and method.
fn operations(document: &mut Value) -> impl Iterator<Item = (&str, &str, &mut Value)> {
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        let methods = item.as_object_mut().into_iter().flatten();
        methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

/// Whether an operation answers a list and does not page by itself.
fn is_list(operation: &Value) -> bool {
    let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
    let parameters = operation["parameters"].as_array();
    let pages = parameters.is_some_and(|all| all.iter().any(|one| one["name"] == "limit"));
    schema["type"] == "array" && !pages
}

fn problem(operation: &mut Value, status: &str, what: &str) {
    let known = &operation["responses"][status]["description"];
    let known = known.as_str().filter(|known| !known.is_empty());
    let what = known.unwrap_or(what).to_owned();
    operation["responses"][status] = json!({
        "description": what,
        "content": { (Problem::MEDIA_TYPE): { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
}

fn parameter(operation: &mut Value, place: &str, name: &str, what: &str, schema: &Value) {
    let parameter = json!({ "name": name, "in": place, "description": what, "required": false, "schema": schema });
    match operation["parameters"].as_array_mut() {
        Some(all) => all.push(parameter),
        None => operation["parameters"] = json!([parameter]),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;

    use super::{document, operations, plain, records};

    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|one| references(one, found));
            }
            Value::Array(items) => items.iter().for_each(|one| references(one, found)),
            _ => {}
        }
    }

    #[test]
    fn records_are_described_and_nothing_else_is_called_so() {
        let (document, plain) = (document(), plain());
        let mut found = Vec::new();
        references(&document, &mut found);
        for reference in found {
            let path = reference.trim_start_matches('#');
            assert!(document.pointer(path).is_some(), "{reference}");
        }
        let described = document["components"]["schemas"]
            .as_object()
            .expect("schemas");
        for (name, schema) in plain["components"]["schemas"].as_object().expect("schemas") {
            let kept = described.get(name);
            let is_any = ["RecordView", "AmendRecord"].contains(&name.as_str());
            let has_one = records::VIEWS.iter().any(|(view, _)| view == name);
            let holds = match kept {
                Some(kept) => !is_any && (kept != schema) == has_one,
                None => is_any,
            };
            assert!(holds, "{name}");
        }
        for kind in onshore_orders::RecordKind::ALL {
            let path = format!("/v1/register/{kind}");
            let taken = "/post/requestBody/content/application~1json/schema/$ref";
            let taken = document["paths"][&path]
                .pointer(taken)
                .and_then(Value::as_str);
            let record = format!("#/components/schemas/{}", kind.name());
            assert_eq!(taken, Some(record.as_str()), "{kind}");
        }
    }

    #[test]
    fn operations_are_told_apart() {
        let mut document = document();
        let mut known = HashSet::new();
        for (path, method, operation) in operations(&mut document) {
            assert!(
                known.insert(operation["operationId"].to_string()),
                "{method} {path}"
            );
        }
    }

    #[test]
    fn every_operation_tells_its_problems_as_problems() {
        let mut document = document();
        assert!(
            document["openapi"]
                .as_str()
                .is_some_and(|version| version.starts_with("3.1"))
        );
        for (path, method, operation) in operations(&mut document) {
            let responses = operation["responses"].as_object().expect("responses");
            for (status, response) in responses {
                let content = response["content"].as_object();
                let kinds: Vec<_> = content
                    .into_iter()
                    .flatten()
                    .map(|(kind, _)| kind)
                    .collect();
                if status.starts_with(['4', '5']) {
                    assert_eq!(
                        kinds,
                        ["application/problem+json"],
                        "{method} {path} {status}"
                    );
                }
            }
        }
    }
}
