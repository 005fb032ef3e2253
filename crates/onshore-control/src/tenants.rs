//! Tenants and their S3 keys.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use onshore_api::{CreateKey, CreateTenant, KeyView, Problem, SetGroup, SetStanding, TenantView};
use onshore_keys::Secret;
use onshore_registry::{Standing, Tenant};
use onshore_types::{AccessKeyId, LeafIndex, TenantName};

use crate::caller::{By, Operators, Supervisors};
use crate::error::Error;
use crate::extract::{Body, Segment};
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
    by: By<Operators>,
    Segment(tenant): Segment<TenantName>,
    Body(asked): Body<CreateKey>,
) -> Result<(StatusCode, Json<KeyView>), Error> {
    let given = given(asked)?;
    let is_drawn = given.is_none();
    let (key, leaf) = control
        .gate
        .create_key(by.caller.principal(), &tenant, given)
        .await?;
    let secret_key = is_drawn.then(|| String::from_utf8_lossy(key.secret.as_bytes()).into_owned());
    let view = KeyView {
        access_key: key.access_key,
        secret_key,
        principal: key.principal,
        tenant,
        leaf,
    };
    Ok((StatusCode::CREATED, Json(view)))
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
        created: tenant.created,
        leaf,
    }
}
