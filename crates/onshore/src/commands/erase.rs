//! `onshore erase`.

use anyhow::Result;
use http::Method;
use onshore_api::{EraseObject, ErasureView};

use crate::cli::{EraseArgs, TargetArgs};
use crate::exit::Exit;
use crate::output::{self, Style};
use crate::target;

pub(crate) async fn run(target: &TargetArgs, args: EraseArgs) -> Result<Exit> {
    let client = target::client(target)?;
    let path = format!("/v1/buckets/{}/erasures", args.bucket);
    let asked = EraseObject {
        key: args.key,
        version: args.which.version,
    };
    let view: ErasureView = client.send(Method::POST, &path, &asked).await?;
    match target.style() {
        Style::Json => output::json(&view)?,
        Style::Text => show(&view),
    }
    Ok(if view.postponed.is_empty() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn show(view: &ErasureView) {
    let rows: Vec<_> = view
        .erased
        .iter()
        .map(|erased| vec![erased.version.to_string(), "erased".to_owned()])
        .chain(view.postponed.iter().map(|postponed| {
            let until = postponed.until.map_or_else(
                || "postponed: it is held".to_owned(),
                |until| format!("postponed: it is locked until {until}"),
            );
            vec![postponed.version.to_string(), until]
        }))
        .collect();
    output::table(&["VERSION", ""], &rows);
    if !view.erased.is_empty() {
        output::line(
            "What opens copies of these versions in backups goes with the next `onshore backup`, or with `onshore backup erase`, of each series. Versions that were removed or overwritten before are erased from backups with `onshore backup erase --bucket --key`.",
        );
    }
}
