//! `onshore migrate`: hands a job to the server, or to this process where no server runs, and follows it.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use http::Method;
use indicatif::{ProgressBar, ProgressStyle};
use onshore_api::{
    CountedSource, JobView, MigrateFrom, OrderMigration, SourceCredentials, SwiftScope,
};
use onshore_sources::{
    Credentials, Dialect, Protocol, Resolved, SourceOptions, SourceSpec, SwiftSpec, TreeProtocol,
    resolve_container_credentials, resolve_credentials, resolve_swift, resolve_tree_credentials,
};
use onshore_tls::{Introduction, Transport};
use onshore_types::pace::Pace;
use onshore_types::selection::Selection;
use tokio::net::TcpListener;

use crate::cli::{Addressing, Deletes, MigrateArgs, SourceArgs, TargetArgs, VersionsWish};
use crate::client::Client;
use crate::commands::{deliver, job, preflight};
use crate::config::Config;
use crate::exit::{Exit, usage};
use crate::house::{FolderLock, House};
use crate::output::{self, Style};
use crate::target::Running;
use crate::{first_start, serve, target};

/// How often a job is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// How often progress is told where no terminal shows it.
const LOOKS_PER_LINE: u32 = 8;

pub(crate) async fn run(target: &TargetArgs, args: MigrateArgs) -> Result<Exit> {
    let order = order(&args).await?;
    match here(target, &args).await? {
        None => {
            let client = target::client(target)?;
            follow(&client, &order, target.style(), &args).await
        }
        Some((house, data)) => {
            let listener = TcpListener::bind("127.0.0.1:0")
                .await
                .context("cannot listen on loopback")?;
            let config = Config::load(args.config.as_deref())?;
            // On loopback, for the time of the job: nothing to secure, no certificate would name it, and no proxy is
            // between.
            let (introduction, transport) = (Introduction::ByAddress, Transport::Plain);
            let running = Running {
                pid: std::process::id(),
                scheme: transport.scheme().to_owned(),
                s3: None,
                control: serve::serve_control(
                    &house,
                    &config,
                    listener,
                    introduction,
                    transport,
                    None,
                )?
                .0
                .to_string(),
            };
            first_start::prepare(&house, &data, running.control_url()).await?;
            house.start();
            serve::announce(&data, &running)?;
            let token = target::token(target)?;
            let client = Client::new(&running.control_url(), &token, None, target.lang)?;
            let followed = follow(&client, &order, target.style(), &args).await;
            let closed = house.close().await;
            drop(std::fs::remove_file(data.join("server.json")));
            closed?;
            followed
        }
    }
}

/// Opens the data folder here if one is named, no server is, and none runs on the folder.
async fn here(
    target: &TargetArgs,
    args: &MigrateArgs,
) -> Result<Option<(House, std::path::PathBuf)>> {
    let (Some(data), None) = (&target.data, &target.server) else {
        return Ok(None);
    };
    if !data.is_dir() {
        return Err(usage(format!("there is no data folder {}", data.display())));
    }
    first_start::check_folder(data)?;
    let Some(lock) = FolderLock::take(data)? else {
        return Ok(None);
    };
    if args.detach {
        return Err(usage(
            "--detach leaves the job to a server, and none runs on this data folder",
        ));
    }
    serve::start_log();
    let config = Config::load(args.config.as_deref())?;
    Ok(Some((
        serve::open(data, &config, lock).await?,
        data.clone(),
    )))
}

