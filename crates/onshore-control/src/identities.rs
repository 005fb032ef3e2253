//! Users, groups and roles of tenants, with their policies. The operator looks after those of every tenant, a tenant's
//! administrator after his own: the gate says for whom somebody may act.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use onshore_api::{
    CreateIdentity, Done, IdentityDetails, IdentityKindView, IdentityView, Problem, PutPolicy,
};
use onshore_gate::Membership;
use onshore_policy::iam::Named;
use onshore_registry::{Details, Identity, IdentityKind};
use onshore_types::{IdentityName, LeafIndex, TenantName};

use crate::caller::{By, TenantKeepers};
use crate::error::Error;
use crate::extract::{Body, PathOf, Segments};
use crate::parts::ControlParts;

/// The most tags of an identity.
const TAGS_MAX: usize = 50;
/// How long a session of a role may last.
const SESSION_S: std::ops::RangeInclusive<u32> = 900..=43_200;

/// Makes a user, a group or a role.
#[utoipa::path(post, path = "/v1/tenants/{name}/identities/{kind}", tag = "identities",
    params(("name" = String, Path), ("kind" = IdentityKindView, Path)), request_body = CreateIdentity,
    responses((status = 201, body = IdentityView), (status = 400, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn create(
    State(control): State<Arc<ControlParts>>,
    by: By<TenantKeepers>,
    Segments(tenant, kind): Segments<TenantName, IdentityKindView>,
    Body(asked): Body<CreateIdentity>,
) -> Result<(StatusCode, Json<IdentityView>), Error> {
    let kind = kind_of(kind);
    let details = details_of(kind, asked.details)?;
    let (identity, leaf) = control
        .gate
        .create_identity(by.caller.principal(), &tenant, kind, asked.name, details)
        .await?;
    Ok((
        StatusCode::CREATED,
        Json(view(&control, identity, Some(leaf))),
    ))
}

/// Lists the users, groups or roles of a tenant, by name.
#[utoipa::path(get, path = "/v1/tenants/{name}/identities/{kind}", tag = "identities",
    params(("name" = String, Path), ("kind" = IdentityKindView, Path)),
    responses((status = 200, body = Vec<IdentityView>), (status = 404, body = Problem)))]
pub(crate) async fn list(
    State(control): State<Arc<ControlParts>>,
    by: By<TenantKeepers>,
    Segments(tenant, kind): Segments<TenantName, IdentityKindView>,
) -> Result<Json<Vec<IdentityView>>, Error> {
    let tenant = control
        .gate
        .tenant_of(by.caller.principal(), &tenant)
        .await?;
    let registry = control.registry.clone();
    let found = control
        .db
        .read(move |view| registry.identities(view, tenant.id, kind_of(kind)))
        .await?;
    Ok(Json(
        found
            .into_iter()
            .map(|identity| view(&control, identity, None))
            .collect(),
    ))
}

/// Shows a user, a group or a role, with its policies and groups.
#[utoipa::path(get, path = "/v1/tenants/{name}/identities/{kind}/{identity}", tag = "identities",
    params(("name" = String, Path), ("kind" = IdentityKindView, Path), ("identity" = String, Path)),
    responses((status = 200, body = IdentityView), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(control): State<Arc<ControlParts>>,
    by: By<TenantKeepers>,
    PathOf((tenant, kind, name)): PathOf<(TenantName, IdentityKindView, IdentityName)>,
) -> Result<Json<IdentityView>, Error> {
    let tenant = control
        .gate
        .tenant_of(by.caller.principal(), &tenant)
        .await?;
    let registry = control.registry.clone();
    let (identity, policies, related) = control
        .db
        .read(move |view| {
            let identity = registry.identity(view, tenant.id, kind_of(kind), &name)?;
            let policies = registry.policies(view, identity.id)?;
            let related = registry.related(view, &identity)?;
            Ok::<_, onshore_registry::Error>((identity, policies, related))
        })
        .await?;
    Ok(Json(IdentityView {
        policies,
        related,
        ..view(&control, identity, None)
    }))
}

