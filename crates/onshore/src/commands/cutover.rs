//! `onshore cutover`.

use std::time::Duration;

use anyhow::{Context, Result};
use http::Method;
use onshore_api::{CutoverView, OrderCutover, OrderReturn};
use onshore_sources::resolve_credentials;
use onshore_types::pace::Offset;

use crate::cli::{
    BeginCutoverArgs, CutoverArgs, CutoverCommand, Deletes, MigrateArgs, ReturnArgs, TargetArgs,
    VersionsWish,
};
use crate::client::Client;
use crate::commands::migrate;
use crate::exit::{Exit, usage};
use crate::output::{self, Style, bytes};
use crate::target;

/// How often a cut-over is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

pub(crate) async fn run(target: &TargetArgs, args: CutoverArgs) -> Result<Exit> {
    let client = target::client(target)?;
    let style = target.style();
    match (args.command, args.begin) {
        (Some(CutoverCommand::List), _) => {
            let cutovers: Vec<CutoverView> = client.get("/v1/cutovers").await?;
            list(style, &cutovers)?;
        }
        (Some(CutoverCommand::Status { bucket }), _) => {
            show(style, &client.get(&format!("/v1/cutovers/{bucket}")).await?)?;
        }
        (Some(CutoverCommand::Abort { bucket }), _) => {
            let path = format!("/v1/cutovers/{bucket}");
            let ordered: CutoverView = client.delete(&path).await?;
            let ended = follow(&client, style, ordered, |cutover| cutover.ended.is_some()).await?;
            show(style, &ended)?;
        }
        (Some(CutoverCommand::Return(args)), _) => return take_back(&client, style, args).await,
        (Some(CutoverCommand::Stay { bucket }), _) => {
            let path = format!("/v1/cutovers/{bucket}/return");
            show(style, &client.delete(&path).await?)?;
        }
        (None, Some(args)) => return begin(&client, style, args).await,
        (None, None) => return Err(usage("name a bucket and its source, or a command")),
    }
    Ok(Exit::Done)
}

async fn begin(client: &Client, style: Style, args: BeginCutoverArgs) -> Result<Exit> {
    let detach = args.detach;
    let order = order(args).await?;
    let ordered: CutoverView = client.send(Method::POST, "/v1/cutovers", &order).await?;
    if detach {
        // Left to the server is what has begun: programs may be pointed here now.
        let begun = follow(client, style, ordered, |cutover| cutover.step != "ordered").await?;
        show(style, &begun)?;
        return Ok(match begun.step.as_str() {
            "aborted" => Exit::Failed,
            _ => Exit::Done,
        });
    }
    let ended = follow(client, style, ordered, is_settled).await?;
    show(style, &ended)?;
    Ok(match ended.step.as_str() {
        "switched" => Exit::Done,
        "rehearsed"
            if ended
                .report
                .is_some_and(|report| report["would_switch"] == true) =>
        {
            Exit::Done
        }
        _ => Exit::Failed,
    })
}

/// Orders that what was changed is taken back, and follows that until the source has it all, or to the end.
async fn take_back(client: &Client, style: Style, args: ReturnArgs) -> Result<Exit> {
    let credentials = match args.anonymous {
        true => None,
        false => {
            let found = resolve_credentials(args.profile.as_deref(), None).await;
            found.map_err(|error| usage(error.to_string()))?.credentials
        }
    };
    let asked = OrderReturn {
        finish: args.finish,
        overwrite: args.overwrite,
        accept_exceptions: args.accept_exceptions,
        credentials: credentials.as_ref().map(migrate::sealable),
    };
    let path = format!("/v1/cutovers/{}/return", args.bucket);
    let ordered: CutoverView = client.send(Method::POST, &path, &asked).await?;
    if args.detach {
        show(style, &ordered)?;
        return Ok(Exit::Done);
    }
    let settled = follow(client, style, ordered, move |cutover| {
        if args.finish {
            has_returned(cutover) || cannot_finish(cutover)
        } else {
            has_returned(cutover) || is_in_step(cutover)
        }
    })
    .await?;
    show(style, &settled)?;
    let is_good = settled.taken_back.is_some_and(|taken| {
        taken.exceptions == 0 && matches!(taken.state.as_str(), "running" | "complete")
    });
    Ok(if is_good { Exit::Done } else { Exit::Failed })
}

/// Whether the job that takes it back has ended.
fn has_returned(cutover: &CutoverView) -> bool {
    let ended = cutover.taken_back.as_ref().is_some_and(|taken| {
        matches!(
            taken.state.as_str(),
            "complete" | "incomplete" | "failed" | "cancelled"
        )
    });
    ended && cutover.step != "returning"
}

/// Whether the source has everything that can be taken back; what cannot is said by then.
fn is_in_step(cutover: &CutoverView) -> bool {
    let Some(taken) = &cutover.taken_back else {
        return false;
    };
    let is_said = cutover.changed == 0 || cutover.detail.is_some();
    cutover.step == "returning" && cutover.changed <= taken.exceptions && is_said
}

/// Whether what cannot be taken back is in the way of the end.
fn cannot_finish(cutover: &CutoverView) -> bool {
    is_in_step(cutover) && cutover.changed > 0
}

/// Whether nothing more happens until somebody says something.
fn is_settled(cutover: &CutoverView) -> bool {
    let waits = cutover.step == "freezing" && cutover.freeze.is_none() && cutover.detail.is_some();
    let certified = cutover.certificate_leaf.is_some();
    match cutover.step.as_str() {
        "switched" | "rehearsed" => certified,
        "blocked" | "aborted" => true,
        _ => waits,
    }
}