/// Says where a source is, and returns what opens it of this user's environment.
pub(crate) async fn found(
    from: &SourceArgs,
    versions: VersionsWish,
) -> Result<(SourceSpec, Option<Credentials>)> {
    let scheme = from.source.split_once("://").map(|(scheme, _)| scheme);
    let is_s3 = scheme == Some("s3");
    let dialect = scheme.and_then(Dialect::of_scheme).or(from.dialect);
    let speaks_s3 = is_s3 || dialect.is_some();
    let protocol = scheme.and_then(Protocol::of_scheme);
    let tree = scheme.and_then(TreeProtocol::of_scheme);
    let is_swift = scheme == Some(SwiftSpec::SCHEME);
    if (protocol.is_some() || tree.is_some() || is_swift) && from.profile.is_some() {
        return Err(usage(
            "--profile names credentials of AWS: this source has variables of its own",
        ));
    }
    let (of_container, account) = match protocol {
        Some(protocol) if !from.anonymous => {
            resolve_container_credentials(protocol, from.account_id.as_deref())
                .map_err(|error| usage(error.to_string()))?
        }
        Some(_) | None => (None, from.account_id.clone()),
    };
    let of_tree = match tree {
        Some(protocol) if !from.anonymous => {
            resolve_tree_credentials(protocol).map_err(|error| usage(error.to_string()))?
        }
        Some(_) | None => None,
    };
    let (swift, of_swift) = if is_swift && !from.anonymous {
        resolve_swift()
            .map_err(|error| usage(error.to_string()))?
            .unzip()
    } else {
        (None, None)
    };
    let resolved = if speaks_s3 && !from.anonymous {
        resolve_credentials(from.profile.as_deref(), dialect)
            .await
            .map_err(|error| usage(error.to_string()))?
    } else {
        Resolved {
            credentials: None,
            region: None,
            endpoint: None,
        }
    };
    let options = SourceOptions {
        endpoint: from
            .endpoint
            .clone()
            .or_else(|| resolved.endpoint.clone().filter(|_| is_s3)),
        region: from.region.clone().or(resolved.region),
        dialect: from.dialect,
        account,
        swift,
        versions: match versions {
            VersionsWish::Auto => onshore_sources::VersionsWish::Auto,
            VersionsWish::All => onshore_sources::VersionsWish::All,
            VersionsWish::Current => onshore_sources::VersionsWish::Current,
        },
        ..SourceOptions::default()
    };
    let working_folder = std::env::current_dir().context("the working folder is gone")?;
    let spec = SourceSpec::parse(&from.source, options, &working_folder)
        .map_err(|error| usage(error.to_string()))?;
    let credentials = resolved
        .credentials
        .or(of_container)
        .or(of_tree)
        .or(of_swift);
    Ok((spec, credentials))
}

/// Turns the arguments into what the control API takes, with the credentials that this user's environment has.
pub(crate) async fn order(args: &MigrateArgs) -> Result<OrderMigration> {
    let (spec, credentials) = found(&args.from, args.versions).await?;
    let source = match spec {
        SourceSpec::S3(s3) => MigrateFrom::S3 {
            bucket: s3.bucket,
            prefix: s3.prefix,
            endpoint: s3.endpoint,
            region: s3.region,
            addressing: match args.from.addressing {
                Addressing::Auto => None,
                Addressing::Path => Some("path".to_owned()),
                Addressing::Virtual => Some("virtual".to_owned()),
            },
            versions: match args.versions {
                VersionsWish::Auto => None,
                VersionsWish::All => Some("all".to_owned()),
                VersionsWish::Current => Some("current".to_owned()),
            },
            dialect: s3.dialect.map(|dialect| dialect.to_string()),
        },
        SourceSpec::Container(container) => MigrateFrom::Container {
            protocol: container.protocol.scheme().to_owned(),
            container: container.container,
            prefix: container.prefix,
            endpoint: container.endpoint,
        },
        SourceSpec::Swift(swift) => MigrateFrom::Swift {
            container: swift.container,
            prefix: swift.prefix,
            endpoint: swift.account.endpoint,
            auth: swift.account.auth.name().to_owned(),
            user: Some(swift.account.user).filter(|user| !user.is_empty()),
            scope: SwiftScope {
                project_id: swift.account.scope.project_id,
                project_name: swift.account.scope.project_name,
                project_domain_id: swift.account.scope.project_domain_id,
                project_domain_name: swift.account.scope.project_domain_name,
                user_domain_id: swift.account.scope.user_domain_id,
                user_domain_name: swift.account.scope.user_domain_name,
                region: swift.account.scope.region,
            },
        },
        SourceSpec::Tree(tree) => MigrateFrom::Tree {
            protocol: tree.protocol.name().to_owned(),
            endpoint: tree.endpoint,
            path: tree.path,
        },
        SourceSpec::Folder(folder) => MigrateFrom::Folder {
            path: folder.path.to_string_lossy().into_owned(),
        },
    };
    let credentials = credentials.as_ref().map(sealable);
    Ok(OrderMigration {
        source,
        bucket: args.bucket.clone(),
        tenant: args.tenant.clone(),
        class: args.class.map(|class| class.to_string()),
        dry_run: args.dry_run,
        workers_only: args.workers_only,
        pace: Pace {
            at_most: args.max_rate,
            windows: args.rate_at.clone(),
            zone: args.rate_zone,
        },
        deletes: match args.deletes {
            Deletes::Follow => None,
            Deletes::Keep => Some("keep".to_owned()),
        },
        watch_s: args.watch,
        select: Selection {
            classes: args.select_class.iter().copied().collect(),
            persons: args.select_persons.iter().copied().collect(),
        },
        counted: args
            .counted
            .zip(args.counted_by.clone())
            .map(|((objects, bytes), by)| CountedSource { by, objects, bytes }),
        credentials,
    })
}

