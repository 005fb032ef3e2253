//! Control tokens: who holds one in which role. A token is told once, when it is made.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use onshore_api::{
    CreateToken, Done, HolderView, OpenSession, Problem, RoleWord, SessionView, TokenView,
};
use onshore_policy::Role;
use onshore_registry::TokenHolder;
use onshore_types::PrincipalId;

use crate::caller::{Anybody, By, Operators, SessionHolders};
use crate::error::Error;
use crate::extract::{Body, Segment};
use crate::parts::ControlParts;

/// Makes a control token for a role.
#[utoipa::path(post, path = "/v1/tokens", tag = "tokens", request_body = CreateToken,
    responses((status = 201, body = TokenView), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn create(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Body(asked): Body<CreateToken>,
) -> Result<(StatusCode, Json<TokenView>), Error> {
    let role = role_of(asked.role);
    let is_of_tenant = matches!(role, Role::TenantAdmin | Role::TenantUser | Role::Worker);
    if is_of_tenant != asked.tenant.is_some() {
        return Err(Error::Malformed(
            "a token of a tenant's administrator, user or worker is for a tenant, and no other is"
                .to_owned(),
        ));
    }
    if (role == Role::OutgoingProvider) != asked.provider.is_some() {
        return Err(Error::Malformed(
            "a token of an outgoing provider is for a provider of the register, and no other is"
                .to_owned(),
        ));
    }
    if asked.provider.is_some() && asked.person.is_none() {
        return Err(Error::Malformed(
            "an outgoing provider speaks by a person: name it (--person)".to_owned(),
        ));
    }
    let provider = asked.provider.as_deref().map(str::parse).transpose();
    let provider = provider.map_err(Error::Record)?;
    let tenant = match &asked.tenant {
        None => None,
        Some(name) => Some(control.registry.tenant(name).await?.id),
    };
    let holder = TokenHolder {
        principal: PrincipalId::from_bytes(onshore_keys::random()),
        role,
        tenant,
        person: asked.person,
        provider,
        vouched_by: Vec::new(),
    };
    let principal = holder.principal;
    let token = hex::encode(onshore_keys::random::<32>());
    let leaf = control
        .gate
        .issue_token(by.caller.principal(), token.clone(), holder)
        .await?;
    let view = TokenView {
        token,
        principal,
        role: asked.role,
        leaf,
    };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Lists who holds control tokens.
#[utoipa::path(get, path = "/v1/tokens", tag = "tokens", responses((status = 200, body = Vec<HolderView>)))]
pub(crate) async fn list(
    State(control): State<Arc<ControlParts>>,
    _: By<Operators>,
) -> Result<Json<Vec<HolderView>>, Error> {
    let mut views = Vec::new();
    for holder in control.registry.token_holders().await? {
        views.push(view(&control, holder).await?);
    }
    Ok(Json(views))
}

/// Takes somebody's control token away. Nobody takes his own.
#[utoipa::path(delete, path = "/v1/tokens/{id}", tag = "tokens", params(("id" = String, Path)),
    responses((status = 200, body = Done), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn remove(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(principal): Segment<PrincipalId>,
) -> Result<Json<Done>, Error> {
    if principal == by.caller.id {
        return Err(Error::NotAllowed(
            "nobody takes away the token that he holds himself; another operator may".to_owned(),
        ));
    }
    let leaf = control
        .gate
        .revoke_token(by.caller.principal(), principal)
        .await?;
    Ok(Json(Done { leaf }))
}

/// Opens a session: a token that acts as the caller's own does, for a while. It is told once.
#[utoipa::path(post, path = "/v1/sessions", tag = "tokens", request_body = OpenSession,
    responses((status = 201, body = SessionView), (status = 400, body = Problem)))]
pub(crate) async fn open_session(
    State(control): State<Arc<ControlParts>>,
    by: By<SessionHolders>,
    Body(asked): Body<OpenSession>,
) -> Result<(StatusCode, Json<SessionView>), Error> {
    let token = hex::encode(onshore_keys::random::<32>());
    let (until, leaf) = control
        .gate
        .open_control_session(by.caller.principal(), token.clone(), asked.minutes)
        .await?;
    Ok((
        StatusCode::CREATED,
        Json(SessionView { token, until, leaf }),
    ))
}

/// Ends all sessions of the caller. His own token holds on.
#[utoipa::path(delete, path = "/v1/sessions", tag = "tokens", responses((status = 200, body = Done)))]
pub(crate) async fn end_sessions(
    State(control): State<Arc<ControlParts>>,
    by: By<SessionHolders>,
) -> Result<Json<Done>, Error> {
    let (_, leaf) = control
        .gate
        .end_control_sessions(by.caller.principal())
        .await?;
    Ok(Json(Done { leaf }))
}

/// Tells who calls.
#[utoipa::path(get, path = "/v1/whoami", tag = "tokens", responses((status = 200, body = HolderView)))]
pub(crate) async fn whoami(
    State(control): State<Arc<ControlParts>>,
    by: By<Anybody>,
) -> Result<Json<HolderView>, Error> {
    let (registry, id) = (control.registry.clone(), by.caller.id);
    let holder = control
        .db
        .read(move |view| registry.holder(view, id))
        .await?;
    view(&control, holder).await.map(Json)
}

async fn view(control: &ControlParts, holder: TokenHolder) -> Result<HolderView, Error> {
    let tenant = match holder.tenant {
        None => None,
        Some(id) => Some(control.registry.tenant_by_id(id).await?.name),
    };
    Ok(HolderView {
        principal: holder.principal,
        role: word_of(holder.role),
        tenant,
        person: holder.person,
        provider: holder.provider.map(String::from),
        vouched_by: holder.vouched_by,
        leaf: None,
    })
}

fn role_of(word: RoleWord) -> Role {
    match word {
        RoleWord::Operator => Role::Operator,
        RoleWord::Regulator => Role::Regulator,
        RoleWord::Auditor => Role::Auditor,
        RoleWord::TenantAdmin => Role::TenantAdmin,
        RoleWord::TenantUser => Role::TenantUser,
        RoleWord::SupportEngineer => Role::SupportEngineer,
        RoleWord::OutgoingProvider => Role::OutgoingProvider,
        RoleWord::Worker => Role::Worker,
    }
}

fn word_of(role: Role) -> RoleWord {
    match role {
        Role::Operator => RoleWord::Operator,
        Role::Regulator => RoleWord::Regulator,
        Role::Auditor => RoleWord::Auditor,
        Role::TenantAdmin => RoleWord::TenantAdmin,
        Role::TenantUser => RoleWord::TenantUser,
        Role::SupportEngineer => RoleWord::SupportEngineer,
        Role::OutgoingProvider => RoleWord::OutgoingProvider,
        Role::Worker => RoleWord::Worker,
    }
}
