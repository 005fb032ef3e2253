//! Labels that are loosened: proposed by an operator or the tenant's administrator, approved by an operator who is another person.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use onshore_api::{LoosenLabel, LooseningView, Problem};
use onshore_gate::{LooseningProposal, loosening_state};
use onshore_policy::{Flow, Permit, Subject, Transfer};
use onshore_registry::{Loosening, LooseningOf};
use onshore_store::{Bucket, VersionWish, is_looser};
use onshore_types::{ByteRange, LeafIndex, LooseningId, ObjectKey};

use crate::answers::class;
use crate::buckets::{missing, named};
use crate::caller::{By, Caller, Operators, Readers, TenantKeepers};
use crate::error::Error;
use crate::extract::{Body, Segment};
use crate::parts::ControlParts;
use crate::support::vouched_view;

/// What permits and leaves call it.
const OPERATION: &str = "LoosenLabel";

/// Proposes to loosen the label of a version, or what a bucket makes of what comes.
#[utoipa::path(post, path = "/v1/labels/loosenings", tag = "labels", request_body = LoosenLabel,
    responses((status = 201, body = LooseningView), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn propose(
    State(control): State<Arc<ControlParts>>,
    by: By<TenantKeepers>,
    Body(asked): Body<LoosenLabel>,
) -> Result<(StatusCode, Json<LooseningView>), Error> {
    let to = class(&asked.class)?;
    let bucket = named(&control, &asked.bucket).await?;
    // Whose administrator he is not has no bucket that he could name.
    if by.caller.tenant.is_some_and(|own| own != bucket.tenant) {
        return Err(missing(&asked.bucket));
    }
    let (of, from) = match asked.key {
        None if asked.version.is_some() => {
            return Err(Error::Malformed(
                "a version is one of a key: name the key as well".to_owned(),
            ));
        }
        None => {
            let from = bucket.class.ok_or_else(|| {
                Error::NotAllowed(
                    "the bucket has no class that could be loosened; what comes is unclassified until it has one".to_owned(),
                )
            })?;
            is_looser(from, to)?;
            (LooseningOf::Bucket, from)
        }
        Some(key) => {
            let wish = match asked.version.as_deref() {
                None => VersionWish::Current,
                Some("null") => VersionWish::Null,
                Some(id) => VersionWish::Id(
                    id.parse()
                        .map_err(|_| Error::Malformed(format!("`{id}` is no version id")))?,
                ),
            };
            let found = control.store.loosenable(&bucket, &key, wish, to).await?;
            let found =
                found.ok_or_else(|| Error::Missing("there is no such object".to_owned()))?;
            let of = LooseningOf::Version {
                version: found.version,
                key: key.to_string(),
                seen: found.seen,
            };
            (of, found.label)
        }
    };
    let proposal = LooseningProposal {
        tenant: bucket.tenant,
        bucket: bucket.id,
        of,
        from,
        to,
        reason: asked.reason,
    };
    let (loosening, leaf) = control
        .gate
        .propose_loosening(by.caller.principal(), proposal)
        .await?;
    let view = view(&control, loosening, Some(leaf)).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// Gives the second word: the label is looser from now on.
#[utoipa::path(post, path = "/v1/labels/loosenings/{id}/approval", tag = "labels", params(("id" = String, Path)),
    responses((status = 200, body = LooseningView), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn approve(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(id): Segment<LooseningId>,
) -> Result<Json<LooseningView>, Error> {
    let proposed = lookup(&control, id).await?;
    let bucket = control.store.bucket_by_id(proposed.bucket).await?;
    let bucket = bucket.ok_or(onshore_store::Error::NoSuchBucket)?;
    let permit = permit(&control, &by.caller, &bucket, &proposed).await?;
    let (gate, store) = (control.gate.clone(), control.store.clone());
    let principal = by.caller.principal();
    let (loosening, leaf) = control
        .db
        .write(move |unit| {
            let (loosening, leaf) = gate.settle_loosened(unit, principal, id)?;
            match &loosening.of {
                LooseningOf::Bucket => {
                    store.loosen_bucket(unit, &permit, loosening.to, loosening.from)?;
                }
                LooseningOf::Version { seen, .. } => {
                    store.loosen(unit, &permit, loosening.to, *seen)?;
                }
            }
            Ok::<_, Error>((loosening, leaf))
        })
        .await?;
    view(&control, loosening, Some(leaf)).await.map(Json)
}

/// Takes back what was proposed.
#[utoipa::path(delete, path = "/v1/labels/loosenings/{id}", tag = "labels", params(("id" = String, Path)),
    responses((status = 200, body = LooseningView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn withdraw(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(id): Segment<LooseningId>,
) -> Result<Json<LooseningView>, Error> {
    let (loosening, leaf) = control
        .gate
        .withdraw_loosening(by.caller.principal(), id)
        .await?;
    view(&control, loosening, Some(leaf)).await.map(Json)
}

/// Lists what was proposed, newest first.
#[utoipa::path(get, path = "/v1/labels/loosenings", tag = "labels", responses((status = 200, body = Vec<LooseningView>)))]
pub(crate) async fn list(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
) -> Result<Json<Vec<LooseningView>>, Error> {
    let mut views = Vec::new();
    for loosening in control.registry.loosenings().await? {
        views.push(view(&control, loosening, None).await?);
    }
    Ok(Json(views))
}

/// Shows what was proposed.
#[utoipa::path(get, path = "/v1/labels/loosenings/{id}", tag = "labels", params(("id" = String, Path)),
    responses((status = 200, body = LooseningView), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
    Segment(id): Segment<LooseningId>,
) -> Result<Json<LooseningView>, Error> {
    let loosening = lookup(&control, id).await?;
    view(&control, loosening, None).await.map(Json)
}

async fn lookup(control: &ControlParts, id: LooseningId) -> Result<Loosening, Error> {
    let registry = control.registry.clone();
    let found = control
        .db
        .read(move |view| registry.loosening(view, id))
        .await?;
    Ok(found)
}

async fn permit(
    control: &ControlParts,
    caller: &Caller,
    bucket: &Bucket,
    loosening: &Loosening,
) -> Result<Permit, Error> {
    let (version, key) = match &loosening.of {
        LooseningOf::Bucket => (None, None),
        LooseningOf::Version { version, key, .. } => {
            (Some(*version), ObjectKey::parse(key.as_str()).ok())
        }
    };
    let transfer = Transfer {
        principal: caller.on_behalf_of(bucket.tenant),
        operation: OPERATION,
        flow: Flow::Change,
        subject: Subject {
            bucket: Some(bucket.id),
            owner: Some(bucket.tenant),
            key,
            version,
            label: loosening.from,
            range: ByteRange::whole(0),
        },
        from: caller.place,
        to: control.gate.home(),
    };
    Ok(control.gate.permit(transfer).await?)
}

async fn view(
    control: &ControlParts,
    loosening: Loosening,
    leaf: Option<LeafIndex>,
) -> Result<LooseningView, Error> {
    let bucket = control.store.bucket_by_id(loosening.bucket).await?;
    let state = loosening_state(&loosening, control.gate.now()).to_owned();
    let (version, key) = match loosening.of {
        LooseningOf::Bucket => (None, None),
        LooseningOf::Version { version, key, .. } => (Some(version), Some(key)),
    };
    Ok(LooseningView {
        id: loosening.id,
        state,
        tenant: control.registry.tenant_by_id(loosening.tenant).await?.name,
        bucket: bucket.map(|bucket| bucket.name),
        version,
        key,
        from: loosening.from,
        to: loosening.to,
        reason: loosening.reason,
        proposed: vouched_view(loosening.proposed),
        approved: loosening.approved.map(vouched_view),
        withdrawn: loosening.withdrawn.map(|(at, _)| at),
        leaf,
    })
}