/// Returns credentials as the control API takes them.
pub(crate) fn sealable(found: &Credentials) -> SourceCredentials {
    SourceCredentials {
        access_key: found.access_key().to_owned(),
        secret_key: found.secret_key().to_owned(),
        session_token: found.session_token().map(str::to_owned),
    }
}

/// Orders the job and follows it to its end.
async fn follow(
    client: &Client,
    order: &OrderMigration,
    style: Style,
    args: &MigrateArgs,
) -> Result<Exit> {
    let ordered: JobView = client.send(Method::POST, "/v1/jobs", order).await?;
    if args.detach {
        job::show(style, &ordered)?;
        return Ok(Exit::Done);
    }
    if ordered.attached && style == Style::Text {
        output::line(&format!(
            "A job for this source and bucket is under way; following {}.",
            ordered.id
        ));
    }
    let ended = watch(client, &ordered).await?;
    if let (Some(path), Some(_)) = (&args.certificate, ended.certificate_leaf) {
        fetch_certificate(client, &ended, path).await?;
    }
    if args.dry_run && ended.detail.is_none() {
        let report: serde_json::Value =
            client.get(&format!("/v1/jobs/{}/report", ended.id)).await?;
        preflight::show(style, &report)?;
    } else {
        job::show(style, &ended)?;
    }
    Ok(if matches!(ended.state.as_str(), "complete" | "selected") {
        Exit::Done
    } else {
        Exit::Failed
    })
}

async fn fetch_certificate(client: &Client, job: &JobView, path: &Path) -> Result<()> {
    deliver(
        &client
            .get_bytes(&format!("/v1/jobs/{}/certificate", job.id))
            .await?,
        Some(path),
    )
}

/// Shows progress until the job has ended: a bar on a terminal, JSON lines on the error stream otherwise.
async fn watch(client: &Client, ordered: &JobView) -> Result<JobView> {
    let path = format!("/v1/jobs/{}", ordered.id);
    let bar = std::io::stderr()
        .is_terminal()
        .then(progress_bar)
        .transpose()?;
    let mut interval = tokio::time::interval(LOOK_INTERVAL);
    let mut looks = 0_u32;
    loop {
        interval.tick().await;
        let job: JobView = client
            .get(&path)
            .await
            .context("the job goes on; follow it with `onshore job show`")?;
        let progress = job.progress;
        match &bar {
            Some(bar) => {
                bar.set_length(progress.listed_bytes);
                bar.set_position(progress.copied_bytes + progress.unchanged_bytes);
                let done = progress.copied + progress.unchanged;
                bar.set_message(format!(
                    "{}: {done} of {} objects, {} exceptions",
                    job.phase, progress.listed, progress.exceptions
                ));
            }
            None if looks.is_multiple_of(LOOKS_PER_LINE) || job.is_ended() => {
                eprintln_json(&job)?;
            }
            None => {}
        }
        looks = looks.wrapping_add(1);
        if job.is_ended() {
            if let Some(bar) = &bar {
                bar.finish_and_clear();
            }
            return Ok(job);
        }
    }
}

fn progress_bar() -> Result<ProgressBar> {
    let style = ProgressStyle::with_template(
        "{spinner} {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left  {wide_msg}",
    )?;
    Ok(ProgressBar::new(0).with_style(style))
}

fn eprintln_json(job: &JobView) -> Result<()> {
    use std::io::Write;
    let line = serde_json::to_string(&serde_json::json!({
        "event": "progress",
        "job": job.id,
        "state": job.state,
        "phase": job.phase,
        "progress": job.progress,
    }))?;
    // Whoever no longer listens does not stop the job.
    drop(writeln!(std::io::stderr().lock(), "{line}"));
    Ok(())
}
