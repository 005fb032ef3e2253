//! Which path leads to which handler, and that the door stands before all of them but one.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, post, put};
use axum::{Router, middleware};
use onshore_gate::INFORMATION_BYTES_MAX;

use crate::admit::{Door, admit};
use crate::error::Error;
use crate::etags::{Etags, compare};
use crate::extract::BODY_BYTES_MAX;
use crate::idempotency::once;
use crate::language::{Reports, speak};
use crate::paging::{Lists, page};
use crate::parts::ControlParts;
use crate::{
    alarms, approvals, assessments, buckets, cases, cutovers, decommissions, departures, dora,
    drills, erasures, evidence, explain, findings, forecast, guard, identities, information, jobs,
    kms, labels, leases, ledger, packs, persons, purposes, quarterly, quotas, register, samples,
    state, support, tenants, tokens, updates,
};

/// Makes the router. It must be served so that requests carry their peer's address, as [`crate::serve`] does: a request
/// without one comes from nowhere and is refused.
pub fn router(parts: ControlParts) -> Router {
    let control = Arc::new(parts);
    let routes = guarded().with_state(Arc::clone(&control));
    let etags = Arc::new(Etags::new(routes.clone()));
    let lists = Arc::new(Lists::of_document());
    let reports = Arc::new(Reports::of_document());
    let door = Arc::new(Door::new(Arc::clone(&control)));
    let guarded = routes
        .fallback(async || Error::NoSuchRoute)
        .method_not_allowed_fallback(async || Error::NoSuchMethod)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        // From the inside out: pages are cut before they are hashed.
        .layer(middleware::from_fn_with_state(lists, page))
        .layer(middleware::from_fn_with_state(etags, compare))
        // An answer is kept in the language in which it was given.
        .layer(middleware::from_fn_with_state(reports, speak))
        .layer(middleware::from_fn_with_state(Arc::clone(&control), once))
        .layer(middleware::from_fn_with_state(door, admit));
    Router::new()
        .route("/healthz", get(state::health))
        .with_state(control)
        .merge(guarded)
}

