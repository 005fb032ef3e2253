//! `onshore drill`: begins a disconnect drill, tries everything that must go on meanwhile through the ports that everybody uses,
//! and tells what was cut off, who wanted what, and whether each thing held.

mod round;
mod s3;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail};
use http::Method;
use onshore_api::{BeginDrill, DrillCheck, DrillReport, DrillView, TellChecks};
use onshore_types::DrillId;

use self::round::Round;
use crate::cli::{DrillCommand, TargetArgs};
use crate::client::Client;
use crate::exit::{Exit, usage};
use crate::output::{self, Style};
use crate::target;

/// How long is waited between two rounds, and between two looks at whether the drill is over.
const ROUND_PAUSE: Duration = Duration::from_secs(5);
const LOOK_PAUSE: Duration = Duration::from_millis(200);

pub(crate) async fn run(target: &TargetArgs, command: DrillCommand) -> Result<Exit> {
    let client = target::client(target)?;
    match command {
        DrillCommand::Disconnect { seconds, s3 } => {
            disconnect(target, &client, seconds.0, s3).await
        }
        DrillCommand::End => {
            let drills: Vec<DrillView> = client.list("/v1/drills").await?;
            let Some(drill) = drills.iter().find(|drill| drill.state == UNDER_WAY) else {
                bail!("no drill is under way");
            };
            let path = format!("/v1/drills/{}/end", drill.id);
            let drill: DrillView = client.send(Method::POST, &path, &()).await?;
            tell(target.style(), &drill)
        }
        DrillCommand::List => {
            let drills: Vec<DrillView> = client.list("/v1/drills").await?;
            list(target.style(), &drills)
        }
        DrillCommand::Show { id } => {
            let drill: DrillView = client.get(&format!("/v1/drills/{id}")).await?;
            tell(target.style(), &drill)
        }
    }
}

/// The state of a drill that has not ended.
const UNDER_WAY: &str = "under-way";

/// How long something lasts, as people write it: `90s`, `10m`, `2h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seconds(u32);

impl std::str::FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let good = || {
            let unit = text.strip_suffix(|unit: char| unit.is_ascii_alphabetic())?;
            let number: u32 = unit.parse().ok()?;
            match text.strip_prefix(unit)? {
                "s" => Some(number),
                "m" => number.checked_mul(60),
                "h" => number.checked_mul(3600),
                _ => None,
            }
        };
        good()
            .filter(|seconds| *seconds > 0)
            .map(Self)
            .ok_or_else(|| "write how long as 90s, 10m or 2h".to_owned())
    }
}

async fn disconnect(
    target: &TargetArgs,
    client: &Client,
    seconds: u32,
    s3: Option<String>,
) -> Result<Exit> {
    let asked = BeginDrill { seconds };
    let drill: DrillView = client.send(Method::POST, "/v1/drills", &asked).await?;
    let endpoint = s3.or_else(|| drill.s3.clone());
    let (Some(endpoint), Some(region)) = (endpoint, drill.region.clone()) else {
        end(client, drill.id).await?;
        return Err(usage(
            "the server does not say where it serves S3: name it with --s3",
        ));
    };
    if target.style() == Style::Text {
        output::line(&format!(
            "{} is under way until {}: nothing outside is connected to. `onshore drill end` ends it.",
            drill.id, drill.until
        ));
    }
    let mut checks = Checks::default();
    let round = Round {
        target,
        client,
        endpoint,
        region,
    };
    let ended = loop {
        for (name, outcome) in round.run().await {
            checks.note(name, outcome);
        }
        let told = TellChecks {
            checks: checks.all(),
        };
        let path = format!("/v1/drills/{}/checks", drill.id);
        // It may be over by now; then the state says so.
        let said: Result<DrillView> = client.send(Method::PUT, &path, &told).await;
        let seen = await_end(client, drill.id).await?;
        if seen.state != UNDER_WAY {
            break seen;
        }
        said?;
    };
    tell(target.style(), &ended)
}

/// Waits between two rounds, and returns at once when the drill is over.
async fn await_end(client: &Client, id: DrillId) -> Result<DrillView> {
    let mut waited = Duration::ZERO;
    loop {
        let drill: DrillView = client.get(&format!("/v1/drills/{id}")).await?;
        if drill.state != UNDER_WAY || waited >= ROUND_PAUSE {
            return Ok(drill);
        }
        tokio::time::sleep(LOOK_PAUSE).await;
        waited += LOOK_PAUSE;
    }
}

