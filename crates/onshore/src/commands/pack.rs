//! `onshore pack`. Reading, testing and reckoning with a pack needs no server; what is in force does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use http::Method;
use onshore_api::{ActivatePack, ActivationView, ComparePack, ComparisonView, PackChoice};
use onshore_policy::rule_pack::{
    Border, Date, SHIPPED_PACKS, Thought, lightest_instrument, run_cases, untried,
};
use onshore_policy::{ExporterFact, PackFiles, Policy, RulePack};
use serde_json::json;

use crate::cli::{PackCommand, TargetArgs};
use crate::exit::{Exit, usage};
use crate::output::{self, Style};
use crate::target;

pub(crate) async fn run(target: &TargetArgs, command: PackCommand) -> Result<Exit> {
    match command {
        PackCommand::List => list(target).await,
        PackCommand::Show { pack } => show(target, &opened(&pack)?),
        PackCommand::Test { pack } => test(target, &pack),
        PackCommand::Route {
            pack,
            non_sensitive,
            sensitive,
            class,
            to,
            critical_infrastructure,
            state_organ,
            on,
        } => {
            let thought = Thought {
                exporter: ExporterFact {
                    critical_infrastructure,
                    state_organ,
                    non_sensitive_persons: non_sensitive,
                    sensitive_persons: sensitive,
                },
                label: class,
                to,
                on,
            };
            route(target, &opened(&pack)?, thought)
        }
        PackCommand::Clock { pack, clock, from } => dates(target, &pack, &clock, from),
        PackCommand::Activate { pack, as_of } => activate(target, choice(&pack)?, as_of).await,
        PackCommand::Approve { id } => {
            let path = format!("/v1/packs/activations/{id}/approval");
            let client = target::client(target)?;
            told(target, &client.send(Method::POST, &path, &()).await?)
        }
        PackCommand::Deactivate { as_of } => activate(target, PackChoice::None, as_of).await,
        PackCommand::Diff { pack, days } => diff(target, choice(&pack)?, days).await,
    }
}

