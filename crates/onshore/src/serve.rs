//! `onshore serve`: opens the house on a folder, listens, says so, and stops when told.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use metrics_exporter_prometheus::PrometheusBuilder;
use onshore_control::{ControlParts, Drills, MigrateRules, TelemetryPreview};
use onshore_db::CrashPoints;
use onshore_s3::{Front, FrontParts};
use onshore_tls::{Introduction, Transport};
use onshore_upkeep::{Telemetry, TelemetryEngine};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::backup::state_copy::StateCopy;
use crate::cli::{ServeArgs, TargetArgs};
use crate::config::{Config, Listener, TelemetrySettings};
use crate::exit::{Exit, usage};
use crate::house::{FolderLock, House, make_folder};
use crate::listen::{Exposure, listen, transport};
use crate::output::{self, Style};
use crate::renewal::renewal;
use crate::target::Running;
use crate::{credentials, files, first_start};

/// Serves until told to stop.
pub(crate) async fn serve(target: &TargetArgs, args: ServeArgs) -> Result<Exit> {
    let files_max = files::raise_limit();
    let data = target
        .data
        .as_deref()
        .ok_or_else(|| usage("name the data folder: onshore serve --data DIR"))?;
    start_log();
    let config = Config::load(args.config.as_deref())?;
    first_start::key_from_environment()?;
    make_folder(data)?;
    let Some(lock) = FolderLock::take(data)? else {
        let pid = Running::read(data)
            .map_or_else(String::new, |running| format!(" (process {})", running.pid));
        bail!(
            "another server{pid} works on {}: stop it first, or name another folder",
            data.display()
        );
    };
    first_start::check_folder(data)?;
    let exposure = if args.insecure {
        Exposure::AcceptedUnencrypted
    } else {
        Exposure::LoopbackOnly
    };
    let transport = transport(config.tls.as_ref())?;
    let s3 = listen(args.s3_listen, &transport, exposure, "--s3-listen")?;
    let control = listen(
        args.control_listen,
        &transport,
        exposure,
        "--control-listen",
    )?;
    let s3_address = s3.local_addr()?;

    let house = open(data, &config, lock).await?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let endpoint = format!("{}://{s3_address}", transport.scheme());
    first_start::prepare(&house, data, endpoint.clone()).await?;
    // Before anyone is told that the server is ready: a signal from then on is heard.
    let stopped = stop_signal()?;
    // With it the metrics begin, which everything that works by itself counts in.
    let (control_address, telemetry) = serve_control(
        &house,
        &config,
        control,
        config.introduction(Listener::Control),
        transport.clone(),
        Some(endpoint),
    )?;
    house.start();
    if let Transport::Tls(certificates) = &transport {
        house.run(renewal(certificates.clone(), house.stop.clone())?);
    }
    let event_targets = config.event_targets()?;
    house.start_upkeep(
        &config,
        event_targets,
        config.alarm_targets()?,
        config.regions()?,
        config.witness_targets()?,
    );
    if let Some((telemetry, settings)) = telemetry {
        let engine = TelemetryEngine::new(telemetry, settings.receiver, settings.period);
        let stop = house.stop.clone();
        house.run(async move { engine.run(stop).await });
    }
    let front = Front::new(FrontParts {
        db: house.db.clone(),
        store: house.store.clone(),
        gate: house.gate.clone(),
        registry: house.registry.clone(),
        domains: config.domains.clone(),
        event_targets: config.event_audiences(),
        other_regions: config.regions_named(),
        introduction: config.introduction(Listener::S3),
        transport: transport.clone(),
        connections_max: files::connections_max(files_max),
        origin: house.origin().await?,
        crash: crash_points()?,
    })?;
    let stop = house.stop.clone();
    house.run(async move {
        if let Err(error) = front.serve(s3, stop.clone().cancelled_owned()).await {
            tracing::error!(%error, "S3 is no longer served");
            stop.cancel();
        }
    });
    let running = Running {
        pid: std::process::id(),
        scheme: transport.scheme().to_owned(),
        s3: Some(s3_address.to_string()),
        control: control_address.to_string(),
    };
    announce(data, &running)?;
    tell(target.style(), data, &running);

    let exit = tokio::select! {
        () = stopped => Exit::Done,
        () = house.stop.cancelled() => Exit::Failed,
    };
    tracing::info!("stopping: no new requests, those under way are finished");
    let closed = house.close().await;
    // What a command left that was killed beside this server.
    StateCopy::clear(data);
    drop(std::fs::remove_file(data.join("server.json")));
    closed?;
    tracing::info!("stopped");
    Ok(exit)
}

