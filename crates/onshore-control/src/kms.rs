//! Keys that tenants name to have objects encrypted under them, as the operator makes and disables them on their behalf.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use onshore_api::{CreateKmsKey, KmsKeyStateView, KmsKeyView, Problem, SetKmsKeyState};
use onshore_registry::Tenant;
use onshore_store::{DEFAULT_KMS_KEY, KmsKey, KmsKeyState};
use onshore_types::{KmsKeyId, Label, LeafIndex, TenantName};
use serde_json::json;

use crate::buckets::permit;
use crate::caller::{By, Operators};
use crate::error::Error;
use crate::extract::{Body, Segment, Segments};
use crate::parts::ControlParts;

/// What an alias begins with.
const ALIAS: &str = "alias/";
/// How long the rest of it may be, as at AWS.
const ALIAS_LEN_MAX: usize = 250;
/// What AWS keeps for itself, and we for us.
const RESERVED: [&str; 2] = ["aws/", "onshore/"];

/// Makes a key for a tenant.
#[utoipa::path(post, path = "/v1/tenants/{name}/kms-keys", tag = "kms", params(("name" = String, Path)),
    request_body = CreateKmsKey,
    responses((status = 201, body = KmsKeyView), (status = 400, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn create(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(name): Segment<TenantName>,
    Body(asked): Body<CreateKmsKey>,
) -> Result<(StatusCode, Json<KmsKeyView>), Error> {
    if let Some(alias) = &asked.alias {
        check_alias(alias)?;
    }
    let tenant = control.registry.tenant(&name).await?;
    let what = "CreateKmsKey";
    let label = Label::Unclassified;
    let permit = permit(&control, &by.caller, what, None, tenant.id, label).await?;
    let (gate, store) = (control.gate.clone(), control.store.clone());
    let (key, leaf) = control
        .db
        .write(move |unit| {
            let key = store.create_kms_key(unit, &permit, asked.alias, gate.now())?;
            let record = json!({ "operation": what, "tenant": key.tenant, "kms_key": key.id, "alias": key.alias });
            let leaf = gate.settle_changed(unit, &permit, record)?;
            Ok::<_, Error>((key, leaf))
        })
        .await?;
    let view = view(&control, key, &tenant, Some(leaf));
    Ok((StatusCode::CREATED, Json(view)))
}

/// Lists the keys of a tenant, oldest first.
#[utoipa::path(get, path = "/v1/tenants/{name}/kms-keys", tag = "kms", params(("name" = String, Path)),
    responses((status = 200, body = Vec<KmsKeyView>), (status = 404, body = Problem)))]
pub(crate) async fn list(
    State(control): State<Arc<ControlParts>>,
    _: By<Operators>,
    Segment(name): Segment<TenantName>,
) -> Result<Json<Vec<KmsKeyView>>, Error> {
    let tenant = control.registry.tenant(&name).await?;
    let keys = control.store.kms_keys(tenant.id).await?.into_iter();
    Ok(Json(
        keys.map(|key| view(&control, key, &tenant, None)).collect(),
    ))
}

/// Enables or disables a key. What is under it stays, and is read again when it is enabled again.
#[utoipa::path(put, path = "/v1/tenants/{name}/kms-keys/{id}/state", tag = "kms",
    params(("name" = String, Path), ("id" = String, Path)), request_body = SetKmsKeyState,
    responses((status = 200, body = KmsKeyView), (status = 404, body = Problem)))]
pub(crate) async fn set_state(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segments(name, id): Segments<TenantName, KmsKeyId>,
    Body(asked): Body<SetKmsKeyState>,
) -> Result<Json<KmsKeyView>, Error> {
    let tenant = control.registry.tenant(&name).await?;
    let what = "SetKmsKeyState";
    let label = Label::Unclassified;
    let permit = permit(&control, &by.caller, what, None, tenant.id, label).await?;
    let state = match asked.state {
        KmsKeyStateView::Enabled => KmsKeyState::Enabled,
        KmsKeyStateView::Disabled => KmsKeyState::Disabled,
    };
    let (gate, store) = (control.gate.clone(), control.store.clone());
    let changed = control
        .db
        .write(move |unit| {
            let key = store.set_kms_key_state(unit, &permit, id, state)?;
            let record = json!({ "operation": what, "tenant": key.tenant, "kms_key": key.id, "state": state.as_str() });
            let leaf = gate.settle_changed(unit, &permit, record)?;
            Ok::<_, Error>((key, leaf))
        })
        .await;
    let (key, leaf) = match changed {
        Err(Error::Store(onshore_store::Error::NoSuchKmsKey)) => {
            return Err(Error::Missing(format!(
                "tenant `{name}` has no key {id}; `onshore kms list --tenant {name}` shows them"
            )));
        }
        changed => changed?,
    };
    Ok(Json(view(&control, key, &tenant, Some(leaf))))
}

fn check_alias(alias: &str) -> Result<(), Error> {
    let is_named = |name: &str| {
        (1..=ALIAS_LEN_MAX).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte))
            && RESERVED.iter().all(|reserved| !name.starts_with(reserved))
    };
    if alias.strip_prefix(ALIAS).is_some_and(is_named) {
        return Ok(());
    }
    Err(Error::Malformed(format!(
        "an alias is `{ALIAS}` and 1 to {ALIAS_LEN_MAX} letters, digits, `/`, `_` and `-`; those below `alias/aws/` and \
         `alias/onshore/` are not given, {DEFAULT_KMS_KEY} is there for everybody"
    )))
}

fn view(
    control: &ControlParts,
    key: KmsKey,
    tenant: &Tenant,
    leaf: Option<LeafIndex>,
) -> KmsKeyView {
    let region = control.gate.region();
    KmsKeyView {
        id: key.id,
        arn: format!(
            "arn:{}:kms:{}:000000000000:key/{}",
            region.partition, region.id, key.id
        ),
        alias: key.alias,
        tenant: tenant.name.clone(),
        state: match key.state {
            KmsKeyState::Enabled => KmsKeyStateView::Enabled,
            KmsKeyState::Disabled => KmsKeyStateView::Disabled,
        },
        created: key.created,
        leaf,
    }
}