async fn end(client: &Client, id: DrillId) -> Result<DrillView> {
    let path = format!("/v1/drills/{id}/end");
    client.send(Method::POST, &path, &()).await
}

/// What was tried in all rounds.
#[derive(Default)]
struct Checks {
    order: Vec<&'static str>,
    found: BTreeMap<&'static str, DrillCheck>,
}

impl Checks {
    fn note(&mut self, name: &'static str, outcome: Result<()>) {
        let check = self.found.entry(name).or_insert_with(|| {
            self.order.push(name);
            DrillCheck {
                name: name.to_owned(),
                times: 0,
                held: true,
                found: None,
            }
        });
        check.times += 1;
        if let Err(error) = outcome {
            check.held = false;
            // What failed first tells most.
            check
                .found
                .get_or_insert_with(|| format!("{error:#}").chars().take(500).collect());
        }
    }

    fn all(&self) -> Vec<DrillCheck> {
        self.order
            .iter()
            .filter_map(|name| self.found.get(name).cloned())
            .collect()
    }
}

fn list(style: Style, drills: &[DrillView]) -> Result<Exit> {
    if style == Style::Json {
        output::json(&drills)?;
        return Ok(Exit::Done);
    }
    let rows: Vec<_> = drills
        .iter()
        .map(|drill| {
            let held = drill.report.as_ref().map(|report| report.held);
            vec![
                drill.id.to_string(),
                drill.began.to_string(),
                drill.state.clone(),
                held.map_or("", |held| if held { "yes" } else { "NO" })
                    .to_owned(),
            ]
        })
        .collect();
    output::table(&["DRILL", "BEGAN", "STATE", "HELD"], &rows);
    Ok(Exit::Done)
}

/// Tells what was found. Where something did not hold, the command fails.
fn tell(style: Style, drill: &DrillView) -> Result<Exit> {
    let is_over = drill.state != UNDER_WAY;
    let held = drill.report.as_ref().is_some_and(|report| report.held);
    let exit = if is_over && !held {
        Exit::Failed
    } else {
        Exit::Done
    };
    if style == Style::Json {
        output::json(drill)?;
        return Ok(exit);
    }
    output::line(&format!("drill  {}", drill.id));
    let state = match drill.state.as_str() {
        UNDER_WAY => format!("under way until {}", drill.until),
        "early" => "ended early".to_owned(),
        "broken-off" => "broken off: the server ended in the middle of it".to_owned(),
        _ => "its time was over".to_owned(),
    };
    output::line(&format!("state  {state}"));
    if let Some(report) = &drill.report {
        tell_report(report);
    }
    if is_over {
        output::line("");
        output::line(if held {
            "Held: nothing here needs anybody outside."
        } else {
            "NOT HELD."
        });
    }
    Ok(exit)
}

fn tell_report(report: &DrillReport) {
    let rows: Vec<_> = report
        .parties
        .iter()
        .map(|party| {
            let state = if party.peer { "peer" } else { "cut off" };
            vec![
                party.purpose.clone(),
                party.name.clone(),
                party.host.clone(),
                state.to_owned(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        output::line("");
        output::table(&["FOR", "CONFIGURED AS", "HOST", "DURING THE DRILL"], &rows);
    }
    let rows: Vec<_> = report
        .wanted
        .iter()
        .map(|wish| {
            vec![
                wish.purpose.clone(),
                wish.host.clone(),
                wish.times.to_string(),
            ]
        })
        .collect();
    output::line("");
    if rows.is_empty() {
        output::line("Nobody wanted to connect to anything outside.");
    } else {
        output::table(&["WANTED FOR", "HOST", "TIMES"], &rows);
    }
    let rows: Vec<_> = report
        .checks
        .iter()
        .map(|check| {
            let held = if check.held { "held" } else { "FAILED" };
            vec![
                check.name.clone(),
                check.times.to_string(),
                held.to_owned(),
                check.found.clone().unwrap_or_default(),
            ]
        })
        .collect();
    output::line("");
    output::table(&["TRIED", "TIMES", "", "FOUND"], &rows);
}

#[cfg(test)]
mod tests {
    use super::Seconds;

    #[test]
    fn how_long_is_written_with_a_unit() {
        for (text, seconds) in [("1s", 1), ("90s", 90), ("10m", 600), ("2h", 7200)] {
            assert_eq!(text.parse(), Ok(Seconds(seconds)));
        }
        for bad in ["", "s", "0m", "10", "-1s", "1d", "1ms", "1.5h", "99999999h"] {
            assert!(bad.parse::<Seconds>().is_err(), "{bad}");
        }
    }
}