/// Opens the house off the asynchronous threads: it reads and writes files.
pub(crate) async fn open(data: &Path, config: &Config, lock: FolderLock) -> Result<House> {
    StateCopy::clear(data);
    let crash = crash_points()?;
    tokio::task::block_in_place(|| House::open(data, config, lock, crash))
}

/// Starts the control API on a listener and returns where it listens.
pub(crate) fn serve_control(
    house: &House,
    config: &Config,
    listener: TcpListener,
    introduction: Introduction,
    transport: Transport,
    s3: Option<String>,
) -> Result<(SocketAddr, Option<(Telemetry, TelemetrySettings)>)> {
    let address = listener.local_addr()?;
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).context("the metrics were set up twice")?;
    let telemetry = config.telemetry()?.map(|settings| {
        let numbers = handle.clone();
        let (list, keys) = (settings.list.clone(), settings.keys.clone());
        let gate = house.gate.clone();
        let telemetry = Telemetry::new(list, keys, move || numbers.render(), gate);
        (telemetry, settings)
    });
    let preview = telemetry.as_ref().map(|(telemetry, _)| {
        let telemetry = telemetry.clone();
        let preview: TelemetryPreview = Arc::new(move || {
            telemetry
                .preview()
                .map_err(|error| format!("{:#}", anyhow::Error::new(error)))
        });
        preview
    });
    let router = onshore_control::router(ControlParts {
        db: house.db.clone(),
        gate: house.gate.clone(),
        registry: house.registry.clone(),
        store: house.store.clone(),
        rate: config.control_rate,
        migrate: MigrateRules {
            roots: config.migrate_roots.clone(),
            allowed_endpoints: config.allowed_endpoints.clone(),
        },
        updates: house.updates.clone(),
        desk: house.desk(),
        telemetry: preview,
        drills: Drills::new(config.drill_peers.clone(), config.drill_parties()?, s3),
        certificates: house.certificates.clone(),
        seal: house.seal.clone(),
        metrics: Arc::new(move || handle.render()),
    });
    let stop = house.stop.clone();
    house.run(async move {
        onshore_control::serve(router, listener, introduction, transport, stop).await;
    });
    Ok((address, telemetry))
}

/// Writes `server.json`, by which commands find the server.
pub(crate) fn announce(data: &Path, running: &Running) -> Result<()> {
    let path = data.join("server.json");
    let staging = data.join("server.json.new");
    std::fs::write(&staging, serde_json::to_vec(running)?)
        .and_then(|()| std::fs::rename(&staging, &path))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Tells whoever started the server where everything is.
fn tell(style: Style, data: &Path, running: &Running) {
    let credentials = credentials::path(data);
    let Running {
        scheme,
        s3,
        control,
        ..
    } = running;
    match style {
        Style::Json => output::line(
            &json!({
                "event": "ready",
                "scheme": scheme,
                "s3": s3,
                "control": control,
                "credentials": credentials,
            })
            .to_string(),
        ),
        Style::Text => {
            if let Some(s3) = s3 {
                output::line(&format!("S3           {scheme}://{s3}"));
            }
            output::line(&format!("control API  {scheme}://{control}"));
            output::line(&format!("credentials  {}", credentials.display()));
            output::line("ready");
        }
    }
}

/// Where tests let the server die.
fn crash_points() -> Result<CrashPoints> {
    let Ok(text) = std::env::var("ONSHORE_CRASH_AT") else {
        return Ok(CrashPoints::none());
    };
    let points = text
        .parse()
        .map_err(|error| usage(format!("ONSHORE_CRASH_AT: {error}")))?;
    tracing::warn!("ONSHORE_CRASH_AT is set: this server will kill itself; it is for tests alone");
    Ok(points)
}

/// Logs go to the error stream; the S3 library's own are off, they would show paths and signatures.
pub(crate) fn start_log() {
    let targets = onshore_s3::NOISY_LOG_TARGETS.iter().fold(
        Targets::new().with_default(LevelFilter::INFO),
        |targets, noisy| targets.with_target(*noisy, LevelFilter::OFF),
    );
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false);
    // Once per process is enough; a second call changes nothing.
    drop(
        tracing_subscriber::registry()
            .with(targets)
            .with(layer)
            .try_init(),
    );
}

pub(crate) fn stop_signal() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