/// Says something else of a user or a role: everything that is left out is taken away.
#[utoipa::path(put, path = "/v1/tenants/{name}/identities/{kind}/{identity}", tag = "identities",
    params(("name" = String, Path), ("kind" = IdentityKindView, Path), ("identity" = String, Path)),
    request_body = IdentityDetails,
    responses((status = 200, body = IdentityView), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn change(
    State(control): State<Arc<ControlParts>>,
    by: By<TenantKeepers>,
    PathOf((tenant, kind, name)): PathOf<(TenantName, IdentityKindView, IdentityName)>,
    Body(asked): Body<IdentityDetails>,
) -> Result<Json<IdentityView>, Error> {
    let kind = kind_of(kind);
    let details = details_of(kind, asked)?;
    let (identity, leaf) = control
        .gate
        .change_identity(by.caller.principal(), &tenant, kind, name, details)
        .await?;
    Ok(Json(view(&control, identity, Some(leaf))))
}

/// Removes a user, a group or a role. Its keys and sessions open nothing from now on.
#[utoipa::path(delete, path = "/v1/tenants/{name}/identities/{kind}/{identity}", tag = "identities",
    params(("name" = String, Path), ("kind" = IdentityKindView, Path), ("identity" = String, Path)),
    responses((status = 200, body = IdentityView), (status = 404, body = Problem)))]
pub(crate) async fn remove(
    State(control): State<Arc<ControlParts>>,
    by: By<TenantKeepers>,
    PathOf((tenant, kind, name)): PathOf<(TenantName, IdentityKindView, IdentityName)>,
) -> Result<Json<IdentityView>, Error> {
    let (identity, leaf) = control
        .gate
        .remove_identity(by.caller.principal(), &tenant, kind_of(kind), name)
        .await?;
    Ok(Json(view(&control, identity, Some(leaf))))
}

/// Gives a user, a group or a role a policy, in place of one with the same name.
#[utoipa::path(put, path = "/v1/tenants/{name}/identities/{kind}/{identity}/policies/{policy}", tag = "identities",
    params(("name" = String, Path), ("kind" = IdentityKindView, Path), ("identity" = String, Path), ("policy" = String, Path)),
    request_body = PutPolicy,
    responses((status = 200, body = Done), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn put_policy(
    State(control): State<Arc<ControlParts>>,
    by: By<TenantKeepers>,
    PathOf((tenant, kind, name, policy)): PathOf<(
        TenantName,
        IdentityKindView,
        IdentityName,
        IdentityName,
    )>,
    Body(asked): Body<PutPolicy>,
) -> Result<Json<Done>, Error> {
    let leaf = control
        .gate
        .put_policy(
            by.caller.principal(),
            &tenant,
            kind_of(kind),
            name,
            policy,
            asked.document,
        )
        .await?;
    Ok(Json(Done { leaf }))
}

/// Takes a policy from a user, a group or a role.
#[utoipa::path(delete, path = "/v1/tenants/{name}/identities/{kind}/{identity}/policies/{policy}", tag = "identities",
    params(("name" = String, Path), ("kind" = IdentityKindView, Path), ("identity" = String, Path), ("policy" = String, Path)),
    responses((status = 200, body = Done), (status = 404, body = Problem)))]
pub(crate) async fn remove_policy(
    State(control): State<Arc<ControlParts>>,
    by: By<TenantKeepers>,
    PathOf((tenant, kind, name, policy)): PathOf<(
        TenantName,
        IdentityKindView,
        IdentityName,
        IdentityName,
    )>,
) -> Result<Json<Done>, Error> {
    let leaf = control
        .gate
        .remove_policy(by.caller.principal(), &tenant, kind_of(kind), name, policy)
        .await?;
    Ok(Json(Done { leaf }))
}

/// Puts a user into a group.
#[utoipa::path(put, path = "/v1/tenants/{name}/groups/{group}/members/{user}", tag = "identities",
    params(("name" = String, Path), ("group" = String, Path), ("user" = String, Path)),
    responses((status = 200, body = Done), (status = 404, body = Problem)))]
