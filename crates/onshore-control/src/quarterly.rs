//! How far each organisation is at the end of a quarter, and what changed since the one before. SASAC's Document 79 has state-owned
//! enterprises report each quarter; its own form was not published.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use onshore_api::{
    AskQuarterly, ContractStatusView, FiledReportView, OrderStatusView, Problem, QuarterlyLineView,
    QuarterlyView, StatusReportView,
};
use onshore_gate::StatusQuestion;
use onshore_orders::{Language, Quarter};

use crate::caller::{By, Readers};
use crate::error::Error;
use crate::extract::{Asked, Body};
use crate::parts::ControlParts;
use crate::register::{check_known_at, file_report, parsed, report_view};

/// Says how far everybody is at the end of a quarter.
#[utoipa::path(get, path = "/v1/report/quarterly", tag = "register",
    params(("quarter" = String, Query), ("known_at" = Option<String>, Query), ("order" = Option<String>, Query), ("organisation" = Option<String>, Query)),
    responses((status = 200, body = QuarterlyView), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
    Asked(asked): Asked<AskQuarterly>,
) -> Result<Json<QuarterlyView>, Error> {
    Ok(Json(quarterly(&control, &asked).await?))
}

/// Makes such a report and records its digest in the ledger: with the proof of that leaf it verifies offline.
#[utoipa::path(post, path = "/v1/report/quarterly/filing", tag = "register", request_body = AskQuarterly,
    responses((status = 201, body = FiledReportView), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn file(
    State(control): State<Arc<ControlParts>>,
    by: By<Readers>,
    Body(asked): Body<AskQuarterly>,
) -> Result<(StatusCode, Json<FiledReportView>), Error> {
    let report = quarterly(&control, &asked).await?;
    let (tree_size, known_at) = (report.tree_size, report.known_at);
    let filed = file_report(
        &control,
        &by.caller,
        "quarterly",
        (tree_size, known_at),
        report,
    );
    Ok((StatusCode::CREATED, Json(filed.await?)))
}

async fn quarterly(control: &ControlParts, asked: &AskQuarterly) -> Result<QuarterlyView, Error> {
    let quarter: Quarter = asked.quarter.parse().map_err(Error::Record)?;
    check_known_at(control, asked.known_at)?;
    let question = |as_of, known_at| {
        Ok::<_, Error>(StatusQuestion {
            as_of: Some(as_of),
            known_at,
            order: parsed(asked.order.as_deref())?,
            organisation: parsed(asked.organisation.as_deref())?,
            language: Language::default(),
        })
    };
    let now = question(quarter.last(), asked.known_at)?;
    let now = report_view(control.gate.status(now).await?, false);
    // Both are made of what was known at one instant.
    let before = question(quarter.day_before(), Some(now.known_at))?;
    let before = report_view(control.gate.status(before).await?, false);
    Ok(QuarterlyView {
        quarter: quarter.to_string(),
        as_of: quarter.last().to_string(),
        before: quarter.day_before().to_string(),
        known_at: now.known_at,
        tree_size: now.tree_size,
        lines: lines(&now, &before, quarter),
    })
}

fn lines(
    now: &StatusReportView,
    before: &StatusReportView,
    quarter: Quarter,
) -> Vec<QuarterlyLineView> {
    let proven = |report: &StatusReportView| -> BTreeMap<(String, String), u64> {
        let orders = report.orders.iter();
        let each = orders.flat_map(|order| {
            let organisations = order.organisations.iter().flatten();
            organisations.map(|one| {
                let key = (order.order.clone(), one.organisation.clone());
                (
                    key,
                    count(&one.contracts, |contract| is(contract, "proven")),
                )
            })
        });
        each.collect()
    };
    let earlier = proven(before);
    let mut lines = Vec::new();
    for order in &now.orders {
        let each: Vec<QuarterlyLineView> = organisations(order, &earlier, quarter);
        let mut all = QuarterlyLineView {
            order: order.order.clone(),
            // Of those who were bound then, whether or not they still are.
            proven_before: earlier
                .iter()
                .filter(|((of, _), _)| *of == order.order)
                .map(|(_, proven)| proven)
                .sum(),
            ..QuarterlyLineView::default()
        };
        for one in &each {
            all.contracts += one.contracts;
            all.proven += one.proven;
            all.under_way += one.under_way;
            all.late += one.late;
            all.exempt += one.exempt;
            all.breached += one.breached;
            all.due_next_quarter += one.due_next_quarter;
        }
        lines.push(all);
        lines.extend(each);
    }
    lines
}

fn organisations(
    order: &OrderStatusView,
    earlier: &BTreeMap<(String, String), u64>,
    quarter: Quarter,
) -> Vec<QuarterlyLineView> {
    let next = (
        quarter.last().to_string(),
        quarter.last_of_next().to_string(),
    );
    let organisations = order.organisations.iter().flatten();
    let lines = organisations.map(|one| {
        let contracts = &one.contracts;
        let key = (order.order.clone(), one.organisation.clone());
        let is_due = |contract: &ContractStatusView| {
            let is_open = !is(contract, "proven") && !is(contract, "exempt");
            // Days are written so that their order is that of their texts.
            let due = contract.due.as_ref();
            is_open && due.is_some_and(|due| *due > next.0 && *due <= next.1)
        };
        QuarterlyLineView {
            proven_before: earlier.get(&key).copied().unwrap_or_default(),
            order: key.0,
            organisation: Some(key.1),
            name: Some(one.name.clone()),
            contracts: count(contracts, |contract| contract.status.is_some()),
            proven: count(contracts, |contract| is(contract, "proven")),
            under_way: count(contracts, |contract| {
                is(contract, "planned") || is(contract, "moving") || is(contract, "moved")
            }),
            late: count(contracts, |contract| is(contract, "late")),
            exempt: count(contracts, |contract| is(contract, "exempt")),
            breached: count(contracts, |contract| !contract.breaches.is_empty()),
            due_next_quarter: count(contracts, is_due),
        }
    });
    lines.collect()
}

fn is(contract: &ContractStatusView, status: &str) -> bool {
    contract.status.as_deref() == Some(status)
}

fn count(contracts: &[ContractStatusView], is_so: impl Fn(&ContractStatusView) -> bool) -> u64 {
    contracts.iter().filter(|contract| is_so(contract)).count() as u64
}
