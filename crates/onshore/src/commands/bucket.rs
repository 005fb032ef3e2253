//! `onshore bucket`.

use anyhow::Result;
use http::Method;
use onshore_api::{BucketView, CreateBucket, DeclarePurpose, PurposeView, SetBucketClass};
use onshore_types::{BucketName, Label, Wording};

use crate::cli::{BucketCommand, TargetArgs};
use crate::exit::Exit;
use crate::output::{self, Style};
use crate::target;

pub(crate) async fn run(target: &TargetArgs, command: BucketCommand) -> Result<Exit> {
    let client = target::client(target)?;
    match command {
        BucketCommand::Create {
            name,
            class,
            tenant,
        } => {
            let class = class.map(|label| label.to_string());
            let made: BucketView = client
                .send(
                    Method::POST,
                    "/v1/buckets",
                    &CreateBucket {
                        name,
                        tenant,
                        class,
                    },
                )
                .await?;
            show(
                target,
                &made,
                &format!("Bucket {} is made, class {}.", made.name, class_word(&made)),
            )?;
        }
        BucketCommand::List => {
            let buckets: Vec<BucketView> = client.list("/v1/buckets").await?;
            match target.style() {
                Style::Json => output::json(&buckets)?,
                Style::Text => {
                    let rows: Vec<_> = buckets
                        .iter()
                        .map(|bucket| {
                            vec![
                                bucket.name.to_string(),
                                bucket.tenant.to_string(),
                                class_word(bucket),
                                bucket.created.to_string(),
                            ]
                        })
                        .collect();
                    output::table(&["NAME", "TENANT", "CLASS", "CREATED"], &rows);
                }
            }
        }
        BucketCommand::Purpose {
            name,
            declare: None,
            withdraw: false,
            ..
        } => {
            let path = format!("/v1/buckets/{name}/purpose");
            let declared: Vec<PurposeView> = client.list(&path).await?;
            show_purposes(target.style(), &declared)?;
        }
        BucketCommand::Purpose {
            name,
            declare: purpose,
            basis,
            consent,
            until,
            keep_days,
            ..
        } => {
            let path = format!("/v1/buckets/{name}/purpose");
            let asked = DeclarePurpose {
                purpose,
                basis: basis.map(|basis| basis.to_string()),
                consent,
                until,
                keep_days,
            };
            let declared: PurposeView = client.send(Method::PUT, &path, &asked).await?;
            match target.style() {
                Style::Json => output::json(&declared)?,
                Style::Text => output::line(&told_of(&name, &declared)),
            }
        }
        BucketCommand::SetClass { name, class } => {
            let path = format!("/v1/buckets/{name}/class");
            let changed: BucketView = client
                .send(
                    Method::PUT,
                    &path,
                    &SetBucketClass {
                        class: class.to_string(),
                    },
                )
                .await?;
            let text = format!(
                "Bucket {} has class {} now. It holds for what is stored there as well; objects stored unclassified stay so.",
                changed.name,
                class_word(&changed)
            );
            show(target, &changed, &text)?;
        }
    }
    Ok(Exit::Done)
}

fn told_of(name: &BucketName, declared: &PurposeView) -> String {
    let terms = [
        declared.basis.as_ref().map(|basis| format!(", by {basis}")),
        declared.until.map(|until| format!(", until {until}")),
        declared
            .keep_days
            .map(|days| format!(", each object for {days} days")),
    ];
    match &declared.purpose {
        Some(purpose) => format!(
            "Bucket {name} holds data for this now: {purpose}{}.",
            terms.into_iter().flatten().collect::<String>()
        ),
        None => format!("Nothing is declared any more of what bucket {name} holds data for."),
    }
}

fn show_purposes(style: Style, declared: &[PurposeView]) -> Result<()> {
    match style {
        Style::Json => output::json(&declared),
        Style::Text => {
            let row = |view: &PurposeView| {
                let purpose = view.purpose.as_ref().map(Wording::to_string);
                vec![
                    view.revision.to_string(),
                    purpose.unwrap_or_else(|| "taken back".to_owned()),
                    view.basis.clone().unwrap_or_default(),
                    view.until
                        .map_or_else(String::new, |until| until.to_string()),
                    view.keep_days
                        .map_or_else(String::new, |days| days.to_string()),
                    view.declared.to_string(),
                    view.by.to_string(),
                ]
            };
            let rows: Vec<_> = declared.iter().map(row).collect();
            let head = [
                "NUMBER",
                "PURPOSE",
                "BASIS",
                "UNTIL",
                "KEPT DAYS",
                "DECLARED",
                "BY",
            ];
            output::table(&head, &rows);
            Ok(())
        }
    }
}

fn show(target: &TargetArgs, bucket: &BucketView, text: &str) -> Result<()> {
    match target.style() {
        Style::Json => output::json(bucket),
        Style::Text => {
            output::line(text);
            Ok(())
        }
    }
}

fn class_word(bucket: &BucketView) -> String {
    bucket
        .class
        .map_or_else(|| "none".to_owned(), |class: Label| class.to_string())
}
