//! `onshore scrub`: reads a data folder through once, here, as fast as the disk.

use std::path::Path;

use anyhow::{Result, bail};
use onshore_store::{Examined, NotedDamage};
use onshore_upkeep::{ScrubEngine, ScrubRhythm, ScrubRound, ScrubTally};
use serde_json::{Value, json};

use crate::cli::{ScrubArgs, TargetArgs};
use crate::config::Config;
use crate::exit::{Exit, usage};
use crate::house::{FolderLock, House};
use crate::output::{self, Style, bytes};
use crate::serve;

/// How many damages are named at most.
const NAMED_MAX: u32 = 1000;

pub(crate) async fn run(target: &TargetArgs, args: ScrubArgs) -> Result<Exit> {
    let data = target
        .data
        .as_deref()
        .ok_or_else(|| usage("name the data folder: onshore scrub --data DIR"))?;
    if !data.join("onshore.db").is_file() {
        return Err(usage(format!("there is no data in {}", data.display())));
    }
    serve::start_log();
    let config = Config::load(args.config.as_deref())?;
    let Some(lock) = FolderLock::take(data)? else {
        bail!(
            "a server works on {}, which reads everything through by itself: see onshore_scrub_damaged in its metrics",
            data.display()
        );
    };
    let house = serve::open(data, &config, lock).await?;
    house.start_keepers();
    let scrubbed = scrub(&house).await;
    house.close().await?;
    let (tally, damages) = scrubbed?;
    tell(target.style(), data, &tally, &damages)?;
    Ok(if tally.damaged == 0 && tally.unread == 0 {
        Exit::Done
    } else {
        Exit::Failed
    })
}

async fn scrub(house: &House) -> Result<(ScrubTally, Vec<NotedDamage>)> {
    let engine = ScrubEngine::new(house.upkeep.clone(), ScrubRhythm { bytes_per_s: None });
    let (ScrubRound::Whole(tally) | ScrubRound::Stopped(tally)) =
        engine.whole_round(&house.stop).await?;
    Ok((tally, house.store.noted_damages(NAMED_MAX).await?))
}

fn tell(style: Style, data: &Path, tally: &ScrubTally, damages: &[NotedDamage]) -> Result<()> {
    match style {
        Style::Json => output::json(&json!({
            "versions": tally.versions,
            "parts": tally.parts,
            "bytes": tally.bytes,
            "checksum_alone": tally.checksum_alone,
            "damaged": tally.damaged,
            "unread": tally.unread,
            "damages": damages.iter().map(shown).collect::<Vec<_>>(),
        })),
        Style::Text => {
            output::line(&format!(
                "Read {} versions and {} parts in {}: {}.",
                tally.versions,
                tally.parts,
                data.display(),
                bytes(tally.bytes)
            ));
            if tally.checksum_alone > 0 {
                output::line(&format!(
                    "Of {} the checksums alone were compared: their owners keep the keys.",
                    tally.checksum_alone
                ));
            }
            for damage in damages {
                output::line(&format!(
                    "Damaged: {} in {} ({}), found {}",
                    named(damage.examined),
                    damage.bucket,
                    damage.what,
                    damage.found
                ));
            }
            if tally.unread > 0 {
                output::line(&format!("{} could not be read at present.", tally.unread));
            }
            output::line(&match tally.damaged {
                0 if tally.unread == 0 => "Everything is what was written.".to_owned(),
                0 => "What was read is what was written.".to_owned(),
                damaged => format!("{damaged} damaged: restore from a copy."),
            });
            Ok(())
        }
    }
}

fn named(examined: Examined) -> String {
    match examined {
        Examined::Version(version) => version.to_string(),
        Examined::Part { upload, number } => format!("part {number} of {upload}"),
    }
}

fn shown(damage: &NotedDamage) -> Value {
    let mut shown = match damage.examined {
        Examined::Version(version) => json!({ "version": version }),
        Examined::Part { upload, number } => json!({ "upload": upload, "part": number }),
    };
    if let Value::Object(members) = &mut shown {
        members.insert("bucket".to_owned(), json!(damage.bucket));
        members.insert("what".to_owned(), json!(damage.what));
        members.insert("found".to_owned(), json!(damage.found));
    }
    shown
}
