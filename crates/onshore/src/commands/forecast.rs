//! `onshore migrate status`: when migrations will be done, and how likely by a date.

use anyhow::Result;
use onshore_api::{JobForecast, JobView};
use onshore_types::{JobId, Timestamp};
use serde::Serialize;

use crate::cli::TargetArgs;
use crate::client::Client;
use crate::exit::Exit;
use crate::output::{self, Style, bytes};
use crate::target;

/// A job and what is expected of it.
#[derive(Debug, Serialize)]
struct Expected {
    job: JobView,
    #[serde(skip_serializing_if = "Option::is_none")]
    forecast: Option<JobForecast>,
}

pub(crate) async fn run(
    target: &TargetArgs,
    id: Option<JobId>,
    by: Option<Timestamp>,
) -> Result<Exit> {
    let client = target::client(target)?;
    let jobs: Vec<JobView> = match id {
        Some(id) => vec![client.get(&format!("/v1/jobs/{id}")).await?],
        None => {
            let all: Vec<JobView> = client.get("/v1/jobs").await?;
            all.into_iter().filter(|job| !job.is_ended()).collect()
        }
    };
    let mut found = Vec::with_capacity(jobs.len());
    for job in jobs {
        let forecast = match job.is_ended() {
            true => None,
            false => Some(ask(&client, job.id, by).await?),
        };
        found.push(Expected { job, forecast });
    }
    match target.style() {
        Style::Json => output::json(&found)?,
        Style::Text if found.is_empty() => output::line("No migration is under way."),
        Style::Text => found.iter().for_each(tell),
    }
    Ok(Exit::Done)
}

async fn ask(client: &Client, id: JobId, by: Option<Timestamp>) -> Result<JobForecast> {
    let question = by.map_or_else(String::new, |by| format!("?by={by}"));
    client
        .get(&format!("/v1/jobs/{id}/forecast{question}"))
        .await
}

fn tell(expected: &Expected) {
    let Expected { job, forecast } = expected;
    output::line(&format!(
        "job       {} ({}), {} to {}",
        job.id, job.state, job.source, job.bucket
    ));
    let done = &job.progress;
    output::line(&format!(
        "done      {} of {} objects, {} of {}, {} exceptions",
        done.copied + done.unchanged,
        done.listed,
        bytes(done.copied_bytes + done.unchanged_bytes),
        bytes(done.listed_bytes),
        done.exceptions
    ));
    for worker in &job.workers {
        output::line(&format!(
            "worker    {} brought {} objects, {}, and has {} to bring",
            worker.worker,
            worker.objects,
            bytes(worker.bytes),
            worker.leased
        ));
    }
    let Some(forecast) = forecast else { return };
    output::line(&format!(
        "left      {} objects, {}, at {:.1} objects and {} a second so far{}",
        forecast.objects_left,
        bytes(forecast.bytes_left),
        forecast.objects_per_s,
        bytes(forecast.bytes_per_s as u64),
        match forecast.growth_bytes_per_day {
            0 => String::new(),
            grown => format!("; the source grows by {} a day", bytes(grown)),
        }
    ));
    if let Some(why) = &forecast.unknown {
        output::line(&format!("forecast  none: {why}"));
        return;
    }
    let when = |at: Option<Timestamp>| {
        at.map_or_else(|| "beyond 400 days".to_owned(), |at| at.to_string())
    };
    output::line(&format!(
        "forecast  {}; eight times of ten between {} and {}",
        when(forecast.likely),
        when(forecast.early),
        when(forecast.late)
    ));
    let Some(deadline) = &forecast.deadline else {
        return;
    };
    let change = match deadline.factor_for_nine_of_ten {
        None => "no speed would do: give it more hours, or more bytes a second".to_owned(),
        Some(factor) if factor <= 1.0 => "nothing has to change".to_owned(),
        Some(factor) => format!("for nine of ten it would have to be {factor:.1} times as fast"),
    };
    output::line(&format!(
        "by {}  {:.0} of 100; {change}",
        deadline.by,
        deadline.chance * 100.0
    ));
}
