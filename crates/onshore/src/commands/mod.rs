//! What each command does. All but `serve`, `config`, `verify`, `witness`, `classify`, `scrub`, `rekey`, `fsck`, `backup`,
//! `restore`, `dora`, `migrate plan`, `migrate count` and parts of `pack`, `guard` and `update` are clients of the control API.

mod alarm;
mod approval;
mod backup;
mod bucket;
mod cases;
mod classify;
mod config;
mod count;
mod cutover;
mod decommission;
mod departure;
mod dora;
mod drill;
mod erase;
mod explain;
mod forecast;
mod found;
mod fsck;
mod guard;
mod handover;
mod holdings;
mod identity;
mod important;
mod job;
mod kms;
mod label;
mod ledger;
mod migrate;
mod pack;
mod plan;
mod preflight;
mod quarterly;
mod quota;
mod regions;
mod register;
mod rekey;
mod report;
mod restore;
mod scrub;
mod status;
mod subject;
mod support;
mod telemetry;
mod tenant;
mod update;
mod verify;
mod witness;
mod worker;

use std::path::Path;

use anyhow::{Context, Result};
use onshore_orders::RecordKind;

pub(crate) use self::drill::Seconds;
use crate::cli::{Cli, Command, MigrateCommand};
use crate::exit::{Exit, usage};
use crate::output;

/// Runs the command that was asked for.
pub(crate) async fn run(cli: Cli) -> Result<Exit> {
    let target = cli.target;
    match cli.command {
        Command::Serve(args) => crate::serve::serve(&target, args).await,
        Command::Config(command) => config::run(&target, &command),
        Command::Tenant(command) => tenant::run(&target, command).await,
        Command::User(command) => identity::run_user(&target, command).await,
        Command::Group(command) => identity::run_group(&target, command).await,
        Command::Role(command) => identity::run_role(&target, command).await,
        Command::Token(command) => identity::run_token(&target, command).await,
        Command::Session(command) => identity::run_session(&target, &command).await,
        Command::Whoami => identity::whoami(&target).await,
        Command::Key(command) => tenant::run_key(&target, command).await,
        Command::Kms(command) => kms::run(&target, command).await,
        Command::Bucket(command) => bucket::run(&target, command).await,
        Command::Quota(command) => quota::run(&target, command).await,
        Command::Erase(args) => erase::run(&target, args).await,
        Command::Approval(command) => approval::run(&target, command).await,
        Command::Organisation(command) => register::organisation(&target, command).await,
        Command::Provider(command) => register::provider(&target, command).await,
        Command::Order(command) => register::order(&target, command).await,
        Command::Contract(command) => register::contract(&target, command).await,
        Command::Asset(command) => register::asset(&target, command).await,
        Command::Licence(command) => register::run(&target, RecordKind::Licence, command).await,
        Command::Region(command) => register::run(&target, RecordKind::Region, command).await,
        Command::Partnership(command) => {
            register::run(&target, RecordKind::Partnership, command).await
        }
        Command::Handover(command) => register::handover(&target, command).await,
        Command::Departure(command) => departure::run(&target, command).await,
        Command::Assessment(command) => register::assessment(&target, command).await,
        Command::Review(command) => register::review(&target, command).await,
        Command::Listing(command) => cases::listing(&target, command).await,
        Command::Incident(command) => register::run(&target, RecordKind::Incident, command).await,
        Command::Request(command) => register::run(&target, RecordKind::Request, command).await,
        Command::Alarm(command) => alarm::run(&target, command).await,
        Command::Dora(command) => dora::run(&target, &command).await,
        Command::Procure(command) => register::procure(&target, command).await,
        Command::Guard(args) => guard::run(&target, &args).await,
        Command::Pack(command) => pack::run(&target, command).await,
        Command::Explain(args) => explain::run(&target, &args).await,
        Command::Backup(args) => tokio::task::block_in_place(|| backup::run(&target, &args)),
        Command::Restore(args) => tokio::task::block_in_place(|| restore::run(&target, &args)),
        Command::Fsck(args) => tokio::task::block_in_place(|| fsck::run(&target, &args)),
        Command::Ledger(command) => ledger::run(&target, command).await,
        Command::Classify(args) => classify::run(&target, &args).await,
        Command::Report(command) => report::run(&target, command).await,
        Command::Subject(command) => subject::run(&target, command).await,
        Command::Label(command) => label::run(&target, command).await,
        Command::Support(command) => support::run(&target, command).await,
        Command::Telemetry(command) => telemetry::run(&target, command).await,
        Command::Drill(command) => drill::run(&target, command).await,
        Command::Update(command) => update::run(&target, command).await,
        Command::Important(command) => important::run(&target, command).await,
        Command::Verify(args) => verify::run(target.style(), &args).await,
        Command::Witness(command) => witness::run(&target, command).await,
        Command::Cutover(args) => cutover::run(&target, *args).await,
        Command::Decommission(command) => decommission::run(&target, command).await,
        Command::Migrate(line) => match (line.command, line.order) {
            (Some(MigrateCommand::Status { id, by }), _) => forecast::run(&target, id, by).await,
            (Some(MigrateCommand::Plan(args)), _) => plan::run(target.style(), &args).await,
            (Some(MigrateCommand::Count(args)), _) => count::run(target.style(), &args).await,
            (None, Some(order)) => migrate::run(&target, order).await,
            (None, None) => Err(usage(
                "migrate takes a SOURCE and a BUCKET, or a command: see --help",
            )),
        },
        Command::Scrub(args) => scrub::run(&target, args).await,
        Command::Rekey(args) => rekey::run(&target, args).await,
        Command::Worker(args) => worker::run(&target, args).await,
        Command::Job(command) => job::run(&target, command).await,
    }
}

/// Writes a document to a file, or prints it.
fn deliver(document: &[u8], out: Option<&Path>) -> Result<()> {
    match out {
        Some(path) => std::fs::write(path, document)
            .with_context(|| format!("cannot write {}", path.display())),
        None => {
            output::line(
                std::str::from_utf8(document)
                    .context("the server's answer is not text")?
                    .trim_end(),
            );
            Ok(())
        }
    }
}