pub(crate) async fn join(
    State(control): State<Arc<ControlParts>>,
    by: By<TenantKeepers>,
    PathOf((tenant, group, user)): PathOf<(TenantName, IdentityName, IdentityName)>,
) -> Result<Json<Done>, Error> {
    set_membership(&control, &by, &tenant, group, user, Membership::In).await
}

/// Takes a user out of a group.
#[utoipa::path(delete, path = "/v1/tenants/{name}/groups/{group}/members/{user}", tag = "identities",
    params(("name" = String, Path), ("group" = String, Path), ("user" = String, Path)),
    responses((status = 200, body = Done), (status = 404, body = Problem)))]
pub(crate) async fn leave(
    State(control): State<Arc<ControlParts>>,
    by: By<TenantKeepers>,
    PathOf((tenant, group, user)): PathOf<(TenantName, IdentityName, IdentityName)>,
) -> Result<Json<Done>, Error> {
    set_membership(&control, &by, &tenant, group, user, Membership::Out).await
}

async fn set_membership(
    control: &ControlParts,
    by: &By<TenantKeepers>,
    tenant: &TenantName,
    group: IdentityName,
    user: IdentityName,
    membership: Membership,
) -> Result<Json<Done>, Error> {
    let leaf = control
        .gate
        .set_membership(by.caller.principal(), tenant, user, group, membership)
        .await?;
    Ok(Json(Done { leaf }))
}

fn kind_of(kind: IdentityKindView) -> IdentityKind {
    match kind {
        IdentityKindView::Users => IdentityKind::User,
        IdentityKindView::Groups => IdentityKind::Group,
        IdentityKindView::Roles => IdentityKind::Role,
    }
}

/// Reads what is said of an identity: what means nothing of such a one is refused.
fn details_of(kind: IdentityKind, said: IdentityDetails) -> Result<Details, Error> {
    let malformed = |why: &str| Err(Error::Malformed(why.to_owned()));
    let is_role = kind == IdentityKind::Role;
    if !is_role && (said.trust.is_some() || said.session_max_s.is_some()) {
        return malformed("only a role has a trust policy and sessions");
    }
    if is_role && said.trust.is_none() {
        return malformed("a role has a trust policy, which says who may take it");
    }
    if kind != IdentityKind::User && said.organisation.is_some() {
        return malformed("only a user works for an organisation");
    }
    if said
        .session_max_s
        .is_some_and(|seconds| !SESSION_S.contains(&seconds))
    {
        return malformed("a session lasts from 900 to 43200 seconds");
    }
    let differ = |tags: &std::collections::BTreeMap<String, String>| {
        let mut folded: Vec<String> = tags.keys().map(|key| key.to_lowercase()).collect();
        folded.sort();
        folded.windows(2).all(|pair| pair.first() != pair.last())
    };
    if said.tags.len() > TAGS_MAX || !differ(&said.tags) {
        return malformed(
            "an identity has at most 50 tags, whose keys differ by more than letter case",
        );
    }
    Ok(Details {
        tags: said.tags,
        organisation: said.organisation,
        trust: said.trust,
        session_max_s: said.session_max_s,
    })
}

fn view(control: &ControlParts, identity: Identity, leaf: Option<LeafIndex>) -> IdentityView {
    let named = match identity.kind {
        IdentityKind::User => Some(Named::User(identity.tenant, identity.name.clone())),
        IdentityKind::Role => Some(Named::Role(identity.tenant, identity.name.clone())),
        IdentityKind::Group => None,
    };
    IdentityView {
        id: identity.id,
        arn: named.and_then(|named| named.arn(&control.gate.region().partition)),
        name: identity.name,
        details: IdentityDetails {
            tags: identity.details.tags,
            organisation: identity.details.organisation,
            trust: identity.details.trust,
            session_max_s: identity.details.session_max_s,
        },
        created: identity.created,
        related: Vec::new(),
        policies: std::collections::BTreeMap::new(),
        leaf,
    }
}
