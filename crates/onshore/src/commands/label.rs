//! `onshore label`.

use anyhow::Result;
use http::Method;
use onshore_api::{LoosenLabel, LooseningView};
use onshore_types::{BucketName, ObjectKey};

use crate::cli::{LabelCommand, TargetArgs};
use crate::exit::{Exit, usage};
use crate::output::{self, Style};
use crate::target;

pub(crate) async fn run(target: &TargetArgs, command: LabelCommand) -> Result<Exit> {
    let client = target::client(target)?;
    match command {
        LabelCommand::Loosen {
            of,
            version_id,
            to,
            reason,
        } => {
            let (bucket, key) = parse_of(&of)?;
            let question = LoosenLabel {
                bucket,
                key,
                version: version_id,
                class: to.to_string(),
                reason,
            };
            let proposed: LooseningView = client
                .send(Method::POST, "/v1/labels/loosenings", &question)
                .await?;
            show(target, &proposed)?;
        }
        LabelCommand::Approve { id } => {
            let path = format!("/v1/labels/loosenings/{id}/approval");
            let approved: LooseningView = client.send(Method::POST, &path, &()).await?;
            show(target, &approved)?;
        }
        LabelCommand::Withdraw { id } => {
            let path = format!("/v1/labels/loosenings/{id}");
            show(target, &client.delete(&path).await?)?;
        }
        LabelCommand::Show { id } => {
            let path = format!("/v1/labels/loosenings/{id}");
            show(target, &client.get(&path).await?)?;
        }
        LabelCommand::List => {
            let found: Vec<LooseningView> = client.list("/v1/labels/loosenings").await?;
            match target.style() {
                Style::Json => output::json(&found)?,
                Style::Text => output::table(
                    &["ID", "STATE", "OF", "FROM", "TO", "REASON"],
                    &found.iter().map(row).collect::<Vec<_>>(),
                ),
            }
        }
    }
    Ok(Exit::Done)
}

/// Reads `s3://bucket` or `s3://bucket/key`.
fn parse_of(text: &str) -> Result<(BucketName, Option<ObjectKey>)> {
    let rest = text.strip_prefix("s3://").ok_or_else(|| {
        usage(format!(
            "`{text}` is not written s3://BUCKET or s3://BUCKET/KEY"
        ))
    })?;
    let (bucket, key) = match rest.split_once('/') {
        None | Some((_, "")) => (rest.trim_end_matches('/'), None),
        Some((bucket, key)) => (bucket, Some(key)),
    };
    let bucket = BucketName::parse(bucket).map_err(|error| usage(error.to_string()))?;
    let key = key
        .map(|key| ObjectKey::parse(key).map_err(|error| usage(error.to_string())))
        .transpose()?;
    Ok((bucket, key))
}

fn of(loosening: &LooseningView) -> String {
    let bucket = loosening
        .bucket
        .as_ref()
        .map_or("(a bucket that is gone)", BucketName::as_str);
    match &loosening.key {
        None => format!("s3://{bucket}"),
        Some(key) => format!("s3://{bucket}/{key}"),
    }
}

fn row(loosening: &LooseningView) -> Vec<String> {
    vec![
        loosening.id.to_string(),
        loosening.state.clone(),
        of(loosening),
        loosening.from.to_string(),
        loosening.to.to_string(),
        loosening.reason.to_string(),
    ]
}

fn show(target: &TargetArgs, loosening: &LooseningView) -> Result<()> {
    if target.style() == Style::Json {
        return output::json(loosening);
    }
    output::line(&format!("loosening {}", loosening.id));
    output::line(&format!("state     {}", loosening.state));
    output::line(&format!("of        {}", of(loosening)));
    if let Some(version) = &loosening.version {
        output::line(&format!("version   {version}"));
    }
    output::line(&format!("from      {}", loosening.from));
    output::line(&format!("to        {}", loosening.to));
    output::line(&format!("reason    {}", loosening.reason));
    output::line(&format!(
        "proposed  by {} at {}",
        loosening.proposed.person, loosening.proposed.at
    ));
    if let Some(approved) = &loosening.approved {
        output::line(&format!(
            "approved  by {} at {}",
            approved.person, approved.at
        ));
    }
    if let Some(withdrawn) = &loosening.withdrawn {
        output::line(&format!("withdrawn {withdrawn}"));
    }
    if let Some(leaf) = loosening.leaf {
        output::line(&format!("leaf      {leaf}"));
    }
    Ok(())
}
