//! Registers of information under DORA, taken in table by table.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use onshore_api::{AskInformation, InformationView, Problem, TabulatedView, TakeInformation};
use onshore_orders::Id;

use crate::caller::{By, Readers, Supervisors};
use crate::dora;
use crate::error::Error;
use crate::extract::{Asked, Body, Segment};
use crate::parts::ControlParts;
use crate::register::check_known_at;

/// Takes in the register of information that an organisation maintains, in place of what it said before, and records its arrangements
/// as contracts. All of it, or nothing where a table has a fault.
#[utoipa::path(put, path = "/v1/information/{organisation}", tag = "register", params(("organisation" = String, Path)),
    request_body = TakeInformation,
    responses((status = 200, body = InformationView), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn take(
    State(control): State<Arc<ControlParts>>,
    by: By<Supervisors>,
    Segment(organisation): Segment<Id>,
    Body(asked): Body<TakeInformation>,
) -> Result<Json<InformationView>, Error> {
    let (taken, leaf) = control
        .gate
        .take_information(by.caller.principal(), organisation, asked.tables)
        .await?;
    let names = |ids: Vec<Id>| ids.into_iter().map(String::from).collect();
    Ok(Json(InformationView {
        revision: taken.revision,
        added: names(taken.added),
        amended: names(taken.amended),
        without_terms: taken.without_terms,
        parties: names(taken.parties),
        leaf,
    }))
}

/// Shows the register of information of an organisation as it would be filed: the tables that were taken in, with rows for its contracts
/// that are in none of them, and what is wrong with it.
#[utoipa::path(get, path = "/v1/information/{organisation}", tag = "register",
    params(("organisation" = String, Path), ("known_at" = Option<String>, Query)),
    responses((status = 200, body = TabulatedView), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
    Segment(organisation): Segment<Id>,
    Asked(asked): Asked<AskInformation>,
) -> Result<Json<TabulatedView>, Error> {
    check_known_at(&control, asked.known_at)?;
    let told = control.gate.tabulated(organisation, asked.known_at).await?;
    let (revision, recorded) = told.taken_in.unzip();
    Ok(Json(TabulatedView {
        revision,
        recorded,
        tables: told.tables,
        added: told.added,
        faults: told.faults.into_iter().map(dora::view).collect(),
    }))
}
