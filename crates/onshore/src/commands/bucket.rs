//! `onshore bucket`.

use anyhow::Result;
use http::Method;
use onshore_api::{BucketView, CreateBucket, SetBucketClass};
use onshore_types::Label;

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
            let buckets: Vec<BucketView> = client.get("/v1/buckets").await?;
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