async fn list(target: &TargetArgs) -> Result<Exit> {
    let client = target::client(target)?;
    let activations: Vec<ActivationView> = client.list("/v1/packs/activations").await?;
    if target.style() == Style::Json {
        output::json(&json!({ "shipped": SHIPPED_PACKS, "activations": activations }))?;
        return Ok(Exit::Done);
    }
    output::line(&format!("Shipped: {}", SHIPPED_PACKS.join(", ")));
    if activations
        .iter()
        .all(|one| one.state != "in-force" || one.pack.is_none())
    {
        output::line("No rule pack is in force: the rules of the border stand alone.");
    }
    let rows: Vec<_> = activations
        .iter()
        .map(|one| {
            vec![
                one.id.to_string(),
                one.pack
                    .as_ref()
                    .map_or("(none)".to_owned(), ToString::to_string),
                one.version.clone().unwrap_or_default(),
                one.as_of.to_string(),
                one.state.clone(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        output::table(&["ID", "PACK", "VERSION", "AS OF", "STATE"], &rows);
    }
    Ok(Exit::Done)
}

fn show(target: &TargetArgs, policy: &Policy) -> Result<Exit> {
    let pack = pack_of(policy)?;
    if target.style() == Style::Json {
        output::json(&json!({
            "name": pack.name(),
            "version": pack.version(),
            "title": pack.title(),
            "border": pack.border(),
            "instruments": pack.instruments(),
            "thresholds": pack.thresholds(),
            "lists": pack.entries(),
            "clocks": pack.clocks(),
            "terms": pack.terms(),
            "rules": policy.pack_rules(),
        }))?;
        return Ok(Exit::Done);
    }
    output::line(&format!(
        "{} {}: {}",
        pack.name(),
        pack.version(),
        pack.title()
    ));
    output::line("");
    let rows: Vec<_> = pack
        .instruments()
        .iter()
        .map(|row| vec![row.word.to_string(), row.route.clone(), row.source.clone()])
        .collect();
    output::table(&["INSTRUMENT", "ROUTE", "SOURCE"], &rows);
    let until = |to: Option<Date>| to.map_or_else(String::new, |to| to.to_string());
    let rows: Vec<_> = pack
        .thresholds()
        .iter()
        .chain(pack.terms())
        .map(|row| {
            vec![
                row.name.clone(),
                format!("{} {}", row.value, row.unit),
                row.valid_from.to_string(),
                until(row.valid_to),
                row.source.clone(),
            ]
        })
        .collect();
    output::line("");
    output::table(&["LIMIT", "VALUE", "FROM", "TO", "SOURCE"], &rows);
    if !pack.entries().is_empty() {
        let rows: Vec<_> = pack
            .entries()
            .iter()
            .map(|row| {
                vec![
                    row.list.clone(),
                    row.jurisdiction.to_string(),
                    row.valid_from.to_string(),
                    until(row.valid_to),
                    row.source.clone(),
                ]
            })
            .collect();
        output::line("");
        output::table(&["LIST", "PLACE", "FROM", "TO", "SOURCE"], &rows);
    }
    let rows: Vec<_> = policy
        .pack_rules()
        .into_iter()
        .map(|rule| vec![rule.rule.clone(), rule.cause.clone(), rule.source.clone()])
        .collect();
    output::line("");
    output::table(&["RULE", "REFUSES BECAUSE", "SOURCE"], &rows);
    let rows: Vec<_> = pack
        .clocks()
        .iter()
        .map(|clock| {
            vec![
                clock.name.clone(),
                clock.title.clone(),
                clock.valid_from.to_string(),
                until(clock.valid_to),
                clock.source.clone(),
            ]
        })
        .collect();
    output::line("");
    output::table(&["CLOCK", "RUNS FOR", "FROM", "TO", "SOURCE"], &rows);
    Ok(Exit::Done)
}

fn test(target: &TargetArgs, named: &str) -> Result<Exit> {
    let policy = opened(named)?;
    let pack = pack_of(&policy)?;
    let outcomes = run_cases(&policy, pack);
    let untried = match pack.border() {
        Border::Closed => untried(&policy, pack),
        Border::Open => Vec::new(),
    };
    let failed: Vec<_> = outcomes.iter().filter(|outcome| !outcome.holds()).collect();
    match target.style() {
        Style::Json => output::json(&json!({
            "cases": outcomes.len(),
            "failed": failed,
            "untried": untried,
        }))?,
        Style::Text => {
            let rows: Vec<_> = failed
                .iter()
                .map(|outcome| {
                    vec![
                        outcome.line.to_string(),
                        outcome.case.clone(),
                        outcome.asked.to_owned(),
                        outcome.expected.clone(),
                        outcome.found.clone(),
                    ]
                })
                .collect();
            if !rows.is_empty() {
                output::table(&["LINE", "CASE", "ASKED", "EXPECTED", "FOUND"], &rows);
            }
            output::line(&format!(
                "{} of {} cases hold.",
                outcomes.len() - failed.len(),
                outcomes.len()
            ));
            for one in &untried {
                output::line(&format!("No case tries {one}."));
            }
        }
    }
    Ok(if failed.is_empty() && untried.is_empty() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn route(target: &TargetArgs, policy: &Policy, thought: Thought) -> Result<Exit> {
    let found = lightest_instrument(policy, pack_of(policy)?, thought);
    match (target.style(), found) {
        (Style::Json, found) => output::json(&json!({
            "route": found.map(|row| &row.route),
            "instrument": found.map(|row| &row.word),
            "source": found.map(|row| &row.source),
        }))?,
        (Style::Text, Some(row)) => output::line(&format!(
            "{}: {}, {} ({})",
            row.route, row.word, row.title, row.source
        )),
        (Style::Text, None) => output::line("No instrument of this rule pack carries it."),
    }
    Ok(Exit::Done)
}

fn dates(target: &TargetArgs, named: &str, clock: &str, from: Date) -> Result<Exit> {
    let policy = opened(named)?;
    let pack = pack_of(&policy)?;
    let Some(known) = pack.clock(clock, from) else {
        let mut rows = pack.clocks().iter().filter(|known| known.name == clock);
        if let Some(first) = rows.next() {
            let first = rows.fold(first.valid_from, |first, row| first.min(row.valid_from));
            return Err(usage(format!(
                "the clock `{clock}` of the rule pack {} does not start on {from}; its first day is {first}",
                pack.name()
            )));
        }
        let names: BTreeSet<&str> = pack
            .clocks()
            .iter()
            .map(|clock| clock.name.as_str())
            .collect();
        let names: Vec<&str> = names.into_iter().collect();
        return Err(usage(format!(
            "the rule pack {} has no clock `{clock}`; it has {}",
            pack.name(),
            names.join(", ")
        )));
    };
    let due = pack.due(known, from)?;
    match target.style() {
        Style::Json => output::json(&due)?,
        Style::Text => {
            output::line(&format!("{} ({})", known.title, known.source));
            let rows: Vec<_> = due
                .iter()
                .map(|due| vec![due.on.to_string(), due.step.clone()])
                .collect();
            output::table(&["ON", "STEP"], &rows);
            if let Some(year) = due.iter().find_map(|due| due.unannounced) {
                output::line(&format!(
                    "The calendar of the rule pack does not know the days off of {year}: its weekdays were counted, and days may move once it is in calendar.toml."
                ));
            }
        }
    }
    Ok(Exit::Done)
}

async fn activate(
    target: &TargetArgs,
    pack: PackChoice,
    as_of: Option<onshore_types::Timestamp>,
) -> Result<Exit> {
    let client = target::client(target)?;
    let question = ActivatePack { pack, as_of };
    let made = client
        .send(Method::POST, "/v1/packs/activations", &question)
        .await?;
    told(target, &made)
}

fn told(target: &TargetArgs, made: &ActivationView) -> Result<Exit> {
    match target.style() {
        Style::Json => output::json(made)?,
        Style::Text => {
            let what = match (&made.pack, &made.version) {
                (Some(pack), Some(version)) => format!("The rule pack {pack} {version} is"),
                _ => "The rules of the border alone are".to_owned(),
            };
            let when = match made.state.as_str() {
                "to-come" => format!("in force from {} on", made.as_of),
                "proposed" => format!(
                    "proposed: it opens the border, and is in force once another person has approved it (onshore pack approve {})",
                    made.id
                ),
                _ => "in force".to_owned(),
            };
            output::line(&format!("{what} {when}."));
            if let Some(leaf) = made.leaf {
                output::line(&format!("leaf  {leaf}"));
            }
        }
    }
    Ok(Exit::Done)
}

async fn diff(target: &TargetArgs, pack: PackChoice, days: u32) -> Result<Exit> {
    let client = target::client(target)?;
    let question = ComparePack { pack, days };
    let found: ComparisonView = client
        .send(Method::POST, "/v1/packs/comparison", &question)
        .await?;
    if target.style() == Style::Json {
        output::json(&found)?;
        return Ok(Exit::Done);
    }
    let rows: Vec<_> = found
        .differences
        .iter()
        .map(|one| {
            vec![
                one.leaf.to_string(),
                one.time.to_string(),
                one.tenant.to_string(),
                one.to.clone(),
                one.class.to_string(),
                one.now.clone(),
                one.then.clone(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        output::table(
            &["LEAF", "TIME", "TENANT", "TO", "CLASS", "NOW", "THEN"],
            &rows,
        );
    }
    output::line(&format!(
        "{} of {} recorded decisions of {days} days would be others.",
        found.otherwise, found.looked_at
    ));
    if found.unreadable > 0 {
        output::line(&format!(
            "{} more were recorded by an earlier version, which kept too little of them.",
            found.unreadable
        ));
    }
    Ok(Exit::Done)
}

/// Opens a pack: a folder, or one of those that are shipped.
fn opened(named: &str) -> Result<Policy> {
    let files = match choice(named)? {
        PackChoice::Files(files) => PackFiles::new(files)?,
        PackChoice::Shipped(name) => {
            PackFiles::shipped(&name).context("the pack was there a moment ago")?
        }
        PackChoice::None => return Err(usage("name a rule pack".to_owned())),
    };
    Ok(RulePack::parse(files).and_then(Policy::with_pack)?)
}

fn pack_of(policy: &Policy) -> Result<&RulePack> {
    policy.pack().context("a policy made with a pack has it")
}

/// A word is one of the packs that are shipped, everything else a folder.
fn choice(named: &str) -> Result<PackChoice> {
    if SHIPPED_PACKS.contains(&named) {
        return Ok(PackChoice::Shipped(named.to_owned()));
    }
    let folder = Path::new(named);
    if !folder.is_dir() {
        return Err(usage(format!(
            "`{named}` is neither a folder nor one of the rule packs that are shipped ({})",
            SHIPPED_PACKS.join(", ")
        )));
    }
    let mut files = BTreeMap::new();
    let read = |what: &Path| format!("cannot read {}", what.display());
    for entry in std::fs::read_dir(folder).with_context(|| read(folder))? {
        let entry = entry.with_context(|| read(folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let path = entry.path();
        let text = std::fs::read_to_string(&path).with_context(|| read(&path))?;
        files.insert(name, text);
    }
    Ok(PackChoice::Files(files))
}
