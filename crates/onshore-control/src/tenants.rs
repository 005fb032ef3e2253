//! Tenants and their S3 keys.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use onshore_api::{
    CreateKey, CreateTenant, KeyEntryView, KeyView, Problem, SetGroup, SetJurisdiction,
    SetKeyState, SetStanding, TenantView,
};
use onshore_gate::KeyOf;
use onshore_keys::Secret;
use onshore_registry::{AccessKey, KeyEntry, KeyState, Standing, Tenant};
use onshore_types::{AccessKeyId, LeafIndex, TenantName};

use crate::caller::{By, Operators, Supervisors, TenantKeepers};
use crate::error::Error;
use crate::extract::{Body, Segment, Segments};
use crate::parts::ControlParts;

/// Makes a tenant.
#[utoipa::path(post, path = "/v1/tenants", tag = "tenants", request_body = CreateTenant,
    responses((status = 201, body = TenantView), (status = 409, body = Problem)))]
pub(crate) async fn create(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Body(asked): Body<CreateTenant>,
) -> Result<(StatusCode, Json<TenantView>), Error> {
    let (tenant, leaf) = control
        .gate
        .create_tenant(by.caller.principal(), asked.name, asked.group)
        .await?;
    Ok((StatusCode::CREATED, Json(view(tenant, Some(leaf)))))
}

/// Puts a tenant into a group, or into none: what is counted for one of a group counts for all of it.
#[utoipa::path(put, path = "/v1/tenants/{name}/group", tag = "tenants", params(("name" = String, Path)),
    request_body = SetGroup, responses((status = 200, body = TenantView), (status = 404, body = Problem)))]
pub(crate) async fn set_group(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(name): Segment<TenantName>,
    Body(asked): Body<SetGroup>,
) -> Result<Json<TenantView>, Error> {
    let (tenant, leaf) = control
        .gate
        .set_group(by.caller.principal(), &name, asked.group)
        .await?;
    Ok(Json(view(tenant, Some(leaf))))
}

/// Says what a tenant is to the law: the rules of a pack ask more of some. What flows out is judged anew.
#[utoipa::path(put, path = "/v1/tenants/{name}/standing", tag = "tenants", params(("name" = String, Path)),
    request_body = SetStanding, responses((status = 200, body = TenantView), (status = 404, body = Problem)))]
pub(crate) async fn set_standing(
    State(control): State<Arc<ControlParts>>,
    by: By<Supervisors>,
    Segment(name): Segment<TenantName>,
    Body(asked): Body<SetStanding>,
) -> Result<Json<TenantView>, Error> {
    let standing = Standing {
        critical_infrastructure: asked.critical_infrastructure,
        state_organ: asked.state_organ,
    };
    let (tenant, leaf) = control
        .gate
        .set_standing(by.caller.principal(), &name, standing)
        .await?;
    Ok(Json(view(tenant, Some(leaf))))
}

/// Lists the tenants by name.
#[utoipa::path(get, path = "/v1/tenants", tag = "tenants", responses((status = 200, body = Vec<TenantView>)))]
pub(crate) async fn list(
    State(control): State<Arc<ControlParts>>,
    _: By<Operators>,
) -> Result<Json<Vec<TenantView>>, Error> {
    let tenants = control.registry.tenants().await?;
    Ok(Json(
        tenants
            .into_iter()
            .map(|tenant| view(tenant, None))
            .collect(),
    ))
}

/// Makes an S3 key for a tenant. A drawn secret is told in this answer and never again.
#[utoipa::path(post, path = "/v1/tenants/{name}/keys", tag = "tenants", params(("name" = String, Path)),
    request_body = CreateKey,
    responses((status = 201, body = KeyView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn create_key(
    State(control): State<Arc<ControlParts>>,
    by: By<TenantKeepers>,
    Segment(tenant): Segment<TenantName>,
    Body(asked): Body<CreateKey>,
) -> Result<(StatusCode, Json<KeyView>), Error> {
    let whose = asked.user.clone().map_or(KeyOf::Admin, KeyOf::User);
    let given = given(asked)?;
    let told = if given.is_none() {
        Secrets::Told
    } else {
        Secrets::Known
    };
    let (key, leaf) = control
        .gate
        .create_key_of(by.caller.principal(), &tenant, whose, given)
        .await?;
    Ok((
        StatusCode::CREATED,
        Json(key_view(&key, tenant, told, leaf)),
    ))
}

/// Lists the S3 keys of a tenant, without their secrets.
#[utoipa::path(get, path = "/v1/tenants/{name}/keys", tag = "tenants", params(("name" = String, Path)),
    responses((status = 200, body = Vec<KeyEntryView>), (status = 404, body = Problem)))]
pub(crate) async fn list_keys(
    State(control): State<Arc<ControlParts>>,
    by: By<TenantKeepers>,
    Segment(tenant): Segment<TenantName>,
) -> Result<Json<Vec<KeyEntryView>>, Error> {
    let tenant = control
        .gate
        .tenant_of(by.caller.principal(), &tenant)
        .await?;
    let keys = control.registry.keys_of(tenant.id).await?;
    let mut views = Vec::new();
    for key in keys {
        views.push(entry_view(&control, key, None).await?);
    }
    Ok(Json(views))
}

/// Makes a new key in the place of another, for the same holder. The old one opens nothing from now on.
#[utoipa::path(post, path = "/v1/tenants/{name}/keys/{key}/rotation", tag = "tenants",
    params(("name" = String, Path), ("key" = String, Path)),
    responses((status = 201, body = KeyView), (status = 404, body = Problem)))]
