//! Plans of Terraform, judged before they are carried out. Of a plan nothing is kept: it may hold secrets.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use onshore_api::{AskGuard, JudgedPlanView, PlanFindingView, PlanFindingWeight, Problem};
use onshore_gate::Binding;
use onshore_orders::guard::{Judged, Rules, Weight, judge, sarif};
use onshore_orders::{Day, Id, Language};
use onshore_types::{Jurisdiction, Timestamp};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::caller::{By, Readers};
use crate::error::Error;
use crate::extract::{Asked, EDIT_BYTES_MAX, is_json};
use crate::language::{tell, wanted};
use crate::parts::ControlParts;
use crate::register::parsed;

/// The longest plan.
pub(crate) const PLAN_BYTES_MAX: usize = EDIT_BYTES_MAX;
/// How long a plan may take to arrive.
const PLAN_PATIENCE: Duration = Duration::from_secs(120);
/// So many plans are read at once: one takes many times its length.
static AT_ONCE: Semaphore = Semaphore::const_new(2);
/// What SARIF calls a plan whose file is somewhere else.
const PLAN_URI: &str = "plan.json";
const SARIF: &str = "application/sarif+json";

/// In which form findings are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Sarif,
}

/// Judges a plan of Terraform (`terraform show -json`) against the orders that bind an organisation, and the place where data must stay.
/// A plan that must not be carried out is answered like others: its findings say so.
#[utoipa::path(post, path = "/v1/guard", tag = "register",
    params(("organisation" = Option<String>, Query), ("residency" = Option<String>, Query), ("on" = Option<String>, Query), ("format" = Option<String>, Query)),
    request_body(content = Object, description = "The plan, as `terraform show -json` writes it."),
    responses((status = 200, content((JudgedPlanView = "application/json"), (Object = "application/sarif+json"))),
        (status = 400, body = Problem), (status = 404, body = Problem), (status = 413, body = Problem)))]
pub(crate) async fn guard(
    State(control): State<Arc<ControlParts>>,
    by: By<Readers>,
    headers: HeaderMap,
    Asked(asked): Asked<AskGuard>,
    plan: Plan,
) -> Result<Response, Error> {
    let form = form(asked.format.as_deref(), &headers)?;
    let language = wanted(&headers);
    let organisation: Option<Id> = parsed(asked.organisation.as_deref())?;
    let residency = asked.residency.as_deref().map(Jurisdiction::parse);
    let residency = residency
        .transpose()
        .map_err(|error| Error::Malformed(error.to_string()))?;
    if organisation.is_none() && residency.is_none() {
        return Err(Error::Malformed(
            "say what the plan is held against: `organisation`, whose orders bind it, `residency`, where data must stay, or both"
                .to_owned(),
        ));
    }
    let on: Option<Day> = parsed(asked.on.as_deref())?;
    let now = noon(on)?.unwrap_or_else(|| control.gate.now());
    let binding = match organisation {
        Some(organisation) => {
            let by = by.caller.principal();
            control.gate.binding(by, organisation, on).await?
        }
        None => Binding::default(),
    };
    let turn = AT_ONCE.acquire().await.map_err(|_| Error::Stopping)?;
    let judged = tokio::task::spawn_blocking(move || {
        let plan = plan.read()?;
        let rules = Rules {
            orders: &binding.orders,
            providers: &binding.providers,
            residency,
            now,
            language,
        };
        judge(&plan, &rules).map_err(Error::Record)
    });
    let judged = judged.await.map_err(|_| Error::Stopping)??;
    drop(turn);
    let mut answer = told(judged, form, language);
    tell(answer.headers_mut(), language);
    Ok(answer)
}

/// A plan as it came.
pub(crate) struct Plan(Bytes);

impl<S: Send + Sync> FromRequest<S> for Plan {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        if !is_json(request.headers()) {
            return Err(Error::NotJson);
        }
        let bytes = tokio::time::timeout(PLAN_PATIENCE, Bytes::from_request(request, state))
            .await
            .map_err(|_| Error::BodyTooSlow)?;
        bytes
            .map(Self)
            .map_err(|rejection| match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => Error::PlanTooLong,
                _ => Error::Malformed("the plan broke off".to_owned()),
            })
    }
}

impl Plan {
    fn read(&self) -> Result<Value, Error> {
        // What does not read as any JSON is told by its place, never by what stands there.
        serde_json::from_slice(&self.0).map_err(|error| {
            Error::Malformed(format!(
                "the plan is not JSON: {error}; send what `terraform show -json FILE` writes"
            ))
        })
    }
}

fn form(asked: Option<&str>, headers: &HeaderMap) -> Result<Form, Error> {
    match asked {
        Some("json") => return Ok(Form::Json),
        Some("sarif") => return Ok(Form::Sarif),
        Some(_) => {
            let what = "findings are told as `json` or `sarif`";
            return Err(Error::Malformed(what.to_owned()));
        }
        None => {}
    }
    let takes = headers.get_all(header::ACCEPT).iter();
    let takes_sarif = takes
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|kind| kind.split(';').next())
        .any(|kind| kind.trim().eq_ignore_ascii_case(SARIF));
    Ok(if takes_sarif { Form::Sarif } else { Form::Json })
}

/// Returns an instant that is on a day nearly everywhere.
fn noon(on: Option<Day>) -> Result<Option<Timestamp>, Error> {
    let noon = on.map(|day| format!("{day}T12:00:00Z").parse());
    let noon = noon.transpose();
    noon.map_err(|_| Error::Malformed("`on` is no day that can be reckoned with".to_owned()))
}

fn told(judged: Judged, form: Form, language: Language) -> Response {
    match form {
        Form::Sarif => {
            let findings = sarif(&judged, PLAN_URI, env!("CARGO_PKG_VERSION"), language);
            let kind = HeaderValue::from_static(SARIF);
            ([(header::CONTENT_TYPE, kind)], findings.to_string()).into_response()
        }
        Form::Json => Json(view(judged)).into_response(),
    }
}

fn view(judged: Judged) -> JudgedPlanView {
    let findings = judged.findings.into_iter().map(|one| PlanFindingView {
        weight: match one.weight {
            Weight::Violation => PlanFindingWeight::Violation,
            Weight::Unknown => PlanFindingWeight::Unknown,
        },
        rule: one.rule.to_owned(),
        address: one.address,
        message: one.message,
    });
    JudgedPlanView {
        judged: judged.judged as u64,
        passed: judged.passed as u64,
        findings: findings.collect(),
    }
}
