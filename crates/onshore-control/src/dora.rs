//! Tables of the register of information that are checked and packed for whoever has them: nothing of them is kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use onshore_api::{AskPackage, CheckInformation, FaultView, FaultsView, Problem};
use onshore_dora::{Fault, Filing, Lei, Register, package};
use onshore_types::Timestamp;

use crate::caller::{By, Readers};
use crate::error::Error;
use crate::extract::{Asked, Body};
use crate::parts::ControlParts;

/// Checks tables of the register of information: every cell, key and reference.
#[utoipa::path(post, path = "/v1/dora/check", tag = "register", request_body = CheckInformation,
    responses((status = 200, body = FaultsView), (status = 400, body = Problem), (status = 413, body = Problem)))]
pub(crate) async fn check(
    _: By<Readers>,
    Body(asked): Body<CheckInformation>,
) -> Result<Json<FaultsView>, Error> {
    let checked = tokio::task::spawn_blocking(move || read(asked.tables));
    let faults = match checked.await.map_err(|_| Error::Stopping)? {
        Ok(_) => Vec::new(),
        Err(faults) => faults,
    };
    Ok(Json(FaultsView {
        faults: faults.into_iter().map(view).collect(),
    }))
}

/// Packs tables as authorities take them (xBRL-CSV, framework 4.0), where nothing is wrong with them.
#[utoipa::path(post, path = "/v1/dora/package", tag = "register", request_body = CheckInformation,
    params(("scope" = String, Query), ("country" = String, Query), ("reference" = String, Query), ("currency" = Option<String>, Query)),
    responses((status = 200, body = String, content_type = "application/zip"), (status = 400, body = Problem), (status = 413, body = Problem)))]
pub(crate) async fn pack(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
    Asked(asked): Asked<AskPackage>,
    Body(tables): Body<CheckInformation>,
) -> Result<Response, Error> {
    let now = control.gate.now();
    let packed = tokio::task::spawn_blocking(move || {
        let (register, entity) = read(tables.tables).map_err(onshore_gate::Error::Information)?;
        let filing = filing(&asked, entity, now)?;
        Ok::<_, Error>((filing.name(), package(&register, &filing)))
    });
    let (name, bytes) = packed.await.map_err(|_| Error::Stopping)??;
    let called = format!("attachment; filename=\"{name}.zip\"");
    let called = HeaderValue::from_str(&called).map_err(|_| Error::Stopping)?;
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/zip"),
        ),
        (header::CONTENT_DISPOSITION, called),
    ];
    Ok((headers, bytes).into_response())
}

/// Reads tables in which nothing is wrong, and returns who maintains them.
fn read(tables: BTreeMap<String, String>) -> Result<(Register, Lei), Vec<Fault>> {
    let tables = tables.into_iter();
    let files = tables.map(|(name, text)| (name, text.into_bytes()));
    let register = Register::read(&files.collect())?;
    let faults = register.check();
    match register.entity() {
        Some(entity) if faults.is_empty() => Ok((register, entity)),
        _ => Err(faults),
    }
}

fn filing(asked: &AskPackage, entity: Lei, made: Timestamp) -> Result<Filing, Error> {
    let currency = asked.currency.as_deref().unwrap_or("EUR");
    Ok(Filing {
        entity,
        scope: word("scope", &asked.scope)?,
        country: word("country", &asked.country)?,
        reference: word("reference", &asked.reference)?,
        currency: word("currency", currency)?,
        made,
    })
}

fn word<T: std::str::FromStr<Err: std::fmt::Display>>(name: &str, text: &str) -> Result<T, Error> {
    text.parse()
        .map_err(|error| Error::Malformed(format!("`{name}` does not read: {error}")))
}

pub(crate) fn view(fault: Fault) -> FaultView {
    FaultView {
        template: fault.template,
        row: fault.row as u64,
        column: fault.column,
        what: fault.what,
    }
}
