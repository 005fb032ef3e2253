//! What buckets hold data for and until when, and which of their versions were read: what a report on minimising is made of.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use onshore_api::{DeclarePurpose, Problem, PurposeView, ReadVersionsView};
use onshore_gate::DeclaredPurpose;
use onshore_registry::Purpose;
use onshore_types::{BucketName, LeafIndex, Timestamp, VersionId};
use serde::Deserialize;

use crate::buckets::named_for;
use crate::caller::{By, TenantKeepers};
use crate::error::Error;
use crate::extract::{Asked, Body, Segment};
use crate::parts::ControlParts;

/// How many versions a page tells.
const PAGE: usize = 10_000;

/// Since when, and which page.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Reads since this instant, RFC 3339 or a date.
    #[param(value_type = String)]
    since: Timestamp,
    /// The `next` of the page before.
    #[param(value_type = Option<String>)]
    after: Option<VersionId>,
}

/// Declares what a bucket holds data for and until when. What was declared before stays on record.
#[utoipa::path(put, path = "/v1/buckets/{name}/purpose", tag = "buckets", params(("name" = String, Path)),
    request_body = DeclarePurpose,
    responses((status = 200, body = PurposeView), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn declare(
    State(control): State<Arc<ControlParts>>,
    by: By<TenantKeepers>,
    Segment(name): Segment<BucketName>,
    Body(asked): Body<DeclarePurpose>,
) -> Result<Json<PurposeView>, Error> {
    let has_terms = asked.until.is_some()
        || asked.basis.is_some()
        || asked.consent.is_some()
        || asked.keep_days.is_some();
    if asked.purpose.is_none() && has_terms {
        return Err(Error::Malformed(
            "`until`, `basis`, `consent` and `keep_days` say more of a purpose: name the `purpose` too, or leave all out to take it back"
                .to_owned(),
        ));
    }
    let basis = asked.basis.as_deref().map(str::parse).transpose();
    let declared = DeclaredPurpose {
        purpose: asked.purpose,
        basis: basis.map_err(Error::Record)?,
        consent: asked.consent,
        until: asked.until,
        keep_days: asked.keep_days,
    };
    let bucket = named_for(&control, &by.caller, &name).await?;
    let of = (bucket.tenant, bucket.id);
    let declared = control
        .gate
        .declare_purpose(by.caller.principal(), of, declared)
        .await?;
    let (purpose, leaf) = declared;
    Ok(Json(view(purpose, Some(leaf))))
}

/// Returns what was declared for a bucket, the last declaration first.
#[utoipa::path(get, path = "/v1/buckets/{name}/purpose", tag = "buckets", params(("name" = String, Path)),
    responses((status = 200, body = Vec<PurposeView>), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(control): State<Arc<ControlParts>>,
    by: By<TenantKeepers>,
    Segment(name): Segment<BucketName>,
) -> Result<Json<Vec<PurposeView>>, Error> {
    let bucket = named_for(&control, &by.caller, &name).await?.id;
    let registry = control.registry.clone();
    let declared = control
        .db
        .read(move |view| registry.purposes(view, bucket))
        .await?;
    let views = declared.into_iter().map(|purpose| view(purpose, None));
    Ok(Json(views.collect()))
}

/// Returns which versions of a bucket were read since an instant, as far as that is on record. By whom is not told.
#[utoipa::path(get, path = "/v1/buckets/{name}/reads", tag = "buckets", params(("name" = String, Path), Which),
    responses((status = 200, body = ReadVersionsView), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn reads(
    State(control): State<Arc<ControlParts>>,
    by: By<TenantKeepers>,
    Segment(name): Segment<BucketName>,
    Asked(which): Asked<Which>,
) -> Result<Json<ReadVersionsView>, Error> {
    let bucket = named_for(&control, &by.caller, &name).await?;
    let read = control
        .gate
        .journal()
        .read_versions(bucket.id, which.since)
        .await?;
    let is_behind = |version: &VersionId| which.after.is_none_or(|after| *version > after);
    let mut versions: Vec<_> = read.versions.into_iter().filter(is_behind).collect();
    let is_more = versions.len() > PAGE;
    versions.truncate(PAGE);
    Ok(Json(ReadVersionsView {
        recorded_from: read.recorded_from,
        next: versions.last().copied().filter(|_| is_more),
        versions,
    }))
}

fn view(declared: Purpose, leaf: Option<LeafIndex>) -> PurposeView {
    PurposeView {
        revision: declared.revision,
        purpose: declared.purpose,
        basis: declared.basis.map(|basis| basis.to_string()),
        consent: declared.consent,
        until: declared.until,
        keep_days: declared.keep_days,
        declared: declared.declared,
        by: declared.by,
        leaf,
    }
}
