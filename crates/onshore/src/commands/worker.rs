//! `onshore worker`: reads what a server's migrations are to bring, with credentials of this machine, and delivers it.

use std::sync::Arc;

use anyhow::{Context, Result};
use async_trait::async_trait;
use http::StatusCode;
use onshore_api::{AskLease, DeliveredView, LeaseAnswer, LeaseRenewed, Problem, RunsView};
use onshore_migrate::{
    DeliveredBody, LeasedPlace, Office, OfficeError, Patience, Settings, Sources, Worker,
};
use onshore_types::{IdentityName, LeaseId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::cli::{TargetArgs, WorkerArgs};
use crate::client::Client;
use crate::exit::{Exit, usage};
use crate::output::{self, Style, bytes};
use crate::serve::{start_log, stop_signal};
use crate::target;

/// Where Linux keeps the name of the machine.
const MACHINE_NAME: &str = "/proc/sys/kernel/hostname";

/// A server, as a worker asks it.
struct Server {
    client: Client,
}

pub(crate) async fn run(target: &TargetArgs, args: WorkerArgs) -> Result<Exit> {
    start_log();
    let name = match args.name {
        Some(name) => name,
        None => machine_name()?,
    };
    let client = match &args.token_file {
        None => target::client(target)?,
        Some(path) => {
            let token = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            target::client_of(target, token.trim())?
        }
    };
    let settings = Settings {
        job: args.job,
        name,
        streams: args.streams,
        profile: args.profile,
        anonymous: args.anonymous,
        patience: Patience::default(),
    };
    // A worker reads no folder: those are the server's own.
    let sources = Sources { roots: Vec::new() };
    let worker = Worker::new(Arc::new(Server { client }), Arc::new(sources), settings);
    let stop = CancellationToken::new();
    let (stopped, stopping) = (stop_signal()?, stop.clone());
    tokio::spawn(async move {
        stopped.await;
        stopping.cancel();
    });
    let ended = worker.run(stop).await?;
    match target.style() {
        Style::Json => output::json(
            &json!({ "job": ended.job, "objects": ended.objects, "bytes": ended.bytes }),
        )?,
        Style::Text => output::line(&format!(
            "delivered {} objects, {}{}",
            ended.objects,
            bytes(ended.bytes),
            ended
                .job
                .as_ref()
                .map_or_else(String::new, |state| format!("; the job is {state}"))
        )),
    }
    Ok(match ended.job.as_deref() {
        None | Some("complete" | "selected") => Exit::Done,
        Some(_) => Exit::Failed,
    })
}

fn machine_name() -> Result<IdentityName> {
    let name = std::fs::read_to_string(MACHINE_NAME).unwrap_or_default();
    name.trim().parse().map_err(|_| {
        usage("this machine has no name that a worker could have: give one with --name")
    })
}

impl Server {
    async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        question: &impl Serialize,
    ) -> Result<T, OfficeError> {
        answered(self.client.ask(path, question).await)
    }

    async fn send<T: DeserializeOwned>(
        &self,
        path: &str,
        body: DeliveredBody,
        len_bytes: u64,
    ) -> Result<T, OfficeError> {
        answered(self.client.stream(path, body, len_bytes).await)
    }
}

#[async_trait]
impl Office for Server {
    async fn lease(&self, asked: &AskLease) -> Result<LeaseAnswer, OfficeError> {
        self.ask("/v1/leases", asked).await
    }

    async fn renew(&self, lease: LeaseId) -> Result<LeaseRenewed, OfficeError> {
        self.ask(&format!("/v1/leases/{lease}/renewal"), &json!({}))
            .await
    }

    async fn give_back(&self, lease: LeaseId) -> Result<(), OfficeError> {
        self.ask::<serde_json::Value>(&format!("/v1/leases/{lease}/return"), &json!({}))
            .await
            .map(drop)
    }

    async fn leave(&self, place: LeasedPlace) -> Result<DeliveredView, OfficeError> {
        self.ask(&path(place, "return"), &json!({})).await
    }

    async fn deliver(
        &self,
        place: LeasedPlace,
        body: DeliveredBody,
        len_bytes: u64,
    ) -> Result<DeliveredView, OfficeError> {
        self.send(&path(place, "bytes"), body, len_bytes).await
    }

    async fn runs(&self, place: LeasedPlace) -> Result<RunsView, OfficeError> {
        self.ask(&path(place, "runs"), &json!({})).await
    }

    async fn deliver_run(
        &self,
        place: LeasedPlace,
        run: u32,
        body: DeliveredBody,
        len_bytes: u64,
    ) -> Result<DeliveredView, OfficeError> {
        let path = path(place, &format!("runs/{run}"));
        self.send(&path, body, len_bytes).await
    }

    async fn complete(&self, place: LeasedPlace) -> Result<DeliveredView, OfficeError> {
        self.ask(&path(place, "completion"), &json!({})).await
    }
}

fn path(place: LeasedPlace, what: &str) -> String {
    let LeasedPlace { lease, number } = place;
    format!("/v1/leases/{lease}/objects/{number}/{what}")
}

/// Tells what may pass from what will not.
fn answered<T>(answer: Result<Result<T, Problem>>) -> Result<T, OfficeError> {
    let problem = match answer {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(problem)) => problem,
        Err(error) => return Err(OfficeError::Silent(format!("{error:#}"))),
    };
    Err(
        match (StatusCode::from_u16(problem.status), problem.code.as_str()) {
            (_, "lease-gone") => OfficeError::Gone,
            (_, "bytes-differ" | "broke-off" | "standstill" | "conflict" | "too-many-requests") => {
                OfficeError::Again(problem.detail)
            }
            (Ok(status), _) if status.is_server_error() => OfficeError::Silent(problem.detail),
            _ => OfficeError::Refused(problem.detail),
        },
    )
}
