//! What was found in the objects of a bucket, as the server keeps it.

use anyhow::Result;
use http::Method;
use onshore_api::{AskSamples, FindingsPage, FindingsView, SamplesView};
use onshore_types::BucketName;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::samples::{self, Shown};
use super::sarif;
use crate::cli::{ClassifyArgs, TargetArgs};
use crate::client::Client;
use crate::exit::{Exit, usage};
use crate::output::{self, Style};
use crate::target;

pub(super) async fn run(target: &TargetArgs, args: &ClassifyArgs, place: &str) -> Result<Exit> {
    if args.places > 0 || args.on.is_some() {
        return Err(usage(
            "--places and --on are for files: of objects kinds and numbers are kept, as of the day they were read",
        ));
    }
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    let bucket = BucketName::parse(bucket)
        .map_err(|error| usage(format!("`{bucket}` is no bucket: {error}")))?;
    let client = target::client(target)?;
    let objects = all(&client, &bucket, prefix).await?;
    let looks = samples_of(&client, &bucket, &objects, args.samples).await?;
    if args.sarif {
        output::json(&sarif::of_objects(bucket.as_str(), &objects, &looks))?;
    } else {
        match target.style() {
            Style::Json if args.samples > 0 => {
                output::json(&json!({ "objects": objects, "samples": looks }))?;
            }
            Style::Json => output::json(&json!({ "objects": objects }))?,
            Style::Text => {
                show(&objects);
                show_looks(&looks);
            }
        }
    }
    Ok(Exit::Done)
}

/// Has the server read again every object that something was found in, which its ledger tells.
async fn samples_of(
    client: &Client,
    bucket: &BucketName,
    objects: &[FindingsView],
    each_max: u64,
) -> Result<Vec<SamplesView>> {
    let mut looks = Vec::new();
    if each_max == 0 {
        return Ok(looks);
    }
    let path = format!("/v1/buckets/{bucket}/samples");
    for object in objects.iter().filter(|object| samples::may_have(object)) {
        let asked = AskSamples {
            key: object.key.clone(),
            version: Some(object.version.to_string()),
            each_max,
        };
        looks.push(client.send(Method::POST, &path, &asked).await?);
    }
    Ok(looks)
}

fn show_looks(looks: &[SamplesView]) {
    let of_look = |look: &SamplesView| {
        let shown = look.samples.iter();
        shown
            .map(|sample| Shown::of_object(sample, look))
            .collect::<Vec<_>>()
    };
    samples::show(looks.iter().flat_map(of_look));
    for look in looks {
        let rest = if look.read_bytes < look.size_bytes {
            format!(" (only its first {})", output::bytes(look.read_bytes))
        } else {
            String::new()
        };
        output::line(&format!(
            "Leaf {} tells that examples of {} were shown{rest}.",
            look.leaf, look.key
        ));
    }
}

/// Asks for every page.
pub(crate) async fn all(
    client: &Client,
    bucket: &BucketName,
    prefix: &str,
) -> Result<Vec<FindingsView>> {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let mut objects = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!(
            "/v1/buckets/{bucket}/findings?prefix={}{after}",
            encoded(prefix)
        );
        let page: FindingsPage = client.get(&path).await?;
        objects.extend(page.objects);
        match page.next {
            None => return Ok(objects),
            Some(next) => after = format!("&after={}", encoded(&next)),
        }
    }
}

fn show(objects: &[FindingsView]) {
    let mut rows = Vec::new();
    let (mut waiting, mut unread, mut unseen) = (0_u64, 0_u64, 0_u64);
    for object in objects {
        let mut row = |kind: &str, count: String, how: &str| {
            rows.push(vec![
                kind.to_owned(),
                count,
                how.to_owned(),
                object.label.to_string(),
                object.key.to_string(),
            ]);
        };
        let Some(scan) = &object.scan else {
            unseen += 1;
            continue;
        };
        waiting += u64::from(scan.standing == "pending");
        unread += u64::from(!scan.unread.is_empty());
        for found in &scan.kinds {
            row(&found.kind, found.count.to_string(), &found.confidence);
        }
        for found in &scan.columns {
            row(&found.kind, format!("{} columns", found.columns), "column");
        }
        for found in &scan.important {
            row(&found.entry, found.count.to_string(), &found.sign);
        }
    }
    if !rows.is_empty() {
        output::table(
            &["KIND", "COUNT", "HOW SURELY", "CLASS IN FORCE", "KEY"],
            &rows,
        );
        output::line("");
    }
    output::line(&format!(
        "{} versions; {waiting} wait to be looked through, {unseen} were written before anybody looked, {unread} could not be \
         read, or not all of them: see --json.",
        objects.len()
    ));
}