pub(crate) async fn rotate_key(
    State(control): State<Arc<ControlParts>>,
    by: By<TenantKeepers>,
    Segments(tenant, key): Segments<TenantName, AccessKeyId>,
) -> Result<(StatusCode, Json<KeyView>), Error> {
    let (key, leaf) = control
        .gate
        .rotate_key(by.caller.principal(), &tenant, key)
        .await?;
    Ok((
        StatusCode::CREATED,
        Json(key_view(&key, tenant, Secrets::Told, leaf)),
    ))
}

/// Lets a key open something, or nothing.
#[utoipa::path(put, path = "/v1/tenants/{name}/keys/{key}/state", tag = "tenants",
    params(("name" = String, Path), ("key" = String, Path)), request_body = SetKeyState,
    responses((status = 200, body = KeyEntryView), (status = 404, body = Problem)))]
pub(crate) async fn set_key_state(
    State(control): State<Arc<ControlParts>>,
    by: By<TenantKeepers>,
    Segments(tenant, key): Segments<TenantName, AccessKeyId>,
    Body(asked): Body<SetKeyState>,
) -> Result<Json<KeyEntryView>, Error> {
    let state = if asked.enabled {
        KeyState::Enabled
    } else {
        KeyState::Disabled
    };
    let (entry, leaf) = control
        .gate
        .set_key_state(by.caller.principal(), &tenant, key, state)
        .await?;
    entry_view(&control, entry, Some(leaf)).await.map(Json)
}

/// Removes a key for good.
#[utoipa::path(delete, path = "/v1/tenants/{name}/keys/{key}", tag = "tenants",
    params(("name" = String, Path), ("key" = String, Path)),
    responses((status = 200, body = KeyEntryView), (status = 404, body = Problem)))]
pub(crate) async fn remove_key(
    State(control): State<Arc<ControlParts>>,
    by: By<TenantKeepers>,
    Segments(tenant, key): Segments<TenantName, AccessKeyId>,
) -> Result<Json<KeyEntryView>, Error> {
    let (entry, leaf) = control
        .gate
        .remove_key(by.caller.principal(), &tenant, key)
        .await?;
    entry_view(&control, entry, Some(leaf)).await.map(Json)
}

/// Says where the organisation of a tenant is: what it reads goes there, wherever it reads from.
#[utoipa::path(put, path = "/v1/tenants/{name}/jurisdiction", tag = "tenants", params(("name" = String, Path)),
    request_body = SetJurisdiction,
    responses((status = 200, body = TenantView), (status = 404, body = Problem)))]
pub(crate) async fn set_jurisdiction(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(tenant): Segment<TenantName>,
    Body(asked): Body<SetJurisdiction>,
) -> Result<Json<TenantView>, Error> {
    let (tenant, leaf) = control
        .gate
        .set_jurisdiction(by.caller.principal(), &tenant, asked.jurisdiction)
        .await?;
    Ok(Json(view(tenant, Some(leaf))))
}

/// Whether the secret of a new key is told.
#[derive(Clone, Copy)]
enum Secrets {
    Told,
    /// The caller brought it.
    Known,
}

fn key_view(key: &AccessKey, tenant: TenantName, secret: Secrets, leaf: LeafIndex) -> KeyView {
    KeyView {
        access_key: key.access_key.clone(),
        secret_key: match secret {
            Secrets::Told => Some(String::from_utf8_lossy(key.secret.as_bytes()).into_owned()),
            Secrets::Known => None,
        },
        principal: key.principal,
        tenant,
        leaf,
    }
}

async fn entry_view(
    control: &ControlParts,
    key: KeyEntry,
    leaf: Option<LeafIndex>,
) -> Result<KeyEntryView, Error> {
    let registry = control.registry.clone();
    let user = match key.user {
        None => None,
        Some(id) => control
            .db
            .read(move |view| registry.identity_by_id(view, id))
            .await?
            .map(|identity| identity.name),
    };
    Ok(KeyEntryView {
        access_key: key.access_key,
        principal: key.principal,
        user,
        enabled: key.state == KeyState::Enabled,
        created: key.created,
        leaf,
    })
}

fn given(asked: CreateKey) -> Result<Option<(AccessKeyId, Secret)>, Error> {
    let malformed = |why: &str| Err(Error::Malformed(why.to_owned()));
    match (asked.access_key, asked.secret_key) {
        (None, None) => Ok(None),
        (Some(_), None) | (None, Some(_)) => {
            malformed("give both access_key and secret_key, or neither and both are made")
        }
        (Some(access_key), Some(secret)) => {
            let is_good = (8..=128).contains(&secret.len())
                && secret.bytes().all(|byte| byte.is_ascii_graphic());
            if is_good {
                Ok(Some((access_key, Secret::new(secret.into_bytes()))))
            } else {
                malformed("a secret key has 8 to 128 visible ASCII characters, and no blank")
            }
        }
    }
}

fn view(tenant: Tenant, leaf: Option<LeafIndex>) -> TenantView {
    TenantView {
        id: tenant.id,
        name: tenant.name,
        group: tenant.group,
        critical_infrastructure: tenant.standing.critical_infrastructure,
        state_organ: tenant.standing.state_organ,
        jurisdiction: tenant.jurisdiction,
        created: tenant.created,
        leaf,
    }
}
