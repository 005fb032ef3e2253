//! `onshore witness`: watches other people's ledgers, from a data folder of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use onshore_ledger::VerifierKey;
use onshore_tls::{CertificateFiles, Introduction};
use onshore_witness::{Witness, WitnessFolder, router};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::cli::{TargetArgs, WitnessCommand};
use crate::clock;
use crate::exit::{Exit, usage};
use crate::house::FolderLock;
use crate::listen::{Exposure, listen, transport};
use crate::output::{self, Style};
use crate::serve;

pub(crate) async fn run(target: &TargetArgs, command: WitnessCommand) -> Result<Exit> {
    let data = target
        .data
        .as_deref()
        .ok_or_else(|| usage("name the witness's own data folder: onshore witness … --data DIR"))?;
    match command {
        WitnessCommand::Init { name, logs } => {
            let logs = logs
                .iter()
                .map(|log| parse(log))
                .collect::<Result<Vec<_>>>()?;
            if data.join("onshore.db").exists() {
                return Err(usage(format!(
                    "{} is the data folder of a server: whoever holds both can vouch for himself; name another one",
                    data.display()
                )));
            }
            let mut folder = WitnessFolder::make(data, &name)?;
            logs.into_iter().try_for_each(|log| folder.watch(log))?;
            tell_key(target.style(), &folder)?;
        }
        WitnessCommand::Watch { log } => {
            let log = parse(&log)?;
            WitnessFolder::open(data)?.watch(log)?;
        }
        WitnessCommand::Serve {
            listen,
            tls_certificate,
            tls_key,
            insecure,
        } => {
            let files = tls_certificate.zip(tls_key);
            return serve(target.style(), data, listen, files, insecure).await;
        }
        WitnessCommand::Status => {
            let watched = Witness::watched(&WitnessFolder::open(data)?)?;
            match target.style() {
                Style::Json => {
                    let logs: Vec<_> = watched
                        .iter()
                        .map(|log| {
                            json!({ "origin": log.origin, "size": log.size, "cosigned": log.time, "checkpoint": log.note })
                        })
                        .collect();
                    output::json(&logs)?;
                }
                Style::Text => {
                    for log in &watched {
                        output::line(log.note.trim_end());
                        output::line("");
                    }
                }
            }
        }
        WitnessCommand::Key => tell_key(target.style(), &WitnessFolder::open(data)?)?,
    }
    Ok(Exit::Done)
}

fn parse(log: &str) -> Result<VerifierKey> {
    log.parse()
        .map_err(|error: onshore_ledger::Error| usage(format!("{log}: {error}")))
}

fn tell_key(style: Style, folder: &WitnessFolder) -> Result<()> {
    let key = folder.cosigner().key().to_string();
    match style {
        Style::Json => output::json(&json!({ "key": key })),
        Style::Text => {
            output::line(&key);
            Ok(())
        }
    }
}

async fn serve(
    style: Style,
    data: &Path,
    address: SocketAddr,
    files: Option<(PathBuf, PathBuf)>,
    insecure: bool,
) -> Result<Exit> {
    serve::start_log();
    let folder = WitnessFolder::open(data)?;
    if folder.logs().is_empty() {
        return Err(usage(
            "this witness watches nothing: name a ledger with `onshore witness watch VKEY --data DIR`",
        ));
    }
    let Some(_lock) = FolderLock::take(data)? else {
        anyhow::bail!("another witness works on {}", data.display());
    };
    let files = files.map(|(certificate, key)| CertificateFiles { certificate, key });
    let transport = transport(files.as_ref())?;
    let exposure = if insecure {
        Exposure::AcceptedUnencrypted
    } else {
        Exposure::LoopbackOnly
    };
    let listener = listen(address, &transport, exposure, "--listen")?;
    let address = listener.local_addr()?;
    let witness = tokio::task::block_in_place(|| Witness::open(folder, Arc::new(clock::today)))?;
    // Before anyone is told that it is ready: a signal from then on is heard.
    let stopped = serve::stop_signal().context("signals cannot be heard")?;
    let url = format!("{}://{address}", transport.scheme());
    match style {
        Style::Json => output::line(
            &json!({ "event": "ready", "url": url, "key": witness.key().to_string() }).to_string(),
        ),
        Style::Text => {
            output::line(&format!("witness  {}", witness.key()));
            output::line(&format!("url      {url}"));
            output::line("ready");
        }
    }
    let stop = CancellationToken::new();
    let front = onshore_control::serve(
        router(witness),
        listener,
        Introduction::ByAddress,
        transport,
        stop.clone(),
    );
    tokio::pin!(front);
    tokio::select! {
        () = &mut front => return Ok(Exit::Failed),
        () = stopped => stop.cancel(),
    }
    front.await;
    Ok(Exit::Done)
}
