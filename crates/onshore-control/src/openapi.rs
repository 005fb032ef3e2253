//! The OpenAPI document: every path, what it takes and what it answers.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::{
    alarms, approvals, buckets, cases, cutovers, decommissions, drills, erasures, evidence,
    explain, findings, forecast, identities, jobs, kms, labels, ledger, packs, persons, purposes,
    quotas, register, samples, state, support, tenants, tokens, updates,
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
        tokens::create, tokens::list, tokens::remove, tokens::whoami,
        erasures::erase,
        findings::of_bucket, findings::rescan, samples::show,
        purposes::declare, purposes::show, purposes::reads,
        persons::report, persons::estimate, persons::set_finding, persons::find, persons::tell, persons::take_back,
        quotas::show_of_bucket, quotas::set_of_bucket, quotas::show_of_tenant, quotas::set_of_tenant,
        kms::create, kms::list, kms::set_state,
        approvals::grant, approvals::list, approvals::show, approvals::revoke,
        packs::activate, packs::list, packs::compare,
        explain::explain,
        decommissions::propose, decommissions::approve, decommissions::list, decommissions::show,
        decommissions::file, decommissions::statement,
        jobs::order, jobs::list, jobs::show, jobs::cancel, jobs::certificate, jobs::report, forecast::show, jobs::pause, jobs::resume,
        cutovers::order, cutovers::list, cutovers::show, cutovers::abort,
        ledger::leaves, ledger::prove, ledger::key, ledger::status, ledger::reads, ledger::prove_read,
        ledger::checkpoint, ledger::witnessed_checkpoint, ledger::tile,
        evidence::report,
        labels::propose, labels::approve, labels::withdraw, labels::list, labels::show,
        support::open, support::approve, support::close, support::list, support::show, support::requests,
        drills::begin, drills::list, drills::show, drills::tell, drills::end,
        register::add, register::amend, register::list, register::show, register::history, register::import,
        register::sign, register::check, register::approve_exemptions, register::sign_tranche, register::prove, register::close, register::status, register::file_status, alarms::list, alarms::regions, cases::list, cases::check_listing,
        updates::import, updates::list, updates::show, updates::approve, updates::reject, updates::stage,
        state::health, state::metrics, state::telemetry, state::document,
    ),
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

/// Returns the document.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