/// Looks at a cut-over until it is as wanted, and tells each step.
async fn follow(
    client: &Client,
    style: Style,
    ordered: CutoverView,
    until: impl Fn(&CutoverView) -> bool,
) -> Result<CutoverView> {
    let path = format!("/v1/cutovers/{}", ordered.bucket);
    let mut interval = tokio::time::interval(LOOK_INTERVAL);
    let mut told = String::new();
    loop {
        interval.tick().await;
        let cutover: CutoverView = client.get(&path).await.with_context(|| {
            format!(
                "the cut-over goes on; follow it with `onshore cutover status {}`",
                ordered.bucket
            )
        })?;
        if cutover.step != told {
            told.clone_from(&cutover.step);
            tell(style, &cutover)?;
        }
        if until(&cutover) {
            return Ok(cutover);
        }
    }
}

/// Tells a step on the error stream.
fn tell(style: Style, cutover: &CutoverView) -> Result<()> {
    use std::io::Write;
    let line = match style {
        Style::Json => serde_json::to_string(&serde_json::json!({
            "event": "step",
            "bucket": cutover.bucket,
            "step": cutover.step,
            "progress": cutover.progress,
        }))?,
        Style::Text => format!("{}: {}", cutover.bucket, cutover.step),
    };
    // Whoever no longer listens does not stop it.
    drop(writeln!(std::io::stderr().lock(), "{line}"));
    Ok(())
}

/// Turns the arguments into what the control API takes: those of a migration, and what is a cut-over's own.
async fn order(args: BeginCutoverArgs) -> Result<OrderCutover> {
    let (rehearse, source_is_frozen) = (args.rehearse, args.source_is_frozen);
    let (accept_exceptions, way_back_days) = (args.accept_exceptions, args.way_back);
    let migration = migrate::order(&MigrateArgs {
        watch: None,
        from: args.from,
        bucket: args.bucket,
        class: args.class,
        tenant: args.tenant,
        versions: VersionsWish::Current,
        deletes: Deletes::Follow,
        max_rate: None,
        rate_at: Vec::new(),
        rate_zone: Offset::default(),
        dry_run: false,
        workers_only: false,
        select_class: Vec::new(),
        select_persons: Vec::new(),
        counted: None,
        counted_by: None,
        certificate: None,
        detach: args.detach,
        config: None,
    })
    .await?;
    Ok(OrderCutover {
        source: migration.source,
        bucket: migration.bucket,
        tenant: migration.tenant,
        class: migration.class,
        rehearse,
        source_is_frozen,
        accept_exceptions,
        way_back_days,
        credentials: migration.credentials,
    })
}

fn list(style: Style, cutovers: &[CutoverView]) -> Result<()> {
    if style == Style::Json {
        return output::json(&cutovers);
    }
    let rows: Vec<_> = cutovers
        .iter()
        .map(|cutover| {
            vec![
                cutover.bucket.to_string(),
                cutover.step.clone(),
                cutover.source.clone(),
                cutover.began.to_string(),
            ]
        })
        .collect();
    output::table(&["BUCKET", "STEP", "SOURCE", "ORDERED"], &rows);
    Ok(())
}

fn show(style: Style, cutover: &CutoverView) -> Result<()> {
    if style == Style::Json {
        return output::json(cutover);
    }
    let progress = &cutover.progress;
    let kind = if cutover.rehearsal {
        " (rehearsal)"
    } else {
        ""
    };
    output::line(&format!("bucket      {}", cutover.bucket));
    output::line(&format!("step        {}{kind}", cutover.step));
    output::line(&format!("from        {}", cutover.source));
    output::line(&format!(
        "here        {} of {} objects, {}; {} exceptions",
        progress.copied + progress.unchanged,
        progress.listed,
        bytes(progress.copied_bytes + progress.unchanged_bytes),
        progress.exceptions
    ));
    if let Some(freeze) = &cutover.freeze {
        output::line(&format!("frozen      {}", frozen(freeze)));
    }
    if let Some(report) = &cutover.report {
        output::line(&format!(
            "compared    {} the same, {} changed here, {} lost; exceptions {}",
            report["same"], report["changed_here"], report["lost"], report["exceptions"]
        ));
        if cutover.rehearsal {
            output::line(&format!(
                "rehearsal   it would switch: {}; the freeze would last {:.1} s at least",
                report["would_switch"],
                report["freeze_seconds"].as_f64().unwrap_or_default()
            ));
        }
    }
    output::line(&format!("job         {}", cutover.job));
    output::line(&format!("ordered     {}", cutover.began));
    if let Some(switched) = cutover.switched {
        output::line(&format!("switched    {switched}"));
    }
    if let Some(until) = cutover.way_back_until {
        output::line(&format!(
            "way back    until {until}; {} keys changed here",
            cutover.changed
        ));
    }
    if let Some(taken) = &cutover.taken_back {
        output::line(&format!(
            "taken back  {} objects, {} removed, {} exceptions ({}, {})",
            taken.objects, taken.removed, taken.exceptions, taken.job, taken.state
        ));
        for one in &taken.named {
            output::line(&format!("not back    {}: {}", one.key, one.why));
        }
        if let Some(report) = &taken.report {
            output::line(&format!(
                "both sides  {} the same, {} different, {} only here, {} only there",
                report["same"], report["different"], report["only_here"], report["only_there"]
            ));
        }
    }
    if let Some(ended) = cutover.ended {
        output::line(&format!("ended       {ended}"));
    }
    if let Some(detail) = &cutover.detail {
        output::line(&format!("detail      {detail}"));
    }
    Ok(())
}

fn frozen(freeze: &str) -> &str {
    match freeze {
        "shown" => "by its policy: a write is refused there",
        "set" => "by its policy, which reads back as it was set",
        _ => "as somebody says",
    }
}
