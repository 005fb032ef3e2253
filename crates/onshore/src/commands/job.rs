//! `onshore job`.

use anyhow::Result;
use http::Method;
use onshore_api::JobView;
use onshore_types::JobId;

use crate::cli::{JobCommand, TargetArgs};
use crate::client::Client;
use crate::commands::deliver;
use crate::exit::Exit;
use crate::output::{self, Style, bytes};
use crate::target;

pub(crate) async fn run(target: &TargetArgs, command: JobCommand) -> Result<Exit> {
    let client = target::client(target)?;
    match command {
        JobCommand::List => {
            let jobs: Vec<JobView> = client.list("/v1/jobs").await?;
            match target.style() {
                Style::Json => output::json(&jobs)?,
                Style::Text => {
                    let rows: Vec<_> = jobs.iter().map(row).collect();
                    output::table(
                        &[
                            "ID",
                            "STATE",
                            "SOURCE",
                            "BUCKET",
                            "DONE",
                            "EXCEPTIONS",
                            "CREATED",
                        ],
                        &rows,
                    );
                }
            }
        }
        JobCommand::Show { id } => show(
            target.style(),
            &client.get(&format!("/v1/jobs/{id}")).await?,
        )?,
        JobCommand::Pause { id } => turn(&client, target.style(), id, "pause").await?,
        JobCommand::Resume { id } => turn(&client, target.style(), id, "resume").await?,
        JobCommand::Finish { id } => turn(&client, target.style(), id, "finish").await?,
        JobCommand::Cancel { id } => show(
            target.style(),
            &client.delete(&format!("/v1/jobs/{id}")).await?,
        )?,
        JobCommand::Certificate { id, out } => {
            deliver(
                &client
                    .get_bytes(&format!("/v1/jobs/{id}/certificate"))
                    .await?,
                out.as_deref(),
            )?;
        }
    }
    Ok(Exit::Done)
}

async fn turn(client: &Client, style: Style, id: JobId, how: &str) -> Result<()> {
    let path = format!("/v1/jobs/{id}/{how}");
    let job: JobView = client.send(Method::POST, &path, &()).await?;
    show(style, &job)
}

/// Prints a job.
pub(crate) fn show(style: Style, job: &JobView) -> Result<()> {
    if style == Style::Json {
        return output::json(job);
    }
    let progress = &job.progress;
    output::line(&format!("job         {}", job.id));
    output::line(&format!(
        "state       {}{}",
        job.state,
        if job.phase == job.state {
            String::new()
        } else {
            format!(" ({})", job.phase)
        }
    ));
    output::line(&format!("from        {}", job.source));
    output::line(&format!(
        "to          bucket {} of tenant {}",
        job.bucket, job.tenant
    ));
    if let Some(class) = job.class {
        output::line(&format!("class       {class}"));
    }
    output::line(&format!(
        "listed      {} objects, {}",
        progress.listed,
        bytes(progress.listed_bytes)
    ));
    output::line(&format!(
        "copied      {} objects, {}",
        progress.copied,
        bytes(progress.copied_bytes)
    ));
    output::line(&format!(
        "unchanged   {} objects, {}",
        progress.unchanged,
        bytes(progress.unchanged_bytes)
    ));
    if progress.removed > 0 {
        output::line(&format!(
            "removed     {} objects that the source has removed",
            progress.removed
        ));
    }
    output::line(&format!("exceptions  {}", progress.exceptions));
    output::line(&format!("ordered     {}", job.created));
    if let Some(ended) = job.ended {
        output::line(&format!("ended       {ended}"));
    }
    for worker in &job.workers {
        let leased = match worker.leased {
            0 => String::new(),
            leased => format!("; it has {leased} to bring at the moment"),
        };
        output::line(&format!(
            "worker      {} ({}) brought {} objects, {}{leased}",
            worker.worker,
            worker.principal,
            worker.objects,
            bytes(worker.bytes)
        ));
    }
    if let Some(leaf) = job.certificate_leaf {
        output::line(&format!(
            "certificate leaf {leaf}; fetch it: onshore job certificate {}",
            job.id
        ));
    }
    if let Some(detail) = &job.detail {
        output::line(&format!("detail      {detail}"));
    }
    Ok(())
}

fn row(job: &JobView) -> Vec<String> {
    let done = job.progress.copied + job.progress.unchanged;
    vec![
        job.id.to_string(),
        job.state.clone(),
        job.source.clone(),
        job.bucket.to_string(),
        format!("{done} of {}", job.progress.listed),
        job.progress.exceptions.to_string(),
        job.created.to_string(),
    ]
}
