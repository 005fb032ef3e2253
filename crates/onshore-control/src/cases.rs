//! Cases with dates, duties, and whether somebody may be listed abroad.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use onshore_api::{
    ApproveReview, AskCases, CaseView, CheckListing, ListingView, Problem, RecordView,
};
use onshore_gate::Case;
use onshore_orders::{Id, Language};
use onshore_types::Jurisdiction;

use crate::caller::{By, Readers, Supervisors};
use crate::error::Error;
use crate::extract::{Asked, Body, Segment};
use crate::parts::ControlParts;

/// Lists cases that are open and duties that hold.
#[utoipa::path(get, path = "/v1/report/cases", tag = "register", params(("known_at" = Option<String>, Query), ("lang" = Option<String>, Query)),
    responses((status = 200, body = Vec<CaseView>), (status = 400, body = Problem)))]
pub(crate) async fn list(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
    Asked(asked): Asked<AskCases>,
) -> Result<Json<Vec<CaseView>>, Error> {
    let language = language(asked.lang.as_deref())?;
    let cases = control.gate.cases(asked.known_at).await?;
    // Of a kind an organisation may have several with one id: what an asset holds for several purposes, say.
    let mut alike: HashMap<String, u32> = HashMap::new();
    let views = cases.into_iter().map(|case| {
        let known = format!("{}:{}:{}", case.kind.word(), case.organisation, case.id);
        let number = alike.entry(known.clone()).or_default();
        *number += 1;
        view(case, format!("{known}:{number}"), language)
    });
    Ok(Json(views.collect()))
}

/// Says whether somebody may be listed somewhere now.
#[utoipa::path(post, path = "/v1/listings/check", tag = "register", request_body = CheckListing,
    responses((status = 200, body = ListingView), (status = 400, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn check_listing(
    State(control): State<Arc<ControlParts>>,
    by: By<Readers>,
    Body(asked): Body<CheckListing>,
) -> Result<Json<ListingView>, Error> {
    let organisation = asked.organisation.parse().map_err(Error::Record)?;
    let place =
        Jurisdiction::parse(&asked.place).map_err(|error| Error::Malformed(error.to_string()))?;
    control
        .gate
        .check_listing(by.caller.principal(), organisation, place)
        .await?;
    Ok(Json(ListingView { allowed: true }))
}

/// Gives the second word for what somebody else took back or decided anew in a review.
#[utoipa::path(post, path = "/v1/reviews/{id}/approval", tag = "register", params(("id" = String, Path)), request_body = ApproveReview,
    responses((status = 201, body = RecordView), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn approve_review(
    State(control): State<Arc<ControlParts>>,
    by: By<Supervisors>,
    Segment(id): Segment<Id>,
    Body(asked): Body<ApproveReview>,
) -> Result<(StatusCode, Json<RecordView>), Error> {
    let (revision, leaf) = control
        .gate
        .approve_review(by.caller.principal(), id, asked.revision)
        .await?;
    let view = crate::register::view(&revision, Some(leaf))?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// Returns the language that somebody asked for, or English.
pub(crate) fn language(asked: Option<&str>) -> Result<Language, Error> {
    let asked = asked.map(str::parse).transpose();
    Ok(asked.map_err(Error::Record)?.unwrap_or_default())
}

fn view(case: Case, name: String, language: Language) -> CaseView {
    CaseView {
        case: name,
        kind: case.kind.word().to_owned(),
        id: case.id,
        organisation: case.organisation.to_string(),
        due: case.due.map(|due| due.to_string()),
        late: case.is_late,
        why: case.why.in_language(language).to_owned(),
    }
}
