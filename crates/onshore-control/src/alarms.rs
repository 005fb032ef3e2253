//! Alarms that were raised, and whether whoever runs a region may.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use onshore_api::{AlarmView, AskRegions, ListAlarms, Problem, RegionStatusView};
use onshore_gate::RegionStatus;
use onshore_orders::{Id, Language};
use onshore_registry::RaisedAlarm;

use crate::caller::{By, Readers};
use crate::cases::language;
use crate::error::Error;
use crate::extract::Asked;
use crate::paging::linked;
use crate::parts::ControlParts;

/// So many alarms are told at once.
const ALARMS_MAX: u32 = 1000;

/// Lists alarms in the order in which they were raised.
#[utoipa::path(get, path = "/v1/alarms", tag = "register",
    params(("after" = Option<i64>, Query), ("limit" = Option<u32>, Query), ("lang" = Option<String>, Query)),
    responses((status = 200, body = Vec<AlarmView>), (status = 400, body = Problem)))]
pub(crate) async fn list(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
    Asked(asked): Asked<ListAlarms>,
) -> Result<Response, Error> {
    let limit = asked.limit.unwrap_or(ALARMS_MAX);
    if !(1..=ALARMS_MAX).contains(&limit) {
        return Err(Error::Malformed(format!(
            "from 1 to {ALARMS_MAX} alarms are told at once"
        )));
    }
    let language = language(asked.lang.as_deref())?;
    let alarms = control.gate.alarms(asked.after, limit + 1).await?;
    let views = alarms.into_iter().map(|one| alarm_view(one, language));
    let views = views.collect();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let rest = format!("lang={language}&");
    Ok(linked(views, limit, &rest, |one| one.number.to_string()))
}

/// Says of every region whether whoever runs it may.
#[utoipa::path(get, path = "/v1/report/regions", tag = "register",
    params(("as_of" = Option<String>, Query), ("known_at" = Option<String>, Query), ("lang" = Option<String>, Query)),
    responses((status = 200, body = Vec<RegionStatusView>), (status = 400, body = Problem)))]
pub(crate) async fn regions(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
    Asked(asked): Asked<AskRegions>,
) -> Result<Json<Vec<RegionStatusView>>, Error> {
    let as_of = asked.as_of.as_deref().map(str::parse).transpose();
    let as_of = as_of.map_err(Error::Record)?;
    let all = control
        .gate
        .region_statuses(as_of, asked.known_at, language(asked.lang.as_deref())?)
        .await?;
    Ok(Json(all.into_iter().map(region_view).collect()))
}

fn alarm_view(one: RaisedAlarm, language: Language) -> AlarmView {
    AlarmView {
        number: one.number,
        what: one.alarm.what.to_string(),
        of: one.alarm.of.to_string(),
        order: one.alarm.order.map(String::from),
        duty: one.alarm.duty.map(String::from),
        tranche: one.alarm.tranche.map(String::from),
        due: one.alarm.due.to_string(),
        days_before: one.alarm.days_before,
        why: one.alarm.why.in_language(language).to_owned(),
        raised: one.raised,
        leaf: one.leaf,
    }
}

fn region_view(one: RegionStatus) -> RegionStatusView {
    let technology = one.partnerships.iter().map(|one| &one.technology_provider);
    RegionStatusView {
        region: one.region.id.to_string(),
        as_of: one.as_of.to_string(),
        technology_providers: technology.map(Id::to_string).collect(),
        operator: one.standing.operator.map(String::from),
        licence: one.standing.licence.map(String::from),
        lapses: one.standing.lapses.map(String::from),
        open: one.standing.is_open,
        why: one.standing.why,
    }
}
