//! When a migration will be done, and how likely by a date.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use onshore_api::{DeadlineForecast, JobForecast, Problem};
use onshore_orders::{Forecast, Outlook, Stretch};
use onshore_registry::{Job, SourceSize};
use onshore_types::pace::Pace;
use onshore_types::{JobId, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::caller::{Auditors, By};
use crate::error::Error;
use crate::extract::{Asked, Segment};
use crate::parts::ControlParts;

const DAY_MS: i64 = 86_400_000;

/// What is asked of a forecast.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForecastQuestion {
    by: Option<Timestamp>,
}

/// Returns when a job will be done, and how likely by a date: from rates measured by size, from what is left, from how the source
/// grows and from the job's timetable.
#[utoipa::path(get, path = "/v1/jobs/{id}/forecast", tag = "jobs",
    params(("id" = String, Path), ("by" = Option<String>, Query, description = "a date or an instant (RFC 3339)")),
    responses((status = 200, body = JobForecast), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn show(
    State(control): State<Arc<ControlParts>>,
    _: By<Auditors>,
    Segment(id): Segment<JobId>,
    Asked(question): Asked<ForecastQuestion>,
) -> Result<Json<JobForecast>, Error> {
    let job = control.registry.job(id).await?;
    if job.state.is_ended() {
        return Err(Error::Registry(onshore_registry::Error::JobEnded(id)));
    }
    Ok(Json(forecast(&control, &job, question.by).await?))
}

async fn forecast(
    control: &ControlParts,
    job: &Job,
    by: Option<Timestamp>,
) -> Result<JobForecast, Error> {
    let stretches = control.registry.stretches(job.id).await?;
    let left = control.registry.left(job.id).await?;
    let sizes = control
        .registry
        .source_sizes(job.id, job.fingerprint)
        .await?;
    let pace = pace_of(&job.options);
    let (objects_per_s, bytes_per_s) = rates(&stretches);
    let growth_bytes_per_day = growth(&sizes);
    let now = control.gate.now();
    let outlook = Outlook {
        now,
        stretches: &stretches,
        left,
        growth_bytes_per_day,
        pace: &pace,
    };
    let told = JobForecast {
        objects_left: left.iter().map(|left| left.objects).sum(),
        bytes_left: left.iter().map(|left| left.bytes).sum(),
        objects_per_s,
        bytes_per_s,
        growth_bytes_per_day,
        unknown: None,
        early: None,
        likely: None,
        late: None,
        deadline: None,
    };
    if job.phase == "queued" || job.phase == "listing 0" {
        let unknown =
            Some("the source is still being listed: how much is left nobody knows yet".to_owned());
        return Ok(JobForecast { unknown, ..told });
    }
    Ok(match Forecast::new(outlook) {
        Err(why) => JobForecast {
            unknown: Some(why.to_string()),
            ..told
        },
        Ok(forecast) => JobForecast {
            early: forecast.done_by(0.1),
            likely: forecast.done_by(0.5),
            late: forecast.done_by(0.9),
            deadline: by.map(|by| DeadlineForecast {
                by,
                chance: forecast.chance_by(by),
                factor_for_nine_of_ten: forecast.factor_for(by, 0.9),
            }),
            ..told
        },
    })
}

/// Returns the pace that a job is held to. One that cannot be read holds nothing back: the engine has refused it before.
fn pace_of(options: &Value) -> Pace {
    options
        .get("pace")
        .and_then(|pace| serde_json::from_value(pace.clone()).ok())
        .unwrap_or_default()
}

/// Returns objects and bytes a second of the time in which the job worked.
fn rates(stretches: &[Stretch]) -> (f64, f64) {
    let (mut objects, mut bytes, mut lasted_ms) = (0_u64, 0_u64, 0_u64);
    for stretch in stretches {
        lasted_ms += stretch.lasted_ms;
        for brought in &stretch.brought {
            objects += brought.load.objects;
            bytes += brought.load.bytes;
        }
    }
    let seconds = (lasted_ms as f64 / 1000.0).max(0.001);
    (objects as f64 / seconds, bytes as f64 / seconds)
}

/// Returns by how many bytes a day the source grew between two listings. One that shrank did not grow.
fn growth(sizes: &[SourceSize]) -> u64 {
    let (Some(first), Some(last)) = (sizes.first(), sizes.last()) else {
        return 0;
    };
    let between_ms = last.at.as_millis() - first.at.as_millis();
    if between_ms < DAY_MS / 24 {
        return 0;
    }
    let grown = last.bytes.saturating_sub(first.bytes);
    (grown as f64 * DAY_MS as f64 / between_ms as f64) as u64
}

#[cfg(test)]
mod tests {
    use onshore_registry::SourceSize;
    use onshore_types::Timestamp;

    use super::growth;

    #[test]
    fn growth_is_told_by_listings_that_lie_apart() {
        let size = |hours: i64, bytes| SourceSize {
            at: Timestamp::from_millis(hours * 3_600_000),
            bytes,
        };
        assert_eq!(growth(&[]), 0);
        assert_eq!(growth(&[size(0, 5)]), 0);
        assert_eq!(growth(&[size(0, 5), size(0, 9)]), 0);
        assert_eq!(growth(&[size(0, 100), size(48, 300)]), 100);
        assert_eq!(growth(&[size(0, 300), size(48, 100)]), 0);
    }
}