/// The routes behind the door.
fn guarded() -> Router<Arc<ControlParts>> {
    Router::new()
        .route("/v1/tenants", post(tenants::create).get(tenants::list))
        .route("/v1/tenants/{name}/group", put(tenants::set_group))
        .route("/v1/tenants/{name}/standing", put(tenants::set_standing))
        .route(
            "/v1/tenants/{name}/keys",
            post(tenants::create_key).get(tenants::list_keys),
        )
        .route("/v1/tenants/{name}/keys/{key}", delete(tenants::remove_key))
        .route(
            "/v1/tenants/{name}/keys/{key}/state",
            put(tenants::set_key_state),
        )
        .route(
            "/v1/tenants/{name}/keys/{key}/rotation",
            post(tenants::rotate_key),
        )
        .route(
            "/v1/tenants/{name}/jurisdiction",
            put(tenants::set_jurisdiction),
        )
        .route(
            "/v1/tenants/{name}/identities/{kind}",
            post(identities::create).get(identities::list),
        )
        .route(
            "/v1/tenants/{name}/identities/{kind}/{identity}",
            get(identities::show)
                .put(identities::change)
                .delete(identities::remove),
        )
        .route(
            "/v1/tenants/{name}/identities/{kind}/{identity}/policies/{policy}",
            put(identities::put_policy).delete(identities::remove_policy),
        )
        .route(
            "/v1/tenants/{name}/groups/{group}/members/{user}",
            put(identities::join).delete(identities::leave),
        )
        .route("/v1/tokens", post(tokens::create).get(tokens::list))
        .route("/v1/tokens/{id}", delete(tokens::remove))
        .route(
            "/v1/sessions",
            post(tokens::open_session).delete(tokens::end_sessions),
        )
        .route("/v1/whoami", get(tokens::whoami))
        .route("/v1/buckets", post(buckets::create).get(buckets::list))
        .route("/v1/buckets/{name}/class", put(buckets::set_class))
        .route(
            "/v1/buckets/{name}/quota",
            get(quotas::show_of_bucket).put(quotas::set_of_bucket),
        )
        .route("/v1/buckets/{name}/erasures", post(erasures::erase))
        .route("/v1/buckets/{name}/findings", get(findings::of_bucket))
        .route(
            "/v1/buckets/{name}/purpose",
            get(purposes::show).put(purposes::declare),
        )
        .route("/v1/buckets/{name}/reads", get(purposes::reads))
        .route("/v1/buckets/{name}/samples", post(samples::show))
        .route("/v1/rescan", get(findings::rescan))
        .route("/v1/report/persons", get(persons::report))
        .route("/v1/report/persons/estimate", get(persons::estimate))
        .route(
            "/v1/tenants/{name}/subject-finding",
            put(persons::set_finding),
        )
        .route("/v1/tenants/{name}/subjects", post(persons::find))
        .route(
            "/v1/tenants/{name}/important/{id}",
            put(persons::tell).delete(persons::take_back),
        )
        .route(
            "/v1/tenants/{name}/quota",
            get(quotas::show_of_tenant).put(quotas::set_of_tenant),
        )
        .route(
            "/v1/tenants/{name}/kms-keys",
            post(kms::create).get(kms::list),
        )
        .route(
            "/v1/tenants/{name}/kms-keys/{id}/state",
            put(kms::set_state),
        )
        .route("/v1/approvals", post(approvals::grant).get(approvals::list))
        .route(
            "/v1/approvals/{id}",
            get(approvals::show).delete(approvals::revoke),
        )
        .route(
            "/v1/packs/activations",
            post(packs::activate).get(packs::list),
        )
        .route("/v1/packs/activations/{id}/approval", post(packs::approve))
        .route("/v1/packs/comparison", post(packs::compare))
        .route("/v1/explain", post(explain::explain))
        .route(
            "/v1/decommissions",
            post(decommissions::propose).get(decommissions::list),
        )
        .route("/v1/decommissions/{id}", get(decommissions::show))
        .route(
            "/v1/decommissions/{id}/approval",
            post(decommissions::approve),
        )
        .route(
            "/v1/decommissions/{id}/statement",
            put(decommissions::file).get(decommissions::statement),
        )
        .route("/v1/jobs", post(jobs::order).get(jobs::list))
        .route("/v1/jobs/{id}", get(jobs::show).delete(jobs::cancel))
        .route("/v1/jobs/{id}/certificate", get(jobs::certificate))
        .route("/v1/jobs/{id}/report", get(jobs::report))
        .route("/v1/jobs/{id}/forecast", get(forecast::show))
        .route("/v1/jobs/{id}/pause", post(jobs::pause))
        .route("/v1/jobs/{id}/finish", post(jobs::finish))
        .route("/v1/jobs/{id}/resume", post(jobs::resume))
        .route("/v1/leases", post(leases::grant))
        .route("/v1/leases/{id}/renewal", post(leases::renew))
        .route("/v1/leases/{id}/return", post(leases::give_back))
        .route(
            "/v1/leases/{id}/objects/{number}/return",
            post(leases::leave),
        )
        .route(
            "/v1/leases/{id}/objects/{number}/bytes",
            post(leases::deliver),
        )
        .route("/v1/leases/{id}/objects/{number}/runs", post(leases::runs))
        .route(
            "/v1/leases/{id}/objects/{number}/runs/{run}",
            post(leases::deliver_run),
        )
        .route(
            "/v1/leases/{id}/objects/{number}/completion",
            post(leases::complete),
        )
        .route("/v1/cutovers", post(cutovers::order).get(cutovers::list))
        .route(
            "/v1/cutovers/{bucket}",
            get(cutovers::show).delete(cutovers::abort),
        )
        .route(
            "/v1/cutovers/{bucket}/return",
            post(cutovers::take_back).delete(cutovers::stay),
        )
        .route("/v1/ledger/leaves", get(ledger::leaves))
        .route("/v1/ledger/proofs/{index}", get(ledger::prove))
        .route("/v1/ledger/key", get(ledger::key))
        .route("/v1/ledger/status", get(ledger::status))
        .route("/v1/ledger/reads/{leaf}", get(ledger::reads))
        .route(
            "/v1/ledger/reads/{leaf}/{position}",
            get(ledger::prove_read),
        )
        .route("/v1/report/evidence", post(evidence::report))
        .route(
            "/v1/labels/loosenings",
            post(labels::propose).get(labels::list),
        )
        .route(
            "/v1/labels/loosenings/{id}",
            get(labels::show).delete(labels::withdraw),
        )
        .route("/v1/labels/loosenings/{id}/approval", post(labels::approve))
        .route(
            "/v1/support/sessions",
            post(support::open).get(support::list),
        )
        .route(
            "/v1/support/sessions/{id}",
            get(support::show).delete(support::close),
        )
        .route("/v1/support/sessions/{id}/approval", post(support::approve))
        .route("/v1/support/requests", get(support::requests))
        .route("/v1/drills", post(drills::begin).get(drills::list))
        .route("/v1/drills/{id}", get(drills::show))
        .route("/v1/drills/{id}/checks", put(drills::tell))
        .route("/v1/drills/{id}/end", post(drills::end))
        .route("/v1/updates", post(updates::import).get(updates::list))
        .route("/v1/updates/{id}", get(updates::show))
        .route("/v1/updates/{id}/approvals", post(updates::approve))
        .route("/v1/updates/{id}/rejection", post(updates::reject))
        .route("/v1/updates/{id}/staging", post(updates::stage))
        .route(
            "/v1/register/{kind}",
            post(register::add).get(register::list),
        )
        .route(
            "/v1/register/{kind}/{id}",
            get(register::show).put(register::amend),
        )
        .route("/v1/register/{kind}/{id}/history", get(register::history))
        .route(
            "/v1/register-tables/{kind}",
            post(register::import).layer(DefaultBodyLimit::max(register::TABLE_BYTES_MAX)),
        )
        .route("/v1/contracts/signing", post(register::sign))
        .route(
            "/v1/contracts/{id}/deletion",
            post(register::close).get(register::deletion_statement),
        )
        .route(
            "/v1/orders/{id}/exemptions/approval",
            post(register::approve_exemptions),
        )
        .route(
            "/v1/handovers/{id}/tranches/{tranche}/signatures",
            post(register::sign_tranche),
        )
        .route(
            "/v1/information/{organisation}",
            put(information::take)
                .layer(DefaultBodyLimit::max(INFORMATION_BYTES_MAX))
                .get(information::show),
        )
        .route(
            "/v1/assessments/{id}/report",
            post(assessments::file)
                .layer(DefaultBodyLimit::max(assessments::REPORT_BYTES_MAX))
                .get(assessments::report),
        )
        .route("/v1/departures", get(departures::list))
        .route(
            "/v1/departures/{contract}/acknowledgements",
            post(departures::acknowledge),
        )
        .route(
            "/v1/departures/{contract}/inventory",
            put(departures::deliver).layer(DefaultBodyLimit::max(departures::BYTES_MAX)),
        )
        .route("/v1/departures/{contract}/deletion", put(departures::sign))
        .route("/v1/assets/{id}/proof", post(register::prove))
        .route("/v1/procurement/check", post(register::check))
        .route(
            "/v1/guard",
            post(guard::guard).layer(DefaultBodyLimit::max(guard::PLAN_BYTES_MAX)),
        )
        .route(
            "/v1/dora/check",
            post(dora::check).layer(DefaultBodyLimit::max(INFORMATION_BYTES_MAX)),
        )
        .route(
            "/v1/dora/package",
            post(dora::pack).layer(DefaultBodyLimit::max(INFORMATION_BYTES_MAX)),
        )
        .route("/v1/alarms", get(alarms::list))
        .route("/v1/report/regions", get(alarms::regions))
        .route("/v1/report/cases", get(cases::list))
        .route("/v1/listings/check", post(cases::check_listing))
        .route("/v1/reviews/{id}/approval", post(cases::approve_review))
        .route("/v1/report/status/filing", post(register::file_status))
        .route("/v1/report/status", get(register::status))
        .route("/v1/report/quarterly/filing", post(quarterly::file))
        .route("/v1/report/quarterly", get(quarterly::show))
        .route("/ledger/checkpoint", get(ledger::checkpoint))
        .route(
            "/ledger/checkpoint.witnessed",
            get(ledger::witnessed_checkpoint),
        )
        .route("/ledger/tile/{*path}", get(ledger::tile))
        .route("/v1/telemetry/preview", get(state::telemetry))
        .route("/metrics", get(state::metrics))
        .route("/openapi.json", get(state::document))
}
