//! `onshore quota`.

use anyhow::Result;
use http::Method;
use onshore_api::{SetQuota, UsageView};

use crate::cli::{QuotaCommand, QuotaHolderArgs, TargetArgs};
use crate::exit::{Exit, usage};
use crate::output::{self, Style};
use crate::target;

pub(crate) async fn run(target: &TargetArgs, command: QuotaCommand) -> Result<Exit> {
    let client = target::client(target)?;
    let view: UsageView = match command {
        QuotaCommand::Set {
            of,
            max_bytes,
            max_objects,
        } => {
            let quota = SetQuota {
                max_bytes,
                max_objects,
            };
            client.send(Method::PUT, &path(&of)?, &quota).await?
        }
        QuotaCommand::Show { of } => client.get(&path(&of)?).await?,
    };
    match target.style() {
        Style::Json => output::json(&view)?,
        Style::Text => {
            let limit = |limit: Option<u64>, show: fn(u64) -> String| {
                limit.map_or_else(|| "no limit".to_owned(), show)
            };
            let rows = [
                vec![
                    "bytes".to_owned(),
                    output::bytes(view.bytes),
                    limit(view.max_bytes, output::bytes),
                ],
                vec![
                    "objects".to_owned(),
                    view.objects.to_string(),
                    limit(view.max_objects, |limit| limit.to_string()),
                ],
            ];
            output::table(&["", "HELD", "AT MOST"], &rows);
        }
    }
    Ok(Exit::Done)
}

fn path(of: &QuotaHolderArgs) -> Result<String> {
    match (&of.bucket, &of.tenant) {
        (Some(bucket), None) => Ok(format!("/v1/buckets/{bucket}/quota")),
        (None, Some(tenant)) => Ok(format!("/v1/tenants/{tenant}/quota")),
        (None, None) | (Some(_), Some(_)) => Err(usage("name either --bucket or --tenant")),
    }
}
